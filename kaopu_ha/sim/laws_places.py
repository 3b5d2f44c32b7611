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

"""Nova is asked for no host on which it can be read that the instance may not be."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence

from kaopu_ha import ports, records
from kaopu_ha.core import demands
from kaopu_ha.core.demands import Group
from kaopu_ha.core.model import Evacuation, Phase, Recovery
from kaopu_ha.sim import daemon
from kaopu_ha.sim.nova import SimServer
from kaopu_ha.sim.world import World

Say = Callable[[str, str], None]

_LOOK_SECONDS = 2.0
# Until a host has told what is on it, and a plan has heard of it.
_KNOWN_SECONDS = 20.0
# An offer may be as old before nobody goes by it.
_OFFER_SECONDS = 75.0
# Shorter than the shortest pause between two rounds.
_ROUND_SECONDS = 25.0
_TO_COME = (Phase.QUEUED, Phase.CALLING, Phase.MOVING)


class PlacesAllowed:
    """Looks at every evacuation that gets a target, and at each that Nova is asked for."""

    def __init__(self, world: World, say: Say) -> None:
        self._world, self._say = world, say
        # Since when each member of a group is on its host, with an agent there that tells of it.
        self._homes: dict[tuple[str, str], float] = {}
        self._blind_at = -_OFFER_SECONDS
        # When Nova did not let one of a kind on a host: the instance, and that time.
        self._refused: dict[tuple[str, demands.Demand, str], tuple[str, float]] = {}
        world.kernel.after(_LOOK_SECONDS, self._look)

    def asked(self, row: SimServer, target: str) -> None:
        """The API was asked to evacuate a server."""
        lay = self._world.nova.lay
        zone = lay.pinned.get(row.uuid)
        if zone is None or not lay.tells_pins or not self._is_old(row.host):
            return
        if lay.zones.get(target, zone) != zone:
            self._say('nobody leaves its zone', f'{row.name}, which is pinned to {zone}, is to go '
                                                f'to {target} in {lay.zones[target]}')

    def committed(self, who: str, writes: Sequence[ports.Put | ports.Delete],
                  before: Mapping[str, ports.Entry]) -> None:
        """Something was committed."""
        if not self._world.nova.lay.is_used or not who.startswith(('controller', 'worker')):
            return
        for write in writes:
            if isinstance(write, ports.Put) and write.key.startswith(records.EVACUATION):
                entry = before.get(write.key)
                was = records.record(Evacuation, entry) if entry else None
                self._moved(was, records.record(Evacuation, write))

    # ------------------------------------------------------------ private

    def _look(self) -> None:
        world, now, lay = self._world, self._world.kernel.now, self._world.nova.lay
        if world.nova.away or world.nova.placement.away:
            self._blind_at = now
        found = []
        for uuid in {uuid for group in lay.groups for uuid in group.members}:
            row = world.nova.rows.get(uuid)
            told = world.told_by(row.host) if row is not None else None
            if row is not None and told is not None and any(
                    one.uuid == uuid for one in told.instances):
                found.append((uuid, row.host))
        self._homes = {home: self._homes.get(home, now) for home in found}
        world.kernel.after(_LOOK_SECONDS, self._look)

    def _is_old(self, host: str) -> bool:
        """True if the zones and groups are as they were when the case was opened."""
        case = self._world.case(host)
        return case is not None and bool(case.history) and (
            self._world.nova.lay.since < daemon.seconds(case.history[0].at))

    def _moved(self, was: Evacuation | None, item: Evacuation) -> None:
        if item.demand is None or was is None or (was.phase, was.target) == (
                item.phase, item.target):
            return
        key = item.recovery, item.demand, item.target or was.target
        now, group = self._world.kernel.now, self._group(item.instance)
        if item.phase is Phase.REFUSED and group is None and 'No valid host' in item.reason:
            self._refused[key] = item.instance, now
        if item.phase is not Phase.QUEUED:
            return
        first, at = self._refused.get(key, ('', 0.0))
        if first and group is None and now - at < _ROUND_SECONDS and self._in_its_round(
                item, first):
            self._say('a refusal is learnt', f'{item.name} is to go to {item.target}, where Nova '
                                             f'let none of its kind at {at:.1f} s')
        if group is not None and group.policy == demands.APART and self._is_old(item.source):
            self._apart(item, group, now)

    def _in_its_round(self, item: Evacuation, first: str) -> bool:
        """True if the first one still passes the target over, and is in no earlier round."""
        found = self._world.record(Evacuation, f'{records.EVACUATION}{item.recovery}/{first}')
        return (found is not None and item.target in found.passed_over and not found.phase.ended
                and found.rounds >= item.rounds)

    def _apart(self, item: Evacuation, group: Group, now: float) -> None:
        if now - self._blind_at < _OFFER_SECONDS:
            return
        there = {uuid for uuid in group.members - {item.instance}
                 if now - self._homes.get((uuid, item.target), now) > _KNOWN_SECONDS}
        there |= {one.instance for one in self._world.every(Evacuation, records.EVACUATION)
                  if one.instance in group.members and one.instance != item.instance
                  and one.target == item.target and one.phase in _TO_COME}
        if len(there) >= group.most:
            self._say('a group is kept apart', f'{item.name} is to go to {item.target}, where '
                                               f'another of its group is, or goes')

    def _group(self, uuid: str) -> Group | None:
        return next((group for group in self._world.nova.lay.groups if uuid in group.members),
                    None)


def without_place(world: World) -> Iterator[SimServer]:
    """The instances that Nova lets on no host that has power, but on the one that they were on.

    A host that is not taken back, for its own recovery waits for people, has none that counts.
    """
    lay = world.nova.lay
    if not lay.is_used:
        return
    waiting = {one.host for one in world.every(Recovery, records.RECOVERY)
               if not one.stage.finished and world.case(one.host) is not None}
    for row in world.nova.rows.values():
        if not any(machine.node.powered and host != row.host and host not in waiting
                   and not lay.why_not(world.nova, row, host)
                   for host, machine in world.machines.items()):
            yield row
