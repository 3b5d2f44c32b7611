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

"""The rank, explained: each host with its place among the targets, or why it has none."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
import math

from kaopu_ha.core import model, selection
from kaopu_ha.core.selection import Candidate


@dataclass(frozen=True)
class Ranked:
    """A host with its place, from 1 on; 0 and ``why_not`` if it is no target."""

    host: str
    place: int
    usage: model.Usage | None
    why_not: str = ''

    @property
    def use(self) -> float | None:
        """What its place was made of, 0 to 1 and beyond; None if its use is not known."""
        if self.usage is None or math.isinf(selection.use(self.usage)):
            return None
        return selection.weighed(self.usage)[1]


def ranked(candidates: Collection[Candidate],
           evacuation: model.Evacuation | None = None) -> tuple[Ranked, ...]:
    """The targets in the order in which they would be taken, then all others by name.

    Of an evacuation, or else of an instance that takes nothing: it has to be a target at all, and
    to reach all storage that it tells of.
    """
    reasons = {each.host: selection.why_not(each, evacuation or _least(each))
               for each in candidates}
    usages = {each.host: each.usage for each in candidates}
    order = selection.rank({host: usage for host, usage in usages.items()
                            if usage is not None and not reasons[host]})
    targets = [Ranked(host, place, usages[host]) for place, host in enumerate(order, 1)]
    others = [Ranked(host, 0, usages[host], reasons[host]) for host in sorted(reasons)
              if host not in order]
    return (*targets, *others)


def would_move(instance: model.Instance, source: str) -> model.Evacuation:
    """The evacuation of an instance as it would begin if its host died now."""
    return model.Evacuation(
        '', instance.uuid, instance.name, source, model.Phase.WAITING, power=instance.power,
        images=instance.images, cores=instance.cores, memory_mb=instance.memory_mb)


def _least(candidate: Candidate) -> model.Evacuation:
    images = tuple(model.Image(cluster, '', '', '') for cluster in sorted(candidate.storage))
    return model.Evacuation('', '', '', '', model.Phase.WAITING, images=images, cores=0)
