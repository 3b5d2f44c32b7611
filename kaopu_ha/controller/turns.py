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


"""Which turns and calls of a controller are under way, which of them hangs, and how they ended.

Each outside call has a limit of its own.  One that does not return all the same (a library that
never comes back, a process that can't be killed, a log that takes nothing more) must not leave the
cloud without a leader: whoever hangs lets the lease of its leadership lapse.
"""

from __future__ import annotations

from collections.abc import Callable
import concurrent.futures
import dataclasses
import functools
import itertools
from typing import Any, TypeVar, cast

from kaopu_ha import ports
from kaopu_ha.runtime import Runtime

P = TypeVar('P')
T = TypeVar('T')


class Turns:
    """Knows since when each turn and each call in another thread has made no step.

    A turn makes a step when a call to one of its ports ends.  So it may take as long as it has
    calls to make, one host after the other, and hangs if a single one takes longer than ``limit``.
    Whatever a turn makes of a store that is away: it did not end well.
    """

    def __init__(self, clock: Callable[[], float], limit: float) -> None:
        self._clock, self._limit = clock, limit
        self._since: dict[tuple[str, int], float] = {}
        self._numbers = itertools.count(1)
        self._away: dict[str, str] = {}

    def overdue(self) -> str:
        """The name of what hangs longest, '' if nothing does."""
        now = self._clock()
        late = sorted((since, name) for (name, _), since in tuple(self._since.items())
                      if now - since > self._limit)
        return late[0][1] if late else ''

    def trouble(self, name: str) -> str:
        """Why the store was away in the last turn of this name, '' if it was not."""
        return self._away.get(name, '')

    def noted(self, name: str, turn: Callable[[], float]) -> Callable[[], float]:
        """The same turn; it is known whether the store was away in it."""
        def noted_turn() -> float:
            self._away.pop(name, None)
            return turn()
        return noted_turn

    def watched(self, name: str, turn: Callable[[], float]) -> Callable[[], float]:
        """The same turn, noted, and known to be under way while it is."""
        noted = self.noted(name, turn)

        def watched_turn() -> float:
            return self._watch((name, 0), noted)
        return watched_turn

    def minded(self, name: str, port: P) -> P:
        """The same port: each call to it that ends is a step of the turn ``name``."""
        return cast(P, _Minded(port, functools.partial(self._step, (name, 0)),
                               functools.partial(self._away.__setitem__, name)))

    def pool(self, name: str, pool: concurrent.futures.Executor) -> concurrent.futures.Executor:
        """The same pool: each call in it is known to be under way from when it began."""
        return _Watched(pool, lambda call: self._watch((name, next(self._numbers)), call))

    def env(self, name: str, env: Runtime) -> Runtime:
        """The same runtime, with such pools."""
        return dataclasses.replace(
            env, pool=lambda number, what: self.pool(name, env.pool(number, what)))

    def _watch(self, key: tuple[str, int], work: Callable[[], T]) -> T:
        """Do it; until it ends it is known to be under way."""
        self._since[key] = self._clock()
        try:
            return work()
        finally:
            self._since.pop(key, None)

    def _step(self, key: tuple[str, int]) -> None:
        # A call in a pool may end after the turn that began it: that is no turn under way.
        if key in self._since:
            self._since[key] = self._clock()


class _Minded:
    """A port in front of another one of its kind."""

    def __init__(self, port: Any, step: Callable[[], None], away: Callable[[str], None]) -> None:
        self._port, self._step, self._away = port, step, away

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._port, name)
        if not callable(found):
            return found

        @functools.wraps(found)
        def call(*given: Any, **named: Any) -> Any:
            try:
                return found(*given, **named)
            except ports.StoreError as failure:
                self._away(str(failure))
                raise
            finally:
                self._step()
        # Found there from now on: ``__getattr__`` is asked for what is missing only.
        self.__dict__[name] = call
        return call


class _Watched(concurrent.futures.Executor):
    """A pool in front of another one."""

    def __init__(self, pool: concurrent.futures.Executor,
                 watch: Callable[[Callable[[], Any]], Any]) -> None:
        self._pool, self._watch = pool, watch

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any
               ) -> concurrent.futures.Future[Any]:
        """Begin it beside the caller."""
        return self._pool.submit(self._watch, functools.partial(fn, *args, **kwargs))

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Begin nothing more."""
        self._pool.shutdown(wait, cancel_futures=cancel_futures)
