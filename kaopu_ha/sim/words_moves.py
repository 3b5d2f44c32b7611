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

"""What may happen to an instance's disks and state while it is to be moved, and to who moves it."""

from __future__ import annotations

from kaopu_ha.core.model import Image
from kaopu_ha.sim.machine import Guest
from kaopu_ha.sim.nova import SimServer
from kaopu_ha.sim.sentences import Vocabulary
from kaopu_ha.sim.world import World

WORDS = Vocabulary()


def _row(world: World, name: str) -> SimServer:
    row = world.row(name)
    if row is None:
        raise KeyError(name)
    return row


def _running(world: World, row: SimServer) -> Guest | None:
    """Its guest, if its host's nova-compute can change it now."""
    machine = world.machines[row.host]
    able = world.computes[row.host].works() and machine.runs(row.uuid) and not row.task_state
    return machine.guests[row.uuid] if able else None


@WORDS.take('rescue {instance}')
def _rescue(world: World, instance: str) -> None:
    """Its guest has a second image open, made for this, that no other host will ever open."""
    row = _row(world, instance)
    guest = _running(world, row)
    if guest is None or row.vm_state != 'active' or not row.images:
        return
    image = world.clusters[row.images[0].cluster].create(f'{row.uuid}_disk.rescue', True)
    world.machines[row.host].attach(guest, image)
    row.vm_state = 'rescued'


@WORDS.take('attach a volume to {instance}')
def _attach(world: World, instance: str) -> None:
    row = _row(world, instance)
    guest = _running(world, row)
    if guest is None or not row.images:
        return
    image = world.clusters[row.images[0].cluster].create(
        f'volume-{len(row.images)}-{row.uuid}', True)
    world.machines[row.host].attach(guest, image)
    row.images = (*row.images, image)


@WORDS.take('attach a volume to {instance} and {other}')
def _share(world: World, instance: str, other: str) -> None:
    """One volume for both: who writes it, and when, is the guests' own matter."""
    rows = [_row(world, name) for name in (instance, other)]
    guests = [_running(world, row) for row in rows]
    if not all(guests) or not rows[0].images or instance == other:
        return
    cluster = world.clusters[rows[0].images[0].cluster]
    image = cluster.create(f'volume-of-{instance}-and-{other}-{rows[0].uuid}', False)
    cluster.disks[image.header].shared = True
    for row, guest in zip(rows, guests, strict=True):
        assert guest is not None
        world.machines[row.host].attach(guest, image)
        row.images = (*row.images, image)


@WORDS.take('detach the last volume of {instance}')
def _detach(world: World, instance: str) -> None:
    _detached(world, _row(world, instance))


@WORDS.take('detach and delete the last volume of {instance}')
def _delete_volume(world: World, instance: str) -> None:
    image = _detached(world, _row(world, instance))
    if image is not None and not any(image in row.images for row in world.nova.rows.values()):
        del world.clusters[image.cluster].disks[image.header]


def _detached(world: World, row: SimServer) -> Image | None:
    """Take it from the server, and from its guest if there is one that runs."""
    if len(row.images) < 2 or 'volume-' not in row.images[-1].name or row.task_state:
        return None
    image, row.images = row.images[-1], row.images[:-1]
    for machine in world.machines.values():
        guest = machine.guests.get(row.uuid)
        if guest is not None:
            machine.detach(guest, image)
    return image


@WORDS.take('suspend {instance}')
def _suspend(world: World, instance: str) -> None:
    row = _row(world, instance)
    if _running(world, row) is not None and row.vm_state == 'active':
        world.machines[row.host].stop(row.uuid)
        row.vm_state, row.power_state, row.wanted = 'suspended', 4, False


@WORDS.take('pause {instance}')
def _pause(world: World, instance: str) -> None:
    row = _row(world, instance)
    if _running(world, row) is not None and row.vm_state == 'active':
        world.computes[row.host].pause(row, True)


@WORDS.take('nova-compute of {host} hangs')
def _hangs(world: World, host: str) -> None:
    world.computes[host].freeze(True)


@WORDS.take('nova-compute of {host} goes on')
def _goes_on(world: World, host: str) -> None:
    if not world.machines[host].node.black:
        world.computes[host].freeze(False)
