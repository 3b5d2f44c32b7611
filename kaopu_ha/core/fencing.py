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

"""Which fences, in which order, and what counts as proof.

The verdict decides whether a host may be killed; the fence makes that safe.  An order is one fence
on one cluster.  It is proven when everything in it was read back; an order that has no address
left to cut is never proven, and what stands on its cluster is not evacuated.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
import dataclasses

from kaopu_ha.core import model


def clusters(inventory: model.Inventory,
             evacuations: Iterable[model.Evacuation]) -> tuple[str, ...]:
    """Every cluster with a disk of the host, or of an attempt that names it as its target."""
    coming = {image.cluster for evacuation in evacuations
              if evacuation.target == inventory.host and not evacuation.phase.ended
              for image in evacuation.images}
    return tuple(sorted(set(inventory.clusters) | coming))


def known_clients(case: model.Case) -> tuple[str, ...]:
    """The clients of the host (address with nonce) that any look of the case saw."""
    # A case of an older release has them in its rounds.
    kept = {client for item in case.rounds for client in item.storage.clients}
    return tuple(sorted({*kept, *case.clients}))


def admissible(orders: Iterable[model.FenceOrder], claimed: Mapping[str, Collection[str]],
               forbidden: Mapping[str, str]) -> tuple[tuple[model.FenceOrder, ...],
                                                      tuple[str, ...]]:
    """The orders that may be carried out whole, and why each address that may not is left out.

    An order with an address that must not be cut loses all of them: its proof would say nothing
    of the clients at the spared address, so nothing on that cluster may be evacuated.

    ``claimed``: for each IP address the hosts whose inventories name it.  ``forbidden``: IP
    addresses at which Ceph sees a monitor in quorum or an active manager, with the reason.
    """
    kept, refused = [], set()
    for order in orders:
        spared = {address for address in (*order.addresses, *order.clients)
                  if _why_not(_ip(address), claimed, forbidden)}
        refused |= {f'{_ip(address)}: {_why_not(_ip(address), claimed, forbidden)}'
                    for address in spared}
        kept.append(dataclasses.replace(order, addresses=(), clients=()) if spared else order)
    return tuple(kept), tuple(sorted(refused))


def _ip(address: str) -> str:
    return model.Client(address, 0, False).ip


def _why_not(ip: str, claimed: Mapping[str, Collection[str]],
             forbidden: Mapping[str, str]) -> str:
    hosts = sorted(claimed.get(ip, ()))
    if len(hosts) > 1:
        return f'it is claimed by {" and ".join(hosts)}'
    return forbidden.get(ip, '')


def missing(orders: Sequence[model.FenceOrder], proofs: Sequence[model.Proof]) -> str:
    """Why the fence as a whole does not hold; empty if it does.

    Orders without an address can't be waited for; at least one order must hold.
    """
    by_order = {(proof.fence, proof.cluster): proof for proof in proofs}
    waited_for = [order for order in orders if order.addresses]
    if not waited_for:
        return 'no address of the host is known that could be fenced'
    for order in waited_for:
        proof = by_order.get((order.fence, order.cluster))
        if proof is None:
            return f'{order.fence} on {order.cluster} was not read back'
        if not proof.holds:
            return f'{order.fence} on {order.cluster}: {proof.reason}'
    return ''


def fenced_clusters(orders: Iterable[model.FenceOrder]) -> frozenset[str]:
    """The clusters that a recovery past FENCING has cut the host off from."""
    return frozenset(order.cluster for order in orders if order.addresses)
