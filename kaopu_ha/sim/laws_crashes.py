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

"""Who crashed, or is stuck, is started only if that was asked for, and not again and again.

From the truth of the false world: when guests crashed, and what was said of them.
"""

from __future__ import annotations

from collections.abc import Callable
import functools

from kaopu_ha import records
from kaopu_ha.core.model import OnCrash, OnHung, OnStuck
from kaopu_ha.core.restart import Restart, Start
from kaopu_ha.core.segments import Notification, NotificationKind
from kaopu_ha.sim import daemon
from kaopu_ha.sim.laws_late import came_too_late
from kaopu_ha.sim.machine import Machine
from kaopu_ha.sim.nova import SimServer
from kaopu_ha.sim.world import World

Say = Callable[[str, str], None]

# The times of notifications are cut to seconds.
_CUT_SECONDS = 1.0


class StartedCrashed:
    """Looks at every start that the API is asked for of a guest that crashed, or is stuck."""

    def __init__(self, world: World, say: Say) -> None:
        self._world, self._say = world, say
        # Which crashes of each instance were followed by a start.
        self._started: dict[str, set[float]] = {}
        for machine in world.machines.values():
            machine.asked_to_resume = functools.partial(self.resumed, machine)

    def asked(self, row: SimServer) -> None:
        """The API was asked to start a server where it is."""
        world, machine = self._world, self._world.machines[row.host]
        guest = machine.guests.get(row.uuid)
        if guest is None or not (guest.crashed or guest.stuck or guest.hung) or (
                self._was_on_at_a_boot(row) or came_too_late(world, f'start {row.uuid}')):
            return
        rules, at = world.setup.times.rules, machine.crashes[row.uuid][-1]
        # What is begun of a guest that is stuck, or hung, goes on when it crashes.
        wanted = (rules.on_stuck is not OnStuck.TELL and guest.got_stuck) or (
            rules.on_crash is OnCrash.START and guest.crashed) or (
                rules.on_hung is OnHung.REBOOT and guest.got_hung)
        if guest.stuck and rules.on_stuck is OnStuck.RESUME:
            self._say('what is resumed keeps its memory', f'{row.name} is stuck, and rebooted')
        if not wanted and not self._was_said(row, at):
            self._say('a crash is left where nobody asked', f'{row.name} crashed, and is started')
        if not (guest.crashed and self._is_tried_again(row)):
            # A guest that crashes while it is started: such calls have a limit of their own.
            self._counted(row, at)

    def resumed(self, machine: Machine, uuid: str) -> None:
        """An agent resumes a guest that is stuck, for the leader."""
        world, row = self._world, self._world.nova.rows[uuid]
        if came_too_late(world, 'resume'):
            return
        at = machine.crashes[uuid][-1]
        if world.setup.times.rules.on_stuck is OnStuck.TELL and not self._was_said(row, at):
            self._say('a crash is left where nobody asked', f'{row.name} is stuck, and resumed')
        if world.confirmed(machine.name):
            self._say('the condemned resume nothing', f'{row.name} is resumed on {machine.name}, '
                                                      f'which is confirmed dead')
        self._counted(row, at)

    def _counted(self, row: SimServer, at: float) -> None:
        rules = self._world.setup.times.rules
        starts = self._started.setdefault(row.uuid, set())
        starts.add(at)
        lately = [each for each in starts if at - each < rules.crash_seconds - _CUT_SECONDS]
        if len(lately) > rules.crashes_max:
            self._say('not again and again', f'{row.name} is started after {len(lately)} crashes')

    def _was_on_at_a_boot(self, row: SimServer) -> bool:
        """True if it is started for another reason: its host was booted, or the one that it was
        being migrated to."""
        return any(not start.crashed for start in self._starts(row))

    def _is_tried_again(self, row: SimServer) -> bool:
        return any(start.crashed and start.calls > 1 for start in self._starts(row))

    def _starts(self, row: SimServer) -> list[Start]:
        record = self._world.record(Restart, records.RESTART + row.host)
        return [start for start in (record.starts if record else ()) if start.instance == row.uuid]

    def _was_said(self, row: SimServer, at: float) -> bool:
        # Of what was said before, too, as long as that was followed.
        return any(one.kind is NotificationKind.VM and one.payload['instance_uuid'] == row.uuid
                   and daemon.seconds(f'{one.updated_at or one.created_at}+00:00')
                   >= at - _CUT_SECONDS
                   for one in self._world.every(Notification, records.NOTIFICATION))
