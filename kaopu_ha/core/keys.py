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

"""The values of a key-value store with revisions: what is read, compared and written."""

from __future__ import annotations

import bisect
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

T = TypeVar('T')

# One transaction takes so many compares and so many writes, and one read so many ranges.
OPERATIONS_MAX = 128
# Of many that are written one portion after the other, each with something beside them.
TOGETHER_MAX = OPERATIONS_MAX // 2 - 4


@dataclass(frozen=True)
class Entry:
    """A key as the store holds it.  ``created`` and ``modified`` are revisions."""

    key: str
    value: str
    created: int
    modified: int
    lease: int = 0


@dataclass(frozen=True)
class Snapshot:
    """Keys read at one revision.  It changes no more, so what was made of it once stays true."""

    revision: int
    entries: Mapping[str, Entry]
    _made: dict[object, Any] = field(default_factory=dict, init=False, repr=False, compare=False)

    def get(self, key: str) -> Entry | None:
        """The entry of this key, or None."""
        return self.entries.get(key)

    def under(self, prefix: str) -> Mapping[str, Entry]:
        """The entries under a prefix, by the rest of their keys, sorted."""
        found: dict[str, Entry] | None = self._made.get(prefix)
        if found is None:
            found = self._made[prefix] = self._under(prefix)
        return found

    def once(self, what: object, make: Callable[[], T]) -> T:
        """What ``make`` makes of this snapshot, under the name ``what``; made when first asked."""
        found: T | None = self._made.get(what)
        if found is None:
            found = self._made[what] = make()
        return found

    def _under(self, prefix: str) -> dict[str, Entry]:
        keys = self.once(('keys',), lambda: sorted(self.entries))
        begin = bisect.bisect_left(keys, prefix)
        end = bisect.bisect_left(keys, prefix[:-1] + chr(ord(prefix[-1]) + 1), begin)
        return {key[len(prefix):]: self.entries[key] for key in keys[begin:end]}


@dataclass(frozen=True)
class Compare:
    """A condition of a transaction: the key's revisions are these.  0 means: there is no key."""

    key: str
    modified: int | None = None
    created: int | None = None


@dataclass(frozen=True)
class Put:
    """Write a key, under a lease if one is given (0: none; a former lease is dropped)."""

    key: str
    value: str
    lease: int = 0


@dataclass(frozen=True)
class Delete:
    """Delete a key; harmless if there is none."""

    key: str


@dataclass(frozen=True)
class Change:
    """What a watch tells: a key was put (``entry``), or deleted (``entry`` is None).

    ``relist``: events may have been lost (the revision was compacted): read everything again.
    """

    key: str = ''
    entry: Entry | None = None
    revision: int = 0
    relist: bool = False


def portions(items: Sequence[T], most: int = TOGETHER_MAX) -> Iterator[Sequence[T]]:
    """The items, so many at a time: what a transaction takes, if they are many."""
    for start in range(0, len(items), most):
        yield items[start:start + most]
