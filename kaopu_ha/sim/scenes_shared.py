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

"""Scenes of volumes that two instances share, on two hosts.  See ``scenes``."""

from __future__ import annotations

from collections.abc import Iterator
import random

from kaopu_ha.sim.faults_shared import moved_address, slow
from kaopu_ha.sim.scenes import alive_everywhere, scene
from kaopu_ha.sim.scenes_foretold import SCENES as SCENES
from kaopu_ha.sim.story import Event
from kaopu_ha.sim.world import Setup


def _pairs(chance: random.Random, setup: Setup) -> list[tuple[str, str]]:
    """Each instance of the first host with one of the second: who shares a volume with whom."""
    second = next(vm.name for vm in setup.instances if vm.host == setup.hosts[1])
    return [(vm.name, second) for vm in setup.instances if vm.host == setup.hosts[0]]


@scene('a client of a shared volume is slow', alive_everywhere)
def _slow_client(chance: random.Random, setup: Setup, at: float) -> Iterator[Event]:
    """Then the host of it dies, or the one that has the sibling."""
    yield from slow(chance, setup.hosts[0], 1.0)
    for name, sibling in _pairs(chance, setup):
        yield Event(chance.uniform(2.0, 3.0), f'attach a volume to {name} and {sibling}')
    dies = at + chance.uniform(10.0, 30.0)
    yield Event(dies, f'power off {chance.choice(setup.hosts[:2])}')
    yield Event(dies + 60.0, 'time passes')


@scene('a sibling is at an address that its host claims no longer alone', alive_everywhere)
def _at_one_address(chance: random.Random, setup: Setup, at: float) -> Iterator[Event]:
    """The first host got the second one's address; the sibling's client keeps it.

    Then the first host dies, or it is cut off and lives, with clients at that address, too.
    """
    host, pairs = setup.hosts[0], _pairs(chance, setup)
    for name, sibling in pairs:
        yield Event(1.0, f'attach a volume to {name} and {sibling}')
    yield from moved_address(chance, setup, at)
    dies = at + chance.uniform(8.0, 30.0)
    if chance.random() < 0.5:
        yield Event(dies, f'power off {host}')
    else:
        if chance.random() < 0.6:
            yield Event(at + 4.05, f'{host} has the storage address 10.91.0.11 no more')
        for name, _ in pairs:
            yield Event(at + chance.uniform(4.1, 7.0), f'reboot {name}')
        network = chance.choice(('management', 'management', 'both'))
        yield Event(dies, f'cut {host} {network}')
        yield Event(dies + chance.uniform(20.0, 40.0), f'mend {host} {network}')
    yield Event(dies + 60.0, 'time passes')


@scene('booted with a sibling at an address that a dead host claims, too', alive_everywhere)
def _booted_beside(chance: random.Random, setup: Setup, at: float) -> Iterator[Event]:
    """The first host claims the second one's address, and is dead; a third one is booted."""
    names = {vm.host: vm.name for vm in setup.instances}
    third = setup.hosts[2]
    yield Event(1.0, f'attach a volume to {names[third]} and {names[setup.hosts[1]]}')
    yield from moved_address(chance, setup, at)
    dies = at + chance.uniform(8.0, 20.0)
    yield Event(dies, f'power off {setup.hosts[0]}')
    boots = dies + chance.uniform(45.0, 60.0)
    yield Event(boots, f'power off {third}')
    yield Event(boots + chance.uniform(3.5, 6.0), f'power on {third}')
    yield Event(boots + 60.0, 'time passes')


@scene('nobody can tell for a while whose a sibling\'s client is', alive_everywhere)
def _doubted(chance: random.Random, setup: Setup, at: float) -> Iterator[Event]:
    """The first host claims the second one's address, and dies while libvirt is mute there."""
    host, second = setup.hosts[:2]
    for name, sibling in _pairs(chance, setup):
        yield Event(1.0, f'attach a volume to {name} and {sibling}')
    yield from moved_address(chance, setup, at)
    yield Event(at + chance.uniform(5.0, 8.0), f'libvirtd of {second} freezes')
    dies = at + chance.uniform(45.0, 50.0)
    yield Event(dies, f'power off {host}')
    if chance.random() < 0.3:
        yield Event(dies + chance.uniform(8.0, 12.0), f'a person says that {host} is switched off')
    yield Event(dies + chance.uniform(16.0, 40.0), f'libvirtd of {second} runs')
    yield Event(dies + 80.0, 'time passes')


@scene('begun at an address of another host while nobody told', alive_everywhere, beside_max=0)
def _at_anothers(chance: random.Random, setup: Setup, at: float) -> Iterator[Event]:
    """The first host got an address at which the second one's guests keep their clients.

    Its agent is dead by then.  Later it is cut off, and comes back when its instances were moved;
    or it was seen to live for a while, and only its management is cut.
    """
    host, second = setup.hosts[:2]
    yield Event(at - 2.0, f'kill agent-{host}')
    yield Event(at - 1.8, f'{second} is renumbered to 10.91.0.{chance.randrange(100, 200)}')
    yield Event(at - 1.5, f'{host} is renumbered to 10.91.0.12')
    for vm in setup.instances:
        if vm.host == host:
            yield Event(at - chance.uniform(0.2, 1.0), f'reboot {vm.name}')
    cut, link = at + chance.uniform(2.0, 8.0), 'both'
    if chance.random() < 0.4:
        cut, link = cut + 10.0, 'management'
    yield Event(cut, f'cut {host} {link}')
    yield Event(cut + chance.uniform(50.0, 60.0), f'mend {host} {link}')
