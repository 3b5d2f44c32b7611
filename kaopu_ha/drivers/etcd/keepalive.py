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

"""Leases kept alive over one stream.

A renewal on an open stream is one small message each way and never goes through raft, which is
what makes a beat every few seconds of 10,000 hosts cheap.  A stream that breaks or does not answer
is thrown away whole, so no late reply can be taken for one to a later request.
"""

from __future__ import annotations

import collections
import queue
import threading
import time
from typing import Any

from kaopu_ha import ports
from kaopu_ha.drivers.etcd import calls as etcd_calls
from kaopu_ha.drivers.etcd import wire

# Within one renewal a member that hangs leaves time for another.
_TRIES = 2

_PAUSE_SECONDS = 0.05


class _Stream:
    """A LeaseKeepAlive stream to one member, with a thread that listens to it."""

    def __init__(self, calls: etcd_calls.ClusterClient, member: int, limit: float) -> None:
        self.member = member
        self._calls = calls
        self._floor = calls.position
        self._requests: queue.SimpleQueue[wire.Message | None] = queue.SimpleQueue()
        self._changed = threading.Condition()
        self._replies: dict[int, collections.deque[wire.Message]] = collections.defaultdict(
            collections.deque)
        self._broken = ''
        self._call: Any = calls.stream(member, wire.KEEP_ALIVE, iter(self._requests.get, None),
                                       limit)
        self._thread = threading.Thread(target=self._listen, name='lease keep-alive', daemon=True)
        self._thread.start()

    @property
    def is_broken(self) -> bool:
        """Whether it must not be used any more."""
        return bool(self._broken)

    def ask(self, lease: int, limit: float) -> wire.Message:
        """Renew once; the reply.  Raises Failed if it does not come in time."""
        self._requests.put(wire.LeaseKeepAliveRequest(ID=lease))
        with self._changed:
            self._changed.wait_for(lambda: self._replies[lease] or self._broken, limit)
            if self._replies[lease]:
                return self._replies[lease].popleft()
            why = self._broken or f'no answer in {limit:.1f} s'
        raise etcd_calls.Failed(etcd_calls.After.NOT_DONE, why)

    def close(self) -> None:
        """End the stream and its thread."""
        self._end('the stream is closed')
        self._requests.put(None)
        self._call.cancel()

    def join(self, limit: float) -> None:
        """Wait for the thread's end."""
        self._thread.join(limit)

    def _listen(self) -> None:
        try:
            for reply in self._calls.replies(self.member, self._call):
                with self._changed:
                    self._replies[reply.ID].append(reply)
                    self._changed.notify_all()
            self._end('the member ended the stream')
        except etcd_calls.Failed as failed:
            self._end(str(failed))
        finally:
            self._requests.put(None)

    def _end(self, why: str) -> None:
        with self._changed:
            self._broken = self._broken or why
            self._changed.notify_all()


class KeepAlive:
    """Renews leases.  Safe for threads."""

    def __init__(self, calls: etcd_calls.ClusterClient) -> None:
        self._calls = calls
        self._mutex = threading.Lock()
        self._stream: _Stream | None = None
        self._closed = threading.Event()

    def renew(self, lease: int, limit: float) -> int:
        """Renew a lease within ``limit`` seconds; its TTL now, 0 if it is gone.

        Raises StoreError if no member answered.
        """
        end = time.monotonic() + limit
        why = 'no time left'
        while (left := end - time.monotonic()) > 0 and not self._closed.is_set():
            member = self._calls.member
            stream: _Stream | None = None
            floor = self._calls.position
            share = min(left, limit / _TRIES)
            try:
                stream = self._open(member, share)
                reply = stream.ask(lease, min(share, end - time.monotonic()))
                # A leader that was cut off and does not know it would renew what has lapsed.
                self._calls.believe(reply.header, floor, lag=True)
                return max(0, int(reply.TTL))
            except etcd_calls.Failed as failed:
                why = f'{self._calls.name(member)}: {failed}'
                self._drop(stream)
                self._calls.leave(member)
                self._closed.wait(min(_PAUSE_SECONDS, max(0.0, end - time.monotonic())))
        raise ports.StoreError(f'lease {lease:x} was not renewed in {limit:g} s: '
                               f'{self._calls.explained(why)}')

    def close(self) -> None:
        """End the stream."""
        self._closed.set()
        with self._mutex:
            stream, self._stream = self._stream, None
        if stream is not None:
            stream.close()
            stream.join(1.0)

    def _open(self, member: int, limit: float) -> _Stream:
        """The stream in use; a new one if it broke or goes to a member that was left."""
        # To open a stream may take a log-in, so whoever waits for the mutex needs a limit, too.
        if not self._mutex.acquire(timeout=limit):
            raise etcd_calls.Failed(etcd_calls.After.NOT_DONE, 'the stream could not be opened')
        try:
            stream = self._stream
            if stream is not None and stream.member == member and not stream.is_broken:
                return stream
            if stream is not None:
                stream.close()
            self._stream = _Stream(self._calls, member, limit)
            return self._stream
        finally:
            self._mutex.release()

    def _drop(self, stream: _Stream | None) -> None:
        with self._mutex:
            if stream is not None and self._stream is stream:
                self._stream = None
        if stream is not None:
            stream.close()
