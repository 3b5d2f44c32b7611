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

"""A watch that outlives the members it is on.

A member that hangs says nothing at all, and neither does a watch on it.  So the watch asks for a
sign of progress every two seconds, and after five seconds of silence goes on with the next member,
from the revision after the last one it told.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
import logging
import threading
import time
from typing import Any

from kaopu_ha import ports
from kaopu_ha.drivers.etcd import calls as etcd_calls
from kaopu_ha.drivers.etcd import wire

LOG = logging.getLogger(__name__)

_PROGRESS_SECONDS = 2.0
_SILENCE_SECONDS = 5.0
_LOG_IN_SECONDS = 1.5
_PAUSE_FIRST_SECONDS = 0.02
_PAUSE_MOST_SECONDS = 1.0

# close() waits this long for a ``tell`` under way.
_CLOSE_SECONDS = 1.0


class WatchThread(ports.Watching):
    """A watch under way, in a thread of its own."""

    def __init__(self, calls: etcd_calls.ClusterClient, prefix: str,
                 tell: Callable[[ports.Change], None],
                 since: int) -> None:
        """Begin to watch.  ``since`` 0: from now on; if no member says when that is, the first
        thing told, once one answers, is to list again."""
        self._calls = calls
        self._prefix = prefix.encode()
        self._tell_to = tell
        self._closed = threading.Event()
        self._telling = threading.RLock()
        self._call: Any = None
        self._heard = 0.0
        # The revision to go on from; None: events were missed.
        self._next: int | None = since + 1 if since else self._after_now()
        self._thread = threading.Thread(target=self._run, name=f'watch {prefix}', daemon=True)
        self._thread.start()

    @property
    def is_closed(self) -> bool:
        """Whether it was closed."""
        return self._closed.is_set()

    def close(self) -> None:
        """End the watch; waits a second at most for a ``tell`` under way, none starts after."""
        self._closed.set()
        call = self._call
        if call is not None:
            call.cancel()
        if self._telling.acquire(timeout=_CLOSE_SECONDS):
            self._telling.release()

    def join(self, limit: float) -> None:
        """Wait for the thread's end, unless this is it."""
        if threading.current_thread() is not self._thread:
            self._thread.join(limit)

    # ------------------------------------------------------------ in the thread

    def _run(self) -> None:
        pause = _PAUSE_FIRST_SECONDS
        while not self._closed.is_set():
            member, began = self._calls.member, self._heard
            try:
                if self._next is None:
                    self._begin_anew()
                self._follow(member)
            except (etcd_calls.Failed, ports.StoreError) as trouble:
                if self._closed.is_set():
                    return
                LOG.debug('watch of %s on %s broke: %s', self._prefix.decode(),
                          self._calls.name(member), trouble)
                self._calls.leave(member)
            pause = _PAUSE_FIRST_SECONDS if self._heard > began else min(2 * pause,
                                                                         _PAUSE_MOST_SECONDS)
            self._closed.wait(pause)

    def _after_now(self) -> int | None:
        try:
            return 1 + self._now()
        except ports.StoreError:
            return None

    def _now(self) -> int:
        return self._calls.revision(self._prefix)

    def _begin_anew(self) -> None:
        revision = self._now()
        self._tell(ports.Change(relist=True, revision=revision))
        self._next = revision + 1

    def _follow(self, member: int) -> None:
        """Tell what one member sends.  Returns when events were missed; raises Failed."""
        floor = self._calls.position
        silence_since = [time.monotonic()]
        ended = threading.Event()
        call = self._calls.stream(member, wire.WATCH, self._requests(ended, silence_since),
                                  _LOG_IN_SECONDS)
        self._call = call
        try:
            for reply in self._calls.replies(member, call):
                self._heard = silence_since[0] = time.monotonic()
                self._take(reply, floor)
                if self._next is None:
                    return
                silence_since[0] = time.monotonic()
            raise etcd_calls.Failed(etcd_calls.After.NOT_DONE, 'the member ended the watch')
        finally:
            ended.set()
            call.cancel()

    def _requests(self, ended: threading.Event,
                  silence_since: list[float]) -> Iterator[wire.Message]:
        """What is sent to a member: gRPC draws from this in a thread of its own."""
        yield wire.WatchRequest(create_request=wire.WatchCreateRequest(
            key=self._prefix, range_end=wire.range_end(self._prefix), start_revision=self._next,
            progress_notify=True))
        while not ended.wait(_PROGRESS_SECONDS):
            if self._closed.is_set() or time.monotonic() - silence_since[0] > _SILENCE_SECONDS:
                self._call.cancel()
                return
            yield wire.WatchRequest(progress_request=wire.WatchProgressRequest())

    def _take(self, reply: wire.Message, floor: etcd_calls.Position) -> None:
        if reply.compact_revision:
            self._next = None
            return
        if reply.canceled:
            # A token that is no longer valid looks like this as well.
            self._calls.log_out()
            raise etcd_calls.Failed(etcd_calls.After.NOT_DONE, reply.cancel_reason)
        if reply.created:
            self._calls.believe(reply.header, floor, lag=True)
        # A progress reply does not move _next: before etcd 3.4.25 and 3.5.8 it may overtake events.
        for event in reply.events:
            if event.kv.mod_revision >= (self._next or 0):
                self._tell(change_of(event))
        if reply.events:
            self._next = max(self._next or 0, reply.events[-1].kv.mod_revision + 1)

    def _tell(self, change: ports.Change) -> None:
        with self._telling:
            if self._closed.is_set():
                return
            try:
                self._tell_to(change)
            except Exception:
                # A mistake of the listener's must not silence the watch for ever.
                LOG.exception('watch of %s: the change of %s was told in vain',
                              self._prefix.decode(), change.key)


def change_of(event: wire.Message) -> ports.Change:
    """Read etcd's event."""
    entry = entry_of(event.kv) if event.type != wire.DELETED else None
    return ports.Change(key=text(event.kv.key), entry=entry, revision=event.kv.mod_revision)


def entry_of(pair: wire.Message) -> ports.Entry:
    """Read etcd's key and value."""
    return ports.Entry(key=text(pair.key), value=text(pair.value), created=pair.create_revision,
                       modified=pair.mod_revision, lease=pair.lease)


def text(data: bytes) -> str:
    """Decode what the store holds; what somebody else wrote there need not be UTF-8."""
    return data.decode('utf-8', 'replace')
