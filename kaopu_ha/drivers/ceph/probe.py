# Licensed under the Apache License, Version 2.0 (the "License"); you may
# not use this file except in compliance with the License. You may obtain
# a copy of the License at
#
#      http://www.apache.org/licenses/LICENSE-2.0
#
# Unless required by applicable law or agreed to in writing, software
# distributed under the License is distributed on an "AS IS" BASIS, WITHOUT
# WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the
# License for the specific language governing permissions and limitations
# under the License.


"""Asks Ceph over the storage network which clients have images open, and whether they live.

The work is done in a warm child process for each cluster (``ceph_child``); a child that is over
its limit dies, and what it was to ask stays UNKNOWN.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent import futures
import time
from typing import Any, Self

from oslo_config import cfg

from kaopu_ha import checkup, ports
from kaopu_ha.conf import ceph as conf_ceph
from kaopu_ha.core import evidence, model
from kaopu_ha.core.addresses import NONE_KNOWN, Known
from kaopu_ha.core.checkup import Seen
from kaopu_ha.drivers import child
from kaopu_ha.drivers.ceph import probe_checks as ceph_checks

_CHILD = 'kaopu_ha.drivers.ceph.probe_child'


class Clusters:
    """A warm child for each cluster: by fsid, or '' for the only one, whose fsid may be unknown."""

    def __init__(self, clusters: Mapping[str, Mapping[str, Any]], module: str = _CHILD) -> None:
        self._children = {fsid: child.Child(module, settings)
                          for fsid, settings in clusters.items()}

    def of(self, fsid: str) -> child.Child:
        """The child for this cluster."""
        found = self._children.get(fsid) or self._children.get('')
        if found is None:
            raise ports.PortError(f'no access to cluster {fsid or "(any)"} is configured')
        return found

    def clients(self, images: Sequence[model.Image],
                limit: float) -> dict[model.Image, model.ImageAnswer]:
        """The clients of every image, or why they could not be asked; all clusters at once."""
        by_cluster: dict[str, list[model.Image]] = {}
        for image in sorted(set(images)):
            by_cluster.setdefault(image.cluster, []).append(image)
        if not by_cluster:
            return {}
        deadline = time.monotonic() + limit
        with futures.ThreadPoolExecutor(len(by_cluster)) as pool:
            parts = pool.map(
                lambda fsid: self._of_cluster(fsid, by_cluster[fsid], deadline), by_cluster)
            return {answer.image: answer for part in parts for answer in part}

    def close(self) -> None:
        """End the children."""
        for each in self._children.values():
            each.close()

    def _of_cluster(self, fsid: str, images: Sequence[model.Image],
                    deadline: float) -> list[model.ImageAnswer]:
        try:
            came = self.of(fsid).ask(
                'clients', deadline - time.monotonic(),
                images=[(image.cluster, image.pool, image.header) for image in images])
        except ports.PortError as failure:
            return [model.ImageAnswer(image, error=str(failure)) for image in images]
        return [_answer(image, each) for image, each in zip(images, came, strict=True)]


class CephProbe(ports.Probe, ports.ImageObserver, checkup.Checkable):
    """The storage network's probe."""

    network = model.Network.STORAGE
    options = {conf_ceph.GROUP: conf_ceph.OPTS}

    @classmethod
    def from_conf(cls, conf: cfg.ConfigOpts, store: ports.Store) -> Self:
        """Made as configured.  Raises ConfigError."""
        return cls(conf_ceph.access(conf), conf.host)

    def __init__(self, clusters: Mapping[str, Mapping[str, Any]], observer: str = '') -> None:
        """Take access to clusters by fsid (or ''): conf, user, and keyring if not in conf."""
        self._clusters = Clusters(clusters)
        self._access = clusters
        self._observer = observer

    def ask(self, suspects: Sequence[model.Inventory], peers: Sequence[model.Inventory],
            limit: float, known: Known = NONE_KNOWN) -> Mapping[str, model.Evidence]:
        """Ask the clients of every suspect's images.  Peers are not needed: the OSD answers."""
        images = sorted({image for suspect in suspects for image in suspect.images})
        answers = self.clients(images, limit)
        return {suspect.host: evidence.storage(
            suspect, [answers[image] for image in suspect.images], self._observer, known)
            for suspect in suspects}

    def clients(self, images: Sequence[model.Image],
                limit: float) -> Mapping[model.Image, model.ImageAnswer]:
        """List and actively ask the clients of every image."""
        return self._clusters.clients(images, limit)

    def checks(self, seen: Seen) -> tuple[checkup.Check, ...]:
        """The monitors of each cluster, and whether its pools may be asked."""
        return ceph_checks.checks(self._clusters.of, self._access, seen)

    def close(self) -> None:
        """End the child processes."""
        self._clusters.close()


class CephReader(ports.StorageReader):
    """What an agent reads of Ceph: ids, and whether the storage answers it."""

    @classmethod
    def from_conf(cls, conf: cfg.ConfigOpts, store: ports.Store) -> Self:
        """Made as configured.  Raises ConfigError."""
        return cls(conf_ceph.access(conf))

    def __init__(self, clusters: Mapping[str, Mapping[str, Any]]) -> None:
        """Take access to clusters, as ``CephProbe`` does."""
        self._clusters = Clusters(clusters)

    def fsid(self, limit: float, cluster: str = '') -> str:
        """The id of the configured cluster.  Raises PortError."""
        return str(self._clusters.of(cluster).ask('fsid', limit))

    def header_ids(self, pool: str, names: Sequence[str], limit: float,
                   cluster: str = '') -> dict[str, str]:
        """The header objects of images by name; unknown names are left out.  Raises PortError."""
        return dict(self._clusters.of(cluster).ask('header_ids', limit, pool=pool,
                                                   names=sorted(names)))

    def monitors(self, limit: float, cluster: str = '') -> tuple[str, ...]:
        """The addresses in the cluster's own map of monitors.  Raises PortError."""
        return tuple(self._clusters.of(cluster).ask('monitors', limit))

    def touch(self, image: model.Image, limit: float) -> None:
        """Have the storage answer an operation on the image's header.  Raises PortError."""
        self._clusters.of(image.cluster).ask('touch', limit, fsid=image.cluster, pool=image.pool,
                                             header=image.header)

    def clients(self, images: Sequence[model.Image],
                limit: float) -> Mapping[model.Image, model.ImageAnswer]:
        """List and actively ask the clients of every image."""
        return self._clusters.clients(images, limit)

    def close(self) -> None:
        """End the child processes."""
        self._clusters.close()


def _answer(image: model.Image, came: Mapping[str, Any]) -> model.ImageAnswer:
    clients = tuple(model.Client(address, client_id, acknowledged)
                    for address, client_id, acknowledged in came.get('clients', ()))
    return model.ImageAnswer(image, clients, came.get('error', ''), came.get('gone', False))
