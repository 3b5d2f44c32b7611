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

"""Whose instances are moved and started again, and in which order: the operator's policy.

It is asked of each instance once, when it is listed: its owner, or whoever marked it or its flavor,
may have said no, or that it is more important than others::

    an owner's that replaces what it loses     left to that owner
    its first mark that counts says no         left: it opted out
    ...says yes, or can't be understood        moved
    no mark that counts                        moved, unless only what is marked is to be

Doubt protects: a mark that can't be understood, or two that contradict each other, never leave an
instance behind.  It is told that they are wrong.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
import enum
import functools
import heapq
import re
from typing import Protocol, TypeVar

from kaopu_ha.core import texts
from kaopu_ha.core.cloud import Mark, Server, Source

# The row, in the history of an instance, of what was left because the policy says so.
ROW = 'the policy'


class Priority(enum.Enum):
    """How important an instance is; those of one class go in the order in which they came."""

    HIGH = 'high'
    NORMAL = 'normal'
    LOW = 'low'

    @functools.cached_property
    def rank(self) -> int:
        """Its place: 0 comes first."""
        return tuple(Priority).index(self)


@dataclass(frozen=True)
class Named:
    """The marks of one source that have this key, in capitals or not."""

    source: Source
    key: str


@dataclass(frozen=True)
class Managed:
    """Instances of an owner that replaces what it loses: where all that is given here is so.

    ``name`` and ``tag`` are patterns with ``*`` and ``?``; ``project`` is an id.  ``metadata`` is a
    key, or ``KEY=PATTERN``.
    """

    owner: str
    name: str = ''
    project: str = ''
    metadata: str = ''
    tag: str = ''


@dataclass(frozen=True)
class Policy:
    """What the operator says.  Of several marks that count the first of these decides.

    ``protects_unmarked``: what nobody marked is moved.
    """

    protects_unmarked: bool = True
    protected_by: tuple[Named, ...] = (
        Named(Source.METADATA, 'HA_Enabled'), Named(Source.TAG, 'HA_Enabled'),
        Named(Source.FLAVOR, 'HA_Enabled'))
    priority_by: tuple[Named, ...] = (
        Named(Source.METADATA, 'ha_priority'), Named(Source.TAG, 'ha_priority'),
        Named(Source.FLAVOR, 'ha:priority'), Named(Source.METADATA, 'HA_Enabled'))
    managed: tuple[Managed, ...] = ()


@dataclass(frozen=True)
class Ruling:
    """What the policy says of one instance.

    ``left``: why it is not moved, nor started again; '' if it is.  ``because``: the mark that gave
    the priority, '' if none did.  ``wrong``: the marks that count and can't be understood.
    """

    left: str = ''
    priority: Priority = Priority.NORMAL
    because: str = ''
    wrong: tuple[str, ...] = ()


def answer(server: Server, policy: Policy) -> Ruling:
    """What the policy says of a server, from what Nova lists of it."""
    protected, why, wrong = _read(server.marks, policy.protected_by, _YES_OR_NO)
    priority, because, wrong_too = _read(server.marks, policy.priority_by, _PRIORITIES)
    return Ruling(_left(server, policy, protected, why, wrong), priority or Priority.NORMAL,
                  because, tuple(dict.fromkeys((*wrong, *wrong_too))))


class _Ranked(Protocol):
    @property
    def priority(self) -> Priority: ...


_R = TypeVar('_R', bound=_Ranked)


def in_order(items: Iterable[_R]) -> list[_R]:
    """The more important ones first; those of one class as they came."""
    return sorted(items, key=lambda item: item.priority.rank)


def in_turns(items: Sequence[_R], owner: Callable[[_R], str],
             has: Mapping[str, int]) -> Iterator[int]:
    """The places of the items in the order of their turns.

    The more important ones first; of one class the owners take turns, whoever has least first.
    ``has``: how many each owner has already; those of one owner stay in their order.  What is not
    asked for costs next to nothing: it may be that few of many have their turn now.
    """
    of_each: dict[str, list[int]] = {}
    for place, name in enumerate(map(owner, items)):
        of_each.setdefault(name, []).append(place)
    ranks = [item.priority.rank for item in items]
    following = []
    for name, its in of_each.items():
        its.sort(key=ranks.__getitem__)
        # Of each owner the one that is next: its class, its number, its place, and which it is.
        following.append((ranks[its[0]], has.get(name, 0), its[0], name, 0))
    heapq.heapify(following)
    while following:
        _, number, place, name, at = following[0]
        yield place
        its = of_each[name]
        if at + 1 == len(its):
            heapq.heappop(following)
        else:
            place = its[at + 1]
            heapq.heapreplace(following, (ranks[place], number + 1, place, name, at + 1))


def rank(server: Server | None, policy: Policy) -> int:
    """The place of its class: 0 comes first.  What Nova does not list is like any other."""
    return (answer(server, policy).priority if server else Priority.NORMAL).rank


# ---------------------------------------------------------------- private


_YES = dict.fromkeys(('true', 'yes', 'on', '1'), True)
_NO = dict.fromkeys(('false', 'no', 'off', '0'), False)
# A tag needs no value: it is there.
_YES_OR_NO: Mapping[str, bool] = {**_YES, **_NO, '': True}
# Where Masakari was before, HA_Enabled=True came first and all the others behind it.
_PRIORITIES: Mapping[str, Priority] = {
    **{each.value: each for each in Priority}, 'medium': Priority.NORMAL,
    **dict.fromkeys(_YES, Priority.HIGH), **dict.fromkeys(_NO, Priority.NORMAL)}

_V = TypeVar('_V')
# Of what one project wrote, in the record of one instance.
_TOLD_BYTES_MAX = 256


def _read(marks: Sequence[Mark], named: Iterable[Named],
          values: Mapping[str, _V]) -> tuple[_V | None, str, tuple[str, ...]]:
    """What the first of the marks that count says, in words, too; or what is wrong with it."""
    for each in named:
        found = [mark for mark in marks if mark.source is each.source
                 and mark.key.lower() == each.key.lower()]
        if not found:
            continue
        told = texts.bounded(', '.join(sorted(map(_text, found))), _TOLD_BYTES_MAX)
        # Only a tag may do without a value.
        said = {values.get(mark.value.strip().lower()) if mark.value.strip()
                or mark.source is Source.TAG else None for mark in found}
        value = said.pop()
        if value is None or said:
            return None, '', (told,)
        return value, told, ()
    return None, '', ()


def _text(mark: Mark) -> str:
    value = f'={texts.bounded(mark.value)}' if mark.value or mark.source is not Source.TAG else ''
    return f'{mark.source.value} {texts.bounded(mark.key)}{value}'


def _left(server: Server, policy: Policy, protected: bool | None, why: str,
          wrong: Sequence[str]) -> str:
    owner = next((each.owner for each in policy.managed if _is_managed(server, each)), '')
    if owner:
        return f'left to {owner}, which replaces what it loses'
    if protected is False:
        return f'it opted out: {why}'
    if protected is None and not wrong and not policy.protects_unmarked:
        return 'nobody marked it as protected ([evacuation] protect is marked)'
    return ''


def _is_managed(server: Server, rule: Managed) -> bool:
    """True if all that the rule names is so; a rule that names nothing is of nobody."""
    asked = (
        not rule.name or _matches(server.name, rule.name),
        not rule.project or server.project == rule.project,
        not rule.metadata or _has(server, Source.METADATA, rule.metadata),
        not rule.tag or _has(server, Source.TAG, rule.tag))
    return rule != Managed(rule.owner) and all(asked)


def _has(server: Server, source: Source, wanted: str) -> bool:
    """True if it has such a mark: of this key, with a value of this pattern if one is given."""
    key, _, pattern = wanted.partition('=')
    return any(mark.source is source and _matches(mark.key, key)
               and _matches(mark.value, pattern or '*') for mark in server.marks)


def _matches(text: str, pattern: str) -> bool:
    """True if the text is the pattern, in which ``*`` is any text and ``?`` any sign."""
    return re.fullmatch(''.join({'*': '.*', '?': '.'}.get(sign, re.escape(sign))
                                for sign in pattern), text, re.DOTALL) is not None
