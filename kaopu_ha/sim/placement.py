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

"""The false Placement: what is set aside for whom, on which host, as Nova's conductor has it.

An evacuation adds its target to what its server has; only a nova-compute takes it away again: the
source's when it starts, the target's when it fails.  One that dies in between leaves it for ever.
A live migration gives what the server has on its source to the migration, until that has ended.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping

from kaopu_ha import ports
from kaopu_ha.core import model

Resources = Mapping[str, int]


class Placement:
    """Allocations by consumer and host.  A consumer's generation grows with each change of them.

    ``away``: it does not answer.  ``refuses``: the program's account may read only.
    ``dedicated``: the consumers whose cores are dedicated ones.
    """

    def __init__(self) -> None:
        self.held: dict[str, dict[str, Resources]] = {}
        self.generations: Counter[str] = Counter()
        self.away = self.refuses = False
        self.dedicated: set[str] = set()
        # Told of each release that the program makes: of which consumer, at which host.
        self.released: Callable[[str, str], None] = lambda consumer, host: None

    def claim(self, consumer: str, host: str, cores: int, memory_mb: int) -> None:
        """Set it aside; harmless if it is so."""
        self._set(consumer, {**self.held.get(consumer, {}),
                             host: {'PCPU' if consumer in self.dedicated else 'VCPU': cores,
                                    'MEMORY_MB': memory_mb}})

    def drop(self, consumer: str, host: str = '') -> None:
        """Take back what it has on the host, or everywhere; harmless if it has nothing."""
        kept = {name: has for name, has in self.held.get(consumer, {}).items()
                if host and name != host}
        if kept != self.held.get(consumer, {}):
            self._set(consumer, kept)

    def move(self, source: str, consumer: str) -> None:
        """Give all that one consumer has to another one."""
        found = self.held.get(source, {})
        self.drop(source)
        self._set(consumer, found)

    def used(self, host: str, without: str = '') -> Counter[str]:
        """What of each class is set aside there, but for one consumer."""
        found: Counter[str] = Counter()
        for consumer, has in self.held.items():
            if consumer != without:
                found.update(has.get(host, {}))
        return found

    # ------------------------------------------------------------ what its API does

    def shown(self, consumer: str) -> model.Allocations:
        """What a consumer has, and its generation."""
        return model.Allocations(consumer, self.generations[consumer], tuple(
            model.Share(f'provider-{host}', host, tuple(sorted(has.items())))
            for host, has in sorted(self.held.get(consumer, {}).items())))

    def release(self, read: model.Allocations, host: str) -> None:
        """Take back what the consumer has on the host, if it is still as it was read."""
        if self.refuses:
            raise ports.Refused('403: placement:allocations:update')
        if self.generations[read.consumer] != read.generation:
            raise ports.Refused('409: consumer generation conflict')
        self.released(read.consumer, host)
        self.drop(read.consumer, host)

    def _set(self, consumer: str, found: dict[str, Resources]) -> None:
        self.generations[consumer] += 1
        self.held[consumer] = found
        if not found:
            del self.held[consumer]
