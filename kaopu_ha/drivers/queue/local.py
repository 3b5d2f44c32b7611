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

"""Queue driver ``local``: tasks go from hand to hand inside of one process.

Controllers and workers that run as processes of their own do not reach each other by it: a worker
then finds every evacuation in the store, after ``[queue] lost_after`` seconds.
"""

from __future__ import annotations

import collections
from collections.abc import Callable, Sequence
import threading

from kaopu_ha import ports

# Where nobody takes, no more than these are kept.
_WAITING_MAX = 10000


class LocalQueue(ports.Queue):
    """An end of the one queue that this process has."""

    _tasks: collections.deque[str] = collections.deque(maxlen=_WAITING_MAX)
    _told: dict[int, Callable[[], None]] = {}
    _lock = threading.Lock()

    def offer(self, tasks: Sequence[str]) -> None:
        """As promised."""
        with self._lock:
            self._tasks.extend(tasks)
            told = list(self._told.values())
        for tell in told:
            tell()

    def take(self, most: int) -> tuple[str, ...]:
        """As promised."""
        with self._lock:
            return tuple(self._tasks.popleft() for _ in range(min(most, len(self._tasks))))

    def listen(self, tell: Callable[[], None]) -> None:
        """As promised."""
        with self._lock:
            self._told[id(self)] = tell

    def close(self) -> None:
        """Tell nobody any more; the tasks stay, for the other ends."""
        with self._lock:
            self._told.pop(id(self), None)
