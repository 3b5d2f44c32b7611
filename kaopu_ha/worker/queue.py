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

"""What brings evacuations to a worker: the records alone, or a broker and the records behind it.

The record is the truth, whoever carries the task.  ``RecordQueue`` (queue driver ``etcd``) carries
nothing: a worker reads the evacuations that have not ended and claims one by a transaction under
its own lease.  With a broker a task is a message, and messages are lost: with the broker, with a
worker that took one and died, by a claim that failed.  ``CarriedQueue`` makes up for all of it::

    open and free in the store      how it comes to a worker
    QUEUED                          by its message, or once it has been free for ``lost_after``
    CALLING, MOVING                 at once: its message was used up by a worker that is gone
    not open, or claimed            not at all, whatever a message says
"""

from __future__ import annotations

import collections
from collections.abc import Callable, Sequence
from dataclasses import dataclass
import logging
from typing import Self

from kaopu_ha import ports, records
from kaopu_ha.core import policy
from kaopu_ha.core.model import Evacuation, Phase, Priority

LOG = logging.getLogger(__name__)

_OPEN = (Phase.QUEUED, Phase.CALLING, Phase.MOVING)


@dataclass(frozen=True)
class Free:
    """An open evacuation that nobody has claimed, as it was read at its newest revision."""

    key: str
    revision: int
    begun: bool
    priority: Priority = Priority.NORMAL


class RecordQueue(ports.Queue):
    """Offers by doing nothing, takes by reading."""

    @classmethod
    def from_conf(cls, conf: object, store: ports.Store) -> Self:
        """As every driver is made; nothing of it is configured."""
        return cls(store)

    def __init__(self, store: ports.Store) -> None:
        self._store = store

    def offer(self, tasks: Sequence[str]) -> None:
        """The record is the offer."""

    def take(self, most: int) -> tuple[str, ...]:
        """Evacuations that are open and that nobody has claimed, the most important ones first."""
        return tuple(each.key for each in self.free()[:most])

    def free(self) -> list[Free]:
        """All evacuations that are open and that nobody has claimed.

        The most important ones first; then those of the recovery of which least is claimed, or
        the whole batch of one dead host would go before that of another.  Raises StoreError.
        """
        snapshot = self._store.read(records.EVACUATION, records.CLAIM)
        claimed = set(snapshot.under(records.CLAIM))
        entries = snapshot.under(records.EVACUATION)
        found, has = [], collections.Counter[str]()
        # Those that can't be read are left out: the leader tells of them.
        for name, item in records.View(snapshot).every(Evacuation, records.EVACUATION).items():
            if item.phase not in _OPEN:
                continue
            if item.instance in claimed:
                has[item.recovery] += 1
            else:
                found.append(Free(entries[name].key, entries[name].modified,
                                  item.phase is not Phase.QUEUED, item.priority))
        turns = policy.in_turns(found, lambda each: each.key.rsplit('/', 2)[1], has)
        return [found[place] for place in turns]

    def close(self) -> None:
        """Nothing is held."""


class CarriedQueue(ports.Queue):
    """Tasks that another queue carries, and those that it lost or cannot bring.

    ``lost_after``: seconds for which a task must have been free, unchanged, to count as lost.
    """

    def __init__(self, carrier: ports.Queue, recorded: RecordQueue, lost_after: float,
                 clock: Callable[[], float]) -> None:
        self._carrier, self._recorded = carrier, recorded
        self._lost_after, self._clock = lost_after, clock
        self._since: dict[Free, float] = {}
        self._away = ''

    def offer(self, tasks: Sequence[str]) -> None:
        """Have tasks carried; one that can't be is found in the records.  Raises nothing."""
        try:
            self._carrier.offer(tasks)
        except ports.PortError as failure:
            LOG.warning('%d tasks are left to be found in the store: %s', len(tasks), failure)

    def take(self, most: int) -> tuple[str, ...]:
        """Free evacuations of which a message came, or never will; important ones first.

        Raises StoreError.
        """
        came = self._carried(most)
        free = self._recorded.free()
        now = self._clock()
        self._since = {each: self._since.get(each, now) for each in free}
        known = {each.key: each for each in free}
        found = [known[key] for key in came if key in known]
        found += [each for each in free if self._away or self._is_lost(each, now)]
        return tuple(dict.fromkeys(each.key for each in policy.in_order(found)))[:most]

    def listen(self, tell: Callable[[], None]) -> None:
        """As promised; what is lost is not told."""
        self._carrier.listen(tell)

    def close(self) -> None:
        """Close the carrier."""
        self._carrier.close()

    def _carried(self, most: int) -> tuple[str, ...]:
        try:
            came = self._carrier.take(most)
        except ports.PortError as failure:
            if not self._away:
                LOG.warning('tasks are read from the store alone: %s', failure)
            self._away = str(failure) or 'no reason given'
            return ()
        if self._away:
            LOG.info('tasks are carried again')
        self._away = ''
        return came

    def _is_lost(self, each: Free, now: float) -> bool:
        return each.begun or now - self._since[each] >= self._lost_after
