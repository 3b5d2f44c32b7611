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

"""A copy of some keys of a store that is kept up by what a watch tells.

The copy knows the revision that it is at: it holds what a read at that revision would have given,
no more and no less.  Who keeps it up tells it all changes of a revision at once, and of every
revision in order, or begins it anew with all that was read at one.

    begin(R, entries) -> take(R+1, changes) -> take(R+7, ()) -> take(R+8, changes) -> ...
"""

from __future__ import annotations

import abc
from collections.abc import Callable, Iterable, Sequence

from kaopu_ha.core.keys import Branch, Branches, Change, Entry, Snapshot


class Mirror(abc.ABC):
    """A copy of keys that a watch keeps up: to look at it costs what has changed since."""

    @abc.abstractmethod
    def at(self, limit: float) -> Snapshot:
        """The keys, all at one revision, none older than this call.

        Raises StoreError if that can't be had within ``limit`` seconds.
        """

    @abc.abstractmethod
    def close(self) -> None:
        """Keep it up no more."""


class Reread(Mirror):
    """What passes for a mirror where nothing is kept up: it reads all of the keys each time."""

    def __init__(self, read: Callable[[], Snapshot]) -> None:
        self._read = read

    def at(self, limit: float) -> Snapshot:
        """Read them."""
        return self._read()

    def close(self) -> None:
        """Nothing is kept."""


class Copy:
    """The keys, and those under prefixes, that ``ranges`` name.  For one thread at a time."""

    def __init__(self, ranges: Sequence[str]) -> None:
        """Take the ranges, of which none is under another; ``begin`` says what is there."""
        self.ranges = tuple(sorted(ranges))
        self.revision = 0
        self._branches = {each: Branch() for each in self.ranges}
        self._changed: dict[str, dict[str, Entry | None]] = {}
        self._shown: Snapshot | None = None

    @property
    def common(self) -> str:
        """The one key, or the longest prefix, that all of the ranges are under."""
        first, last = self.ranges[0], self.ranges[-1]
        if first == last:
            return first
        same = next(end for end in range(len(first) + 1) if not last.startswith(first[:end + 1])
                    or end == len(first))
        return first[:first.rfind('/', 0, same) + 1]

    def begin(self, revision: int, entries: Iterable[Entry]) -> None:
        """Take what was read of all ranges at one revision.  What is the same stays the same."""
        self.snapshot()
        read: dict[str, dict[str, Entry | None]] = {each: {} for each in self.ranges}
        for entry in entries:
            place = self._place(entry.key)
            if place is not None:
                read[place][entry.key[len(place):]] = entry
        for place, found in read.items():
            before = self._branches[place]
            changed: dict[str, Entry | None] = dict.fromkeys(before.keys() - found.keys())
            changed |= {name: entry for name, entry in found.items() if before.get(name) != entry}
            if changed:
                self._changed[place] = changed
        self._reach(revision)

    def take(self, revision: int, changes: Iterable[Change]) -> None:
        """Take all changes of the revisions up to this one, in their order.

        Those that the copy has been told of before are passed over.
        """
        for change in changes:
            place = self._place(change.key)
            if place is not None and change.revision > self.revision:
                self._changed.setdefault(place, {})[change.key[len(place):]] = change.entry
        if revision > self.revision:
            self._reach(revision)

    def snapshot(self) -> Snapshot:
        """What it holds.  Costs what has changed since the last one."""
        if self._shown is None:
            for place, changes in self._changed.items():
                self._branches[place] = self._branches[place].after(changes)
            self._changed.clear()
            self._shown = Snapshot(self.revision, Branches(dict(self._branches)))
        return self._shown

    def _reach(self, revision: int) -> None:
        self.revision, self._shown = revision, None

    def _place(self, key: str) -> str | None:
        """The range that a key is in, None if it is in none."""
        end = len(key)
        while end > 0 and key[:end] not in self._branches:
            end = key.rfind('/', 0, end - 1) + 1
        return key[:end] if end > 0 else None
