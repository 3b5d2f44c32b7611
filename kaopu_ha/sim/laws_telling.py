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

"""The law that nothing waits in silence: what is open is told in time, and again, by its name."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from kaopu_ha import records
from kaopu_ha.core.model import Case, Evacuation, Phase, Recovery, Stage
from kaopu_ha.core.restart import Restart
from kaopu_ha.sim.world import World

Say = Callable[[str, str], None]

# A host, and the name of an instance of it, '' for the host itself.
_Open = tuple[str, str]

_LOOK_SECONDS = 5.0
# A read that gets no answer is done again; a turn may be under way.
_SLACK_SECONDS = 15.0
_OVER = (Phase.DONE, Phase.LEFT)


class OpenIsTold:
    """11. Whatever is open and does not move is told within the configured time.

    From the records, not from the program's own list of what waits.  The time counts while one
    leader keeps its leadership and etcd answers it: a new leader begins to count anew.
    """

    def __init__(self, world: World, say: Say) -> None:
        self._world, self._say = world, say
        self._since: dict[_Open, float] = {}
        self._told: dict[_Open, float] = {}
        self._read = 0
        self._epoch = 0
        self._calm_since = 0.0
        world.kernel.after(_LOOK_SECONDS, self._look)

    def _look(self) -> None:
        now = self._world.kernel.now
        self._notice_leader(now)
        found = set(self._open())
        self._since = {one: self._since.get(one, now) for one in found}
        self._hear(found)
        for one in sorted(found):
            self._judge(one, now)
        self._world.kernel.after(_LOOK_SECONDS, self._look)

    def _notice_leader(self, now: float) -> None:
        etcd = self._world.etcd
        entry = etcd.entries.get(records.LEADER)
        # A controller that leads again counts anew, too.
        epoch = entry.created if entry else 0
        if not epoch or epoch != self._epoch or etcd.away or etcd.lost_answers:
            self._calm_since = now
        self._epoch = epoch

    def _open(self) -> Iterator[_Open]:
        world = self._world
        recoveries = {one.id: one for one in world.every(Recovery, records.RECOVERY)}
        moves = world.every(Evacuation, records.EVACUATION)
        for case in world.every(Case, records.CASE):
            held = world.record(records.HostSetting, records.HOST + case.host)
            if case.stage not in (Stage.CONFIRMED, Stage.ADMITTING):
                # Of a host with nothing on nobody waits for anything.
                if held is None and case.on_at_opening:
                    yield case.host, ''
                continue
            recovery = recoveries.get(case.recovery)
            if case.stage is Stage.ADMITTING or recovery is None:
                yield case.host, ''
            mine = [item for item in moves if item.recovery == case.recovery]
            if not mine and recovery is not None and not recovery.stage.finished:
                yield case.host, ''
            # What a person gave up, a person knows of.
            yield from ((case.host, item.name) for item in mine if item.phase not in _OVER
                        and not item.given_up)
        for record in world.every(Restart, records.RESTART):
            yield from ((record.host, start.name) for start in record.unsettled)

    def _hear(self, found: set[_Open]) -> None:
        """What was told since the last look, of what is open."""
        told, self._read = self._world.told[self._read:], len(self._world.told)
        for at, news in told:
            for host, name in found:
                if news.host == host and (not name or name in news.text):
                    self._told[host, name] = at

    def _judge(self, one: _Open, now: float) -> None:
        rules, since = self._world.setup.times.rules, self._since[one]
        told = self._told.get(one, -1.0)
        limit = rules.remind_again if told >= since else rules.remind_after
        if now - max(since, told, self._calm_since) > limit * 1.1 + _SLACK_SECONDS:
            again = ' again' if told >= since else ''
            self._say('nothing waits in silence', f'{one[1] or one[0]} is open since {since:.0f} '
                                                  f's, and nobody was told{again}')
