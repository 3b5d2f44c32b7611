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

"""Scenes of whose instances are moved, and in which order: see ``scenes``."""

from __future__ import annotations

from collections.abc import Iterator
import dataclasses
import random

from kaopu_ha.sim.scenes import on_the_first, scene
from kaopu_ha.sim.scenes_doubts import SCENES as SCENES
from kaopu_ha.sim.scenes_moves import quick
from kaopu_ha.sim.story import Event
from kaopu_ha.sim.world import Setup

_NO = ('metadata HA_Enabled=False', 'metadata ha_enabled=no', 'tag HA_Enabled=off',
       'flavor HA_Enabled=0', 'metadata nodepool_node_id=7')
_YES = ('metadata HA_Enabled=True', 'metadata HA_Enabled=maybe', 'tag HA_Enabled',
        'tag HA_Enabled=perhaps', 'flavor HA_Enabled=no-idea')
_HIGH = ('metadata ha_priority=high', 'tag ha_priority=HIGH', 'flavor ha:priority=high')
_LOW = ('metadata ha_priority=low', 'tag ha_priority=Low', 'flavor ha:priority=low')


def _six(chance: random.Random, setup: Setup) -> Setup:
    """Six on the first host that are all alike, and one worker."""
    setup = quick(chance, setup)
    return dataclasses.replace(setup, workers=1, instances=tuple(
        dataclasses.replace(setup.instances[0], name=f'i{number + 1}') for number in range(6)))


def _many(chance: random.Random, setup: Setup) -> Setup:
    """More than one worker takes at a time."""
    setup = _six(chance, setup)
    return dataclasses.replace(setup, instances=tuple(
        dataclasses.replace(setup.instances[0], name=f'i{number + 1}') for number in range(14)))


@scene('some need not be saved', on_the_first)
def _left(chance: random.Random, setup: Setup, at: float) -> Iterator[Event]:
    """Some opted out, some have an owner, some said yes, or what nobody understands."""
    for vm in setup.instances:
        mark = chance.choice((*_NO, *_YES, ''))
        if mark:
            yield Event(chance.uniform(0.5, 4.0), f'mark {vm.name} by {mark}')
    yield Event(at, f'power off {setup.hosts[0]}')
    if chance.random() < 0.5:
        # Sooner than it is condemned: what may be is started where it was.
        yield Event(at + 2.0, f'power on {setup.hosts[0]}')


@scene('there is not room for all', _six)
def _short(chance: random.Random, setup: Setup, at: float) -> Iterator[Event]:
    """Room comes one by one, or a target refuses for a while."""
    yield from _classes(chance, setup)
    for host in setup.hosts[1:]:
        yield Event(1.0, f'{host} has {chance.randint(0, 1)} cores')
    yield Event(at, f'power off {setup.hosts[0]}')
    for number in range(1, 4):
        yield Event(at + 20.0 * number + chance.uniform(0.0, 5.0),
                    f'{chance.choice(setup.hosts[1:])} has {number + 1} cores')
    for host in setup.hosts[1:]:
        yield Event(at + 95.0, f'{host} has 16 cores')


@scene('there are more to be moved than workers take', _many)
def _turns(chance: random.Random, setup: Setup, at: float) -> Iterator[Event]:
    yield from _classes(chance, setup)
    yield Event(at, f'power off {setup.hosts[0]}')
    if chance.random() < 0.5:
        yield Event(at + chance.uniform(12.0, 20.0), 'kill the worker')
        yield Event(at + 35.0, 'start all processes')


def _classes(chance: random.Random, setup: Setup) -> Iterator[Event]:
    for vm in setup.instances:
        mark = chance.choice((*_HIGH, *_LOW, '', 'metadata ha_priority=1st'))
        if mark:
            yield Event(chance.uniform(0.5, 4.0), f'mark {vm.name} by {mark}')
