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

The work is done in warm child processes, one for each cluster, or a few while many hosts are
suspected (``crew``).  What a child does not get to in time stays UNKNOWN, and so does all that one
was to ask that is over its limit and dies.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent import futures
import functools
import time
from typing import Any, Self, TypeVar

from oslo_config import cfg

from kaopu_ha import checkup, ports
from kaopu_ha.conf import ceph as conf_ceph
from kaopu_ha.core import evidence, model
from kaopu_ha.core.addresses import NONE_KNOWN, Known
from kaopu_ha.core.checkup import Seen
from kaopu_ha.drivers import child
from kaopu_ha.drivers.ceph import crew
from kaopu_ha.drivers.ceph import probe_checks as ceph_checks

T = TypeVar('T')

_CHILD = 'kaopu_ha.drivers.ceph.probe_child'


class Clusters:
    """Warm children of each cluster: by fsid, or '' for the only one, whose fsid may be unknown."""

    def __init__(self, clusters: Mapping[str, Mapping[str, Any]], module: str = _CHILD) -> None:
        self._crews = {fsid: crew.Crew(module, settings) for fsid, settings in clusters.items()}

    def of(self, fsid: str) -> child.Child:
        """The child for this cluster."""
        return self._crew(fsid).first

    def clients(self, images: Sequence[model.Image],
                limit: float) -> dict[model.Image, model.ImageAnswer]:
        """The clients of every image, or why they could not be asked; all clusters at once."""
        by_cluster: dict[str, list[model.Image]] = {}
        for image in sorted(set(images)):
            by_cluster.setdefault(image.cluster, []).append(image)
        deadline = time.monotonic() + limit
        parts = _at_once(functools.partial(self._asked, fsid, of_this, deadline)
                         for fsid, of_this in by_cluster.items())
        return {answer.image: answer for part in parts for answer in part}

    def clients_of(self, suspects: Sequence[model.Inventory],
                   limit: float) -> dict[str, dict[model.Image, model.ImageAnswer]]:
        """The same of every image of each host, by host: what one has costs no other an answer."""
        deadline, asks = time.monotonic() + limit, []
        for fsid, wanted in crew.of_clusters(suspects).items():
            found = crew.parts(wanted)
            asks += [functools.partial(self._share, fsid, share, by, deadline)
                     for share, by in self._shared(fsid, found)]
        said: dict[str, dict[model.Image, model.ImageAnswer]] = {
            suspect.host: {} for suspect in suspects}
        for came in _at_once(asks):
            for host, answer in came:
                said[host][answer.image] = answer
        return said

    def close(self) -> None:
        """End the children."""
        for each in self._crews.values():
            each.close()

    def _crew(self, fsid: str) -> crew.Crew:
        found = self._crews.get(fsid) or self._crews.get('')
        if found is None:
            raise ports.PortError(f'no access to cluster {fsid or "(any)"} is configured')
        return found

    def _shared(self, fsid: str, found: Sequence[crew.Part]
                ) -> list[tuple[list[crew.Part], child.Child | None]]:
        """Who asks about what; nobody if there is no access to the cluster."""
        try:
            ready = self._crew(fsid).ready(crew.children_for(found))
        except ports.PortError:
            return [(list(found), None)]
        return list(zip(crew.shares(found, len(ready)), ready, strict=False))

    def _share(self, fsid: str, share: Sequence[crew.Part], by: child.Child | None,
               deadline: float) -> list[tuple[str, model.ImageAnswer]]:
        images = [image for _, some in share for image in some]
        hosts = [host for host, some in share for _ in some]
        return list(zip(hosts, self._asked(fsid, images, deadline, by), strict=True))

    def _asked(self, fsid: str, images: Sequence[model.Image], deadline: float,
               by: child.Child | None = None) -> list[model.ImageAnswer]:
        try:
            came = (by or self.of(fsid)).ask(
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
        said = self._clusters.clients_of(suspects, limit)
        return {suspect.host: evidence.storage(
            suspect, [said[suspect.host][image] for image in suspect.images], self._observer, known)
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


def _at_once(asks: Iterable[Callable[[], T]]) -> list[T]:
    """What all of them give, each in a thread of its own: there are a few for each cluster."""
    found = list(asks)
    if not found:
        return []
    with futures.ThreadPoolExecutor(len(found)) as pool:
        return list(pool.map(lambda ask: ask(), found))


def _answer(image: model.Image, came: Mapping[str, Any]) -> model.ImageAnswer:
    clients = tuple(model.Client(address, client_id, acknowledged)
                    for address, client_id, acknowledged in came.get('clients', ()))
    return model.ImageAnswer(image, clients, came.get('error', ''), came.get('gone', False))
