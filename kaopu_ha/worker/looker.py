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

"""What a worker sees of an evacuation: of Nova, and of its target when that matters."""

from __future__ import annotations

from collections.abc import Callable, Sequence
import dataclasses
from dataclasses import dataclass

from kaopu_ha import ports, records
from kaopu_ha.core import addresses, attempt, certain, kept, model, rivals
from kaopu_ha.core.model import Evacuation, Phase

_ASK_SECONDS = 3.0
# Between two questions to Nova while an instance moves, unless its disk was opened: each costs Nova
# more processor time than all of ours, and it has instances to move.
NOVA_SECONDS = 5.0


@dataclass
class CallTimes:
    """``seconds``: for which the present call was waited for; ``up_since``: since when the target's
    nova-compute was seen up at each look, ``runs_since`` that the instance certainly runs there;
    ``quiet_since`` that Nova showed it on its source without a task.
    """

    seconds: float = 0.0
    up_since: float | None = None
    runs_since: float | None = None
    quiet_since: float | None = None


class Looker:
    """Asks Nova, Ceph and libvirt on behalf of a worker."""

    def __init__(self, store: ports.Store, cloud: ports.Cloud, images: ports.ImageObserver,
                 libvirt: ports.LibvirtObserver, rules: model.Rules,
                 clock: Callable[[], float]) -> None:
        self._store, self._cloud, self._images, self._libvirt = store, cloud, images, libvirt
        self._rules, self._clock = rules, clock

    def is_due(self, item: Evacuation, target: model.Inventory | None, asked: float) -> bool:
        """True if Nova may have news: often while the disk is open there, else now and then."""
        if item.phase is not Phase.MOVING or target is None or (
                self._clock() - asked >= NOVA_SECONDS):
            return True
        images = self._images.clients(item.images, _ASK_SECONDS)
        return certain.open_there(attempt.Seen(
            None, images=tuple(images.values()), target_addresses=target.storage_addresses))

    def seen(self, item: Evacuation, target: model.Inventory | None, times: CallTimes, *,
             source_returned: bool, orders: tuple[model.FenceOrder, ...]) -> attempt.Seen:
        """What Nova shows, and what the target says where that matters.  Raises PortError."""
        seconds = times.seconds
        server = self._cloud.server(item.instance)
        migrations: tuple[model.Migration, ...] = ()
        quiet = self._is_quiet(times, item, server)
        if item.phase is not Phase.MOVING or (server and (
                server.vm_state == 'error' or quiet or seconds >= self._rules.attempt_limit
                or server.host not in (item.source, item.target))):
            migrations = self._cloud.migrations(instance=item.instance)
        seen = attempt.Seen(server, migrations, seconds, source_returned=source_returned,
                            orders=orders, up_seconds=self._up_seconds(times, item),
                            actions=self._actions(item, server))
        if target is None or not (quiet or attempt.must_ask(item, server, seconds, self._rules)):
            times.runs_since = None
            return seen
        seen = self._asked(item, target, seen)
        return dataclasses.replace(seen, runs_seconds=self._runs_seconds(times, seen))

    # ------------------------------------------------------------ private

    def _is_quiet(self, times: CallTimes, item: Evacuation, server: model.Server | None) -> bool:
        """True if Nova has it on its source without a task for longer than one that arrives.

        Without OpenStack there is no such task, and nobody tells of a demand.
        """
        rests = (server is not None and item.demand is not None
                 and server.host == item.source and not server.task_state)
        if item.phase is not Phase.MOVING or not rests:
            times.quiet_since = None
            return False
        if times.quiet_since is None:
            times.quiet_since = self._clock()
        return self._clock() - times.quiet_since >= self._rules.quiet_seconds

    def _actions(self, item: Evacuation,
                 server: model.Server | None) -> tuple[model.Action, ...]:
        """What its users asked for, if it was stopped since it was to be moved."""
        stopped = server is not None and server.vm_state == 'stopped'
        return self._cloud.actions(item.instance) if (
            stopped and item.phase is Phase.QUEUED) else ()

    def _up_seconds(self, times: CallTimes, item: Evacuation) -> float:
        """For how long the target's nova-compute was seen up; not asked before it matters."""
        if item.phase is not Phase.MOVING or times.seconds < self._rules.service_down_seconds:
            times.up_since = None
            return 0.0
        service = self._cloud.services().get(item.target)
        if service is None or not service.up:
            times.up_since = None
            return 0.0
        if times.up_since is None:
            times.up_since = self._clock()
        return self._clock() - times.up_since

    def _runs_seconds(self, times: CallTimes, seen: attempt.Seen) -> float:
        """For how long the instance was seen to run on its target."""
        if not certain.runs_there(seen):
            times.runs_since = None
            return 0.0
        if times.runs_since is None:
            times.runs_since = self._clock()
        return self._clock() - times.runs_since

    def _asked(self, item: Evacuation, target: model.Inventory,
               seen: attempt.Seen) -> attempt.Seen:
        """What was seen, with the answers of Ceph, and of the target's libvirt after a call."""
        there = _told(target, item.instance)
        disks = there.images if there is not None else ()
        images = self._images.clients(tuple(sorted({*item.images, *disks})), _ASK_SECONDS)
        seen = dataclasses.replace(seen, images=tuple(images[image] for image in item.images),
                                   there=there, now=tuple(images[image] for image in disks),
                                   target_addresses=target.storage_addresses,
                                   target_uuid=target.host_uuid,
                                   target_started=target.compute_started,
                                   target_left=self._is_left(item.instance, target))
        seen = self._asked_elsewhere(item, seen)
        if item.phase is Phase.QUEUED:
            return seen
        libvirt = self._libvirt.contact([target.management_uri], _ASK_SECONDS)
        return dataclasses.replace(seen, libvirt=libvirt[target.management_uri])

    def _is_left(self, instance: str, target: model.Inventory) -> bool:
        """True if the target tells that its domain is older than its nova-compute, and keeps that
        up: what an agent said that is gone may be so no longer.
        """
        if instance not in target.left_defined or target.note:
            return False
        view = records.View(self._store.read(records.ALIVE + target.host))
        beat = view.beats.get(target.host)
        return (beat is not None and view.beats_truly(target.host) and not beat.behind
                and beat.boot_id == target.boot_id)

    def _asked_elsewhere(self, item: Evacuation, seen: attempt.Seen) -> attempt.Seen:
        """What was seen, with whose each live client is that is none of the target.

        Before the first call each host that may have it is asked for the domain.
        """
        if item.phase is not Phase.QUEUED and not certain.foreign_clients(seen):
            return seen
        view = records.View(self._store.read(records.INVENTORY, records.TOOL, records.CLAIMS))
        seen = dataclasses.replace(seen, known=self._whose(item, seen, view))
        silent = certain.silent_on(item, seen)
        asked = {host: contact for host in sorted({*certain.live_clients_on(seen), *silent})
                 if host != item.source and (contact := _contact(view, host))}
        if item.phase is not Phase.QUEUED or not (asked or silent):
            return seen
        said = self._libvirt.contact([each.management_uri for each in asked.values()],
                                     _ASK_SECONDS)
        return dataclasses.replace(
            seen, harmless=self._harmless(silent, view), elsewhere={
                host: certain.runs_by(said[each.management_uri], each.host_uuid, item.instance)
                for host, each in asked.items()})

    def _whose(self, item: Evacuation, seen: attempt.Seen,
               view: records.View) -> addresses.Known:
        """Whose each address is; who says that it has a disk of the instance open, if it matters.
        """
        known = view.known(self._rules.tools, view.claims if view.mute else {})
        if not (rivals.are_contested(seen.images or (), known)
                or certain.silent_on(item, dataclasses.replace(seen, known=known))):
            return known
        beats, told = records.View(self._store.read(records.ALIVE)), view.inventories
        fresh = [told[host] for host, beat in beats.beats.items()
                 if host in told and beats.beats_truly(host) and not beat.behind]
        return rivals.told(known, {answer.image for answer in seen.images or ()}, fresh,
                           view.claims)

    def _harmless(self, hosts: Sequence[str], view: records.View) -> frozenset[str]:
        """Those of the hosts that are fenced, or have no agent: their clients are nobody's."""
        return frozenset(host for host in hosts if self._is_fenced(host)
                         or not view.has(records.INVENTORY + host))

    def _is_fenced(self, host: str) -> bool:
        entry = self._store.read(records.CASE + host).get(records.CASE + host)
        if entry is None:
            return False
        case = records.record(model.Case, entry)
        key = records.RECOVERY + case.recovery
        found = self._store.read(key).get(key) if case.recovery else None
        return kept.is_cut(case, records.record(model.Recovery, found) if found else None)


def _contact(view: records.View, host: str) -> model.Inventory | records.Claims | None:
    """Where the host's libvirt is asked; of one that nobody can read now, where it told before."""
    told = view.inventories.get(host)
    if told is not None:
        return told
    claims = view.written_down.get(host)
    return claims if claims is not None and claims.management_uri else None


def _told(target: model.Inventory, instance: str) -> model.Instance | None:
    """The instance as its target tells of it; None if it does not, or not of what it needs."""
    found = next((each for each in target.instances if each.uuid == instance), None)
    whole = found is not None and bool(found.images) and all(
        image.header for image in found.images) and not target.note
    return found if whole else None


def returned(case: model.Case, entry: ports.Entry | None) -> bool:
    """True if the source was booted since it was confirmed, or may have been."""
    if entry is None:
        return True
    return records.record(model.Inventory, entry).boot_id != case.boot_id
