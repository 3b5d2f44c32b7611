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

"""Watches that outlive the members they are on: all of a store over one stream.

etcd carries many watches on one stream, each by a number that we give it.  So a process has one
stream for all that wakes it, and each change is told in the one thread that listens to it.

A member that hangs says nothing at all, and neither does a watch on it.  What it says to others of
this process, over the same connection, shows as well that it lives: where an agent beats, nothing
more is asked.  Only of a member that nobody has heard for five seconds is a sign of progress asked
for, and if it does not come, all watches go on with the next member, each from the revision after
the last one that it told.
"""

from __future__ import annotations

import collections
from collections.abc import Callable, Sequence
import itertools
import logging
import threading
import time

from kaopu_ha import ports
from kaopu_ha.drivers.etcd import calls as etcd_calls
from kaopu_ha.drivers.etcd import wire
from kaopu_ha.drivers.etcd.stream import WatchStream

LOG = logging.getLogger(__name__)

# Longer than the longest pause between two beats of an agent, as the paces have them.
_ASK_SECONDS = 5.0
_ANSWER_SECONDS = 2.0
_TICK_SECONDS = 1.0
_PAUSE_FIRST_SECONDS = 0.02
_PAUSE_MOST_SECONDS = 1.0
# A watch that is refused although we have just logged in is not allowed to us: it is tried again
# now and then, for which the others have to change the stream.
_REFUSED_SECONDS = 5.0

# close() waits this long for a ``tell`` under way.
_CLOSE_SECONDS = 1.0


class OneWatch(ports.Watching):
    """One watch under way.

    ``next``: the revision to go on from; None: events were missed.  ``refusals``: how often it was
    refused in a row; ``not_before``: of the monotonic clock.
    """

    def __init__(self, prefix: str, tell: Callable[[ports.Change], None], following: int | None,
                 dropped: Callable[[OneWatch], None]) -> None:
        self.name, self.next = prefix.encode(), following
        self.refusals, self.not_before = 0, 0.0
        self._tell_to, self._dropped = tell, dropped
        self._closed, self._telling = threading.Event(), threading.RLock()

    def close(self) -> None:
        """End the watch; waits a second at most for a ``tell`` under way, none starts after."""
        self._closed.set()
        self._dropped(self)
        if self._telling.acquire(timeout=_CLOSE_SECONDS):
            self._telling.release()

    def take(self, events: Sequence[wire.Message]) -> None:
        """Tell what was not told before."""
        for event in events:
            if event.kv.mod_revision >= (self.next or 0):
                self.tell(change_of(event))
        if events:
            self.next = max(self.next or 0, events[-1].kv.mod_revision + 1)

    def tell(self, change: ports.Change) -> None:
        """Tell a change, unless the watch is closed."""
        with self._telling:
            if self._closed.is_set():
                return
            try:
                self._tell_to(change)
            except Exception:
                # A mistake of the listener's must not silence the watch for ever.
                LOG.exception('watch of %s: the change of %s was told in vain',
                              self.name.decode(), change.key)


class Watches:
    """All watches of a store, told in a thread that lives while there are any."""

    def __init__(self, calls: etcd_calls.ClusterClient) -> None:
        self._calls = calls
        # Guards what follows.
        self._mutex = threading.Lock()
        self._watches: list[OneWatch] = []
        self._stream: _SharedStream | None = None
        self._thread: threading.Thread | None = None
        self._closed = threading.Event()
        # How often a member told anything but a refusal.
        self._told = 0

    def add(self, prefix: str, tell: Callable[[ports.Change], None], since: int) -> OneWatch:
        """Begin to watch.  ``since`` 0: from now on; if no member says when that is, the first
        thing told, once one answers, is to list again.  Raises StoreError if all is closed."""
        watch = OneWatch(prefix, tell, since + 1 if since else self._after_now(prefix.encode()),
                      self._drop)
        with self._mutex:
            if self._closed.is_set():
                raise ports.StoreError('the store is closed')
            self._watches.append(watch)
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name='watches', daemon=True)
                self._thread.start()
            elif self._stream is not None and watch.next is None:
                # When it can begin is asked for before a stream is opened.
                self._stream.end()
            elif self._stream is not None:
                self._stream.add(watch)
        return watch

    def close(self) -> None:
        """End all of them."""
        self._closed.set()
        with self._mutex:
            watches = list(self._watches)
            if self._stream is not None:
                self._stream.end()
        for watch in watches:
            watch.close()

    def join(self, limit: float) -> None:
        """Wait for the thread's end, unless this is it."""
        thread = self._thread
        if thread is not None and thread is not threading.current_thread():
            thread.join(limit)

    def _drop(self, watch: OneWatch) -> None:
        with self._mutex:
            if watch not in self._watches:
                return
            self._watches.remove(watch)
            if self._stream is not None and not self._watches:
                self._stream.end()
            elif self._stream is not None:
                self._stream.drop(watch)

    def _after_now(self, name: bytes) -> int | None:
        try:
            return 1 + self._calls.revision(name)
        except ports.StoreError:
            return None

    # ------------------------------------------------------------ in the thread

    def _run(self) -> None:
        pause = _PAUSE_FIRST_SECONDS
        while self._is_wanted():
            member, told = self._calls.member, self._told
            try:
                for watch in list(self._watches):
                    if watch.next is None:
                        self._begin_anew(watch)
                self._follow(member)
            except (etcd_calls.Failed, ports.StoreError) as trouble:
                LOG.debug('the watches on %s broke: %s', self._calls.name(member), trouble)
                self._calls.leave(member)
            pause = _PAUSE_FIRST_SECONDS if self._told > told else min(2 * pause,
                                                                       _PAUSE_MOST_SECONDS)
            self._closed.wait(pause)

    def _is_wanted(self) -> bool:
        with self._mutex:
            if self._watches and not self._closed.is_set():
                return True
            self._thread = None
            return False

    def _begin_anew(self, watch: OneWatch) -> None:
        revision = self._calls.revision(watch.name)
        watch.tell(ports.Change(relist=True, revision=revision))
        watch.next = revision + 1

    def _follow(self, member: int) -> None:
        """Tell what one member sends.  Returns when it is not to be heard any more; raises Failed.
        """
        floor = self._calls.position
        with self._mutex:
            if not self._watches or any(watch.next is None for watch in self._watches):
                return
            now = time.monotonic()
            stream = self._stream = _SharedStream(self._calls, member, min(
                (watch.not_before for watch in self._watches if watch.not_before > now),
                default=None))
            for watch in self._watches:
                if watch.not_before <= now:
                    stream.add(watch)
        try:
            for reply in stream.replies():
                self._take(stream, reply, floor)
        except etcd_calls.Failed:
            if not stream.is_ended:
                raise
        finally:
            with self._mutex:
                self._stream = None
            stream.end()

    def _take(self, stream: _SharedStream, reply: wire.Message, floor: etcd_calls.Position) -> None:
        with self._mutex:
            watch = stream.meant(reply)
        if watch is not None and reply.compact_revision:
            watch.next = None
            self._begin_anew(watch)
            with self._mutex:
                if watch in self._watches:
                    stream.add(watch)
        elif watch is not None and reply.canceled:
            self._refused(stream, watch, reply.cancel_reason)
        elif reply.created:
            self._calls.believe(reply.header, floor, lag=True)
            if watch is not None:
                watch.refusals, watch.not_before = 0, 0.0
            self._told += 1
        elif watch is not None:
            # A sign of progress does not move it on: before etcd 3.4.25 and 3.5.8 it may overtake
            # events.
            watch.take(reply.events)
            self._told += 1

    def _refused(self, stream: _SharedStream, watch: OneWatch, why: str) -> None:
        """Go on without it for a while, if a fresh token does not help."""
        watch.refusals += 1
        if watch.refusals > 1:
            watch.not_before = time.monotonic() + _REFUSED_SECONDS
        raise stream.refused(f'{watch.name.decode()} is not to be watched: {why}')


class _SharedStream(WatchStream):
    """A stream to one member, and the watches on it.  ``Watches`` sees that one thread at a time
    is in ``add``, ``drop`` and ``meant``.

    ``until``: it ends by itself at that time of the monotonic clock; None: never.
    """

    _numbers = itertools.count(1)

    def __init__(self, calls: etcd_calls.ClusterClient, member: int, until: float | None) -> None:
        super().__init__(calls, member, _TICK_SECONDS)
        self._until, self._asked_at = until, 0.0
        self._watches: dict[int, OneWatch] = {}
        # Those that etcd has not yet said to be there, or refused; it does so in this order.
        self._asked: collections.deque[int] = collections.deque()

    def add(self, watch: OneWatch) -> None:
        """Have it watched on this stream, too, from where it is."""
        # Never a number twice: etcd may still have a watch of which it said that it is over.
        number = next(self._numbers)
        self._watches[number] = watch
        self._asked.append(number)
        self.create(watch.name, watch.next, number)

    def drop(self, watch: OneWatch) -> None:
        """Have it watched no more."""
        for number in [each for each, there in self._watches.items() if there is watch]:
            del self._watches[number]
            self.cancel(number)

    def meant(self, reply: wire.Message) -> OneWatch | None:
        """The watch that is told something; None: all of them, or one that is over."""
        number = reply.watch_id
        if reply.created and self._asked:
            # One that is refused has not always its number.
            number = self._asked.popleft()
        if reply.canceled:
            return self._watches.pop(number, None)
        return self._watches.get(number)

    def quiet(self) -> None:
        """Ask a member that nobody in this process has heard, and leave it if it says nothing."""
        now = time.monotonic()
        silent = min(self.silence, self._calls.silence(self._member))
        if self._calls.member != self._member or self._until is not None and now >= self._until:
            # All calls have left it; or a watch is due that was refused.
            self.end()
        elif silent < _ASK_SECONDS:
            self._asked_at = 0.0
        elif not self._asked_at:
            self._asked_at = now
            self.ask()
        elif now - self._asked_at >= _ANSWER_SECONDS:
            self.lose()


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
