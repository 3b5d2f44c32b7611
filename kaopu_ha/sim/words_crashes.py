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


@WORDS.take('the guest of {instance} crashes')
def _crashes(world: World, instance: str) -> None:
    """Its QEMU ends; Nova's compute notices, and stops the server.  Harmless if it is off."""
    row = _row(world, instance)
    machine, compute = world.machines[row.host], world.computes[row.host]
    if not machine.runs(row.uuid):
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
    world.machines[row.host].stick(row.uuid)
    world.changed()


@WORDS.take('the watchdog of {instance} pauses it')
def _hangs(world: World, instance: str) -> None:
    """Its guest hangs.  Nova takes no notice (read).  Harmless if it is off."""
    row = _row(world, instance)
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
            if row.uuid in machine.failing and machine.runs(row.uuid):
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
    row = _row(world, instance)
    world.machines[row.host].pause(row.uuid, False)
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
