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


"""Cuts a host off from its disks by Ceph's blocklist.

An order names every address of the host as ``IP:0/0``, because a QEMU that starts after the fence
is a new client with a new nonce; the known clients are named besides.  Entries expire in ten
years: one that expires first lets a zombie write again.  An OSD at the same address is not hurt; a
monitor or manager is, so their addresses are forbidden.  So are those in no client network: an
address of the host may be anybody's there, and a fence without it would prove nothing.

The work is done in a warm child process for each cluster (``ceph_blocklist_child``).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
import ipaddress
import logging
from typing import Any, Self

from oslo_config import cfg

from kaopu_ha import checkup, ports
from kaopu_ha.conf import ceph as conf_ceph
from kaopu_ha.conf import fence as conf_fence
from kaopu_ha.core import bounds, model
from kaopu_ha.core.checkup import Seen
from kaopu_ha.drivers import child
from kaopu_ha.drivers.ceph import address as ceph_address
from kaopu_ha.drivers.ceph import fence_checks as ceph_blocklist_checks

LOG = logging.getLogger(__name__)

_CHILD = 'kaopu_ha.drivers.ceph.fence_child'


class CephBlocklist(ports.Fence, checkup.Checkable):
    """The blocklist of every Ceph cluster that holds a disk of the host."""

    name = 'ceph_blocklist'
    gives_proof = True
    options = {conf_ceph.GROUP: conf_ceph.OPTS, conf_fence.GROUP: conf_fence.OPTS}

    @classmethod
    def from_conf(cls, conf: cfg.ConfigOpts, store: ports.Store) -> Self:
        """Made as configured.  Raises ConfigError."""
        return cls(conf_ceph.access(conf, fence=True), conf_ceph.client_networks(conf))

    def __init__(self, clusters: Mapping[str, Mapping[str, Any]],
                 client_networks: Sequence[str]) -> None:
        """Take access to clusters by fsid (or '' for the only one): conf, user, keyring, pools.

        Only addresses inside the client networks are ever cut.
        """
        self._children = {fsid: child.Child(_CHILD, settings)
                          for fsid, settings in clusters.items()}
        self._users = {fsid: str(settings.get('user', 'admin'))
                       for fsid, settings in clusters.items()}
        self._networks = [ipaddress.ip_network(network) for network in client_networks]

    def orders(self, inventory: model.Inventory, clusters: Iterable[str],
               clients: Sequence[str]) -> tuple[model.FenceOrder, ...]:
        """An order for each cluster: the host's addresses, and its known clients."""
        addresses = {str(ceph_address.whole(ip)) for ip in inventory.storage_addresses
                     if _is_address(inventory.host, ip)}
        return tuple(model.FenceOrder(self.name, cluster, tuple(sorted(addresses)),
                                      tuple(sorted(set(clients))))
                     for cluster in sorted(set(clusters)))

    def forbidden(self, order: model.FenceOrder, limit: float) -> Mapping[str, str]:
        """IP addresses of the order at which a monitor in quorum or an active manager is.

        And those in no client network.
        """
        servers = self._child(order).ask('servers', limit, fsid=order.cluster)
        ours = {ceph_address.parse(entry).ip for entry in order.addresses}
        reasons = self.outside(order)
        for kind, words in (('manager', 'an active manager of Ceph is there'),
                            ('monitor', 'a monitor of Ceph is there')):
            found = {ceph_address.parse(address).ip for address in servers[kind]}
            reasons |= dict.fromkeys(sorted(found & ours), words)
        return reasons

    def outside(self, order: model.FenceOrder) -> dict[str, str]:
        """The IP addresses of the order that are in no client network, with that reason."""
        ips = sorted({ceph_address.parse(entry).ip for entry in order.addresses})
        return {ip: 'it is in no client network ([ceph] client_networks)'
                for ip in ips if not self._is_client(ip)}

    def fence(self, order: model.FenceOrder, permit: ports.Permit) -> None:
        """Add every entry of the order to the blocklist."""
        self._child(order).act('fence', permit, fsid=order.cluster, entries=_entries(order))

    def verify(self, order: model.FenceOrder, limit: float) -> model.Proof:
        """Read every entry back, await the latest OSD map, and have an OSD answer."""
        doubt, gone = self._doubt(order, limit)
        return model.Proof(self.name, order.cluster, not doubt,
                           doubt or f'{len(_entries(order))} entries read back, barrier passed',
                           gone)

    def unfence(self, order: model.FenceOrder, permit: ports.Permit) -> None:
        """Remove every entry of the order, and read their absence back."""
        self._child(order).act('unfence', permit, fsid=order.cluster, entries=_entries(order))

    def checks(self, seen: Seen) -> tuple[checkup.Check, ...]:
        """A rehearsal on each cluster, and what is listed there."""
        return ceph_blocklist_checks.checks(self._children, self._users, seen)

    def close(self) -> None:
        """End the child processes."""
        for each in self._children.values():
            each.close()

    # ------------------------------------------------------------ private

    def _doubt(self, order: model.FenceOrder, limit: float) -> tuple[str, bool]:
        """Why the fence may not hold, empty if it does; True if Ceph itself says so."""
        if not order.addresses:
            return 'no address of the host is known that may be cut', False
        try:
            doubt, gone = self._child(order).ask('doubt', limit, fsid=order.cluster,
                                                 entries=_entries(order))
        except ports.PortError as failure:
            return f'could not be read back: {failure}', False
        return str(doubt), bool(gone)

    def _child(self, order: model.FenceOrder) -> child.Child:
        found = self._children.get(order.cluster) or self._children.get('')
        if found is None:
            raise ports.PortError(f'no access to cluster {order.cluster} is configured')
        return found

    def _is_client(self, ip: str) -> bool:
        address = ipaddress.ip_address(ip)
        return any(address in network for network in self._networks)


def _is_address(host: str, ip: str) -> bool:
    if bounds.is_address(ip):
        return True
    # No client can have it.  In an order it would make every cut fail.
    LOG.error('%s claims %r, which is no address: it is not fenced', host, ip)
    return False


def _entries(order: model.FenceOrder) -> list[str]:
    return sorted({*order.addresses, *order.clients})
