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
import re
from typing import TextIO

from kaopu_ha.telling.wording import between as between
from kaopu_ha.telling.wording import clock as clock
from kaopu_ha.telling.wording import date_and_clock as date_and_clock
from kaopu_ha.telling.wording import is_later as is_later
from kaopu_ha.telling.wording import moment as moment
from kaopu_ha.telling.wording import now as now
from kaopu_ha.telling.wording import number as number
from kaopu_ha.telling.wording import seconds as seconds
from kaopu_ha.telling.wording import short as short

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


def _width(cell: str) -> int:
    return len(_ESCAPES.sub('', cell))
