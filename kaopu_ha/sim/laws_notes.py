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

"""A note tells of a move that is done, in a key of ours, and is written a few times at most."""

from __future__ import annotations

import collections
from collections.abc import Callable

from kaopu_ha import records
from kaopu_ha.core.model import Evacuation
from kaopu_ha.core.noting import Notes
from kaopu_ha.core.phase import Phase
from kaopu_ha.sim.laws_late import came_too_late
from kaopu_ha.sim.nova import SimServer
from kaopu_ha.sim.world import World

Say = Callable[[str, str], None]

# As the page has it, whatever the program thinks.
KEY = 'kaopu_ha.last_recovery'


class Noted:
    """Looks at each item of metadata that Nova is asked to set."""

    def __init__(self, world: World, say: Say) -> None:
        self._world, self._say = world, say
        self._calls: collections.Counter[tuple[str, str]] = collections.Counter()

    def asked(self, row: SimServer, key: str) -> None:
        """Nova was asked to set an item."""
        if key != KEY:
            self._say('no metadata but the note', f'{key} of {row.name}')
        if came_too_late(self._world, f'note {row.uuid}'):
            return
        done = [move.recovery for move in self._world.every(Evacuation, records.EVACUATION)
                if move.instance == row.uuid and move.phase is Phase.DONE]
        if not done:
            self._say('a note tells of a move that is done', f'{row.name} is not moved')
        written = [each.recovery for each in self._world.every(Notes, records.NOTES)
                   if any(one.instance == row.uuid and one.calls for one in each.notes)]
        if not written:
            self._say('no call unwritten', f'{row.name} gets a note, and nobody wrote that down')
        for recovery in written[-1:]:
            self._calls[recovery, row.uuid] += 1
            if self._calls[recovery, row.uuid] > self._world.setup.times.rules.notes_calls_max:
                self._say('notes end', f'{row.name} gets one for recovery {recovery} again')
