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

"""Who is told to be surely dead is: it can write to no disk of its, from nowhere.

What the method gives up is left out, as in *one writer*: see ``laws_fences.could_not_tell``.
"""

from __future__ import annotations

from collections.abc import Callable
import functools

from kaopu_ha.core.news import DeadInstance
from kaopu_ha.sim.laws_fences import could_not_tell
from kaopu_ha.sim.machine import hosts_of, writing_hosts
from kaopu_ha.sim.world import World

Say = Callable[[str, str], None]

_TICK_SECONDS = 0.5


class SurelyDead:
    """Looks at all that is told."""

    def __init__(self, world: World, say: Say) -> None:
        self._world, self._say = world, say
        self._read = 0
        self._tick()

    def _tick(self) -> None:
        told, self._read = self._world.told[self._read:], len(self._world.told)
        for _, news in told:
            for one in news.dead:
                where = self._writes(one)
                if where:
                    self._say('the dead are dead', f'{one.name} of {one.source} is told to be, and '
                                                   f'writes on {", ".join(sorted(where))}')
        self._world.kernel.after(_TICK_SECONDS, self._tick)

    def _writes(self, one: DeadInstance) -> set[str]:
        """Where it can write to one of its disks."""
        world = self._world
        row = world.nova.rows.get(one.instance)
        if row is None:
            return set()
        if row.local_disks or not row.images:
            return set(hosts_of(row.uuid, world.machines))
        found: set[str] = set()
        for image in row.images:
            cluster = world.clusters[image.cluster]
            cluster.settle()
            disk = cluster.disks.get(image.header)
            if disk is not None:
                found |= writing_hosts(cluster, disk, row.uuid, world.machines,
                                       functools.partial(could_not_tell, world))
        return found
