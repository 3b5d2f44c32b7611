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

"""What may happen to the addresses of hosts, and who else has images open: see ``words``."""

from __future__ import annotations

from kaopu_ha.sim.network import Node
from kaopu_ha.sim.sentences import Vocabulary
from kaopu_ha.sim.words_cloud import open_with_a_tool
from kaopu_ha.sim.world import World

WORDS = Vocabulary()


@WORDS.take('{host} is renumbered to {address}')
def _renumbered(world: World, host: str, address: str) -> None:
    """Its guests run on; their clients keep the address under which they met the cluster."""
    world.machines[host].address = address


@WORDS.take('{host} has the storage address {address} too')
def _second(world: World, host: str, address: str) -> None:
    world.machines[host].add_address(address)


@WORDS.take('{host} has the storage address {address} no more')
def _lost(world: World, host: str, address: str) -> None:
    """Its guests' clients go on over another address, and are known by the one they had."""
    addresses = world.machines[host].addresses
    if address in addresses and len(addresses) > 1:
        addresses.remove(address)


@WORDS.take('people name the client network {network}')
def _named(world: World, network: str) -> None:
    """In the configuration of every controller, each of which is started anew with it."""
    world.client_networks.append(network)


@WORDS.take('a stranger opens {instance}', 'a stranger at {address} opens {instance}')
def _stranger(world: World, *names: str) -> None:
    """A client at an address that is no host's, and that nobody has named."""
    address, instance = names if len(names) > 1 else ('10.91.8.8', *names)
    world.tools += open_with_a_tool(world, instance, Node(f'the machine at {address}'), address)
