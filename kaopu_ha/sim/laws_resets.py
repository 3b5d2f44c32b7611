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

"""A state is not set while a nova-compute brings the instance up: that spoils what it does.

Nova writes down that the instance arrived only if its task is still the one that it began with.
Else it shows the instance for ever on the host that died, though it runs.  Nor is one set while a
user has asked for something: it would be done, and Nova would show what was before.
"""

from __future__ import annotations

from collections.abc import Callable

from kaopu_ha.sim.laws_late import came_too_late
from kaopu_ha.sim.nova import SimServer
from kaopu_ha.sim.world import World

Say = Callable[[str, str], None]


class Resets:
    """Looks at each state that Nova is asked to show."""

    def __init__(self, world: World, say: Say) -> None:
        self._world, self._say = world, say

    def asked(self, row: SimServer) -> None:
        """Nova was asked to show a state, and no task."""
        world = self._world
        if came_too_late(world, f'reset {row.uuid}'):
            return
        self._users(row)
        newest = next((record for record in reversed(world.nova.records)
                       if (record.instance, record.kind) == (row.uuid, 'evacuation')), None)
        at_work = newest.lies_at if newest is not None else ''
        if not at_work or world.confirmed(at_work):
            return
        if world.machines[at_work].runs(row.uuid):
            self._say('no state is set while Nova is at work',
                      f'that of {row.name}, which nova-compute on {at_work} has begun')

    def _users(self, row: SimServer) -> None:
        """What its user asked for where it runs is carried out, whatever Nova shows."""
        world, task = self._world, row.task_state
        if task and not task.startswith('rebuild') and not world.confirmed(row.host) and (
                world.machines[row.host].runs(row.uuid)):
            self._say('no state is set while its user is at it',
                      f'that of {row.name}, which is {task} on {row.host}')
