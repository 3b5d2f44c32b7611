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

"""What is done about a confirmed host: the road from CONFIRMED to FINISHED.

::

    FENCING -----> PROVEN ------> PLANNED -----> EVACUATING -----> FINISHED
      what may      forced down,    workers        all ended, and
      be cut; cut;  servers listed, carry it out;  nothing came
      read back     planned         planned again  since the plan

``advance`` says one act at a time.  What has to be asked is an act, too: the leader does it, puts
what came into ``Seen``, and asks again.  So an act stands on what is stored, never on what is still
to be written, and another leader may do every one of them again.

Past FENCING the fence is read back every few seconds, before anything else is done.  Where it does
not hold, a person's word may stand for it, until the host is heard of.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
import dataclasses

from kaopu_ha.core import (
    admission,
    evacuation,
    fencing,
    holding,
    left,
    model,
    planning,
    surely_dead,
)
from kaopu_ha.core.holding import cutting as _fencing
from kaopu_ha.core.holding import kept as _kept
from kaopu_ha.core.kept import dead_hosts as dead_hosts
from kaopu_ha.core.kept import is_open as is_open
from kaopu_ha.core.kept import keeps_its_fence as keeps_its_fence
from kaopu_ha.core.kept import taken_up, was_planned
from kaopu_ha.core.keys import TOGETHER_MAX
from kaopu_ha.core.model import Evacuation, Phase, Recovery, RecoveryStage
from kaopu_ha.core.news import Fact, News
from kaopu_ha.core.recovering import UNPLANNED
from kaopu_ha.core.recovering import Act as Act
from kaopu_ha.core.recovering import Decision as Decision
from kaopu_ha.core.recovering import MovesSeen as MovesSeen
from kaopu_ha.core.recovering import Plan as Plan
from kaopu_ha.core.recovering import Seen as Seen
from kaopu_ha.core.recovering import Standing as Standing
from kaopu_ha.core.recovering import go as _go
from kaopu_ha.core.recovering import waits as _waits

# etcd ends a lease so much later than it is over.
_LAPSE_SECONDS = 1.0
_FENCE_ACTS = (Act.ASK_FORBIDDEN, Act.FENCE, Act.READ_BACK, Act.MARK, Act.UNMARK)
# What may fail where a person's word stands for the fence.
_BY_WORD_ACTS = (Act.ASK_FORBIDDEN, Act.FENCE, Act.READ_BACK)


def advance(recovery: Recovery, seen: Seen, rules: model.Rules) -> Decision:
    """Decide the next act of a recovery that keeps its fence.  Asked twice, it gives the same."""
    held = holding.doubted(recovery, seen) or holding.ordered(recovery, seen)
    if held is None and recovery.stage is RecoveryStage.FENCING:
        return _fencing(recovery, seen)
    held = held or _kept(recovery, seen)
    if held is None or (held.act in (Act.WAIT, Act.REST) and _is_over(recovery, seen)):
        return _ROADS[recovery.stage](recovery, seen, rules)
    return held


def failed(recovery: Recovery, act: Act, reason: str) -> Decision:
    """What to do when an act failed: wait for the fence, or for the cloud."""
    if recovery.stage is RecoveryStage.FINISHED and act is Act.LIST:
        # Nothing waits for it: it is asked again after a while.
        return Decision(Act.REST, recovery)
    waits = holding.waits_for_it if act in _FENCE_ACTS else _waits
    return waits(recovery, reason)


def goes_on(recovery: Recovery, seen: Seen, act: Act, reason: str) -> Seen | None:
    """What to go on with although the act failed: a person's word stands for the fence, or nothing
    is left to be moved.  None: wait.
    """
    if act in _BY_WORD_ACTS and (holding.by_word(recovery) or _is_over(recovery, seen)):
        return dataclasses.replace(seen, unfenced=reason)
    return None


def standing(seen: Seen) -> Standing:
    """How things stand for a plan: it is made again when this changes, and now and then."""
    return (seen.dead, seen.told, seen.moves.open)


# ---------------------------------------------------------------- the stages behind it


def _proven(recovery: Recovery, seen: Seen, rules: model.Rules) -> Decision:
    """Forced down, then list the servers again, then plan."""
    if seen.services is None:
        return Decision(Act.ASK_SERVICES, recovery)
    service = seen.services.get(recovery.host)
    if service is not None and not service.forced_down and not seen.forced:
        if not recovery.forced_by_us:
            return Decision(Act.COMMIT, dataclasses.replace(recovery, forced_by_us=True))
        return Decision(Act.FORCE_DOWN, recovery)
    if not _hosts_are_heard(seen, rules):
        return Decision(Act.REST, recovery)
    if seen.servers is None or seen.candidates is None:
        return Decision(Act.LIST, recovery)
    given_up = {item.instance for item in seen.moves.of(recovery.id) if item.given_up}
    made = tuple(item for item in _listed(recovery, seen.servers, seen, rules)
                 if item.instance not in given_up)
    others = [item for item in seen.moves if item.recovery != recovery.id]
    changed = planning.planned(_ready(recovery, [*made, *others], seen), _look(seen), rules,
                               seen.dead, seen.soon)
    mine = {item.instance: item for item in changed if item.recovery == recovery.id}
    made = tuple(mine.get(item.instance, item) for item in made)
    text = counted(made)
    stays = tuple(evacuation.outcome(item, seen.case) for item in made
                  if item.phase is Phase.NOT_RECOVERABLE)
    news = News(Fact.PLANNED, recovery.host, text, stays,
                surely_dead.certain(recovery, seen.servers, made, seen.case))
    decision = _go(recovery, RecoveryStage.PLANNED, seen, text, news)
    return dataclasses.replace(decision, evacuations=made, news=(
        *decision.news, *left.told(recovery.host, made, seen.case)))


def _moving(recovery: Recovery, seen: Seen, rules: model.Rules) -> Decision:
    """The workers carry it out; what has no target, or a dead one, is planned again."""
    mine = seen.moves.of(recovery.id)
    if all(item.phase.ended for item in mine):
        return _ending(recovery, seen, mine, rules)
    lacks_target = any(item.phase in UNPLANNED or (item.target in seen.dead
                                                   and not item.phase.ended)
                       for item in _ready(recovery, mine, seen))
    if lacks_target and _plan_is_due(seen, rules) and _hosts_are_heard(seen, rules):
        plan = seen.plan
        if plan is None or (_is_whole_due(seen, rules) and not plan.whole):
            if seen.candidates is None:
                return Decision(Act.ASK_TARGETS, recovery)
            plan = _planned(_ready(recovery, seen.moves, seen), seen, rules)
        return Decision(Act.REPLAN, recovery, tuple(
            item for item in plan.changed if item.recovery == recovery.id), plan=plan)
    if recovery.stage is RecoveryStage.PLANNED and any(item.attempts for item in mine):
        return _go(recovery, RecoveryStage.EVACUATING, seen, 'workers carry it out',
                   News(Fact.EVACUATING, recovery.host, counted(mine)))
    return _waits(recovery, '')


def _hosts_are_heard(seen: Seen, rules: model.Rules) -> bool:
    """True if a host that beats does so still, and its inventory is as it told it last.

    While etcd is away no lease ends, and none is renewed; a new leader of it gives each its whole
    time again.  So who died meanwhile beats for that long.
    """
    return seen.answering >= rules.beat_ttl + _LAPSE_SECONDS


def _plan_is_due(seen: Seen, rules: model.Rules) -> bool:
    """To plan means to ask Nova and Placement, which have instances to move."""
    if seen.planned is None:
        return True
    before, seconds = seen.planned
    return standing(seen) != before or seconds >= rules.plan_seconds


def _is_whole_due(seen: Seen, rules: model.Rules) -> bool:
    """True if all that wait are to be looked at: now and then, and when more changed than moves."""
    if seen.planned is None:
        return True
    before, seconds = seen.planned
    return standing(seen)[:2] != before[:2] or seconds >= rules.plan_seconds


def _planned(ready: Sequence[Evacuation], seen: Seen, rules: model.Rules) -> Plan:
    if _is_whole_due(seen, rules):
        return Plan(planning.planned(ready, _look(seen), rules, seen.dead, seen.soon), True)
    return Plan(*planning.planned_again(ready, _look(seen), rules, seen.dead, seen.soon))


def _ending(recovery: Recovery, seen: Seen, mine: Sequence[Evacuation],
            rules: model.Rules) -> Decision:
    """Every move has ended.  What came since the plan is moved, too; then it is finished."""
    late = _late(recovery, seen, rules)
    if late is not None:
        return late
    text = counted(mine)
    return _go(recovery, RecoveryStage.FINISHED, seen, text,
               News(Fact.FINISHED, recovery.host, text))


def _late(recovery: Recovery, seen: Seen, rules: model.Rules) -> Decision | None:
    """Plan what Nova shows on the host only now, though it was on there; None if nothing is."""
    came = unlisted(recovery, seen)
    if came and (seen.servers is None or seen.candidates is None):
        return Decision(Act.LIST, recovery)
    servers = [server for server in seen.servers or () if server.uuid in came]
    late = _listed(dataclasses.replace(recovery, instances=_told(recovery, seen)),
                   servers[:TOGETHER_MAX], seen, rules)
    if not late:
        return None
    return Decision(Act.COMMIT, recovery, late, left.told(recovery.host, late, seen.case))


def _told(recovery: Recovery, seen: Seen) -> tuple[model.Instance, ...]:
    """What the host tells now, with what was on when it was confirmed."""
    told = {one.uuid: one for one in (seen.inventory.instances if seen.inventory else ())}
    for one in recovery.instances:
        now = told.get(one.uuid, one)
        off = now.power is model.Power.OFF
        told[one.uuid] = dataclasses.replace(now, power=one.power) if off else now
    return tuple(told.values())


def unlisted(recovery: Recovery, seen: Seen) -> frozenset[str]:
    """What was on there by anybody's word, and is in no plan.

    Nova may show it elsewhere still: its live migration was over, and who has to write that down
    hangs.
    """
    on = {one.uuid for one in recovery.instances if one.power is not model.Power.OFF}
    return _came(recovery, seen) | (on - _accounted_for(recovery, seen))


def _came(recovery: Recovery, seen: Seen) -> frozenset[str]:
    """What the host tells that is in no plan: it lived, and was fenced just then.

    Its live migration was under way by then.  Only such a host tells of it, so nobody else is
    asked; what a recovery of another host had sent here is that one's.
    """
    told = seen.inventory.instances if seen.inventory else ()
    return frozenset(instance.uuid for instance in told if instance.power is not model.Power.OFF
                     ) - _accounted_for(recovery, seen)


def _accounted_for(recovery: Recovery, seen: Seen) -> set[str]:
    """What is in its plan, or was sent to its host by another recovery."""
    planned = {item.instance for item in seen.moves.of(recovery.id)}
    return planned | admission.moved_on(recovery.host, recovery.id, seen.moves).keys()


def _is_over(recovery: Recovery, seen: Seen) -> bool:
    """True if every move of a plan has ended, and nothing came since: no fence is needed for
    that."""
    mine = seen.moves.of(recovery.id)
    return (recovery.stage in (RecoveryStage.PLANNED, RecoveryStage.EVACUATING)
            and all(item.phase.ended for item in mine) and not _came(recovery, seen))


def _finished(recovery: Recovery, seen: Seen, rules: model.Rules) -> Decision:
    """It only keeps its fence, unless a person asked for an instance just as it was finished, or
    Nova shows one on its host only now.
    """
    mine = seen.moves.of(recovery.id)
    if not all(item.phase.ended for item in mine):
        return _go(recovery, taken_up(recovery), seen, 'taken up again: an instance is open',
                   News(Fact.EVACUATING, recovery.host, counted(mine)))
    late = _late(recovery, seen, rules) if _late_may_be_due(recovery, seen, rules) else None
    if late is None or late.act is not Act.COMMIT:
        return late or _waits(recovery, '')
    taken = _go(recovery, taken_up(recovery), seen, 'taken up again: Nova shows more on it by now',
                News(Fact.EVACUATING, recovery.host, counted((*mine, *late.evacuations))))
    return dataclasses.replace(taken, evacuations=late.evacuations,
                               news=(*late.news, *taken.news))


def _late_may_be_due(recovery: Recovery, seen: Seen, rules: model.Rules) -> bool:
    """True if it is time to ask Nova, or Nova was asked just now.  What a person ended before its
    plan is left alone.
    """
    if not was_planned(recovery):
        return False
    return (seen.servers is not None or seen.planned is None
            or seen.planned[1] >= rules.late_plan_seconds)


_ROADS = {RecoveryStage.PROVEN: _proven, RecoveryStage.PLANNED: _moving,
          RecoveryStage.EVACUATING: _moving, RecoveryStage.FINISHED: _finished}


# ---------------------------------------------------------------- leaves


def _listed(recovery: Recovery, servers: Sequence[model.Server],
            seen: Seen, rules: model.Rules) -> tuple[Evacuation, ...]:
    return evacuation.listed(recovery, servers, fencing.safe_clusters(recovery),
                             _look(seen), seen.stopped,
                             fencing.awaited_clusters(recovery.orders), rules.policy)


def _ready(recovery: Recovery, items: Iterable[Evacuation], seen: Seen) -> list[Evacuation]:
    """Without those that wait for the fence of a cluster."""
    own, waits = fencing.safe_clusters(recovery), Phase.WAITING

    def is_ready(item: Evacuation) -> bool:
        safe = own if item.recovery == recovery.id else seen.safe.get(item.recovery)
        return safe is None or all(image.cluster in safe for image in item.images)

    return [item for item in items if item.phase is not waits or is_ready(item)]


def counted(items: Iterable[Evacuation]) -> str:
    """How many instances are in each phase, in words."""
    counts = evacuation.counts(items)
    told = ', '.join(f'{counts[phase]} {phase.value}' for phase in Phase if phase in counts)
    return told or 'it had no instances'


def _look(seen: Seen) -> evacuation.Seen:
    return evacuation.Seen(seen.at, seen.by, seen.epoch, seen.candidates or (), seen.rested,
                           seen.places, seen.grouping)
