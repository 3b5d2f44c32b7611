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

"""Runs the loops of a program, each in its thread."""

from __future__ import annotations

from collections.abc import Callable, Sequence
import logging
import threading
import time
import traceback

from kaopu_ha.wiring.parts import RunningLoop

LOG = logging.getLogger(__name__)

# However often a loop is woken, it leaves the processor to others between two turns.
_PAUSE_MIN = 0.02
# No turn is trusted to wait for ever: a lost wake must cost seconds only.
_PAUSE_MAX = 60.0
_FAILED_PAUSE = 1.0
_TELL_SECONDS = 3600.0


class Runner:
    """The threads of all loops."""

    def __init__(self, loops: Sequence[RunningLoop],
                 clock: Callable[[], float] = time.monotonic) -> None:
        self._loops = tuple(loops)
        self._stopping = threading.Event()
        self._threads = [
            threading.Thread(target=self._run, args=(each, _Troubles(each.loop.name, clock)),
                             name=each.loop.name, daemon=True) for each in self._loops]

    def start(self) -> None:
        """Start every loop."""
        for thread in self._threads:
            thread.start()

    def lost(self) -> str:
        """The name of a loop that has ended although nobody stopped it, or ''."""
        return next((thread.name for thread in self._threads
                     if not thread.is_alive() and not self._stopping.is_set()), '')

    def stop(self, limit: float) -> bool:
        """Let no new turn begin; True if all turns under way ended within ``limit`` seconds."""
        until = time.monotonic() + limit
        self._stopping.set()
        for loop in self._loops:
            loop.wake.set()
        # The end may come while the loops are being started: one that never ran has ended.
        for thread in self._threads:
            if thread.ident is not None:
                thread.join(max(until - time.monotonic(), 0.0))
        return not any(thread.is_alive() for thread in self._threads)

    def _run(self, loop: RunningLoop, troubles: _Troubles) -> None:
        while not self._stopping.is_set():
            # Cleared before the turn: what wakes during it is not lost.
            loop.wake.clear()
            try:
                seconds = min(max(float(loop.loop.turn()), _PAUSE_MIN), _PAUSE_MAX)
            except Exception as failure:  # noqa: BLE001  a bug in one turn must not end the beat
                troubles.tell(failure)
                seconds = _FAILED_PAUSE
                loop.wake.clear()
            if not self._stopping.wait(_PAUSE_MIN):
                loop.wake.wait(seconds - _PAUSE_MIN)


class _Troubles:
    """Tells each kind of failure of a loop once in a while, with where it came from."""

    def __init__(self, name: str, clock: Callable[[], float]) -> None:
        self._name, self._clock = name, clock
        self._told: dict[tuple[str, str, int], float] = {}

    def tell(self, failure: Exception) -> None:
        """Log it with its traceback, or in a line if its kind was told within the hour."""
        where = traceback.extract_tb(failure.__traceback__)[-1]
        kind = type(failure).__name__, where.filename, where.lineno or 0
        now = self._clock()
        if now - self._told.get(kind, -_TELL_SECONDS) < _TELL_SECONDS:
            LOG.debug('%s failed again: %r', self._name, failure)
            return
        self._told[kind] = now
        LOG.error('%s failed and goes on in %g s (this failure is told once an hour)', self._name,
                  _FAILED_PAUSE, exc_info=failure)
