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

"""What a host knows of its own storage: clusters, header objects, and its sign.

The sign is LIFE if the cluster answered a read of this host: of one of its images' headers, or, if
it has none, of a name that needs not exist.  A read that used up its time is SILENCE; one that
failed sooner is trouble of our own, UNKNOWN.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
import time

from kaopu_ha import ports
from kaopu_ha.agent.owners import CephCluster as CephCluster
from kaopu_ha.agent.owners import Owners
from kaopu_ha.core import model

# An image that nobody has: that the cluster says so is an answer.
_NOBODY = 'kaopu-ha'
# A failure that took less than this share of its time was no silence.
_SILENCE_SHARE = 0.5
# An id belongs to one image for ever, but a rebuilt instance has a new image of the old name.
_FRESH_SECONDS = 600.0
# A pool that is not read for so long, while its cluster answers, may not be read.
_BARRED_SECONDS = 30.0
# How the system calls EPERM and EACCES: such a pool is barred, and need not be tried again.
_BARRED = ('not permitted', 'denied')

# The images of a domain, and those of its disks whose cluster is not known.
Images = tuple[tuple[model.Image, ...], tuple[str, ...]]


class OwnStorage:
    """Reads the host's own clusters, and keeps what does not change.  For one thread."""

    def __init__(self, reader: ports.StorageReader, clusters: Sequence[CephCluster], *,
                 limit: float = 4.0, clock: Callable[[], float] = time.monotonic) -> None:
        """Take the clusters, and the limit of each call to one."""
        self._reader, self._clusters = reader, tuple(clusters)
        self._limit, self._clock = limit, clock
        self._fsid = ''
        self._owners = Owners(reader, clusters, limit=limit, clock=clock)
        self._headers: dict[tuple[str, str, str], str] = {}
        self._read_for: dict[tuple[str, str, str], tuple[str, float]] = {}
        # Since when images of a pool are not read though its cluster answers, and why.
        self._unread: dict[tuple[str, str], tuple[float, str]] = {}
        # What was made of each domain, by UUID: it is wanted four times in each look at the host,
        # and stays until the domain does not, or something that is known of the clusters.
        self._made: dict[str, tuple[ports.Domain, Images]] = {}

    @property
    def unread(self) -> str:
        """The pools that are not read, though their clusters answer, and why; or ''."""
        return '; '.join(f'in pool {pool} of cluster {fsid}: {why}'
                         for (fsid, pool), (since, why) in sorted(self._unread.items())
                         if self._clock() - since >= _BARRED_SECONDS
                         or any(word in why for word in _BARRED))

    def learn(self, inventory: model.Inventory) -> None:
        """Take over what the former agent knew; it is read again, but kept if it can't be."""
        for instance in inventory.instances:
            for image in instance.images:
                if image.header:
                    self._headers.setdefault((image.cluster, image.pool, image.name), image.header)
        if len(self._clusters) == 1 and len(inventory.storage) == 1:
            self._fsid = self._fsid or next(iter(inventory.storage))
        self._made.clear()

    def images(self, domain: ports.Domain) -> Images:
        """The domain's images, and those of its disks whose cluster is not known.

        The header is '' while it could not be read: such an image can't be asked, and that holds
        its instance back.
        """
        of, made = self._made.get(domain.uuid, (None, None))
        if made is None or of is not domain:
            made = self._make(domain)
            self._made[domain.uuid] = domain, made
        return made

    def signs(self, domains: Iterable[ports.Domain]) -> dict[str, model.Sign]:
        """The host's own sign for each cluster whose fsid is known, by fsid."""
        images = [image for domain in domains for image in self.images(domain)[0] if image.header]
        signs = {}
        for cluster in self._clusters:
            sign = self._sign(cluster, images)
            if sign is model.Sign.LIFE:
                self._owners.ask(cluster, cluster.fsid)
            else:
                # A cluster that is away is told by its sign.
                self._unread = {key: one for key, one in self._unread.items()
                                if key[0] != self._known(cluster)}
            if self._known(cluster):
                signs[self._known(cluster)] = sign
        self._made.clear()
        return signs

    def read_headers(self, domains: Sequence[ports.Domain]) -> None:
        """Read the header objects that are new or due; one that can't be read stays as it was."""
        wanted: dict[tuple[str, str], dict[str, str]] = {}
        used: set[tuple[str, str, str]] = set()
        for domain in domains:
            for image in self.images(domain)[0]:
                used.add((image.cluster, image.pool, image.name))
                if self._is_due(image, domain):
                    names = wanted.setdefault((image.cluster, image.pool), {})
                    names[image.name] = domain.run
        self._forget_others(used)
        self._made = {domain.uuid: self._made[domain.uuid] for domain in domains}
        self._owners.forget_others({(disk.pool, disk.image)
                                    for domain in domains for disk in domain.disks})
        for (fsid, pool), runs in sorted(wanted.items()):
            self._read(fsid, pool, runs)

    def read(self, cluster: CephCluster, images: Iterable[model.Image] = ()) -> None:
        """Have the cluster answer a read.  Raises PortError if it did not."""
        fsid = self._known(cluster) or self._reader.fsid(self._limit, cluster.fsid)
        if not cluster.fsid:
            self._fsid = fsid
            self._made.clear()
        for image in images:
            if image.cluster == fsid:
                return self._reader.touch(image, self._limit)
        self._reader.header_ids(cluster.pool, [_NOBODY], self._limit, cluster=fsid)
        return None

    # ------------------------------------------------------------ private

    def _make(self, domain: ports.Domain) -> Images:
        found, lost = [], []
        for disk in domain.disks:
            cluster = self._owners.of(disk)
            key = self._known(cluster) if cluster else '', disk.pool, disk.image
            if key[0]:
                found.append(model.Image(*key, self._headers.get(key, '')))
            else:
                lost.append(f'rbd:{disk.pool}/{disk.image} ({_why_lost(cluster, disk)})')
        return tuple(sorted(found)), tuple(lost)

    def _known(self, cluster: CephCluster) -> str:
        return cluster.fsid or self._fsid

    def _sign(self, cluster: CephCluster, images: Sequence[model.Image]) -> model.Sign:
        # Twice: the first failure may be of an image that is gone, or of a broken connection.
        for tried in (images, ()):
            began = self._clock()
            try:
                self.read(cluster, tried)
                return model.Sign.LIFE
            except ports.PortError:
                self._read_for.clear()
                if self._clock() - began >= self._limit * _SILENCE_SHARE:
                    return model.Sign.SILENCE
        return model.Sign.UNKNOWN

    def _is_due(self, image: model.Image, domain: ports.Domain) -> bool:
        run, since = self._read_for.get((image.cluster, image.pool, image.name), (None, 0.0))
        return (not image.header or run != domain.run
                or self._clock() - since >= _FRESH_SECONDS)

    def _read(self, fsid: str, pool: str, runs: dict[str, str]) -> None:
        try:
            found = self._reader.header_ids(pool, sorted(runs), self._limit, cluster=fsid)
        except ports.PortError as failure:
            since, _ = self._unread.get((fsid, pool), (self._clock(), ''))
            self._unread[fsid, pool] = since, str(failure)
            return
        self._unread.pop((fsid, pool), None)
        self._made.clear()
        for name, run in runs.items():
            key = fsid, pool, name
            self._headers.pop(key, None)
            if name in found:
                self._headers[key] = found[name]
            self._read_for[key] = run, self._clock()

    def _forget_others(self, used: set[tuple[str, str, str]]) -> None:
        self._headers = {key: self._headers[key] for key in self._headers if key in used}
        self._read_for = {key: self._read_for[key] for key in self._read_for if key in used}
        pools = {key[:2] for key in used}
        self._unread = {key: one for key, one in self._unread.items() if key in pools}


def _why_lost(cluster: CephCluster | None, disk: ports.Disk) -> str:
    if cluster is None and disk.monitors:
        return f'on no cluster of [ceph] conf: its monitors are {", ".join(disk.monitors)}'
    return 'its cluster is not known'
