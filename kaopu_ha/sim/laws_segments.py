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

"""Nobody leaves its segment, and nothing comes to a reserved host before it was taken.

What people said is what counts here, not what the program made of it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from kaopu_ha import ports, records
from kaopu_ha.core.model import Recovery
from kaopu_ha.core.segments import RecoveryMethod, Segment, SegmentHost, Taking, TakingStage
from kaopu_ha.sim.laws_late import came_too_late
from kaopu_ha.sim.nova import SimServer
from kaopu_ha.sim.world import World

Say = Callable[[str, str], None]

# Until a plan has heard of what people said, and what was planned before has been called for.
_KNOWN_SECONDS = 20.0


class WithinSegments:
    """Looks at every call for an evacuation, and at every reserved host that is taken."""

    def __init__(self, world: World, say: Say) -> None:
        self._world, self._say = world, say
        # What people said of each host last, and when: '' is no segment.
        self._said: dict[str, tuple[str, bool, float]] = {}
        self._methods: dict[str, RecoveryMethod] = {}

    def asked(self, row: SimServer, target: str) -> None:
        """The API was asked to evacuate a server."""
        now, (home, _, since) = self._world.kernel.now, self._of(row.host)
        there, reserved, since_there = self._of(target)
        if now - max(since, since_there) < _KNOWN_SECONDS:
            return
        if home and there != home:
            self._say('nobody leaves its segment', f'{row.name} of {row.host} in {home} is to go '
                                                   f'to {target} in {there or "none"}')
        ready = self._stage(target) is TakingStage.READY
        if reserved and not ready:
            self._say('a reserved host is taken first', f'{row.name} is to go to {target}')
        if self._methods.get(home) is RecoveryMethod.RESERVED_HOST and not ready:
            self._say('only reserved hosts', f'{row.name} of {home} is to go to {target}')

    def enabled(self, host: str) -> None:
        """The API was asked to enable a service."""
        if came_too_late(self._world, f'enable {host}'):
            return
        segment, reserved, since = self._of(host)
        one = self._world.record(Taking, records.TAKING + host)
        # A call that Nova had for long comes when its host is a target already.
        if one is None or (one.stage is TakingStage.ASKED and not one.calls):
            self._say('no call unwritten', f'{host} is enabled, and nobody wrote that down')
        if self._world.kernel.now - since < _KNOWN_SECONDS:
            return
        if not reserved or self._methods.get(segment) is RecoveryMethod.AUTO:
            self._say('only reserved hosts are taken', f'{host} of {segment} is enabled')

    def joined(self, host: str, aggregate: str) -> None:
        """The API was asked to add a host to an aggregate."""
        if came_too_late(self._world, f'join {host} {aggregate}'):
            return
        one = self._world.record(Taking, records.TAKING + host)
        if one is None or not any(each.aggregate == aggregate and each.calls
                                  for each in one.joins):
            self._say('no call unwritten', f'{host} is added to {aggregate}, and nobody wrote that '
                                           f'down')
        if one is not None and not self._has(one, aggregate):
            self._say('only the aggregates of the lost host', f'{host} is added to {aggregate}')

    def committed(self, who: str, writes: Sequence[ports.Put | ports.Delete],
                  before: Mapping[str, ports.Entry]) -> None:
        """Something was committed."""
        for write in writes:
            if write.key.startswith(records.TAKING):
                self._one_at_a_time()
                self._ready(write)
            elif who == 'people':
                self._hear(write, before)

    # ------------------------------------------------------------ private

    def _of(self, host: str) -> tuple[str, bool, float]:
        return self._said.get(host, ('', False, -_KNOWN_SECONDS))

    def _stage(self, host: str) -> TakingStage | None:
        one = self._world.record(Taking, records.TAKING + host)
        return one.stage if one is not None else None

    def _hear(self, write: ports.Put | ports.Delete, before: Mapping[str, ports.Entry]) -> None:
        now = self._world.kernel.now
        if isinstance(write, ports.Delete):
            entry = before.get(write.key)
            if write.key.startswith(records.SEGMENT_HOST) and entry is not None:
                self._said[records.record(SegmentHost, entry).name] = '', False, now
        elif write.key.startswith(records.SEGMENT_HOST):
            one = records.record(SegmentHost, write)
            self._said[one.name] = one.segment, one.reserved, now
        elif write.key.startswith(records.SEGMENT):
            segment = records.record(Segment, write)
            self._methods[segment.uuid] = segment.recovery_method

    def _has(self, one: Taking, aggregate: str) -> bool:
        """True if the host that is lost is in the aggregate."""
        item = self._world.record(Recovery, records.RECOVERY + one.recovery)
        return item is None or any(each.name == aggregate and item.host in each.hosts
                                   for each in self._world.nova.lay.aggregates())

    def _one_at_a_time(self) -> None:
        busy = [one.recovery for one in self._world.every(Taking, records.TAKING) if one.under_way]
        for recovery in sorted({each for each in busy if busy.count(each) > 1}):
            self._say('one at a time', f'{recovery} takes {busy.count(recovery)} reserved hosts')

    def _ready(self, write: ports.Put | ports.Delete) -> None:
        if isinstance(write, ports.Put):
            one = records.record(Taking, write)
            if one.stage is TakingStage.READY and one.host in self._world.nova.disabled:
                self._say('a reserved host is taken first', f'{one.host} is ready, and disabled')
