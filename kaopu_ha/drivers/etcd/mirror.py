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

"""A mirror of keys: all of them read once in pages, then kept up by one watch.

What is looked at must not be older than the look.  So each look asks the cluster for its revision,
which etcd answers linearizably, and waits until the mirror is there.  That it is there is known

* by its revision: nothing was changed since,
* by an event of that revision or a later one: a member tells what is under one watch in order and
  each revision whole, so there is *one* watch, over the prefix that all the keys have in common,
* by a sign of progress that was asked for, from a member that tells it in its order among the
  events: etcd from 3.4.31 and 3.5.13 on.  Only what others write elsewhere in the same cluster
  needs it.

Else the mirror is late, and all is read again.  So it is as well whenever the watch was lost: a
watch that is resumed could not tell that the cluster was put back to an older snapshot meanwhile.
And it is now and then: releases before 3.4.33 and 3.5.15 may lose a deletion while they compact.
"""

from __future__ import annotations

import logging
import re
import threading
import time

from kaopu_ha import ports
from kaopu_ha.core.copied import Copy
from kaopu_ha.drivers.etcd import calls as etcd_calls
from kaopu_ha.drivers.etcd import watch as etcd_watch
from kaopu_ha.drivers.etcd import wire
from kaopu_ha.drivers.etcd.stream import WatchStream

LOG = logging.getLogger(__name__)

# So many keys are asked for at once: a member that sends all at once serves nobody else meanwhile.
PAGE_KEYS = 500

# A sign of progress is asked for so long after the look began, and so often from then on.
_ASK_FIRST_SECONDS = 0.01
_ASK_SECONDS = 0.05
# The mirror is late after so long, and at least as long as it takes to read all.
_LATE_SECONDS = 0.3
# All is read again after so long, in case that a change was never told.
_ANEW_SECONDS = 300.0
# The first releases whose signs of progress keep their place among the events (etcd's issue 15220),
# and come without any event too (its pull request 17557).
_PROGRESS_IN = {(3, 4): 31, (3, 5): 13}
_PROGRESS_SECONDS = 2.0
_SILENCE_SECONDS = 5.0
_PAUSE_FIRST_SECONDS = 0.02
_PAUSE_MOST_SECONDS = 1.0


class EtcdMirror(ports.Mirror):
    """A mirror, kept up in a thread of its own."""

    def __init__(self, calls: etcd_calls.ClusterClient, ranges: tuple[str, ...],
                 timeout: float) -> None:
        """Begin to read.  ``timeout`` limits each look, besides the limit of its own."""
        self._calls, self._timeout = calls, timeout
        self._copy = Copy(ranges)
        self._common = self._copy.common.encode()
        # Guards what follows, and is told of whenever any of it changes.
        self._news = threading.Condition()
        self._is_whole = self._is_closed = False
        self._reads, self._read_at, self._read_seconds = 0, 0.0, 0.0
        # How often a member told anything under the watch.
        self._told = 0
        self._stream: _MirrorStream | None = None
        self._thread = threading.Thread(target=self._run, name='mirror', daemon=True)
        self._thread.start()

    @property
    def reads(self) -> int:
        """How often all keys were read so far."""
        return self._reads

    def at(self, limit: float) -> ports.Snapshot:
        """Ask for the revision, and wait until the mirror is there."""
        began = time.monotonic()
        wanted = self._calls.revision(self._common)
        asked, end = time.monotonic(), began + min(limit, self._timeout)
        ask_at, late_at = asked + _ASK_FIRST_SECONDS, self._late_at(asked)
        with self._news:
            while not self._is_closed:
                if self._is_whole and self._copy.revision >= wanted:
                    return self._copy.snapshot()
                now = time.monotonic()
                if now >= end:
                    raise ports.StoreError(f'the mirror is not at revision {wanted} in '
                                           f'{now - began:.1f} s')
                if now >= ask_at:
                    ask_at = now + _ASK_SECONDS
                    self._ask_for_progress()
                if now >= late_at:
                    late_at = self._late_at(now)
                    self._read_again()
                self._news.wait(max(0.0, min(end, ask_at, late_at) - now))
        raise ports.StoreError('the mirror is closed')

    @property
    def is_closed(self) -> bool:
        """Whether it was closed."""
        return self._is_closed

    def close(self) -> None:
        """End the watch; who waits is told."""
        with self._news:
            self._is_closed = True
            if self._stream is not None:
                self._stream.end()
            self._news.notify_all()

    def join(self, limit: float) -> None:
        """Wait for the thread's end."""
        self._thread.join(limit)

    def _late_at(self, now: float) -> float:
        return now + min(max(_LATE_SECONDS, self._read_seconds), self._timeout / 2)

    def _ask_for_progress(self) -> None:
        if self._stream is not None and self._stream.tells_progress:
            self._stream.ask()

    def _read_again(self) -> None:
        if self._is_whole and self._stream is not None:
            self._is_whole = False
            self._stream.end()

    # ------------------------------------------------------------ in the thread

    def _run(self) -> None:
        pause = _PAUSE_FIRST_SECONDS
        while not self._is_closed:
            member, began = self._calls.member, self._told
            try:
                self._read_all()
                member = self._calls.member
                self._follow(member)
                # Late, and no worse: perhaps somebody else wrote, of which this watch is not told.
                pause = _PAUSE_FIRST_SECONDS
                continue
            except (etcd_calls.Failed, ports.StoreError) as trouble:
                LOG.debug('the mirror by %s broke: %s', self._calls.name(member), trouble)
                if isinstance(trouble, etcd_calls.Failed):
                    self._calls.leave(member)
            with self._news:
                self._is_whole = False
                if not self._is_closed:
                    self._news.wait(pause)
            # A watch that is refused at once must not have all read again and again.
            pause = min(2 * pause, _PAUSE_MOST_SECONDS) if self._told == began else (
                _PAUSE_FIRST_SECONDS)

    def _read_all(self) -> None:
        began = time.monotonic()
        revision, entries = read_in_pages(self._calls, self._copy.ranges)
        with self._news:
            self._copy.begin(revision, entries)
            self._is_whole = True
            self._reads += 1
            self._read_at = time.monotonic()
            self._read_seconds = self._read_at - began
            self._news.notify_all()

    def _follow(self, member: int) -> None:
        """Take what one member tells.  Returns when all is to be read again; raises Failed."""
        stream = _MirrorStream(self._calls, member)
        stream.create(self._common, self._copy.revision + 1)
        with self._news:
            if self._is_closed:
                return
            self._stream = stream
        try:
            for reply in stream.replies():
                self._calls.believe(reply.header, self._calls.position, lag=True)
                if reply.compact_revision:
                    return
                if reply.canceled:
                    raise stream.refused(reply.cancel_reason)
                self._told += 1
                self._take(stream, reply)
                if time.monotonic() - self._read_at >= _ANEW_SECONDS:
                    self._read_all()
        except etcd_calls.Failed:
            if stream.is_ended:
                return
            raise
        finally:
            with self._news:
                self._stream, self._is_whole = None, False
            stream.end()

    def _take(self, stream: _MirrorStream, reply: wire.Message) -> None:
        if reply.events:
            revision = reply.events[-1].kv.mod_revision
        elif reply.created or not stream.tells_progress:
            return
        else:
            revision = reply.header.revision
        changes = [etcd_watch.change_of(event) for event in reply.events]
        with self._news:
            self._copy.take(revision, changes)
            self._news.notify_all()


class _MirrorStream(WatchStream):
    """The watch on one member.  ``tells_progress``: it does so in order among the events."""

    def __init__(self, calls: etcd_calls.ClusterClient, member: int) -> None:
        """Raises Failed if the member does not say which release it is."""
        super().__init__(calls, member, _PROGRESS_SECONDS)
        self.tells_progress = _tells_progress(
            calls.ask(member, wire.STATUS, wire.StatusRequest()).version)

    def quiet(self) -> None:
        """Ask for progress all the time: that others hear the member says nothing of its order."""
        if self.silence > _SILENCE_SECONDS:
            self.lose()
        else:
            self.ask()


def read_in_pages(calls: etcd_calls.ClusterClient,
                  ranges: tuple[str, ...]) -> tuple[int, list[ports.Entry]]:
    """All keys of the ranges at one revision, and that.  Raises StoreError."""
    found: list[ports.Entry] = []
    revision, left = 0, [(name.encode(), wire.range_end(name.encode())) for name in ranges]
    while left:
        reply = calls.repeat(wire.TXN, wire.TxnRequest(success=[
            wire.RequestOp(request_range=wire.RangeRequest(
                key=begin, range_end=end, limit=PAGE_KEYS, revision=revision))
            for begin, end in left]))
        answers = [answer.response_range for answer in reply.responses]
        found += [etcd_watch.entry_of(pair) for answer in answers for pair in answer.kvs]
        revision = revision or int(reply.header.revision)
        left = [(answer.kvs[-1].key + b'\0', end) for answer, (_, end) in zip(
            answers, left, strict=True) if answer.more]
    return revision, found


def _tells_progress(version: str) -> bool:
    """True if a member of this version tells its progress in order among the events."""
    parts = re.match(r'(\d+)\.(\d+)\.(\d+)', version)
    if parts is None:
        return False
    major, minor, patch = map(int, parts.groups())
    return (major, minor) >= (3, 6) or patch >= _PROGRESS_IN.get((major, minor), patch + 1)
