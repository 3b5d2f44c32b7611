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

"""Scenes of what can be known before a host dies: local disks, room, places, holds, fences.

See ``scenes``.
"""

from __future__ import annotations

from collections.abc import Iterator
import dataclasses
import random

from kaopu_ha.sim.faults_places import groups, zones
from kaopu_ha.sim.scenes import scene
from kaopu_ha.sim.scenes_use import SCENES as SCENES
from kaopu_ha.sim.story import Event
from kaopu_ha.sim.world import Setup

# Until people set right what keeps a group together: not before the others have come back, or not.
_LASTS_SECONDS = 89.0


def _crowded(chance: random.Random, setup: Setup) -> Setup:
    """Guests of all sizes on all hosts, some on local disk: there is not room for all of them."""
    disks = chance.choice(((), setup.clusters))
    vms = tuple(dataclasses.replace(
        setup.instances[0], name=f'i{number + 1}', clusters=disks or ('a',),
        host=setup.hosts[0] if number < 4 else chance.choice(setup.hosts),
        power=chance.choices(('on', 'off', 'paused'), (8, 1, 1))[0],
        local=chance.random() < 0.15, cores=chance.choice((1, 1, 2, 4)))
        for number in range(chance.randint(5, 8)))
    return dataclasses.replace(setup, instances=vms)


@scene('it was said who would come back, and the host dies', _crowded, beside_max=0)
def _foretold(chance: random.Random, setup: Setup, at: float) -> Iterator[Event]:
    host, others = setup.hosts[0], setup.hosts[1:]
    vm, late = chance.choice(setup.instances), chance.choice(setup.instances[:4])
    dies = at + chance.uniform(17.0, 22.0)
    kind = chance.choice(('monitor', 'lost', 'room', 'hold', 'zones', 'groups'))
    if kind == 'lost':
        # Nobody tells any more what its users do.
        yield Event(2.6, f'kill agent-{host}')
        yield Event(8.5, f'stop {late.name}')
    if kind == 'room':
        for other in others:
            yield Event(2.5, f'{other} has {chance.randint(0, 5)} cores')
    if kind == 'hold':
        yield Event(2.8, f'hold {host}')
    if kind == 'monitor':
        yield Event(2.7, f'a monitor of a is at the address of {host}')
    if kind == 'zones':
        yield from zones(chance, setup, dies, _LASTS_SECONDS)
    if kind == 'groups':
        yield from groups(chance, setup, dies, _LASTS_SECONDS)
    known = (f'hold {chance.choice(others)}', f'disable {chance.choice(others)}',
             f'attach a volume to {vm.name}', f'create new on {host}',
             f'mark {vm.name} by metadata HA_Enabled={chance.choice(("no", "perhaps"))}',
             f'stop {vm.name}', f'boot {vm.name}', f'pause {vm.name}', f'resize {vm.name}')
    for number, words in enumerate(chance.sample(known, chance.randint(0, 3))):
        yield Event(3.0 + number, words)
    yield Event(dies, chance.choice((f'power off {host}', f'power off {host}',
                                     f'cut {host} both', f'freeze {host}')))
    yield Event(dies + 128.0, 'time passes')
    for each in setup.hosts:
        yield Event(dies + 129.0, f'release {each}')
        yield Event(dies + 129.0, f'{each} has 64 cores')
