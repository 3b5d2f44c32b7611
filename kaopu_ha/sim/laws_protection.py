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

"""What is said of protection is of hosts that live: what dies is neither protected nor unprotected.

The list of what could not be judged or fenced rightly is for people who have time.  Of a host that
is being judged its case tells.
"""

from __future__ import annotations

from collections.abc import Callable

from kaopu_ha import records
from kaopu_ha.core.model import Case, Verdict
from kaopu_ha.core.news import Fact
from kaopu_ha.sim.world import World

Say = Callable[[str, str], None]

_TICK_SECONDS = 1.0
# A look of the leader takes time: so long a host has been judged before anybody has to know.
_KNOWN_SECONDS = 4.0
_FACTS = (Fact.UNPROTECTED, Fact.PROTECTED)


class SaidOfTheLiving:
    """Looks at what is told of protection, and at the cases."""

    def __init__(self, world: World, say: Say) -> None:
        self._world, self._say = world, say
        self._since: dict[str, float] = {}
        self._calm_since = 0.0
        self._read = 0
        world.kernel.after(_TICK_SECONDS, self._tick)

    def _tick(self) -> None:
        now, told = self._world.kernel.now, self._world.told
        judged = [case.host for case in self._world.every(Case, records.CASE)
                  if case.verdict is not Verdict.ALIVE]
        # Of who is not judged any more, that was told after it.
        self._since = {host: at for host, at in self._since.items() if host in judged}
        for at, news in told[self._read:]:
            since = self._since.get(news.host)
            if news.fact in _FACTS and since is not None and (
                    at - max(since, self._calm_since) > _KNOWN_SECONDS):
                self._say('what is told is so', f'{news.host} is being judged since {since:.0f} s, '
                                                f'and was told at {at:.0f} s: {news.fact.title}')
        self._read = len(told)
        if not self._calm():
            self._calm_since = now
        self._since = {host: self._since.get(host, now) for host in judged}
        self._world.kernel.after(_TICK_SECONDS, self._tick)

    def _calm(self) -> bool:
        """True if no controller stands still, or got no answer: it may tell what it saw before."""
        world = self._world
        return not (world.etcd.away or world.etcd.lost_answers or world.hangs.since
                    or world.nova.slow_seconds) and all(
            each.goes_on for each in world.daemons() if each.name.startswith('controller'))
