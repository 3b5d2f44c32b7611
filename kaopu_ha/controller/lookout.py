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

"""Looks ahead for the leader: at a few hosts a minute, what would become of their instances.

Nova and Placement are asked once for all of these hosts, and once for the servers of each; the
others have their turn in the minutes after.
"""

from __future__ import annotations

from collections.abc import Callable

from kaopu_ha import ports
from kaopu_ha.controller.foresight import READS as READS
from kaopu_ha.controller.foresight import Foresight
from kaopu_ha.controller.world import CloudView
from kaopu_ha.core import detection, foretelling, prospect, protection
from kaopu_ha.core.prospect import Forecast
from kaopu_ha.core.protection import Unprotected

# A hundred hosts in five minutes, at a fifth of a question a second.
_HOSTS_MAX = 20
# Instances times hosts that are compared in one look: about a second of the processor, of which
# whoever judges hosts in the same process shall have the most.
_PAIRS_MAX = 200_000
_LOOK_SECONDS = 60.0
# A look that took long is followed by so many times as long without one.
_RESTS = 5
# After a term began: nobody who led before is asked, and agents and Nova may have just started.
_FIRST_SECONDS = 180.0


class Lookout:
    """Remembers what was foretold.  For one thread."""

    def __init__(self, foresight: Foresight, clock: Callable[[], float]) -> None:
        self._foresight, self._clock = foresight, clock
        self._due: float | None = None
        self._memory: foretelling.Memory = {}
        self._looked_at: dict[str, float] = {}

    def forget(self) -> None:
        """Another may have led meanwhile: what that one listed last counts then."""
        self._due, self._memory, self._looked_at = None, {}, {}

    def look(self, world: CloudView) -> tuple[Unprotected, ...]:
        """Look at those hosts whose look was longest ago, if it is time; what is to be listed.

        Not while a host is suspected: then Nova has other work to do.
        """
        now = self._clock()
        if self._due is None:
            self._due = now + _FIRST_SECONDS
            before = world.unprotected
            self._memory = foretelling.taken_over(before.items if before else ())
        if now >= self._due and not any(case.stage in detection.JUDGING
                                        for case in world.cases.values()):
            # Whatever comes of it: the turns in between are for all else that is listed.
            self._due = now + _LOOK_SECONDS
            self._look(world, now)
            # Where all answers are slow, they shall have rest.
            self._due = now + max(_LOOK_SECONDS, _RESTS * (self._clock() - now))
        return tuple(protection.still_to_be_judged(foretelling.listed(self._memory), world.cases))

    def _look(self, world: CloudView, now: float) -> None:
        batch = self._batch(world)
        try:
            found = self._foresight.foresee(world, lambda hosts: batch).prospects
        except ports.PortError:
            # What was foretold before stands, until Nova answers again.
            return
        self._looked_at = {host: at for host, at in self._looked_at.items()
                           if host in world.inventories} | dict.fromkeys(batch, now)
        unknown = {one.host for one in found if one.answer is Forecast.NOT_KNOWN}
        self._memory = foretelling.remembered(
            self._memory, set(batch) - unknown, prospect.lost(found), world.inventories)

    def _batch(self, world: CloudView) -> list[str]:
        """Those hosts that beat and whose look was longest ago, as many as one look may have."""
        waiting = sorted((host for host in world.inventories if world.beats_truly(host)),
                         key=lambda host: (self._looked_at.get(host, 0.0), host))[:_HOSTS_MAX]
        left = _PAIRS_MAX
        for number, host in enumerate(waiting):
            left -= len(world.inventories[host].on) * len(world.inventories)
            if number and left < 0:
                return waiting[:number]
        return waiting
