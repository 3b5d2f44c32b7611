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
to cut is not proven, and what stands on its cluster is not evacuated, or waits for that address.
Orders only grow: whatever address comes to the host while it is confirmed is cut, too.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
import dataclasses
import functools

from kaopu_ha.core import addresses, bounds, model

# In one order, over all that its host has ever told of while it was confirmed: some inventories'.
ADDRESSES_MAX = 4 * bounds.ADDRESSES_MAX


def clusters(inventory: model.Inventory,
             evacuations: Iterable[model.Evacuation]) -> tuple[str, ...]:
    """Every cluster with a disk of the host, or of an attempt that names it as its target."""
    coming = {image.cluster for evacuation in evacuations
              if evacuation.target == inventory.host and not evacuation.phase.ended
              for image in evacuation.images}
    return tuple(sorted(set(inventory.clusters) | coming))


def known_clients(case: model.Case) -> tuple[str, ...]:
    """The clients of the host (address with nonce) that any look of the case saw.

    Not those that are, or may be, a rival's by the last look, and live.
    """
    # A case of an older release has them in its rounds.
    kept = {client for item in case.rounds for client in item.clients}
    spared = case.rounds[-1].rivals if case.rounds else ()
    return tuple(sorted({*kept, *case.clients} - set(spared)))


def all_clients(case: model.Case, evacuations: Iterable[model.Evacuation]) -> tuple[str, ...]:
    """Those, and the silent ones of nobody that workers found before they called."""
    found = {client for move in evacuations if move.recovery == case.recovery
             for client in move.clients}
    return tuple(sorted({*known_clients(case), *found}))


def cuts(orders: Iterable[model.FenceOrder], cluster: str, client: model.Client) -> bool:
    """True if the client is refused there by what is in the orders, by its nonce or altogether."""
    return any(client.address in order.clients or client.ip in map(_ip, order.addresses)
               for order in orders if order.cluster == cluster)


def whole(order: model.FenceOrder) -> model.FenceOrder:
    """The order with what is held: everything that it is to come to."""
    return dataclasses.replace(
        order, addresses=_with(order.addresses, order.held), held=(),
        clients=_with(order.clients, order.held_clients), held_clients=())


def taken_back(order: model.FenceOrder,
               others: Iterable[model.FenceOrder]) -> model.FenceOrder:
    """What is to be removed when the host of the order is admitted: every address that was cut.

    What is held may have been cut before an address was forbidden that came later.  What another
    order has, whose host stays fenced, stays listed.  So does a client anywhere but at the
    addresses of this order: it is a guest's that came unseen to another host, runs there with its
    disk cut off, and was started anew elsewhere (decision 0076).
    """
    every, place = whole(order), (order.fence, order.cluster)
    kept = {entry for other in others if (other.fence, other.cluster) == place
            for entry in (*other.addresses, *other.clients)}
    own = frozenset(map(_ip, order.addresses))
    return dataclasses.replace(
        every, addresses=tuple(entry for entry in every.addresses if entry not in kept),
        clients=tuple(entry for entry in every.clients
                      if _ip(entry) in own and entry not in kept))


def stays_cut(orders: Iterable[model.FenceOrder],
              others: Collection[model.FenceOrder]) -> tuple[str, ...]:
    """The clients of the orders that stay listed when the rest is taken back."""
    return tuple(sorted({
        entry for order in orders
        for entry in set(whole(order).clients) - set(taken_back(order, others).clients)}))


def grown(orders: Sequence[model.FenceOrder],
          wanted: Iterable[model.FenceOrder]) -> tuple[model.FenceOrder, ...]:
    """The orders, with what else is wanted by now held in them.  They never shrink.

    Nor do they grow without end: see ``beyond``.
    """
    found = {(order.fence, order.cluster): order for order in orders}
    for more in wanted:
        key = more.fence, more.cluster
        before = found.get(key, model.FenceOrder(more.fence, more.cluster, ()))
        known, clients = addresses_of([before]), {*before.clients, *before.held_clients}
        came = sorted(set(more.addresses) - known)
        after = dataclasses.replace(
            before, held=_with(before.held, came[:max(ADDRESSES_MAX - len(known), 0)]),
            held_clients=_with(before.held_clients, set(more.clients) - clients))
        if key in found or after != before:
            found[key] = after
    return tuple(found.values())


def beyond(orders: Iterable[model.FenceOrder],
           wanted: Iterable[model.FenceOrder]) -> tuple[str, ...]:
    """The addresses for which no room is left in the orders: the fence says nothing of them.

    A host that has another address each minute must not fill the blocklist of everybody: what is
    beyond is its own trouble, and without a proof nothing of it is moved.
    """
    known = {(order.fence, order.cluster): addresses_of([order]) for order in orders}
    return tuple(sorted({address for more in wanted for address in more.addresses
                         if address not in known.get((more.fence, more.cluster), set())}))


def neighbours(recovery: model.Recovery, claimed: Mapping[str, Collection[str]],
               claims: addresses.Claims, dead: Collection[str]) -> dict[str, frozenset[str]]:
    """For each IP address in the orders the neighbours that claim it.

    Of two hosts that claim one address the older claim wins: a newcomer hurts only itself.  One
    that is fenced itself is none, unless it claimed the address first: once it is admitted, it
    would be cut off by an order that is not its own.
    """
    found = {}
    for ip in ips(recovery.orders):
        others = {host for host in claimed.get(addresses.spelling(ip), ()) if host not in dead
                  or addresses.is_older(ip, host, recovery.host, claims)}
        found[ip] = addresses.neighbours(recovery.host, ip, others, claims)
    return {ip: hosts for ip, hosts in found.items() if hosts}


def may_go_on(orders: Iterable[model.FenceOrder], claimed: Mapping[str, Collection[str]]) -> bool:
    """True if it is worth to ask again of what is held: not while a neighbour has an address."""
    return any(not order.addresses or order.held_clients
               or any(not claimed.get(_ip(address)) for address in order.held)
               for order in orders if order.held or order.held_clients)


def settled(order: model.FenceOrder, claimed: Mapping[str, Collection[str]],
            forbidden: Mapping[str, str],
            cut: bool) -> tuple[model.FenceOrder, frozenset[str]]:
    """The order with what may be cut now in it, and the rest held, with the reasons.

    ``claimed``: for each IP address the neighbours that claim it (``addresses.neighbours``: whose
    claim is not younger).  ``forbidden``: IP addresses at which Ceph sees a monitor in quorum or an
    active manager, or that are in no client network, with the reason.  ``cut``: what is in the
    order was cut already, and stays so.

    An address that must not be cut holds the whole order: the proof would say nothing of clients
    there.  Of an order that was cut, what else may be cut is, at once: instances may have been
    moved.  One that a neighbour claims, too, is the neighbour's: it must not be hurt, so only the
    host's known clients are cut there, by their nonces.  But where no other address of the host is
    left, all of it is held.  To cut one client by its nonce hurts nobody else, wherever it is.
    """
    every = whole(order)
    asked = [address for address in every.addresses if not cut or address not in order.addresses]
    reasons = frozenset(f'{_ip(address)}: {forbidden[_ip(address)]}' for address in asked
                        if _ip(address) in forbidden)
    if reasons and cut and order.addresses:
        return _as_far_as_may_be(order, claimed, forbidden), reasons
    if reasons:
        return _all_held(order), reasons
    shared = tuple(address for address in asked if claimed.get(_ip(address)))
    left = tuple(sorted(set(every.addresses) - set(shared)))
    known = ': only its known clients are cut there' if left else ''
    reasons = frozenset(f'{_ip(address)}: it is claimed by {_hosts(claimed[_ip(address)])}, too'
                        f'{known}' for address in shared)
    if not left:
        return order if cut and order.addresses else _all_held(order), reasons
    return dataclasses.replace(every, addresses=left, held=shared), reasons


def ips(orders: Iterable[model.FenceOrder]) -> frozenset[str]:
    """Every IP address in the orders, also of what is held."""
    return frozenset(map(_ip, addresses_of(orders)))


def addresses_of(orders: Iterable[model.FenceOrder]) -> frozenset[str]:
    """Every address in the orders, also of what is held."""
    return frozenset(address for order in orders for address in (*order.addresses, *order.held))


def _as_far_as_may_be(order: model.FenceOrder, claimed: Mapping[str, Collection[str]],
                      forbidden: Mapping[str, str]) -> model.FenceOrder:
    """What was cut already, with what else may be; the rest is held, and nothing is proven."""
    every = whole(order)
    held = tuple(address for address in every.addresses if address not in order.addresses
                 and (_ip(address) in forbidden or claimed.get(_ip(address))))
    return dataclasses.replace(every, held=held, addresses=tuple(
        address for address in every.addresses if address not in held))


def _all_held(order: model.FenceOrder) -> model.FenceOrder:
    every = whole(order)
    return dataclasses.replace(every, addresses=(), clients=(), held=every.addresses,
                               held_clients=every.clients)


def _with(entries: Iterable[str], more: Iterable[str]) -> tuple[str, ...]:
    return tuple(sorted({*entries, *more}))


@functools.lru_cache(maxsize=4096)
def _ip(address: str) -> str:
    return model.Client(address, 0, False).ip


def _hosts(hosts: Iterable[str]) -> str:
    return ' and '.join(sorted(hosts))


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


def awaited_clusters(orders: Iterable[model.FenceOrder]) -> frozenset[str]:
    """The clusters that the host may not be cut off from yet."""
    return frozenset(order.cluster for order in orders if not order.addresses and order.held)


def safe_clusters(recovery: model.Recovery) -> frozenset[str]:
    """The clusters to which the host can't write any more: by its fence, or by a person's word."""
    fenced = fenced_clusters(recovery.orders)
    if recovery.word is None:
        return fenced
    return fenced | {image.cluster for instance in recovery.instances for image in instance.images}


def remedy(orders: Iterable[model.FenceOrder]) -> str:
    """What a person does about a fence that came too late."""
    entries = sorted({entry for order in orders for entry in order.addresses})
    return (f'If it was admitted since, no case is open on it, and its guests hang: ceph osd '
            f'blocklist rm {", ".join(entries) or "its address"}, then start them anew')
