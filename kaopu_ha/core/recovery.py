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

Past FENCING the fence is read back every few seconds, before anything else is done.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
import dataclasses
from dataclasses import dataclass, field
import enum

from kaopu_ha.core import addresses, admission, evacuation, fencing, model, roads, selection
from kaopu_ha.core.model import Case, Evacuation, Phase, Recovery, RecoveryStage, Stage
from kaopu_ha.core.news import Fact, News

# Between two plans while nothing began, ended or died: room may have come, or a host.
_PLAN_SECONDS = 5.0
# More arrivals than these are taken up in the next turn: they are written in one transaction.
_ARRIVALS_MAX = 60


class Act(enum.Enum):
    """What the leader does now.  All but the last three are followed by another look."""

    ASK_FORBIDDEN = 'ask what must not be cut'
    FENCE = 'cut, and read back'
    READ_BACK = 'read the fence back'
    MARK = 'show the proof'
    UNMARK = 'end the proof'
    ASK_SERVICES = 'ask for the compute services'
    FORCE_DOWN = 'force the compute service down'
    LIST = 'list the servers, and the targets'
    ASK_TARGETS = 'ask for the targets'
    REPLAN = 'write the new plan'
    COMMIT = 'write, and look at everything again'
    WAIT = 'write what is waited for'
    REST = 'nothing'


_FENCE_ACTS = (Act.ASK_FORBIDDEN, Act.FENCE, Act.READ_BACK, Act.MARK, Act.UNMARK)

# What decides whether it is worth to plan again: compared for equality, nothing else.
Standing = tuple[object, ...]


@dataclass(frozen=True)
class Seen:
    """What the leader saw.  None: not asked in this turn; ``advance`` says when it must be.

    ``wanted``: the orders that its newest inventory and its known clients give.  ``claimed``: for
    each IP address the hosts whose inventories name it; ``claims``: since when, as it was written
    down.  ``evacuations``: of all recoveries.
    ``dead``: see ``dead_hosts``.  ``marked``: the proof is shown.  ``fresh``: this leader read the
    fence back a moment ago.  ``cut``, ``forced``: what it has done in this turn.  ``told``: the
    newest event about any host.  ``rested``: see ``evacuation.Seen``.  ``planned``: how things
    stood at this leader's last plan, and for how many seconds that plan has stood.  ``stopped``: of
    the servers those that their users had stopped.
    """

    at: str
    by: str
    epoch: int
    case: Case | None = None
    inventory: model.Inventory | None = None
    wanted: Sequence[model.FenceOrder] = ()
    claimed: Mapping[str, Collection[str]] = field(default_factory=dict)
    claims: addresses.Claims = field(default_factory=dict)
    evacuations: Sequence[Evacuation] = ()
    dead: frozenset[str] = frozenset()
    marked: bool = False
    fresh: bool = False
    cut: bool = False
    forced: bool = False
    told: int = 0
    rested: Mapping[tuple[str, str, int], float] | None = None
    planned: tuple[Standing, float] | None = None
    forbidden: Mapping[str, str] | None = None
    proofs: Sequence[model.Proof] | None = None
    services: Mapping[str, model.ComputeService] | None = None
    servers: Sequence[model.Server] | None = None
    stopped: Collection[str] = ()
    candidates: tuple[selection.Candidate, ...] | None = None


@dataclass(frozen=True)
class Decision:
    """The act; what is to be written, and told once it is.

    ``proven``: the proof is written with it; ``unproven``: it ends with it.
    """

    act: Act
    recovery: Recovery
    evacuations: tuple[Evacuation, ...] = ()
    news: tuple[News, ...] = ()
    proven: bool = False
    unproven: bool = False


def advance(recovery: Recovery, seen: Seen, rules: model.Rules) -> Decision:
    """Decide the next act of a recovery that keeps its fence.  Asked twice, it gives the same."""
    ordered = _ordered(recovery, seen)
    if ordered is not None:
        return ordered
    if recovery.stage is RecoveryStage.FENCING:
        return _fencing(recovery, seen)
    return _kept(recovery, seen) or _ROADS[recovery.stage](recovery, seen, rules)


def failed(recovery: Recovery, act: Act, reason: str) -> Decision:
    """What to do when an act failed: wait for the fence, or for the cloud."""
    return _waits(recovery, reason, Fact.FENCE_WAITS if act in _FENCE_ACTS else Fact.CLOUD_AWAY)


def keeps_its_fence(case: Case | None, recovery: Recovery) -> bool:
    """True while the recovery's host is confirmed and its fence was not taken back on purpose."""
    if case is None or case.recovery != recovery.id:
        return False
    if case.stage is Stage.ADMITTING:
        return case.admit is not None and not case.admit.unfenced
    return case.stage is Stage.CONFIRMED


def is_open(recovery: Recovery) -> bool:
    """True while something is still to be done besides keeping the fence."""
    return recovery.stage is not RecoveryStage.FINISHED


def dead_hosts(recoveries: Iterable[Recovery]) -> frozenset[str]:
    """The hosts whose fence was proven, of recoveries that keep theirs: targets no more."""
    return frozenset(recovery.host for recovery in recoveries
                     if recovery.stage is not RecoveryStage.FENCING)


def standing(seen: Seen) -> Standing:
    """How things stand for a plan: it is made again when this changes, and now and then."""
    return (seen.dead, seen.told, frozenset(
        (item.recovery, item.instance, item.phase in _UNPLANNED, item.target)
        for item in seen.evacuations if not item.phase.ended))


# ---------------------------------------------------------------- the fence


def _ordered(recovery: Recovery, seen: Seen) -> Decision | None:
    """The orders before the fence: what came to the host is added; what was held is asked again.

    None if they are as they may be now.  What is added ends the proof, until it is read back.
    """
    orders = fencing.grown(recovery.orders, seen.wanted)
    if orders != recovery.orders:
        return _changed(recovery, dataclasses.replace(recovery, orders=orders, checked=False))
    more = fencing.beyond(orders, seen.wanted)
    if more:
        return _too_many(recovery, seen, more)
    claimed = fencing.neighbours(recovery, seen.claimed, seen.claims, seen.dead)
    if recovery.checked and not (_is_time(recovery, seen)
                                 and fencing.may_go_on(recovery.orders, claimed)):
        return None
    if seen.forbidden is None:
        return Decision(Act.ASK_FORBIDDEN, recovery)
    cut = recovery.stage is not RecoveryStage.FENCING
    found = [fencing.settled(order, claimed, seen.forbidden, cut) for order in recovery.orders]
    reasons = tuple(sorted({reason for _, reasons in found for reason in reasons}))
    # What came to an order that was cut must be cut as well before anything else is moved.
    lacks = any(order.addresses and fencing.may_go_on([order], claimed) for order, _ in found)
    after = dataclasses.replace(recovery, orders=tuple(order for order, _ in found),
                                refused=reasons, checked=not (cut and lacks))
    if after != recovery:
        return _changed(recovery, after)
    return None if after.checked else _waits(recovery, f'it may not be fenced yet: '
                                             f'{"; ".join(reasons)}', Fact.FENCE_WAITS)


def _too_many(recovery: Recovery, seen: Seen, more: Sequence[str]) -> Decision:
    """Where it may be is not fenced any more, and will not be: end the proof, and tell."""
    reason = (f'it has had more than {fencing.ADDRESSES_MAX} addresses since it was confirmed: at '
              f'{more[0]} it is not fenced')
    waits = _waits(recovery, reason, Fact.FENCE_WAITS)
    return dataclasses.replace(waits, act=Act.COMMIT, unproven=True) if seen.marked else waits


def _is_time(recovery: Recovery, seen: Seen) -> bool:
    return recovery.stage is RecoveryStage.FENCING or not (seen.marked and seen.fresh)


def _changed(before: Recovery, after: Recovery) -> Decision:
    """Write the orders that changed.  If more is to be cut now, the proof ends with it."""
    news = tuple(News(Fact.NOT_FENCED, after.host, reason) for reason in after.refused
                 if reason not in before.refused)
    if after.orders == before.orders or before.stage is RecoveryStage.FENCING:
        return Decision(Act.COMMIT, after, news=news)
    came = sorted({address for order in after.orders for address in fencing.whole(order).addresses}
                  - {address for order in before.orders
                     for address in fencing.whole(order).addresses})
    if came:
        news += (News(Fact.FENCE_GROWS, after.host, f'it has other addresses than when it was '
                      f'confirmed: {", ".join(came)} is to be fenced, too'),)
    return Decision(Act.COMMIT, after, news=news, unproven=True)


def _fencing(recovery: Recovery, seen: Seen) -> Decision:
    if seen.proofs is None and any(order.addresses for order in recovery.orders):
        return Decision(Act.FENCE, recovery)
    lacking = fencing.missing(recovery.orders, seen.proofs or ())
    if seen.proofs is None and recovery.refused:
        lacking = f'it may not be fenced yet: {"; ".join(recovery.refused)}'
    if lacking:
        return _waits(recovery, lacking, Fact.FENCE_WAITS)
    news = News(Fact.PROVEN, recovery.host, 'every address is fenced and was read back')
    decision = _go(recovery, RecoveryStage.PROVEN, seen, 'the fence was read back', news)
    return dataclasses.replace(decision, proven=True)


def _kept(recovery: Recovery, seen: Seen) -> Decision | None:
    """The fence first: read back, and cut again if it is gone.  None: it was just seen to hold."""
    if seen.marked and seen.fresh:
        return None
    if seen.proofs is None:
        return Decision(Act.READ_BACK, recovery)
    lacking = fencing.missing(recovery.orders, seen.proofs)
    if not lacking:
        return Decision(Act.MARK, recovery)
    if seen.marked:
        return Decision(Act.UNMARK, recovery, news=(News(
            Fact.FENCE_MENDED, recovery.host, f'its fence does not hold ({lacking}): cut again'),))
    if not seen.cut:
        return Decision(Act.FENCE, recovery)
    return _waits(recovery, f'the fence does not hold: {lacking}', Fact.FENCE_WAITS)


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
    if seen.servers is None or seen.candidates is None:
        return Decision(Act.LIST, recovery)
    made = _listed(recovery, seen.servers, seen)
    others = [item for item in seen.evacuations if item.recovery != recovery.id]
    changed = evacuation.planned(_ready(recovery, [*made, *others]), _look(seen), rules, seen.dead)
    mine = {item.instance: item for item in changed if item.recovery == recovery.id}
    made = tuple(mine.get(item.instance, item) for item in made)
    text = counted(made)
    stays = tuple(evacuation.outcome(item, seen.case) for item in made
                  if item.phase is Phase.NOT_RECOVERABLE)
    news = News(Fact.PLANNED, recovery.host, text, stays)
    decision = _go(recovery, RecoveryStage.PLANNED, seen, text, news)
    return dataclasses.replace(decision, evacuations=made)


_UNPLANNED = (Phase.WAITING, Phase.REFUSED)


def _moving(recovery: Recovery, seen: Seen, rules: model.Rules) -> Decision:
    """The workers carry it out; what has no target, or a dead one, is planned again."""
    mine = [item for item in seen.evacuations if item.recovery == recovery.id]
    if all(item.phase.ended for item in mine):
        return _ending(recovery, seen, mine)
    ready = _ready(recovery, seen.evacuations)
    lacks_target = any(item.phase in _UNPLANNED or (item.target in seen.dead
                                                    and not item.phase.ended)
                       for item in ready if item.recovery == recovery.id)
    if lacks_target and _plan_is_due(seen):
        if seen.candidates is None:
            return Decision(Act.ASK_TARGETS, recovery)
        changed = evacuation.planned(ready, _look(seen), rules, seen.dead)
        return Decision(Act.REPLAN, recovery, tuple(
            item for item in changed if item.recovery == recovery.id))
    if recovery.stage is RecoveryStage.PLANNED and any(item.attempts for item in mine):
        return _go(recovery, RecoveryStage.EVACUATING, seen, 'workers carry it out',
                   News(Fact.EVACUATING, recovery.host, counted(mine)))
    return _waits(recovery, '')


def _plan_is_due(seen: Seen) -> bool:
    """To plan means to ask Nova and Placement, which have instances to move."""
    if seen.planned is None:
        return True
    before, seconds = seen.planned
    return standing(seen) != before or seconds >= _PLAN_SECONDS


def _ending(recovery: Recovery, seen: Seen, mine: Sequence[Evacuation]) -> Decision:
    """Every move has ended.  What came since the plan is moved, too; then it is finished."""
    came = _came(recovery, seen)
    if came and (seen.servers is None or seen.candidates is None):
        return Decision(Act.LIST, recovery)
    if came and seen.inventory is not None:
        known = dataclasses.replace(recovery, instances=seen.inventory.instances)
        servers = [server for server in seen.servers or () if server.uuid in came]
        late = _listed(known, servers[:_ARRIVALS_MAX], seen)
        if late:
            return Decision(Act.COMMIT, recovery, late)
    text = counted(mine)
    return _go(recovery, RecoveryStage.FINISHED, seen, text,
               News(Fact.FINISHED, recovery.host, text))


def _came(recovery: Recovery, seen: Seen) -> frozenset[str]:
    """What the host tells that is in no plan: it lived, and was fenced just then.

    Its live migration was under way by then.  Only such a host tells of it, so nobody else is
    asked; what a recovery of another host had sent here is that one's.
    """
    known = {item.instance for item in seen.evacuations if item.recovery == recovery.id}
    known |= admission.moved_on(recovery.host, recovery.id, seen.evacuations).keys()
    told = seen.inventory.instances if seen.inventory else ()
    return frozenset(instance.uuid for instance in told
                     if instance.power is not model.Power.OFF) - known


def _finished(recovery: Recovery, seen: Seen, rules: model.Rules) -> Decision:
    """It only keeps its fence, unless a person asked for an instance just as it was finished."""
    mine = [item for item in seen.evacuations if item.recovery == recovery.id]
    if all(item.phase.ended for item in mine):
        return _waits(recovery, '')
    return _go(recovery, RecoveryStage.EVACUATING, seen, 'taken up again: an instance is open',
               News(Fact.EVACUATING, recovery.host, counted(mine)))


_ROADS = {RecoveryStage.PROVEN: _proven, RecoveryStage.PLANNED: _moving,
          RecoveryStage.EVACUATING: _moving, RecoveryStage.FINISHED: _finished}


# ---------------------------------------------------------------- leaves


def _listed(recovery: Recovery, servers: Sequence[model.Server],
            seen: Seen) -> tuple[Evacuation, ...]:
    return evacuation.listed(recovery, servers, fencing.fenced_clusters(recovery.orders),
                             _look(seen), seen.stopped,
                             fencing.awaited_clusters(recovery.orders))


def _ready(recovery: Recovery, items: Iterable[Evacuation]) -> list[Evacuation]:
    """Without those of the recovery that wait for the fence of a cluster."""
    fenced = fencing.fenced_clusters(recovery.orders)
    return [item for item in items if item.recovery != recovery.id
            or item.phase is not Phase.WAITING
            or {image.cluster for image in item.images} <= fenced]


def counted(items: Iterable[Evacuation]) -> str:
    """How many instances are in each phase, in words."""
    counts = evacuation.counts(items)
    told = ', '.join(f'{counts[phase]} {phase.value}' for phase in Phase if phase in counts)
    return told or 'it had no instances'


def _look(seen: Seen) -> evacuation.Seen:
    return evacuation.Seen(seen.at, seen.by, seen.epoch, seen.candidates or (), seen.rested)


def _go(recovery: Recovery, stage: RecoveryStage, seen: Seen, reason: str,
        news: News) -> Decision:
    gone = roads.step_of_recovery(recovery, stage, seen.at, seen.by, reason)
    return Decision(Act.COMMIT, gone, news=(news,))


def _waits(recovery: Recovery, reason: str, fact: Fact = Fact.CLOUD_AWAY) -> Decision:
    """Persist and tell what is waited for, once; an empty reason ends the waiting."""
    if recovery.waiting_for == reason:
        return Decision(Act.REST, recovery)
    news = (News(fact, recovery.host, f'{recovery.stage.value}: {reason}'),)
    return Decision(Act.WAIT, dataclasses.replace(recovery, waiting_for=reason),
                    news=news if reason and not recovery.waiting_for else ())
