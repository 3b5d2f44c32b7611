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

"""What was done too late, by a machine that was paused with its clocks, is told.

No program can prevent it where nothing compares: so it is no fault of the other laws' that a fence
or a call came too late (decision 0049).  One writer is a law all the same.
"""

from __future__ import annotations

from collections.abc import Callable

from kaopu_ha import records
from kaopu_ha.core.news import Fact
from kaopu_ha.sim.world import World

Say = Callable[[str, str], None]

_LOOK_SECONDS = 2.0
_TOLD_SECONDS = 8.0
# From the act to what it does.
_CALL_SECONDS = 12.0
_TOLD = ('fence', 'unfence', 'force')


def came_too_late(world: World, act: str) -> bool:
    """True if it was done just now by one who did not know that it was too late."""
    return any(act == done and world.kernel.now - at <= _CALL_SECONDS
               for _, done, at in world.late)


def was_called_too_late(world: World, uuid: str) -> bool:
    """True if an evacuation of it was, at any time: nobody knows what came of that."""
    return any(done == f'evacuate {uuid}' for _, done, _ in world.late)


def fenced_too_late(world: World) -> bool:
    """True if anybody was."""
    return any(done == 'fence' for _, done, _ in world.late)


class Late:
    """Whoever acted after another had its leadership says so, if it still can."""

    def __init__(self, world: World, say: Say) -> None:
        self._world, self._say, self._seen = world, say, 0
        world.kernel.after(_LOOK_SECONDS, self._look)

    def _look(self) -> None:
        world, now = self._world, self._world.kernel.now
        for who, act, at in world.late[self._seen:]:
            if now - at < _TOLD_SECONDS:
                break
            self._seen += 1
            if act.split(' ')[0] in _TOLD and self._can_tell(who, at) and not any(
                    news.fact is Fact.ACTED_LATE and at <= when for when, news in world.told):
                self._say('what was done too late is told', f'{who}: {act} at {at:.1f} s')
        world.kernel.after(_LOOK_SECONDS, self._look)

    def _can_tell(self, who: str, at: float) -> bool:
        """It runs and reaches etcd, and another has led since before it acted."""
        world = self._world
        leader, entry = world.record(records.Leader, records.LEADER), world.etcd.entries.get(
            records.LEADER)
        daemon = next((each for each in world.daemons() if each.name == who), None)
        return (daemon is not None and daemon.goes_on and not world.etcd.away
                and not world.etcd.lost_answers and not world.hangs.since
                and world.changed_at < at and entry is not None and leader is not None
                and leader.name != who)
