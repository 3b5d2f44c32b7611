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

"""Whoever logs waits for no log: lines are handed over to a thread that writes them.

A log may take nothing for a while (a journald that is frozen, a full pipe to a container's log
driver, a disk that hangs).  Decisions, beats and claims go on meanwhile: lines are kept up to a
bound, beyond it they are counted, and the count is told where the log goes on.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
import copy
import logging
import logging.handlers
import queue
import threading
import time

# Some minutes of a recovery with all its news, and some MiB.
LINES_MAX = 10_000
_POLL_SECONDS = 0.01


class HandOver(logging.handlers.QueueHandler):
    """Takes lines for handlers that may block; waits for none of them."""

    # Not a Queue: its mutex could be held by the very thread that a signal's handler logs in.
    queue: queue.SimpleQueue[logging.LogRecord]

    def __init__(self, handlers: Iterable[logging.Handler], lines_max: int) -> None:
        super().__init__(queue.SimpleQueue())
        self.inner = tuple(handlers)
        self._lines_max = lines_max
        self._taken = self._written = self._lost = 0
        # The thread whose lines alone are still taken.
        self.only_of: int | None = None
        threading.Thread(target=self._write_all, name='log', daemon=True).start()

    def enqueue(self, record: logging.LogRecord) -> None:
        """Keep the line to be written, or count it as lost.  The handler's lock is held."""
        if self.only_of not in (None, record.thread):
            return
        if self._taken - self._written >= self._lines_max:
            self._lost += 1
            return
        self._taken += 1
        self.queue.put(record)

    def prepare(self, record: logging.LogRecord) -> logging.LogRecord:
        """The line with its words as they are now; its traceback is the formatter's matter."""
        kept = copy.copy(record)
        kept.msg, kept.args = record.getMessage(), None
        return kept

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802  logging's own name
        """A line that can't be made is lost: to say so on stderr could block."""
        self._lost += 1

    def drained(self, limit: float) -> bool:
        """True if all lines were written within so many seconds.  Takes no lock."""
        until = time.monotonic() + limit
        while self._written < self._taken and time.monotonic() < until:
            time.sleep(_POLL_SECONDS)
        return self._written >= self._taken

    # ------------------------------------------------------------ in the thread that writes

    def _write_all(self) -> None:
        while True:
            record = self.queue.get()
            self._write(record)
            if self._lost and self.queue.empty():
                self._write(self._of_lost())
            self._written += 1

    def _of_lost(self) -> logging.LogRecord:
        with self.lock or threading.RLock():
            lost, self._lost = self._lost, 0
        return logging.LogRecord(
            __name__, logging.WARNING, __file__, 0,
            'the log took nothing for a while and goes on: %d lines are lost', (lost,), None)

    def _write(self, record: logging.LogRecord) -> None:
        for handler in self.inner:
            try:
                if record.levelno >= handler.level:
                    handler.handle(record)
            except Exception:  # noqa: BLE001, PERF203  a line may be lost, but not all that follow
                self._lost += 1


def hand_over() -> None:
    """From now on have no thread write to a log by itself.  Harmless if asked again."""
    found = [logging.getLogger(), *(each for each in logging.Logger.manager.loggerDict.values()
                                    if isinstance(each, logging.Logger))]
    for logger in found:
        plain = [each for each in logger.handlers if not isinstance(each, HandOver)]
        if plain:
            kept = HandOver(plain, LINES_MAX)
            for handler in plain:
                logger.removeHandler(handler)
            logger.addHandler(kept)


def only_from_here() -> None:
    """From now on take lines of this thread only: the process ends with what it says."""
    for each in _hand_overs():
        each.only_of = threading.get_ident()


def drained(limit: float) -> bool:
    """True if what was logged until now was written within so many seconds."""
    until = time.monotonic() + limit
    return all(each.drained(max(until - time.monotonic(), 0.0)) for each in _hand_overs())


def _hand_overs() -> Sequence[HandOver]:
    loggers = [logging.getLogger(), *logging.Logger.manager.loggerDict.values()]
    return [handler for logger in loggers if isinstance(logger, logging.Logger)
            for handler in logger.handlers if isinstance(handler, HandOver)]
