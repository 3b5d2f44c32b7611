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

"""Times, spans and counts in words, as people are shown them.

All times are UTC, as Nova and etcd show them.
"""

from __future__ import annotations

import datetime


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
