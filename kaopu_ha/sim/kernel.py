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

"""A false clock, and the processes that live on it.

Every task is a green thread that runs until it sleeps or waits; then the clock jumps to the next
thing that is due.  So two runs from one seed do the same in the same order.  (Green threads for
this only: why, is told in ``doc/source/decisions/0008-green-threads-in-the-simulator.rst``.)
"""

from __future__ import annotations

from collections.abc import Callable
import concurrent.futures
import functools
import heapq
import itertools
import random
from typing import Any

import greenlet

_PAUSE_MIN = 0.02
_PAUSE_MAX = 60.0


class Signal:
    """Something that tasks wait for."""

    def __init__(self) -> None:
        self.is_set = False
        self._waiters: list[Callable[[], None]] = []

    def set(self) -> None:
        """Wake everybody who waits; who comes later does not wait."""
        self.is_set = True
        waiters, self._waiters = self._waiters, []
        for wake in waiters:
            wake()

    def forget(self, wake: Callable[[], None]) -> None:
        """Wake this one no more: what it waited for took too long."""
        if wake in self._waiters:
            self._waiters.remove(wake)

    def clear(self) -> None:
        """Let those who come from now on wait."""
        self.is_set = False


class Process:
    """A process of the program: its tasks live, freeze and die together.

    What a frozen task waited for may come meanwhile; the task sees it when it is thawed.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self.alive, self.frozen, self.thawing = True, False, False
        # For how long its machine stood still without that any clock of it shows that.
        self.unaware_seconds = 0.0
        self._tasks: dict[_Task, None] = {}
        self._held: list[Callable[[], None]] = []

    def kill(self) -> None:
        """End every task where it stands, as SIGKILL does.  Not to be called by one of them."""
        self.alive = False
        tasks, self._tasks, self._held = list(self._tasks), {}, []
        for task in tasks:
            # It ends into its parent: that has to be whoever kills, a task of another process too.
            task.green.parent = greenlet.getcurrent()
            task.green.throw()

    def freeze(self) -> None:
        """Let no task go on."""
        self.frozen = True

    def thaw(self) -> None:
        """Let those go on that are due by now."""
        self.frozen, self.thawing = False, True
        held, self._held = self._held, []
        for resume in held:
            resume()
        self.thawing = False


class _Task:
    def __init__(self, kernel: Kernel, process: Process, body: Callable[[], Any]) -> None:
        self.kernel, self.process, self.body = kernel, process, body
        self.green = greenlet.greenlet(self._run, parent=kernel.hub)
        self._waits, self._hub = 0, kernel.hub
        process._tasks[self] = None

    def wait(self) -> None:
        """Let others run until one of the ``wakers`` made for this wait is called."""
        if self.process.alive:
            self._hub.switch()
        if not self.process.alive:
            raise greenlet.GreenletExit

    def waker(self) -> Callable[[], None]:
        """What ends the wait that begins now, once, if nothing else has ended it."""
        return functools.partial(self._resume, self._waits)

    def _resume(self, number: int) -> None:
        process = self.process
        if number != self._waits or not process.alive:
            return
        if process.frozen:
            process._held.append(functools.partial(self._resume, number))
            return
        self._waits += 1
        self.green.switch()

    def _run(self) -> None:
        try:
            self.body()
        except greenlet.GreenletExit:
            pass
        except Exception as failure:  # noqa: BLE001  whatever it is, it is a finding
            self.kernel.failures.append((self.process.name, failure))
            self.kernel.stirred = True
        finally:
            self.process._tasks.pop(self, None)
            self.kernel._tasks.pop(self.green, None)


class Kernel:
    """The clock, the chance, and what is due when."""

    def __init__(self, seed: int = 0) -> None:
        self.now = 0.0
        self.chance = random.Random(seed)
        self.hub = greenlet.getcurrent()
        self.failures: list[tuple[str, Exception]] = []
        # What looks at the world after each event that stirred something up.
        self.after_each: Callable[[], None] = lambda: None
        self.stirred = True
        # Told which process is about to act outside of the store, and what it will do.
        self.before_act: Callable[[Process, str], None] | None = None
        # Told which process acted after its time, and what it did.
        self.at_late_act: Callable[[str, str], None] | None = None
        # Of the innermost ``run``: its time, and what is enough for it.
        self._run_ends: tuple[float, Callable[[], int]] = (0.0, lambda: True)
        self._due: list[tuple[float, int, Callable[[], None]]] = []
        self._numbers = itertools.count()
        self._tasks: dict[greenlet.greenlet, _Task] = {}

    def at(self, when: float, act: Callable[[], None]) -> None:
        """Have something done at a time; it must not sleep."""
        now = self.now
        heapq.heappush(self._due, (when if when > now else now, next(self._numbers), act))

    def after(self, seconds: float, act: Callable[[], None]) -> None:
        """Have something done in so many seconds; it must not sleep."""
        self.at(self.now + seconds, act)

    def spawn(self, process: Process, body: Callable[[], Any]) -> None:
        """Start a task of a process."""
        task = _Task(self, process, body)
        self._tasks[task.green] = task
        self.at(self.now, task.waker())

    def sleep(self, seconds: float) -> None:
        """Let so many seconds go by, in a task or (the world goes on meanwhile) outside of all."""
        task, over = self._tasks.get(greenlet.getcurrent()), self.now + seconds
        if task is None:
            self.run(over)
        elif not self._passes_to(over, task):
            self.at(over, task.waker())
            task.wait()

    def wait(self, signal: Signal, seconds: float) -> bool:
        """Wait for a signal; False if it did not come in so many seconds."""
        task = self._tasks.get(greenlet.getcurrent())
        over = self.now + seconds
        if task is None:
            return self.run(over, lambda: signal.is_set)
        while not signal.is_set and self.now < over:
            if self._passes_to(over, task):
                break
            resume = task.waker()
            wake = functools.partial(self.at, self.now, resume)
            signal._waiters.append(wake)
            self.at(over, resume)
            task.wait()
            if not signal.is_set:
                signal.forget(wake)
        return signal.is_set

    def about_to_act(self, act: str) -> None:
        """Say that the process of the present task acts now."""
        task = self._tasks.get(greenlet.getcurrent())
        if task is not None and self.before_act is not None:
            self.before_act(task.process, act)

    def clock(self) -> float:
        """The time as the process of the present task has it."""
        task = self._tasks.get(greenlet.getcurrent())
        return self.now - (task.process.unaware_seconds if task is not None else 0.0)

    def acted_late(self, act: str) -> None:
        """Say that the process of the present task acts later than it knows."""
        task = self._tasks.get(greenlet.getcurrent())
        if task is not None and self.at_late_act is not None:
            self.at_late_act(task.process.name, act)

    def run(self, until: float, enough: Callable[[], int] = lambda: False) -> bool:
        """Do what is due until a time, or until it is enough (not 0); True if it was."""
        outer, self._run_ends = self._run_ends, (until, enough)
        try:
            return self._run(until, enough)
        finally:
            self._run_ends = outer

    def _run(self, until: float, enough: Callable[[], int]) -> bool:
        due, pop = self._due, heapq.heappop
        while not enough():
            if not due or due[0][0] > until:
                self.now = max(self.now, until)
                return bool(enough())
            self.now, _, act = pop(due)
            act()
            if self.stirred:
                self._look()
        return True

    def _look(self) -> None:
        self.stirred = False
        if self.failures:
            name, failure = self.failures[0]
            raise RuntimeError(f'{name} failed at {self.now:.3f}') from failure
        self.after_each()

    def _passes_to(self, when: float, task: _Task) -> bool:
        """Have the clock jump, if the present task is all that would go on until then.

        It does what ``run`` would, without two switches of green threads: most of the cost of a
        life.  False if something else comes first, or if ``run`` has to be asked.
        """
        if when < self.now:
            when = self.now
        if self._due and self._due[0][0] <= when:
            return False
        (until, enough), process = self._run_ends, task.process
        if when > until or self.failures or (
                process.frozen or process.thawing or not process.alive):
            return False
        if self.stirred:
            self._look()
        if enough():
            return False
        self.now = when
        return True

    def close(self) -> None:
        """End every task: one that waits for ever would keep its whole world in memory."""
        for process in {task.process: None for task in self._tasks.values()}:
            process.kill()

    def loop(self, process: Process, turn: Callable[[], float], wake: Signal) -> None:
        """Run a turn again and again in a task of the process, as ``cmd.loops`` does."""
        def body() -> None:
            while True:
                wake.clear()
                seconds = min(max(float(turn()), _PAUSE_MIN), _PAUSE_MAX)
                earliest = self.now + _PAUSE_MIN
                self.wait(wake, seconds)
                if self.now < earliest:
                    self.sleep(earliest - self.now)
        self.spawn(process, body)

    def pool(self, process: Process) -> GreenPool:
        """An executor whose work is tasks of the process."""
        return GreenPool(self, process)


class _Awaited(concurrent.futures.Future[Any]):
    def __init__(self, kernel: Kernel) -> None:
        super().__init__()
        self._kernel, self._over = kernel, Signal()
        self.add_done_callback(lambda _: self._over.set())

    def result(self, timeout: float | None = None) -> Any:
        """What came, when it comes."""
        if not self._kernel.wait(self._over, 1e6 if timeout is None else timeout):
            raise TimeoutError
        return super().result(0)


class GreenPool(concurrent.futures.Executor):
    """Executes by green threads of one process."""

    def __init__(self, kernel: Kernel, process: Process) -> None:
        self._kernel, self._process = kernel, process

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any
               ) -> concurrent.futures.Future[Any]:
        """Begin it now, beside the caller."""
        awaited = _Awaited(self._kernel)

        def body() -> None:
            try:
                awaited.set_result(fn(*args, **kwargs))
            except Exception as failure:  # noqa: BLE001  it is given to who awaits it
                awaited.set_exception(failure)
        self._kernel.spawn(self._process, body)
        return awaited
