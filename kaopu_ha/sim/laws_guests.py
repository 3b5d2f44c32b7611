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

"""A guest that is stuck or hung, or a nova-compute that does not run, is told as long as it is so.

From the truth of the false world: what libvirt paused, and what runs.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from kaopu_ha import records
from kaopu_ha.core.model import OnCrash, OnHung, OnStuck
from kaopu_ha.core.protection import Reason
from kaopu_ha.core.restart import Restart
from kaopu_ha.sim.laws_returns import why_not_started
from kaopu_ha.sim.machine import Guest, Libvirtd
from kaopu_ha.sim.nova import SimServer
from kaopu_ha.sim.world import World

Say = Callable[[str, str], None]

# A host, why, and the name of an instance of it, '' for the host itself.
_Standing = tuple[str, Reason, str]

_LOOK_SECONDS = 5.0
# An agent's look, and one of the leader, which may have to wait for a host that is mute.
_LISTED_SECONDS = 45.0
# Before that an agent says nothing of a nova-compute: an upgrade stops it as well.
_GONE_SECONDS = 60.0
_REASONS = (Reason.STUCK, Reason.HUNG, Reason.COMPUTE_GONE)


class StandingIsTold:
    """Looks at guests, at nova-computes, and at the list of what is not protected.

    The time counts while nothing keeps the host's agent and the leader from looking.
    """

    def __init__(self, world: World, say: Say) -> None:
        self._world, self._say = world, say
        self._since: dict[_Standing, float] = {}
        self._wrong_since: dict[_Standing, float] = {}
        self._epoch = 0
        world.kernel.after(_LOOK_SECONDS, self._look)

    def _look(self) -> None:
        world, now = self._world, self._world.kernel.now
        seen = {host for host in world.machines if self._is_seen(host)} if self._calm() else set()
        there = {one for host in seen for one in _standing(world, host)}
        listed = set(_listed(world))
        self._since = {one: self._since.get(one, now) for one in there - listed}
        self._wrong_since = {one: self._wrong_since.get(one, now) for one in listed - there
                             if one[0] in seen}
        for one in sorted(self._since, key=str):
            limit = _LISTED_SECONDS + _GONE_SECONDS * (one[1] is Reason.COMPUTE_GONE)
            if now - self._since[one] > limit:
                self._say('what stands still is told', f'{_named(one)} since '
                          f'{self._since[one]:.0f} s, and it is not listed')
        for one, since in sorted(self._wrong_since.items(), key=str):
            if now - since > _LISTED_SECONDS:
                self._say('what is told is so', f'{_named(one)}: that is over since {since:.0f} s, '
                                                f'and listed still')
        world.kernel.after(_LOOK_SECONDS, self._look)

    def _calm(self) -> bool:
        """True if one controller leads and nothing keeps it from its looks."""
        world = self._world
        entry = world.etcd.entries.get(records.LEADER)
        former, self._epoch = self._epoch, entry.created if entry else 0
        return bool(self._epoch) and former == self._epoch and not (
            world.etcd.away or world.etcd.lost_answers or world.hangs.since or world.nova.away
            or world.nova.slow_seconds) and all(
                each.goes_on and each.node.on('management') for each in world.controllers)

    def _is_seen(self, host: str) -> bool:
        """True if its agent sees its guests, and what it tells arrives and is believed."""
        world, machine = self._world, self._world.machines[host]
        return (machine.node.on('management') and machine.libvirtd is Libvirtd.RUNNING
                and not machine.stopping and world.agents[host].goes_on
                and records.ALIVE + host in world.etcd.entries and world.case(host) is None
                and world.told_by(host) is not None)


def standing_still(world: World) -> list[str]:
    """What is stuck, or hung, in the end, and should not be, or is not told."""
    rules, found = world.setup.times.rules, []
    for row in world.nova.rows.values():
        machine = world.machines[row.host]
        guest = machine.guests.get(row.uuid)
        if guest is None or not machine.runs(row.uuid) or not (guest.stuck or guest.hung) or (
                world.case(row.host) is not None):
            continue
        left = rules.on_stuck is OnStuck.TELL if guest.stuck else rules.on_hung is not OnHung.REBOOT
        silent = guest.hung and rules.on_hung is OnHung.LEAVE
        told = silent or (row.host, _why(guest), row.name) in _listed(world)
        if not (told and (left or _held_up(world, row)) or why_not_started(world, row)):
            found.append(f'{row.name} on {row.host}: {_why(guest).value}'
                         f'{"" if told else ", and nobody tells so"}')
    return found


def _held_up(world: World, row: SimServer) -> bool:
    """True if its start waits, and says so, for a client that may be of the same instance."""
    record = world.record(Restart, records.RESTART + row.host)
    return any(start.instance == row.uuid and start.reason.startswith('a client of ')
               for start in (record.unsettled if record else ()))


def left_off(world: World, row: SimServer) -> str:
    """Why nobody starts an instance that went off by itself, last of all; '' if somebody does."""
    guest = world.machines[row.host].guests.get(row.uuid)
    left = guest and guest.crashed and world.setup.times.rules.on_crash is OnCrash.LEAVE
    return 'its guest crashed, and nobody asked for more' if left else ''


def _why(guest: Guest) -> Reason:
    return Reason.STUCK if guest.stuck else Reason.HUNG


def _standing(world: World, host: str) -> Iterator[_Standing]:
    machine = world.machines[host]
    for uuid, guest in machine.guests.items():
        if machine.runs(uuid) and (guest.stuck or (
                guest.hung and world.setup.times.rules.on_hung is not OnHung.LEAVE)):
            yield host, _why(guest), guest.name
    if not world.computes[host].started():
        yield host, Reason.COMPUTE_GONE, ''


def _listed(world: World) -> Iterator[_Standing]:
    entry = world.etcd.entries.get(records.UNPROTECTED)
    told = records.record(records.UnprotectedList, entry) if entry else None
    for item in told.items if told else ():
        if item.reason in _REASONS:
            yield from ((item.host, item.reason, name) for name in item.instances or ('',))


def _named(one: _Standing) -> str:
    host, reason, name = one
    return f'{name or "the nova-compute"} of {host}: {reason.value}'
