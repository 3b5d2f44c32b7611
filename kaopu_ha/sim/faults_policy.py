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

"""Faults by chance: instances that are marked, rightly and wrongly, and room that is short."""

from __future__ import annotations

from collections.abc import Callable, Iterator
import random

from kaopu_ha.sim.story import Event
from kaopu_ha.sim.world import Setup

Fault = Callable[[random.Random, Setup, float, float], Iterator[Event]]

# Before the first host dies.
_EARLY = (0.5, 5.0)
_MARKS = ('metadata HA_Enabled=False', 'metadata ha_enabled=no', 'metadata HA_Enabled=True',
          'metadata HA_Enabled=maybe', 'tag HA_Enabled=off', 'tag HA_Enabled', 'tag HA_Enabled=',
          'tag HA_Enabled=perhaps', 'flavor HA_Enabled=false', 'flavor HA_Enabled=true',
          'metadata nodepool_node_id=7', 'metadata HA_Enabled=')
_CLASSES = ('metadata ha_priority=high', 'metadata ha_priority=low', 'tag ha_priority=High',
            'tag ha_priority=low', 'flavor ha:priority=high', 'metadata ha_priority=1st',
            'metadata HA_Enabled=True', 'flavor ha:priority=medium')


def _marked(chance: random.Random, setup: Setup, at: float, lasts: float) -> Iterator[Event]:
    """Some instances are marked; now and then somebody thinks better of it, at any time."""
    for vm in chance.sample(setup.instances, chance.randint(1, len(setup.instances))):
        yield Event(chance.uniform(*_EARLY), f'mark {vm.name} by {chance.choice(_MARKS)}')
        if chance.random() < 0.2:
            yield Event(at + chance.uniform(0.0, lasts), chance.choice((
                f'unmark {vm.name}', f'mark {vm.name} by {chance.choice(_MARKS)}')))


def _short_room(chance: random.Random, setup: Setup, at: float, lasts: float) -> Iterator[Event]:
    """Some are more important, and there is not room for all of them at first."""
    for vm in setup.instances:
        if chance.random() < 0.8:
            yield Event(chance.uniform(*_EARLY), f'mark {vm.name} by {chance.choice(_CLASSES)}')
    for host in setup.hosts[1:]:
        yield Event(_EARLY[0], f'{host} has {chance.randint(0, 2)} cores')
        for later in (at + lasts, at + 2 * lasts):
            yield Event(later, f'{host} has {chance.choice((1, 2, 3, 16))} cores')
        yield Event(at + 3 * lasts, f'{host} has 16 cores')


FAULTS: tuple[tuple[int, Fault], ...] = ((3, _marked), (2, _short_room))
