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

"""11, of news: each end of a move, and each verdict, is told at once, of the right instance, and
what is told is so.

From what was committed and what was told.  Who is killed, stopped or hangs between the two tells
nothing; what stays open is told again by others (``laws_telling``).  Who got no answer to its
commit tells it once it reads the store again; and nobody tells an end twice.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from kaopu_ha import ports, records
from kaopu_ha.core.model import Evacuation, Phase, Stage
from kaopu_ha.core.news import Fact, News
from kaopu_ha.sim.daemon import Daemon
from kaopu_ha.sim.network import reaches
from kaopu_ha.sim.world import World, case_of

Say = Callable[[str, str], None]

_TICK_SECONDS = 1.0
_TOLD_SECONDS = 3.0
# Of a commit without an answer: it is looked for again, by who may be waiting for another answer.
_FOUND_SECONDS = 15.0
_ENDS = {Fact.MOVED: (Phase.DONE,), Fact.LEFT: (Phase.LEFT,),
         Fact.NOT_MOVED: (Phase.FAILED, Phase.NOT_RECOVERABLE)}


@dataclass(frozen=True)
class _Due:
    """What somebody has to tell: since when, of which host, by which word in its text."""

    at: float
    who: str
    host: str
    word: str
    facts: tuple[Fact, ...]

    def is_met(self, at: float, news: News) -> bool:
        """True if this news, of this time, tells it."""
        named = not self.word or self.word in news.text.replace(',', ' ').replace(':', ' ').split()
        named = named or any(one.name == self.word for one in news.outcomes)
        return at >= self.at and news.host == self.host and news.fact in self.facts and named


class Tellers:
    """Looks at every end that is committed, and at all that is told."""

    def __init__(self, world: World, say: Say) -> None:
        self._world, self._say = world, say
        self._due: list[_Due] = []
        # What was told of an instance, and when that had ended.
        self._ended: set[tuple[str, str]] = set()
        # When each process was last without the store.
        self._without: dict[str, float] = {}
        self._read = 0
        self._tick()

    def committed(self, who: str, writes: Sequence[ports.Put | ports.Delete],
                  before: Mapping[str, ports.Entry]) -> None:
        """Something was committed: what has to be told of it."""
        now = self._world.kernel.now
        for write in writes:
            entry = before.get(write.key)
            if isinstance(write, ports.Delete):
                continue
            if who.startswith('worker') and write.key.startswith(records.EVACUATION):
                item = records.record(Evacuation, write)
                if item.phase.ended:
                    facts = tuple(fact for fact, phases in _ENDS.items() if item.phase in phases)
                    self._due.append(_Due(now, who, item.source, item.name, facts))
            if who.startswith('controller') and write.key.startswith(records.CASE) and entry:
                was, case = case_of(entry.value), case_of(write.value)
                if case.stage is Stage.CONFIRMED and was.stage is Stage.LAST_LOOK:
                    self._due.append(_Due(now, who, case.host, '', (Fact.CONFIRMED,)))

    # ------------------------------------------------------------ private

    def _tick(self) -> None:
        now = self._world.kernel.now
        told, self._read = self._world.told[self._read:], len(self._world.told)
        for at, news in told:
            self._due = [due for due in self._due if not due.is_met(at, news)]
            self._once(news)
            if news.fact in _ENDS and not self._is_so(news):
                self._say('what is told is so', f'of {news.host}: {news.fact.title}: {news.text}')
        able = {each.name: each for each in self._world.daemons() if each.goes_on
                and each.name not in self._world.hangs.since}
        self._without |= {name: now for name, each in able.items() if not self._answers(each)}
        self._due = [due for due in self._due if due.who in able]
        for due in self._due:
            without = self._without.get(due.who, 0.0)
            calm = without < due.at - _TOLD_SECONDS
            if now - (due.at if calm else without) > (_TOLD_SECONDS if calm else _FOUND_SECONDS):
                self._say('ends are told', f'{due.who} ended {due.word or "the case"} of '
                                           f'{due.host} at {due.at:.1f} s, and does not tell it')
        self._world.kernel.after(_TICK_SECONDS, self._tick)

    def _answers(self, one: Daemon) -> bool:
        """Who got no answer to its commit does not know that it has ended, until it reads again."""
        etcd = self._world.etcd
        return not (etcd.away or etcd.lost_answers) and reaches(one.node, etcd.node, 'management')

    def _once(self, news: News) -> None:
        """Nobody tells the same end of an instance again."""
        for one in news.outcomes if news.fact in _ENDS else ():
            if (one.instance, one.ended_at) in self._ended:
                self._say('an end is told once', f'{one.name} of {news.host} was told again')
            self._ended.add((one.instance, one.ended_at))

    def _is_so(self, news: News) -> bool:
        """True if a record of an instance of this name and host ended in this way."""
        words = news.text.replace(':', ' ').split()
        return any(item.source == news.host and item.phase in _ENDS[news.fact]
                   and item.name == words[0]
                   for item in self._world.every(Evacuation, records.EVACUATION))
