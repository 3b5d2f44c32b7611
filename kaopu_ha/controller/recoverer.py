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

"""Carries recoveries out: look, let ``core.recovery`` decide, commit, act, tell.

Every step is committed before it is acted on and may be done again by another leader.  From the
first fence call there is no way back: what a host shows of life later is news.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
import dataclasses

from kaopu_ha import ports, records
from kaopu_ha.controller import history
from kaopu_ha.controller.alone import Alone, words
from kaopu_ha.controller.fencekeeper import FenceKeeper
from kaopu_ha.controller.leadership import Leadership
from kaopu_ha.controller.plans import Plans
from kaopu_ha.controller.targets import Targets
from kaopu_ha.controller.term import Term
from kaopu_ha.controller.world import RANGES, SEGMENTS, CloudView
from kaopu_ha.core import evacuation, fencing, model, placing, users
from kaopu_ha.core import recovery as road
from kaopu_ha.core.keys import TOGETHER_MAX, portions
from kaopu_ha.core.model import Evacuation, Phase, Recovery
from kaopu_ha.core.news import Fact, News
from kaopu_ha.core.recovery import Act, Decision, Seen
from kaopu_ha.runtime import Runtime
from kaopu_ha.unanswered import Untold

_ACT_SECONDS = 4.0
_STEPS_IN_A_TURN = 8
# For so long what was read of hosts says which of them may be targets.
_FRESH_SECONDS = 2.0
_SERVICE = 'If it was admitted since: openstack compute service set --up'


class Recoverer:
    """Advances every open recovery."""

    def __init__(self, store: ports.Store, leadership: Leadership, fences: Sequence[ports.Fence],
                 cloud: ports.Cloud, usage: ports.UsageSource, queue: ports.Queue,
                 libvirt: ports.LibvirtObserver, env: Runtime) -> None:
        self._store, self._cloud, self._queue = store, cloud, queue
        self._term, self._answering = Term(leadership, self._forget), leadership.answering
        self._rules, self._clock, self._tell = env.rules, env.clock, env.tell
        self._pool, self._libvirt = env.pool(6, 'recover'), libvirt
        self._told, self._read_at, self._plans = 0, 0.0, Plans(env.rules, env.clock)
        self.alone = Alone(store, env.clock, env.tell)
        self._untold = Untold(store, env.tell)
        self._keeper = FenceKeeper(store, self._term, fences, env.rules, env.clock, self._pool)
        self._targets = Targets(cloud, usage, env.rules, self._pool, env.clock, env.tell)
        self._acts: dict[Act, Callable[[CloudView, Seen, Decision], Seen]] = {
            Act.ASK_FORBIDDEN: self._ask_forbidden, Act.FENCE: self._fence,
            Act.READ_BACK: self._read_back, Act.ASK_HOST: self._ask_host,
            Act.MARK: self._mark, Act.UNMARK: self._unmark,
            Act.ASK_SERVICES: self._ask_services, Act.FORCE_DOWN: self._force_down,
            Act.LIST: self._list, Act.ASK_TARGETS: self._ask_targets, Act.REPLAN: self._replan}

    def turn(self) -> float:
        """Advance every open recovery as far as it goes; seconds until the next turn."""
        self._untold.look()
        if not self._term.begins():
            return 0.5
        try:
            for _ in range(_STEPS_IN_A_TURN):
                self._read_at = self._clock()
                world = CloudView(self._store.read(*RANGES, records.RECOVERY, records.EVACUATION,
                                                   records.PROOF, records.CLAIMS, *SEGMENTS),
                                  self._tell)
                self._hear(world)
                kept = _kept(world)
                if not self._advance_all(world, kept):
                    self._forget_old(world)
                    return self._rest(kept)
        except ports.PortError as failure:
            self._tell(News(Fact.STORE_AWAY, '', f'recoveries wait: {failure}'))
            return 1.0
        return 0.05

    def _forget(self) -> None:
        self._plans.forget()
        self._keeper.forget_others(())
        self._targets.forget()
        self._targets.outdated()

    def _rest(self, kept: Sequence[Recovery]) -> float:
        interval = self._rules.proof_seconds / 4
        return min(1.0, interval) if any(map(road.is_open, kept)) else interval

    def _advance_all(self, world: CloudView, kept: Sequence[Recovery]) -> bool:
        """True if something was committed: then look again at once."""
        open_ = {item.id for item in kept}
        self._plans.begin(kept, world.evacuations)
        self._keeper.forget_others(open_)
        dead = road.dead_hosts(kept)
        by_host = {item.host: item for item in kept}
        written: list[Recovery] = []
        self.alone.each(by_host, 'its recovery', lambda host: self._advance(
            world, by_host[host], dead, written))
        return bool(written)

    def _hear(self, world: CloudView) -> None:
        """A service changed, room came, or a reserved host was taken: what Nova said before is
        outdated."""
        newest = max((entry.modified for prefix in (records.EVENT + 'host/', records.TAKING)
                      for entry in world.snapshot.under(prefix).values()), default=0)
        if newest > self._told:
            self._told = newest
            self._targets.outdated()

    def _forget_old(self, world: CloudView) -> None:
        for name in history.outlived(world):
            gone = history.keys(world, name)
            for some in portions(gone):
                self._store.commit(
                    [*self._term.compares(), *world.compare(records.RECOVERY + name)],
                    [ports.Delete(key) for key in some])

    # ------------------------------------------------------------ one recovery

    def _advance(self, world: CloudView, item: Recovery, dead: frozenset[str],
                 written: list[Recovery]) -> None:
        """Do what is decided, and ask again, until it is to be written or there is nothing to do.

        What is written is put into ``written``: everything is looked at again then.
        """
        seen = self._seen(world, item, dead)
        last = None
        while True:
            decision = road.advance(item, seen, self._rules)
            act = self._acts.get(decision.act)
            if act is None:
                if decision.act is Act.COMMIT:
                    written.append(item)
                return self._end(world, item, decision, last)
            last = decision.act
            try:
                seen = dataclasses.replace(act(world, seen, decision), at=self._term.now())
            except ports.StoreError:
                raise
            except ports.PortError as failure:
                found = road.goes_on(item, seen, last, str(failure))
                if found is None:
                    return self._end(world, item, road.failed(item, last, str(failure)), last)
                seen = found
            except Exception as failure:
                # A driver broke its promise: what waits is written down, and it is told, too.
                self._end(world, item, road.failed(item, last, words(failure)), last)
                raise

    def _seen(self, world: CloudView, item: Recovery, dead: frozenset[str]) -> Seen:
        term, plans = self._term, self._plans
        return Seen(
            term.now(), term.name, term.epoch, case=world.cases.get(item.host),
            inventory=world.inventories.get(item.host),
            wanted=self._keeper.wanted(world, item, plans.moves),
            claimed=world.claimed, claims=world.claims, evacuations=plans.moves, dead=dead,
            marked=world.has(records.PROOF + item.id), fresh=self._keeper.is_fresh(item),
            told=self._told, rested=plans.rested,
            planned=plans.of(item), plan=plans.made(_FRESH_SECONDS), safe=plans.safe,
            soon=plans.soon(item),
            inventory_revision=world.modified(records.INVENTORY + item.host),
            answering=self._answering())

    def _end(self, world: CloudView, item: Recovery, decision: Decision, last: Act | None) -> None:
        if decision.act is Act.COMMIT:
            return self._commit(world, item, decision)
        if last is Act.FENCE:
            self._targets.forget()
        if decision.act is Act.WAIT and self._write(world, item, [_put(decision.recovery)]):
            self._tell_all(decision.news)
        return None

    def _commit(self, world: CloudView, item: Recovery, decision: Decision) -> None:
        """Write it all, then tell, then wake the workers."""
        # The last of them come with the stage: a worker that is woken by them may begin.
        moves = list(decision.evacuations)
        while len(moves) > TOGETHER_MAX:
            if not self._write(world, item, list(map(_put_evacuation, moves[:TOGETHER_MAX]))):
                return
            self._plans.wrote(moves[:TOGETHER_MAX])
            del moves[:TOGETHER_MAX]
        writes: list[ports.Put | ports.Delete] = list(map(_put_evacuation, moves))
        if decision.recovery != item:
            writes.append(_put(decision.recovery))
        if decision.proven:
            writes.append(self._keeper.proof(item))
        if decision.unproven:
            writes.append(ports.Delete(records.PROOF + item.id))
        key, went = records.RECOVERY + item.id, decision.recovery.history != item.history
        with self._untold.keeping(key, world.modified(key), decision.recovery,
                                  decision.news if went else ()):
            if not self._write(world, item, writes):
                return
        self._plans.wrote(moves)
        self._tell_all(decision.news)
        queued = [_key(move) for move in decision.evacuations if move.phase is Phase.QUEUED]
        if queued:
            self._queue.offer(queued)

    # ------------------------------------------------------------ acts: the fence

    def _ask_forbidden(self, world: CloudView, seen: Seen, decision: Decision) -> Seen:
        self._targets.prepare()
        return dataclasses.replace(seen, forbidden=self._keeper.forbidden(decision.recovery))

    def _fence(self, world: CloudView, seen: Seen, decision: Decision) -> Seen:
        item = decision.recovery
        permit = self._permit(world, item)
        with self._term.telling_if_late(item.host, 'may have fenced it',
                                              fencing.remedy(item.orders)):
            return dataclasses.replace(seen, cut=True, proofs=self._keeper.fence(item, permit))

    def _read_back(self, world: CloudView, seen: Seen, decision: Decision) -> Seen:
        return dataclasses.replace(seen, proofs=self._keeper.read_back(decision.recovery))

    def _ask_host(self, world: CloudView, seen: Seen, decision: Decision) -> Seen:
        """Whether its libvirt answers: then it is not off, whatever a person says."""
        inventory = seen.inventory
        if inventory is None or not inventory.management_uri:
            return dataclasses.replace(seen, answers=False)
        uri = inventory.management_uri
        said = self._libvirt.contact([uri], self._rules.ask_limit)[uri]
        return dataclasses.replace(seen, answers=(
            said.contact is model.Contact.ANSWERED
            and said.host_uuid.lower() == inventory.host_uuid.lower()))

    def _mark(self, world: CloudView, seen: Seen, decision: Decision) -> Seen:
        self._keeper.mark(world, decision.recovery, anew=seen.cut)
        return dataclasses.replace(seen, marked=True, fresh=True)

    def _unmark(self, world: CloudView, seen: Seen, decision: Decision) -> Seen:
        self._keeper.unmark(decision.recovery)
        self._tell_all(decision.news)
        return dataclasses.replace(seen, marked=False)

    # ------------------------------------------------------------ acts: the cloud

    def _ask_services(self, world: CloudView, seen: Seen, decision: Decision) -> Seen:
        return dataclasses.replace(seen, services=self._cloud.services())

    def _force_down(self, world: CloudView, seen: Seen, decision: Decision) -> Seen:
        host, permit = decision.recovery.host, self._permit(world, decision.recovery)
        with self._term.telling_if_late(host, 'may have forced its service down', _SERVICE):
            self._cloud.force_down(host, True, permit)
        return dataclasses.replace(seen, forced=True)

    def _list(self, world: CloudView, seen: Seen, decision: Decision) -> Seen:
        # Whatever comes of it, a finished recovery does not ask again at once.
        self._plans.listed(decision.recovery, seen)
        servers = self._cloud.servers(decision.recovery.host)
        kinds = {server.demand for server in servers if server.demand is not None}
        return self._asked_targets(world, dataclasses.replace(
            seen, servers=servers, stopped=self._stopped(decision.recovery, servers)), kinds)

    def _as_now(self, world: CloudView) -> CloudView:
        """The world as it was read, or read anew: a target may have died while Nova was asked."""
        if self._clock() - self._read_at < _FRESH_SECONDS:
            return world
        return CloudView(self._store.read(*RANGES, *SEGMENTS), self._tell)

    def _stopped(self, item: Recovery, servers: Sequence[model.Server]) -> frozenset[str]:
        """Those that were on, that Nova shows stopped, and of which a user had wanted that."""
        asked = {uuid: self._pool.submit(self._cloud.actions, uuid)
                 for uuid in evacuation.doubtful(item, servers)}
        return frozenset(uuid for uuid, actions in asked.items()
                         if users.stopped_by_user(actions.result()))

    def _ask_targets(self, world: CloudView, seen: Seen, decision: Decision) -> Seen:
        return self._asked_targets(world, seen)

    def _asked_targets(self, world: CloudView, seen: Seen,
                       kinds: Collection[model.Demand] = ()) -> Seen:
        """Every host, and where instances of these kinds, and of what is open, may be."""
        world = self._as_now(world)
        more = [kind for kind in placing.kinds(seen.evacuations) if kind not in kinds]
        return dataclasses.replace(
            seen, candidates=self._targets.candidates(world), grouping=world.grouping,
            places=self._targets.places(world, [*sorted(kinds), *more]))

    def _replan(self, world: CloudView, seen: Seen, decision: Decision) -> Seen:
        """Each instance is written for itself: a worker may have gone on with another one."""
        item, written = decision.recovery, []
        for move in decision.evacuations:
            failed = [News(Fact.NOT_MOVED, move.source, f'{move.name}: {move.reason}',
                           (evacuation.outcome(move, seen.case),))
                      ] if move.phase is Phase.FAILED else []
            with self._untold.keeping(_key(move), world.modified(_key(move)), move, failed):
                if not self._write(world, item, [_put_evacuation(move)], _key(move)):
                    continue
            written.append(move)
            if move.phase is Phase.QUEUED:
                self._queue.offer([_key(move)])
            self._tell_all(failed)
        assert decision.plan is not None, decision
        self._plans.replanned(item, seen, decision.plan)
        self._plans.wrote(written)
        return dataclasses.replace(seen, planned=self._plans.of(item))

    # ------------------------------------------------------------ private

    def _permit(self, world: CloudView, item: Recovery) -> ports.Permit:
        return self._term.permit(world.compare(
            records.RECOVERY + item.id, records.CASE + item.host), _ACT_SECONDS)

    def _write(self, world: CloudView, item: Recovery, writes: Sequence[ports.Put | ports.Delete],
               *keys: str) -> bool:
        compares = [*self._term.compares(), *world.compare(
            records.RECOVERY + item.id, records.CASE + item.host, *keys)]
        return self._store.commit(compares, writes) is not None

    def _tell_all(self, news: Sequence[News]) -> None:
        for item in news:
            self._tell(item)


def _kept(world: CloudView) -> tuple[Recovery, ...]:
    """The recoveries that keep their fence, by name."""
    return tuple(item for item in world.every(Recovery, records.RECOVERY).values()
                 if road.keeps_its_fence(world.cases.get(item.host), item))


def _put(item: Recovery) -> ports.Put:
    return ports.Put(records.RECOVERY + item.id, records.encode(item))


def _key(move: Evacuation) -> str:
    return f'{records.EVACUATION}{move.recovery}/{move.instance}'


def _put_evacuation(move: Evacuation) -> ports.Put:
    return ports.Put(_key(move), records.encode(move))
