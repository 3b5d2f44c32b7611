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

"""Between a broker, which makes people wait, and our turns, which must not.

``Outgoing`` sends from a thread of its own, in the order of the offers, until the broker has each
task.  ``Incoming`` holds what was received until it is taken, never more than was asked for: the
rest stays at the broker, for other workers.  Both may lose what they hold with their process.
"""

from __future__ import annotations

import collections
from collections.abc import Callable, Sequence
import logging
import threading

from kaopu_ha import ports

LOG = logging.getLogger(__name__)

# Tasks that wait for the broker.  More than that are none that it could still help with.
_WAITING_MAX = 10000
_RETRY_SECONDS = 1.0


class Outgoing:
    """Tasks on their way to the broker.

    ``send`` may block, and raises PortError while the broker does not take them.
    """

    def __init__(self, send: Callable[[Sequence[str]], None], most: int = 100) -> None:
        self._send, self._most = send, most
        self._changed = threading.Condition()
        self._tasks: collections.deque[str] = collections.deque(maxlen=_WAITING_MAX)
        self._thread: threading.Thread | None = None
        self._closed = False

    def put(self, tasks: Sequence[str]) -> None:
        """Have them sent; returns at once.  The oldest are forgotten if too many wait."""
        with self._changed:
            self._tasks.extend(tasks)
            if self._thread is None and self._tasks:
                self._thread = threading.Thread(target=self._run, name='offer', daemon=True)
                self._thread.start()
            self._changed.notify_all()

    def close(self) -> None:
        """Send nothing more; what waits is lost."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    def _run(self) -> None:
        away = False
        while batch := self._batch():
            try:
                self._send(batch)
            except ports.PortError as failure:
                if not away:
                    LOG.warning('tasks wait for the broker: %s', failure)
                away = True
                self._keep(batch)
            except Exception:  # noqa: BLE001  a bug in one batch must not end the thread
                LOG.exception('%d tasks are left to be found in the store', len(batch))
            else:
                away = False

    def _batch(self) -> list[str]:
        """The next tasks, when there are some; none when it is closed."""
        with self._changed:
            self._changed.wait_for(lambda: self._tasks or self._closed)
            if self._closed:
                return []
            return [self._tasks.popleft() for _ in range(min(self._most, len(self._tasks)))]

    def _keep(self, batch: Sequence[str]) -> None:
        """Put them back in front, and let some time go by."""
        with self._changed:
            self._tasks.extendleft(reversed(batch))
            self._changed.wait_for(lambda: self._closed, _RETRY_SECONDS)


class Incoming:
    """Tasks received and not yet taken."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._tasks: collections.deque[str] = collections.deque()
        self._room = 0
        self._closed = False
        self._tell: Callable[[], None] = lambda: None

    def listen(self, tell: Callable[[], None]) -> None:
        """Have ``tell`` called after each task that came."""
        self._tell = tell

    def take(self, most: int) -> tuple[str, ...]:
        """What came, at once; makes room for the rest of ``most``."""
        with self._changed:
            found = [self._tasks.popleft() for _ in range(min(most, len(self._tasks)))]
            self._room = most - len(found)
            self._changed.notify_all()
        return tuple(found)

    def room(self, limit: float) -> int:
        """Tasks that would be taken; waits at most ``limit`` seconds while there are none."""
        with self._changed:
            self._changed.wait_for(lambda: self._room > 0 or self._closed, limit)
            return 0 if self._closed else self._room

    def put(self, task: str) -> None:
        """Hold a task for the next who takes."""
        with self._changed:
            self._tasks.append(task)
            self._room = max(self._room - 1, 0)
        self._tell()

    def close(self) -> None:
        """Wait for no room any more."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
