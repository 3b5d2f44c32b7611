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

"""What instances ask of a host, and what the cloud says of where they may be: values only.

Nova keeps an instance out of a host for more reasons than room: its availability zone, a server
group, the traits and devices that its flavor asks for, an aggregate that is set aside.  What of
that can be read is here; what can't is learnt from Nova's refusals (``core.placing``).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
import functools

CORES, DEDICATED_CORES, MEMORY = 'VCPU', 'PCPU', 'MEMORY_MB'
# Of an instance of which nobody tells what it asks for: whatever cores a host has.
ANY_CORES = ''
# The policies of server groups that Nova holds to; their soft sisters are wishes.
APART, TOGETHER = 'anti-affinity', 'affinity'
SOFT = 'soft-'

# A record bears so many of each; a flavor that has more is asked for less, and Nova says no.
PARTS_MAX, NAMES_MAX = 8, 16


@dataclass(frozen=True, order=True)
class Amount:
    """So much of one of Placement's resource classes."""

    name: str
    number: int


@dataclass(frozen=True, order=True)
class Part:
    """What is asked of one provider: of a host if ``suffix`` is empty, else of a device in one."""

    suffix: str = ''
    amounts: tuple[Amount, ...] = ()
    required: tuple[str, ...] = ()
    forbidden: tuple[str, ...] = ()


@dataclass(frozen=True, order=True)
class Demand:
    """What an instance asks of its host.  Instances of the same demand are of one *kind*.

    ``zone``: the availability zone that its user pinned it to, '' for any.  ``near``: the zone that
    it was in, where Nova is too old to tell of pins.  ``specs``: what its flavor wants of the
    aggregates of its host, as ``key=value``.  ``isolated``: each of its devices from another one.
    """

    parts: tuple[Part, ...] = ()
    zone: str = ''
    near: str = ''
    specs: tuple[str, ...] = ()
    isolated: bool = False
    project: str = ''

    def __hash__(self) -> int:
        return self._hash

    @functools.cached_property
    def _hash(self) -> int:
        # Each instance of a plan is looked up by its kind, several times.
        return hash((self.parts, self.zone, self.near, self.specs, self.isolated, self.project))

    def total(self, name: str) -> int:
        """How much of a resource class it asks for in all."""
        return sum(amount.number for part in self.parts for amount in part.amounts
                   if amount.name == name)

    @functools.cached_property
    def totals(self) -> tuple[tuple[str, int], ...]:
        """How much of each resource class it asks for: cores first, then memory, then the rest."""
        names = {amount.name for part in self.parts for amount in part.amounts if amount.number}
        first = (CORES, DEDICATED_CORES, MEMORY)
        return tuple((name, self.total(name)) for name in sorted(names, key=lambda name: (
            first.index(name) if name in first else len(first), name)))

    @property
    def names(self) -> tuple[str, ...]:
        """The resource classes that it asks for."""
        return tuple(name for name, _ in self.totals)

    @functools.cached_property
    def core_class(self) -> str:
        """The class that its cores are of: dedicated ones, if it asks for no shared ones."""
        dedicated = self.total(DEDICATED_CORES) and not self.total(CORES)
        return DEDICATED_CORES if dedicated else CORES


@dataclass(frozen=True)
class Aggregate:
    """A host aggregate of Nova, with its metadata."""

    name: str
    hosts: frozenset[str] = frozenset()
    metadata: Mapping[str, str] = field(default_factory=dict)

    @property
    def zone(self) -> str:
        """The availability zone that its hosts are in by it; '' if it is none."""
        return self.metadata.get('availability_zone', '')


@dataclass(frozen=True)
class Group:
    """A server group; ``most``: so many of its members may be on one host (anti-affinity)."""

    id: str
    name: str
    policy: str
    members: frozenset[str] = frozenset()
    most: int = 1


@dataclass(frozen=True)
class Offer:
    """The hosts that Placement offers to one kind of instance; ``whole``: there are no others."""

    hosts: frozenset[str]
    whole: bool = True


@dataclass(frozen=True)
class Places:
    """What Nova and Placement said of where instances may be.

    A kind without an offer was not asked about, or nobody knows.  ``homes``: the hosts on which the
    members of the groups are.  ``untold``: what could not be learnt, and why.
    """

    offers: Mapping[Demand, Offer] = field(default_factory=dict)
    aggregates: tuple[Aggregate, ...] = ()
    groups: tuple[Group, ...] = ()
    homes: Mapping[str, str] = field(default_factory=dict)
    untold: tuple[str, ...] = ()


NOWHERE_SAID = Places()
