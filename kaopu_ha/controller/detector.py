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

from collections.abc import Callable, Collection, Mapping, Sequence
import concurrent.futures
import dataclasses
from dataclasses import dataclass
import functools
import math

from kaopu_ha import archive, ports, records
from kaopu_ha.controller import returns
from kaopu_ha.controller.alone import Alone
from kaopu_ha.controller.asking import Asking
from kaopu_ha.controller.brakekeeper import BrakeKeeper
from kaopu_ha.controller.casebook import Casebook
from kaopu_ha.controller.leadership import Leadership
from kaopu_ha.controller.overheard import Overheard
from kaopu_ha.controller.term import Term
from kaopu_ha.controller.whose import whose
from kaopu_ha.controller.world import RANGES, CloudView
from kaopu_ha.core import (
    admission,
    detection,
    evacuation,
    events,
    fencing,
    model,
    restart,
    suspicion,
    unseen,
)
from kaopu_ha.core.evidence import confirmed
from kaopu_ha.core.news import Fact, News
from kaopu_ha.runtime import Runtime
from kaopu_ha.unanswered import Untold


@dataclass(frozen=True)
class _Looked:
    """A round that has ended, when it did, and Nova's servers if they were asked and came."""

    round: model.Round
    ended: float
    servers: tuple[model.Server, ...] | None = None


class Detector:
    """Opens, advances and closes the cases.  Decides nothing itself: ``core.detection`` judges,
    ``core.suspicion`` says whom to look at, and ``core.brake`` whom to condemn.
    """

    def __init__(self, store: ports.Store, leadership: Leadership, probes: Sequence[ports.Probe],
                 cloud: ports.Cloud, fences: Sequence[ports.Fence], env: Runtime,
                 heard: Overheard | None = None) -> None:
        self._store, self._cloud, self._fences = store, cloud, fences
        self._term = Term(leadership, self._begin)
        self._rules, self._clock, self._tell = env.rules, env.clock, env.tell
        self._pool = env.pool(8, 'ask')
        self._book, self._asking = Casebook(env), Asking(probes, self._pool, env.rules, heard)
        self.alone, self._untold = Alone(store, env.clock, env.tell), Untold(store, env.tell)
        self._brake = BrakeKeeper(store, self._term, env)
        self._known = suspicion.Suspicion()
        self._last: CloudView | None = None
        self._away = False
        # The last round on each suspect that this leader took in this term.
        self.rounds: Mapping[str, model.Round] = {}

    def turn(self) -> float:
        """One look at every host; seconds until the next one."""
        self._untold.look()
        if not self._term.begins():
            return 0.5
        try:
            return self._looked_at()
        except ports.PortError as failure:
            if not self._away:
                self._tell(News(Fact.STORE_AWAY, '', f'nothing is decided: {failure}'))
            self._away = True
            return 0.5

    # ------------------------------------------------------------ look

    def _begin(self) -> None:
        self._known, self._last = suspicion.begun(self._clock(), self._rules), None
        self.rounds = {}
        self._brake.begin()
        self._book.forget()

    def _read(self) -> CloudView:
        world = CloudView(self._store.read(*RANGES), self._tell)
        if self._away:
            self._away = False
            self._known = suspicion.store_back(self._known, self._clock(), self._rules)
            self._tell(News(Fact.STORE_BACK, '', 'beats get a grace of one TTL'))
        return world

    def _looked_at(self) -> float:
        world = self._read()
        self._remember(world)
        due = suspicion.due(self._known, self._judged(world), self._clock(), self._rules)
        looked = self._ask(world, due)
        if due:
            world = self._read()
            self._remember(world)
            looked = self._not_too_early(looked)
            world = self._opened(world, looked)
            looked = looked if self._counts(looked) else {}
        self.rounds = {host: looked[host].round if host in looked else self.rounds[host]
                       for host in world.cases if host in looked or host in self.rounds}
        self._judge_all(world, looked)
        return self._next_turn(world)

    def _not_too_early(self, looked: Mapping[str, _Looked]) -> dict[str, _Looked]:
        found = {}
        for host, one in looked.items():
            if suspicion.too_early(self._known, host, one.ended, self._rules):
                self._known = suspicion.not_before_grace(self._known, host, self._rules)
            else:
                found[host] = one
        return found

    def _opened(self, world: CloudView, looked: Mapping[str, _Looked]) -> CloudView:
        """Open the cases of those of which the beat has had its grace, and is still gone."""
        new = [host for host in self._judged(world) if host in looked and host not in world.cases]
        for host in self.alone.last(new):
            self._each(host, 'to open its case', functools.partial(self._open, world, host))
        return self._read() if new else world

    def _counts(self, looked: dict[str, _Looked]) -> bool:
        """A round counts in the term in which it was asked, and while it is fresh.

        Whoever was stopped since, and leads again, knows nothing of what others saw meanwhile.
        """
        return self._term.lasts() and not any(map(self._is_old, looked.values()))

    def _is_old(self, looked: _Looked) -> bool:
        return self._clock() - looked.ended >= self._rules.beat_ttl

    def _remember(self, world: CloudView) -> None:
        before = self._known
        self._book.forget_closed(world)
        changed = {host: self._sighting(world, host) for host in self._changed(world)}
        self._known = suspicion.seen_again(before, changed, self._clock(), self._rules,
                                           self._term.now())
        self._last = world
        for item in suspicion.storage_news(before, self._known, changed):
            self._tell(item)

    def _changed(self, world: CloudView) -> Collection[str]:
        """The hosts of which the store says something else than in the last look."""
        last, told = self._last, world.told
        if last is None:
            return world.inventories.keys() | self._known.hosts.keys()
        return world.changed_since(last, records.ALIVE, records.LOCK, records.INVENTORY).union(
            host for host, at in told.items() if at != last.told.get(host, 0))

    def _sighting(self, world: CloudView, host: str) -> suspicion.Sighting | None:
        inventory = world.inventories.get(host)
        return None if inventory is None else suspicion.Sighting(
            world.has(records.ALIVE + host), world.told.get(host, 0), inventory.storage_lost,
            world.text(records.ALIVE + host), world.has(records.LOCK + host))

    def _judged(self, world: CloudView) -> list[str]:
        """The hosts whose beat is gone, and that are looked at then."""
        # Who can't be read for one of the first two is not.
        return [host for host in sorted(self._known.missing)
                if host in world.inventories and not world.permanent(host)
                and host not in world.unreadable
                and (host not in world.cases or world.cases[host].stage in detection.JUDGING)]

    def _next_turn(self, world: CloudView) -> float:
        return suspicion.seconds_left(self._known, self._judged(world), self._clock(), self._rules)

    def _each(self, host: str, what: str, work: Callable[[], object]) -> None:
        """Do what concerns one host; whatever it raises, the others go on."""
        if not self.alone.tries(host, what, work):
            until = self._clock() + self._rules.look_interval
            self._known = suspicion.put_off(self._known, host, until)

    # ------------------------------------------------------------ ask

    def _ask(self, world: CloudView, hosts: Sequence[str]) -> dict[str, _Looked]:
        """All networks at once; Nova's list beside the last look, if it comes in time."""
        if not hosts:
            return {}
        at, began, coming = self._term.now(), self._clock(), self._evacuations()
        cases = {host: world.cases.get(host) or self._new_case(world, host) for host in hosts}
        suspects = [evacuation.with_coming(
            confirmed(_told(world, host), cases[host]), coming) for host in hosts]
        known = whose(self._store, world, self._rules, suspects)
        peers = [world.inventories[host] for host in sorted(world.beats)
                 if host in world.inventories and host not in hosts]
        lists: dict[str, concurrent.futures.Future[tuple[model.Server, ...]]] = {}

        def meanwhile() -> None:
            lists.update({host: self._pool.submit(self._cloud.servers, host) for host in hosts
                          if cases[host].stage is model.Stage.LAST_LOOK})
        said = self._asking.ask(suspects, peers, known, meanwhile)
        ended, looked = self._clock(), {}
        for host in hosts:
            came = tuple(said[network][host] for network in model.Network if network in said)
            verdict, rule = detection.judged(came, cases[host].word)
            item = model.Round(at, self._term.name, came, verdict, rule,
                               asked_seconds=round(ended - began, 3))
            looked[host] = _Looked(item, ended, _in_time(lists.get(host)))
            if verdict is not model.Verdict.DEAD:
                # Whatever becomes of this round: the silence that was counted ends here.
                self._known = suspicion.interrupted(self._known, host)
        return looked

    # ------------------------------------------------------------ decide, commit, tell

    def _new_case(self, world: CloudView, host: str) -> model.Case:
        return detection.opened(_told(world, host), self._seen(world, host, None))

    def _open(self, world: CloudView, host: str) -> None:
        case = self._new_case(world, host)
        news = [News(Fact.CASE_OPENED, host, 'its beat is gone; the other networks are asked')]
        if world.inventories[host].leaving:
            news.append(News(Fact.LEAVING, host, f'it said that it is being shut down: it has '
                             f'{self._rules.leaving_seconds:g} s of silence to come back in'))
        self._commit(world, host, detection.Decision(case, news=tuple(news)), None)

    def _judge_all(self, world: CloudView, looked: Mapping[str, _Looked]) -> None:
        verdicts = {host: one.round.verdict for host, one in looked.items()}
        if not self._brake.look(world, verdicts):
            return
        for host in self.alone.last(world.cases):
            case = world.cases[host]
            if case.stage not in detection.JUDGING or world.permanent(host):
                continue
            if host in looked or world.has(records.ALIVE + host):
                self._each(host, 'to judge it', functools.partial(
                    self._judge, world, host, case, looked.get(host)))

    def _judge(self, world: CloudView, host: str, case: model.Case, looked: _Looked | None) -> None:
        decision = detection.advance(self._book.newest(world, case),
                                     self._seen(world, host, looked), self._rules)
        # If the store's answer is lost, the time since may have been counted: never twice.
        last_dead = self._known.of(host).last_dead
        self._known = suspicion.interrupted(self._known, host)
        if not self._commit(world, host, decision, looked):
            self._known = suspicion.refused(self._known, host, last_dead)
        elif looked is not None:
            self._known = suspicion.judged(self._known, host, looked.ended, looked.round.verdict,
                                           decision.again)

    def _seen(self, world: CloudView, host: str, looked: _Looked | None) -> detection.Seen:
        beat = world.beats.get(host)
        since = suspicion.silent_for(self._known, host, looked.ended) if looked else 0.0
        return detection.Seen(
            self._term.now(), self._term.name, beat=world.has(records.ALIVE + host),
            beat_boot_id=beat.boot_id if beat else '', round=looked.round if looked else None,
            since_last=since, death=world.has(records.DEATH + host),
            lock=world.has(records.LOCK + host), braked=self._brake.holds(host),
            held=host in world.held, inventory=world.inventories.get(host),
            beat_at=self._known.of(host).beat_at, behind=_behind(self._known.of(host).said),
            inventory_revision=world.modified(records.INVENTORY + host))

    def _commit(self, world: CloudView, host: str, decision: detection.Decision,
                looked: _Looked | None) -> bool:
        if self._book.may_wait(world, decision):
            return True
        compares = [*self._term.compares(), *world.compare(
            records.CASE + host, records.ALIVE + host, records.DEATH + host, records.LOCK + host,
            records.HOST + host, records.BRAKE)]
        writes: list[ports.Put | ports.Delete] = []
        writes += self._keys(host, decision)
        if decision.confirm:
            compares += world.compare(records.INVENTORY + host)
            writes += [*self._confirmed(world, host, decision.case, looked),
                       self._brake.condemning(host)]
        elif decision.case.stage is model.Stage.CLOSED:
            compares += world.compare(records.RESTART + host)
            writes += self._closed(world, host, decision.case)
            record = self._interrupted(world, host, decision.case)
            if record is not None:
                writes.append(ports.Put(records.RESTART + host, records.encode(record)))
                more = restart.told(record, world.restarts.get(host))
                decision = dataclasses.replace(decision, news=(*decision.news, *more))
        else:
            writes.append(ports.Put(records.CASE + host, records.encode(decision.case)))
        if looked is not None and self._is_old(looked):
            # A call for it was held up: what was seen by then is not what is so now.
            return False
        stored = world.cases.get(host)
        news = decision.news if stored is None or stored.history != decision.case.history else ()
        with self._untold.keeping(records.CASE + host, world.modified(records.CASE + host),
                                  decision.case, news):
            if self._store.commit(compares, writes) is None:
                return False
        if decision.confirm:
            self._brake.condemned(host)
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
                value = records.encode(records.Lock(self._term.name, self._term.now()))
                left = max(math.ceil(seconds - decision.case.waited), 2)
                writes.append(ports.Put(key + host, value, self._store.grant(left)))
        return writes

    def _confirmed(self, world: CloudView, host: str, case: model.Case,
                   looked: _Looked | None) -> list[ports.Put | ports.Delete]:
        """CONFIRMED, the permanent lock and the recovery: one transaction."""
        name = f'{host}-{world.snapshot.revision}'
        inventory, servers = _told(world, host), looked.servers if looked else None
        hints = world.hints(host)
        wanted = fencing.clusters(inventory, self._evacuations())
        orders = tuple(order for fence in self._fences for order in fence.orders(
            inventory, wanted, fencing.known_clients(case)))
        step = self._term.step(model.RecoveryStage.FENCING.value, 'it is confirmed dead')
        recovery = model.Recovery(
            name, host, model.RecoveryStage.FENCING, orders=orders, history=(step,),
            forced_by_us=self._still_forced(case),
            instances=evacuation.powered(events.with_arrivals(confirmed(inventory, case), hints),
                                         servers, restart.counts_as_off(world.restarts.get(host))),
            on_by_nova=events.unsettled(hints, servers, model.Power.ON),
            off_by_nova=events.unsettled(hints, servers, model.Power.OFF))
        lock = records.Lock(self._term.name, self._term.now(), permanent=True,
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
        former = CloudView(self._store.read(records.RECOVERY + case.recovery), self._tell).every(
            model.Recovery, records.RECOVERY)
        return any(recovery.forced_by_us for recovery in former.values())

    def _evacuations(self) -> tuple[model.Evacuation, ...]:
        found = CloudView(self._store.read(records.EVACUATION), self._tell)
        return tuple(found.every(model.Evacuation, records.EVACUATION).values())

    def _closed(self, world: CloudView, host: str,
                case: model.Case) -> list[ports.Put | ports.Delete]:
        return [*archive.put_away(self._store, case, world.snapshot.revision,
                                  self._rules.closed_kept),
                *returns.came_back(self._store, world, case.history[-1], host, self._rules)]

    def _interrupted(self, world: CloudView, host: str, case: model.Case) -> restart.Restart | None:
        """What ran on it by its libvirt's word, and is off now: its agent can't know of that."""
        beat, term = world.beats.get(host), self._term
        return restart.told_by_libvirt(
            case, world.inventories[host], beat.boot_id if beat else '',
            world.restarts.get(host), term.now(), term.name)


def _told(world: CloudView, host: str) -> model.Inventory:
    """What the host told of itself, with what is still to be started in place there."""
    return unseen.with_unsettled(world.inventories[host], world.restarts.get(host))


def _in_time(listing: concurrent.futures.Future[tuple[model.Server, ...]] | None
             ) -> tuple[model.Server, ...] | None:
    """Nova's servers if they came; the verdict does not wait for Nova."""
    if listing is None:
        return None
    try:
        return listing.result(timeout=0.5)
    except (TimeoutError, ports.PortError):
        return None


def _behind(said: str) -> str:
    """Why the inventory was not kept up, as the last beat said; it is read only now, for a case."""
    try:
        return records.decode(records.Beat, said).behind if said else ''
    except records.RecordError:
        return ''
