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

"""The false Nova: its database, its API, its conductor.

What goes wrong here went wrong on the real one: a second evacuate is accepted and spoils the first,
a message to a target that died waits for it, ACTIVE comes before the host changes, and of two
records the older one is finished.  What was not seen to go wrong is as Nova's code has it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
import functools
import typing
from typing import TYPE_CHECKING, Any

from kaopu_ha import ports
from kaopu_ha.core import demands, model
from kaopu_ha.sim.kernel import Kernel, Signal
from kaopu_ha.sim.lay import Lay
from kaopu_ha.sim.leave import Leave
from kaopu_ha.sim.machine import Libvirtd
from kaopu_ha.sim.network import Node, reaches
from kaopu_ha.sim.placement import Placement
from kaopu_ha.sim.servers import SimMigration as SimMigration
from kaopu_ha.sim.servers import SimServer as SimServer

if TYPE_CHECKING:
    from kaopu_ha.sim.compute import Compute

T = typing.TypeVar('T')

_DOWN_SECONDS = 60.0
_EVACUABLE = ('active', 'stopped', 'error')
_NOTABLE = ('active', 'stopped', 'paused', 'suspended')


class Nova:
    """The services of one cloud.  ``asked`` is told each evacuation that the API takes."""

    def __init__(self, kernel: Kernel, node: Node) -> None:
        self.kernel, self.node = kernel, node
        self.away = False
        self.slow_seconds = 0.0
        self.calls_to_lose = 0
        # When the request was sent that is being carried out: who holds it may be quick by now.
        self.sent_at = 0.0
        self.resumes_guests = False
        # Images of guests that it resumed at a boot though a live migration may have brought them
        # elsewhere: it does not look (read), and nobody else has a part in it.
        self.resumed_blindly: set[str] = set()
        self.rows: dict[str, SimServer] = {}
        self.placement, self.lay = Placement(), Lay()
        self.records: list[SimMigration] = []
        self.computes: dict[str, Compute] = {}
        self.forced: set[str] = set()
        self.disabled: set[str] = set()
        self.asked: Callable[[SimServer, str], None] = lambda row, target: None
        self.asked_to_start: Callable[[SimServer], None] = lambda row: None
        self.asked_to_reset: Callable[[SimServer], None] = lambda row: None
        self.asked_to_enable: Callable[[str], None] = lambda host: None
        self.asked_to_join: Callable[[str, str], None] = lambda host, aggregate: None
        self.asked_to_note: Callable[[SimServer, str], None] = lambda row, key: None
        self._lost_at: dict[str, float] = {}

    # ------------------------------------------------------------ what the API does

    def add(self, row: SimServer) -> SimServer:
        """Have a new server, with what is set aside for it on its host."""
        self.rows[row.uuid] = row
        self.placement.claim(row.uuid, row.host, row.cores, row.memory_mb)
        return row

    def remove(self, uuid: str) -> None:
        """Delete a server, and what is set aside for it."""
        del self.rows[uuid]
        self.placement.drop(uuid)

    def evacuate(self, uuid: str, target: str) -> None:
        """Take an evacuation that the program asks for, or raise Refused."""
        row = self.row(uuid)
        self.asked(row, target)
        self.evacuate_for_a_person(row, target)

    def evacuate_for_a_person(self, row: SimServer, target: str) -> None:
        """The same, whoever asks: what people do is no act of the program's."""
        if row.vm_state not in _EVACUABLE:
            raise ports.Refused(f'409: cannot evacuate while it is in vm_state {row.vm_state}')
        if self.is_up(row.host):
            raise ports.Refused(f'400: compute service of {row.host} is still in use')
        if target == row.host or target not in self.computes:
            raise ports.Refused(f'400: {target} is no target')
        # Whatever its task was: a rebuild that is under way is not stopped, and is preempted.
        row.task_state = 'rebuilding'
        row.asked_for('evacuate', 'an administrator')
        record = self.record(row.uuid, 'evacuation', row.host, target)
        if self.calls_to_lose > 0:
            self.calls_to_lose -= 1
            return
        record.lies_at = target
        self.kernel.after(self.kernel.chance.uniform(0.2, 1.0),
                          functools.partial(self._schedule, row, record))

    def reset_state(self, uuid: str, state: str) -> None:
        """Have Nova show another state, and no task."""
        row = self.row(uuid)
        self.asked_to_reset(row)
        row.reset(state)

    def start(self, uuid: str, anew: bool) -> None:
        """Start a server where it is: as its user would, or by a hard reboot."""
        row = self.row(uuid)
        self.asked_to_start(row)
        if row.task_state and not (anew and row.task_state in ('rebooting_hard', 'powering-on')):
            raise ports.Refused(f'409: it is in task_state {row.task_state}')
        if not anew and row.vm_state != 'stopped':
            raise ports.Refused(f'409: cannot start it while it is in vm_state {row.vm_state}')
        row.asked_for('reboot' if anew else 'start', 'kaopu-ha')
        row.task_state = 'rebooting_hard' if anew else 'powering-on'
        compute = self.computes[row.host]
        compute.cast(lambda: compute.start_again(row))

    def force_down(self, host: str, down: bool) -> None:
        """Set or clear forced_down."""
        if host not in self.computes:
            raise ports.Refused(f'404: no service on {host}')
        if not down and any((record.source, record.kind, record.status) == (
                host, 'evacuation', 'done') for record in self.records):
            raise ports.Refused(f'400: {host} has evacuations that its nova-compute has not '
                                'cleaned up')
        (self.forced.add if down else self.forced.discard)(host)

    def enable(self, host: str) -> None:
        """Enable a service."""
        if host not in self.computes:
            raise ports.Refused(f'404: no service on {host}')
        self.asked_to_enable(host)
        self.disabled.discard(host)

    def join(self, host: str, aggregate: str) -> None:
        """Add a host to an aggregate."""
        if host not in self.computes:
            raise ports.Refused(f'404: no service on {host}')
        self.asked_to_join(host, aggregate)
        self.lay.join(host, aggregate)

    def note(self, uuid: str, key: str, text: str) -> None:
        """Set one item of a server's metadata."""
        row = self.row(uuid)
        self.asked_to_note(row, key)
        if row.task_state or row.vm_state not in _NOTABLE:
            raise ports.Refused(f'409: it is {row.vm_state}/{row.task_state or "no task"}')
        row.note(key, text)

    # ------------------------------------------------------------ what everybody may know

    def row(self, uuid: str) -> SimServer:
        """A server.  Raises Refused if there is none."""
        if uuid not in self.rows:
            raise ports.Refused(f'404: there is no server {uuid}')
        return self.rows[uuid]

    def record(self, uuid: str, kind: str, source: str, target: str) -> SimMigration:
        """A new migration record."""
        record = SimMigration(str(len(self.records) + 1), uuid, kind, 'accepted', source, target,
                              self.kernel.now)
        self.records.append(record)
        return record

    def is_up(self, host: str) -> bool:
        """True if the host's service reported lately, and is not forced down."""
        self.note_reports()
        lost = self._lost_at.get(host)
        return host not in self.forced and (
            lost is None or self.kernel.now - lost < _DOWN_SECONDS)

    def is_enabled(self, host: str) -> bool:
        """True unless a person disabled it, or its nova-compute that lost its libvirtd."""
        return host not in self.disabled and (
            self.computes[host].machine.libvirtd is not Libvirtd.DEAD)

    def note_reports(self) -> None:
        """Note whose reports ended.  To be called whenever that may have changed."""
        for host, compute in self.computes.items():
            if compute.reports():
                self._lost_at.pop(host, None)
            else:
                self._lost_at.setdefault(host, self.kernel.now)

    def usage(self) -> dict[str, model.Usage]:
        """Placement's figures: what is evacuated counts twice until its source has cleaned up."""
        return {host: self.lay.usage(self, host) for host in self.computes}

    # ------------------------------------------------------------ conductor and scheduler

    def _schedule(self, row: SimServer, record: SimMigration) -> None:
        # Of several records Nova takes the oldest for this call's.
        finished = next((each for each in self.records if each.instance == row.uuid
                         and (each.kind, each.status) == ('evacuation', 'accepted')), record)
        compute = self.computes[record.target]
        free = self.lay.free(self, record.target, without=row.uuid)
        roomy = (row.cores <= free['PCPU' if row.uuid in self.lay.dedicated else 'VCPU']
                 and row.memory_mb <= free['MEMORY_MB'])
        if not (self.is_up(record.target) and self.is_enabled(record.target) and roomy
                ) or self.lay.why_not(self, row, record.target):
            finished.status, record.lies_at = 'error', ''
            row.vm_state, row.task_state, row.fault = 'error', '', 'No valid host was found.'
            return
        if row.uuid in self.rows:
            self.placement.claim(row.uuid, record.target, row.cores, row.memory_mb)
        compute.cast(lambda: compute.rebuild(row, record, finished))


class SimNova(ports.Cloud):
    """A client of the false Nova, at a machine."""

    def __init__(self, nova: Nova, node: Node, timeout: float = 10.0) -> None:
        self.nova, self.kernel = nova, nova.kernel
        self._node, self._timeout = node, timeout

    def servers(self, host: str) -> tuple[model.Server, ...]:
        """As promised."""
        self._go()
        return tuple(self._shown(row) for uuid, row in sorted(self.nova.rows.items())
                     if row.host == host)

    def server(self, uuid: str) -> model.Server | None:
        """As promised."""
        self._go()
        row = self.nova.rows.get(uuid)
        return self._shown(row) if row else None

    def services(self) -> Mapping[str, model.ComputeService]:
        """As promised."""
        self._go()
        return {host: model.ComputeService(
            f'service-{host}', host, self.nova.is_enabled(host), self.nova.is_up(host),
            host in self.nova.forced, self.nova.lay.zones.get(host, ''))
            for host in sorted(self.nova.computes)}

    def places(self, kinds: Sequence[model.Demand]) -> demands.Places:
        """As promised."""
        self._go()
        if self.nova.placement.away:
            raise ports.PortError('503: Placement is away')
        return self.nova.lay.places(self.nova, kinds)

    def aggregates(self) -> tuple[demands.Aggregate, ...]:
        """As promised."""
        self._go()
        return self.nova.lay.aggregates()

    def migrations(self, *, instance: str = '', host: str = '') -> tuple[model.Migration, ...]:
        """As promised."""
        self._go()
        return tuple(_migration(record) for record in reversed(self.nova.records)
                     if (not instance or record.instance == instance)
                     and (not host or host in (record.source, record.target)))

    def actions(self, instance: str) -> tuple[model.Action, ...]:
        """As promised."""
        self._go()
        row = self.nova.rows.get(instance)
        return tuple(reversed(row.actions)) if row else ()

    def allocations(self, consumers: Sequence[str]) -> Mapping[str, model.Allocations]:
        """As promised."""
        self._go()
        if self.nova.placement.away:
            raise ports.PortError('503: Placement is away')
        return {consumer: self.nova.placement.shown(consumer) for consumer in consumers}

    def release(self, read: model.Allocations, host: str, permit: ports.Permit) -> None:
        """As promised."""
        if self.nova.placement.away:
            raise ports.PortError('503: Placement is away')
        self._act(permit, lambda: self.nova.placement.release(read, host),
                  f'release {read.consumer}')

    def force_down(self, host: str, down: bool, permit: ports.Permit) -> None:
        """As promised."""
        self._act(permit, lambda: self.nova.force_down(host, down), f'force {host}')

    def enable(self, host: str, permit: ports.Permit) -> None:
        """As promised."""
        self._act(permit, lambda: self.nova.enable(host), f'enable {host}')

    def join(self, host: str, aggregate: str, permit: ports.Permit) -> None:
        """As promised."""
        self._act(permit, lambda: self.nova.join(host, aggregate), f'join {host} {aggregate}')

    def evacuate(self, instance: str, target: str, permit: ports.Permit) -> None:
        """As promised."""
        self._act(permit, lambda: self.nova.evacuate(instance, target), f'evacuate {instance}')

    def reset_state(self, instance: str, state: str, permit: ports.Permit) -> None:
        """As promised."""
        self._act(permit, lambda: self.nova.reset_state(instance, state),
                  f'reset {instance}')

    def start(self, instance: str, permit: ports.Permit, *, anew: bool = False) -> None:
        """As promised."""
        self._act(permit, lambda: self.nova.start(instance, anew), f'start {instance}')

    def note(self, instance: str, key: str, text: str, permit: ports.Permit) -> None:
        """As promised."""
        self._act(permit, lambda: self.nova.note(instance, key, text), f'note {instance}')

    def close(self) -> None:
        """Nothing is held."""

    # ------------------------------------------------------------ private

    def _shown(self, row: SimServer) -> model.Server:
        return _server(row, self.nova.lay.demand(row))

    def _connected(self) -> bool:
        return reaches(self._node, self.nova.node, 'management')

    def _go(self) -> None:
        self.kernel.sleep(self.kernel.chance.uniform(0.02, 0.1))
        if not self._connected():
            self.kernel.sleep(self._timeout)
            raise ports.PortError('Nova does not answer')
        if self.nova.away:
            raise ports.PortError('503: Nova is away')

    def _act(self, permit: ports.Permit, act: Callable[[], None], name: str = '') -> None:
        """Send a request.  Once sent it is carried out, whatever becomes of who sent it."""
        leave = Leave(self.kernel, permit)
        self._go()
        leave.take(name)
        answer, way = _Answer(), self.kernel.chance.uniform(0.05, 0.3) + self.nova.slow_seconds
        self.kernel.after(way, functools.partial(self._arrive, act, answer, self.kernel.now))
        if not self.kernel.wait(answer.there, leave.seconds) or not self._connected():
            raise ports.OutcomeUnknown('Nova did not answer in time')
        if answer.refusal is not None:
            raise answer.refusal

    def _arrive(self, act: Callable[[], None], answer: _Answer, sent: float) -> None:
        self.nova.sent_at = sent
        answer.come(act)


class _Answer:
    """What comes back of a request."""

    def __init__(self) -> None:
        self.there = Signal()
        self.refusal: ports.Refused | None = None

    def come(self, act: Callable[[], None]) -> None:
        """Carry the request out, and let the answer be there."""
        try:
            act()
        except ports.Refused as refusal:
            self.refusal = refusal
        self.there.set()


class SimUsage(ports.UsageSource):
    """The false Placement."""

    def __init__(self, nova: Nova, node: Node) -> None:
        self._client = SimNova(nova, node)

    def usage(self) -> Mapping[str, model.Usage]:
        """As promised."""
        self._client.services()
        return self._client.nova.usage()


def _migration(record: SimMigration) -> model.Migration:
    return model.Migration(record.id, record.instance, record.kind, record.status, record.source,
                           record.target)


def _server(row: SimServer, demand: model.Demand | None) -> model.Server:
    shown: dict[str, Any] = {name: getattr(row, name) for name in (
        'uuid', 'name', 'host', 'vm_state', 'task_state', 'power_state', 'cores', 'memory_mb',
        'fault', 'project', 'opted_in', 'marks')}
    return model.Server(**shown, domain=f'instance-{row.name}', demand=demand)
