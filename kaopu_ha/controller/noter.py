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

"""Writes into the metadata of servers that they were moved: noting's turn.

``core.noting`` decides.  A record is begun while its recovery is open, so that another leader knows
which recoveries are to be noted: not those of before this was wanted.  A call is counted in it
before it is made, and made by a child that dies rather than act late.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
import dataclasses

from kaopu_ha import ports, records
from kaopu_ha.controller.alone import Alone
from kaopu_ha.controller.lasting import Lasting
from kaopu_ha.controller.leadership import Leadership
from kaopu_ha.controller.term import Term
from kaopu_ha.controller.world import CloudView
from kaopu_ha.core import evacuation, model, noting
from kaopu_ha.core.noting import Act, Decision, Notes
from kaopu_ha.runtime import Runtime

_ACT_SECONDS = 4.0
_INTERVAL_SECONDS = 5.0
_RANGES = (records.RECOVERY, records.EVACUATION, records.NOTES, records.CASE)
# Of one host in one turn: one after the other, since moves need Nova more than notes do.
_TOGETHER_MAX = 10


class Noter:
    """Advances the notes of every recovery that is to be noted, some in each turn."""

    def __init__(self, store: ports.Store, leadership: Leadership, cloud: ports.Cloud,
                 env: Runtime) -> None:
        self._store, self._cloud = store, cloud
        # Of each note how many calls this leader has seen, and since when.
        self._since: Lasting[tuple[str, str]] = Lasting(env.clock)
        self._term = Term(leadership, self._since.clear)
        self._rules, self._tell = env.rules, env.tell
        self.alone = Alone(store, env.clock, env.tell)

    def turn(self) -> float:
        """Write what is due; seconds until the next turn."""
        if not self._term.begins():
            return 0.5
        try:
            world = CloudView(self._store.read(*_RANGES), self._tell)
            due = self._due(world)
            self.alone.each(due, 'to note what was moved',
                            lambda host: self._of_host(world, due[host]))
        except ports.PortError:
            # The detector tells that the store is away; the next turn looks what was written.
            return 1.0
        self._since.keep(lambda key: records.NOTES + key[0] in world.snapshot.entries)
        return _INTERVAL_SECONDS

    def _due(self, world: CloudView) -> dict[str, list[model.Recovery]]:
        """The recoveries that are to be noted, by host: open ones, what ended in this term, and
        what was begun.
        """
        found: dict[str, list[model.Recovery]] = {}
        begun, entries = world.snapshot.under(records.NOTES), world.snapshot.under(records.RECOVERY)
        for name, one in world.every(model.Recovery, records.RECOVERY).items():
            if name in begun or not one.stage.finished or (
                    entries[name].modified > self._term.epoch):
                found.setdefault(one.host, []).append(one)
        return found

    def _of_host(self, world: CloudView, recoveries: Sequence[model.Recovery]) -> None:
        for each in recoveries:
            self._one(world, each)

    def _one(self, world: CloudView, item: model.Recovery) -> None:
        entry = world.snapshot.get(records.NOTES + item.id)
        if entry is None:
            self._commit(world, Notes(item.id, item.host), 0)
            return
        notes, revision = records.record(Notes, entry), entry.modified
        moves = tuple(world.every(model.Evacuation, f'{records.EVACUATION}{item.id}/').values())
        seen = noting.Seen(moves, (), self._seconds(notes))
        if noting.advance(notes, seen, self._rules).act is Act.REST:
            return
        seen = dataclasses.replace(seen, overtaken=_overtaken(world, item))
        for _ in range(_TOGETHER_MAX):
            decision = noting.advance(notes, seen, self._rules)
            written = self._written(world, decision, revision)
            if written is None:
                return
            notes, revision = written
            seen = dataclasses.replace(seen, since_call=self._seconds(notes))

    def _written(self, world: CloudView, decision: Decision,
                 revision: int) -> tuple[Notes, int] | None:
        """Write it, act, and tell: the record after that; None if there is nothing more to do."""
        if decision.act is Act.REST:
            return None
        now = self._commit(world, decision.notes, revision)
        if now is None:
            return None
        for news in decision.news:
            self._tell(news)
        if decision.move is None:
            return decision.notes, now
        after = self._call(world, decision.notes, decision.move, now)
        if after == decision.notes:
            return after, now
        then = self._commit(world, after, now)
        return None if then is None else (after, then)

    def _call(self, world: CloudView, notes: Notes, move: model.Evacuation,
              revision: int) -> Notes:
        """Have Nova write it; the record as it is then."""
        instance, case = move.instance, world.cases.get(move.source)
        outcome = evacuation.outcome(
            move, case if case is not None and case.recovery == notes.recovery else None)
        text = noting.text(outcome, records.seconds_between(outcome.silent_since,
                                                            outcome.ended_at))
        permit = self._term.permit(
            [ports.Compare(records.NOTES + notes.recovery, modified=revision)], _ACT_SECONDS)
        try:
            self._cloud.note(instance, noting.KEY, text, permit)
        except ports.OutcomeUnknown:
            # It is written again: twice is harmless.
            return notes
        except ports.Refused as failure:
            gone = self._cloud.server(instance) is None
            return noting.written(notes, instance) if gone else noting.refused(
                notes, instance, str(failure))
        except ports.PortError as failure:
            return noting.refused(notes, instance, str(failure))
        return noting.written(notes, instance)

    def _seconds(self, notes: Notes) -> Mapping[str, float]:
        """For how long this leader has seen that there was no further call, by instance."""
        return {one.instance: self._since.seconds((notes.recovery, one.instance), one.calls)
                for one in notes.notes if not one.over}

    def _commit(self, world: CloudView, notes: Notes, revision: int) -> int | None:
        """Write it if it is as it was and its recovery is there; None if it was refused."""
        recovery, key = records.RECOVERY + notes.recovery, records.NOTES + notes.recovery
        return self._store.commit(
            [*self._term.compares(), ports.Compare(key, modified=revision),
             ports.Compare(recovery, created=world.snapshot.entries[recovery].created)],
            [ports.Put(key, records.encode(notes))])


def _overtaken(world: CloudView, item: model.Recovery) -> Sequence[str]:
    """The instances that a later recovery moves, or has moved."""
    born = {name: entry.created
            for name, entry in world.snapshot.under(records.RECOVERY).items()}
    return [move.instance for move in world.evacuations
            if born.get(move.recovery, 0) > born[item.id]]
