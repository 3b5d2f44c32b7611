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

"""For how long this leader has seen evacuations rest between two rounds of targets."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from kaopu_ha.core import evacuation
from kaopu_ha.core.model import Evacuation


class Rests:
    """A memory of one leader: another one begins each pause anew, so it is late, never early."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._since: dict[tuple[str, str, int], float] = {}

    def seconds(self, evacuations: Iterable[Evacuation]) -> Mapping[tuple[str, str, int], float]:
        """The seconds by the name of each pause; what is not among these is forgotten."""
        now = self._clock()
        self._since = {evacuation.rest(item): self._since.get(evacuation.rest(item), now)
                       for item in evacuations if item.rounds and not item.phase.ended}
        return {name: now - since for name, since in self._since.items()}
