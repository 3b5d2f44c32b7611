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

"""Laws of moves, from the truth: targets that may be targets, calls that come in time, reasons that
are so, volumes that two share, hosts that are taken back clean, and nobody fenced but the dead."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
import re

from kaopu_ha import ports, records
from kaopu_ha.core.model import Case, Evacuation, Phase, Stage
from kaopu_ha.sim import daemon
from kaopu_ha.sim.ceph import SimClient, SimDisk
from kaopu_ha.sim.laws_fences import is_taken_back
from kaopu_ha.sim.laws_late import came_too_late, fenced_too_late
from kaopu_ha.sim.laws_policy import may_be_left
from kaopu_ha.sim.nova import SimServer
from kaopu_ha.sim.world import World, case_of

Say = Callable[[str, str], None]

_TICK_SECONDS = 0.5
# From what a leader read to what it wrote.
_WRITTEN_SECONDS = 3.0
# Until a host has told that it does not reach its storage.
_STORAGE_SECONDS = 14.0
# From the permit's yes to Nova, beside the time that Nova itself takes.
_WAY_SECONDS = 2.0
# What a user did so lately may cross what is decided; and so may what the host told of it.
_LATELY_SECONDS = 20.0
# Addresses of which a story says at its beginning that they are there.
_FIRST_SECONDS = 1.0
# Two asks of a worker, each with its limit; and among so many lines is what happened meanwhile.
_ASKED_SECONDS, _LINES = 4.0, 50
_GIVEN_UP = ('every other host was tried', 'targets were tried')


class Moves:
    """Looks at every evacuation that gets a target, or ends."""

    def __init__(self, world: World, say: Say) -> None:
        self._world, self._say = world, say
        # Since when each host is no target, for a reason that is written in the store.
        self._barred: dict[str, float] = {}
        # Since when a host does not reach a cluster.
        self._lost: dict[tuple[str, str], float] = {}
        # When a worker had leave for a call, and for how long one may be on its way from then.
        self._leaves: dict[str, list[tuple[float, float]]] = {}
        # Since when an address is on a blocklist, and held by a host that is not dead.
        self._hurt: dict[tuple[str, str], float] = {}
        self._tick()

    def sent(self, who: str, act: str) -> None:
        """A worker has leave to act, and will now."""
        if act.startswith('evacuate '):
            lasts = self._world.setup.times.claim_ttl + self._world.nova.slow_seconds
            self._leaves.setdefault(act, []).append((self._world.kernel.now, lasts))

    def asked(self, row: SimServer, target: str) -> None:
        """The API was asked to evacuate a server: by somebody whose leave was not over."""
        if came_too_late(self._world, f'evacuate {row.uuid}'):
            return
        now, leaves = self._world.kernel.now, self._leaves.get(f'evacuate {row.uuid}', [])
        if leaves and not any(now - at <= lasts + _WAY_SECONDS for at, lasts in leaves):
            self._say('an act comes in time', f'{row.name} is called for {now - leaves[-1][0]:.1f} '
                                              f's after there was leave to')

    def committed(self, who: str, writes: Sequence[ports.Put | ports.Delete],
                  before: Mapping[str, ports.Entry]) -> None:
        """Something was committed."""
        if not who.startswith(('controller', 'worker')):
            return
        for write in writes:
            entry = before.get(write.key)
            if isinstance(write, ports.Put) and write.key.startswith(records.EVACUATION):
                was = records.record(Evacuation, entry) if entry else None
                self._moved(was, records.record(Evacuation, write))
            if write.key.startswith(records.CASE) and entry is not None:
                self._taken_back(write, case_of(entry.value))

    # ------------------------------------------------------------ private

    def _note(self) -> None:
        """Since when who can be no target, as it is now."""
        world, now = self._world, self._world.kernel.now
        entries = world.etcd.entries
        barred = [host for host in world.machines
                  if not _beats(entries.get(records.ALIVE + host)) or records.LOCK + host in entries
                  or records.HOST + host in entries or host in world.nova.disabled]
        self._barred = {host: self._barred.get(host, now) for host in barred}
        lost = [(host, name) for host, machine in world.machines.items()
                for name, cluster in world.clusters.items() if not cluster.answers(machine.node)]
        self._lost = {one: self._lost.get(one, now) for one in lost}

    def _tick(self) -> None:
        world, now = self._world, self._world.kernel.now
        self._note()
        hurt = set(_hurt(world))
        self._hurt = {one: self._hurt.get(one, now) for one in hurt}
        for (host, entry), since in sorted(self._hurt.items()):
            if now - since > _LATELY_SECONDS and not fenced_too_late(world):
                self._say('only the dead are fenced', f'{host} lives, and {entry} is listed since '
                                                      f'{since:.1f} s')
        world.kernel.after(_TICK_SECONDS, self._tick)

    def _moved(self, was: Evacuation | None, item: Evacuation) -> None:
        if item.phase is Phase.QUEUED and item.target and (
                was is None or (was.phase, was.target) != (item.phase, item.target)):
            self._note()
            now = self._world.kernel.now
            lost = min((self._lost.get((item.target, image.cluster), now)
                        for image in item.images), default=now)
            if now - self._barred.get(item.target, now) > _WRITTEN_SECONDS:
                self._say('a target may be one', f'{item.name} is to go to {item.target}, which is '
                                                 f'held, locked, disabled or without a beat')
            if now - lost > _STORAGE_SECONDS:
                self._say('a target may be one', f'{item.name} is to go to {item.target}, which '
                                                 f'does not reach its storage since {lost:.1f} s')
        if item.phase.ended and (was is None or not was.phase.ended):
            row = self._world.nova.rows.get(item.instance)
            untrue = _untrue(self._world, item, row)
            if untrue and not (row and self._touched(row.name, item.source)):
                self._say('reasons are true', f'{item.name} is {item.phase.value}: {item.reason}: '
                                              f'{untrue}')

    def _touched(self, name: str, host: str) -> bool:
        """True if its user, or a person, did something to it lately, or when its host died."""
        case, since = self._world.case(host), self._world.kernel.now
        if case is not None and case.history:
            since = daemon.seconds(case.history[0].at)
        for line in reversed(self._world.timeline):
            if since - line.at > _LATELY_SECONDS:
                return False
            if line.who == 'world' and name in line.text.split():
                return True
        return False

    def _taken_back(self, write: ports.Put | ports.Delete, was: Case) -> None:
        """The step that takes the fence back: what was moved is not defined there any more."""
        if was.stage is not Stage.ADMITTING or was.admit is None or was.admit.unfenced or (
                isinstance(write, ports.Delete)):
            return
        case = case_of(write.value)
        if case.admit is None or not case.admit.unfenced:
            return
        machine, rows = self._world.machines[was.host], self._world.nova.rows
        moved = {item.instance for item in self._world.every(Evacuation, records.EVACUATION)
                 if item.recovery == was.recovery and item.phase is Phase.DONE}
        for uuid, guest in machine.guests.items():
            if uuid in moved and uuid in rows and rows[uuid].host != was.host and (
                    not self._touched(guest.name, was.host)):
                self._say('a host is taken back clean', f'{was.host} is unfenced, and has the '
                                                        f'domain of {guest.name}, which was moved')


def _beats(beat: ports.Entry | None) -> bool:
    """True if it lapses when its host dies; who else wrote it may have no such host."""
    return beat is not None and bool(beat.lease)


def _hurt(world: World) -> Iterator[tuple[str, str]]:
    """Hosts that are not confirmed dead, each with an address of its own that is listed.

    Not one that it took while the story went on: a newcomer to an address of the dead hurts
    itself only (decision 0035).
    """
    now = world.kernel.now
    for cluster in world.clusters.values():
        for entry, until in cluster.blocklist.items():
            if not entry.endswith(':0/0') or until <= now:
                continue
            address = entry.removesuffix(':0/0')
            for host, machine in world.machines.items():
                if address in machine.addresses and not world.confirmed(host) and (
                        not is_taken_back(world, host)) and (
                        machine.address_since.get(address, 0.0) < _FIRST_SECONDS):
                    yield host, entry


# ---------------------------------------------------------------- reasons


def _untrue(world: World, item: Evacuation, row: SimServer | None) -> str:
    """Why the reason that an evacuation ended with is not so; '' if it is."""
    if item.phase is Phase.DONE:
        return _not_there(world, item, row)
    if row is None:
        # It was deleted: whatever is said of it, nobody misses it.
        return ''
    for pattern, is_so in _REASONS:
        if re.search(pattern, item.reason):
            return '' if is_so(world, item, row) else 'it is not so'
    return 'nobody knows this reason'


def _not_there(world: World, item: Evacuation, row: SimServer | None) -> str:
    if row is None or not item.reason.startswith('active on'):
        return ''
    runs = world.machines[item.target].runs(item.instance) or not row.wanted or _went_off_lately(
        world, item.target)
    return '' if runs else f'it does not run on {item.target}'


def _went_off_lately(world: World, host: str) -> bool:
    """True if that happened while the worker still asked: what it saw before was so."""
    now = world.kernel.now
    return any(line.who == 'world' and now - line.at < _ASKED_SECONDS
               and line.text in (f'power off {host}', f'power on {host}', f'freeze {host}')
               for line in reversed(world.timeline[-_LINES:]))


def _is_off(world: World, item: Evacuation, row: SimServer) -> bool:
    """True if its user does not want it on, or asked for that, and nobody carried it out."""
    last = row.actions[-1].kind if row.actions else ''
    return not row.wanted or row.task_state == 'powering-off' or last == 'stop'


def _is_elsewhere(world: World, item: Evacuation, row: SimServer) -> bool:
    return row.host != item.source


def _is_left_to_others(world: World, item: Evacuation, row: SimServer) -> bool:
    return may_be_left(world, row)


def _is_shown(world: World, item: Evacuation, row: SimServer) -> bool:
    return row.vm_state in item.reason or row.vm_state in ('suspended', 'resized', 'building')


def _was_time(world: World, item: Evacuation, row: SimServer) -> bool:
    """True if it was tried for as long as it has to be, before it is given up."""
    rules = world.setup.times.rules
    return 30.0 * (2 ** item.rounds - 1) >= rules.give_up_seconds or (
        item.rounds * 600.0 >= rules.give_up_seconds)


# In their order; the first that is found in the reason decides.
_REASONS: tuple[tuple[str, Callable[[World, Evacuation, SimServer], bool]], ...] = (
    ('|'.join(_GIVEN_UP), _was_time),
    (r'was powered off|its user stopped it', _is_off),
    (r'opted out|nobody marked it|^left to ', _is_left_to_others),
    (r'not our doing', _is_elsewhere),
    (r'^on local disk', lambda world, item, row: bool(row.local_disks)),
    (r'it is suspended|neither confirmed nor reverted|was still being built|is not known$',
     _is_shown),
    (r'was being resized', lambda world, item, row: row.task_state.startswith('resize')),
    (r'never told of its disks|its disks are not known|never read the id of image'
     r'|was not fenced on cluster', lambda world, item, row: True),
    (r'nothing of it runs there|shows it stopped there|was stopped there',
     lambda world, item, row: row.host == item.target),
    (r'given up|ended by', lambda world, item, row: True))


# ---------------------------------------------------------------- shared volumes


def written_twice(world: World, disk: SimDisk, writers: Collection[SimClient]) -> str:
    """How one instance writes a volume that it shares with others from two hosts, of these that
    write it; '' if none does.
    """
    found: dict[str, list[str]] = {}
    for host, machine in world.machines.items():
        for uuid, guest in machine.guests.items():
            if any(client in writers for client in guest.clients):
                found.setdefault(uuid, []).append(host)
    return next((f'{disk.image.name} is written by {uuid} from {" and ".join(hosts)}'
                 for uuid, hosts in sorted(found.items()) if len(hosts) > 1), '')
