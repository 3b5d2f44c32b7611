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

"""Whose is an address at which Ceph sees a client?

::

    one or more hosts claim it      theirs: each of them is asked, each has to say no
    a tool's                        backup, mirror, export: reads, and is no sign of anything
    of nobody                       a host's that it did not tell, or a stranger: never SILENCE of
                                    any host, never leave to start a second copy

What Ceph sees is the truth about clients; what a host says of its addresses is a hint.  Of two
hosts that claim one address, the older claim wins: ``claims`` are written by the leader, from when
it first saw each, so that no newcomer can forge an older one.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
import functools
import ipaddress
import math
from types import MappingProxyType

from kaopu_ha.core import model

# Host, address, and the store's revision at which the leader first saw the host claim it.
Claims = Mapping[str, Mapping[str, int]]
# So many claims of one host are kept that only others make by now.
_KEPT_MAX = 64


@dataclass(frozen=True)
class Known:
    """Whose each known address is.  ``tools`` are addresses, and networks in CIDR.

    ``claims`` and ``holders`` are told where several hosts claim an address of a suspect (see
    ``core.rivals``): since when, and who has each image open by how many guests, as it says;
    ``told_by``: whose word on that is new.  ``outlived``: the suspects that lived on when their
    agent was dead: they may have addresses by now of which it did not tell.
    """

    owners: Mapping[str, frozenset[str]] = field(default_factory=dict)
    tools: tuple[str, ...] = ()
    claims: Claims = field(default_factory=dict)
    holders: Mapping[model.Image, Mapping[str, int]] = field(default_factory=dict)
    told_by: frozenset[str] = frozenset()
    outlived: frozenset[str] = frozenset()

    def whose(self, address: str) -> frozenset[str]:
        """Every host that claims the address."""
        return self.owners.get(spelling(address), frozenset())

    def is_tools(self, address: str) -> bool:
        """True if the configuration, or a person, named it as a tool's, and no host claims it."""
        return not self.whose(address) and lies_in(address, self.tools)

    def is_nobodys(self, address: str) -> bool:
        """True if it is no host's and no tool's: whose client that is, nobody knows."""
        return not self.whose(address) and not self.is_tools(address)


# Every address is nobody's.
NONE_KNOWN = Known()


def owners(inventories: Mapping[str, model.Inventory],
           more: Claims = MappingProxyType({})) -> dict[str, frozenset[str]]:
    """The hosts that claim each address, in its one spelling; ``more``: besides what they told."""
    found: dict[str, set[str]] = {}
    told = {host: inventory.storage_addresses for host, inventory in inventories.items()}
    for host, claimed in (*told.items(), *more.items()):
        for address in claimed:
            found.setdefault(spelling(address), set()).add(host)
    return {address: frozenset(hosts) for address, hosts in found.items()}


def known(inventories: Mapping[str, model.Inventory], tools: Iterable[str],
          more: Claims = MappingProxyType({})) -> Known:
    """Whose each address is, by what all hosts published and what people named.

    ``more``: what leaders wrote down of hosts whose inventories can't be read.  Else their clients
    would be nobody's, and hold up the verdict on whoever shares a disk with them.
    """
    return Known(owners(inventories, more), tuple(tools))


def elder(address: str, hosts: Iterable[str], claims: Claims) -> str:
    """Of the hosts that claim the address, the one whose claim is the oldest; '' if none does.

    A claim that the leader has not written down yet is younger than any that it has.
    """
    def since(host: str) -> float:
        return claims.get(host, {}).get(spelling(address), math.inf)
    return min(hosts, key=lambda host: (since(host), host), default='')


def is_older(address: str, host: str, other: str, claims: Claims) -> bool:
    """True if it is certain that the host claimed the address before the other one did."""
    mine, others = (claims.get(each, {}).get(spelling(address), math.inf) for each in (host, other))
    return mine < others


def neighbours(host: str, address: str, claimed: Iterable[str], claims: Claims) -> frozenset[str]:
    """Of the hosts that claim an address, those that must not be hurt where the host is cut off.

    A newcomer is none of them: whatever it claims, it hurts only itself.  Whose claim is the older
    one has to be certain; else it is a neighbour.
    """
    return frozenset(other for other in claimed
                     if other != host and not is_older(address, host, other, claims))


def renewed(before: Mapping[str, int], inventory: model.Inventory, revision: int,
            claimed: Mapping[str, Collection[str]]) -> dict[str, int]:
    """What a host claims now: since when, for an address that it had; else since this revision.

    A claim keeps its age while another host makes it, too (``claimed``: by whom each address is):
    who only waits for an interface to lose its address must not become the elder.
    """
    own = set(map(spelling, inventory.storage_addresses))
    kept = [address for address in sorted(before) if address not in own
            and set(claimed.get(address, ())) - {inventory.host}]
    return {address: before.get(address, revision)
            for address in sorted(own | set(kept[:_KEPT_MAX]))}


def lies_in(address: str, networks: Iterable[str]) -> bool:
    """True if the address is one of these, or inside one of these networks in CIDR."""
    return any(_lies_in(spelling(address), network) for network in networks)


def ip_of(client: str) -> str:
    """The address of a client without port and nonce, in its one spelling."""
    return spelling(model.Client(client, 0, False).ip)


@functools.lru_cache(maxsize=65536)
def spelling(address: str) -> str:
    """One spelling for each address: IPv6 has many, and Ceph and the agent need not agree."""
    try:
        return str(ipaddress.ip_address(address.strip('[]')))
    except ValueError:
        return address


@functools.lru_cache(maxsize=65536)
def _lies_in(address: str, network: str) -> bool:
    try:
        return ipaddress.ip_address(address) in ipaddress.ip_network(network)
    except ValueError:
        return address == network
