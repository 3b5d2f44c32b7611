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

"""The fence of the false Ceph: its monitors list whom no OSD serves any more."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from kaopu_ha import ports
from kaopu_ha.core import model
from kaopu_ha.core.addresses import lies_in
from kaopu_ha.sim.ceph import LATENCY, Ceph, choke
from kaopu_ha.sim.leave import Leave
from kaopu_ha.sim.network import Node, reaches

# An entry with less to go does not last.
_EARLY_SECONDS = 365 * 86400.0


class SimBlocklist(ports.Fence):
    """The fence of the false Ceph, at a machine."""

    name = 'ceph_blocklist'
    gives_proof = True
    expiry = 3.15e8

    def __init__(self, clusters: Mapping[str, Ceph], node: Node,
                 networks: Sequence[str] = ('0.0.0.0/0',)) -> None:
        self._clusters, self._node, self._networks = dict(clusters), node, networks
        self.kernel = next(iter(clusters.values())).kernel

    def orders(self, inventory: model.Inventory, clusters: Iterable[str],
               clients: Sequence[str]) -> tuple[model.FenceOrder, ...]:
        """As promised."""
        choke(self._clusters, [inventory])
        addresses = tuple(sorted(f'{ip}:0/0' for ip in inventory.storage_addresses))
        return tuple(model.FenceOrder(self.name, cluster, addresses, tuple(sorted(set(clients))))
                     for cluster in sorted(set(clusters)))

    def forbidden(self, order: model.FenceOrder, limit: float) -> Mapping[str, str]:
        """As promised; the false monitors have addresses of their own."""
        cluster = self._reach(order, limit)
        found = {model.Client(entry, 0, False).ip for entry in order.addresses}
        outside = [ip for ip in sorted(found) if not lies_in(ip, self._networks)]
        return {**dict.fromkeys(sorted(found & cluster.monitors_at), 'a monitor is there'),
                **dict.fromkeys(outside, 'it is in no client network')}

    def fence(self, order: model.FenceOrder, permit: ports.Permit) -> None:
        """As promised."""
        cluster = self._leave(order, permit, 'fence')
        if cluster.refuses:
            raise ports.PortError('the monitors refuse it: permission denied')
        for entry in _entries(order):
            cluster.add_to_blocklist(entry, self.expiry)

    def verify(self, order: model.FenceOrder, limit: float) -> model.Proof:
        """As promised."""
        if not order.addresses:
            return model.Proof(self.name, order.cluster, False, 'there is nothing to cut')
        try:
            cluster = self._reach(order, limit)
        except ports.PortError as failure:
            return model.Proof(self.name, order.cluster, False, f'not read back: {failure}')
        if cluster.hung:
            self.kernel.sleep(limit - LATENCY)
            return model.Proof(self.name, order.cluster, False, 'no OSD answered')
        missing = [entry for entry in _entries(order)
                   if cluster.blocklist.get(entry, 0.0) <= self.kernel.now]
        if missing:
            return model.Proof(self.name, order.cluster, False, f'{missing[0]} is not listed',
                               True)
        early = self._early(order, cluster)
        return model.Proof(self.name, order.cluster, not early,
                           f'expires too early: {early[0]}' if early else 'read back',
                           bool(early))

    def unfence(self, order: model.FenceOrder, permit: ports.Permit) -> None:
        """As promised."""
        cluster = self._leave(order, permit, 'unfence')
        listed = [entry for entry in _entries(order) if entry in cluster.blocklist]
        if cluster.refuses and listed:
            raise ports.PortError('the monitors refuse it: permission denied')
        for entry in listed:
            cluster.remove_from_blocklist(entry)

    def close(self) -> None:
        """Nothing is held."""

    def _reach(self, order: model.FenceOrder, limit: float) -> Ceph:
        cluster = self._clusters.get(order.cluster)
        self.kernel.sleep(LATENCY)
        if cluster is None:
            raise ports.PortError(f'no access to cluster {order.cluster} is configured')
        if self._node.disk_hangs:
            self.kernel.sleep(limit - LATENCY)
            raise ports.PortError('the child has not started yet')
        if not cluster.quorum or not reaches(self._node, cluster.node, 'storage'):
            self.kernel.sleep(limit - LATENCY)
            raise ports.PortError('the monitors do not answer')
        return cluster

    def _early(self, order: model.FenceOrder, cluster: Ceph) -> list[str]:
        """Entries that end soon, and that no lasting one for their whole address covers."""
        lasting = {entry for entry in _entries(order)
                   if cluster.blocklist[entry] > self.kernel.now + _EARLY_SECONDS}
        return [entry for entry in _entries(order) if entry not in lasting
                and f'{model.Client(entry, 0, False).ip}:0/0' not in lasting]

    def _leave(self, order: model.FenceOrder, permit: ports.Permit, act: str) -> Ceph:
        """The cluster, if the permit holds and its deadline is not over."""
        leave = Leave(self.kernel, permit)
        cluster = self._reach(order, leave.seconds)
        leave.take(act)
        self.kernel.sleep(self.kernel.chance.uniform(0.04, 0.9))
        leave.insist()
        return cluster


def _entries(order: model.FenceOrder) -> list[str]:
    return sorted({*order.addresses, *order.clients})
