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

"""The program's processes in the false world: what they are made of, how they start and end."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
import datetime
import functools

from kaopu_ha import ports, programs
from kaopu_ha.core.news import News
from kaopu_ha.runtime import Runtime
from kaopu_ha.sim.kernel import Kernel, Process, Signal
from kaopu_ha.sim.network import Node
from kaopu_ha.sim.store import Etcd, SimStore

# The false date: what people read in the records.  Nothing decides by it.
_DAY = datetime.datetime.fromisoformat('2026-01-01T00:00:00+00:00')


@dataclass(frozen=True)
class SimRuntime:
    """What a process finds when it starts."""

    name: str
    store: SimStore
    process: Process
    env: Runtime


class Daemon:
    """A process of the program, which can be started, killed, frozen and thawed.

    ``make`` joins the loops anew at each start: nothing is remembered but what is in the store.
    """

    def __init__(self, kernel: Kernel, etcd: Etcd, role: str, node: Node,
                 make: Callable[[SimRuntime], Iterable[programs.Loop]],
                 tell: Callable[[str, News], None]) -> None:
        self.kernel, self.role, self.node = kernel, role, node
        self.name = ''
        # Since when it goes on: from its start, or from when it was thawed.
        self.starts, self.since = 0, 0.0
        self._etcd, self._make, self._tell = etcd, make, tell
        self._store: SimStore | None = None
        self._process: Process | None = None
        # For how long the clock of its machine stood still, and since when it does.
        self._stood_still, self._paused_at = 0.0, -1.0
        self._unaware = False

    @property
    def runs(self) -> bool:
        """True from its start to its end, frozen or not."""
        return self._process is not None

    @property
    def goes_on(self) -> bool:
        """True while it runs and is not frozen."""
        return self._process is not None and not self._process.frozen

    def start(self) -> None:
        """Start it; harmless while it runs.  Each start has a name of its own."""
        if self._process is not None:
            return
        self.starts, self.since = self.starts + 1, self.kernel.now
        self.name = f'{self.role}/{self.starts}'
        process, store = Process(self.name), SimStore(self._etcd, self.node, self.name)
        self._process, self._store = process, store
        name, kernel = self.name, self.kernel
        env = Runtime(
            name, lambda: kernel.now - self._stood_still, lambda: date(kernel.now),
            lambda news: self._tell(name, news), lambda size, label: kernel.pool(process))
        for loop in self._make(SimRuntime(name, store, process, env)):
            wake = Signal()
            loop.listen(wake.set)
            for prefix in loop.woken_by:
                store.watch(prefix, _waking(wake))
            kernel.loop(process, loop.turn, wake)

    def kill(self) -> None:
        """End it where it stands, as SIGKILL does; of a machine that is paused, as a reset does."""
        process, self._process = self._process, None
        # Or the clock of the next one would go back when the pause ends.
        self._paused_at, self._unaware = -1.0, False
        if process is not None and self._store is not None:
            process.kill()
            self._store.close()

    def freeze(self) -> None:
        """Stop it: its clock goes on, it does not."""
        if self._process is not None:
            self._process.freeze()

    def pause(self) -> None:
        """Stop its whole virtual machine: neither it nor its clock goes on."""
        if self.goes_on:
            self._paused_at = self.kernel.now
            self.freeze()

    def pause_unaware(self) -> None:
        """The same, where no clock of it is set right when it goes on."""
        self.pause()
        self._unaware = self._paused_at >= 0.0

    def thaw(self) -> None:
        """Let it go on where it stood."""
        if self._paused_at >= 0.0:
            stood = self.kernel.now - self._paused_at
            self._stood_still += stood
            if self._unaware and self._process is not None:
                self._process.unaware_seconds += stood
            self._paused_at, self._unaware = -1.0, False
        if self._process is not None:
            self.since = self.since if self.goes_on else self.kernel.now
            self._process.thaw()


def date(seconds: float) -> str:
    """The false date and time of day, for people."""
    # To the millisecond, as the stories tell it.
    minute, rest = divmod(round(seconds * 1000), 60_000)
    return f'{_minute(minute)}:{rest // 1000:02}.{rest % 1000:03}+00:00'


@functools.lru_cache(maxsize=256)
def _minute(number: int) -> str:
    at = _DAY + datetime.timedelta(minutes=number)
    return at.isoformat(timespec='minutes').removesuffix('+00:00')


def seconds(told: str) -> float:
    """What ``date`` was made of."""
    return (datetime.datetime.fromisoformat(told) - _DAY).total_seconds()


def _waking(wake: Signal) -> Callable[[ports.Change], None]:
    return lambda _: wake.set()
