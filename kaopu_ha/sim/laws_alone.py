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


"""10. What happens to one thread or process delays nobody else: who hangs leads no more."""

from __future__ import annotations

from collections.abc import Callable

from kaopu_ha import records
from kaopu_ha.sim.daemon import Daemon
from kaopu_ha.sim.world import World

Say = Callable[[str, str], None]

_LOOK_SECONDS = 2.5
# What is left of the lease when the hang is noticed, and another's turn to win it.
_BEYOND_LEASE_SECONDS = 30.0
_SLACK_SECONDS = 2.0


class Led:
    """Somebody leads who can: a leader of which a thread hangs is replaced in time by one that
    has none.

    The time counts while another controller could lead and etcd is well.
    """

    def __init__(self, world: World, say: Say) -> None:
        self._world, self._say = world, say
        self._unfit_since: float | None = None
        world.kernel.after(_LOOK_SECONDS, self._look)

    def _look(self) -> None:
        world, now = self._world, self._world.kernel.now
        leader = world.record(records.Leader, records.LEADER)
        name = leader.name if leader else ''
        fit = name and name not in world.hangs.since
        others = [each for each in world.controllers if each.name != name and self._could(each)]
        if fit or not others or world.etcd.away or world.etcd.lost_answers:
            self._unfit_since = None
        elif self._unfit_since is None:
            self._unfit_since = now
        limit = world.setup.times.leader_ttl + _BEYOND_LEASE_SECONDS + _SLACK_SECONDS
        if self._unfit_since is not None and now - self._unfit_since > limit:
            self._say('nothing hangs', f'{name or "nobody"} leads since {self._unfit_since:.0f} s, '
                      f'and {others[0].name} could')
        world.kernel.after(_LOOK_SECONDS, self._look)

    def _could(self, controller: Daemon) -> bool:
        """True if nothing keeps it from leading."""
        return (controller.goes_on and controller.name not in self._world.hangs.since
                and controller.node.on('management'))
