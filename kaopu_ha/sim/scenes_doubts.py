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

"""Scenes of what was true and is no more: a look, a word, a beat, a boot; and of who sees nothing.

See ``scenes``.
"""

from __future__ import annotations

from collections.abc import Iterator
import random

from kaopu_ha.sim.scenes import alive_everywhere, on_the_first, scene, two_leaders
from kaopu_ha.sim.scenes_fences import SCENES as SCENES
from kaopu_ha.sim.scenes_moves import quick
from kaopu_ha.sim.story import Event
from kaopu_ha.sim.world import Setup


@scene('the store hangs between a look and what is written of it', two_leaders)
def _old_look(chance: random.Random, setup: Setup, at: float) -> Iterator[Event]:
    """Each stage of a death asks for a lease; the leader keeps its leadership meanwhile."""
    yield Event(at, f'power off {setup.hosts[0]}')
    yield Event(at + chance.uniform(3.0, 9.0),
                f'the leader hangs at its next grant for {chance.uniform(7.0, 14.0):.1f} s')
    yield Event(at + 40.0, 'time passes')


@scene('the leader loses its storage link, and a host dies', two_leaders)
def _blind_leader(chance: random.Random, setup: Setup, at: float) -> Iterator[Event]:
    """Another one could ask; the link of the first comes back after it had to give way."""
    yield Event(at - chance.uniform(0.0, 2.0), 'cut controller-1 storage')
    yield Event(at, f'power off {setup.hosts[0]}')
    yield Event(at + chance.uniform(60.0, 70.0), 'mend controller-1 storage')


@scene('the disk of the leader hangs, and a host dies', two_leaders, beside_max=0)
def _disk_hangs(chance: random.Random, setup: Setup, at: float) -> Iterator[Event]:
    """It judges, and the child that is to fence never starts; another controller could."""
    yield Event(at - chance.uniform(0.0, 2.0), 'the disk of controller-1 hangs')
    yield Event(at, f'power off {setup.hosts[0]}')
    yield Event(at + chance.uniform(80.0, 100.0), 'the disk of controller-1 answers')


@scene('a host that was told not to be protected dies', alive_everywhere, beside_max=0)
def _unprotected_dies(chance: random.Random, setup: Setup, at: float) -> Iterator[Event]:
    """Ceph sees its guests in a network of which nobody had told."""
    host = setup.hosts[0]
    yield Event(2.0, f'{host} is renumbered to 10.92.0.{chance.randrange(100, 200)}')
    for vm in setup.instances:
        if vm.host == host:
            yield Event(3.0, f'reboot {vm.name}')
    dies = chance.uniform(50.0, 80.0)
    yield Event(dies, chance.choice((f'power off {host}', f'cut {host} both', f'freeze {host}')))
    yield Event(dies + 60.0, 'time passes')


@scene('the store loses answers while ends are written', quick, beside_max=0)
def _lost_answers(chance: random.Random, setup: Setup, at: float) -> Iterator[Event]:
    """What was committed then is told all the same, and once."""
    yield Event(at, f'power off {setup.hosts[0]}')
    begins = at + chance.uniform(8.0, 24.0)
    yield Event(begins, f'etcd loses {chance.choice((30, 50))} % of its answers')
    yield Event(begins + chance.uniform(4.0, 20.0), 'etcd loses 0 % of its answers')
    yield Event(begins + 60.0, 'time passes')


@scene('most of what a host has on nobody has seen, and it loses its power', alive_everywhere)
def _unseen_dies(chance: random.Random, setup: Setup, at: float) -> Iterator[Event]:
    """Its agent is dead while guests come to it; only people know that it is off."""
    host = setup.hosts[0]
    yield Event(2.2, f'kill agent-{host}')
    for number, vm in enumerate(setup.instances):
        if vm.host != host:
            yield Event(8.5 + number, f'migrate {vm.name} to {host}')
    dies = 24.0 + chance.uniform(0.0, 6.0)
    yield Event(dies, f'power off {host}')
    yield Event(dies + chance.uniform(1.0, 10.0), f'a person says that {host} is switched off')
    if chance.random() < 0.3:
        yield Event(dies + chance.uniform(2.0, 20.0), f'power on {host}')
    yield Event(dies + 30.0, 'time passes')


@scene('a person is wrong about a host of which the storage does not say', alive_everywhere,
       beside_max=0)
def _wrong_word(chance: random.Random, setup: Setup, at: float) -> Iterator[Event]:
    """It lives, at its address or at one of nobody; then the storage is heard again."""
    host = setup.hosts[0]
    yield Event(2.5, f'kill agent-{host}')
    if chance.random() < 0.5:
        yield Event(2.6, f'{host} is renumbered to 10.91.0.{chance.randrange(100, 200)}')
        for vm in setup.instances:
            if vm.host == host:
                yield Event(2.8, f'reboot {vm.name}')
    for cluster in setup.clusters:
        yield Event(at, f'cluster {cluster} hangs')
    yield Event(at, f'cut {host} management')
    yield Event(at + 10.0, f'a person is wrong, and says that {host} is switched off')
    for cluster in setup.clusters:
        yield Event(at + chance.uniform(11.0, 16.0), f'cluster {cluster} goes on')
    yield Event(at + 40.0, f'mend {host} management')


@scene('a host is switched on against a person\'s word', quick, beside_max=0)
def _word_broken(chance: random.Random, setup: Setup, at: float) -> Iterator[Event]:
    """Its fence never held, and most of what it had on waits for a target."""
    host = setup.hosts[0]
    yield Event(1.0, 'the monitors of a refuse to fence for ever')
    for other in setup.hosts[1:]:
        yield Event(1.0, f'disable {other}')
        yield Event(at + 60.0, f'enable {other}')
    yield Event(at, f'power off {host}')
    yield Event(at + 18.0, f'a person says that {host} is switched off')
    yield Event(at + chance.uniform(24.0, 40.0),
                f'{host} is switched on against a person\'s word')


@scene('a beat that no agent wrote outlives its host', quick, beside_max=0)
def _lasting_beat(chance: random.Random, setup: Setup, at: float) -> Iterator[Event]:
    """While another host dies, and no other one has room."""
    host = setup.hosts[-1]
    for other in setup.hosts[1:-1]:
        yield Event(1.0, f'{other} has 0 cores')
        yield Event(at + 60.0, f'{other} has 16 cores')
    yield Event(2.0, f'kill agent-{host}')
    yield Event(2.1, f'somebody writes a beat of {host} that does not end')
    yield Event(chance.uniform(2.5, 4.5), f'power off {host}')
    yield Event(at, f'power off {setup.hosts[0]}')


def _come_unseen(chance: random.Random, setup: Setup, at: float) -> Iterator[Event]:
    """Guests come to the last host while its agent is dead."""
    host = setup.hosts[-1]
    yield Event(2.0, f'kill agent-{host}')
    for vm in setup.instances[:3]:
        yield Event(at + chance.uniform(3.0, 6.0), f'migrate {vm.name} to {host}')


@scene('booted twice with guests of which no agent told', on_the_first)
def _booted_twice(chance: random.Random, setup: Setup, at: float) -> Iterator[Event]:
    """Only its libvirt told of them, to who asked; the second boot comes before any start."""
    host = setup.hosts[-1]
    yield from _come_unseen(chance, setup, at)
    boots = at + chance.uniform(24.0, 30.0)
    yield Event(boots, f'power on {host}')
    yield Event(boots + chance.uniform(0.5, 2.5), f'power on {host}')
    yield Event(boots + 40.0, 'time passes')


@scene('lost again before its guests could be started', on_the_first)
def _lost_again(chance: random.Random, setup: Setup, at: float) -> Iterator[Event]:
    """They came while its agent was dead, which knows after the boot that they are off, no more."""
    host = setup.hosts[-1]
    yield from _come_unseen(chance, setup, at)
    boots = at + chance.uniform(24.0, 30.0)
    yield Event(boots - 0.5, f'guests do not start on {host}')
    yield Event(boots, f'power on {host}')
    yield Event(boots + chance.uniform(8.0, 20.0), f'power off {host}')
    yield Event(boots + 60.0, 'time passes')


@scene('stopped by its user while it may run elsewhere', on_the_first)
def _stopped_meanwhile(chance: random.Random, setup: Setup, at: float) -> Iterator[Event]:
    """Both ends of its live migration lose their power; the one to which it went stays off.  What
    its user does not stop runs once people say that this one is off.
    """
    host, other, moved = setup.hosts[0], setup.hosts[-1], setup.instances[:2]
    yield Event(2.0, f'kill agent-{other}')
    for vm in moved:
        yield Event(at, f'migrate {vm.name} to {other}')
    dies = at + chance.uniform(2.0, 3.0)
    yield Event(dies, f'power off {other}')
    yield Event(dies, f'power off {host}')
    boots = dies + chance.uniform(3.0, 6.0)
    yield Event(boots, f'power on {host}')
    for vm in moved[:chance.choice((1, 2))]:
        yield Event(boots + chance.uniform(12.0, 20.0), f'stop {vm.name}')
    yield Event(boots + 60.0, 'time passes')
