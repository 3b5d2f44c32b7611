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

"""Queue driver ``etcd``: the records in the store are the queue itself.

Nothing is carried twice because nothing is carried: a worker reads the evacuations that have not
ended and claims one by a transaction under its own lease.
"""

from __future__ import annotations

from collections.abc import Sequence

from kaopu_ha import ports, records
from kaopu_ha.core.model import Evacuation, Phase

_OPEN = (Phase.QUEUED, Phase.CALLING, Phase.MOVING)


class RecordQueue(ports.Queue):
    """Offers by doing nothing, takes by reading."""

    def __init__(self, store: ports.Store) -> None:
        self._store = store

    def offer(self, tasks: Sequence[str]) -> None:
        """The record is the offer."""

    def take(self, most: int) -> tuple[str, ...]:
        """Evacuations that are open and that nobody has claimed, in the order of their names."""
        snapshot = self._store.read(records.EVACUATION, records.CLAIM)
        claimed = set(snapshot.under(records.CLAIM))
        found = []
        for name, entry in snapshot.under(records.EVACUATION).items():
            try:
                item = records.decode(Evacuation, entry.value, entry.key)
            except records.RecordError:
                continue
            if item.phase in _OPEN and item.instance not in claimed:
                found.append(records.EVACUATION + name)
        return tuple(found[:most])

    def close(self) -> None:
        """Nothing is held."""
