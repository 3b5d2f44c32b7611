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

"""What may happen to what Nova and Placement believe: see ``words``."""

from __future__ import annotations

from kaopu_ha.sim.nova import SimServer
from kaopu_ha.sim.sentences import Vocabulary
from kaopu_ha.sim.world import World

WORDS = Vocabulary()


@WORDS.take('Placement goes away')
def _away(world: World) -> None:
    world.nova.placement.away = True


@WORDS.take('Placement comes back')
def _back(world: World) -> None:
    world.nova.placement.away = False


@WORDS.take('Placement takes no change from us')
def _refuses(world: World) -> None:
    world.nova.placement.refuses = True


@WORDS.take('Placement takes changes from us')
def _accepts(world: World) -> None:
    world.nova.placement.refuses = False


@WORDS.take('Placement counts {instance} on {host}')
def _counts(world: World, instance: str, host: str) -> None:
    """Somebody sets aside there what the instance has not, as a move does that nobody ended."""
    row = _row(world, instance)
    world.machines[host]
    world.nova.placement.claim(row.uuid, host, row.cores, row.memory_mb)


@WORDS.take('Placement forgets {instance}')
def _forgets(world: World, instance: str) -> None:
    world.nova.placement.drop(_row(world, instance).uuid)


@WORDS.take('Nova shows {instance} as {state}')
def _shows(world: World, instance: str, state: str) -> None:
    """A message whose time is over is worked off, and spoils what Nova shows."""
    row = _row(world, instance)
    row.vm_state, row.task_state = ('error', 'rebuilding') if state == 'REBUILD' else (
        state.lower(), '')


def put_right(world: World) -> None:
    """Let Placement answer, and take what is asked."""
    world.nova.placement.away = world.nova.placement.refuses = False


def _row(world: World, name: str) -> SimServer:
    row = world.row(name)
    if row is None:
        raise KeyError(name)
    return row
