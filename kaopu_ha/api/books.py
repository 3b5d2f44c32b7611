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

"""Reads and transactions on the records: each request is one of them, or none.

What is read is not older than the request, and what is written is compared with it: so whatever
another process did meanwhile, nothing is half done, and no name or number is given twice.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
import logging
import threading
from typing import Any, Generic, TypeVar

from kaopu_ha import ports, records
from kaopu_ha.api.faults import Fault
from kaopu_ha.core.keys import portions
from kaopu_ha.core.segments import Notification, Segment
from kaopu_ha.telling import picture, story
from kaopu_ha.telling.picture import Picture

LOG = logging.getLogger(__name__)

T = TypeVar('T')
N = TypeVar('N', Segment, Notification)

# What every request may look at.  No prefix is under another: they are read from one mirror.
RANGES = (records.SEGMENT, records.SEGMENT_HOST, records.NOTIFICATION, records.NAME,
          records.COUNTER, records.HOST, records.LOCK)
MOVES = (records.RECOVERY, records.EVACUATION)
# Of what our own resources show nothing is followed that hosts' agents may fill.
FOLLOWED = tuple(dict.fromkeys((*RANGES, *MOVES, *picture.RANGES, records.USE, *(
    place for place in story.RANGES if place != records.REQUEST))))

# Others that write at the same time come first a few times, and not for ever.
_TRIES_MAX = 10
# For so long a request waits for those before it, each of which may wait for the store.
_TURN_SECONDS = 10.0


@dataclass(frozen=True)
class Transaction(Generic[T]):
    """What a request wants to be so: the keys that it relies on, the writes, and the answer."""

    looked: Sequence[str]
    writes: Sequence[ports.Put | ports.Delete]
    answer: T


class Books:
    """The records of the API."""

    def __init__(self, store: ports.Store) -> None:
        self._store = store
        # Of this process one writes at a time: the others would be refused, and try again.
        self._writing = threading.Lock()

    def look(self, *more: str) -> records.View:
        """The records as they are now.  Raises Fault 503 if the store does not answer."""
        try:
            return records.View(self._store.read(*RANGES, *more))
        except ports.PortError as failure:
            raise away(failure) from failure

    def view(self, *ranges: str) -> records.View:
        """These records as they are now.  Raises Fault 503 if the store does not answer."""
        try:
            return records.View(self._store.read(*ranges))
        except ports.PortError as failure:
            raise away(failure) from failure

    def picture(self, *more: str, keys: Sequence[str] = ()) -> Picture:
        """What the commands see, and more ranges and keys.  Raises Fault 503."""
        try:
            snapshot = self._store.read(*picture.RANGES, *more)
            return Picture(snapshot.along_with(self._store.read(*keys).entries.values())
                           if keys else snapshot)
        except ports.PortError as failure:
            raise away(failure) from failure

    def write(self, compares: Sequence[ports.Compare],
              write: Callable[[int], ports.Put | ports.Delete], seconds: int = 0) -> bool:
        """Write one thing, under a lease of so many seconds if not 0; False if a compare failed.

        Raises Fault 503 if it was not written, or nobody knows whether it was.
        """
        try:
            lease = self._store.grant(seconds) if seconds else 0
        except ports.PortError as failure:
            raise away(failure) from failure
        done = self._commit(compares, [write(lease)])
        if not done and lease:
            self._revoke(lease)
        return done

    def change(self, decide: Callable[[records.View], Transaction[T]], *more: str) -> T:
        """Write what is decided on the records as they are; once, whatever else is written.

        ``decide`` may be asked several times, and raises Fault if it may not be.  Raises Fault 503
        if nothing was written, or nobody knows whether it was.
        """
        if not self._writing.acquire(timeout=_TURN_SECONDS):
            raise Fault(503, 'Others write, and the store is slow. Nothing was changed. Try again.')
        try:
            for _ in range(_TRIES_MAX):
                view = self.look(*more)
                found = decide(view)
                if self._commit(view.compare(*found.looked), found.writes):
                    return found.answer
        finally:
            self._writing.release()
        raise Fault(503, 'Others wrote at the same time, again and again. Nothing was changed. '
                         'Try again.')

    def tidy(self, left: Callable[[records.View], Sequence[str]]) -> None:
        """Delete keys that nobody sees any more; what fails is left to the next who does so."""
        try:
            view = self.look()
            for some in portions(left(view), ports.OPERATIONS_MAX):
                self._store.commit(view.compare(*some), [ports.Delete(key) for key in some])
        except (Fault, ports.PortError) as failure:
            LOG.info('what is left of hosts of deleted segments stays for now: %s', failure)

    def _revoke(self, lease: int) -> None:
        try:
            self._store.revoke(lease)
        except ports.PortError as failure:
            LOG.info('a lease without a key lapses by itself: %s', failure)

    def _commit(self, compares: Sequence[ports.Compare],
                writes: Sequence[ports.Put | ports.Delete]) -> bool:
        try:
            return not writes or self._store.commit(compares, writes) is not None
        except ports.OutcomeUnknown as failure:
            raise Fault(503, f'It is not known whether it was written ({failure}): look before '
                             f'you ask again.') from failure
        except ports.PortError as failure:
            raise away(failure) from failure


def away(failure: Exception) -> Fault:
    """The store, or whoever else is asked, does not answer; nothing was changed."""
    return Fault(503, f'{failure}. Nothing was changed. Try again.')


def by_ident(rows: Mapping[str, N], ident: str) -> N | None:
    """The row of this uuid, or number; ``rows``: by uuid."""
    return rows.get(ident) or next(
        (each for each in rows.values() if str(each.number) == ident), None)


def put(key: str, record: Any) -> ports.Put:
    """Write a record."""
    return ports.Put(key, records.encode(record))


def next_number(view: records.View, kind: str) -> tuple[int, ports.Put, str]:
    """The next number of a kind, what gives it away, and the key that is compared for that."""
    key = records.COUNTER + kind
    counter = view.one(records.Counter, key)
    if counter is None and view.has(key):
        raise Fault(503, f'{key} can\'t be read: delete it only when you know the highest id that '
                         f'was given, and write that there.')
    number = (counter.last if counter else 0) + 1
    return number, put(key, records.Counter(number)), key
