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

"""An agent claims for its host what the host has, or had: no other one's address.

Whatever a host claims at which another one's clients are, holds that one's life against its own
death.  Judged from the truth: the addresses that the machine ever had.  What a thief has written
in its name is left out, and what its agent kept of it; and what no agent can tell (decision 0078):
of a guest whose own client was cut off, the only one that lives may be the instance at its new
place.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from kaopu_ha import ports, records
from kaopu_ha.core.model import Inventory
from kaopu_ha.sim.world import World


class Claimed:
    """Looks at each inventory that an agent writes."""

    def __init__(self, world: World, say: Callable[[str, str], None]) -> None:
        self._world, self._say = world, say
        self._told_falsely: set[str] = set()
        # What its agent may have concluded once, and keeps while the guest runs.
        self._kept: dict[str, set[str]] = {}

    def committed(self, who: str, writes: Sequence[ports.Put | ports.Delete],
                  before: Mapping[str, ports.Entry]) -> None:
        """Something was committed."""
        for write in writes:
            if not write.key.startswith(records.INVENTORY) or isinstance(write, ports.Delete):
                continue
            host = write.key.removeprefix(records.INVENTORY)
            if not who.startswith(f'agent-{host}'):
                self._told_falsely.add(host)
            elif host not in self._told_falsely:
                self._look(host, records.record(Inventory, write))

    def _look(self, host: str, told: Inventory) -> None:
        strange = sorted(set(told.storage_addresses) - self._world.machines[host].had
                         - self._kept.setdefault(host, set()) - self._of_the_moved(host))
        self._kept[host] |= self._of_the_moved(host)
        if strange:
            self._say('an agent claims its own', f'the agent of {host} claims '
                                                 f'{" and ".join(strange)}, which it never had')

    def _of_the_moved(self, host: str) -> set[str]:
        """Where clients are of the disks that guests here have open, and whose own were cut off."""
        return {other.ip for guest in self._world.machines[host].guests.values()
                for image, client in zip(guest.images, guest.clients, strict=False)
                if self._world.clusters[image.cluster].is_cut(client)
                for disk in [self._world.clusters[image.cluster].disks.get(image.header)] if disk
                for other in disk.clients}
