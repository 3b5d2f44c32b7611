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

"""Starts again, in place, what was on before a host was booted, or crashed: restart's turn.

``core.restart`` decides.  A call is committed before it is made, and made by a child that dies
rather than act late; whoever takes over looks where the instance is before anything else.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
import dataclasses
import types

from kaopu_ha import ports, records
from kaopu_ha.controller import bars, crashes, resumes
from kaopu_ha.controller.alone import Alone, words
from kaopu_ha.controller.lasting import Lasting
from kaopu_ha.controller.leadership import Leadership
from kaopu_ha.controller.lost import brought, lost
from kaopu_ha.controller.term import Term
from kaopu_ha.controller.told import images_of, is_back, tells
from kaopu_ha.controller.whose import whose_clients
from kaopu_ha.controller.world import RANGES, CloudView
from kaopu_ha.core import certain, elsewhere, handover, kept, left, model, policy, restart, users
from kaopu_ha.core.news import Fact, News
from kaopu_ha.core.restart import Act, Decision, Restart, Start, StartPhase
from kaopu_ha.runtime import Runtime

_READ = (*RANGES, records.EVACUATION, records.RECOVERY, records.CRASHED)
_ACT_SECONDS = 4.0
_BUSY_SECONDS, _IDLE_SECONDS = 1.0, 5.0
# What waits unchanged for so long (for a person, mostly) costs Nova no questions each second.
_LONG_SECONDS = 60.0
# Of one lost host in one turn: each costs two questions to Nova.
_TOGETHER_MAX = 10


class Restarter:
    """Advances the restart of every host that came back by itself."""

    def __init__(self, store: ports.Store, leadership: Leadership, cloud: ports.Cloud,
                 images: ports.ImageObserver | None, libvirt: ports.LibvirtObserver,
                 env: Runtime) -> None:
        self._store, self._cloud = store, cloud
        self._term = Term(leadership, self._forget)
        self._images, self._libvirt = images, libvirt
        self._rules, self._tell = env.rules, env.tell
        self._alone = Alone(store, env.clock, env.tell)
        # Of each instance that is off: how many calls, and since when this leader knows of that;
        # of each host: its record.
        self._since: Lasting[tuple[str, str]] = Lasting(env.clock)
        # Of each recovery what surely does not come to its host any more: nothing moves to it.
        self._elsewhere: set[tuple[str, str]] = set()

    def turn(self) -> float:
        """Take up what hosts tell, advance what is open; seconds until the next turn."""
        if not self._term.begins():
            return 0.5
        try:
            world = CloudView(self._store.read(*_READ), self._tell)
            busy: set[str] = set()
            came = brought(world)
            self._elsewhere &= came.keys()
            unasked = {host: [key for key, at in came.items() if at == host
                              and key not in self._elsewhere] for host in set(came.values())}
            self._alone.each(_hosts(world, unasked), 'to start its instances',
                             lambda host: self._one(world, host, busy, unasked.get(host, ())))
        except ports.PortError as failure:
            self._tell(News(Fact.STORE_AWAY, '', f'restarts wait: {failure}'))
            return 1.0
        self._since.keep(lambda key: key[0] in busy)
        moves = [host for host in busy if self._since.seconds(
            (host, ''), world.restarts.get(host)) < _LONG_SECONDS]
        return _BUSY_SECONDS if moves else _IDLE_SECONDS

    def _forget(self) -> None:
        self._since.clear()
        self._elsewhere = set()

    def _one(self, world: CloudView, host: str, busy: set[str],
             unasked: Sequence[tuple[str, str]]) -> None:
        """One host; it is ``busy`` while it has something open, or nobody knows."""
        busy.add(host)
        try:
            if not self._advance(world, host, unasked):
                busy.discard(host)
        except (ports.StoreError, ports.OutcomeUnknown):
            raise
        except ports.PortError as failure:
            self._note(world, host, f'waits: {failure}')
        except Exception as failure:
            # A driver broke its promise: what waits is written down, and it is told, too.
            self._note(world, host, f'waits: {words(failure)}')
            raise

    def _advance(self, world: CloudView, host: str,
                 unasked: Sequence[tuple[str, str]]) -> bool:
        inventory, record = world.inventories[host], world.restarts.get(host)
        again = _on_again(world, record) if record is not None else frozenset()
        if record is not None and again:
            return self._commit(world, host, restart.once_more_on(record, again)) is None
        fresh = is_back(world, host) and restart.opened(
            inventory, record, self._term.now(), self._term.name)
        if fresh:
            fresh, news = self._listed(fresh)
            if self._commit(world, host, fresh) is not None:
                for item in (*restart.told(fresh, record), *news):
                    self._tell(item)
            return True
        if self._crashed(world, host):
            return True
        if came := self._came(host, unasked):
            self._commit(world, host, handover.awaited(
                inventory, record, came, self._term.now(), self._term.name))
            return True
        if record is None or not record.unsettled:
            return False
        self._decide(world, record, inventory)
        return True

    def _crashed(self, world: CloudView, host: str) -> bool:
        """Take up the guests that crashed there; True if there are such."""
        opened = crashes.seen(world, host, self._term, self._rules)
        if opened is None:
            return False
        more = crashes.counted(self._store, world, opened, self._term.now(), self._rules)
        if self._commit(world, host, opened.record, more=more) is not None:
            for item in opened.news:
                self._tell(item)
        return True

    def _came(self, host: str, unasked: Sequence[tuple[str, str]]) -> Sequence[model.Server]:
        """What a live migration brought to a host that was lost, and Nova shows elsewhere yet."""
        found = []
        for key in unasked[:_TOGETHER_MAX]:
            migrations = self._cloud.migrations(instance=key[1])
            server = self._cloud.server(key[1])
            if server and (handover.comes_to(host, server, migrations)
                           or handover.back_on(host, server, migrations)):
                found.append(server)
            else:
                self._elsewhere.add(key)
        return found

    def _listed(self, record: Restart) -> tuple[Restart, Sequence[News]]:
        """With Nova's names, and without what the policy leaves, if Nova answers.

        What waits is written down in any case.
        """
        try:
            servers = self._cloud.servers(record.host)
        except ports.PortError:
            return record, ()
        return left.from_the_start(restart.named(record, servers), servers, self._rules.policy,
                                   self._term.now())

    # ------------------------------------------------------------ look, decide, commit, act

    def _decide(self, world: CloudView, record: Restart, inventory: model.Inventory) -> None:
        barred, asked = bars.barred(world, record.host), resumes.present(self._store, record)
        servers = {server.uuid: server for server in self._cloud.servers(record.host)}
        service = self._cloud.services().get(record.host)
        # Of another boot than the record's only Nova can say where its instances are.
        # What a fenced host told is over.
        powers = None if (inventory.note or inventory.boot_id != record.boot_id
                          or lost(world, record.host)) else {
            instance.uuid: instance.power for instance in inventory.instances}
        named, decisions = restart.named(record, servers.values()), []
        places = self._rules.restart_places - sum(
            start.phase is StartPhase.STARTING for start in record.starts)
        for start in sorted(named.unsettled, key=lambda start: policy.rank(
                servers.get(start.instance), self._rules.policy)):
            seen = restart.Seen(
                self._term.now(), record.host, power=_power(powers, start.instance),
                server=servers.get(start.instance), service=service, barred=barred,
                moving=bars.moving(world, start.instance),
                # A person may have had the calls counted anew: what was known of call 1 is not of
                # this one.
                seconds=self._since.seconds((record.host, start.instance), start.calls),
                stuck=powers is not None and start.instance in inventory.stuck,
                run=inventory.stuck_runs.get(start.instance, ''), answer=resumes.answer(asked),
                hung=powers is not None and start.instance in inventory.hung,
                storage_lost=bool(inventory.storage_lost))
            decision = self._looked(world, start, seen, places)
            calls = decision.act.calls
            if calls and places <= 0:
                decision = Decision(dataclasses.replace(
                    start, reason='its turn comes: enough is starting'), Act.WAIT)
            places -= calls
            decisions.append(decision)
            if decision.start.phase.settled:
                # Its next start waits anew.
                self._since.forget((record.host, start.instance))
        self._carry_out(world, record, restart.changed(
            named, [decision.start for decision in decisions]), decisions)

    def _looked(self, world: CloudView, start: Start, seen: restart.Seen, places: int) -> Decision:
        """The decision, with what costs a question of its own asked only where it matters."""
        back = ''
        if seen.power in (None, model.Power.OFF) and seen.server is None:
            seen, back = self._shown_elsewhere(seen, start.instance)
        decision = handover.settled(restart.advance(start, seen, self._rules), back)
        if places > 0 and decision.act.calls:
            decision = restart.advance(start, dataclasses.replace(
                seen, elsewhere=self._open_elsewhere(world, seen.host, start.instance),
                actions=self._cloud.actions(start.instance)), self._rules)
        return decision

    def _shown_elsewhere(self, seen: restart.Seen, instance: str) -> tuple[restart.Seen, str]:
        """With its server, which may be coming; and where Nova shows it since it gave that up."""
        migrations = () if seen.moving else self._cloud.migrations(instance=instance)
        server = self._cloud.server(instance)
        coming = seen.moving or handover.comes_to(seen.host, server, migrations)
        return dataclasses.replace(seen, server=server, moving=coming), handover.back_on(
            seen.host, server, migrations)

    def _handed_over(self, world: CloudView, host: str, decisions: Sequence[Decision]
                     ) -> tuple[Mapping[str, Restart], Sequence[News]]:
        """The records of hosts on which what came here is started from now on, and the news."""
        changed: dict[str, Restart] = {}
        news = []
        for start, to in [(each.start, each.hands_to) for each in decisions if each.hands_to]:
            if to not in world.inventories:
                news.append(handover.nobody_starts(host, start, to))
                continue
            if tells(world, to) and handover.runs(world.inventories[to], start.instance):
                continue
            record = handover.taken_over(
                world.inventories[to], changed.get(to, world.restarts.get(to)), start,
                self._term.now(), self._term.name)
            if record is not None:
                changed[to] = record
                news.append(handover.told(host, start, to))
        return changed, news

    def _carry_out(self, world: CloudView, record: Restart, new: Restart,
                   decisions: Sequence[Decision]) -> None:
        key = records.RESTART + record.host
        revision = world.snapshot.entries[key].modified
        if new != record:
            others, news = self._handed_over(world, record.host, decisions)
            committed = self._commit(world, record.host, new, others=others, more=resumes.asked(
                self._store, world.inventories[record.host], decisions, self._term.now(),
                self._term.name, self._rules))
            if committed is None:
                return
            revision = committed
            for item in news:
                self._tell(item)
        for decision in decisions:
            for item in decision.news:
                self._tell(dataclasses.replace(item, host=record.host))
        permit = self._term.permit(
            [ports.Compare(key, modified=revision), *world.compare(records.CASE + record.host)],
            _ACT_SECONDS)
        failed = [self._called(decision, permit) for decision in decisions
                  if decision.act in (Act.START, Act.START_ANEW)]
        if any(failed):
            new = restart.changed(new, [start for start in failed if start])
            self._commit(world, record.host, new, modified=revision)

    def _called(self, decision: Decision, permit: ports.Permit) -> Start | None:
        """Make the call; the start as it is then if the call surely did nothing."""
        start = decision.start
        try:
            # A user may have had a word since the look.
            if users.stopped_by_user(self._cloud.actions(start.instance)):
                raise ports.PortError('its user wanted it off just now')
            self._cloud.start(start.instance, permit, anew=decision.act is Act.START_ANEW)
        except ports.OutcomeUnknown:
            return None
        except ports.PortError as failure:
            return restart.refused(start, str(failure), self._term.now())
        return None

    # ------------------------------------------------------------ private

    def _open_elsewhere(self, world: CloudView, host: str, instance: str) -> str:
        """Why it may run elsewhere; empty if it surely does not.

        On another host, or at an address of nobody that has a disk of it open.  Who was to receive
        it is asked even if it has no disk in Ceph: a live migration brings any disk along.
        """
        found = self._open_at(world, host, instance)
        hosts = {**self._migrated_to(world, host, instance), **found.hosts}
        if found.reason or not hosts:
            return found.reason
        others = [world.inventories[other] for other in sorted(hosts)
                  if other in world.inventories]
        said = self._libvirt.contact([other.management_uri for other in others],
                                     self._rules.ask_limit)
        return elsewhere.why_not(hosts, {other.host: certain.runs_by(
            said[other.management_uri], other.host_uuid, instance) for other in others})

    def _open_at(self, world: CloudView, host: str, instance: str) -> elsewhere.Found:
        """What its disks in Ceph say; nothing if there are none."""
        images = images_of(world, host, instance)
        if self._images is None or images == ():
            return elsewhere.Found()
        if images is None:
            return elsewhere.Found('its host does not know its domain: who has its disks open '
                                   'can\'t be asked')
        answers = self._images.clients(images, self._rules.storage_limit)
        return elsewhere.found(answers, host, whose_clients(
            self._store, world, self._rules, answers.values()))

    def _migrated_to(self, world: CloudView, host: str, instance: str) -> Mapping[str, str]:
        """Where a live migration of it may have come to; not if that host is fenced, or gone."""
        found = elsewhere.migrated_to(self._cloud.migrations(instance=instance), host)
        recoveries = world.every(model.Recovery, records.RECOVERY)
        return {other: sign for other, sign in found.items()
                if (other in world.inventories or other in self._cloud.services())
                and not any(kept.is_cut(world.cases.get(other), recovery)
                            for recovery in recoveries.values() if recovery.host == other)}

    def _note(self, world: CloudView, host: str, reason: str) -> None:
        record = world.restarts.get(host)
        if record is None:
            return
        waiting = [dataclasses.replace(start, reason=reason) for start in record.unsettled
                   if start.phase is StartPhase.WAITING]
        new = restart.changed(record, waiting)
        if new != record:
            self._commit(world, host, new)

    def _commit(self, world: CloudView, host: str, record: Restart, modified: int | None = None,
                others: Mapping[str, Restart] = types.MappingProxyType({}),
                more: Sequence[ports.Put] = ()) -> int | None:
        """Write it, unless the host has told something else since, or was booted once more.

        With the records of others, to which something of it is handed over.
        """
        key = records.RESTART + host
        compares = [ports.Compare(key, modified=modified)] if modified else world.compare(key)
        compares += world.compare(*(records.RESTART + other for other in others))
        return self._store.commit(
            [*self._term.compares(), *compares, *world.compare(*(
                kind + each for each in (host, *others)
                for kind in (records.CASE, records.INVENTORY)))],
            [*(ports.Put(records.RESTART + each, records.encode(written))
               for each, written in {host: record, **others}.items()), *more])


def _hosts(world: CloudView, unasked: Mapping[str, Sequence[object]]) -> Iterable[str]:
    """Hosts that tell of something interrupted, or have a record that is open, or too old; and
    those that were lost with what Nova may show there yet.
    """
    return [host for host, inventory in world.inventories.items()
            if inventory.interrupted or inventory.crashed or inventory.stuck or inventory.hung or (
                unasked.get(host)) or (host in world.restarts and (
                world.restarts[host].unsettled or _on_again(world, world.restarts[host])))]


def _on_again(world: CloudView, record: Restart) -> frozenset[str]:
    """What was left, or waved off, after a boot and is on in the present one."""
    inventory, beat = world.inventories[record.host], world.beats.get(record.host)
    if beat is None or beat.boot_id != inventory.boot_id:
        return frozenset()
    return restart.stays_off(record) & {
        one.uuid for one in inventory.instances if one.power is not model.Power.OFF
        and one.uuid not in (*inventory.stuck, *inventory.hung)}


def _power(powers: Mapping[str, model.Power] | None, instance: str) -> model.Power | None:
    """What a libvirt does not know is off there."""
    return None if powers is None else powers.get(instance, model.Power.OFF)
