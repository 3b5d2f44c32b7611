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

"""Where instances may be, asked when a plan is made, and remembered for a while."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
import dataclasses

from kaopu_ha import ports
from kaopu_ha.controller.world import CloudView
from kaopu_ha.core import demands, texts
from kaopu_ha.core.demands import Demand, Offer, Places
from kaopu_ha.core.news import Fact, News
from kaopu_ha.core.rules import Rules

# One that is older serves nobody: there may be hosts by now, or none.
_KEPT_SECONDS = 60.0
# What is not learnt is told again so often.
_TOLD_SECONDS = 600.0


class PlacesAsked:
    """Asks the cloud for the kinds that a plan is about; one that it has no time for comes next.

    What is not learnt is told, and is no leave: the plan then goes by room, and by refusals.
    """

    def __init__(self, cloud: ports.Cloud, rules: Rules, clock: Callable[[], float],
                 tell: Callable[[News], None], needed_for: str) -> None:
        self._cloud, self._rules, self._clock, self._tell = cloud, rules, clock, tell
        self._needed_for = needed_for
        self._offers: dict[Demand, tuple[float, Offer]] = {}
        self._asked: dict[Demand, float] = {}
        self._told: dict[str, float] = {}

    def outdated(self) -> None:
        """Ask again before the next plan: something has changed."""
        self._offers, self._asked = {}, {}

    def of(self, world: CloudView, kinds: Sequence[Demand]) -> Places:
        """What the cloud says of these kinds.  It raises nothing: who can't say says so."""
        if not kinds:
            return demands.NOWHERE_SAID
        now = self._clock()
        # An offer is good for as long as the figures of a plan; a younger one is not asked again.
        good = self._rules.plan_fresh_seconds
        due = [kind for kind in kinds if now - self._asked.get(kind, -good) >= good]
        due.sort(key=lambda kind: self._asked.get(kind, 0.0))
        try:
            said = self._cloud.places(due)
        except ports.PortError as failure:
            said = Places(untold=(f'where instances may be: {failure}',))
        for kind, offer in said.offers.items():
            self._offers[kind], self._asked[kind] = (now, offer), now
        self._tell_of(said.untold, now)
        fresh = {kind: offer for kind, (at, offer) in self._offers.items()
                 if now - at < _KEPT_SECONDS}
        self._offers = {kind: self._offers[kind] for kind in fresh}
        self._asked = {kind: at for kind, at in self._asked.items() if kind in fresh}
        return dataclasses.replace(said, offers=fresh, homes=_homes(world, said))

    def _tell_of(self, untold: Sequence[str], now: float) -> None:
        self._told = {text: at for text, at in self._told.items() if now - at < _TOLD_SECONDS}
        new = [text for text in untold if text not in self._told]
        if new:
            self._told |= dict.fromkeys(new, now)
            self._tell(News(Fact.CLOUD_AWAY, '', f'not known for {self._needed_for}: ' + texts.few(
                [texts.bounded(text, texts.LINE_BYTES_MAX) for text in new], 3)))


def _homes(world: CloudView, said: Places) -> Mapping[str, str]:
    """Where the members of the groups are, as their hosts tell; of two, the one that beats."""
    members = {member for group in said.groups for member in group.members}
    found: dict[str, str] = {}
    for host in sorted(world.inventories, key=lambda host: (world.beats_truly(host), host)):
        found |= {instance.uuid: host for instance in world.inventories[host].instances
                  if instance.uuid in members}
    return found
