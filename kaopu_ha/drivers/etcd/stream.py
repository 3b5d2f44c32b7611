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

"""A stream of watches to one member of etcd: opened, resumed at a revision, left, ended.

Whoever follows a member by it opens another one, at this member or the next, when it ends: from the
revision behind the last one that was told, or after all was read anew.  etcd tells in the same
stream when that revision is compacted, and when a watch is refused.
"""

from __future__ import annotations

import abc
from collections.abc import Iterator
import queue
import time
from typing import Any

from kaopu_ha.drivers.etcd import calls as etcd_calls
from kaopu_ha.drivers.etcd import wire

_LOG_IN_SECONDS = 1.5


class WatchStream(abc.ABC):
    """Watches on one member, by numbers.  Safe for threads, one of which reads the ``replies``.

    What is to be sent is kept until the stream is opened, which ``replies`` does.
    """

    def __init__(self, calls: etcd_calls.ClusterClient, member: int, tick: float) -> None:
        """``tick``: ``quiet`` is called when nothing was to be sent for so many seconds."""
        self._calls, self._member, self._tick = calls, member, tick
        self._requests: queue.SimpleQueue[wire.Message | None] = queue.SimpleQueue()
        self._call: Any = None
        self._is_lost = self._is_ended = False
        self._heard = time.monotonic()

    @abc.abstractmethod
    def quiet(self) -> None:
        """See to it that a member which hangs is left: it says nothing, and neither do its watches.

        Called in a thread of gRPC's; may ``ask`` the member, ``lose`` it or ``end`` the stream.
        """

    @property
    def is_ended(self) -> bool:
        """Whether it was to end: that it breaks then is no trouble."""
        return self._is_ended

    @property
    def silence(self) -> float:
        """Seconds since the member told anything here, or since that was taken."""
        return time.monotonic() - self._heard

    def create(self, name: bytes, following: int | None, number: int = 0) -> None:
        """Watch a key or prefix from a revision on; None: from now on.

        ``number``: that of the watch, never used before on this stream; 0: etcd gives one.
        """
        self._requests.put(wire.WatchRequest(create_request=wire.WatchCreateRequest(
            key=name, range_end=wire.range_end(name), start_revision=following,
            watch_id=number)))

    def cancel(self, number: int) -> None:
        """Watch it no more."""
        self._requests.put(wire.WatchRequest(cancel_request=wire.WatchCancelRequest(
            watch_id=number)))

    def ask(self) -> None:
        """Ask for a sign of progress."""
        self._requests.put(wire.WatchRequest(progress_request=wire.WatchProgressRequest()))

    def replies(self) -> Iterator[wire.Message]:
        """Open it, and give what the member tells.  Raises Failed when it ends, by ``end`` too."""
        self._call = self._calls.stream(self._member, wire.WATCH, iter(self._sent, None),
                                        _LOG_IN_SECONDS)
        if self._is_lost:
            self._call.cancel()
        for reply in self._calls.replies(self._member, self._call):
            self._heard = time.monotonic()
            yield reply
            # To tell it to a listener may have taken long.
            self._heard = time.monotonic()
        raise etcd_calls.Failed(etcd_calls.After.NOT_DONE, 'the member ended the watches')

    def refused(self, why: str) -> etcd_calls.Failed:
        """What to raise when a watch is refused.  All log in anew: a token that is no longer valid
        looks like this as well.
        """
        self._calls.log_out()
        return etcd_calls.Failed(etcd_calls.After.NOT_DONE, why)

    def end(self) -> None:
        """Let it end.  Waits for nothing."""
        self._is_ended = True
        self.lose()

    def lose(self) -> None:
        """Break it: the member does not answer."""
        self._is_lost = True
        self._requests.put(None)
        if self._call is not None:
            self._call.cancel()

    def _sent(self) -> wire.Message | None:
        """The next that is sent to the member, None at the end.  Called by a thread of gRPC's."""
        while True:
            try:
                return self._requests.get(timeout=self._tick)
            except queue.Empty:
                self.quiet()
