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

"""What a leader remembers of its plans: how things stood, and what it has written in this look.

A look takes all recoveries, one after the other.  What one of them was given is no more there for
the next one, though what was read in the beginning does not show it yet.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
import dataclasses

from kaopu_ha.controller.rests import Rests
from kaopu_ha.core import evacuation, fencing
from kaopu_ha.core import recovery as road
from kaopu_ha.core.model import Evacuation, Recovery
from kaopu_ha.core.recovering import MovesSeen, Plan, Seen
from kaopu_ha.core.rules import Rules


class Plans:
    """Of one leader; another one begins anew."""

    def __init__(self, rules: Rules, clock: Callable[[], float]) -> None:
        self._rules, self._clock = rules, clock
        # How things stood at the last plan of each recovery, and when its last whole one was made.
        self._planned: dict[str, tuple[road.Standing, float]] = {}
        self._proven: dict[str, float] = {}
        self._rests = Rests(clock)
        self._kept: Sequence[Recovery] = ()
        self._made: tuple[Plan, float] | None = None
        # Who was given what that plan has for it.
        self._given: dict[str, Seen] = {}
        self.moves = MovesSeen()
        self.safe: Mapping[str, frozenset[str]] = {}
        # For how long each rested when the look began: see ``evacuation.Seen``.
        self.rested: Mapping[tuple[str, str, int], float] = {}

    def forget(self) -> None:
        """Begin anew: another one may have led meanwhile."""
        self._planned, self._proven, self._given = {}, {}, {}

    def begin(self, kept: Sequence[Recovery], moves: Sequence[Evacuation]) -> None:
        """A look begins, at these recoveries and moves."""
        self._settle()
        self._kept, self._made, self._given = kept, None, {}
        self.moves = MovesSeen(moves).after(self.moves)
        self.rested = self._rests.seconds(self.moves)
        self.safe = {item.id: fencing.safe_clusters(item) for item in kept}
        self._planned = {name: at for name, at in self._planned.items() if name in self.safe}
        now = self._clock()
        self._proven = {item.id: self._proven.get(item.id, now) for item in kept
                        if item.stage.proven}

    def wrote(self, moves: Sequence[Evacuation]) -> None:
        """These are written."""
        if not moves:
            return
        now = {(item.recovery, item.instance): item for item in (*self.moves, *moves)}
        self.moves = MovesSeen(now[name] for name in sorted(now))

    def soon(self, item: Recovery) -> tuple[Evacuation, ...]:
        """What others wait to have planned: they were proven just now.

        Who was not planned for longer than that has a trouble of its own: no place is kept free.
        """
        now, most = self._clock(), self._rules.plan_seconds
        return tuple(move for other in self._kept if other.stage.proven and other.id != item.id
                     and not self.moves.of(other.id)
                     and now - self._proven.get(other.id, -most) < most
                     for move in evacuation.unplanned(other, '', ''))

    def of(self, item: Recovery) -> tuple[road.Standing, float] | None:
        """How things stood at its last plan, and for how many seconds the last whole one stood."""
        found = self._planned.get(item.id)
        return (found[0], self._clock() - found[1]) if found is not None else None

    def made(self, fresh_seconds: float) -> Plan | None:
        """The plan of this look, if it was made just now: it is one for all recoveries."""
        if self._made is None or self._clock() - self._made[1] >= fresh_seconds:
            return None
        return self._made[0]

    def listed(self, item: Recovery, seen: Seen) -> None:
        """Its servers are listed: it is planned next, for the first time, or for what came late."""
        self._planned[item.id] = road.standing(seen), self._clock()
        # What the others were given was planned without these.
        self._made, self._given = None, {}

    def replanned(self, item: Recovery, seen: Seen, plan: Plan) -> None:
        """It was given what the plan has for it, as things stood then."""
        now = self._clock()
        _, whole_at = self._planned.get(item.id, (None, now))
        self._planned[item.id] = road.standing(seen), now if plan.whole else whole_at
        if plan is not seen.plan:
            self._made, self._given = (plan, now), {}
        self._given[item.id] = seen

    def _settle(self) -> None:
        """What a plan itself has changed is no reason for another one."""
        stands: dict[tuple[object, ...], road.Standing] = {}
        for name, seen in self._given.items():
            key = seen.dead, seen.told
            if key not in stands:
                stands[key] = road.standing(dataclasses.replace(seen, evacuations=self.moves))
            self._planned[name] = stands[key], self._planned[name][1]
