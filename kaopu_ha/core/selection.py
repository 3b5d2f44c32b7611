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

"""Where instances go: hosts ranked by the use of CPU cores and memory.  Claim 2 of the patent."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
import dataclasses
from dataclasses import dataclass
import math

from kaopu_ha.core import circles, demands, model, placing
from kaopu_ha.core.placing import EVERYWHERE, Objections

# What speaks first against a host, whatever else does.
TRIED, LEARNT = 'it was tried before', 'Nova did not let one of its kind there'


@dataclass(frozen=True)
class Candidate:
    """All that is known of a host that may become a target; ``note``: its agent's own trouble."""

    host: str
    beat: bool
    held: bool
    suspected: bool
    locked: bool
    flapping: bool
    storage: Mapping[str, model.Sign]
    service: model.ComputeService | None
    usage: model.Usage | None
    note: str = ''
    fresh: bool = False


def use(usage: model.Usage, core_class: str = demands.ANY_CORES) -> float:
    """How full a host is: the mean of core use and memory use, 0 (empty) to 1 and beyond.

    Of the cores those count that are asked for: shared ones, or dedicated ones.
    """
    cores, cores_used = usage.cores, usage.cores_used
    if not usage.is_own_core(core_class):
        room = usage.of(core_class)
        cores, cores_used = (room.total, room.used) if room is not None else (cores, cores_used)
    if cores <= 0 or usage.memory_mb <= 0:
        return math.inf
    return (cores_used / cores + usage.memory_mb_used / usage.memory_mb) / 2


def weighed(usage: model.Usage,
            core_class: str = demands.ANY_CORES) -> tuple[bool, float, float]:
    """What hosts are ranked by: is its live use unknown, its use by weight, what is set aside.

    Where live use counts, a host that tells none comes behind those that do: it may be busy.
    """
    set_aside = use(usage, core_class)
    if usage.live_weight <= 0 or set_aside == math.inf:
        return False, set_aside, set_aside
    if usage.live is None:
        return True, set_aside, set_aside
    weight = usage.live_weight
    return False, weight * use(usage.live) + (1 - weight) * set_aside, set_aside


def rank(usages: Mapping[str, model.Usage],
         core_class: str = demands.ANY_CORES) -> tuple[str, ...]:
    """Hosts in the order of their use, least used first; ties by what is set aside, then name."""
    return tuple(sorted(usages, key=lambda host: (weighed(usages[host], core_class), host)))


def figures(usage: model.Usage | None) -> str:
    """What the rank was made of, where live use counts, to be put behind a sentence."""
    if usage is None or usage.live_weight <= 0:
        return ''
    if usage.live is None:
        return f' (it tells no live use; set aside {use(usage):.0%})'
    return (f' (use {weighed(usage)[1]:.0%}: live {use(usage.live):.0%}, '
            f'set aside {use(usage):.0%})')


def why_not(candidate: Candidate, evacuation: model.Evacuation,
            reach: Objections = EVERYWHERE) -> str:
    """Why the host is no target for the instance; empty if it is one."""
    if candidate.host == evacuation.source:
        return 'it is the source'
    if candidate.host in evacuation.passed_over:
        return TRIED
    if candidate.host in reach.learnt:
        return LEARNT
    return (why_not_any(candidate, sorted({image.cluster for image in evacuation.images}))
            or reach.bars(candidate.host) or fits(candidate.usage, evacuation))


def why_not_any(candidate: Candidate, clusters: Iterable[str]) -> str:
    """Why the host were no target for anything with disks on these clusters, had it room; empty
    if it were one.
    """
    if candidate.locked:
        return 'it is locked'
    if not candidate.beat:
        return 'it does not beat'
    unsteady = _unsteady(candidate)
    if unsteady:
        return unsteady
    if candidate.note:
        return f'its agent says: {candidate.note}'
    if candidate.held:
        return 'it is on hold'
    service = candidate.service
    if service is None or not (service.enabled and service.up and not service.forced_down):
        return 'its compute service is not up and enabled'
    for cluster in clusters:
        if candidate.storage.get(cluster) is not model.Sign.LIFE:
            return f'it does not reach cluster {cluster}'
    return ''


def _unsteady(candidate: Candidate) -> str:
    """Why nobody knows whether the host will stay; empty if it has been there for a while."""
    if candidate.suspected:
        return 'it is suspected'
    if candidate.flapping:
        return 'it is flapping: it came back too often lately'
    return 'it came back just now' if candidate.fresh else ''


_WORDS = {demands.ANY_CORES: 'cores', demands.CORES: 'cores',
          demands.DEDICATED_CORES: 'dedicated cores', demands.MEMORY: 'memory',
          'VGPU': 'virtual GPUs', 'DISK_GB': 'disk space'}


def fits(usage: model.Usage | None, evacuation: model.Evacuation) -> str:
    """Why the instance has no room there; empty if it has.

    Of what nobody tells there may be enough: Placement knows (``Places.offers``).
    """
    if usage is None:
        return 'its usage is not known'
    for name, number in _asked(evacuation):
        if usage.lacks(name, number):
            return f'it has no {_WORDS.get(name, name)} left'
    return ''


def _asked(evacuation: model.Evacuation) -> tuple[tuple[str, int], ...]:
    """How much is asked for of each resource class; the cores first, then the memory."""
    if evacuation.demand is None:
        return (demands.ANY_CORES, evacuation.cores), (demands.MEMORY, evacuation.memory_mb)
    return evacuation.demand.totals


def those_that_may(evacuation: model.Evacuation, candidates: Collection[Candidate],
                   reach: Objections = EVERYWHERE) -> list[str]:
    """All hosts of which a plan would take the first, but for those that are doubtful."""
    reasons = {candidate.host: reach.doubts(candidate.host) or why_not(
        candidate, evacuation, reach) for candidate in candidates}
    core_class = evacuation.demand.core_class if evacuation.demand else demands.ANY_CORES
    return list(_in_order(reasons, candidates, core_class, reach))


def _in_order(reasons: Mapping[str, str], candidates: Collection[Candidate], core_class: str,
              reach: Objections) -> Sequence[str]:
    """Those against which there is no reason: the least used first, what is doubtful last."""
    ranked = rank({candidate.host: candidate.usage for candidate in candidates
                   if candidate.usage is not None and not reasons[candidate.host]}, core_class)
    return sorted(ranked, key=lambda host: (bool(reach.doubts(host)), reach.dislikes(host)))


def as_taken(candidates: Collection[Candidate], reserved: Collection[str],
             places: demands.Places, rules: model.Rules) -> tuple[Candidate, ...]:
    """The hosts as they are once the reserved ones are enabled, which people disable until then.

    So a plan sees which of them to take.  It sends nothing there before: no circle admits them.
    Where they are added to the aggregates of the lost host, one that is in no zone yet will be in
    that of whoever is moved: its zone speaks against nobody.
    """
    def taken(one: Candidate) -> Candidate:
        if one.service is None or one.host not in reserved:
            return one
        joins = rules.joins_aggregates and one.host not in zoned
        return dataclasses.replace(one, service=dataclasses.replace(
            one.service, enabled=True, zone='' if joins else one.service.zone))

    zoned = {host for each in places.aggregates if each.zone for host in each.hosts}
    return tuple(map(taken, candidates))


def begun(candidates: Collection[Candidate], places: demands.Places,
          moves: Collection[model.Evacuation], going_on: Collection[str] = (),
          grouping: circles.Grouping = circles.UNGROUPED
          ) -> tuple[tuple[Candidate, ...], placing.Ground]:
    """What a plan begins with: the candidates with what comes to them, or came lately, and what it
    knows of places.

    ``going_on``: recoveries that are not over, whatever is among the moves: those that only wait
    and were refused nowhere need not be.
    """
    ground = placing.Ground(places, {one.host: one.service.zone if one.service is not None else ''
                                     for one in candidates}, moves, grouping)
    coming: dict[str, list[model.Evacuation]] = {}
    done, open_ = [], set(going_on)
    for item in moves:
        if not item.phase.ended:
            open_.add(item.recovery)
            if comes(item):
                coming.setdefault(item.target, []).append(item)
        elif item.phase is model.Phase.DONE:
            done.append(item)
    came: dict[str, list[model.Evacuation]] = {}
    for item in done:
        if item.recovery in open_:
            came.setdefault(item.target, []).append(item)
    return tuple(
        one if one.usage is None or (one.host not in coming and one.host not in came)
        else dataclasses.replace(one, usage=with_all(
            one.usage, coming.get(one.host, ()), came.get(one.host, ())))
        for one in candidates), ground


_COMES = (model.Phase.QUEUED, model.Phase.CALLING, model.Phase.MOVING)


def comes(item: model.Evacuation) -> bool:
    """True while it is on its way to its target."""
    return item.phase in _COMES


def free(usage: model.Usage | None, core_class: str) -> float:
    """So many cores of a class are left there."""
    room = usage.of(core_class) if usage is not None else None
    return room.free if room is not None else 0.0


def with_all(usage: model.Usage, coming: Collection[model.Evacuation],
             came: Collection[model.Evacuation] = ()) -> model.Usage:
    """What is used of a host once these have come: each placement changes the rank.

    Their live use is not measured yet: they count as if they used all that they are given.
    ``came``: what arrived there lately, set aside for already, but not yet measured.
    """
    return _live_with(usage, (*coming, *came)).with_more(
        asked for item in coming for asked in _asked(item))


def _live_with(usage: model.Usage, moves: Iterable[model.Evacuation]) -> model.Usage:
    live = usage.live
    if live is None:
        return usage
    cores_used, memory_mb_used = live.cores_used, live.memory_mb_used
    for item in moves:
        cores_used += item.cores
        memory_mb_used += item.memory_mb
    return dataclasses.replace(usage, live=dataclasses.replace(
        live, cores_used=cores_used, memory_mb_used=memory_mb_used))
