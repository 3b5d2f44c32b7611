#    Licensed under the Apache License, Version 2.0 (the "License"); you may
#    not use this file except in compliance with the License. You may obtain
#    a copy of the License at
#
#         http://www.apache.org/licenses/LICENSE-2.0
#
#    Unless required by applicable law or agreed to in writing, software
#    distributed under the License is distributed on an "AS IS" BASIS, WITHOUT
#    WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the
#    License for the specific language governing permissions and limitations
#    under the License.

"""How answers look: tables, times and colours for a terminal in the middle of the night.

All times are UTC, as Nova and etcd show them.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
import datetime
import re
from typing import TextIO

_COLOURS = {'good': '\033[32m', 'warning': '\033[33m', 'error': '\033[31m', 'dim': '\033[2m',
            'bold': '\033[1m'}
_PLAIN = '\033[0m'
_ESCAPES = re.compile(r'\033\[\d+m')


class Ink:
    """Colours words where a person sees them: on a terminal only."""

    def __init__(self, stream: TextIO) -> None:
        self._on = stream.isatty()

    def __call__(self, level: str, text: str) -> str:
        """The text in the colour of a level; levels without a colour leave it as it is."""
        colour = _COLOURS.get(level, '')
        return f'{colour}{text}{_PLAIN}' if self._on and colour and text else text


def table(headings: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    """Lines of aligned columns, two spaces apart; the last column is as long as it likes."""
    lines = [tuple(headings), *(tuple(row) for row in rows)]
    widths = [max(_width(line[column]) for line in lines) for column in range(len(headings))]
    return ['  '.join(cell + ' ' * (width - _width(cell))
                      for cell, width in zip(line, widths, strict=True)).rstrip()
            for line in lines]


def facts(pairs: Iterable[tuple[str, str]], indent: str = '') -> list[str]:
    """Lines of a name and what it is, aligned; those without a value are left out."""
    told = [(name, value) for name, value in pairs if value]
    width = max((len(name) for name, _ in told), default=0)
    return [f'{indent}{name:<{width}}  {value}' for name, value in told]


def moment(at: str) -> datetime.datetime | None:
    """The time that a record carries, or None if it carries none that can be read."""
    try:
        read = datetime.datetime.fromisoformat(at)
    except ValueError:
        return None
    return read if read.tzinfo else read.replace(tzinfo=datetime.UTC)


def clock(at: str) -> str:
    """Hours, minutes and seconds of a time in a record."""
    read = moment(at)
    return read.astimezone(datetime.UTC).strftime('%H:%M:%S') if read else at or '-'


def date_and_clock(at: str) -> str:
    """Date and time of a time in a record."""
    read = moment(at)
    return read.astimezone(datetime.UTC).strftime('%Y-%m-%d %H:%M:%S') if read else at or '-'


def now() -> str:
    """The time for people, as records carry it."""
    return datetime.datetime.now(datetime.UTC).isoformat(timespec='milliseconds')


def between(start: str, end: str) -> float | None:
    """Seconds from one time to another, not less than 0; None if one can't be read."""
    first, last = moment(start), moment(end)
    return max((last - first).total_seconds(), 0.0) if first and last else None


def is_later(at: str, other: str) -> bool:
    """True if both times can be read, and the first one is later."""
    first, second = moment(at), moment(other)
    return first is not None and second is not None and first > second


def seconds(count: float | None) -> str:
    """A span in words: ``7 s``, ``3 min 12 s``, ``5 h 2 min``, ``4 d 1 h``."""
    if count is None:
        return '-'
    whole = int(count)
    for name, size, less, part in (('d', 86400, 'h', 3600), ('h', 3600, 'min', 60),
                                   ('min', 60, 's', 1)):
        if whole >= size:
            rest = whole % size // part
            return f'{whole // size} {name}' + (f' {rest} {less}' if rest else '')
    return f'{whole} s'


def number(count: int, noun: str) -> str:
    """``1 host``, ``2 hosts``."""
    return f'{count} {noun}' if count == 1 else f'{count} {noun}s'


def short(name: str) -> str:
    """The first eight characters of a UUID."""
    return name[:8]


def _width(cell: str) -> int:
    return len(_ESCAPES.sub('', cell))
