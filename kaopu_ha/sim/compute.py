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

"""The false nova-compute of one host: it rebuilds, reboots, migrates, and cleans up when it starts."""

from __future__ import annotations

from collections.abc import Callable

from kaopu_ha.sim.kernel import Kernel, Process, Signal
from kaopu_ha.sim.machine import Libvirtd, Machine
from kaopu_ha.sim.network import reaches
from kaopu_ha.sim.nova import _PAUSED, _RUNNING, _SHUTDOWN, Nova, Record, Row

_POLL_SECONDS = 1.0
_UNFINISHED = ('accepted', 'running')


class Compute:
    """A service.  Its messages wait in the queue while it is away, and are worked off after."""

    def __init__(self, kernel: Kernel, nova: Nova, machine: Machine) -> None:
        self.kernel, self.nova, self.machine = kernel, nova, machine
        self.starts = 0
        self._process: Process | None = None
        self._frozen = False
        self._inbox: list[Callable[[], None]] = []
        self._came = Signal()
        nova.computes[machine.name] = self

    def start(self) -> None:
        """Start the service; harmless while it runs."""
        if self._process is None:
            self.starts += 1
            self._process = Process(f'nova-compute on {self.machine.name}')
            self.kernel.spawn(self._process, self._clean_up)
            self.kernel.spawn(self._process, self._consume)

    def kill(self) -> None:
        """End it where it stands."""
        process, self._process = self._process, None
        if process is not None:
            process.kill()

    def freeze(self, frozen: bool) -> None:
        """Stop it, or let it go on."""
        self._frozen = frozen
        if self._process is not None:
            (self._process.freeze if frozen else self._process.thaw)()

    def reports(self) -> bool:
        """True if its heartbeats reach Nova."""
        return (self._process is not None and not self._frozen
                and self.machine.libvirtd is not Libvirtd.DEAD and self._connected())

    def started(self) -> str:
        """Since when it runs, as an agent sees it; '' if it does not."""
        return f'{self.machine.boot_id}/{self.starts}' if self._process is not None else ''

    def cast(self, work: Callable[[], None]) -> None:
        """Put a message into its queue."""
        self._inbox.append(work)
        self._came.set()

    # ------------------------------------------------------------ what it does

    def rebuild(self, row: Row, record: Record) -> None:
        """Carry an evacuation out: start the guest here on the disk it had."""
        try:
            self._take_time(0.2, 0.8)
            if row.worked_by or row.task_state != 'rebuilding' or row.uuid not in self.nova.rows:
                self._is_old(row, record)
                return
            row.worked_by = self.machine.name
            self._rebuild(row, record)
        finally:
            record.lies_at = ''
            if row.worked_by == self.machine.name:
                row.worked_by = ''

    def reboot(self, row: Row) -> None:
        """Reboot hard: a new QEMU, a new client.  Refused if the server is in another task now."""
        self._take_time(0.1, 0.5)
        if row.host != self.machine.name or row.task_state != 'rebooting_hard':
            return
        if row.uuid in self.machine.guests:
            self.machine.stop(row.uuid)
            self._take_time(0.5, 1.0)
            self.machine.start(row.uuid)
        row.task_state = ''

    def power(self, row: Row, on: bool) -> None:
        """Start or stop the server as its user wants."""
        self._take_time(0.2, 1.0)
        if row.host != self.machine.name or row.uuid not in self.machine.guests:
            return
        if not on:
            self.machine.stop(row.uuid)
        row.wanted = on = on and self.machine.start(row.uuid)
        row.vm_state, row.task_state = ('active', '') if on else ('stopped', '')
        row.power_state = _RUNNING if on else _SHUTDOWN

    def pause(self, row: Row, paused: bool) -> None:
        """Pause or unpause the server."""
        self.machine.pause(row.uuid, paused)
        row.vm_state = 'paused' if paused else 'active'
        row.power_state = _PAUSED if paused else _RUNNING

    def migrate(self, row: Row, record: Record, target: Compute) -> None:
        """Live-migrate the server: the target's QEMU waits, then the guest goes over."""
        row.task_state, record.status = 'migrating', 'running'
        here, there = self.machine, target.machine
        self._take_time(0.5, 1.5)
        there.define(row.uuid, row.name, row.images)
        ready = there.start(row.uuid, writes=False)
        over = self.kernel.now + self.kernel.chance.uniform(3.0, 8.0)
        while ready and self.kernel.now < over:
            self.kernel.sleep(0.5)
            ready = there.runs(row.uuid) and here.runs(row.uuid) and reaches(
                here.node, there.node, 'management')
        if not ready:
            there.remove(row.uuid)
            self._connect()
            row.task_state, record.status = '', 'error'
            return
        here.stop(row.uuid)
        there.resume(row.uuid)
        self._take_time(0.5, 2.0)
        row.host, row.task_state, record.status = there.name, '', 'completed'
        here.remove(row.uuid)

    # ------------------------------------------------------------ private

    def _rebuild(self, row: Row, record: Record) -> None:
        row.task_state = 'rebuild_spawning'
        self._take_time(1.5, 6.0)
        machine = self.machine
        machine.define(row.uuid, row.name, row.images)
        works = machine.spawns and machine.libvirtd is Libvirtd.RUNNING
        if not works or not machine.start(row.uuid):
            machine.remove(row.uuid)
            self._connect()
            record.status = 'failed'
            row.vm_state, row.task_state, row.fault = 'error', '', 'the guest did not start'
            return
        self._take_time(0.3, 1.0)
        # Of several records Nova finishes the oldest.
        oldest = next((each for each in self.nova.records if each.instance == row.uuid
                       and each.kind == 'evacuation' and each.status == 'accepted'), record)
        row.vm_state, row.power_state, row.fault = 'active', _RUNNING, ''
        row.task_state = 'rebuilding' if row.spoiled else ''
        self._take_time(0.1, 4.5)
        row.host, oldest.status = machine.name, 'done'

    def _is_old(self, row: Row, record: Record) -> None:
        """A message whose time is over: it spoils what Nova shows, not what runs."""
        record.status = 'failed'
        if not row.worked_by and row.host != self.machine.name:
            row.vm_state, row.task_state = 'error', ''

    def _clean_up(self) -> None:
        """Destroy what was evacuated from here; then find what does not run as it should."""
        self._take_time(2.0, 4.0)
        for record in self.nova.records:
            if record.kind != 'evacuation' or record.source != self.machine.name:
                continue
            row = self.nova.rows.get(record.instance)
            if record.status in ('accepted', 'done') and (
                    row is None or row.host != self.machine.name or record.status == 'accepted'):
                self.machine.remove(record.instance)
            if record.status == 'done':
                record.status = 'completed'
        self._take_time(2.0, 4.0)
        for row in self.nova.rows.values():
            idle = not row.task_state and row.host == self.machine.name
            if idle and row.vm_state == 'active' and not self.machine.runs(row.uuid):
                self._find_off(row)

    def _find_off(self, row: Row) -> None:
        self.machine.define(row.uuid, row.name, row.images, row.local_disks)
        if not (self.nova.resumes_guests and self.machine.start(row.uuid)):
            row.vm_state, row.power_state = 'stopped', _SHUTDOWN

    def _consume(self) -> None:
        """Take messages, one after another; each is worked on beside the others."""
        assert self._process is not None
        while True:
            self._connect()
            while self._inbox:
                self.kernel.spawn(self._process, self._inbox.pop(0))
            self._came.clear()
            self.kernel.wait(self._came, 60.0)

    def _take_time(self, least: float, most: float) -> None:
        """Work; then go on only when Nova is reached: its state is kept there."""
        self.kernel.sleep(self.kernel.chance.uniform(least, most))
        self._connect()

    def _connect(self) -> None:
        while not self._connected():
            self.kernel.sleep(_POLL_SECONDS)

    def _connected(self) -> bool:
        return reaches(self.machine.node, self.nova.node, 'management')
