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

"""The laws of what people ask: what is given up is left alone, and every answer is true."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from kaopu_ha import ports, records
from kaopu_ha.core.model import Evacuation, Recovery
from kaopu_ha.core.restart import Restart
from kaopu_ha.core.wishes import Wish, WishState, WishVerb
from kaopu_ha.sim.laws_late import came_too_late, was_called_too_late
from kaopu_ha.sim.nova import SimServer
from kaopu_ha.sim.world import World

Say = Callable[[str, str], None]

_LOOK_SECONDS = 5.0
# From the question to the answer, while one leader leads and etcd answers it.
_ANSWER_SECONDS_MAX = 20.0


class Wished:
    """Nothing that was given up is called for, nor may it still begin; people are told the truth.

    By what was committed and by what Nova has, not by what the program says.
    """

    def __init__(self, world: World, say: Say, fenced: Callable[[str, str], bool]) -> None:
        self._world, self._say, self._fenced = world, say, fenced
        # Instances that were given up and not asked for again, with the recovery that it was of.
        self._given_up: dict[str, str] = {}
        self._since: dict[str, float] = {}
        self._leader, self._calm_since = '', 0.0
        world.kernel.after(_LOOK_SECONDS, self._look)

    def called(self, row: SimServer, target: str) -> None:
        """The API was asked to evacuate a server."""
        if came_too_late(self._world, f'evacuate {row.uuid}'):
            return
        case = self._world.case(row.host)
        if case is not None and self._given_up.get(row.uuid) == case.recovery:
            self._say('given up is left alone', f'{row.name} was given up, and Nova is called for '
                                                f'it, to {target}')

    def committed(self, who: str, writes: Sequence[ports.Put | ports.Delete],
                  before: Mapping[str, ports.Entry]) -> None:
        """Something was committed: hold each answer against the truth."""
        for write in writes:
            if write.key.startswith(records.WISH):
                self._since.pop(write.key, None)
                if isinstance(write, ports.Put) and who.startswith('controller'):
                    self._answered(records.record(Wish, write))

    # ------------------------------------------------------------ the answers

    def _answered(self, wish: Wish) -> None:
        if wish.state is WishState.ASKED:
            return
        if not wish.answer:
            self._lie(wish, 'it says nothing')
        if wish.state is WishState.REFUSED:
            return
        item = self._world.record(Evacuation, f'{records.EVACUATION}{wish.recovery}/'
                                              f'{wish.instance}')
        if wish.verb is WishVerb.END:
            self._ended(wish)
        elif wish.verb is WishVerb.GO_ON:
            self._vouched(wish)
        elif wish.verb is WishVerb.GIVE_UP:
            if item is None or not item.phase.ended:
                self._lie(wish, f'it is {item.phase.value if item else "in no record"}')
            self._leave_alone(wish, wish.instance)
        elif wish.recovery:
            self._tried_again(wish, item)
        else:
            self._started_again(wish)

    def _ended(self, wish: Wish) -> None:
        recovery = self._world.record(Recovery, records.RECOVERY + wish.recovery)
        if recovery is not None and recovery.stage.early:
            self._lie(wish, f'its recovery is {recovery.stage.value}')
        for item in self._world.every(Evacuation, f'{records.EVACUATION}{wish.recovery}/'):
            if not item.phase.ended:
                self._lie(wish, f'{item.name} is {item.phase.value}')
            if item.given_up:
                self._leave_alone(wish, item.instance)

    def _vouched(self, wish: Wish) -> None:
        case = self._world.case(wish.host)
        if wish.opened and (case is None or case.word is None):
            self._lie(wish, 'no word stands in its case')
        recovery = self._world.record(Recovery, records.RECOVERY + wish.recovery)
        if not wish.opened and (recovery is None or recovery.word is None):
            self._lie(wish, 'no word stands for its fence')

    def _tried_again(self, wish: Wish, item: Evacuation | None) -> None:
        self._given_up.pop(wish.instance, None)
        if item is None or item.phase.ended or item.given_up:
            self._lie(wish, f'it is {item.phase.value if item else "in no record"}')
        recovery = self._world.record(Recovery, records.RECOVERY + wish.recovery)
        case = self._world.case(wish.host)
        if recovery is None or case is None or case.recovery != wish.recovery:
            self._lie(wish, 'its recovery is over')

    def _started_again(self, wish: Wish) -> None:
        record = self._world.record(Restart, records.RESTART + wish.host)
        if record is None or not any(start.instance == wish.instance for start in record.unsettled):
            self._lie(wish, 'nobody starts it')

    def _leave_alone(self, wish: Wish, uuid: str) -> None:
        """It was given up: no call for it may be on its way."""
        self._given_up[uuid] = wish.recovery
        row = self._world.nova.rows.get(uuid)
        for record in self._world.nova.records:
            if row is not None and (record.instance, record.kind, record.source) == (
                    uuid, 'evacuation', wish.host) and record.lies_at and not all(
                        self._fenced(record.lies_at, image.cluster) for image in row.images):
                self._say('given up is left alone', f'{row.name} was given up while it may still '
                                                    f'come up on {record.lies_at}')

    def _stays_off(self) -> None:
        """While its host is confirmed dead, it comes up nowhere else."""
        for uuid, recovery in self._given_up.items():
            row = self._world.nova.rows.get(uuid)
            case = self._world.case(row.host) if row is not None else None
            if row is None or case is None or case.recovery != recovery or (
                    was_called_too_late(self._world, uuid)):
                continue
            for place in sorted(set(self._world.writing_on(row)) - {row.host}):
                if not self._migrated(uuid, place):
                    self._say('given up is left alone', f'{row.name} was given up, and came up on '
                                                        f'{place}')

    def _migrated(self, uuid: str, place: str) -> bool:
        """True if its user had it migrated there: it goes on where a host was never fenced."""
        return any((record.instance, record.kind, record.target) == (uuid, 'live-migration', place)
                   for record in self._world.nova.records)

    def _lie(self, wish: Wish, truth: str) -> None:
        self._say('people are told the truth', f'{wish.verb.value} {wish.name or wish.host}: '
                                               f'{wish.state.value}: "{wish.answer}", but {truth}')

    # ------------------------------------------------------------ in time

    def _look(self) -> None:
        """Every wish is answered, or says what it waits for."""
        world, now = self._world, self._world.kernel.now
        leader = world.record(records.Leader, records.LEADER)
        name = leader.name if leader else ''
        if not name or name != self._leader or world.etcd.away or world.etcd.lost_answers:
            self._calm_since = now
        self._leader = name
        self._stays_off()
        waiting = {records.wish(wish): wish for wish in world.every(Wish, records.WISH)
                   if wish.state is WishState.ASKED and not wish.answer}
        self._since = {key: self._since.get(key, now) for key in waiting}
        for key, since in self._since.items():
            if now - max(since, self._calm_since) > _ANSWER_SECONDS_MAX:
                self._say('every wish is answered', f'{key} waits since {since:.0f} s')
        world.kernel.after(_LOOK_SECONDS, self._look)
