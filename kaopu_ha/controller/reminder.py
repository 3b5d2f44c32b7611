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

"""Tells what is open and does not move, again and again: the leader's reminder."""

from __future__ import annotations

from kaopu_ha import ports, records
from kaopu_ha.controller.leadership import Leadership
from kaopu_ha.controller.world import CloudView
from kaopu_ha.core import model, waiting
from kaopu_ha.core.aftercare import Aftercare
from kaopu_ha.core.news import Fact, News
from kaopu_ha.runtime import Runtime

_RANGES = (records.CASE, records.HOST, records.RECOVERY, records.EVACUATION, records.CLAIM,
           records.RESTART, records.AFTERCARE)
# Of ``remind_after``: between two looks.
_LOOK_SHARE = 0.1
_LOOK_SECONDS_MAX = 60.0
_DOWN = (waiting.Kind.LOST, waiting.Kind.OFF)


class Reminder:
    """Looks at everything that is open; ``core.waiting`` says what is told.

    A new leader counts the time anew: what waits is told late after a change of it, never not at
    all.
    """

    def __init__(self, store: ports.Store, leadership: Leadership, env: Runtime) -> None:
        self._store, self._leadership, self._rules = store, leadership, env.rules
        self._clock, self._tell = env.clock, env.tell
        self._memory: waiting.Memory = {}

    def turn(self) -> float:
        """Tell what is due; seconds until the next turn."""
        if not self._leadership.leads():
            self._memory = {}
            return 1.0
        try:
            world = CloudView(self._store.read(*_RANGES), self._tell)
        except ports.PortError:
            # The detector tells that the store is away.
            return 1.0
        now = self._clock()
        told = waiting.remind(self._memory, _found(world), now, self._rules)
        self._memory = told.memory
        for group in told.due:
            seconds = now - min(told.memory[item.key].since for item in group)
            fact = Fact.STILL_DOWN if group[0].kind in _DOWN else Fact.STILL_WAITS
            self._tell(News(fact, group[0].host, waiting.sentence(group, seconds)))
        return min(self._rules.remind_after * _LOOK_SHARE, _LOOK_SECONDS_MAX)


def _found(world: CloudView) -> tuple[waiting.Waiting, ...]:
    return waiting.waiting(
        world.cases.values(), world.every(model.Recovery, records.RECOVERY),
        world.every(model.Evacuation, records.EVACUATION).values(), held=world.held,
        claimed=world.snapshot.under(records.CLAIM).keys(), restarts=world.restarts.values(),
        cared=world.every(Aftercare, records.AFTERCARE).values())
