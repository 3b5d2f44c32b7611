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
"""What may happen to links besides being cut, and to what a host tells: see ``words``."""

from __future__ import annotations

from kaopu_ha.sim.sentences import Vocabulary
from kaopu_ha.sim.words_machines import networks
from kaopu_ha.sim.world import World

WORDS = Vocabulary()


@WORDS.take('a firewall rejects {node} on {network}')
def _rejects(world: World, node: str, network: str) -> None:
    """Whoever comes is refused at once, as by a kernel that lives; ``mend`` ends it."""
    world.node(node).rejects.update(networks(network))


@WORDS.take('{node} hears nothing on {network}')
def _deaf(world: World, node: str, network: str) -> None:
    """One direction is lost: what it says arrives, no answer does; ``mend`` ends it."""
    world.node(node).deaf.update(networks(network))


@WORDS.take('the drivers choke on {host}')
def _choke(world: World, host: str) -> None:
    """What the host tells makes probes and fences raise what no port promises."""
    for cluster in world.clusters.values():
        cluster.chokes.add(host)


@WORDS.take('the drivers cope with {host}')
def _cope(world: World, host: str) -> None:
    for cluster in world.clusters.values():
        cluster.chokes.discard(host)
