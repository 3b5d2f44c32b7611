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

"""Keep what Nova told over its bus for whoever decides: the ``event/...`` keys.

The bus hands each event to one of the controllers, so each of them writes what it hears, leader or
not.  A key stands under a lease and so is bounded in number (one for each known instance and host)
and in time; it is written only where it says more than the inventory that was just read, and only
while neither has changed since.  A refused write is no loss: something newer stands there.
"""

from __future__ import annotations

from collections.abc import Callable
import logging
import math
import threading

from kaopu_ha import ports, records
from kaopu_ha.controller.world import CloudView
from kaopu_ha.core import events

LOG = logging.getLogger(__name__)

# What is not yet written, and what one turn writes at most: more is a storm, and is lost.
_PENDING_MAX = 1000
_WRITES_MAX = 50
# Between two turns that read the store: what comes meanwhile is taken together, the last word of
# each instance.
_PAUSE_SECONDS = 0.5
_IDLE_SECONDS = 60.0
# A hint has to outlive the case on a host that died: with the patent's waits some 6 minutes.
_LEASE_SECONDS = 900
# For so long new keys go under the same lease: there are few leases however many events come.
_LEASE_USED_SECONDS = 120.0


class EventListener:
    """Takes events from the bus in its thread, and writes hints in turns."""

    def __init__(self, store: ports.Store, source: ports.Events,
                 clock: Callable[[], float]) -> None:
        self._store, self._source, self._clock = store, source, clock
        self._lock = threading.Lock()
        self._pending: dict[str, events.NovaEvent] = {}
        self._wake: Callable[[], None] = lambda: None
        self._last = -math.inf
        self._lease, self._lease_until = 0, -math.inf

    def listen(self, wake: Callable[[], None]) -> None:
        """Begin to hear; ``wake`` is called when a turn is wanted."""
        self._wake = wake
        self._source.listen(self._heard)

    def turn(self) -> float:
        """Write what was heard; seconds until the next turn is wanted."""
        rest = self._last + _PAUSE_SECONDS - self._clock()
        if rest > 0:
            return rest
        heard = self._taken()
        if not heard:
            return _IDLE_SECONDS
        self._last = self._clock()
        try:
            self._write(heard)
        except ports.PortError as failure:
            self._lease_until = -math.inf
            LOG.debug('%d events are lost: %s', len(heard), failure)
        return _PAUSE_SECONDS

    # ------------------------------------------------------------ private

    def _heard(self, event: events.NovaEvent) -> None:
        """In the driver's thread: remember the last word on each instance, and on each host."""
        with self._lock:
            self._pending.pop(_key(event), None)
            if len(self._pending) >= _PENDING_MAX:
                return
            self._pending[_key(event)] = event
        self._wake()

    def _taken(self) -> dict[str, events.NovaEvent]:
        with self._lock:
            keys = list(self._pending)[:_WRITES_MAX]
            return {key: self._pending.pop(key) for key in keys}

    def _write(self, heard: dict[str, events.NovaEvent]) -> None:
        world = CloudView(self._store.read(records.INVENTORY, *heard), lambda news: None)
        writes: list[tuple[list[ports.Compare], ports.Put | ports.Delete]] = []
        for key, event in heard.items():
            hint = events.hint(event, world.inventories)
            # As it was compared: with the inventory of its host, and after the former event.
            compares = world.compare(key, records.INVENTORY + event.host)
            if hint is not None and not _stands(world, key, hint):
                writes.append((compares, ports.Put(key, records.encode(hint), self._leased())))
            if hint is None and world.has(key):
                writes.append((compares, ports.Delete(key)))
        # All in one, for each commit wakes the leader; the one that is refused spoils it for all.
        together = [each for compares, _ in writes for each in compares]
        if writes and self._store.commit(together, [write for _, write in writes]) is None:
            for compares, write in writes:
                self._store.commit(compares, [write])

    def _leased(self) -> int:
        now = self._clock()
        if now >= self._lease_until:
            self._lease = self._store.grant(_LEASE_SECONDS)
            self._lease_until = now + _LEASE_USED_SECONDS
        return self._lease


def _stands(world: CloudView, key: str, hint: events.Hint) -> bool:
    """True if the hint is written already, and counts still."""
    entry, told = world.snapshot.get(key), world.snapshot.get(records.INVENTORY + hint.host)
    return entry is not None and entry.value == records.encode(hint) and (
        told is None or entry.modified > told.modified)


def _key(event: events.NovaEvent) -> str:
    if event.instance:
        return f'{records.EVENT}instance/{event.instance}'
    return f'{records.EVENT}host/{event.host}'
