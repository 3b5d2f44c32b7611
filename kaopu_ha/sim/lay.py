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

"""Where the false Nova lets instances be: its zones, groups and aggregates, and what it hides.

Where nothing of this is used, nothing of it is told: the world is as plain as it was.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from kaopu_ha import ports
from kaopu_ha.core import demands, model
from kaopu_ha.core.demands import Aggregate, Amount, Demand, Group, Offer, Part, Places

if TYPE_CHECKING:
    from kaopu_ha.sim.nova import Nova, SimServer

# What Nova calls the zone of a host that is in no aggregate with one.
DEFAULT_ZONE = 'nova'


@dataclass(eq=False)
class Lay:
    """``zones``: of hosts.  ``pinned``: the zones of instances whose users named one.

    ``dedicated``: instances that ask for cores of their own; ``own``: hosts that are set aside for
    a project.  ``hidden``: instances that Nova lets on these hosts only, which nobody can read.
    ``since``: when anything of it was changed last.
    """

    zones: dict[str, str] = field(default_factory=dict)
    pinned: dict[str, str] = field(default_factory=dict)
    groups: list[Group] = field(default_factory=list)
    dedicated: set[str] = field(default_factory=set)
    own: dict[str, str] = field(default_factory=dict)
    hidden: dict[str, frozenset[str]] = field(default_factory=dict)
    tells_pins: bool = True
    since: float = 0.0

    @property
    def is_used(self) -> bool:
        """True if anything of it is."""
        return bool(self.zones or self.groups or self.dedicated or self.own)

    def aggregates(self) -> tuple[Aggregate, ...]:
        """What its zones and projects are made of; the default zone is no aggregate."""
        zones = {zone for zone in self.zones.values() if zone != DEFAULT_ZONE}
        found = [Aggregate(f'zone-{zone}', frozenset(
            host for host, its in self.zones.items() if its == zone), {'availability_zone': zone})
            for zone in zones]
        return tuple(sorted([*found, *self._of_projects()], key=lambda one: one.name))

    def join(self, host: str, aggregate: str) -> None:
        """Add a host to an aggregate; Refused as by Nova if it is in another zone already."""
        kind, _, of = aggregate.partition('-')
        if aggregate not in {one.name for one in self.aggregates()}:
            raise ports.Refused(f'404: there is no aggregate {aggregate}')
        if kind == 'for':
            self.own[host] = of
        elif self.zones.get(host, DEFAULT_ZONE) not in (DEFAULT_ZONE, of):
            raise ports.Refused(f'409: {host} is in zone {self.zones[host]}')
        else:
            self.zones[host] = of

    def _of_projects(self) -> list[Aggregate]:
        own = {project: frozenset(host for host, whose in self.own.items() if whose == project)
               for project in sorted(set(self.own.values()))}
        return [Aggregate(f'for-{project}', hosts, {'filter_tenant_id': project})
                for project, hosts in own.items()]

    def why_not(self, nova: Nova, row: SimServer, host: str) -> str:
        """Why the scheduler does not let it there, room aside; empty if it does."""
        zone = self.pinned.get(row.uuid)
        if zone is not None and self.zones.get(host) != zone:
            return f'it is pinned to {zone}'
        if host not in self.hidden.get(row.uuid, (host,)):
            return 'Nova knows why'
        if self.own.get(host, row.project) != row.project:
            return 'it is set aside for another project'
        return 'its group is against it' if self.parted(nova, row, host) else ''

    def parted(self, nova: Nova, row: SimServer, host: str) -> bool:
        """True if a group keeps it from the host, by where its members are shown."""
        for group in self.groups:
            if row.uuid not in group.members:
                continue
            homes = [nova.rows[uuid].host for uuid in sorted(group.members)
                     if uuid in nova.rows and uuid != row.uuid]
            if group.policy == demands.APART and homes.count(host) >= group.most:
                return True
            if group.policy == demands.TOGETHER and host not in (*homes, row.host):
                return True
        return False

    def demand(self, row: SimServer) -> Demand | None:
        """What Nova tells of what it asks for; nothing in a plain world."""
        if not self.is_used:
            return None
        cores = demands.DEDICATED_CORES if row.uuid in self.dedicated else demands.CORES
        part = Part('', (Amount(cores, row.cores), Amount(demands.MEMORY, row.memory_mb)))
        zone = self.pinned.get(row.uuid, '')
        return Demand((part,), zone if self.tells_pins else '',
                      '' if self.tells_pins else self.zones.get(row.host, ''),
                      project=row.project)

    def places(self, nova: Nova, kinds: Sequence[Demand]) -> Places:
        """What Nova and Placement tell of these kinds."""
        free = {host: self.free(nova, host) for host in sorted(nova.computes)}
        offers = {kind: Offer(frozenset(
            host for host, has in free.items()
            if all(has.get(name, 0) >= kind.total(name) for name in kind.names)))
            for kind in kinds}
        return Places(offers, self.aggregates(), tuple(self.groups))

    def free(self, nova: Nova, host: str, without: str = '') -> dict[str, int]:
        """What is left of each class on a host, were one consumer not there."""
        machine, used = nova.computes[host].machine, nova.placement.used(host, without)
        has = {demands.CORES: machine.cores, demands.DEDICATED_CORES: machine.dedicated,
               demands.MEMORY: machine.memory_mb}
        return {name: number - used[name] for name, number in has.items()}

    def usage(self, nova: Nova, host: str) -> model.Usage:
        """Placement's figures for a host; of dedicated cores only where there may be some."""
        machine, used = nova.computes[host].machine, nova.placement.used(host)
        shared, own = used[demands.CORES], used[demands.DEDICATED_CORES]
        memory_mb = machine.memory_mb, used[demands.MEMORY]
        if not self.is_used:
            return model.Usage(machine.cores, shared, *memory_mb)
        if machine.dedicated and not machine.cores:
            return model.Usage(machine.dedicated, own, *memory_mb, rooms=(), dedicated=True)
        return model.Usage(machine.cores, shared, *memory_mb, rooms=(
            model.Room(demands.DEDICATED_CORES, machine.dedicated, own),))
