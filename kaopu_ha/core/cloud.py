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

"""What Nova and Placement say, as values: states in Nova's own words."""

from __future__ import annotations

from collections.abc import Iterable
import dataclasses
from dataclasses import dataclass
import enum

from kaopu_ha.core.demands import ANY_CORES, CORES, DEDICATED_CORES, MEMORY, Demand


class Source(enum.Enum):
    """Where a mark of a server is found."""

    METADATA = 'metadata'
    TAG = 'tag'
    FLAVOR = 'flavor'


@dataclass(frozen=True)
class Mark:
    """A word that somebody left with a server, or with its flavor.

    Of a tag ``KEY=VALUE`` or ``KEY``; of a flavor an extra spec.
    """

    source: Source
    key: str
    value: str = ''


@dataclass(frozen=True)
class Server:
    """A server as Nova shows it: states in Nova's own words.

    ``opted_in``: its project asked, by the server's metadata, to be told what is done with it.
    ``demand``: what it asks of its host, None if nobody tells.
    """

    uuid: str
    name: str
    host: str
    vm_state: str
    task_state: str = ''
    power_state: int = 0
    cores: int = 1
    memory_mb: int = 0
    domain: str = ''
    fault: str = ''
    project: str = ''
    opted_in: bool = False
    marks: tuple[Mark, ...] = ()
    demand: Demand | None = None


@dataclass(frozen=True)
class Migration:
    """A migration record of Nova; a hint, never a proof (Nova finishes the older one)."""

    id: str
    instance: str
    kind: str
    status: str
    source: str
    target: str

    @property
    def unfinished(self) -> bool:
        """True while Nova may still act on it."""
        return self.status not in ('done', 'completed', 'failed', 'error', 'cancelled', 'confirmed',
                                   'reverted')


@dataclass(frozen=True)
class Action:
    """Something that was asked of Nova for a server, in Nova's own word.

    ``user``: who asked; '' if Nova did it by itself ("shutdown by itself" is such a stop).
    """

    kind: str
    user: str = ''
    at: str = ''


@dataclass(frozen=True)
class ComputeService:
    """A nova-compute service; ``zone``: its availability zone, '' if nobody tells."""

    id: str
    host: str
    enabled: bool
    up: bool
    forced_down: bool
    zone: str = ''


@dataclass(frozen=True)
class Room:
    """What a host has of one resource class, and what of it is used."""

    name: str
    total: float
    used: float

    @property
    def free(self) -> float:
        """What is left; never less than nothing."""
        return max(self.total - self.used, 0.0)


@dataclass(frozen=True)
class Usage:
    """Cores and memory of a host: capacities with allocation ratios applied, and what is used.

    The cores are shared ones, or, on a host that has none of these, ``dedicated`` ones.  ``rooms``:
    what it has of other resource classes; None if nobody tells of them.
    ``live``: the same as the host measures it, without ratios; None if it does not.
    ``live_weight``: how much of its rank that is, from 0 to 1; the rest is what is set aside.
    """

    cores: float
    cores_used: float
    memory_mb: float
    memory_mb_used: float
    live: Usage | None = None
    live_weight: float = 0.0
    rooms: tuple[Room, ...] | None = None
    dedicated: bool = False

    def of(self, name: str) -> Room | None:
        """What there is of a resource class; None if nobody tells.

        A class that is missing is another provider's, maybe: only cores are always a host's own.
        """
        if self.is_own_core(name):
            return Room(name, self.cores, self.cores_used)
        if name == MEMORY:
            return Room(name, self.memory_mb, self.memory_mb_used)
        for room in self.rooms or ():
            if room.name == name:
                return room
        is_none = self.rooms is not None and name in (CORES, DEDICATED_CORES)
        return Room(name, 0.0, 0.0) if is_none else None

    def lacks(self, name: str, number: float) -> bool:
        """True if it surely has not so much left of a resource class."""
        if self.is_own_core(name):
            return self.cores_used + number > self.cores
        if name == MEMORY:
            return self.memory_mb_used + number > self.memory_mb
        room = self.of(name)
        return room is not None and room.used + number > room.total

    def is_own_core(self, name: str) -> bool:
        """True if its cores are what this class means."""
        return name == ANY_CORES or name == (DEDICATED_CORES if self.dedicated else CORES)

    def with_more(self, amounts: Iterable[tuple[str, float]]) -> Usage:
        """The same host with so much more of these resource classes used."""
        cores_used, memory_mb_used, rooms = self.cores_used, self.memory_mb_used, self.rooms
        for name, number in amounts:
            if self.is_own_core(name):
                cores_used += number
            elif name == MEMORY:
                memory_mb_used += number
            else:
                rooms = rooms and tuple(
                    dataclasses.replace(room, used=room.used + number) if room.name == name
                    else room for room in rooms)
        return Usage(self.cores, cores_used, self.memory_mb, memory_mb_used, self.live,
                     self.live_weight, rooms, self.dedicated)


@dataclass(frozen=True)
class Share:
    """What a consumer has of one provider, by resource class; ``host``: '' if it is no host's."""

    provider: str
    host: str
    resources: tuple[tuple[str, int], ...]


@dataclass(frozen=True)
class Allocations:
    """What Placement has set aside for one consumer: a server, or a migration of it.

    ``generation`` changes with every change of it.  ``project`` and ``user`` are the consumer's.
    """

    consumer: str
    generation: int
    shares: tuple[Share, ...] = ()
    project: str = ''
    user: str = ''

    @property
    def hosts(self) -> tuple[str, ...]:
        """The hosts on which anything is set aside for it, sorted."""
        return tuple(sorted({share.host for share in self.shares if share.host}))
