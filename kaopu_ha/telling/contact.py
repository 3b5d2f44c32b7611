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

"""How a process meets the store: it waits for nothing, and says so while nobody answers there."""

from __future__ import annotations

from collections.abc import Callable
import logging
import threading
import time

from kaopu_ha import ports

LOG = logging.getLogger(__name__)

# Told within 5 s of the start of a process, to which its loading belongs.
_PATIENCE_SECONDS = 2.5
_AGAIN_SECONDS = 300.0
_TURN_SECONDS = 0.25
_ASK_SECONDS = 1.0
# A process of which there are few goes on asking: nothing else of it may say that etcd is away.
_KEPT_SECONDS = 5.0
_IDLE_SECONDS = 60.0


class ContactWatch:
    """Asks the store until it answers, and tells that it does not: at once, and now and then.

    ``ask`` may block; it is called in a thread of its own.  ``keeps``: it goes on asking for as
    long as the process runs.  Of a host's agent its beat says later that the store is away.
    """

    def __init__(self, ask: Callable[[], object], where: str, *, keeps: bool,
                 clock: Callable[[], float] = time.monotonic) -> None:
        self._ask, self._where, self._keeps, self._clock = ask, where, keeps, clock
        self._thread: threading.Thread | None = None
        # None while nothing is known, '' for an answer, else why there was none.
        self._came: str | None = None
        self._due = self._silent_since = clock()
        self._told_at: float | None = None
        self._told_why = ''

    def turn(self) -> float:
        """Look at what came, and ask again when it is time; seconds until the next turn."""
        now = self._clock()
        if self._thread is not None and not self._thread.is_alive():
            self._thread = None
            if self._came == '':
                self._answered()
                if not self._keeps:
                    self._due = float('inf')
                    return _IDLE_SECONDS
                self._silent_since = now
                self._due = now + _KEPT_SECONDS
                return _KEPT_SECONDS
            self._due = now + _ASK_SECONDS
        if self._thread is None:
            if now < self._due:
                return min(self._due - now, _IDLE_SECONDS)
            self._begin()
        self._tell_silence(now)
        return _TURN_SECONDS

    # ------------------------------------------------------------ private

    def _begin(self) -> None:
        if self._came == '':
            self._silent_since, self._came = self._clock(), None
        self._thread = threading.Thread(target=self._try, name='first contact', daemon=True)
        self._thread.start()

    def _try(self) -> None:
        try:
            self._ask()
        except ports.PortError as failure:
            self._came = str(failure)
        else:
            self._came = ''

    def _answered(self) -> None:
        if self._told_at is not None:
            LOG.info('the store at %s answers', self._where)
        self._told_at, self._told_why = None, ''

    def _tell_silence(self, now: float) -> None:
        """Tell it when it has lasted, again when the reason is known, and then now and then."""
        if now - self._silent_since < _PATIENCE_SECONDS:
            return
        why = self._came or ''
        due = self._told_at is None or now - self._told_at >= _AGAIN_SECONDS
        if due or why and not self._told_why:
            LOG.warning('the store does not answer at %s%s.  Nothing is done without it; it is '
                        'tried on.  Check that etcd runs and has a majority, and endpoints, '
                        'certificates and user in [store]', self._where,
                        f': {why}' if why else '')
            self._told_at, self._told_why = now, why
