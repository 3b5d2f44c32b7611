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

"""The law of what Nova and Placement believe once the hosts are back: the truth, or it is told."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from kaopu_ha import records
from kaopu_ha.core.aftercare import Aftercare
from kaopu_ha.core.model import Evacuation
from kaopu_ha.sim.laws_late import was_called_too_late
from kaopu_ha.sim.nova import SimServer
from kaopu_ha.sim.world import World

Say = Callable[[str, str], None]

_REBUILDS = ('rebuilding', 'rebuild_block_device_mapping', 'rebuild_spawning')


class Used:
    """What an instance uses is never taken back: neither where it is, nor where it goes."""

    def __init__(self, world: World, say: Say) -> None:
        self._world, self._say = world, say

    def released(self, consumer: str, host: str) -> None:
        """The program has Placement take back what the consumer has on the host."""
        world = self._world
        record = next((each for each in world.nova.records if each.id == consumer), None)
        row = world.nova.rows.get(record.instance if record else consumer)
        if row is None:
            return
        if host == row.host or host in world.running_on(row.uuid):
            self._say('what is used stays counted', f'{row.name} on {host}, where it is')
        if row.task_state and row.task_state not in _REBUILDS:
            self._say('what is used stays counted', f'{row.name} on {host}: {row.task_state}')
        if row.task_state in _REBUILDS and any(
                each.lies_at == host for each in world.nova.records
                if each.instance == row.uuid and each.status == 'accepted'):
            self._say('what is used stays counted', f'{row.name} on {host}, to which it goes')


def misbelieved(world: World) -> list[str]:
    """What is believed falsely of instances that were evacuated, and is told nowhere.

    Once every host that had to do with it has been taken back, and no move of it is open.
    """
    found = []
    for row in world.nova.rows.values():
        # A call that came after its time may undo what is so at any moment (decision 0049).
        if _rests(world, row) and not _named(world, row) and not was_called_too_late(
                world, row.uuid):
            found += [f'{row.name} on {row.host}: {what}' for what in _wrong(world, row)]
    return found


def _rests(world: World, row: SimServer) -> bool:
    mine = [record for record in world.nova.records if record.instance == row.uuid]
    hosts = {row.host, *(record.source for record in mine), *(record.target for record in mine)}
    moves = world.every(Evacuation, records.EVACUATION)
    return (any(record.kind == 'evacuation' for record in mine)
            and all(world.case(host) is None and world.machines[host].node.powered
                    for host in hosts)
            and all(item.phase.ended for item in moves if item.instance == row.uuid))


def _wrong(world: World, row: SimServer) -> Iterator[str]:
    if world.writing_on(row) == [row.host] and (
            row.task_state in _REBUILDS or row.vm_state == 'error'):
        yield f'it runs, and Nova shows {row.vm_state}/{row.task_state or "no task"}'
    placement = world.nova.placement
    if row.host not in placement.held.get(row.uuid, {}):
        yield 'Placement does not count it there'
    consumers = (row.uuid, *(record.id for record in world.nova.records
                             if record.instance == row.uuid))
    for consumer in consumers:
        # What died and is not back yet is its own admission's.
        others = sorted(host for host in placement.held.get(consumer, {}) if host != row.host
                        and world.case(host) is None and world.machines[host].node.powered)
        if others:
            yield f'Placement counts it on {" and ".join(others)} as well'


def _named(world: World, row: SimServer) -> bool:
    return any(ward.instance == row.uuid and ward.reason
               for record in world.every(Aftercare, records.AFTERCARE) for ward in record.wards)
