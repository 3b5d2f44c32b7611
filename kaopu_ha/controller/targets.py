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

"""What is known of the hosts that may receive instances."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
import concurrent.futures
import math

from kaopu_ha import ports, records
from kaopu_ha.controller import returns
from kaopu_ha.controller.places import PlacesAsked
from kaopu_ha.controller.world import CloudView
from kaopu_ha.core import demands, model, selection
from kaopu_ha.core.news import News


class Targets:
    """Joins the beats and inventories with Nova's services and the usage driver's figures.

    The figures may be ``plan_fresh_seconds`` old; Placement itself has the last word on room,
    when Nova is called.
    """

    def __init__(self, cloud: ports.Cloud, usage: ports.UsageSource,
                 rules: model.Rules, pool: concurrent.futures.Executor,
                 clock: Callable[[], float], tell: Callable[[News], None],
                 needed_for: str = 'the plan') -> None:
        self._cloud, self._usage, self._rules, self._pool = cloud, usage, rules, pool
        self._clock, self._places = clock, PlacesAsked(cloud, rules, clock, tell, needed_for)
        self._ahead: concurrent.futures.Future[Mapping[str, model.Usage]] | None = None
        self._services: Mapping[str, model.ComputeService] = {}
        self._usages: Mapping[str, model.Usage] = {}
        self._until = -math.inf

    def prepare(self) -> None:
        """Begin to ask for the usage now: it is needed as soon as the fence is proven."""
        if self._ahead is None:
            self._ahead = self._pool.submit(self._usage.usage)

    def forget(self) -> None:
        """Drop what was asked ahead: it grows old."""
        self._ahead = None

    def outdated(self) -> None:
        """Ask again before the next plan: something has changed."""
        self._until = -math.inf
        self._places.outdated()

    def places(self, world: CloudView, kinds: Sequence[model.Demand]) -> demands.Places:
        """Where instances of these kinds may be, as far as anybody says."""
        return self._places.of(world, kinds)

    @property
    def services(self) -> Mapping[str, model.ComputeService]:
        """Nova's services as they were when it was asked last."""
        return self._services

    def candidates(self, world: CloudView) -> tuple[selection.Candidate, ...]:
        """Every known host with all that decides whether it may be a target.  PortError."""
        if self._clock() >= self._until:
            self._ask()
        return tuple(
            selection.Candidate(
                host, beat=world.beats_truly(host), held=host in world.held,
                suspected=world.has(records.CASE + host), locked=world.has(records.LOCK + host),
                flapping=returns.flaps(world, host, self._rules),
                fresh=world.has(records.FRESH + host), storage=inventory.storage,
                service=self._services.get(host), usage=self._usages.get(host), note=inventory.note)
            for host, inventory in sorted(world.inventories.items()))

    def _ask(self) -> None:
        began = self._clock()
        self.prepare()
        assert self._ahead is not None
        asked, self._ahead = self._ahead, None
        services = self._cloud.services()
        self._services, self._usages = services, asked.result()
        self._until = began + self._rules.plan_fresh_seconds
