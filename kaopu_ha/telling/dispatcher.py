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

"""Who is told of news: every notifier, without anybody waiting for one.

::

    tell(news) --> log                                      at once, in the thread that tells
               --> a bounded queue --> a thread --> oslo_messaging
               --> a bounded queue --> a thread --> webhook
               --> the counters

A notifier that is slow or away costs notices, never a turn.  What is lost is counted, and told once
when it begins and once when it is over.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
import contextlib
import logging
import queue
import threading
import time
import uuid

from kaopu_ha import ports
from kaopu_ha.core.news import News
from kaopu_ha.core.notice import Notice
from kaopu_ha.telling import notices

LOG = logging.getLogger(__name__)

# A recovery of a full host has two news for each instance: this holds some hundreds of them.
WAITING_MAX = 1000
# A trouble that is told in every turn is sent this often only.
REPEAT_SECONDS = 300.0
_RECENT_MAX = 1000
# A process ends within two seconds: what is not sent by then is lost.
_CLOSE_SECONDS = 0.3

Count = Callable[[str, str], None]


class Dispatcher:
    """Tells news to all; safe for threads, raises nothing, waits for nobody."""

    def __init__(self, notifiers: Mapping[str, ports.Notifier], publisher: str, *,
                 now: Callable[[], str], projects: Collection[str] = (), limit: float = 30.0,
                 counted: Callable[[News], None] = lambda news: None,
                 count: Count = lambda driver, result: None) -> None:
        self._publisher, self._now, self._projects = publisher, now, projects
        self._counted = counted
        self._at_once = [one for one in notifiers.values() if not one.waits]
        self._outboxes = [Outbox(name, one, limit, count) for name, one in notifiers.items()
                          if one.waits]
        self._recent = Recent()

    def __call__(self, news: News) -> None:
        """Tell one news."""
        self._counted(news)
        told = notices.made(news, publisher=self._publisher, at=self._now(), new_id=_new_id,
                            projects=self._projects)
        for notifier in self._at_once:
            for notice in told:
                self._tell_at_once(notifier, notice)
        if self._outboxes and not self._recent.seen(news):
            for outbox in self._outboxes:
                for notice in told:
                    outbox.put(notice)

    def close(self) -> None:
        """Let the outboxes end, for a moment."""
        until = time.monotonic() + _CLOSE_SECONDS
        for outbox in self._outboxes:
            outbox.end()
        for outbox in self._outboxes:
            outbox.close(max(until - time.monotonic(), 0.0))
        for notifier in self._at_once:
            notifier.close()

    def _tell_at_once(self, notifier: ports.Notifier, notice: Notice) -> None:
        try:
            notifier.notify(notice, 0.0)
        except Exception as failure:  # noqa: BLE001  a driver from outside must not end a turn
            LOG.error('a notifier failed, which promised not to: %s', type(failure).__name__)


class Recent:
    """Knows the news of the last minutes.  Safe for threads."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock, self._lock = clock, threading.Lock()
        self._at: dict[News, float] = {}

    def seen(self, news: News) -> bool:
        """True if the very same news was told a short while ago."""
        now = self._clock()
        with self._lock:
            if now - self._at.get(news, -REPEAT_SECONDS) < REPEAT_SECONDS:
                return True
            # Put in again at the end: the first one is the oldest.
            self._at.pop(news, None)
            self._at[news] = now
            if len(self._at) > _RECENT_MAX:
                del self._at[next(iter(self._at))]
            return False


class Outbox:
    """What waits for one notifier, in order, and the thread that hands it over."""

    def __init__(self, name: str, notifier: ports.Notifier, limit: float, count: Count) -> None:
        self._name, self._notifier, self._limit, self._count = name, notifier, limit, count
        self._waiting: queue.Queue[Notice | None] = queue.Queue(WAITING_MAX)
        self._lost, self._lock, self._marked = 0, threading.Lock(), False
        self._thread = threading.Thread(target=self._run, name=f'notify-{name}', daemon=True)
        self._thread.start()

    def put(self, notice: Notice) -> None:
        """Have it handed over after all that wait; lost if too many do."""
        try:
            self._waiting.put_nowait(notice)
        except queue.Full:
            self._lose(f'{WAITING_MAX} notices wait for it')

    def end(self) -> None:
        """Have the thread end once nothing waits any more."""
        with contextlib.suppress(queue.Full):
            self._waiting.put_nowait(None)
            self._marked = True

    def close(self, limit: float) -> None:
        """Wait for those that wait, and tell how many did in vain; then close the notifier."""
        self._thread.join(limit)
        if not self._thread.is_alive():
            self._notifier.close()
            return
        # In the number, the mark of the end stands for the one that is under way.
        left = self._waiting.qsize() + (not self._marked)
        if left:
            LOG.warning('notifier %s: %d notices are lost at the end', self._name, left)

    # ------------------------------------------------------------ private

    def _run(self) -> None:
        for notice in iter(self._waiting.get, None):
            self._hand_over(notice)

    def _hand_over(self, notice: Notice) -> None:
        try:
            self._notifier.notify(notice, self._limit)
        except ports.PortError as failure:
            self._lose(str(failure))
        except Exception as failure:  # noqa: BLE001  its words might hold a secret
            self._lose(f'the driver failed: {type(failure).__name__}')
        else:
            self._took()

    def _lose(self, why: str) -> None:
        with self._lock:
            self._lost += 1
            first = self._lost == 1
        self._count(self._name, 'lost')
        if first:
            LOG.warning('notifier %s loses notices: %s; how many is told when it is well again',
                        self._name, why)

    def _took(self) -> None:
        with self._lock:
            lost, self._lost = self._lost, 0
        self._count(self._name, 'sent')
        if lost:
            LOG.warning('notifier %s is well again; %d notices were lost', self._name, lost)


def _new_id() -> str:
    return str(uuid.uuid4())
