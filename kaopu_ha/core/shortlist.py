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

"""The hosts of a plan while it is made, so ordered that the next target is found soon.

``selection`` says who may be a target, and in which order.  To ask that of every host for every
instance takes instances times hosts.  But little differs from one instance to the next: those of
one *kind* ask for as much of each resource class, have their disks on the same clusters, may be in
the same places, and stay within the same circle of hosts.  So each kind has the hosts that may take
it in heaps by their use::

    kind ---> tier (doubtful? disliked?) ---> heap of (use, host)

What is placed only adds to the use of a host, so what a heap says of it is never too much: the
host on top is looked at once more, and sinks if it was too little.  One that has no room for the
kind goes for good.  All are in order by their use before anything is placed, and come into the
heaps of a kind no further than its instances go.  So a plan takes (instances + hosts) log hosts.

What is one instance's own (its source, what was tried before, what the others of its group bar or
dislike) concerns few hosts.  These are looked at one by one.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
import dataclasses
import heapq

from kaopu_ha.core import demands, model, placing, selection
from kaopu_ha.core.circles import Circle
from kaopu_ha.core.model import Evacuation
from kaopu_ha.core.placing import Objections
from kaopu_ha.core.selection import Candidate

# What a host is ordered by: how it is ranked, and its name.
_Place = tuple[bool, float, float, str]
# Doubtful ones come last, and disliked ones after others.
_Tier = tuple[bool, bool]
_Key = tuple[object, ...]


# So many hosts come into the heaps of a kind at a time.
_FEW = 64
_TIERS: tuple[_Tier, ...] = ((False, False), (False, True), (True, False), (True, True))


class _Kind:
    """Those who may take instances of a kind, as far as that is the same for all of them.

    ``one``: an instance of the kind without what is its own.  ``order``: whom it may be, were it
    not for what ``reach`` says, by their use as it was; they are put into the heaps as far as that
    has to be known.  Who has no room is there until it comes up.
    """

    def __init__(self, one: Evacuation, reach: Objections, core_class: str,
                 order: Sequence[_Place]) -> None:
        self.one, self.reach, self.core_class = one, reach, core_class
        self.heaps: Mapping[_Tier, list[_Place]] = {tier: [] for tier in _TIERS}
        self._order, self._at = order, 0
        # Of many hosts it is asked: what no circle has a say in is looked up at once.
        plain = reach.circle is None
        self._bars = reach.barred.get if plain else reach.bars
        self._doubts = reach.doubtful.get if plain else reach.doubts

    def more_before(self, place: _Place | None) -> bool:
        """Put some more hosts into the heaps, if one of them may come before this one, or, if it is
        None, come at all; whether any was left.
        """
        left = self._order[self._at:self._at + _FEW]
        if not left or (place is not None and place < left[0]):
            return False
        self._at += len(left)
        heaps, learnt, disliked = self.heaps, self.reach.learnt, self.reach.disliked
        for one in left:
            host = one[-1]
            if not (host in learnt or self._bars(host)):
                heapq.heappush(heaps[bool(self._doubts(host)), host in disliked], one)
        return True


class Shortlist:
    """The candidates of one plan, with what is placed on them.  For one ``placing.Ground``."""

    def __init__(self, candidates: Collection[Candidate], like: Shortlist | None = None) -> None:
        """``like``: one of the same hosts, whose use may be another one."""
        self._candidates: Mapping[str, Candidate] = (
            like._candidates if like is not None else {
                one.host: one for one in sorted(candidates, key=lambda one: one.host)})
        self._zones: Mapping[str, str] = like._zones if like is not None else {
            host: one.service.zone if one.service is not None else ''
            for host, one in self._candidates.items()}
        self._usages = {one.host: one.usage for one in candidates if one.usage is not None}
        self._places: dict[str, dict[str, _Place]] = {}
        # The cores that are left, by their class, zone, and host.
        self._left: dict[str, dict[str, dict[str, float]]] = {}
        self._steady: dict[tuple[str, ...], dict[str, str]] = (
            like._steady if like is not None else {})
        # Those that any instance with its disks there may go to, least used first.
        self._orders: dict[tuple[str, tuple[str, ...]], list[_Place]] = {}
        self._kinds: dict[_Key, _Kind] = {}
        self._told: dict[_Key, placing.NoTarget] = {}

    def choose(self, item: Evacuation, reach: Objections) -> tuple[str, str]:
        """The target, with what is doubtful about it ('' if nothing is); '' if there is none.

        The least used that may; of doubtful hosts one is taken if there is no other, and then only
        a few (``Reach.guesses_left``).
        """
        host = self._first(item, reach)
        doubt = reach.doubts(host)
        return (host, doubt) if not doubt or reach.guesses_left else ('', '')

    def place(self, item: Evacuation, target: str) -> None:
        """Count the instance as used there: each placement changes the rank."""
        self._usages[target] = selection.with_all(self._usages[target], (item,))
        self._told.clear()
        for places in self._places.values():
            places.pop(target, None)
        self._left.clear()

    def why_none(self, item: Evacuation, reach: Objections) -> str:
        """Why no host is a target for it, as things stand now."""
        if reach.group is not None and self._first(item, reach):
            return self._told_of(item, reach).sentence(item.source, {})
        key, kind = _key(item, reach), self._kind(item, reach)
        told = self._told.get(key)
        if told is None:
            told = self._told[key] = self._told_of(kind.one, kind.reach)
        # Only room, or that it is not known, speaks against a host after its group does.
        steady = self._of_clusters(item)
        barred = {} if reach.group is None else {
            host: why for host, why in reach.group.barred.items()
            if not (steady.get(host, True) or host in reach.learnt or kind.reach.bars(host))}
        return told.sentence(item.source, barred | dict.fromkeys(item.passed_over, selection.TRIED))

    def may_stay(self, item: Evacuation) -> bool:
        """True if its target still is one.  Room is not asked again: its own placement counts."""
        return (item.target not in (item.source, *item.passed_over)
                and not self._of_clusters(item).get(item.target, True))

    def all_within(self, hosts: Collection[str], circle: Circle | None = None) -> bool:
        """True if there is no candidate in the circle but these."""
        return all(host in hosts or (circle is not None and circle.bars(host))
                   for host in self._candidates)

    def usage(self, host: str) -> model.Usage | None:
        """What there is of the host and what is used by now; None if it is not known."""
        return self._usages.get(host)

    # ------------------------------------------------------------ private

    def _first(self, item: Evacuation, reach: Objections) -> str:
        """The first in the order of those against whom nothing speaks; '' if there is none."""
        kind, group = self._kind(item, reach), reach.group
        own = {item.source, *item.passed_over}
        if group is None:
            tops = (self._top(kind, tier, item, own) for tier in _TIERS)
            return next((place[-1] for place in tops if place), '')
        doubtful, few = _apart(group.doubtful)
        disliked, more = _apart(group.disliked)
        few = few | more | group.barred.keys()
        best = min(((*self._tier(kind, reach, host), *self._place(host, kind.core_class))
                    for host in few if self._may(host, kind) and host not in own
                    and not group.barred.get(host) and self._fits(host, item)), default=None)
        own |= few
        for tier in _TIERS:
            its = tier[0] or doubtful, tier[1] or disliked
            if best is None or its <= best[:2]:
                place = self._top(kind, tier, item, own)
                if place is not None and (best is None or (*its, *place) < best):
                    best = (*its, *place)
        return best[-1] if best is not None else ''

    @staticmethod
    def _tier(kind: _Kind, reach: Objections, host: str) -> _Tier:
        assert reach.group is not None
        return (bool(kind.reach.doubts(host) or reach.group.doubts(host)),
                kind.reach.dislikes(host) or reach.group.dislikes(host))

    def _may(self, host: str, kind: _Kind) -> bool:
        """True if it may take one of the kind, had it room."""
        return not (self._of_clusters(kind.one).get(host, True) or host not in self._usages
                    or host in kind.reach.learnt or kind.reach.bars(host))

    def _top(self, kind: _Kind, tier: _Tier, item: Evacuation,
             own: Collection[str]) -> _Place | None:
        """The first of a tier that has room, and is none of these; None if there is none."""
        heap, passed = kind.heaps[tier], list[_Place]()
        while heap or kind.more_before(None):
            if not heap:
                continue
            host = heap[0][-1]
            place = self._place(host, kind.core_class)
            if place != heap[0]:
                heapq.heapreplace(heap, place)
            elif host in own:
                passed.append(heapq.heappop(heap))
            elif not self._fits(host, item):
                heapq.heappop(heap)
            elif not kind.more_before(place):
                break
        found = heap[0] if heap else None
        for place in passed:
            heapq.heappush(heap, place)
        return found

    def _fits(self, host: str, item: Evacuation) -> bool:
        return not selection.fits(self._usages[host], item)

    def _place(self, host: str, core_class: str) -> _Place:
        places = self._places.setdefault(core_class, {})
        found = places.get(host)
        if found is None:
            found = places[host] = (*selection.weighed(self._usages[host], core_class), host)
        return found

    def _kind(self, item: Evacuation, reach: Objections) -> _Kind:
        key = _key(item, reach)
        found = self._kinds.get(key)
        if found is None:
            core_class = _core_class(item)
            reach = dataclasses.replace(reach, group=None)
            found = self._kinds[key] = _Kind(
                dataclasses.replace(item, source='', passed_over=()), reach, core_class,
                self._order(item, core_class, reach))
        return found

    def _order(self, item: Evacuation, core_class: str, reach: Objections) -> Sequence[_Place]:
        """Those against whom neither they themselves speak nor their clusters, least used first.
        Some may be fuller by now.
        """
        steady = self._of_clusters(item)
        if reach.circle is not None and reach.circle.hosts is not None:
            # Of a few hundred segments each looks at its own hosts.
            return sorted(self._place(host, core_class) for host in reach.circle.hosts
                          if not steady.get(host, True) and host in self._usages)
        key = core_class, _clusters(item)
        found = self._orders.get(key)
        if found is None:
            found = self._orders[key] = sorted(
                self._place(host, core_class) for host in self._usages if not steady[host])
        return found

    def _of_clusters(self, item: Evacuation) -> Mapping[str, str]:
        """Why hosts were no target for what has its disks where it has them, had they room; empty
        of those that were one.
        """
        clusters = _clusters(item)
        found = self._steady.get(clusters)
        if found is None:
            found = self._steady[clusters] = {host: selection.why_not_any(one, clusters)
                                              for host, one in self._candidates.items()}
        return found

    def _told_of(self, item: Evacuation, reach: Objections) -> placing.NoTarget:
        """Why none is one now, each for what ``selection.why_not`` says."""
        zone, free = item.demand.zone if item.demand is not None else '', self._free(item)
        steady, own = self._of_clusters(item), dict.fromkeys(
            reach.learnt, selection.LEARNT) | dict.fromkeys(item.passed_over, selection.TRIED)
        # Of hosts in other zones nobody is told why not.
        elsewhere = {other: its for other, its in free.items() if zone and other not in ('', zone)}
        found = []
        for host, its_zone in self._zones.items():
            if its_zone not in elsewhere:
                why = (own.get(host) or steady[host] or reach.bars(host)
                       or selection.fits(self._usages.get(host), item) or reach.doubts(host))
                found.append(placing.RefusedHost(host, why, its_zone, free[its_zone][host]))
        return placing.NoTarget(found, item.demand, elsewhere)

    def _free(self, item: Evacuation) -> Mapping[str, dict[str, float]]:
        """So many cores of its class are left now, by zone and host."""
        core_class = _core_class(item)
        if core_class not in self._left:
            left = self._left[core_class] = {zone: {} for zone in self._zones.values()}
            for host, zone in self._zones.items():
                left[zone][host] = selection.free(self._usages.get(host), core_class)
        return self._left[core_class]


def _key(item: Evacuation, reach: Objections) -> _Key:
    """What is the same for all instances of a kind."""
    asks = item.demand if item.demand is not None else (item.cores, item.memory_mb)
    return asks, _clusters(item), reach.learnt, reach.circle


def _core_class(item: Evacuation) -> str:
    return item.demand.core_class if item.demand is not None else demands.ANY_CORES


def _clusters(item: Evacuation) -> tuple[str, ...]:
    if len(item.images) == 1:
        return (item.images[0].cluster,)
    return tuple(sorted({image.cluster for image in item.images}))


def _apart(said: Mapping[str, str]) -> tuple[bool, frozenset[str]]:
    """Whether it is said of all hosts but a few, and who these few are, or else of which few."""
    if isinstance(said, placing.AllBut):
        return True, said.but
    return False, frozenset(said)
