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


"""What a turn of a controller writes as the leader belongs to the term in which that turn began.

It may have read in one term, hung, and gone on in the next one of the same controller: whatever
another leader did in between, it has not seen.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
import contextvars
import dataclasses
from typing import Any, cast

from kaopu_ha import ports, programs, records
from kaopu_ha.sim.store import Etcd

# At which revision the turn of this green thread began (each has a context of its own); None
# outside of all turns.
_BEGAN: contextvars.ContextVar[int | None] = contextvars.ContextVar('began', default=None)


class Terms:
    """Knows for each turn at which revision it began, and looks at each write for a leader."""

    def __init__(self, etcd: Etcd) -> None:
        self._etcd = etcd
        # Told what was written in a term that began later than the turn: who, and the first key.
        self.mixed: Callable[[str, str], None] = lambda who, key: None

    def loops(self, loops: Sequence[programs.Loop]) -> tuple[programs.Loop, ...]:
        """The same loops; it is known when each turn of them began."""
        return tuple(dataclasses.replace(loop, turn=self._turn(loop.turn)) for loop in loops)

    def store(self, who: str, store: ports.Store) -> ports.Store:
        """The same store, at whose commits the process ``who`` is looked at."""
        return cast(ports.Store, _TermStore(store, who, self._look))

    def _turn(self, turn: Callable[[], float]) -> Callable[[], float]:
        def began() -> float:
            _BEGAN.set(self._etcd.revision)
            return turn()
        return began

    def _look(self, who: str, compares: Sequence[ports.Compare],
              writes: Sequence[ports.Put | ports.Delete]) -> None:
        began = _BEGAN.get()
        if began is not None and writes and any(
                compare.key == records.LEADER and (compare.created or 0) > began
                for compare in compares):
            self.mixed(who, writes[0].key)


class _TermStore:
    """A store in front of another one."""

    def __init__(self, store: ports.Store, who: str, look: Callable[..., None]) -> None:
        self._store, self._who, self._look = store, who, look

    def __getattr__(self, name: str) -> Any:
        # Found there from now on: ``__getattr__`` is asked for what is missing only.
        found = self.__dict__[name] = getattr(self._store, name)
        return found

    def commit(self, compares: Sequence[ports.Compare],
               writes: Sequence[ports.Put | ports.Delete]) -> int | None:
        done = self._store.commit(compares, writes)
        if done is not None:
            self._look(self._who, compares, writes)
        return done
