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

"""What may happen to Nova, to instances and by their users: see ``words``."""

from __future__ import annotations

from kaopu_ha.core.model import Image
from kaopu_ha.sim import daemon
from kaopu_ha.sim.ceph import SimClient
from kaopu_ha.sim.network import Node
from kaopu_ha.sim.nova import SimServer
from kaopu_ha.sim.sentences import Vocabulary
from kaopu_ha.sim.world import Vm, World

WORDS = Vocabulary()


# ---------------------------------------------------------------- Nova


@WORDS.take('Nova goes away')
def _nova_away(world: World) -> None:
    world.nova.away = True


@WORDS.take('Nova comes back')
def _nova_back(world: World) -> None:
    world.nova.away = False


@WORDS.take('Nova takes {seconds} s more for each act')
def _nova_slow(world: World, seconds: str) -> None:
    world.nova.slow_seconds = float(seconds)


@WORDS.take('Nova loses the next call', 'Nova loses the next {number} calls')
def _nova_loses(world: World, number: str = '1') -> None:
    world.nova.calls_to_lose = int(number)


@WORDS.take('Nova resumes guests when a host boots')
def _nova_resumes(world: World) -> None:
    world.nova.resumes_guests = True


@WORDS.take('disable {host}')
def _disable(world: World, host: str) -> None:
    world.computes[host]
    world.nova.disabled.add(host)


@WORDS.take('enable {host}')
def _enable(world: World, host: str) -> None:
    world.nova.disabled.discard(host)


@WORDS.take('{host} has {number} cores')
def _cores(world: World, host: str, number: str) -> None:
    world.machines[host].cores = int(number)


@WORDS.take('guests do not start on {host}')
def _no_spawn(world: World, host: str) -> None:
    world.machines[host].spawns = False


@WORDS.take('guests start on {host}')
def _spawn(world: World, host: str) -> None:
    world.machines[host].spawns = True


# ---------------------------------------------------------------- instances and their users


def _row(world: World, name: str) -> SimServer:
    row = world.row(name)
    if row is None:
        raise KeyError(name)
    return row


@WORDS.take('create {instance} on {host}')
def _create(world: World, instance: str, host: str) -> None:
    world.boot(Vm(instance, host))


@WORDS.take('delete {instance}')
def _delete(world: World, instance: str) -> None:
    row = _row(world, instance)
    if world.computes[row.host].works() and row.uuid in world.machines[row.host].guests:
        world.machines[row.host].remove(row.uuid)
    world.nova.remove(row.uuid)


@WORDS.take('stop {instance}')
def _stop(world: World, instance: str) -> None:
    row = _row(world, instance)
    if row.task_state:
        # Nova's API refuses it while another task is in hand.
        return
    row.asked_for('stop', at=daemon.date(world.kernel.now))
    row.task_state = 'powering-off'
    world.computes[row.host].cast(lambda: world.computes[row.host].power(row, False))


@WORDS.take('boot {instance}')
def boot(world: World, instance: str) -> None:
    row = _row(world, instance)
    # Nova's API starts only what it shows stopped.
    if row.vm_state != 'stopped' or row.task_state or _spoils(world, row):
        return
    row.asked_for('start')
    row.task_state = 'powering-on'
    world.computes[row.host].cast(lambda: world.computes[row.host].power(row, True))


@WORDS.take('reboot {instance}')
def reboot(world: World, instance: str) -> None:
    row = _row(world, instance)
    # Who has stopped it starts it.
    if _spoils(world, row) or not row.wanted:
        return
    row.asked_for('reboot')
    row.task_state = 'rebooting_hard'
    compute = world.computes[row.host]
    compute.cast(lambda: compute.reboot(row))


def _spoils(world: World, row: SimServer) -> bool:
    """Nova's API refuses it while it migrates; after that it would start a second copy.

    Where a live migration went over and its source died before the record, or it is being moved
    and its host lives, with an address of which its agent can't tell: no program could prevent
    that, so no user asks for it.
    """
    told = world.told_by(row.host)
    moves = any((record.instance, record.kind) == (row.uuid, 'evacuation')
                and record.status in ('accepted', 'pre-migrating') for record in world.nova.records)
    untold = moves and not set(world.machines[row.host].addresses) <= set(
        told.storage_addresses if told is not None else ())
    return row.task_state == 'migrating' or untold or any(
        machine.runs(row.uuid) for name, machine in world.machines.items() if name != row.host)


@WORDS.take('{host} has a domain of {instance} left, off')
def _left_defined(world: World, host: str, instance: str) -> None:
    row = _row(world, instance)
    world.machines[host].define(row.uuid, row.name, row.images)


@WORDS.take('migrate {instance} to {host}')
def _migrate(world: World, instance: str, host: str) -> None:
    row, target = _row(world, instance), world.computes[host]
    if row.task_state or row.vm_state != 'active' or row.host == host:
        return
    # Nova asks both sides before it sends the message.
    if not all(world.nova.is_up(each) and world.computes[each].works()
               for each in (row.host, host)):
        return
    if world.nova.lay.why_not(world.nova, row, host):
        return
    record = world.nova.record(row.uuid, 'live-migration', row.host, host)
    compute = world.computes[row.host]
    compute.cast(lambda: compute.migrate(row, record, target))


@WORDS.take('resize {instance}')
def _resize(world: World, instance: str) -> None:
    _row(world, instance).task_state = 'resize_prep'


@WORDS.take('a backup opens {instance}')
def _backup(world: World, instance: str) -> None:
    open_with_a_tool(world, instance, world.controllers[0].node, '10.91.9.9')


@WORDS.take('a tool on {host} opens {instance}')
def _tool(world: World, host: str, instance: str) -> None:
    machine = world.machines[host]
    world.tools += open_with_a_tool(world, instance, machine.node, machine.address)


@WORDS.take('the tool on {host} closes {instance}')
def _tool_closes(world: World, host: str, instance: str) -> None:
    for image in _row(world, instance).images:
        cluster = world.clusters[image.cluster]
        for client in [each for each in cluster.disks[image.header].clients
                       if not each.writes and each.node is world.machines[host].node]:
            cluster.close(image, client)


def open_with_a_tool(world: World, instance: str, node: Node,
                     address: str) -> list[tuple[Image, SimClient]]:
    """Have somebody who only reads open the disks; what was opened, to be closed again."""
    opened = []
    for image in _row(world, instance).images:
        client = world.clusters[image.cluster].open(image, node, address, lambda: True,
                                                    writes=False)
        if client is not None:
            opened.append((image, client))
    return opened
