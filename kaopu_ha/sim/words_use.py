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

"""How busy hosts are, and what their agents say of it: see ``words``."""

from __future__ import annotations

from kaopu_ha.sim.sentences import Vocabulary
from kaopu_ha.sim.world import World

WORDS = Vocabulary()


@WORDS.take('{host} uses {cores} % of its cores and {memory} % of its memory')
def _uses(world: World, host: str, cores: str, memory: str) -> None:
    """It counts in a world with a ``live_weight``, where agents measure it."""
    world.machines[host].load.set(int(cores) / 100, int(memory) / 100)


@WORDS.take('the kernel of {host} does not tell its use')
def _untold(world: World, host: str) -> None:
    world.machines[host].load.fails = True


@WORDS.take('the kernel of {host} tells its use')
def _told(world: World, host: str) -> None:
    world.machines[host].load.fails = False


@WORDS.take('the agent of {host} says that it is idle')
def _lies(world: World, host: str) -> None:
    """Whoever stole the host wants all that is moved; ``mend everything`` ends it."""
    world.machines[host].load.lie(True)
