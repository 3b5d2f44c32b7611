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

"""Takes confirmed hosts back, when a person asks for it: admission's turn."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
import dataclasses

from kaopu_ha import archive, ports, records
from kaopu_ha.controller import returns
from kaopu_ha.controller.alone import Alone
from kaopu_ha.controller.leadership import Leadership
from kaopu_ha.controller.term import Term
from kaopu_ha.controller.world import RANGES, CloudView
from kaopu_ha.core import admission, aftercare, fencing, model, restart, unseen
from kaopu_ha.core.admission import Act
from kaopu_ha.core.aftercare import Aftercare
from kaopu_ha.core.kept import keeps_its_fence
from kaopu_ha.core.keys import OPERATIONS_MAX, portions
from kaopu_ha.core.model import Case, Recovery, Stage
from kaopu_ha.core.news import Fact, News
from kaopu_ha.core.requests import OF_ADMISSIONS, RequestState, RequestVerb
from kaopu_ha.runtime import Runtime

_ACT_SECONDS = 4.0
# What is to be done if these were done too late.
_FENCE = ('If it is confirmed dead again, the leader fences it anew within seconds: see that its '
          'proof is there')
_SERVICE = 'If it is confirmed dead again: openstack compute service set --down'


@dataclasses.dataclass(frozen=True)
class AdmitWish:
    """What a person asked, with the key as it was read."""

    entry: ports.Entry
    request: records.Request


class Admitter:
    """Advances every admission by a step in each turn.  ``core.admission`` decides."""

    def __init__(self, store: ports.Store, leadership: Leadership, fences: Sequence[ports.Fence],
                 cloud: ports.Cloud, libvirt: ports.LibvirtObserver, env: Runtime) -> None:
        self._store, self._cloud, self._libvirt = store, cloud, libvirt
        self._term = Term(leadership, self._forget)
        self._fences = {fence.name: fence for fence in fences}
        self._rules, self._clock, self._tell = env.rules, env.clock, env.tell
        # Since when a host that is taken back is mute, and does not beat, as this leader saw it.
        self._mute: dict[str, float] = {}
        self._beatless: dict[str, float] = {}
        # Of each answer of an agent: its revision, and since when this leader knows it.
        self._answered: dict[str, tuple[int, float]] = {}
        self.alone = Alone(store, env.clock, env.tell)

    def turn(self) -> float:
        """Take up new requests, advance admissions; seconds until the next turn."""
        if not self._term.begins():
            return 0.5
        try:
            asked = self._asked()
            if not asked:
                return 5.0
            world = self._world(asked)
            self.alone.each(asked, 'its admission', lambda host: self._one(world, asked[host]))
        except ports.PortError as failure:
            self._tell(News(Fact.STORE_AWAY, '', f'admissions wait: {failure}'))
            return 1.0
        return 0.5

    def _forget(self) -> None:
        self._mute, self._beatless, self._answered = {}, {}, {}

    def _asked(self) -> dict[str, AdmitWish]:
        """What people ask, by host.

        Read by name, of hosts that have a case only: how much else stands under ``request/``, or
        who wrote it, is nothing to an admission.
        """
        hosts = list(self._store.read(records.CASE).under(records.CASE))
        found: dict[str, AdmitWish] = {}
        for some in portions(hosts, OPERATIONS_MAX):
            keys = {records.admit_request(host): host for host in some}
            for key, entry in self._store.read(*keys).entries.items():
                try:
                    request = records.record(records.Request, entry)
                except records.RecordError as failure:
                    self._tell(News(Fact.RECORD, keys[key], str(failure)))
                    continue
                if (request.verb, request.state, request.host) == (
                        RequestVerb.ADMIT, RequestState.ASKED, keys[key]):
                    found[keys[key]] = AdmitWish(entry, request)
        return found

    def _world(self, asked: Mapping[str, AdmitWish]) -> CloudView:
        """Everything as it is now, but what was asked as it was read: no commit passes, if that
        changed."""
        seen = self._store.read(*RANGES, records.RECOVERY, records.EVACUATION,
                                records.AFTERCARE)
        return CloudView(seen.along_with(wish.entry for wish in asked.values()), self._tell)

    def _one(self, world: CloudView, wish: AdmitWish) -> None:
        request = wish.request
        name = wish.entry.key[len(records.REQUEST):]
        case, entry = world.cases.get(request.host), world.snapshot.get(records.CASE + request.host)
        if case is None or entry is None or request.host in world.unreadable:
            self._refuse(world, name, request, 'there is no open case on it')
            return
        if wish.entry.modified < entry.created:
            # Whoever asked did not know of what has happened to it since.
            self._refuse(world, name, request, 'it was asked before this case began')
            return
        if case.admit is not None and case.stage is not Stage.ADMITTING:
            # It was lost meanwhile, and is judged: its beat or its death decides.
            return
        try:
            seen = self._seen(world, case)
            if case.stage is not Stage.ADMITTING:
                reason = admission.refusal(case, seen)
                if reason:
                    self._refuse(world, name, request, reason)
                else:
                    self._enter(world, name, request, case)
                return
            self._act(world, name, request, case, admission.advance(case, seen, self._rules))
        except ports.StoreError:
            raise
        except ports.PortError as failure:
            self._waits(world, case, str(failure))

    # ------------------------------------------------------------ look

    def _seen(self, world: CloudView, case: Case) -> admission.Seen:
        recovery = self._recovery(world, case)
        every = world.every(model.Evacuation, records.EVACUATION).values()
        mine = [item for item in every if item.recovery == case.recovery]
        inventory = world.inventories.get(case.host)
        uri = inventory.management_uri if inventory else ''
        libvirt = self._libvirt.contact([uri], self._rules.ask_limit)[uri] if uri else \
            model.LibvirtAnswer(model.Contact.ERROR, reason='it has no inventory')
        evacuated = admission.may_be_left(case.host, case.recovery, every)
        servers, uncompleted, elsewhere = self._nova(case.host, evacuated, libvirt.domains)
        return admission.Seen(
            recovery.stage if recovery else None,
            tuple(item for item in mine if not item.phase.ended), libvirt=libvirt,
            inventory=inventory, servers=servers, uncompleted=uncompleted,
            left_over=evacuated | elsewhere, beat=world.has(records.ALIVE + case.host),
            answers=self._answers(case.host, inventory.boot_id if inventory else ''),
            forced_by_us=bool(recovery and recovery.forced_by_us),
            moved_on=admission.moved_on(case.host, case.recovery, every),
            told_since=_is_of_its_boot(world, case.host),
            mute_seconds=self._for(self._mute, case.host,
                                   libvirt.contact is not model.Contact.ANSWERED),
            beatless_seconds=self._for(self._beatless, case.host,
                                       not world.has(records.ALIVE + case.host)))

    def _for(self, since: dict[str, float], host: str, lasts: bool) -> float:
        """For how many seconds it has been so."""
        if not lasts:
            since.pop(host, None)
            return 0.0
        return self._clock() - since.setdefault(host, self._clock())

    def _nova(self, host: str, evacuated: frozenset[str], domains: Collection[str]
              ) -> tuple[frozenset[str] | None, int | None, frozenset[str]]:
        """What Nova has on the host, how many records are open, what it has on another host."""
        try:
            servers = frozenset(server.uuid for server in self._cloud.servers(host))
            open_records = [item for item in self._cloud.migrations(host=host)
                            if item.source == host and item.kind == 'evacuation'
                            and item.status == 'done' and item.instance in evacuated]
            others = sorted(set(domains) - servers - evacuated)
            shown = {server.uuid: server.host for server in map(self._cloud.server, others)
                     if server is not None}
        except ports.PortError:
            return None, None, frozenset()
        return servers, len(open_records), frozenset(
            uuid for uuid, place in shown.items() if place not in ('', host))

    def _answers(self, host: str, boot_id: str) -> dict[RequestVerb, admission.Answered]:
        """What the host's agent answered; it may have written anything there.

        What was asked of a former boot, because its inventory came later, is to be asked anew.
        """
        keys = {records.request_to(host, verb): verb for verb in OF_ADMISSIONS}
        found = {}
        for key, entry in self._store.read(*keys).entries.items():
            age = self._known_for(key, entry)
            try:
                request = records.record(records.Request, entry)
            except records.RecordError as failure:
                found[keys[key]] = admission.Answered(RequestState.FAILED, str(failure), age)
                continue
            if request.boot_id in ('', boot_id):
                found[keys[key]] = admission.Answered(request.state, request.answer, age)
        return found

    def _known_for(self, key: str, entry: ports.Entry) -> float:
        """For how many seconds this leader has known that it stands there as it is."""
        modified, since = self._answered.get(key, (0, 0.0))
        if modified != entry.modified:
            since = self._clock()
        self._answered[key] = entry.modified, since
        return self._clock() - since

    def _recovery(self, world: CloudView, case: Case) -> Recovery | None:
        return world.every(Recovery, records.RECOVERY).get(case.recovery)

    # ------------------------------------------------------------ act

    def _act(self, world: CloudView, name: str, request: records.Request, case: Case,
             decision: admission.Decision) -> None:
        if decision.act is Act.WAIT:
            self._waits(world, case, decision.reason, decision.needs_operator)
        elif decision.act in (Act.ASK_RESTART, Act.ASK_REMOVE, Act.ASK_READ):
            self._ask_agent(world, case, decision)
        elif decision.act is Act.CLOSE:
            self._close(world, name, request, case)
        elif decision.act is Act.UNFENCE:
            self._unfence(world, case)
        elif decision.act in (Act.FALL_BACK, Act.SUSPECT):
            self._lost(world, name, request, case, decision)
        elif decision.act is Act.UNLOCK:
            self._note(world, case, admission.Did.UNLOCKED, decision.reason,
                       [ports.Delete(records.LOCK + case.host)])
        else:
            if decision.act is Act.UNFORCE:
                self._unforce(world, case)
            assert decision.did is not None
            self._note(world, case, decision.did, decision.reason, [])

    def _unfence(self, world: CloudView, case: Case) -> None:
        """Persist that the fence goes, so that nobody fences it again; then take it back."""
        assert case.admit is not None
        if not case.admit.unfenced:
            admit = dataclasses.replace(case.admit, unfenced=True)
            self._commit(world, case, [_put(dataclasses.replace(case, admit=admit)),
                                       ports.Delete(records.PROOF + case.recovery)])
            return
        recovery, others = self._recovery(world, case), self._others(world, case)
        orders = recovery.orders if recovery else ()
        for order in orders:
            fence = self._fences.get(order.fence)
            if fence is None:
                raise ports.PortError(f'the fence driver {order.fence} is not configured any more')
            permit = self._permit(world, case)
            with self._term.telling_if_late(case.host, 'may have taken its fence back',
                                                  _FENCE):
                fence.unfence(fencing.taken_back(order, others), permit)
        self._note(world, case, admission.Did.UNFENCED,
                   admission.unfenced(fencing.stays_cut(orders, others)), [])

    def _others(self, world: CloudView, case: Case) -> tuple[model.FenceOrder, ...]:
        """What keeps other hosts cut off."""
        return tuple(order for item in world.every(Recovery, records.RECOVERY).values()
                     if item.id != case.recovery
                     and keeps_its_fence(world.cases.get(item.host), item)
                     for order in item.orders)

    def _unforce(self, world: CloudView, case: Case) -> None:
        permit = self._permit(world, case)
        with self._term.telling_if_late(case.host, 'may have set its service up', _SERVICE):
            self._cloud.force_down(case.host, False, permit)

    def _ask_agent(self, world: CloudView, case: Case, decision: admission.Decision) -> None:
        inventory = world.inventories[case.host]
        given = decision.given or (_an_image(inventory) if decision.act is Act.ASK_READ else ())
        verb = admission.ASKS[decision.act]
        request = records.Request(verb, case.host, self._term.name,
                                  self._term.now(), given=given, boot_id=inventory.boot_id)
        key = records.request_to(case.host, verb)
        self._commit(world, case, [ports.Put(key, records.encode(request))])

    def _enter(self, world: CloudView, name: str, request: records.Request, case: Case) -> None:
        entered = admission.entered(case, request.who, self._term.now(), self._term.name)
        # A person may have had its recovery taken up again at this moment.
        if self._commit(world, case, [_put(entered), *_forgotten(case)],
                        records.RECOVERY + case.recovery):
            self._tell(News(Fact.STAGE, case.host, f'admitting: {entered.history[-1].reason}'))

    def _close(self, world: CloudView, name: str, request: records.Request, case: Case) -> None:
        ended = admission.closed(case, self._term.now(), self._term.name)
        answer = dataclasses.replace(request, state=RequestState.DONE, answer='admitted')
        before = world.restarts.get(case.host)
        again = unseen.to_start(case, world.inventories[case.host], world.evacuations, before,
                                ended.history[-1].at, self._term.name)
        if self._commit(world, case, [
                *archive.put_away(self._store, ended, world.snapshot.revision,
                                  self._rules.closed_kept), *_forgotten(case),
                *returns.came_back(self._store, world, ended.history[-1], case.host, self._rules),
                *self._looked_after(world, case), *_started(again),
                ports.Put(records.REQUEST + name, records.encode(answer))],
                records.REQUEST + name, records.AFTERCARE + case.host,
                records.RESTART + case.host):
            for verb in OF_ADMISSIONS:
                self._answered.pop(records.request_to(case.host, verb), None)
            self._tell(News(Fact.ADMITTED, case.host, 'it may receive instances again'))
            for item in restart.told(again, before) if again else ():
                self._tell(item)

    def _looked_after(self, world: CloudView, case: Case) -> list[ports.Put]:
        """What Nova and Placement may still have wrong once the host is back, to be written."""
        evacuations = world.evacuations
        begun = aftercare.begun(
            world.every(Aftercare, records.AFTERCARE).get(case.host), case.host, evacuations,
            admission.may_be_left(case.host, case.recovery, evacuations),
            self._term.now(), self._term.name)
        return [ports.Put(records.AFTERCARE + case.host, records.encode(begun))] if begun else []

    def _lost(self, world: CloudView, name: str, request: records.Request, case: Case,
              decision: admission.Decision) -> None:
        """It died again while it was taken back."""
        key, reason = records.REQUEST + name, decision.reason
        at, by = self._term.now(), self._term.name
        writes: list[ports.Put | ports.Delete]
        if decision.act is Act.FALL_BACK:
            answer = dataclasses.replace(request, state=RequestState.FAILED, answer=reason)
            writes = [_put(admission.fallen_back(case, at, by, reason)),
                      ports.Put(key, records.encode(answer))]
        else:
            inventory = world.inventories.get(case.host)
            writes = [_put(admission.suspected(case, inventory, at, by, reason)),
                      ports.Delete(records.LOCK + case.host)]
        if self._commit(world, case, writes, key, records.LOCK + case.host,
                        records.ALIVE + case.host):
            self._mute.pop(case.host, None)
            self._beatless.pop(case.host, None)
            self._tell(News(Fact.ADMIT_ENDED, case.host, reason))

    def _refuse(self, world: CloudView, name: str, request: records.Request, reason: str) -> None:
        key = records.REQUEST + name
        answer = dataclasses.replace(request, state=RequestState.REFUSED, answer=reason)
        if self._store.commit([*self._term.compares(), *world.compare(key)],
                              [ports.Put(key, records.encode(answer))]) is not None:
            self._tell(News(Fact.ADMIT_REFUSED, request.host, reason))

    def _note(self, world: CloudView, case: Case, did: admission.Did, reason: str,
              writes: Sequence[ports.Put | ports.Delete]) -> None:
        noted = admission.noted(case, did)
        step = self._term.step(did.value, reason)
        noted = dataclasses.replace(noted, history=(*noted.history, step))
        if self._commit(world, case, [_put(noted), *writes], records.LOCK + case.host):
            self._tell(News(Fact.ADMIT_STEP, case.host, f'{did.value}: {reason}'))

    def _waits(self, world: CloudView, case: Case, reason: str, for_operator: bool = False) -> None:
        if case.admit is None or case.admit.waiting_for == reason:
            return
        admit = dataclasses.replace(case.admit, waiting_for=reason,
                                    needs_operator=for_operator)
        self._commit(world, case, [_put(dataclasses.replace(case, admit=admit))])

    def _permit(self, world: CloudView, case: Case) -> ports.Permit:
        return self._term.permit(world.compare(records.CASE + case.host), _ACT_SECONDS)

    def _commit(self, world: CloudView, case: Case, writes: Sequence[ports.Put | ports.Delete],
                *keys: str) -> bool:
        compares = [*self._term.compares(), *world.compare(records.CASE + case.host, *keys)]
        return self._store.commit(compares, writes) is not None


def _is_of_its_boot(world: CloudView, host: str) -> bool:
    beat, inventory = world.beats.get(host), world.inventories.get(host)
    return beat is not None and inventory is not None and beat.boot_id == inventory.boot_id


def _started(again: restart.Restart | None) -> list[ports.Put]:
    return [ports.Put(records.RESTART + again.host, records.encode(again))] if again else []


def _put(case: Case) -> ports.Put:
    return ports.Put(records.CASE + case.host, records.encode(case))


def _forgotten(case: Case) -> list[ports.Delete]:
    """That nothing is asked of its agent any more, by us or by an older release."""
    names = [verb.value.replace(' ', '-') for verb in OF_ADMISSIONS]
    return [ports.Delete(records.requests_to(case.host) + name)
            for name in (*names, *(f'{case.recovery}-{name}' for name in names))]


def _an_image(inventory: model.Inventory) -> tuple[str, ...]:
    """Cluster, pool and header of an image that the host knows, for it to read; or nothing."""
    for instance in inventory.instances:
        for image in instance.images:
            return (image.cluster, image.pool, image.header)
    return ()
