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

"""Which cluster a disk is on: told by its monitors, which its domain's definition names.

Nova and Cinder write there what the cluster's own map of monitors says, whatever ceph.conf has:
names, addresses, or nothing at all where DNS is asked.  So the cluster is asked for that map, and
what it and the file name is the cluster's.  A disk whose monitors are none of any cluster that was
asked is on another cluster: who would take it to be on ours would fence the wrong one.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
import ipaddress

from kaopu_ha import ports
from kaopu_ha.core.addresses import spelling

# Monitors are replaced now and then; guests that run keep the addresses of their start.
_FRESH_SECONDS = 600.0


@dataclass(frozen=True)
class CephCluster:
    """A Ceph cluster of the configuration.

    ``fsid`` may be '' if there is one only; ``pool`` is read while the host has no image there;
    ``monitors`` are those of its ceph.conf, without ports.
    """

    fsid: str = ''
    pool: str = 'vms'
    monitors: tuple[str, ...] = ()


class Owners:
    """Knows every monitor that a cluster was ever seen to have.  For one thread."""

    def __init__(self, reader: ports.StorageReader, clusters: Sequence[CephCluster], *,
                 limit: float,
                 clock: Callable[[], float]) -> None:
        """Take the clusters, and the limit of each call to one."""
        self._reader, self._clusters = reader, tuple(clusters)
        self._limit, self._clock = limit, clock
        self._monitors = {cluster: set(map(spelling, cluster.monitors)) for cluster in clusters}
        self._asked_at: dict[CephCluster, float] = {}
        # Where a disk was found, by pool, name and monitors: so long as these stay it is there.
        self._found: dict[tuple[str, str, frozenset[str]], CephCluster] = {}

    def ask(self, cluster: CephCluster, fsid: str) -> None:
        """Ask a cluster that answers for its monitors, if that is due; raises nothing."""
        if self._clock() - self._asked_at.get(cluster, -_FRESH_SECONDS) < _FRESH_SECONDS:
            return
        try:
            told = self._reader.monitors(self._limit, cluster=fsid)
        except ports.PortError:
            return
        if told:
            self._monitors[cluster] |= set(map(spelling, told))
            self._asked_at[cluster] = self._clock()

    def of(self, disk: ports.Disk) -> CephCluster | None:
        """The cluster of a disk; None if it is on none of ours, or if that can't be told yet."""
        named = frozenset(map(spelling, disk.monitors))
        key = disk.pool, disk.image, named
        found = self._by_monitors(named) or self._found.get(key)
        if found is not None:
            self._found[key] = found
            return found
        # Names, or none, may be those of any cluster; addresses of one whose own are not all known.
        possible = [cluster for cluster in self._clusters if not (
            named and all(map(_is_address, named)) and self._knows_all(cluster))]
        return possible[0] if len(possible) == 1 else None

    def forget_others(self, used: Collection[tuple[str, str]]) -> None:
        """Forget disks other than these, by pool and name."""
        self._found = {key: found for key, found in self._found.items() if key[:2] in used}

    # ------------------------------------------------------------ private

    def _by_monitors(self, named: Collection[str]) -> CephCluster | None:
        for cluster in self._clusters:
            if self._monitors[cluster] & set(named):
                return cluster
        return None

    def _knows_all(self, cluster: CephCluster) -> bool:
        """True if the cluster told its monitors; of several the file's addresses will do."""
        return cluster in self._asked_at or (
            len(self._clusters) > 1 and bool(cluster.monitors)
            and all(map(_is_address, cluster.monitors)))


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True
