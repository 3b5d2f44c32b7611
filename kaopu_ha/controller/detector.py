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

"""Look at every host, ask about the suspects, decide, commit, tell: detection's turn."""

from __future__ import annotations

import collections
from collections.abc import Callable, Mapping, Sequence
import concurrent.futures
import dataclasses
from dataclasses import dataclass
import math

from kaopu_ha import ports, records, shelf
from kaopu_ha.controller.casebook import Casebook
from kaopu_ha.controller.leadership import Leadership
from kaopu_ha.controller.world import RANGES, World
from kaopu_ha.core import admission, brake, detection, evacuation, events, fencing, model, restart
from kaopu_ha.core.addresses import known as known_addresses
from kaopu_ha.core.evidence import confirmed
from kaopu_ha.core.news import Fact, News

_FLAPPING_SECONDS = 600.0
_FLAPPING_TIMES = 3
# After an event about a suspect it is looked at so soon, if it was not due before.
_TOLD_SECONDS = 0.5
# An ask ends by its limit; one that is over it by so much hangs.
_BEYOND_SECONDS = 2.0


@dataclass
class _Memory:
    """What this leader remembers of a host, by its own monotonic clock."""

    missing_since: float | None = None
    next_look: float = 0.0
    last_dead: float | None = None
    storage: tuple[str, ...] = ()
    closings: tuple[float, ...] = ()
    told: int = 0


@dataclass(frozen=True)
class _Looked:
    """A round that has ended, when it did, and Nova's servers if they were asked and came."""

    round: model.Round
    ended: float
    servers: tuple[model.Server, ...] | None = None


class Detector:
    """Opens, advances and closes the cases.  Decides nothing itself: ``core.detection`` does."""

    def __init__(self, store: ports.Store, leadership: Leadership, probes: Sequence[ports.Probe],
                 cloud: ports.Cloud, fences: Sequence[ports.Fence], rules: model.Rules,
                 clock: Callable[[], float], tell: Callable[[News], None],
                 pool: concurrent.futures.Executor) -> None:
        self._store, self._leadership, self._cloud = store, leadership, cloud
        self._probes = {probe.network: probe for probe in probes}
        self._fences, self._rules, self._clock, self._tell = fences, rules, clock, tell
        self._pool = pool
        self._hosts: collections.defaultdict[str, _Memory] = collections.defaultdict(_Memory)
        self._book = Casebook(clock)
        self._epoch = 0
        self._trusted_from = math.inf
        self._storm = False
        self._away = False

    def turn(self) -> float:
        """One look at every host; seconds until the next one."""
        if not self._leadership.leads():
            self._epoch = 0
            return 0.5
        if self._leadership.epoch != self._epoch:
            self._begin()
        try:
            return self._looked_at()
        except ports.PortError as failure:
            if not self._away:
                self._tell(News(Fact.STORE_AWAY, '', f'nothing is decided: {failure}'))
            self._away = True
            return 0.5

    def flapping(self) -> frozenset[str]:
        """Hosts whose cases were closed again and again lately."""
        now = self._clock()
        return frozenset(host for host, memory in self._hosts.items() if sum(
            now - at < _FLAPPING_SECONDS for at in memory.closings) >= _FLAPPING_TIMES)

    # ------------------------------------------------------------ look

    def _begin(self) -> None:
        """A new office knows nothing: beats get a grace of one TTL."""
        # Anew, not emptied: another thread may be reading it in ``flapping``.
        self._hosts, self._epoch = collections.defaultdict(_Memory), self._leadership.epoch
        self._trusted_from = self._clock() + self._rules.beat_ttl
        self._storm = False
        self._book.forget()

    def _read(self) -> World:
        world = World(self._store.read(*RANGES), self._tell)
        if self._away:
            self._away = False
            self._trusted_from = self._clock() + self._rules.beat_ttl
            self._tell(News(Fact.STORE_BACK, '', 'beats get a grace of one TTL'))
        return world

    def _looked_at(self) -> float:
        world = self._read()
        self._remember(world)
        due = self._due(world)
        for host in due:
            if host not in world.cases:
                self._open(world, host)
        if not due:
            self._judge_all(world, {})
            return self._next_turn(world)
        world = self._read()
        looked = self._ask(world, [host for host in due if host in world.cases])
        world = self._read()
        self._remember(world)
        self._judge_all(world, looked if self._counts(looked) else {})
        return self._next_turn(world)

    def _counts(self, looked: dict[str, _Looked]) -> bool:
        """A round counts in the office in which it was asked, and while it is fresh.

        Whoever was stopped since, and leads again, knows nothing of what others saw meanwhile.
        """
        age = self._clock() - min((one.ended for one in looked.values()), default=math.inf)
        return self._leadership.epoch == self._epoch and age < self._rules.beat_ttl

    def _remember(self, world: World) -> None:
        now = self._clock()
        known = set(world.inventories)
        self._forget_gone(world)
        missing = {host for host in known if not world.has(records.ALIVE + host)}
        before = {host for host in known if self._of(host).missing_since is not None}
        if len(known) > 1 and missing == known and before != known:
            # All beats gone at once says more about etcd than about the hosts.
            self._trusted_from = max(self._trusted_from, now + self._rules.beat_ttl)
        for host in sorted(known):
            memory = self._of(host)
            if host not in missing:
                memory.missing_since = memory.last_dead = None
                self._tell_storage(world.inventories[host], memory)
            elif memory.missing_since is None:
                memory.missing_since = now
                memory.next_look = 0.0
            elif world.told.get(host, 0) > memory.told:
                # It may know more: a look decides.  Not at once, or a storm of events were one of
                # looks.
                memory.next_look = min(memory.next_look, now + _TOLD_SECONDS)
            memory.told = max(memory.told, world.told.get(host, 0))

    def _forget_gone(self, world: World) -> None:
        known = world.snapshot.under(records.INVENTORY)
        # Anew, not emptied: another thread may be reading it in ``flapping``.
        if self._hosts.keys() - known:
            kept = {host: memory for host, memory in self._hosts.items() if host in known}
            self._hosts = collections.defaultdict(_Memory, kept)
        self._book.forget_closed(world)

    def _of(self, host: str) -> _Memory:
        return self._hosts[host]

    def _tell_storage(self, inventory: model.Inventory, memory: _Memory) -> None:
        lost = tuple(sorted(cluster for cluster, sign in inventory.storage.items()
                            if sign is not model.Sign.LIFE))
        if lost and lost != memory.storage:
            self._tell(News(Fact.STORAGE_LOST, inventory.host,
                            'it lives, but does not reach its storage: ' + ', '.join(lost)))
        if memory.storage and not lost:
            self._tell(News(Fact.STORAGE_BACK, inventory.host, 'it reaches its storage again'))
        memory.storage = lost

    def _first_look(self, memory: _Memory) -> float:
        assert memory.missing_since is not None
        return max(memory.missing_since + detection.grace(self._rules), self._trusted_from)

    def _due(self, world: World) -> list[str]:
        now, found = self._clock(), []
        for host in sorted(world.inventories):
            memory, case = self._of(host), world.cases.get(host)
            if memory.missing_since is None or world.permanent(host) or host in world.unreadable:
                continue
            if case is not None and case.stage not in detection.JUDGING:
                continue
            if now >= max(self._first_look(memory), memory.next_look):
                found.append(host)
        return found

    def _next_turn(self, world: World) -> float:
        now = self._clock()
        times = [max(self._first_look(memory), memory.next_look)
                 for host, memory in self._hosts.items()
                 if memory.missing_since is not None and not world.permanent(host)]
        return min([max(at - now, 0.0) for at in times], default=self._rules.look_interval)

    # ------------------------------------------------------------ ask

    def _ask(self, world: World, hosts: Sequence[str]) -> dict[str, _Looked]:
        """Both networks at once; Nova's list beside the last look, if it comes in time."""
        if not hosts:
            return {}
        limit, at = self._rules.ask_limit, self._leadership.now()
        coming = self._evacuations()
        suspects = [evacuation.with_coming(
            confirmed(world.inventories[host], world.cases[host]), coming)
            for host in hosts]
        peers = [world.inventories[host] for host in sorted(world.beats)
                 if host in world.inventories and host not in hosts]
        known = known_addresses(world.inventories, (*self._rules.tools, *world.tools))
        asks = {network: self._pool.submit(probe.ask, suspects, peers, limit, known)
                for network, probe in self._probes.items()}
        lists = {host: self._pool.submit(self._cloud.servers, host) for host in hosts
                 if world.cases[host].stage is model.Stage.LAST_LOOK}
        said = {network: _said(ask, hosts, network, limit) for network, ask in asks.items()}
        ended, looked = self._clock(), {}
        for host in hosts:
            management = said[model.Network.MANAGEMENT][host]
            storage = said[model.Network.STORAGE][host]
            verdict, rule = detection.judged(management, storage)
            item = model.Round(at, self._leadership.name, management, storage, verdict, rule)
            looked[host] = _Looked(item, ended, _in_time(lists.get(host)))
            if verdict is not model.Verdict.DEAD:
                # Whatever becomes of this round: the silence that was counted ends here.
                self._of(host).last_dead = None
        return looked

    # ------------------------------------------------------------ decide, commit, tell

    def _open(self, world: World, host: str) -> None:
        case = detection.opened(world.inventories[host], self._seen(world, host, None))
        news = [News(Fact.CASE_OPENED, host, 'its beat is gone; the other networks are asked')]
        if world.inventories[host].leaving:
            news.append(News(Fact.LEAVING, host, f'it said that it is being shut down: it has '
                             f'{self._rules.leaving_seconds:g} s of silence to come back in'))
        self._commit(world, host, detection.Decision(case, news=tuple(news)), None)

    def _judge_all(self, world: World, looked: dict[str, _Looked]) -> None:
        self._tell_storm(world)
        for host, case in world.cases.items():
            if case.stage not in detection.JUDGING or world.permanent(host):
                continue
            if host in looked or world.has(records.ALIVE + host):
                self._judge(world, host, case, looked.get(host))

    def _judge(self, world: World, host: str, case: model.Case, looked: _Looked | None) -> None:
        memory = self._of(host)
        decision = detection.advance(self._book.newest(world, case),
                                     self._seen(world, host, looked), self._rules)
        # If the store's answer is lost, the time since may have been counted: never twice.
        last_dead, memory.last_dead = memory.last_dead, None
        if not self._commit(world, host, decision, looked):
            memory.last_dead, memory.next_look = last_dead, 0.0
        elif looked is not None:
            if looked.round.verdict is model.Verdict.DEAD:
                memory.last_dead = looked.ended
            memory.next_look = looked.ended + decision.again

    def _seen(self, world: World, host: str, looked: _Looked | None) -> detection.Seen:
        memory, beat = self._of(host), world.beats.get(host)
        since = 0.0
        if looked is not None and memory.last_dead is not None:
            since = looked.ended - memory.last_dead
        return detection.Seen(
            self._leadership.now(), self._leadership.name, beat=world.has(records.ALIVE + host),
            beat_boot_id=beat.boot_id if beat else '', round=looked.round if looked else None,
            since_last=since, death=world.has(records.DEATH + host),
            lock=world.has(records.LOCK + host), braked=host in self._braked(world),
            held=host in world.held, inventory=world.inventories.get(host))

    def _braked(self, world: World) -> frozenset[str]:
        return brake.braked(world.cases.values(), world.held, world.released,
                            len(world.inventories), self._rules)

    def _tell_storm(self, world: World) -> None:
        storm = brake.storm(world.cases.values(), world.held, len(world.inventories), self._rules)
        if storm and not self._storm:
            hosts = ', '.join(brake.counted(world.cases.values(), world.held))
            self._tell(News(Fact.BRAKE_ON, '', f'too many hosts are silent at once ({hosts}): '
                            'nobody is condemned; `kaopu-ha brake release` lets these go on'))
        if self._storm and not storm:
            self._tell(News(Fact.BRAKE_OFF, '', 'fewer hosts are silent'))
        self._storm = storm

    def _commit(self, world: World, host: str, decision: detection.Decision,
                looked: _Looked | None) -> bool:
        if self._book.may_wait(world, decision):
            return True
        compares = [*self._leadership.compares(), *world.compare(
            records.CASE + host, records.ALIVE + host, records.DEATH + host, records.LOCK + host,
            records.HOST + host, records.BRAKE)]
        writes: list[ports.Put | ports.Delete] = []
        writes += self._keys(host, decision)
        if decision.confirm:
            compares += world.compare(records.INVENTORY + host)
            writes += self._confirmed(world, host, decision.case, looked)
        elif decision.case.stage is model.Stage.CLOSED:
            writes += self._closed(world, host, decision.case)
        else:
            writes.append(ports.Put(records.CASE + host, records.encode(decision.case)))
        if self._store.commit(compares, writes) is None:
            return False
        for item in decision.news:
            self._tell(item)
        return True

    def _keys(self, host: str, decision: detection.Decision) -> list[ports.Put | ports.Delete]:
        """The visible clocks.  Their leases show the wait; the case counts it."""
        writes: list[ports.Put | ports.Delete] = []
        answered = decision.case.kernel_answered
        for key, wanted, seconds in (
                (records.DEATH, decision.death, self._rules.death_wait(answered)),
                (records.LOCK, decision.lock, self._rules.lock_wait(answered))):
            if wanted is detection.Key.DELETE:
                writes.append(ports.Delete(key + host))
            if wanted is detection.Key.WRITE and not decision.confirm:
                value = records.encode(records.Lock(self._leadership.name, self._leadership.now()))
                left = max(math.ceil(seconds - decision.case.waited), 2)
                writes.append(ports.Put(key + host, value, self._store.grant(left)))
        return writes

    def _confirmed(self, world: World, host: str, case: model.Case,
                   looked: _Looked | None) -> list[ports.Put | ports.Delete]:
        """CONFIRMED, the permanent lock and the recovery: one transaction."""
        name = f'{host}-{world.snapshot.revision}'
        inventory, servers = world.inventories[host], looked.servers if looked else None
        hints = world.hints(host)
        wanted = fencing.clusters(inventory, self._evacuations())
        orders = tuple(order for fence in self._fences for order in fence.orders(
            inventory, wanted, fencing.known_clients(case)))
        step = self._leadership.step(model.RecoveryStage.FENCING.value, 'it is confirmed dead')
        recovery = model.Recovery(
            name, host, model.RecoveryStage.FENCING, orders=orders, road=(step,),
            forced_by_us=self._still_forced(case),
            instances=evacuation.powered(events.with_arrivals(inventory, hints), servers,
                                         restart.counts_as_off(world.restarts.get(host))),
            told_on=events.unsettled(hints, servers, model.Power.ON),
            told_off=events.unsettled(hints, servers, model.Power.OFF))
        lock = records.Lock(self._leadership.name, self._leadership.now(), permanent=True,
                            recovery=name)
        case = dataclasses.replace(case, recovery=name, admit=None)
        return [ports.Put(records.CASE + host, records.encode(case)),
                ports.Put(records.LOCK + host, records.encode(lock)),
                ports.Put(records.RECOVERY + name, records.encode(recovery))]

    def _still_forced(self, case: model.Case) -> bool:
        """True if it died while it was taken back, forced down by us: the next admission ends
        that."""
        if case.admit is None or admission.Did.UNFORCED.value in case.admit.steps:
            return False
        former = World(self._store.read(records.RECOVERY + case.recovery), self._tell).every(
            model.Recovery, records.RECOVERY)
        return any(recovery.forced_by_us for recovery in former.values())

    def _evacuations(self) -> tuple[model.Evacuation, ...]:
        found = World(self._store.read(records.EVACUATION), self._tell)
        return tuple(found.every(model.Evacuation, records.EVACUATION).values())

    def _closed(self, world: World, host: str,
                case: model.Case) -> list[ports.Put | ports.Delete]:
        self._of(host).closings += (self._clock(),)
        return shelf.put_away(self._store, case, world.snapshot.revision,
                              self._rules.closed_kept)


def _said(ask: concurrent.futures.Future[Mapping[str, model.Evidence]], hosts: Sequence[str],
          network: model.Network, limit: float) -> Mapping[str, model.Evidence]:
    """What the network says of the hosts; UNKNOWN if the ask does not keep its own limit."""
    try:
        return ask.result(timeout=limit + _BEYOND_SECONDS)
    except TimeoutError:
        rule = f'the ask over the {network.value} network has not ended'
        return {host: model.Evidence(network, model.Sign.UNKNOWN, rule) for host in hosts}


def _in_time(listing: concurrent.futures.Future[tuple[model.Server, ...]] | None
             ) -> tuple[model.Server, ...] | None:
    """Nova's servers if they came; the verdict does not wait for Nova."""
    if listing is None:
        return None
    try:
        return listing.result(timeout=0.5)
    except (TimeoutError, ports.PortError):
        return None
