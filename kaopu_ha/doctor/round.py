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

"""Asks everything at one time, each within its limit, and all within theirs.

A check never raises: that it could not be asked is a finding.  Threads that hang are left alone,
and end with the process; but one that has something to take back is waited for, whatever happens,
and none begins to write when all has ended.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
import dataclasses
from dataclasses import dataclass
import queue
import threading
import time

from kaopu_ha.checkup import Check
from kaopu_ha.core.checkup import Finding, unasked

# Of the whole time: what each check gets, so that it can say itself that it was too little.
_SHARE = 0.8
# A signal that comes just before a wait does not end it: so none is long.
_TURN_SECONDS = 0.2
_LOOK = 'ask again; if it is so still, with --debug'

Progress = Callable[[str], None]


@dataclass(frozen=True)
class Asked:
    """A check, and the side that it asks."""

    side: str
    check: Check


def ask_all(wanted: Sequence[Asked], limit: float, tell: Progress = lambda _: None
            ) -> list[Finding]:
    """The findings of all checks, within about ``limit`` seconds.

    KeyboardInterrupt is let go on, after what was written was taken back.
    """
    until = time.monotonic() + limit
    came: queue.SimpleQueue[tuple[Asked, list[Finding]]] = queue.SimpleQueue()
    writers = _Writers()
    threads = [threading.Thread(target=_ask, args=(one, limit * _SHARE, writers, came), daemon=True,
                                name=f'doctor {one.side}') for one in wanted]
    found: dict[Asked, list[Finding]] = {}
    try:
        for thread in threads:
            thread.start()
        while len(found) < len(wanted) and time.monotonic() < until:
            try:
                one, its = came.get(timeout=_TURN_SECONDS)
            except queue.Empty:
                continue
            found[one] = its
            tell(f'{len(found)} of {len(wanted)} asked ({one.side}: {one.check.name})')
    finally:
        writers.end()
    late = [_failed(one, f'no answer within {limit:.0f} s') for one in wanted if one not in found]
    return [*(finding for its in found.values() for finding in its), *late]


# ---------------------------------------------------------------- private


class _Writers:
    """The threads that have something to take back.  Safe for threads."""

    def __init__(self) -> None:
        self._mutex = threading.Lock()
        self._ended = False
        self._threads: list[threading.Thread] = []

    def begin(self) -> bool:
        """True if the present thread may write: from then on its end is waited for."""
        with self._mutex:
            if not self._ended:
                self._threads.append(threading.current_thread())
            return not self._ended

    def end(self) -> None:
        """Let none begin any more, and wait for those that did: each has a limit."""
        with self._mutex:
            self._ended = True
        for thread in self._threads:
            thread.join()


def _ask(one: Asked, limit: float, writers: _Writers,
         came: queue.SimpleQueue[tuple[Asked, list[Finding]]]) -> None:
    try:
        its = [dataclasses.replace(finding, side=one.side)
               for finding in _found(one.check, limit, writers)]
    except Exception as failure:  # noqa: BLE001  a check that fails is a finding
        its = [_failed(one, ' '.join(f'{type(failure).__name__}: {failure}'.split()))]
    came.put((one, its))


def _found(check: Check, limit: float, writers: _Writers) -> Iterable[Finding]:
    until = time.monotonic() + limit
    first = list(check.first(limit)) if check.first else []
    if first or check.writes and not writers.begin():
        return first
    return check.ask(max(until - time.monotonic(), 0.0))


def _failed(one: Asked, why: str) -> Finding:
    return dataclasses.replace(unasked(one.check.name, why, one.check.failure, _LOOK),
                               side=one.side)
