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

"""The evacuations that a worker leaves alone for a while, because they only waited or failed.

How often one was put aside is in its record; the pause is counted by each worker for itself, from
when it first read that.  So a pause may be long after a restart, and needs no clock in the store.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass

from kaopu_ha import ports, records
from kaopu_ha.core import model
from kaopu_ha.core.model import Evacuation

_LOOK_SECONDS = 5.0


@dataclass(frozen=True)
class _Rest:
    """``number``: how often the record said that it was put aside, when this pause began."""

    number: int
    at: float
    until: float


class Resting:
    """A worker's memory of them."""

    def __init__(self, store: ports.Store, clock: Callable[[], float],
                 rules: model.Rules) -> None:
        self._store, self._clock, self._rules = store, clock, rules
        self._rests: dict[str, _Rest] = {}
        self._spare: tuple[str, ...] = ()
        self._look_at = 0.0

    def __len__(self) -> int:
        return len(self._rests)

    def rest(self, key: str, seconds: float, number: int = 0) -> None:
        """Leave it alone for so long."""
        now = self._clock()
        self._rests[key] = _Rest(number, now, now + seconds)

    def since(self, key: str, item: Evacuation) -> float:
        """Since when it has stood as it stands now: its pause counts, too, if we saw it begin."""
        known = self._rests.get(key)
        if known is not None and item.set_aside and known.number == item.set_aside:
            return known.at
        return self._clock()

    def begins(self, key: str, item: Evacuation) -> bool:
        """True if somebody has put it aside and its pause begins here, as this worker reads it."""
        known = self._rests.get(key)
        if not item.set_aside or (known is not None and known.number == item.set_aside):
            return False
        self.rest(key, self._rules.pause(item.set_aside), item.set_aside)
        return True

    def awake(self, offered: Sequence[str], mine: Collection[str], most: int) -> tuple[str, ...]:
        """Those that may be claimed now; what is beyond ``most`` is kept, for a broker forgets.

        What is offered comes first: its order is that of importance, which what was kept may lack.
        """
        now = self._clock()
        found = [key for key in dict.fromkeys((*offered, *self._spare)) if key not in mine
                 and (key not in self._rests or self._rests[key].until <= now)]
        self._spare = tuple(found[most:])
        return tuple(found[:most])

    def look(self) -> None:
        """Forget the pauses of what has changed since, or is gone.  Raises PortError."""
        if not self._rests or self._clock() < self._look_at:
            return
        self._look_at = self._clock() + _LOOK_SECONDS
        snapshot = self._store.read(*sorted(self._rests))
        for key, rest in list(self._rests.items()):
            entry = snapshot.get(key)
            if entry is None:
                del self._rests[key]
                continue
            item = records.record(Evacuation, entry)
            if item.phase.ended or item.set_aside != rest.number:
                del self._rests[key]
