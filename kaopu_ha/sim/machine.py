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

"""The false compute host: its power and boots, its libvirtd, its guests and what they have open."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
import enum
import functools

from kaopu_ha.core import model
from kaopu_ha.core.model import Power
from kaopu_ha.sim.ceph import Ceph, SimClient, SimDisk
from kaopu_ha.sim.kernel import Kernel
from kaopu_ha.sim.load import Load
from kaopu_ha.sim.network import Node


class Libvirtd(enum.Enum):
    """How a host's libvirtd is."""

    RUNNING = 'running'
    DEAD = 'dead'
    FROZEN = 'frozen'


@dataclass(eq=False)
class Guest:
    """A domain of a host.  ``run`` differs each time it is started; 0 while it is off.

    ``incoming``: its QEMU waits for a live migration.  ``made``: when Nova made its XML.
    ``crashed``: it is off by itself, as libvirt says until it is started, or the host is booted.
    ``stuck``: an I/O error paused it; ``got_stuck``: it did since it was started.  ``hung``: its
    watchdog paused it; ``got_hung`` likewise.
    """

    uuid: str
    name: str
    images: tuple[model.Image, ...]
    local_disks: tuple[str, ...] = ()
    power: Power = Power.OFF
    run: int = 0
    incoming: bool = False
    made: float = 0.0
    crashed: bool = False
    stuck: bool = False
    got_stuck: bool = False
    hung: bool = False
    got_hung: bool = False
    clients: list[SimClient] = field(default_factory=list)


class Machine:
    """A compute host.  Its verbs are what happens to hardware; Nova's are elsewhere."""

    def __init__(self, kernel: Kernel, name: str, number: int,
                 clusters: Mapping[str, Ceph]) -> None:
        self.kernel, self.name, self.clusters = kernel, name, dict(clusters)
        self.node = Node(name)
        self.addresses = [f'10.91.0.{number}']
        # Since when it has those that it did not begin with, and all that it ever had.
        self.address_since: dict[str, float] = {}
        self.had = set(self.addresses)
        self.uri = f'qemu+tcp://{name}/system'
        self.host_uuid = f'00000000-0000-4000-8000-{number:012}'
        self.cores, self.memory_mb = 16, 16384
        # Cores that are given to one instance each, beside the others.
        self.dedicated = 0
        self.libvirtd = Libvirtd.RUNNING
        self.guests: dict[str, Guest] = {}
        self.spawns = True
        # Of the clients that begin here: for so long a shared image's is not listed, or is mute.
        self.unlisted_seconds = self.mute_seconds = 0.0
        self.load = Load(kernel)
        # The system of the host is being shut down in good order.
        self.stopping = False
        # When its guests crashed, or got stuck, by instance.
        self.crashes: dict[str, list[float]] = {}
        # Guests of which each write fails; and who is told of each that is resumed for the program.
        self.failing: set[str] = set()
        # Those that crash soon after they come up here.
        self.falling: set[str] = set()
        self.asked_to_resume: Callable[[str], None] = lambda uuid: None
        self._boots, self._runs = 1, 0

    @property
    def boot_id(self) -> str:
        """Another one after each boot."""
        return f'{self.name}-boot-{self._boots}'

    # ------------------------------------------------------------ addresses

    @property
    def address(self) -> str:
        """The storage address that a client of it gets, if it has one only."""
        return self.addresses[0]

    @address.setter
    def address(self, address: str) -> None:
        self.addresses[0] = address
        self._has_since_now(address)

    def add_address(self, address: str) -> None:
        """Give it one more; harmless if it has that."""
        if address not in self.addresses:
            self.addresses.append(address)
            self._has_since_now(address)

    def _has_since_now(self, address: str) -> None:
        self.address_since[address] = self.kernel.now
        self.had.add(address)

    @property
    def used(self) -> tuple[str, ...]:
        """Every address at which Ceph sees it, or may soon.  A client keeps its own for life."""
        kept = {client.ip for guest in self.guests.values() for client in guest.clients}
        return tuple(sorted(kept | set(self.addresses)))

    def _source(self) -> str:
        """The address of a new client: the kernel takes one of those that lead there."""
        if len(self.addresses) == 1:
            return self.address
        return self.kernel.chance.choice(self.addresses)

    # ------------------------------------------------------------ power

    def power_off(self) -> None:
        """Cut the power: everything on it ends at once, and tells nobody."""
        self.node.powered = False
        for cluster in self.clusters.values():
            cluster.forget_dead(self.node)
            cluster.changed = True
        # What was migrating in is not defined yet.
        self.guests = {uuid: guest for uuid, guest in self.guests.items() if not guest.incoming}
        for guest in self.guests.values():
            guest.power, guest.run, guest.clients = Power.OFF, 0, []
            guest.crashed = guest.stuck = guest.hung = False

    def power_on(self) -> None:
        """Boot: the domains are defined, and off."""
        self._boots += 1
        self.node.powered, self.node.black, self.stopping = True, False, False
        self.libvirtd = Libvirtd.RUNNING

    # ------------------------------------------------------------ guests

    def define(self, uuid: str, name: str, images: tuple[model.Image, ...],
               local_disks: tuple[str, ...] = ()) -> Guest:
        """Have the domain known, off if it is new."""
        return self.guests.setdefault(uuid, Guest(uuid, name, images, local_disks,
                                                  made=self.kernel.now))

    def start(self, uuid: str, writes: bool = True) -> bool:
        """Start a domain; False if its disks can't be opened.  ``writes``: not until resumed."""
        guest = self.guests[uuid]
        if guest.run:
            return True
        self._runs += 1
        guest.run, guest.power, guest.incoming = self._runs, Power.ON, not writes
        guest.crashed = guest.got_stuck = guest.got_hung = False
        for image in guest.images:
            client = self._opened(guest, image, self._source(), writes)
            if client is None:
                self.stop(uuid)
                return False
            guest.clients.append(client)
        return True

    def resume(self, uuid: str) -> None:
        """Let an incoming guest write: its live migration has come over."""
        self.guests[uuid].incoming = False
        for client in self.guests[uuid].clients:
            client.writes = True
        self._changed()

    def attach(self, guest: Guest, image: model.Image) -> None:
        """Give a domain that runs one more disk."""
        guest.images = (*guest.images, image)
        client = self._opened(guest, image, self.address)
        if client is not None:
            guest.clients.append(client)

    def _opened(self, guest: Guest, image: model.Image, ip: str,
                writes: bool = True) -> SimClient | None:
        """A new client of the guest, that is slow at first if this machine is."""
        cluster = self.clusters[image.cluster]
        client = cluster.open(image, self.node, ip,
                              functools.partial(self._runs_still, guest, guest.run), writes)
        if client is not None and cluster.disks[image.header].shared:
            cluster.slow(client, self.unlisted_seconds, self.mute_seconds)
        return client

    def shared(self, guest: Guest) -> frozenset[model.Image]:
        """Those of the guest's images that others may have open as well."""
        disks = (self.clusters[image.cluster].disks.get(image.header) for image in guest.images)
        return frozenset(disk.image for disk in disks if disk is not None and disk.shared)

    def detach(self, guest: Guest, image: model.Image) -> None:
        """Take a disk from a domain; harmless if it has it not."""
        if image not in guest.images:
            return
        place = guest.images.index(image)
        if place < len(guest.clients):
            self.clusters[image.cluster].close(image, guest.clients.pop(place))
        guest.images = tuple(each for each in guest.images if each != image)

    def pause(self, uuid: str, paused: bool) -> None:
        """Pause or unpause a domain that runs."""
        guest = self.guests[uuid]
        guest.stuck = guest.hung = False
        if guest.run:
            guest.power = Power.PAUSED if paused else Power.ON

    def stop(self, uuid: str) -> None:
        """End the domain's QEMU; harmless if it is off."""
        guest = self.guests[uuid]
        for image, client in zip(guest.images, guest.clients, strict=False):
            self.clusters[image.cluster].close(image, client)
        guest.power, guest.run, guest.clients = Power.OFF, 0, []
        guest.stuck = guest.hung = False

    def stick(self, uuid: str) -> None:
        """Have an I/O error pause the domain: its QEMU and its clients go on."""
        if self.runs(uuid) and not self.guests[uuid].stuck:
            self.pause(uuid, True)
            self.guests[uuid].stuck = self.guests[uuid].got_stuck = True
            self.crashes.setdefault(uuid, []).append(self.kernel.now)

    def hang(self, uuid: str) -> None:
        """Have its watchdog pause the domain; nothing more of a guest that is paused already."""
        if self.runs(uuid) and not (self.guests[uuid].stuck or self.guests[uuid].hung):
            self.pause(uuid, True)
            self.guests[uuid].hung = self.guests[uuid].got_hung = True
            self.crashes.setdefault(uuid, []).append(self.kernel.now)

    def go_on(self, uuid: str, run: str) -> str:
        """Resume what an I/O error paused in this run; why it does not go on."""
        guest = self.guests.get(uuid)
        if guest is None or not guest.stuck or str(guest.run) != run:
            return 'it is not paused by an I/O error any more, or was started since'
        self.asked_to_resume(uuid)
        if uuid in self.failing:
            return 'an I/O error paused it again'
        self.pause(uuid, False)
        return ''

    def crash(self, uuid: str) -> None:
        """End the domain's QEMU, as nobody asked for."""
        self.stop(uuid)
        self.guests[uuid].crashed = True
        self.crashes.setdefault(uuid, []).append(self.kernel.now)

    def remove(self, uuid: str) -> bool:
        """Destroy and undefine a domain; False if there is none."""
        if uuid not in self.guests:
            return False
        self.stop(uuid)
        del self.guests[uuid]
        return True

    def can_flush(self, uuid: str) -> bool:
        """True if the guest's writes still reach its disks."""
        guest = self.guests[uuid]
        return all(client in self.clusters[image.cluster].writers(
            self.clusters[image.cluster].disks[image.header])
            for image, client in zip(guest.images, guest.clients, strict=False))

    def runs(self, uuid: str) -> bool:
        """True if the domain is on and its machine is."""
        guest = self.guests.get(uuid)
        return guest is not None and guest.run != 0

    def _runs_still(self, guest: Guest, run: int) -> bool:
        return guest.run == run

    def _changed(self) -> None:
        for cluster in self.clusters.values():
            cluster.changed = True


def writing_hosts(cluster: Ceph, disk: SimDisk, uuid: str, machines: Mapping[str, Machine],
                  unless: Callable[[SimClient], bool] = lambda client: False) -> set[str]:
    """From where the instance can write this disk now; who shares it may do so from elsewhere.

    ``unless``: True of a client that does not count.
    """
    writers = [client for client in cluster.writers(disk) if not unless(client)]
    if disk.shared:
        own = {client for machine in machines.values() if uuid in machine.guests
               for client in machine.guests[uuid].clients}
        writers = [client for client in writers if client in own]
    return {client.node.name for client in writers}


def hosts_of(uuid: str, machines: Mapping[str, Machine]) -> list[str]:
    """Where the instance runs: a QEMU that waits for a live migration does not run it."""
    return [name for name, machine in machines.items()
            if machine.runs(uuid) and not machine.guests[uuid].incoming]
