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

"""How busy a false host is, what its agent reads of that, and the usage driver that joins it.

The counters go on with the kernel's time.  Guests make no host busier here: how busy it is, a story
says, so that laws can tell what everybody should have known.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from kaopu_ha import ports, records
from kaopu_ha.agent.runtime import HostRuntime
from kaopu_ha.agent.use import UsePublisher
from kaopu_ha.core import live, model
from kaopu_ha.core.live import Reading
from kaopu_ha.sim.kernel import Kernel

CORES, MEMORY_MB = 16, 16384
# Shorter than on a real host, as all of a story is.
READING_SECONDS, WINDOW_SECONDS, INTERVAL_SECONDS, AGE_SECONDS = 2.0, 8.0, 4.0, 10


class Load:
    """Shares of cores and memory in use.  ``fails``: the kernel does not tell; ``lies``: its agent
    says that it is idle.
    """

    def __init__(self, kernel: Kernel) -> None:
        self._kernel = kernel
        self.cores, self.memory, self.since = 0.0, 0.0, 0.0
        self.fails = self.lies = False
        self._busy_seconds, self._counted_at = 0.0, 0.0

    @property
    def use(self) -> float:
        """How busy it truly is: the mean of both."""
        return (self.cores + self.memory) / 2

    def set(self, cores: float, memory: float) -> None:
        """Have it so busy from now on."""
        self._count()
        self.cores, self.memory, self.since = cores, memory, self._kernel.now

    def lie(self, lies: bool) -> None:
        """Have its agent say that it is idle, or the truth again."""
        self._count()
        self.lies, self.since = lies, self._kernel.now

    def reading(self) -> Reading:
        """What its agent reads."""
        if self.fails:
            raise ports.PortError('the kernel does not tell how busy it is')
        self._count()
        free = MEMORY_MB * (1.0 if self.lies else 1.0 - self.memory)
        return Reading(CORES, self._busy_seconds, self._kernel.now * CORES, MEMORY_MB, round(free))

    def _count(self) -> None:
        passed, self._counted_at = self._kernel.now - self._counted_at, self._kernel.now
        self._busy_seconds += 0.0 if self.lies else passed * CORES * self.cores


class SimLiveUsage(ports.UsageSource):
    """The driver ``agent``, on the false Placement."""

    def __init__(self, store: ports.Store, room: ports.UsageSource, weight: float) -> None:
        self._store, self._room, self._weight = store, room, weight

    def usage(self) -> Mapping[str, model.Usage]:
        """What is set aside, with what hosts measure."""
        room = self._room.usage()
        told = records.live_use(self._store.read(records.USE, records.ALIVE))
        return live.joined(room, told, self._weight)


def publisher(load: Load, env: HostRuntime, beats: Callable[[], bool]) -> UsePublisher:
    """What publishes the live use of a false host."""
    return UsePublisher(env, load.reading, interval=INTERVAL_SECONDS, beats=beats,
                        reading_seconds=READING_SECONDS, window=WINDOW_SECONDS, ttl=AGE_SECONDS)
