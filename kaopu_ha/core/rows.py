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

"""A table of rows that decides, and what would have decided otherwise.

The rows are tried in their order; the first of which every condition is so decides.  A condition is
a sentence, so a table can be read back: of the row that decided every condition was so, and of each
row before it one was not.  Where such a row asks for one thing more only, that was what lacked.
This is known by the name of the row alone, for as long as a record is kept.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

# What the conditions are asked of, and what is done.
T = TypeVar('T')
A = TypeVar('A')

# Who lacked more was far from it; and so many of the others are told.
_LACKING_MAX = 3
_INSTEAD_MAX = 3


@dataclass(frozen=True)
class Condition(Generic[T]):
    """A sentence, that of its contrary, and whether it is so.

    ``sort``: of several conditions of one sort one at most is so.
    """

    text: str
    contrary: str
    holds: Callable[[T], bool]
    sort: str = ''

    def __invert__(self) -> Condition[T]:
        """The contrary, which forbids no other condition of its sort."""
        holds = self.holds
        return Condition(self.contrary, self.text, lambda it: not holds(it))

    def forbids(self, other: Condition[T]) -> bool:
        """True if both can't be so at once."""
        alike = bool(self.sort) and self.sort == other.sort and self.text != other.text
        return alike or self.text == other.contrary


@dataclass(frozen=True)
class Row(Generic[T, A]):
    """If all of this is so, that is done, for this reason (with names in braces).

    ``needs_operator``: nothing that the program may do mends it.
    """

    name: str
    when: tuple[Condition[T], ...]
    act: A
    reason: str = ''
    state: str = ''
    needs_operator: bool = False

    def decides(self, it: T) -> bool:
        """True if every condition is so."""
        return all(condition.holds(it) for condition in self.when)


@dataclass(frozen=True)
class Instead(Generic[T, A]):
    """A row that would have decided otherwise, had what it lacked been so, too."""

    row: Row[T, A]
    lacked: tuple[Condition[T], ...]


def decided(table: Sequence[Row[T, A]], it: T) -> Row[T, A]:
    """The first row that is so; the last one of a table always is."""
    return next(row for row in table if row.decides(it))


def named(table: Sequence[Row[T, A]], name: str) -> Row[T, A] | None:
    """The row of that name, None if it is in another table, or of another release."""
    return next((row for row in table if row.name == name), None)


def instead(table: Sequence[Row[T, A]], decisive: Row[T, A],
            known: Sequence[Condition[T]] = ()) -> tuple[Instead[T, A], ...]:
    """For other acts a row before the decisive one: who lacked one thing only first, of the rest
    the first ones.

    Not what could not have been so with the rest.  ``known``: what else was surely so.
    """
    so = (*decisive.when, *known)
    texts = {condition.text for condition in so}
    possible = []
    for row in table[:table.index(decisive)]:
        lacked = tuple(one for one in row.when if one.text not in texts)
        if row.act != decisive.act and 0 < len(lacked) <= _LACKING_MAX and not any(
                one.forbids(other) for one in lacked for other in so):
            possible.append(Instead(row, lacked))
    found: dict[A, Instead[T, A]] = {}
    for one in sorted(possible, key=lambda one: len(one.lacked) > 1):
        found.setdefault(one.row.act, one)
    return tuple(found.values())[:_INSTEAD_MAX]
