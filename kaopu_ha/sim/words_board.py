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

"""The folders of messages for Horizon: see ``words``.  A world with ``horizon`` has them."""

from __future__ import annotations

from kaopu_ha.sim.sentences import Vocabulary
from kaopu_ha.sim.world import World

WORDS = Vocabulary()


@WORDS.take('the message folder of {controller} is away')
def _away(world: World, controller: str) -> None:
    world.folders.by_role[controller].away = True


@WORDS.take('the message folder of {controller} hangs')
def _hangs(world: World, controller: str) -> None:
    world.folders.by_role[controller].hangs = True


@WORDS.take('the message folder of {controller} is back')
def _back(world: World, controller: str) -> None:
    """With the messages that it had."""
    folder = world.folders.by_role[controller]
    folder.away = folder.hangs = False


@WORDS.take('somebody empties the message folder of {controller}')
def _emptied(world: World, controller: str) -> None:
    world.folders.by_role[controller].messages = {}
