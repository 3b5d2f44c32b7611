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

"""The false queue: the records, and, when it is told to, tasks that come twice and late."""

from __future__ import annotations

from collections.abc import Sequence

from kaopu_ha import ports
from kaopu_ha.sim.kernel import Kernel
from kaopu_ha.worker.queue import RecordQueue

_LATE_SECONDS = (0.0, 8.0, 25.0)


class Broker:
    """What all clients of the queue share: tasks that lie there until they are due."""

    def __init__(self, kernel: Kernel) -> None:
        self.kernel = kernel
        self.doubles = False
        self._lying: list[tuple[float, str]] = []

    def offer(self, task: str) -> None:
        """Keep a task, to be given out again and again."""
        self._lying += [(self.kernel.now + late, task) for late in _LATE_SECONDS]

    def due(self) -> list[str]:
        """Give out what is due."""
        now = self.kernel.now
        found = [task for at, task in self._lying if at <= now]
        self._lying = [(at, task) for at, task in self._lying if at > now]
        return found


class SimQueue(RecordQueue):
    """A client of the queue."""

    def __init__(self, store: ports.Store, broker: Broker) -> None:
        super().__init__(store)
        self._broker = broker

    def offer(self, tasks: Sequence[str]) -> None:
        """As promised."""
        for task in tasks if self._broker.doubles else ():
            self._broker.offer(task)

    def take(self, most: int) -> tuple[str, ...]:
        """As promised: twice and late does no harm."""
        found = super().take(most)
        if not self._broker.doubles:
            return found
        return (*self._broker.due(), *found, *found)
