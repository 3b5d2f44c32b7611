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

"""Within which hosts the instances of a dead host stay: those of its segment.

A segment restricts and orders targets, and does nothing else.  An instance looks for a host in one
circle after the other; the method of its segment says in which::

    auto            the segment
    auto_priority   the segment       -> to be taken
    rh_priority     taken for it      -> to be taken -> the segment
    reserved_host   taken for it      -> to be taken -> taken for others
    in no segment   everywhere

No circle has a reserved host in it but "to be taken": who finds its place there waits, until that
host is taken (``core.taking``), and then finds it in another circle.  Whom a person takes out of
its segment, or puts into one, is where that person said from the next plan on.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
import dataclasses
from dataclasses import dataclass, field
import functools

from kaopu_ha.core.model import Evacuation
from kaopu_ha.core.segments import RecoveryMethod, Segment, SegmentHost, Taking, TakingStage

RESERVED = 'it is reserved'
OUTSIDE = 'it is not in its segment'
NOT_RESERVED = 'its segment has reserved hosts for this, and it is none'

# A disabled segment restricts as any other; for its sake no reserved host is taken.
_NO_HOSTS: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Grouping:
    """How hosts are grouped into segments, as it is read.

    ``segment_of``: the uuid by host.  ``segments`` by uuid; one that can't be read is missing, and
    restricts all the same.  ``taken`` by host.
    """

    segment_of: Mapping[str, str] = field(default_factory=dict)
    segments: Mapping[str, Segment] = field(default_factory=dict)
    reserved: frozenset[str] = _NO_HOSTS
    taken: Mapping[str, Taking] = field(default_factory=dict)

    @functools.cached_property
    def members(self) -> Mapping[str, frozenset[str]]:
        """The hosts of each segment."""
        found: dict[str, set[str]] = {}
        for host, segment in self.segment_of.items():
            found.setdefault(segment, set()).add(host)
        return {segment: frozenset(hosts) for segment, hosts in found.items()}

    def method(self, segment: str) -> RecoveryMethod:
        """How the segment has its hosts recovered; ``auto`` if that can't be read."""
        found = self.segments.get(segment)
        return found.recovery_method if found is not None else RecoveryMethod.AUTO

    def takes(self, segment: str) -> bool:
        """True if reserved hosts of it are taken at all."""
        found = self.segments.get(segment)
        return (found is not None and found.enabled
                and found.recovery_method is not RecoveryMethod.AUTO)

    def ready(self, segment: str) -> Mapping[str, str]:
        """Those of its hosts that were taken, with the recovery for which each was."""
        members = self.members[segment] - self.reserved
        return {host: one.recovery for host, one in self.taken.items()
                if one.stage is TakingStage.READY and host in members}

    def admits(self, item: Evacuation) -> bool:
        """True if nothing of this speaks against the target that it has already."""
        segment = self.segment_of.get(item.source)
        if item.target in self.reserved:
            return False
        if segment is None:
            return True
        if self.method(segment) is RecoveryMethod.RESERVED_HOST:
            return item.target in self.ready(segment)
        return item.target in self.members[segment]


UNGROUPED = Grouping()


def grouped(segments: Mapping[str, Segment], hosts: Iterable[SegmentHost],
            taken: Mapping[str, Taking]) -> Grouping:
    """The grouping that these records say; ``hosts``: of segments that are there."""
    known = sorted(hosts, key=lambda one: one.number)
    if not known:
        return UNGROUPED
    return Grouping({one.name: one.segment for one in known}, segments,
                    frozenset(one.name for one in known if one.reserved), taken)


@dataclass(frozen=True)
class Circle:
    """The hosts that may take an instance, as far as segments have a say.

    ``hosts``: these; None: all but the ``reserved`` ones.  ``members``: those of its segment.
    """

    hosts: frozenset[str] | None
    reserved: frozenset[str]
    members: frozenset[str] = _NO_HOSTS

    def bars(self, host: str) -> str:
        """Why the host is none of them; empty if it is one."""
        if self.hosts is None:
            return RESERVED if host in self.reserved else ''
        if host in self.hosts:
            return ''
        if host not in self.members:
            return OUTSIDE
        return RESERVED if host in self.reserved else NOT_RESERVED


@dataclass(frozen=True)
class Ring:
    """One circle of those that are searched in turn; ``reserved``: its hosts are to be taken."""

    circle: Circle | None
    reserved: bool = False


_EVERYWHERE = (Ring(None),)


class Circles:
    """The circles of one plan: what is to be taken for one recovery is so for no other."""

    def __init__(self, grouping: Grouping) -> None:
        self._grouping = grouping
        self._claims: dict[str, str] = {}
        self._rings: dict[str, tuple[Ring, ...]] = {}
        self._whole: dict[str, Circle | None] = {}
        # Equal ones are one: they are compared for every instance.
        self._known: dict[Circle, Circle] = {}

    def whole(self, item: Evacuation) -> Circle | None:
        """All in which it may find its place as things stand, together; None: everywhere."""
        if item.recovery not in self._whole:
            self._whole[item.recovery] = self._united(self.rings(item))
        return self._whole[item.recovery]

    def rings(self, item: Evacuation) -> tuple[Ring, ...]:
        """The circles in which it looks for its place, one after the other; none is empty."""
        if not self._grouping.segment_of:
            return _EVERYWHERE
        if item.recovery not in self._rings:
            self._rings[item.recovery] = self._made(item)
        return self._rings[item.recovery]

    def claim(self, host: str, recovery: str) -> None:
        """This reserved host is to be taken for that recovery."""
        if host not in self._claims:
            self._claims[host] = recovery
            self._rings.clear()
            self._whole.clear()

    # ------------------------------------------------------------ private

    def _made(self, item: Evacuation) -> tuple[Ring, ...]:
        group, segment = self._grouping, self._grouping.segment_of.get(item.source)
        if segment is None:
            return (Ring(self._one(Circle(None, group.reserved)) if group.reserved else None),)
        members, ready = group.members[segment], group.ready(segment)

        def ring(hosts: Iterable[str], *, reserved: bool = False) -> Ring:
            return Ring(self._one(Circle(frozenset(hosts), group.reserved, members)), reserved)

        its = ring(host for host, recovery in ready.items() if recovery == item.recovery)
        whole = ring(members - group.reserved)
        to_take = [ring(hosts, reserved=True)
                   for hosts in self._to_take(item.recovery, segment)]
        found = {
            RecoveryMethod.AUTO: [whole],
            RecoveryMethod.AUTO_PRIORITY: [whole, *to_take],
            RecoveryMethod.RH_PRIORITY: [its, *to_take, whole],
            RecoveryMethod.RESERVED_HOST: [its, *to_take, ring(ready)],
        }[group.method(segment)]
        return tuple(each for each in found if each.circle and each.circle.hosts) or (ring(()),)

    def _to_take(self, recovery: str, segment: str) -> Iterable[frozenset[str]]:
        """What is being taken for it; what may be; and, where nothing else will do, what could not
        be taken before.
        """
        group = self._grouping
        if not group.takes(segment):
            return ()
        found: dict[str, set[str]] = {'its': set(), 'free': set(), 'failed': set()}
        for host in group.members[segment] & group.reserved:
            one = group.taken.get(host)
            if one is not None and one.under_way:
                if one.recovery == recovery:
                    found['its'].add(host)
            elif self._claims.get(host, recovery) == recovery:
                failed = one is not None and one.stage is TakingStage.FAILED
                found['failed' if failed else 'free'].add(host)
        if group.method(segment) is RecoveryMethod.RH_PRIORITY:
            found['failed'] = set()
        return map(frozenset, found.values())

    def _united(self, rings: tuple[Ring, ...]) -> Circle | None:
        first = rings[0].circle
        if first is None or first.hosts is None:
            return first
        hosts = frozenset[str]().union(*(ring.circle.hosts for ring in rings
                                         if ring.circle is not None and ring.circle.hosts))
        return self._one(dataclasses.replace(first, hosts=hosts))

    def _one(self, circle: Circle) -> Circle:
        return self._known.setdefault(circle, circle)
