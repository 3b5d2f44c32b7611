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

"""Fence driver ``switch``: a storage switch stops taking what comes from a dead host.

The switch has a list of the addresses that are shut, which it tells, and takes an address into it
and out of it: ``GET``, ``PUT`` and ``DELETE`` of ``/shut``.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
import http.client
import time
from typing import Self

from oslo_config import cfg

from kaopu_ha import ports
from kaopu_ha.core import model


class Switch(ports.Fence):
    """Shuts the addresses of a host at a storage switch."""

    name, gives_proof = 'switch', True
    options = {'switch': [
        cfg.StrOpt('address', default='', help='Where the switch is asked, host:port.'),
        cfg.ListOpt('clusters', default=[], help='The clusters (fsid) that are behind it.')]}

    @classmethod
    def from_conf(cls, conf: cfg.ConfigOpts, store: ports.Store) -> Self:
        """Made as configured."""
        if not conf.switch.address:
            raise ValueError('[switch] address is not set: name the switch, host:port')
        return cls(conf.switch.address, conf.switch.clusters)

    def __init__(self, address: str, clusters: Sequence[str]) -> None:
        self._address, self._clusters = address, frozenset(clusters)

    def orders(self, inventory: model.Inventory, clusters: Iterable[str],
               clients: Sequence[str]) -> tuple[model.FenceOrder, ...]:
        """Every address of the host, on each cluster."""
        addresses = tuple(sorted({*inventory.storage_addresses, *clients}))
        return tuple(model.FenceOrder(self.name, cluster, addresses)
                     for cluster in sorted(set(clusters)))

    def forbidden(self, order: model.FenceOrder, limit: float) -> Mapping[str, str]:
        """The switch says itself what it will not shut: nothing, if it answers."""
        self._shut(limit)
        return {}

    def fence(self, order: model.FenceOrder, permit: ports.Permit) -> None:
        """Shut each address of the order."""
        self._each('PUT', order, permit)

    def verify(self, order: model.FenceOrder, limit: float) -> model.Proof:
        """Read the switch's list."""
        try:
            shut = self._shut(limit) & {*order.addresses}
        except ports.PortError as failure:
            return model.Proof(self.name, order.cluster, False, str(failure))
        missing = {*order.addresses} - shut
        if missing or not order.addresses or order.cluster not in self._clusters:
            why = f'not shut: {", ".join(sorted(missing))}' if missing else 'nothing to shut there'
            return model.Proof(self.name, order.cluster, False, why, gone=True)
        return model.Proof(self.name, order.cluster, True, f'shut: {", ".join(sorted(shut))}')

    def unfence(self, order: model.FenceOrder, permit: ports.Permit) -> None:
        """Open each address of the order."""
        self._each('DELETE', order, permit)

    def close(self) -> None:
        """Nothing is held."""

    def _each(self, method: str, order: model.FenceOrder, permit: ports.Permit) -> None:
        # First by when it has to be done, then whether it may be: never the other way round.
        until = time.monotonic() + permit.seconds()
        for address in order.addresses:
            if not permit.holds():
                raise ports.NotPermitted('the permit does not hold any more')
            self._ask(method, f'/shut/{address}', until - time.monotonic())

    def _shut(self, limit: float) -> set[str]:
        return {*self._ask('GET', '/shut', limit).split()}

    def _ask(self, method: str, path: str, limit: float) -> str:
        """One answer of the switch; three waits at most, which share the limit."""
        if limit <= 0:
            raise ports.PortError('no time was left to ask the switch')
        connection = http.client.HTTPConnection(self._address, timeout=limit / 3)
        try:
            connection.request(method, path)
            answer = connection.getresponse()
            text = answer.read().decode()
        except (OSError, http.client.HTTPException, ValueError) as failure:
            raise ports.PortError(f'the switch was not asked: {failure}') from failure
        finally:
            connection.close()
        if answer.status != 200:
            raise ports.PortError(f'the switch answers {answer.status}')
        return text
