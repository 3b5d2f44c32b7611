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

"""The laws of hosts that come back: who may be started again in place, and who has to be."""

from __future__ import annotations

from collections.abc import Callable

from kaopu_ha import records
from kaopu_ha.core.restart import Phase, Restart
from kaopu_ha.sim.nova import Row
from kaopu_ha.sim.world import World

Say = Callable[[str, str], None]


class Starts:
    """Nothing that its user stopped is started, nor anything that may run elsewhere.

    From the truth of the false world: what its user wants, where it writes, what Nova has in hand.
    """

    def __init__(self, world: World, say: Say) -> None:
        self._world, self._say = world, say

    def asked(self, row: Row) -> None:
        """The API was asked to start a server where it is."""
        if not row.wanted:
            self._say('what was stopped stays off', f'{row.name} is started, and its user had '
                                                    f'stopped it')
        elsewhere = [host for host in self._world.writing_on(row) if host != row.host]
        if elsewhere:
            self._say('one place', f'{row.name} is started on {row.host}, and runs on '
                                   f'{elsewhere[0]}')
        if any(record.instance == row.uuid and record.lies_at
               for record in self._world.nova.records if record.kind == 'evacuation'):
            self._say('one place', f'{row.name} is started on {row.host}, and an evacuation of it '
                                   f'is under way')


def why_not_started(world: World, row: Row) -> str:
    """Why the program gave the start of an instance up, as it is listed; '' if it did not."""
    for record in world.every(Restart, records.RESTART):
        for start in record.starts:
            if start.instance == row.uuid and start.phase in (Phase.FAILED, Phase.WAVED_OFF):
                return start.reason
    return ''
