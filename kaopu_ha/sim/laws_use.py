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

"""Laws of live use, from the truth: the less busy host is taken, and what is old counts no more."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

from kaopu_ha import ports, records
from kaopu_ha.core.live import LiveUse
from kaopu_ha.core.model import Evacuation, Phase
from kaopu_ha.sim.load import AGE_SECONDS, CORES, MEMORY_MB
from kaopu_ha.sim.world import World

Say = Callable[[str, str], None]

_TICK_SECONDS = 0.5
# From a figure in the store to the plan that it is in: what was asked is good for some seconds, and
# Nova may be slow to answer.
_PLANNED_SECONDS = 12.0
# Until everybody could know how busy a host is: what is old has lapsed, whoever led etcd.
_SETTLED_SECONDS = 2 * AGE_SECONDS + _PLANNED_SECONDS
# A figure is at most a step away from the mean, and two are compared.
_TOLD_WITHIN = 0.06


class LeastUsed:
    """Where hosts are ranked by live use alone, none is taken that is busier than another one.

    The other one has to be a target beyond doubt, with a true figure in the store for long.  What
    was moved counts as if it used all that it was given: nobody has measured it yet.
    """

    def __init__(self, world: World, say: Say) -> None:
        self._world, self._say = world, say
        # Since when each host is beyond doubt, and since when etcd has been well.
        self._good: dict[str, float] = {}
        self._etcd_well = 0.0
        if world.setup.live_weight == 1.0:
            self._tick()

    def committed(self, who: str, writes: Sequence[ports.Put | ports.Delete],
                  before: Mapping[str, ports.Entry]) -> None:
        """Something was committed."""
        if self._world.setup.live_weight != 1.0 or not who.startswith('controller'):
            return
        for write in writes:
            if isinstance(write, ports.Put) and write.key.startswith(records.EVACUATION):
                entry = before.get(write.key)
                was = records.record(Evacuation, entry) if entry else None
                item = records.record(Evacuation, write)
                if item.phase is Phase.QUEUED and (was is None or was.target != item.target):
                    self._aimed(item)

    # ------------------------------------------------------------ private

    def _tick(self) -> None:
        world, now = self._world, self._world.kernel.now
        if world.etcd.away or world.etcd.lost_answers:
            self._etcd_well = now
        self._good = {host: self._good.get(host, now) for host in world.machines
                      if self._is_good(host)}
        world.kernel.after(_TICK_SECONDS, self._tick)

    def _is_good(self, host: str) -> bool:
        world, machine = self._world, self._world.machines[host]
        entries, told = world.etcd.entries, told_by(world, host)
        inventory = world.told_by(host)
        keys = (records.LOCK, records.CASE, records.HOST, records.FRESH)
        return (told is not None and _is_true(world, host, told) and machine.node.powered
                and records.ALIVE + host in entries and inventory is not None
                and not inventory.note and not inventory.storage_lost
                and not any(prefix + host in entries for prefix in keys)
                and not any(key.startswith(f'{records.RETURNED}{host}/') for key in entries)
                and not any(key.startswith(f'{records.EVENT}host/{host}') for key in entries)
                and world.nova.is_up(host) and world.nova.is_enabled(host)
                and all(cluster.answers(machine.node) for cluster in world.clusters.values())
                and machine.cores == CORES)

    def _aimed(self, item: Evacuation) -> None:
        world, now = self._world, self._world.kernel.now
        taken = world.machines[item.target].load
        if (taken.lies or now - taken.since < _SETTLED_SECONDS
                or now - self._etcd_well < _SETTLED_SECONDS or world.nova.lay.is_used):
            # Nor where zones and groups decide first.
            return
        moves = [each for each in world.every(Evacuation, records.EVACUATION)
                 if (each.recovery, each.instance) != (item.recovery, item.instance)]
        use = taken.use + _brought(each for each in moves if each.target == item.target
                                   and each.recovery == item.recovery and _is_counted(each))
        for host, since in sorted(self._good.items()):
            # What waits for its turn has its place there already.
            came = [each for each in moves if each.target == host
                    or each.phase in (Phase.WAITING, Phase.REFUSED)]
            if (host in (item.source, item.target) or host in item.tried
                    or now - since < _PLANNED_SECONDS or not self._has_room(host, [*came, item])):
                continue
            other = world.machines[host].load.use + _brought(came)
            if other + 2 * _TOLD_WITHIN < use:
                self._say('the least used is taken',
                          f'{item.name} is to go to {item.target}, of which {use:.0%} are used '
                          f'then, and not to {host}, of which {other:.0%} are')

    def _has_room(self, host: str, came: Sequence[Evacuation]) -> bool:
        """True if it has room even if nothing that was ever sent there is counted yet."""
        usage = self._world.nova.usage()[host]
        return (usage.cores_used + sum(each.cores for each in came) <= usage.cores
                and usage.memory_mb_used + sum(each.memory_mb for each in came) <= usage.memory_mb)


def _is_counted(item: Evacuation) -> bool:
    """True for what is on its way, or there, as long as its recovery goes on."""
    return item.phase in (Phase.QUEUED, Phase.CALLING, Phase.MOVING, Phase.DONE)


def _brought(items: Iterable[Evacuation]) -> float:
    """How much busier these make a host that has to take them for as busy as they may be."""
    return sum(item.cores / CORES + item.memory_mb / MEMORY_MB for item in items) / 2


def told_by(world: World, host: str) -> LiveUse | None:
    """What the store has of the live use of a host, under a lease."""
    entry = world.etcd.entries.get(records.USE + host)
    # A thief writes there what he likes.
    found = {host: entry} if entry is not None and entry.lease else {}
    return records.readable(LiveUse, found).get(host)


def untold(world: World) -> list[str]:
    """Hosts that beat and whose live use is not told as it is, or is told and nobody knows it."""
    return list(_untold(world)) if world.setup.live_weight is not None else []


def _untold(world: World) -> Iterator[str]:
    for host, machine in world.machines.items():
        told, beats = told_by(world, host), records.ALIVE + host in world.etcd.entries
        if beats and machine.node.powered and not machine.load.fails and (
                told is None or not _is_true(world, host, told)):
            yield f'{host} uses {machine.load.use:.0%}, and tells {told}'
        if told is not None and machine.load.fails:
            yield f'nobody knows how busy {host} is, and it is told'


def _is_true(world: World, host: str, told: LiveUse) -> bool:
    load = world.machines[host].load
    return not load.lies and (abs(told.cores_percent / 100 - load.cores) < _TOLD_WITHIN
                              and abs(told.memory_percent / 100 - load.memory) < _TOLD_WITHIN)
