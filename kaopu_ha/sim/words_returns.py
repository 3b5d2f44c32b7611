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

"""How hosts go and come back in good order: see ``words``."""

from __future__ import annotations

import functools

from kaopu_ha.sim.sentences import Vocabulary
from kaopu_ha.sim.words_machines import WORDS as MACHINES
from kaopu_ha.sim.words_machines import note_unwatched
from kaopu_ha.sim.world import World

WORDS = Vocabulary()

# One guest after another, as libvirt-guests does; each of them has that long.
_GUEST_SECONDS = 1.5
_END_SECONDS = 2.0


@WORDS.take('shut down {host}, nova-compute first')
def _compute_first(world: World, host: str) -> None:
    """Nova never hears that the guests went off."""
    _shut_down(world, host, compute_first=True, told=True)


@WORDS.take('shut down {host}, its guests first')
def _guests_first(world: World, host: str) -> None:
    """Nova shows them stopped by themselves."""
    _shut_down(world, host, compute_first=False, told=True)


@WORDS.take('shut down {host} without systemd, nova-compute first')
def _unsaid_compute_first(world: World, host: str) -> None:
    """And nobody tells the agent why its guests go off."""
    _shut_down(world, host, compute_first=True, told=False)


@WORDS.take('shut down {host} without systemd, its guests first')
def _unsaid_guests_first(world: World, host: str) -> None:
    """Neither Nova nor the agent knows why."""
    _shut_down(world, host, compute_first=False, told=False)


@WORDS.take('the system of {host} says that it stops')
def _says_it_stops(world: World, host: str) -> None:
    world.machines[host].stopping = True


@WORDS.take('{host} is replaced by another machine of its name')
def _replaced(world: World, host: str) -> None:
    """It has the cables, the address and the name; its mainboard, disks and domains are new."""
    machine = world.machines[host]
    MACHINES['power off {host}'](world, host)
    machine.host_uuid = machine.host_uuid[:-4] + f'9{machine.host_uuid[-3:]}'
    machine.guests = {}
    MACHINES['power on {host}'](world, host)


def _shut_down(world: World, host: str, *, compute_first: bool, told: bool) -> None:
    machine, compute, kernel = world.machines[host], world.computes[host], world.kernel
    if not machine.node.powered:
        return
    machine.stopping, boot = told, machine.boot_id
    if compute_first:
        compute.kill()
    note_unwatched(world, host)
    running = [uuid for uuid in sorted(machine.guests) if machine.runs(uuid)]
    for number, uuid in enumerate(running, 1):
        kernel.after(number * _GUEST_SECONDS, functools.partial(
            _guest_ends, world, host, boot, uuid))
    kernel.after(len(running) * _GUEST_SECONDS + _END_SECONDS, functools.partial(
        _off, world, host, boot))


def _still(world: World, host: str, boot: str) -> bool:
    machine = world.machines[host]
    return machine.node.powered and machine.boot_id == boot


def _guest_ends(world: World, host: str, boot: str, uuid: str) -> None:
    if not _still(world, host, boot) or uuid not in world.machines[host].guests:
        return
    world.machines[host].stop(uuid)
    world.changed()
    row, compute = world.nova.rows.get(uuid), world.computes[host]
    if row is not None and compute.works():
        compute.cast(functools.partial(compute.shut_down_by_itself, row))


def _off(world: World, host: str, boot: str) -> None:
    if _still(world, host, boot):
        world.note('world', f'{host} is off')
        MACHINES['power off {host}'](world, host)
        world.changed()
