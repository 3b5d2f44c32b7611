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

"""The false nova-compute of one host: it rebuilds, reboots, migrates, cleans up when it starts.

The task state is its only guard, as it is Nova's: who finds another one than it left is preempted,
and saves what it had in hand.
"""

from __future__ import annotations

from collections.abc import Callable
import functools

from kaopu_ha.sim.kernel import Kernel, Process, Signal
from kaopu_ha.sim.machine import Libvirtd, Machine
from kaopu_ha.sim.network import reaches
from kaopu_ha.sim.nova import Nova
from kaopu_ha.sim.servers import NO_STATE, PAUSED, RUNNING, SHUTDOWN, SimMigration, SimServer

_POLL_SECONDS = 1.0
# How long librados looks for monitors, and a libvirtd for the other end of a migration.
_CONNECT_SECONDS = 300.0
_KEEPALIVE_SECONDS = 30.0
# In one of four runs the domains of what was evacuated stayed defined, shut off.
_LEFT_DEFINED = 0.25
# The task of a server whose reboot has begun.
_REBOOTS = 'reboot_started_hard'
# Tasks that a nova-compute takes up again when it starts.
_STARTS = ('powering-on', 'rebooting_hard')
_STOPS = 'powering-off'


class Compute:
    """A service.  Its messages wait in the queue while it is away, and are worked off after."""

    def __init__(self, kernel: Kernel, nova: Nova, machine: Machine) -> None:
        self.kernel, self.nova, self.machine = kernel, nova, machine
        self.starts, self._began = 0, 0.0
        self._process: Process | None = None
        self._frozen = False
        self._inbox: list[Callable[[], None]] = []
        self._came = Signal()
        self._migrating: set[str] = set()
        nova.computes[machine.name] = self

    def start(self) -> None:
        """Start the service; harmless while it runs."""
        if self._process is None:
            self.starts, self._began = self.starts + 1, self.kernel.now
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
        """True if its heartbeats reach Nova, whatever its libvirtd does."""
        return self._process is not None and not self._frozen and self._connected()

    def works(self) -> bool:
        """True if Nova could have it do something with a domain."""
        return self.reports() and self.machine.libvirtd is Libvirtd.RUNNING

    def started(self) -> str:
        """Since when it runs, as an agent sees it; '' if it does not."""
        return f'{self.machine.boot_id}/{self.starts}' if self._process is not None else ''

    def began_at(self) -> float | None:
        """When that was; None if it does not run."""
        return self._began if self._process is not None else None

    def cast(self, work: Callable[[], None]) -> None:
        """Put a message into its queue."""
        self._inbox.append(work)
        self._came.set()

    # ------------------------------------------------------------ what it does

    def rebuild(self, row: SimServer, record: SimMigration, finished: SimMigration) -> None:
        """Carry an evacuation out: start the guest here on the disk it had.

        ``record`` is this call's; the one that is ``finished`` with it may be an older one.
        """
        try:
            self._take_time(0.2, 0.8)
            finished.target, finished.status = self.machine.name, 'pre-migrating'
            if row.uuid in self.machine.guests:
                self._fail(row, finished, 'the domain exists already')
            elif row.task_state != 'rebuilding' or row.uuid not in self.nova.rows:
                self._preempted(row, finished)
            elif self.nova.lay.parted(self.nova, row, self.machine.name):
                self._not_taken(row, finished)
            else:
                self._rebuild(row, finished)
        finally:
            record.lies_at = ''

    def reboot(self, row: SimServer) -> None:
        """Reboot hard: a new QEMU, a new client.  Refused if the server is in another task now.

        Once it has begun it asks Nova no more: a QEMU that had to wait comes up late.
        """
        self._take_time(0.1, 0.5)
        if row.host != self.machine.name or row.task_state not in ('rebooting_hard', _REBOOTS):
            return
        row.task_state = _REBOOTS
        if row.uuid in self.machine.guests:
            self._define_anew(row)
            self.machine.stop(row.uuid)
            self._take_time(0.5, 1.0)
            started = self._start(row)
            self._connect()
            if row.task_state == _REBOOTS and not started:
                # It was not the host that died: its user is told, and has to act.
                row.vm_state, row.wanted = 'error', False
            elif row.task_state == _REBOOTS:
                row.vm_state, row.power_state, row.wanted = 'active', RUNNING, True
        if row.task_state == _REBOOTS:
            row.task_state = ''

    def power(self, row: SimServer, on: bool) -> None:
        """Start or stop the server as its user wants.

        Nova does not ask whose it is by now (read): what is not here is off, or fails to start.
        """
        self._take_time(0.2, 1.0)
        if row.host != self.machine.name or row.uuid not in self.machine.guests:
            if row.task_state == 'powering-off':
                row.vm_state, row.wanted, row.task_state = 'stopped', False, ''
            elif row.task_state == 'powering-on':
                row.task_state = ''
            return
        if not on:
            self.machine.stop(row.uuid)
        row.wanted = on = on and self._start(row)
        row.vm_state, row.task_state = ('active', '') if on else ('stopped', '')
        row.power_state = RUNNING if on else SHUTDOWN

    def start_again(self, row: SimServer) -> None:
        """Start a server that went off with its host; a guest that runs is ended first, as Nova
        does."""
        self._take_time(0.2, 1.0)
        if row.host != self.machine.name or row.task_state not in ('rebooting_hard', 'powering-on'):
            return
        self._define_anew(row)
        self.machine.stop(row.uuid)
        started = self._start(row)
        self._connect()
        row.task_state = ''
        row.vm_state = 'active' if started else 'error'
        row.power_state = RUNNING if started else SHUTDOWN

    def shut_down_by_itself(self, row: SimServer) -> None:
        """Note that a guest went off though nobody asked for it: Nova stops its server."""
        self._connect()
        if not row.task_state and row.vm_state in ('active', 'paused') and (
                row.host == self.machine.name and not self.machine.runs(row.uuid)):
            row.asked_for('stop', '')
            row.vm_state, row.power_state = 'stopped', SHUTDOWN

    def pause(self, row: SimServer, paused: bool) -> None:
        """Pause or unpause the server."""
        self.machine.pause(row.uuid, paused)
        row.vm_state = 'paused' if paused else 'active'
        row.power_state = PAUSED if paused else RUNNING

    def migrate(self, row: SimServer, record: SimMigration, target: Compute) -> None:
        """Live-migrate the server: the target's QEMU waits, then the guest goes over."""
        self._migrating.add(row.uuid)
        try:
            self._migrate(row, record, target)
        finally:
            self._migrating.discard(row.uuid)

    # ------------------------------------------------------------ private

    def _migrate(self, row: SimServer, record: SimMigration, target: Compute) -> None:
        row.task_state, record.status = 'migrating', 'running'
        here, there, placement = self.machine, target.machine, self.nova.placement
        placement.move(row.uuid, record.id)
        placement.claim(row.uuid, there.name, row.cores, row.memory_mb)
        self._take_time(0.5, 1.5)
        came = ready = row.uuid not in there.guests
        if came:
            guest = there.define(row.uuid, row.name, row.images, row.local_disks)
            guest.made = here.guests[row.uuid].made if row.uuid in here.guests else guest.made
            ready = there.start(row.uuid, writes=False)
            self._watch_incoming(there, row.uuid, there.guests[row.uuid].run)
        over = self.kernel.now + self.kernel.chance.uniform(3.0, 8.0)
        while ready and self.kernel.now < over:
            self.kernel.sleep(0.5)
            # A QEMU flushes before it hands over; one that was fenced can't, and keeps its guest.
            ready = (there.runs(row.uuid) and here.runs(row.uuid) and here.can_flush(row.uuid)
                     and reaches(here.node, there.node, 'management'))
        if not ready:
            if came:
                there.remove(row.uuid)
            self._connect()
            placement.drop(row.uuid)
            placement.move(record.id, row.uuid)
            row.task_state, record.status = '', 'error'
            return
        here.stop(row.uuid)
        there.resume(row.uuid)
        self._take_time(0.5, 2.0)
        row.host, row.task_state, record.status = there.name, '', 'completed'
        placement.drop(record.id)
        here.remove(row.uuid)

    def _rebuild(self, row: SimServer, finished: SimMigration) -> None:
        row.task_state, stopped = 'rebuild_spawning', row.vm_state == 'stopped'
        self._take_time(1.5, 6.0)
        machine = self.machine
        machine.define(row.uuid, row.name, row.images)
        if not self._start(row):
            machine.remove(row.uuid)
            self._fail(row, finished, 'the guest did not start')
            return
        self._take_time(0.3, 1.0)
        if row.task_state != 'rebuild_spawning':
            # What runs stays; Nova shows it on its old host.
            row.power_state = RUNNING
            self._fail(row, finished, 'another task came in between')
            return
        row.vm_state, row.power_state, row.fault, row.task_state = 'active', RUNNING, '', ''
        if stopped:
            machine.stop(row.uuid)
            row.vm_state, row.power_state = 'stopped', SHUTDOWN
        self._take_time(0.1, 4.5)
        row.host, finished.status = machine.name, 'done'

    def _define_anew(self, row: SimServer) -> None:
        """Make its XML once more, as Nova does at each hard reboot (read)."""
        guest = self.machine.define(row.uuid, row.name, row.images, row.local_disks)
        guest.made = self.kernel.now

    def _start(self, row: SimServer) -> bool:
        """Start the guest; who is asked for that and hangs keeps it waiting for as long."""
        machine, until = self.machine, self.kernel.now + _CONNECT_SECONDS
        clusters = [machine.clusters[image.cluster] for image in row.images]
        while machine.libvirtd is Libvirtd.FROZEN or any(cluster.hung for cluster in clusters) or (
                self.kernel.now < until and not all(
                    cluster.admits(machine.node) for cluster in clusters)):
            self.kernel.sleep(_POLL_SECONDS)
        works = machine.spawns and machine.libvirtd is Libvirtd.RUNNING
        return works and row.uuid in machine.guests and machine.start(row.uuid)

    def _fail(self, row: SimServer, finished: SimMigration, why: str) -> None:
        self._connect()
        finished.status = 'failed'
        self.nova.placement.drop(row.uuid, self.machine.name)
        row.vm_state, row.task_state, row.fault = 'error', '', why

    def _not_taken(self, row: SimServer, finished: SimMigration) -> None:
        """Another of its group was faster: it stays as it was shown, without a word (read)."""
        self._connect()
        finished.status, row.task_state = 'failed', ''
        self.nova.placement.drop(row.uuid, self.machine.name)

    def _preempted(self, row: SimServer, finished: SimMigration) -> None:
        """A message whose time is over spoils what Nova shows, not what runs."""
        finished.status = 'failed'
        self.nova.placement.drop(row.uuid, self.machine.name)
        row.vm_state, row.task_state, row.power_state = 'error', 'rebuilding', NO_STATE

    def _watch_incoming(self, there: Machine, uuid: str, run: int) -> None:
        """Have the target's libvirtd end a guest that waits for a source that is gone."""
        guest = there.guests.get(uuid)
        if guest is None or not guest.incoming or guest.run != run:
            return
        if uuid in self._migrating and self.machine.runs(uuid) and reaches(
                self.machine.node, there.node, 'management'):
            self.kernel.after(_KEEPALIVE_SECONDS, functools.partial(
                self._watch_incoming, there, uuid, run))
            return
        there.remove(uuid)

    def _clean_up(self) -> None:
        """Destroy what was evacuated from here; then find what does not run as it should.

        Nova looks neither at where the server is by now, nor at a second record of it (read).
        """
        self._take_time(3.0, 6.0)
        evacuated = {record.instance: record for record in self.nova.records
                     if record.kind == 'evacuation' and record.source == self.machine.name
                     and record.status in ('accepted', 'pre-migrating', 'done')}
        for uuid, record in evacuated.items():
            if uuid in self.machine.guests and self.kernel.chance.random() < _LEFT_DEFINED:
                self.machine.stop(uuid)
            else:
                self.machine.remove(uuid)
            self.nova.placement.drop(uuid, self.machine.name)
            record.status = 'completed'
        self._take_time(0.5, 2.0)
        here = [row for row in self.nova.rows.values() if row.host == self.machine.name]
        for row in here:
            # It takes no message before this is over (read): what it began meanwhile goes on.
            if row.task_state == 'migrating' and row.uuid not in self._migrating:
                self._reset_migration(row)
            if row.task_state == 'powering-off' and row.uuid in self.machine.guests:
                # It died in the middle of that: Nova stops it when it starts (read).
                self.power(row, False)
            elif self.machine.runs(row.uuid):
                row.task_state = '' if row.task_state == _REBOOTS else row.task_state
                if row.task_state == _STOPS:
                    self.power(row, False)
            elif row.task_state == _REBOOTS:
                # It died in the middle of that, and begins once more.
                self.reboot(row)
            elif row.task_state in _STARTS:
                # It was asked while nobody took messages, or died in the middle of it.
                self.start_again(row)
            elif row.task_state == _STOPS:
                self.power(row, False)
            elif not row.task_state and row.vm_state in ('active', 'paused'):
                self._find_off(row)

    def _reset_migration(self, row: SimServer) -> None:
        """A live migration ended with its source; Nova does not look how far it had come (read)."""
        row.task_state = ''
        for record in self.nova.records:
            if (record.instance, record.kind, record.status) == (
                    row.uuid, 'live-migration', 'running'):
                record.status = 'error'

    def _find_off(self, row: SimServer) -> None:
        self.machine.define(row.uuid, row.name, row.images, row.local_disks)
        if self.nova.resumes_guests:
            self._define_anew(row)
        if self.nova.resumes_guests and self._start(row):
            last = [each.kind for each in self.nova.records if each.instance == row.uuid][-1:]
            if last == ['live-migration']:
                self.nova.resumed_blindly.update(image.header for image in row.images)
        else:
            row.asked_for('stop', '')
            row.vm_state, row.power_state = 'stopped', SHUTDOWN

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
