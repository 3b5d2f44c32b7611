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

"""The one road from CONFIRMED to FINISHED: fence, proof, forced down, list, plan, evacuate.

Every step is committed before it is acted on and may be done again by another leader.  From the
first fence call there is no way back: what a host shows of life later is news.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
import concurrent.futures
import dataclasses

from kaopu_ha import ports, records
from kaopu_ha.controller import history
from kaopu_ha.controller.fencekeeper import FenceKeeper
from kaopu_ha.controller.leadership import Leadership
from kaopu_ha.controller.targets import Targets
from kaopu_ha.controller.world import RANGES, World
from kaopu_ha.core import admission, evacuation, fencing, model
from kaopu_ha.core.model import Phase, Recovery, RecoveryStage, Stage
from kaopu_ha.core.news import Fact, News, Outcome

_ACT_SECONDS = 4.0
# etcd takes 128 operations in one transaction.
_CHUNK = 60
_STEPS_IN_A_TURN = 8
# Between two plans while nothing began, ended or died: room may have come, or a host.
_PLAN_SECONDS = 5.0


class Recoverer:
    """Advances every open recovery."""

    def __init__(self, store: ports.Store, leadership: Leadership, fences: Sequence[ports.Fence],
                 cloud: ports.Cloud, usage: ports.UsageSource, queue: ports.Queue,
                 rules: model.Rules, clock: Callable[[], float], tell: Callable[[News], None],
                 pool: concurrent.futures.Executor,
                 flapping: Callable[[], frozenset[str]] = frozenset) -> None:
        self._store, self._leadership, self._cloud, self._queue = store, leadership, cloud, queue
        self._rules, self._clock, self._tell = rules, clock, tell
        self._planned: dict[str, tuple[object, float]] = {}
        self._told = 0
        self._keeper = FenceKeeper(store, leadership, fences, rules, clock, tell, pool)
        self._targets = Targets(cloud, usage, flapping, pool, clock)
        self._roads = {RecoveryStage.FENCING: self._fence, RecoveryStage.PROVEN: self._list,
                       RecoveryStage.PLANNED: self._move, RecoveryStage.EVACUATING: self._move}

    def turn(self) -> float:
        """Advance every open recovery as far as it goes; seconds until the next turn."""
        if not self._leadership.leads():
            return 0.5
        try:
            for _ in range(_STEPS_IN_A_TURN):
                world = World(self._store.read(*RANGES, records.RECOVERY, records.EVACUATION,
                                               records.PROOF), self._tell)
                stages = self._advance_all(world)
                if stages is not None:
                    return self._rest(stages)
        except ports.PortError as failure:
            self._tell(News(Fact.STORE_AWAY, '', f'recoveries wait: {failure}'))
            return 1.0
        return 0.05

    def _rest(self, stages: Iterable[RecoveryStage]) -> float:
        interval = self._rules.proof_seconds / 4
        under_way = any(stage is not RecoveryStage.FINISHED for stage in stages)
        return min(1.0, interval) if under_way else interval

    def _advance_all(self, world: World) -> tuple[RecoveryStage, ...] | None:
        """None if something was committed: then look again at once."""
        self._hear(world)
        recoveries = world.every(Recovery, records.RECOVERY)
        opened = {name: recovery for name, recovery in recoveries.items()
                  if keeps_its_fence(world, recovery)}
        progress = False
        for recovery in opened.values():
            away = Fact.FENCE_WAITS
            try:
                if recovery.stage is not RecoveryStage.FENCING:
                    if not self._keeper.keep(world, recovery):
                        continue
                    away = Fact.CLOUD_AWAY
                road = self._roads.get(recovery.stage)
                went = road(world, recovery) if road else False
                if not went and recovery.stage is not RecoveryStage.FENCING:
                    self._wait(world, recovery, '')
                progress |= went
            except ports.StoreError:
                raise
            except ports.PortError as failure:
                self._wait(world, recovery, str(failure), away)
        if progress:
            return None
        self._forget_old(world)
        return tuple(recovery.stage for recovery in opened.values())

    def _hear(self, world: World) -> None:
        """Nova told that a service changed, or that room came: what it said before is outdated."""
        newest = max((entry.modified for entry in world.snapshot.under(
            records.EVENT + 'host/').values()), default=0)
        if newest > self._told:
            self._told = newest
            self._targets.outdated()

    def _forget_old(self, world: World) -> None:
        for name in history.outlived(world):
            gone = history.keys(world, name)
            for start in range(0, len(gone), _CHUNK):
                self._store.commit(
                    [*self._leadership.compares(), *world.compare(records.RECOVERY + name)],
                    [ports.Delete(key) for key in gone[start:start + _CHUNK]])

    # ------------------------------------------------------------ the stages

    def _fence(self, world: World, recovery: Recovery) -> bool:
        if not recovery.checked:
            self._targets.prepare()
            return self._check(world, recovery)
        proofs = self._keeper.cut(world, recovery)
        lacking = fencing.missing(recovery.orders, proofs)
        if lacking:
            self._targets.forget()
            return self._wait(world, recovery, lacking, Fact.FENCE_WAITS)
        news = News(Fact.PROVEN, recovery.host, 'every address is fenced and was read back')
        return self._go(world, recovery, RecoveryStage.PROVEN, 'the fence was read back', news,
                        [self._keeper.mark(recovery)])

    def _check(self, world: World, recovery: Recovery) -> bool:
        claimed: dict[str, set[str]] = {}
        for host, inventory in world.inventories.items():
            for address in inventory.storage_addresses:
                claimed.setdefault(address, set()).add(host)
        orders, refused = fencing.admissible(recovery.orders, claimed,
                                             self._keeper.forbidden(recovery))
        checked = dataclasses.replace(recovery, orders=orders, refused=refused, checked=True)
        done = self._commit(world, recovery, [_put(checked)])
        for reason in refused if done else ():
            self._tell(News(Fact.NOT_FENCED, recovery.host, reason))
        return done

    def _list(self, world: World, recovery: Recovery) -> bool:
        """Forced down, then list the servers again, then plan."""
        service = self._cloud.services().get(recovery.host)
        if service is not None and not service.forced_down:
            if not recovery.forced_by_us:
                return self._commit(world, recovery,
                                    [_put(dataclasses.replace(recovery, forced_by_us=True))])
            self._cloud.force_down(recovery.host, True, self._permit(world, recovery))
        servers = self._cloud.servers(recovery.host)
        seen = self._seen(world)
        made = evacuation.listed(recovery, servers, fencing.fenced_clusters(recovery.orders), seen)
        changed = evacuation.planned(
            [*made, *self._evacuations(world, without=recovery.id)], seen, self._rules,
            self._dead(world))
        made = tuple(_merged(made, changed))
        writes = [_put_evacuation(item) for item in made]
        while len(writes) > _CHUNK:
            if not self._commit(world, recovery, writes[:_CHUNK]):
                return True
            del writes[:_CHUNK]
        # The last of them come with the stage: a worker that is woken by them may begin.
        text, case = _counted(made), world.cases.get(recovery.host)
        self._go(world, recovery, RecoveryStage.PLANNED, text,
                 News(Fact.PLANNED, recovery.host, text, _stay(made, case)), writes)
        self._queue.offer([_key(item) for item in made if item.phase is Phase.QUEUED])
        return True

    def _move(self, world: World, recovery: Recovery) -> bool:
        mine = [item for item in self._evacuations(world) if item.recovery == recovery.id]
        if all(item.phase.ended for item in mine):
            late = self._late(world, recovery)
            if late:
                return self._commit(world, recovery, [_put_evacuation(item) for item in late])
            text = _counted(mine)
            return self._go(world, recovery, RecoveryStage.FINISHED, text,
                            News(Fact.FINISHED, recovery.host, text), [])
        if any(item.phase in (Phase.WAITING, Phase.REFUSED) for item in mine) or any(
                item.target in self._dead(world) and not item.phase.ended for item in mine):
            self._plan_if_due(world, recovery)
        if recovery.stage is RecoveryStage.PLANNED and any(item.attempts for item in mine):
            return self._go(world, recovery, RecoveryStage.EVACUATING, 'workers carry it out',
                            News(Fact.EVACUATING, recovery.host, _counted(mine)), [])
        return False

    def _late(self, world: World, recovery: Recovery) -> tuple[model.Evacuation, ...]:
        """What came since the plan, to a host that lived and was fenced just then.

        Its live migration was under way by then.  Only such a host tells of it, so nobody else is
        asked; what a recovery of another host had sent here is that one's.
        """
        inventory = world.inventories.get(recovery.host)
        every = self._evacuations(world)
        known = {item.instance for item in every if item.recovery == recovery.id}
        known |= admission.moved_on(recovery.host, recovery.id, every).keys()
        told = {instance.uuid for instance in (inventory.instances if inventory else ())
                if instance.power is not model.Power.OFF} - known
        if not told or inventory is None:
            return ()
        servers = [server for server in self._cloud.servers(recovery.host) if server.uuid in told]
        came = dataclasses.replace(recovery, instances=inventory.instances)
        return evacuation.listed(came, servers[:_CHUNK], fencing.fenced_clusters(recovery.orders),
                                 self._seen(world))

    def _plan_if_due(self, world: World, recovery: Recovery) -> None:
        """Plan again at once when anything began, ended, died or was told of; else now and then.

        To plan means to ask Nova and Placement, which have instances to move.
        """
        standing = (self._dead(world), self._told, frozenset(
            (_key(item), item.phase in (Phase.WAITING, Phase.REFUSED), item.target)
            for item in self._evacuations(world) if not item.phase.ended))
        before, at = self._planned.get(recovery.id, (None, 0.0))
        if standing == before and self._clock() - at < _PLAN_SECONDS:
            return
        self._plan_again(world, recovery)
        self._planned[recovery.id] = standing, self._clock()

    def _plan_again(self, world: World, recovery: Recovery) -> None:
        seen = self._seen(world)
        changed = evacuation.planned(self._evacuations(world), seen, self._rules,
                                     self._dead(world))
        for item in changed:
            before = world.every(model.Evacuation, records.EVACUATION).get(
                f'{item.recovery}/{item.instance}')
            if before is None or item.recovery != recovery.id:
                continue
            if not self._commit(world, recovery, [_put_evacuation(item)], _key(item)):
                continue
            if item.phase is Phase.QUEUED:
                self._queue.offer([_key(item)])
            if item.phase is Phase.FAILED:
                self._tell(News(Fact.NOT_MOVED, item.source, f'{item.name}: {item.reason}',
                                (evacuation.outcome(item, world.cases.get(item.source)),)))

    # ------------------------------------------------------------ private

    def _seen(self, world: World) -> evacuation.Seen:
        leader = self._leadership
        return evacuation.Seen(leader.now(), leader.name, leader.epoch,
                               self._targets.candidates(world))

    def _evacuations(self, world: World, without: str = '') -> list[model.Evacuation]:
        return [item for item in world.every(model.Evacuation, records.EVACUATION).values()
                if item.recovery != without]

    def _dead(self, world: World) -> frozenset[str]:
        """Hosts that are confirmed and whose fence was proven."""
        return frozenset(
            recovery.host for recovery in world.every(Recovery, records.RECOVERY).values()
            if recovery.stage is not RecoveryStage.FENCING and keeps_its_fence(world, recovery))

    def _permit(self, world: World, recovery: Recovery) -> ports.Permit:
        return self._leadership.permit(world.compare(
            records.RECOVERY + recovery.id, records.CASE + recovery.host), _ACT_SECONDS)

    def _go(self, world: World, recovery: Recovery, stage: RecoveryStage, reason: str, news: News,
            writes: Sequence[ports.Put]) -> bool:
        step = self._leadership.step(stage.value, reason)
        gone = dataclasses.replace(recovery, stage=stage, waiting_for='',
                                   road=(*recovery.road, step))
        if self._commit(world, recovery, [_put(gone), *writes]):
            self._tell(news)
        return True

    def _wait(self, world: World, recovery: Recovery, reason: str,
              fact: Fact = Fact.CLOUD_AWAY) -> bool:
        """Persist and tell what is waited for, once; an empty reason ends the waiting."""
        if recovery.waiting_for == reason:
            return False
        waiting = dataclasses.replace(recovery, waiting_for=reason)
        done = self._commit(world, recovery, [_put(waiting)])
        if done and reason and not recovery.waiting_for:
            self._tell(News(fact, recovery.host, f'{recovery.stage.value}: {reason}'))
        return False

    def _commit(self, world: World, recovery: Recovery, writes: Sequence[ports.Put],
                *keys: str) -> bool:
        compares = [*self._leadership.compares(), *world.compare(
            records.RECOVERY + recovery.id, records.CASE + recovery.host, *keys)]
        return self._store.commit(compares, writes) is not None


def keeps_its_fence(world: World, recovery: Recovery) -> bool:
    """True while the recovery's host is confirmed and its fence was not taken back on purpose."""
    case = world.cases.get(recovery.host)
    if case is None or case.recovery != recovery.id:
        return False
    if case.stage is Stage.ADMITTING:
        return case.admit is not None and not case.admit.unfenced
    return case.stage is Stage.CONFIRMED


def _put(recovery: Recovery) -> ports.Put:
    return ports.Put(records.RECOVERY + recovery.id, records.encode(recovery))


def _key(item: model.Evacuation) -> str:
    return f'{records.EVACUATION}{item.recovery}/{item.instance}'


def _put_evacuation(item: model.Evacuation) -> ports.Put:
    return ports.Put(_key(item), records.encode(item))


def _stay(made: Iterable[model.Evacuation], case: model.Case | None) -> tuple[Outcome, ...]:
    """Of those that ran, the instances that are not moved."""
    return tuple(evacuation.outcome(item, case) for item in made
                 if item.phase is Phase.NOT_RECOVERABLE)


def _merged(made: Sequence[model.Evacuation],
            changed: Sequence[model.Evacuation]) -> list[model.Evacuation]:
    newest = {_key(item): item for item in (*made, *changed)}
    return [newest[_key(item)] for item in made]


def _counted(items: Iterable[model.Evacuation]) -> str:
    counts: Mapping[Phase, int] = evacuation.counts(items)
    told = ', '.join(f'{counts[phase]} {phase.value}' for phase in Phase if phase in counts)
    return told or 'it had no instances'
