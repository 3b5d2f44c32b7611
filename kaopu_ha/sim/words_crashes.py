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

"""Guests that crash while their hosts live, and what is said of them: see ``words``."""

from __future__ import annotations

import functools

from kaopu_ha.core.segments import NotificationKind
from kaopu_ha.sim.nova import SimServer
from kaopu_ha.sim.sentences import Vocabulary
from kaopu_ha.sim.words_hearsay import say
from kaopu_ha.sim.world import World

WORDS = Vocabulary()

# libvirt's driver of Nova tells of a stop so late: a reboot may come behind it (read).
_TOLD_SECONDS = 15.0
_WRITES_SECONDS = 5.0
_LOOK_SECONDS = 0.5


@WORDS.take('the guest of {instance} crashes')
def _crashes(world: World, instance: str) -> None:
    """Its QEMU ends; Nova's compute notices, and stops the server.  Harmless if it is off."""
    row = _row(world, instance)
    _crashes_on(world, row, row.host)


@WORDS.take('the guest of {instance} crashes {seconds} s after it comes up elsewhere')
def _crashes_elsewhere(world: World, instance: str, seconds: str) -> None:
    """So soon after the next time that its QEMU runs on another host than Nova has it on now."""
    row = _row(world, instance)
    others = [machine for host, machine in world.machines.items() if host != row.host]
    for machine in others:
        machine.falling.add(row.uuid)

    def look() -> None:
        falls = [machine for machine in others if row.uuid in machine.falling]
        host = next((machine.name for machine in falls if machine.runs(row.uuid)), '')
        if host:
            for machine in falls:
                machine.falling.discard(row.uuid)
            world.kernel.after(float(seconds), lambda: _crashes_on(world, row, host))
        elif falls:
            world.kernel.after(_LOOK_SECONDS, look)
    look()


def _crashes_on(world: World, row: SimServer, host: str) -> None:
    """Harmless if it is off there, or the host itself stands still."""
    machine, compute = world.machines[host], world.computes[host]
    if not machine.runs(row.uuid) or machine.node.black:
        return
    machine.crash(row.uuid)
    world.changed()

    def told() -> None:
        if compute.works():
            compute.cast(functools.partial(compute.shut_down_by_itself, row))
    world.kernel.after(_TOLD_SECONDS, told)


@WORDS.take('an I/O error pauses {instance}')
def _sticks(world: World, instance: str) -> None:
    """Nova takes no notice (read).  Harmless if it is off."""
    row = _row(world, instance)
    if not world.machines[row.host].node.black:
        world.machines[row.host].stick(row.uuid)
    world.changed()


@WORDS.take('the watchdog of {instance} pauses it')
def _hangs(world: World, instance: str) -> None:
    """Its guest hangs.  Nova takes no notice (read).  Harmless if it is off."""
    row = _row(world, instance)
    if not world.machines[row.host].node.black:
        world.machines[row.host].hang(row.uuid)
    world.changed()


@WORDS.take('writes of {instance} fail')
def _fails(world: World, instance: str) -> None:
    """Its pool is full, say: whatever starts or resumes it, it gets stuck until there is room."""
    row = _row(world, instance)
    for machine in world.machines.values():
        machine.failing.add(row.uuid)

    def writes() -> None:
        for machine in world.machines.values():
            if row.uuid in machine.failing and machine.runs(row.uuid) and not machine.node.black:
                machine.stick(row.uuid)
        if any(row.uuid in machine.failing for machine in world.machines.values()):
            world.kernel.after(_WRITES_SECONDS, writes)
    writes()
    world.changed()


@WORDS.take('writes of {instance} go through')
def _goes_through(world: World, instance: str) -> None:
    for machine in world.machines.values():
        machine.failing.discard(_row(world, instance).uuid)


@WORDS.take('a person resumes {instance}')
def _resumes(world: World, instance: str) -> None:
    """As by virsh.  Harmless if it is off, or neither stuck nor hung."""
    row = _row(world, instance)
    machine = world.machines[row.host]
    guest = machine.guests.get(row.uuid)
    if guest is not None and (guest.stuck or guest.hung) and not machine.node.black:
        machine.pause(row.uuid, False)
    world.changed()


@WORDS.take('somebody says that the guest of {instance} crashed')
def _says(world: World, instance: str) -> None:
    """As masakari-instancemonitor does: true or not."""
    row = _row(world, instance)
    say(world, row.host, NotificationKind.VM, {
        'event': 'LIFECYCLE', 'vir_domain_event': 'STOPPED_FAILED', 'instance_uuid': row.uuid})


@WORDS.take('somebody says that {instance} had an I/O error')
def _says_stuck(world: World, instance: str) -> None:
    row = _row(world, instance)
    say(world, row.host, NotificationKind.VM, {
        'event': 'IO_ERROR', 'vir_domain_event': 'IO_ERROR_REPORT', 'instance_uuid': row.uuid})


@WORDS.take('somebody says that nova-compute of {host} ended')
def _says_of_process(world: World, host: str) -> None:
    """As masakari-processmonitor does, which calls it by its path: true or not."""
    say(world, host, NotificationKind.PROCESS, {
        'event': 'STOPPED', 'process_name': '/usr/bin/nova-compute'})


def _row(world: World, name: str) -> SimServer:
    row = world.row(name)
    if row is None:
        raise KeyError(name)
    return row
