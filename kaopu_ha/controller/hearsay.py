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

"""Follows each notification to what came of it.  ``core.notifications`` decides."""

from __future__ import annotations

from collections.abc import Mapping

from kaopu_ha import ports, records
from kaopu_ha.controller import crashes
from kaopu_ha.controller.lasting import Lasting
from kaopu_ha.controller.term import Term
from kaopu_ha.controller.told import tells
from kaopu_ha.controller.world import CloudView
from kaopu_ha.core import model, notifications, notified, trusting
from kaopu_ha.core.crashes import Opened
from kaopu_ha.core.segments import Notification, NotificationKind
from kaopu_ha.core.trusting import Weighed
from kaopu_ha.runtime import Runtime

# What is looked at besides what a leader reads anyway.
RANGES = (records.NOTIFICATION, records.SEGMENT, records.RECOVERY, records.EVACUATION,
          records.CRASHED)
# What Nova said of its services is good for so long.
_NOVA_SECONDS = 5.0


class Hearsay:
    """A part of the answerer's turn."""

    def __init__(self, store: ports.Store, term: Term, cloud: ports.Cloud, env: Runtime) -> None:
        self._store, self._term, self._cloud = store, term, cloud
        self._rules, self._clock, self._tell = env.rules, env.clock, env.tell
        # Since when what is waited for is so, by notification: that its host beats, or tells what
        # is on there, or that it is known at all.
        self._since: Lasting[str] = Lasting(env.clock)
        self._services: Mapping[str, model.ComputeService] = {}
        self._asked_at = float('-inf')

    def forget(self) -> None:
        """What was seen in another term says nothing."""
        self._since.clear()
        self._asked_at = float('-inf')

    @staticmethod
    def waiting(world: CloudView) -> dict[str, dict[str, Notification]]:
        """What has not ended: by host, then by uuid, the oldest first."""
        found: dict[str, dict[str, Notification]] = {}
        for one in sorted(world.notifications.values(), key=lambda one: one.number):
            if not one.status.ended:
                found.setdefault(one.host, {})[one.uuid] = one
        return found

    def follow(self, world: CloudView, waiting: Mapping[str, Notification]) -> None:
        """Write down what is new of these, which are about one host."""
        for one in waiting.values():
            seen = self._seen(world, one)
            found = trusting.weighed(one, notifications.advance(one, seen, self._rules), seen,
                                     self._term.name, self._rules)
            after = found.notification
            if (after != one or found.case) and self._written(world, one, found) and (
                    after.taken > one.taken or found.case):
                # What comes behind it is seen in the next turn: another record is new.
                return
            if after.status.ended:
                self._since.forget(one.uuid)

    def _written(self, world: CloudView, one: Notification, found: Weighed) -> bool:
        """Write it down, with the start that is made for it, or its word; True if it did."""
        key, after = records.NOTIFICATION + one.uuid, found.notification
        opened: Opened | None = None
        if after.taken > one.taken:
            opened = crashes.called(world, one.host, _instance(one), self._term, self._rules)
        looked, writes = [key, records.CASE + one.host], [ports.Put(key, records.encode(after))]
        if found.case is not None:
            # What an agent tells now would end the word at once.
            looked += [kind + one.host for kind in (records.ALIVE, records.INVENTORY, records.HOST)]
            writes.append(ports.Put(records.CASE + one.host, records.encode(found.case)))
        if opened is not None:
            looked += [records.RESTART + one.host, records.INVENTORY + one.host]
            writes += [ports.Put(records.RESTART + one.host, records.encode(opened.record)),
                       *crashes.counted(self._store, world, opened, self._term.now(),
                                        self._rules)]
        if self._store.commit([*self._term.compares(), *world.compare(*looked)], writes) is None:
            return False
        for item in (*notifications.told(after), *(opened.news if opened else ()), *found.news):
            self._tell(item)
        return True

    def _seen(self, world: CloudView, one: Notification) -> notifications.Seen:
        case, segment = world.cases.get(one.host), world.segments.get(one.segment)
        recovery = one.recovery or (case.recovery if case is not None else '')
        prefix = f'{records.EVACUATION}{recovery}/'
        beats, of_host = world.beats_truly(one.host), one.kind is NotificationKind.COMPUTE_HOST
        seconds = self._since.seconds(one.uuid, beats) if of_host else 0.0
        return notifications.Seen(
            _as_kept(self._term.now()), enabled=segment is not None and segment.enabled,
            known=world.has(records.INVENTORY + one.host), held=one.host in world.held,
            beats=beats, beating_seconds=seconds if beats else 0.0, case=case,
            recovery=world.every(model.Recovery, records.RECOVERY).get(recovery),
            moves=tuple(world.every(model.Evacuation, prefix).values()) if recovery else (),
            host=notified.HostSeen() if of_host else self._host(world, one),
            opened=world.opened.get(one.host, 0),
            told=world.modified(records.INVENTORY + one.host))

    def _host(self, world: CloudView, one: Notification) -> notified.HostSeen:
        """What matters to what is said of a guest, or a process."""
        host, instance = one.host, _instance(one)
        inventory, restarts = world.inventories.get(host), world.restarts.get(host)
        case = world.cases.get(host)
        told = inventory is not None and tells(world, host)
        is_guest = one.kind is NotificationKind.VM
        return notified.HostSeen(
            known=inventory is not None, held=host in world.held,
            confirmed=case is not None and case.stage in (
                model.Stage.CONFIRMED, model.Stage.ADMITTING), tells=told,
            seconds=self._since.seconds(one.uuid, told if is_guest else True),
            power=next((each.power for each in (inventory.instances if inventory else ())
                        if each.uuid == instance), None),
            crashed=inventory is not None and instance in inventory.crashed,
            stuck=inventory is not None and instance in inventory.stuck,
            start=next((each for each in (restarts.starts if restarts else ())
                        if each.instance == instance), None),
            service=self._service(one))

    def _service(self, one: Notification) -> model.ComputeService | None:
        """Nova's word on the service of its host, a few seconds old at most; None without one."""
        if not notified.needs_nova(one):
            return None
        if self._clock() - self._asked_at >= _NOVA_SECONDS:
            self._asked_at = self._clock()
            try:
                self._services = self._cloud.services()
            except ports.PortError:
                self._services = {}
        return self._services.get(one.host)


def _instance(one: Notification) -> str:
    """The instance that it is about, as its host spells it; '' if it is about none."""
    return one.payload.get('instance_uuid', '').lower()


def _as_kept(at: str) -> str:
    """A time of ours, in UTC, as the API's records have it: without a zone, cut to seconds."""
    return f'{at[:19]}.000000'
