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

"""The false Ceph: images, their clients, who may write, the blocklist.

A client writes if its machine runs, reaches the cluster, and is not listed; on an image with
exclusive-lock, one that was refused once stays refused, and one without it writes again as soon
as it may (both measured).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
import functools
import math

from kaopu_ha import ports
from kaopu_ha.core import evidence, model
from kaopu_ha.core.addresses import NONE_KNOWN, Known
from kaopu_ha.sim.kernel import Kernel
from kaopu_ha.sim.network import Node, reaches

_WATCHER_SECONDS = (25.6, 29.1)
# So many clients a cluster never has.
_NONCES_MAX = 1_000_000
LATENCY = 0.003
# An OSD that waits for acknowledgements ends before the limit, which is not in whole seconds.
_LEFT_BY_SILENCE = 0.5


@dataclass(eq=False)
class SimClient:
    """A librbd client: a QEMU's, or (``writes`` is False) one that only reads.

    Until ``listed_from`` it is not listed, and does not write; until ``mute_until`` it does not
    acknowledge.
    """

    node: Node
    address: str
    running: Callable[[], bool]
    writes: bool = True
    spoiled: bool = False
    listed_until: float = 0.0
    was_connected: bool = True
    since: float = 0.0
    listed_from: float = 0.0
    mute_until: float = 0.0

    @functools.cached_property
    def ip(self) -> str:
        """The address without nonce."""
        return model.Client(self.address, 0, False).ip


@dataclass(eq=False)
class SimDisk:
    """An RBD image with those who have it open.  ``shared``: several instances may write it."""

    image: model.Image
    exclusive: bool
    shared: bool = False
    clients: list[SimClient] = field(default_factory=list)


class Ceph:
    """One cluster."""

    def __init__(self, kernel: Kernel, fsid: str, number: int = 0) -> None:
        self.kernel, self.fsid = kernel, fsid
        self.node = Node(f'ceph {fsid}')
        self.quorum, self.hung = True, False
        # When it hung last, and when it went on.
        self.hung_at = self.went_on_at = -math.inf
        # The monitors take no command that changes the blocklist: for ever, or until mended.
        self.refuses = self.refuses_for_ever = False
        # Addresses at which a monitor of it is: what is there must not be cut.
        self.monitors_at: set[str] = set()
        # Hosts of which no driver can make anything: it raises what no port promises.
        self.chokes: set[str] = set()
        self._changed = True
        self.disks: dict[str, SimDisk] = {}
        self.blocklist: dict[str, float] = {}
        self.removed_at: dict[str, float] = {}
        # A real one is drawn by chance: no two clients have the same, on whatever clusters.
        self._nonces = number * _NONCES_MAX

    @property
    def changed(self) -> bool:
        """Set by whatever may change who can write; whoever judges that clears it."""
        return self._changed

    @changed.setter
    def changed(self, changed: bool) -> None:
        self._changed = changed
        self.kernel.stirred |= changed

    def create(self, name: str, exclusive: bool) -> model.Image:
        """A new image."""
        image = model.Image(self.fsid, 'vms', name, f'{self.fsid}-{name}')
        self.disks[image.header] = SimDisk(image, exclusive)
        return image

    def open(self, image: model.Image, node: Node, ip: str, running: Callable[[], bool],
             writes: bool = True) -> SimClient | None:
        """Open an image; None if it is refused.  Takes a dead client's lock as librbd does."""
        disk = self.disks.get(image.header)
        self._nonces += 1
        client = SimClient(node, f'{ip}:0/{self._nonces}', running, writes, since=self.kernel.now)
        if disk is None or not self.admits(node) or self._is_listed(client):
            return None
        if disk.exclusive and writes:
            for other in disk.clients:
                if not self._connected(other):
                    self.add_to_blocklist(other.address, 3600.0)
        disk.clients.append(client)
        self.changed = True
        return client

    def slow(self, client: SimClient, unlisted_seconds: float, mute_seconds: float) -> None:
        """Have it listed so late, and mute for so long, from now on."""
        client.listed_from = self.kernel.now + unlisted_seconds
        client.mute_until = self.kernel.now + mute_seconds
        if unlisted_seconds:
            self.kernel.after(unlisted_seconds, self._is_over)

    def close(self, image: model.Image, client: SimClient) -> None:
        """The client is gone."""
        disk = self.disks.get(image.header)
        if disk is not None and client in disk.clients:
            disk.clients.remove(client)
            self.changed = True

    def add_to_blocklist(self, entry: str, seconds: float) -> None:
        """List an address with nonce, or with ``0/0`` for every client at it.

        Whoever lists it again says anew until when: who breaks a dead client's lock, for an hour.
        """
        until = self.kernel.now + seconds
        if until < self.blocklist.get(entry, 0.0):
            self.removed_at[entry] = self.kernel.now
        self.blocklist[entry] = until
        self.changed = True
        self.kernel.after(seconds, self._is_over)

    def remove_from_blocklist(self, entry: str) -> None:
        """List it no more."""
        if self.blocklist.pop(entry, None) is not None:
            self.removed_at[entry] = self.kernel.now
        self.changed = True

    def answers(self, node: Node) -> bool:
        """True if an operation of this machine is answered in time."""
        return not self.hung and reaches(node, self.node, 'storage')

    def admits(self, node: Node) -> bool:
        """True if a new client of this machine comes in: the monitors answer it, and the OSDs."""
        return self.quorum and self.answers(node)

    def lists(self, ip: str) -> bool:
        """True if every client at this address is refused."""
        return self.blocklist.get(f'{ip}:0/0', 0.0) > self.kernel.now

    def writers(self, disk: SimDisk) -> list[SimClient]:
        """Those who can write at this moment."""
        return [client for client in disk.clients if client.writes and self._connected(client)
                and not client.spoiled and not self._is_listed(client)
                and client.listed_from <= self.kernel.now]

    def settle(self) -> None:
        """Have every client learn what changed: who is listed, who lost its connection when."""
        for disk in self.disks.values():
            self._settle(disk)

    def watchers(self, disk: SimDisk) -> list[model.Client]:
        """Who is listed, and whether it acknowledges when it is asked."""
        self._settle(disk)
        found = []
        for number, client in enumerate(disk.clients):
            if client.listed_from > self.kernel.now:
                continue
            alive = self.lives(client)
            if alive or self._is_mute(client) or (
                    self.kernel.now < client.listed_until and not self._is_listed(client)):
                found.append(model.Client(client.address, number + 1, alive))
        return found

    def lives(self, client: SimClient) -> bool:
        """True if it acknowledges an ask."""
        return (self._connected(client) and not self._is_listed(client) and not client.spoiled
                and max(client.listed_from, client.mute_until) <= self.kernel.now)

    def _is_mute(self, client: SimClient) -> bool:
        """True if it is there, and will answer in a while."""
        return (self.kernel.now < client.mute_until and self._connected(client)
                and not self._is_listed(client))

    def is_cut(self, client: SimClient) -> bool:
        """True if it is refused, or was once and has an image that it never writes again."""
        return client.spoiled or self._is_listed(client)

    def forget_dead(self, node: Node) -> None:
        """The power of a machine went: its clients stay listed for a while, then they are gone."""
        for disk in self.disks.values():
            for client in [each for each in disk.clients if each.node is node]:
                self.kernel.after(_WATCHER_SECONDS[1],
                                  functools.partial(self.close, disk.image, client))

    def _settle(self, disk: SimDisk) -> None:
        for client in disk.clients:
            connected = self._connected(client)
            if connected and disk.exclusive and self._is_listed(client):
                client.spoiled = True
            if client.was_connected and not connected:
                client.listed_until = self.kernel.now + self.kernel.chance.uniform(
                    *_WATCHER_SECONDS)
            client.was_connected = connected

    def _is_over(self) -> None:
        self.changed = True

    def _connected(self, client: SimClient) -> bool:
        return client.running() and reaches(client.node, self.node, 'storage')

    def _is_listed(self, client: SimClient) -> bool:
        now = self.kernel.now
        return any(self.blocklist.get(entry, 0.0) > now
                   for entry in (client.address, f'{client.ip}:0/0'))


class SimCeph(ports.Probe, ports.ImageObserver, ports.StorageReader):
    """What a machine, at its address if it has one, asks of the clusters.

    As a client of librados it keeps the address under which it met a cluster.  Once it finds itself
    on the blocklist it is left for a new one, that meets the cluster at the address of then.
    ``heard`` is told each host that is said to live, and whether a client of it answered,
    ``listed`` each answer, and ``could_ask`` is whether this observer could have heard the last
    time it asked: for whoever checks the verdicts.
    """

    network = model.Network.STORAGE

    def __init__(self, clusters: Mapping[str, Ceph], node: Node,
                 heard: Callable[[str, bool], None] = lambda host, true: None,
                 address: Callable[[], str] = str,
                 listed: Callable[[model.ImageAnswer], None] = lambda answer: None) -> None:
        self._clusters, self._node = dict(clusters), node
        self._heard, self._listed = heard, listed
        self._address = address
        self._met: dict[str, str] = {}
        self.kernel = next(iter(clusters.values())).kernel
        self.sick, self.could_ask = False, True

    def ask(self, suspects: Sequence[model.Inventory], peers: Sequence[model.Inventory],
            limit: float, known: Known = NONE_KNOWN) -> Mapping[str, model.Evidence]:
        """As promised."""
        choke(self._clusters, [*suspects, *peers])
        images = sorted({image for suspect in suspects for image in suspect.images})
        answered = self._is_answered()
        answers = self.clients(images, limit)
        # A cluster may go on just when it is asked.
        self.could_ask = answered or self._is_answered()
        found = {suspect.host: evidence.storage(
            suspect, [answers[image] for image in suspect.images], self._node.name, known)
            for suspect in suspects}
        for suspect in suspects:
            if found[suspect.host].sign is model.Sign.LIFE:
                self._heard(suspect.host, any(
                    client.acknowledged and client.ip in suspect.storage_addresses
                    for image in suspect.images for client in answers[image].clients))
        return found

    def clients(self, images: Sequence[model.Image],
                limit: float) -> Mapping[model.Image, model.ImageAnswer]:
        """As promised: an error takes the whole limit, silence leaves some of it, and life takes
        milliseconds.
        """
        self.kernel.sleep(LATENCY)
        answers = {image: self._clients_of(image) for image in images}
        if any(answer.error for answer in answers.values()):
            self.kernel.sleep(limit - LATENCY)
        elif any(not client.acknowledged for answer in answers.values()
                 for client in answer.clients):
            self.kernel.sleep(limit - _LEFT_BY_SILENCE - LATENCY)
        for answer in answers.values():
            self._listed(answer)
        return answers

    def _is_answered(self) -> bool:
        return not self.sick and any(cluster.answers(self._node)
                                     for cluster in self._clusters.values())

    def _clients_of(self, image: model.Image) -> model.ImageAnswer:
        cluster = self._clusters.get(image.cluster)
        if self.sick or cluster is None or not cluster.answers(self._node):
            return model.ImageAnswer(image, error='timed out')
        if self._is_refused(cluster):
            return model.ImageAnswer(image, error='this client is on the blocklist')
        disk = cluster.disks.get(image.header)
        if disk is None:
            return model.ImageAnswer(image, error='no such object', gone=True)
        return model.ImageAnswer(image, tuple(cluster.watchers(disk)))

    def could_hear(self, image: model.Image, client: SimClient) -> bool:
        """True if this client would acknowledge now, if it were asked, and be heard here."""
        cluster = self._clusters[image.cluster]
        return not self.sick and cluster.answers(self._node) and cluster.lives(client)

    def could_read(self, image: model.Image) -> bool:
        """True if this image could be asked about now, whoever has it open."""
        cluster = self._clusters.get(image.cluster)
        return not self.sick and cluster is not None and cluster.answers(self._node)

    # ------------------------------------------------------------ an agent's reading

    def fsid(self, limit: float, cluster: str = '') -> str:
        """As promised."""
        return self._read(cluster, limit).fsid

    def header_ids(self, pool: str, names: Sequence[str], limit: float,
                   cluster: str = '') -> Mapping[str, str]:
        """As promised."""
        found = self._read(cluster, limit)
        return {disk.image.name: header for header, disk in found.disks.items()
                if disk.image.name in names}

    def touch(self, image: model.Image, limit: float) -> None:
        """As promised."""
        if image.header not in self._read(image.cluster, limit).disks:
            raise ports.PortError('no such object')

    def _read(self, fsid: str, limit: float) -> Ceph:
        only = next(iter(self._clusters)) if len(self._clusters) == 1 else ''
        cluster = self._clusters.get(fsid or only)
        self.kernel.sleep(LATENCY)
        if cluster is None:
            raise ports.PortError(f'no access to cluster {fsid} is configured')
        if not cluster.answers(self._node):
            self.kernel.sleep(limit - LATENCY)
            raise ports.PortError('timed out')
        if self._is_refused(cluster):
            raise ports.PortError('this client is on the blocklist')
        return cluster

    def _is_refused(self, cluster: Ceph) -> bool:
        refused = cluster.lists(self._met.setdefault(cluster.fsid, self._address()))
        if refused:
            del self._met[cluster.fsid]
        return refused

    def close(self) -> None:
        """Nothing is held."""


def choke(clusters: Mapping[str, Ceph], inventories: Iterable[model.Inventory]) -> None:
    """Raise what no port promises, if one of these hosts is odd."""
    odd = {host for cluster in clusters.values() for host in cluster.chokes}
    for inventory in inventories:
        if inventory.host in odd:
            raise ValueError(f'{inventory.host} tells what nobody understands')
