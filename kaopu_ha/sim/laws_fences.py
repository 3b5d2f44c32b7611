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


"""Fences are where the dead host is, all of it, and nowhere else.

Judged from the truth of the false world: which machine has, or had, which address.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
import math

from kaopu_ha import records
from kaopu_ha.core.addresses import lies_in
from kaopu_ha.core.model import Case, Evacuation, Recovery
from kaopu_ha.sim import daemon
from kaopu_ha.sim.ceph import Ceph, SimClient, SimDisk
from kaopu_ha.sim.laws_late import fenced_too_late
from kaopu_ha.sim.laws_life import told_until
from kaopu_ha.sim.machine import Machine
from kaopu_ha.sim.world import NETWORK, World

Say = Callable[[str, str], None]
_Kept = tuple[Recovery, Machine]

_LOOK_SECONDS = 1.0
# A proof is read back every few seconds: by then what came to a host is cut as well.
_GROWN_SECONDS = 12.0
# A leader may hang, and another may have to be elected.
_HELD_UP_SECONDS = 60.0
# An entry that ends sooner is librbd's own: it took a lock over.
_FOR_GOOD = 86400.0


def could_not_tell(world: World, client: SimClient) -> bool:
    """True of a client that was started on a fenced host, at an address that it had no time to
    tell: not until its order can have grown, for which some controller has to go on, and in no
    network of which people have told.  An address elsewhere is told only once a client has it.
    Nor at one that another host, which lives, uses as well.
    """
    case = world.case(client.node.name)
    machine = world.machines.get(client.node.name)
    if case is None or machine is None or not world.confirmed(case.host) or (
            client.since < daemon.seconds(case.history[0].at)):
        return False
    since = machine.address_since.get(client.ip, -math.inf)
    young = (world.kernel.now - client.since < _GROWN_SECONDS
             or not any(_goes_on(each, world.kernel.now) for each in world.controllers)
             or _untold(world, case, client) or _unseen(world, client))
    if is_used_elsewhere(world, case.host, client.ip):
        # Who lives there is not to be hurt: only who was seen before is refused (decision 0034).
        return True
    if lies_in(client.ip, [NETWORK]):
        return since > told_until(world, case) and young
    return max(since, _first_seen(world, client)) > told_until(world, case)


def _first_seen(world: World, client: SimClient) -> float:
    """Since when the host of the client has had one at this address."""
    return min(each.since for cluster in world.clusters.values() for disk in cluster.disks.values()
               for each in disk.clients if (each.node, each.ip) == (client.node, client.ip))


def _goes_on(process: daemon.Daemon, now: float) -> bool:
    """True if it has had the time to tell of an address, or to have an order grow by it."""
    return process.goes_on and now - process.since >= _GROWN_SECONDS


def _untold(world: World, case: Case, client: SimClient) -> bool:
    """True if it began after the last call, whose worker saw nobody, and the agent is dead or
    was just started: nobody else tells of an address (decision 0035).
    """
    if _goes_on(world.agents[case.host], world.kernel.now):
        return False
    own = {uuid for uuid, guest in world.machines[case.host].guests.items()
           if client in guest.clients}
    return any(client.since > daemon.seconds(item.attempts[-1].at)
               for item in world.every(Evacuation, f'{records.EVACUATION}{case.recovery}/')
               if item.instance in own and item.attempts)


def _unseen(world: World, client: SimClient) -> bool:
    """True if its cluster hung before a leader had to have looked, and until nobody listed it any
    more."""
    return any(client in disk.clients and 0.0 <= cluster.hung_at - client.since < _GROWN_SECONDS
               and cluster.hung_at < client.listed_until <= cluster.went_on_at
               for cluster in world.clusters.values() for disk in cluster.disks.values())


def untold_clients(world: World, host: str, cluster: Ceph, header: str) -> list[str]:
    """The host's clients of the image at addresses that it had no time to tell, or that another
    host uses as well: each is to be refused by its nonce, if not with its address (decisions 0034
    and 0035).  Not those that may begin unseen: see ``could_not_tell``; nor those that nobody can
    tell from another host's.
    """
    machine, case, disk = world.machines[host], world.case(host), cluster.disks.get(header)
    if case is None or disk is None:
        return []
    until = told_until(world, case)
    return sorted({client.address for client in disk.clients
                   if client.node.name == host and not could_not_tell(world, client)
                   and f'{client.ip}:0/0' not in cluster.blocklist
                   and (is_used_elsewhere(world, host, client.ip)
                        if machine.address_since.get(client.ip, -math.inf) < until
                        else not _passes_for_anothers(world, host, cluster, disk, client))})


def _passes_for_anothers(world: World, host: str, cluster: Ceph, disk: SimDisk,
                         client: SimClient) -> bool:
    """True of a client at an address of another host, where its own told nobody of it, if that one
    has the disk open there, too, or if Ceph lists the client no more (decision 0087).
    """
    return is_used_elsewhere(world, host, client.ip) and (
        any(each.ip == client.ip and each.node is not client.node for each in disk.clients)
        or client.address not in {each.address for each in cluster.watchers(disk)})


def is_used_elsewhere(world: World, host: str, address: str) -> bool:
    """True if a client of another host, that lives, is or may be at this address: it must not be
    hurt.  It may be where that host had the address, and nobody can read that it has it no more.
    """
    return any(_is_at(world, machine, address) for name, machine in world.machines.items()
               if name != host and not world.confirmed(name))


def _is_at(world: World, machine: Machine, address: str) -> bool:
    told = world.told_by(machine.name)
    return machine.node.powered and address in machine.used or address in machine.had and (
        told is None or address in told.storage_addresses)


def is_taken_back(world: World, host: str) -> bool:
    """True while its admission is not over: what is still listed of it goes when that goes on.

    Also when it was lost meanwhile: it is judged like any other, and its beat lets that go on.
    """
    case = world.case(host)
    return case is not None and case.admit is not None


def is_vouched_for(world: World, host: str) -> bool:
    """True if a person's word stands for the host's fence, and the host is off."""
    case = world.case(host)
    found = world.record(Recovery, records.RECOVERY + case.recovery) if case is not None else None
    return found is not None and found.word is not None and not world.machines[host].node.powered


class Fences:
    """Nobody is fenced at a living host's address; a host is fenced at each that it tells of; and
    nobody's lie holds a fence up.

    The time counts while etcd answers: a proof that nobody can read is leave for nothing.
    """

    def __init__(self, world: World, say: Say) -> None:
        self._world, self._say = world, say
        # Since when something is wrong, by what it is.
        self._since: dict[str, float] = {}
        # The clients that were listed by their nonces at the last look.
        self._cut: frozenset[tuple[str, str]] = frozenset()
        world.kernel.after(_LOOK_SECONDS, self._look)

    def _look(self) -> None:
        for what in () if fenced_too_late(self._world) else self._hurt():
            self._say('the living are not fenced', what)
        recoveries = list(self._recoveries())
        self._last('fenced where it is', self._unfenced(recoveries), _GROWN_SECONDS)
        self._last('no lie holds a fence up', self._held_up(recoveries), _HELD_UP_SECONDS)
        self._world.kernel.after(_LOOK_SECONDS, self._look)

    def _last(self, law: str, found: Iterator[str], limit: float) -> None:
        """Say what was found at each look for longer than it may be so."""
        now, etcd = self._world.kernel.now, self._world.etcd
        found_now = {} if etcd.away else {f'{law}: {what}': what for what in found}
        self._since = {key: at for key, at in self._since.items()
                       if key in found_now or not key.startswith(f'{law}: ')}
        for key, what in found_now.items():
            if now - self._since.setdefault(key, now) > limit:
                self._say(law, f'{what}, for {now - self._since[key]:.0f} s')

    def _hurt(self) -> Iterator[str]:
        """Living hosts at an address of which every client is refused, and no dead host had it."""
        listed = self._listed()
        if not listed:
            return
        machines = self._world.machines.values()
        dead = [machine for machine in machines if self._world.confirmed(machine.name)
                or is_taken_back(self._world, machine.name)]
        guilty = {address for machine in dead for address in machine.had}
        for machine in machines:
            for address in () if machine in dead else machine.used:
                if address in listed and address not in guilty:
                    yield f'{machine.name} lives, and {address} is fenced'
        yield from self._cut_of(machine for machine in machines if machine not in dead)

    def _cut_of(self, living: Iterable[Machine]) -> Iterator[str]:
        """Clients that are cut now, of hosts that told of their address and of their guest."""
        entries = frozenset((fsid, entry) for fsid, cluster in self._world.clusters.items()
                            for entry in cluster.blocklist if not entry.endswith(':0/0'))
        new, self._cut = entries - self._cut, entries
        for machine in living if new else ():
            told = self._world.told_by(machine.name)
            known = {one.uuid for one in told.instances} if told else ()
            opened = ((guest, *pair) for uuid, guest in machine.guests.items() if uuid in known
                      for pair in zip(guest.images, guest.clients, strict=False))
            for guest, image, client in opened:
                if told and client.ip in told.storage_addresses and (
                        image.cluster, client.address) in new:
                    yield f'{machine.name} lives, and {client.address} of {guest.name} is cut'

    def _unfenced(self, recoveries: Iterable[_Kept]) -> Iterator[str]:
        """Addresses that a fenced host told of, and truly has, at which it is not fenced."""
        for recovery, machine in recoveries:
            if records.PROOF + recovery.id not in self._world.etcd.entries or recovery.word:
                continue
            told = self._world.told_by(machine.name)
            for address in set(told.storage_addresses if told else ()) & set(machine.addresses):
                if self._sole(machine, address) and not all(
                        self._world.clusters[order.cluster].lists(address)
                        for order in recovery.orders if order.addresses):
                    yield f'the fence of {machine.name} is proven, and is not at {address}'

    def _held_up(self, recoveries: Iterable[_Kept]) -> Iterator[str]:
        """Fences that wait because somebody else says that the address is his, which it is not."""
        for recovery, machine in recoveries:
            if recovery.stage.fencing and recovery.refused and all(
                    self._sole(machine, address) and lies_in(address, [NETWORK])
                    and not self._a_monitors(address) for address in machine.had):
                yield f'{machine.name} is not fenced: {recovery.refused[0]}'

    def _recoveries(self) -> Iterator[_Kept]:
        """Those that keep their fence, each with its host."""
        for recovery in self._world.every(Recovery, records.RECOVERY):
            case = self._world.case(recovery.host)
            if case is not None and case.recovery == recovery.id and case.admit is None:
                yield recovery, self._world.machines[recovery.host]

    def _sole(self, machine: Machine, address: str) -> bool:
        return not any(address in other.had for other in self._world.machines.values()
                       if other is not machine)

    def _a_monitors(self, address: str) -> bool:
        return any(address in cluster.monitors_at for cluster in self._world.clusters.values())

    def _listed(self) -> set[str]:
        """The addresses at which every client is refused for good."""
        until = self._world.kernel.now + _FOR_GOOD
        return {entry.removesuffix(':0/0') for cluster in self._world.clusters.values()
                for entry, ends in cluster.blocklist.items()
                if ends > until and entry.endswith(':0/0')}
