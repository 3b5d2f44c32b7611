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
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
import itertools
from typing import Any, TypeVar

T = TypeVar('T')

# Of so many earlier branches it is known what changed since.
_BEFORE_MAX = 32

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


class Branch(dict[str, Entry]):
    """The keys under a prefix at one time, by the rests of their names, sorted.

    Shown to many, so it is never changed: ``after`` gives the next one.  What was made of each
    entry by itself goes over to that one, and is made anew only of what changed.
    """

    def __init__(self, entries: Mapping[str, Entry] | Iterable[tuple[str, Entry]] = ()) -> None:
        super().__init__(entries)
        self._whole: dict[object, Any] = {}
        self._made: dict[object, dict[str, Any]] = {}
        # What was made of an earlier branch, and whatever changed since.
        self._earlier: dict[object, tuple[dict[str, Any], frozenset[str]]] = {}
        # Those before this one, the newest first, by what is theirs alone: and what changed since.
        self._before: tuple[tuple[object, frozenset[str]], ...] = ()
        self._this = object()

    def each(self, what: object, make: Callable[[Entry], T]) -> Mapping[str, T]:
        """What ``make`` makes of each entry, by its name; kept under the name ``what``."""
        made = self._made.get(what)
        if made is None:
            made = self._made[what] = self._made_of_changes(what, make)
            self._earlier.pop(what, None)
        return made

    def once(self, what: object, make: Callable[[], T]) -> T:
        """What ``make`` makes of the whole branch, under the name ``what``; made when first asked.
        """
        found: T | None = self._whole.get(what)
        if found is None:
            found = self._whole[what] = make()
        return found

    def after(self, changes: Mapping[str, Entry | None]) -> Branch:
        """The branch once these names are put, or deleted (None)."""
        found = Branch(self)
        for name, entry in changes.items():
            if entry is not None:
                found[name] = entry
            else:
                found.pop(name, None)
        if not changes.keys() <= self.keys():
            found = Branch(sorted(found.items()))
        found._earlier = {what: (made, names | changes.keys())
                          for what, (made, names) in tuple(self._earlier.items())}
        found._earlier |= {what: (made, frozenset(changes))
                           for what, made in tuple(self._made.items())}
        found._before = tuple(itertools.islice(found._all_before(self, frozenset(changes)),
                                               _BEFORE_MAX))
        return found

    def changed_since(self, other: Branch) -> Collection[str]:
        """The names of which the entry is not the same in both, or that are in one of them only.

        At least these: one that has changed, and is again as it was, may be among them.
        """
        if other is self:
            return ()
        for before, names in self._before:
            if before is other._this:
                return names
        return {name for name in self.keys() | other.keys() if self.get(name) != other.get(name)}

    def part(self, start: str) -> Branch:
        """Those whose names begin so, by the rests of their names."""
        names = self.once(('names',), lambda: list(self))
        found = itertools.takewhile(lambda name: name.startswith(start), itertools.islice(
            names, bisect.bisect_left(names, start), None))
        return Branch((name[len(start):], self[name]) for name in found)

    def _all_before(self, last: Branch, changed: frozenset[str]
                    ) -> Iterator[tuple[object, frozenset[str]]]:
        """All of which it costs less to say what changed since than to compare."""
        yield last._this, changed
        for before, names in last._before:
            changed |= names
            if 8 * len(changed) > len(self):
                return
            yield before, changed

    def _made_of_changes(self, what: object, make: Callable[[Entry], T]) -> dict[str, T]:
        made, changed = self._earlier.get(what, ({}, frozenset(self)))
        if made.keys() == self.keys():
            return {**made, **{name: make(self[name]) for name in changed & self.keys()}}
        return {name: make(entry) if name in changed else made[name]
                for name, entry in self.items()}


class Branches(Mapping[str, Entry]):
    """The entries of several branches, by their whole keys.  No prefix is under another."""

    def __init__(self, branches: Mapping[str, Branch]) -> None:
        self.branches = branches

    def under(self, prefix: str) -> Branch:
        """The branch of a prefix, or the part of one."""
        over = self._over(prefix)
        if over is None:
            return Branch(sorted((key[len(prefix):], entry) for key, entry in self.items()
                                 if key.startswith(prefix)))
        return self.branches[over].part(prefix[len(over):]) if over != prefix else (
            self.branches[over])

    def __getitem__(self, key: str) -> Entry:
        end = len(key)
        while end > 0:
            branch = self.branches.get(key[:end])
            if branch is not None:
                return branch[key[end:]]
            end = key.rfind('/', 0, end - 1) + 1
        raise KeyError(key)

    def get(self, key: str, default: Any = None) -> Any:
        """The entry of a key; most are under the first prefix that is looked for."""
        end = key.rfind('/') + 1
        branch = self.branches.get(key[:end])
        if branch is not None and end < len(key):
            return branch.get(key[end:], default)
        try:
            return self[key]
        except KeyError:
            return default

    def __iter__(self) -> Iterator[str]:
        return (prefix + name for prefix in sorted(self.branches)
                for name in self.branches[prefix])

    def __len__(self) -> int:
        return sum(map(len, self.branches.values()))

    def _over(self, key: str) -> str | None:
        """The prefix of the branch that this is in."""
        end = len(key)
        while end > 0 and key[:end] not in self.branches:
            end = key.rfind('/', 0, end - 1) + 1
        return key[:end] if end > 0 else None


@dataclass(frozen=True)
class Snapshot:
    """Keys read at one revision.  It changes no more, so what was made of it once stays true."""

    revision: int
    entries: Mapping[str, Entry]
    _made: dict[object, Any] = field(default_factory=dict, init=False, repr=False, compare=False)

    def get(self, key: str) -> Entry | None:
        """The entry of this key, or None."""
        return self.entries.get(key)

    def under(self, prefix: str) -> Branch:
        """The entries under a prefix, by the rest of their keys, sorted."""
        return self.once(prefix, lambda: self._under(prefix))

    def only(self, ranges: Iterable[str]) -> Snapshot:
        """The same of these keys and prefixes only, as if only they had been read."""
        return Snapshot(self.revision, Branches({each: self._range(each) for each in ranges}))

    def along_with(self, entries: Iterable[Entry]) -> Snapshot:
        """The same, with keys that were read by themselves and are in none of its prefixes."""
        more = {entry.key: entry for entry in entries}
        return Snapshot(self.revision, Branches({**self.entries.branches, **{
            key: Branch({'': entry}) for key, entry in more.items()}}) if isinstance(
                self.entries, Branches) else {**self.entries, **more})

    def once(self, what: object, make: Callable[[], T]) -> T:
        """What ``make`` makes of this snapshot, under the name ``what``; made when first asked."""
        found: T | None = self._made.get(what)
        if found is None:
            found = self._made[what] = make()
        return found

    def _range(self, name: str) -> Branch:
        entry = None if name.endswith('/') else self.get(name)
        return self.under(name) if name.endswith('/') else Branch({'': entry} if entry else ())

    def _under(self, prefix: str) -> Branch:
        if isinstance(self.entries, Branches):
            return self.entries.under(prefix)
        keys = self.once(('keys',), lambda: sorted(self.entries))
        begin = bisect.bisect_left(keys, prefix)
        end = bisect.bisect_left(keys, prefix[:-1] + chr(ord(prefix[-1]) + 1), begin)
        return Branch((key[len(prefix):], self.entries[key]) for key in keys[begin:end])


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
