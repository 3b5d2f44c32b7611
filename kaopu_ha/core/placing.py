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

"""Where Nova may put an instance, beside the room there: zones, groups, aggregates, offers.

Three things may speak against a host, and a fourth is learnt::

    barred      Nova lets it there in no case (another zone, a group that keeps it apart)
    doubtful    Nova hardly lets it there, or Placement does not offer it: asked after all others,
                and no more of them than a few
    disliked    it may be there, and others are better (a wish of a soft group)
    learnt      Nova said no there, to it or to an instance of its kind, in this round

What Nova asks Placement follows from options of its own that nobody shows.  So what we ask is a
guess at it: what is not offered is doubtful, never barred, and a refusal costs nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
import dataclasses
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import NamedTuple

from kaopu_ha.core import demands, texts
from kaopu_ha.core.circles import UNGROUPED, Circle, Circles, Grouping
from kaopu_ha.core.demands import Aggregate, Demand, Group, Places
from kaopu_ha.core.model import Evacuation, Phase

# So many doubtful hosts are tried in a round for all instances of one kind.
GUESSES_MAX = 3
# An aggregate with such a key is for the projects that its values name.
_TENANTS = 'filter_tenant_id'
_TRAIT = 'trait:'


@dataclass(frozen=True)
class Objections:
    """What speaks against hosts for one instance, by host: see the head of this module.

    ``group``: what the others of its group speak against them, besides.  ``circle``: the hosts that
    its segment allows, None: all.
    """

    barred: Mapping[str, str] = field(default_factory=dict)
    doubtful: Mapping[str, str] = field(default_factory=dict)
    disliked: Mapping[str, str] = field(default_factory=dict)
    learnt: frozenset[str] = frozenset()
    group: Objections | None = None
    circle: Circle | None = None

    def bars(self, host: str) -> str:
        """Why it may be there in no case; empty if it may."""
        return ((self.circle.bars(host) if self.circle else '') or self.barred.get(host, '')
                or (self.group.bars(host) if self.group else ''))

    def doubts(self, host: str) -> str:
        """Why Nova hardly lets it there; empty if nothing is doubtful.

        What is said of a reserved host, which is disabled, says nothing of it once it is taken.
        """
        of_it = '' if self.circle and host in self.circle.reserved else self.doubtful.get(host, '')
        return of_it or (self.group.doubts(host) if self.group else '')

    def dislikes(self, host: str) -> bool:
        """True if others are better."""
        return host in self.disliked or (self.group is not None and self.group.dislikes(host))

    @property
    def guesses_left(self) -> bool:
        """True while one more doubtful host may be tried."""
        return sum(bool(self.doubts(host)) for host in self.learnt) < GUESSES_MAX


EVERYWHERE = Objections()


class AllBut(Mapping[str, str]):
    """The same word about every host but a few, however many there are."""

    def __init__(self, hosts: Mapping[str, str], but: Iterable[str], word: str) -> None:
        self._hosts, self.but, self._word = hosts, frozenset(but), word

    def __getitem__(self, host: str) -> str:
        if host in self.but or host not in self._hosts:
            raise KeyError(host)
        return self._word

    def __iter__(self) -> Iterator[str]:
        return (host for host in self._hosts if host not in self.but)

    def __len__(self) -> int:
        return sum(1 for _ in self)


class Ground:
    """What a plan knows of places while it is made: each placement changes where groups are."""

    def __init__(self, places: Places, zones: Mapping[str, str],
                 moves: Iterable[Evacuation], grouping: Grouping = UNGROUPED) -> None:
        self.circles = Circles(grouping)
        self._zones, self._map = zones, _Map(places, zones)
        self._groups = {member: group for group in places.groups for member in group.members}
        self._homes = dict(places.homes)
        # By the round of who learnt it.
        self._learnt: dict[tuple[str, Demand], dict[int, set[str]]] = {}
        self._everywhere: dict[Demand, Objections] = {}
        self._kinds: dict[tuple[str, Demand, int], Objections] = {}
        for item in moves:
            if item.target or item.refused:
                self._note(item)

    def reach(self, item: Evacuation) -> Objections:
        """What speaks against hosts for this instance now."""
        circle = self.circles.whole(item)
        if item.demand is None:
            return Objections(learnt=frozenset(item.refused), circle=circle)
        kind = self._of_kind(item.recovery, item.demand, item.rounds, circle)
        group = self._groups.get(item.instance)
        if group is None and not item.refused:
            return kind
        learnt = frozenset(item.refused)
        if self._hard_group(item) is None:
            learnt |= kind.learnt
        if group is None:
            return dataclasses.replace(kind, learnt=learnt)
        barred, doubtful, disliked = self._of_group(item, group)
        return Objections(kind.barred, kind.doubtful, kind.disliked, learnt,
                          Objections(barred, doubtful, disliked), kind.circle)

    def placed(self, instance: str, target: str) -> None:
        """Note that an instance will be there."""
        if instance in self._groups:
            self._homes[instance] = target

    # ------------------------------------------------------------ private

    def _of_kind(self, recovery: str, demand: Demand, rounds: int,
                 circle: Circle | None) -> Objections:
        """What speaks against hosts for all of this kind in this round of a recovery: told once
        for them all.

        Who is in a later round than who was refused asks anew: another's call may not end for long.
        """
        found = self._kinds.get((recovery, demand, rounds))
        if found is None:
            whole = self._everywhere.get(demand)
            if whole is None:
                whole = _of_kind(demand, self._map)
                self._everywhere[demand] = whole
            by_round = self._learnt.get((recovery, demand), {})
            learnt = frozenset().union(*(hosts for learnt_in, hosts in by_round.items()
                                         if learnt_in >= rounds))
            found = whole if not learnt and circle is None else dataclasses.replace(
                whole, learnt=learnt, circle=circle)
            self._kinds[recovery, demand, rounds] = found
        return found

    def _note(self, item: Evacuation) -> None:
        """Where a move has it by now, and what Nova said of its kind."""
        if item.target and item.phase not in (Phase.WAITING, Phase.REFUSED, Phase.FAILED):
            self.placed(item.instance, item.target)
        if (item.refused and item.demand is not None and not item.phase.ended
                and self._hard_group(item) is None):
            by_round = self._learnt.setdefault((item.recovery, item.demand), {})
            by_round.setdefault(item.rounds, set()).update(item.refused)

    def _hard_group(self, item: Evacuation) -> Group | None:
        """A group that Nova holds to: what it is refused says nothing of others of its kind."""
        group = self._groups.get(item.instance)
        hard = group is not None and not group.policy.startswith(demands.SOFT)
        return group if hard else None

    def _of_group(self, item: Evacuation, group: Group) -> tuple[Mapping[str, str], ...]:
        """Barred, doubtful and disliked hosts, for the others of its group are there, or not."""
        there: dict[str, int] = {}
        for member in group.members:
            home = self._homes.get(member) if member != item.instance else None
            if home is not None:
                there[home] = there.get(home, 0) + 1
        apart = f'its group {group.name} keeps it apart from what is there'
        if group.policy == demands.APART:
            return {host: apart for host, number in there.items() if number >= group.most}, {}, {}
        if group.policy == demands.SOFT + demands.APART:
            return {}, {}, dict.fromkeys(there, apart)
        together = AllBut(self._zones, there, f'its group {group.name} is to be in one place, and '
                                              f'nothing of it is there')
        if group.policy == demands.TOGETHER:
            return {}, together, {}
        soft = group.policy == demands.SOFT + demands.TOGETHER and there.keys() - {item.source}
        return {}, {}, together if soft else {}


class _Map:
    """The hosts of a plan, those together that are in the same zone and the same aggregates.

    So what is asked of each host for each kind is asked once for some.
    """

    def __init__(self, places: Places, zones: Mapping[str, str]) -> None:
        self.places, self.hosts = places, zones.keys()
        aggregates: dict[str, list[int]] = {}
        for number, one in enumerate(places.aggregates):
            for host in one.hosts:
                aggregates.setdefault(host, []).append(number)
        alike: dict[tuple[str, tuple[int, ...]], list[str]] = {}
        for host, zone in zones.items():
            alike.setdefault((zone, tuple(aggregates.get(host, ()))), []).append(host)
        self.alike = [(zone, [places.aggregates[number] for number in numbers], hosts)
                      for (zone, numbers), hosts in alike.items()]


def _of_kind(demand: Demand, known: _Map) -> Objections:
    """What speaks against hosts for every instance of this kind."""
    offer = known.places.offers.get(demand)
    barred, doubtful = dict[str, str](), dict[str, str]()
    for zone, aggregates, hosts in known.alike:
        if demand.zone and zone and zone != demand.zone:
            barred.update(dict.fromkeys(hosts, f'it is in zone {zone}'))
            continue
        why = _set_aside(demand, aggregates, known.places.aggregates)
        if demand.near and zone and zone != demand.near:
            why = f'it is in zone {zone}, and Nova does not tell whether it may leave {demand.near}'
        if why:
            doubtful.update(dict.fromkeys(hosts, why))
    if offer is None:
        return Objections(barred, doubtful)
    others = known.hosts - offer.hosts
    if not offer.whole:
        return Objections(barred, doubtful, dict.fromkeys(others, 'Placement named enough others'))
    return Objections(barred, doubtful | dict.fromkeys(
        others - barred.keys(),
        'Placement does not offer it: its devices, traits or aggregates are not there'))


def _set_aside(demand: Demand, mine: Sequence[Aggregate], every: Sequence[Aggregate]) -> str:
    """Why the aggregates of a host may not be for it: each depends on an option of Nova's."""
    if demand.project:
        named = {value for one in mine for value in _tenants(one)}
        if named and demand.project not in named:
            return 'it is set aside for other projects'
        if not named and any(demand.project in _tenants(one) for one in every):
            return 'its project has hosts of its own'
    required = {trait for part in demand.parts for trait in part.required}
    for one in mine:
        lacks = [key for key, value in sorted(one.metadata.items()) if key.startswith(_TRAIT)
                 and value == 'required' and key.removeprefix(_TRAIT) not in required]
        if lacks:
            return f'it is set aside for {lacks[0]}'
    for spec in demand.specs:
        key, _, wanted = spec.partition('=')
        values = {value.strip() for one in mine for value in one.metadata.get(key, '').split(',')}
        if not values & _alternatives(wanted):
            return f'it is in no aggregate with {spec}'
    return ''


def _tenants(one: Aggregate) -> frozenset[str]:
    """The projects that an aggregate is for; none if it is for everybody."""
    return frozenset(project.strip() for key, value in one.metadata.items()
                     if key.startswith(_TENANTS) for project in value.split(','))


def _alternatives(wanted: str) -> frozenset[str]:
    """The values that a flavor's spec allows: ``a``, or ``<or> a <or> b``."""
    if '<or>' in wanted:
        return frozenset(part.strip() for part in wanted.split('<or>') if part.strip())
    return frozenset((wanted.strip(),))


def kinds(moves: Iterable[Evacuation]) -> tuple[Demand, ...]:
    """The kinds that a plan is about, those that most wait for first."""
    counts: dict[Demand, int] = {}
    for item in moves:
        if item.demand is not None and not item.phase.ended:
            counts[item.demand] = counts.get(item.demand, 0) + 1
    return tuple(sorted(counts, key=lambda demand: (-counts[demand], demand)))


# ---------------------------------------------------------------- what people are told


def last(item: Evacuation, reach: Objections) -> str:
    """Why the last host did not take it, or one of its kind."""
    return item.reason if item.passed_over or not reach.learnt else (
        f'Nova let none of its kind on {texts.few(sorted(reach.learnt), 3)}')


_GROUPS_MAX, _HOSTS_MAX = 6, 3


class RefusedHost(NamedTuple):
    """A host with the reason why it is no target; ``free``: cores that are left there."""

    host: str
    reason: str
    zone: str = ''
    free: float = 0.0


class NoTarget:
    """Why there is no target, however many hosts there are: equal reasons are told together.

    The hosts come in the order of their names.  It is told of many instances of one kind, each with
    few hosts about which something else is said.  ``elsewhere``: the cores that are left on hosts
    of other zones than its own, where those are not among the ``hosts``.
    """

    def __init__(self, hosts: Sequence[RefusedHost], demand: Demand | None,
                 elsewhere: Mapping[str, dict[str, float]] = MappingProxyType({})) -> None:
        self._demand, self._zone = demand, demand.zone if demand is not None else ''
        self._reasons: dict[str, str] = {}
        self._near: dict[str, list[str]] = {}
        self._elsewhere = dict(elsewhere)
        for host, reason, zone, free in hosts:
            if self._zone and zone and zone != self._zone:
                self._elsewhere.setdefault(zone, {})[host] = free
            else:
                self._reasons[host] = reason
                self._near.setdefault(reason, []).append(host)
        self._free = {zone: sum(its.values()) for zone, its in self._elsewhere.items()}

    def sentence(self, source: str, instead: Mapping[str, str]) -> str:
        """The same of an instance from there; ``instead``: other reasons why not."""
        near = _grouped(self._grouped(source, instead))
        if not self._zone:
            return near or 'there is no other host'
        told = [f'in zone {self._zone}: {near or "there is no other host"}']
        demand = self._demand
        dedicated = demand is not None and demand.core_class == demands.DEDICATED_CORES
        kind = 'dedicated cores' if dedicated else 'cores'
        for name, hosts in sorted(self._elsewhere.items()):
            count, free = len(hosts), self._free[name]
            if source in hosts:
                count -= 1
                free = max(free - hosts[source], 0.0)
            if count:
                told.append(f'not in its zone: {_many(count)} in {name}, with '
                            f'{free:.0f} {kind} free')
        return '; '.join(told[:_GROUPS_MAX])

    def _grouped(self, source: str, instead: Mapping[str, str]) -> dict[str, list[str]]:
        """The hosts of each reason, as they come."""
        moved = {host: why for host, why in instead.items() if host in self._reasons}
        moved.pop(source, None)
        gone = {*moved, source}
        touched = {self._reasons[host] for host in gone if host in self._reasons}
        found = {why: [host for host in hosts if host not in gone] if why in touched else hosts
                 for why, hosts in self._near.items()}
        for why in set(moved.values()):
            found[why] = sorted([*found.get(why, ()),
                                 *(host for host in moved if moved[host] == why)])
        return {why: found[why] for why in sorted(
            (why for why in found if found[why]), key=lambda why: found[why][0])}


def _grouped(found: Mapping[str, Sequence[str]]) -> str:
    """Each reason once, with the first of its hosts."""
    told = [f'{texts.few(names, _HOSTS_MAX)}: {reason}' for reason, names in found.items()]
    rest = sum(len(names) for names in list(found.values())[_GROUPS_MAX:])
    if rest:
        told[_GROUPS_MAX:] = [f'{_many(rest)} more, each for a reason of its own']
    return '; '.join(told)


def _many(number: int) -> str:
    return f'{number} host' if number == 1 else f'{number} hosts'
