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

"""Scenes: situations that chance alone would compose once in thousands of runs.

A run begins with what may look like the death of its first host, or with one of these in its
place.  Each brings together what one rule of the program is for, with its times and names by
chance; some faults come beside it, as in every run.  For each rule that is taken out of the
program (see the mutants of the tests) there is a scene in which somebody is hurt soon.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
import dataclasses
from dataclasses import dataclass
import random

from kaopu_ha.sim.story import Event
from kaopu_ha.sim.world import Setup

_Events = Callable[[random.Random, Setup, float], Iterator[Event]]
_Stage = Callable[[random.Random, Setup], Setup]


@dataclass(frozen=True)
class Scene:
    """What happens, beginning at a time; what the world is like before; how much comes beside."""

    events: _Events
    stage: _Stage
    beside_max: int


SCENES: dict[str, Scene] = {}


def scene(name: str, stage: _Stage = lambda chance, setup: setup,
          beside_max: int = 1) -> Callable[[_Events], _Events]:
    """Keep a scene under its name."""
    def keep(events: _Events) -> _Events:
        SCENES[name] = Scene(events, stage, beside_max)
        return events
    return keep


# ---------------------------------------------------------------- stages


def on_the_first(chance: random.Random, setup: Setup) -> Setup:
    """All instances are on the first host, and on, with disks that move."""
    return dataclasses.replace(setup, instances=tuple(
        dataclasses.replace(vm, host=setup.hosts[0], power='on', local=False)
        for vm in setup.instances))


def two_leaders(chance: random.Random, setup: Setup) -> Setup:
    """Another controller and another worker are there to take over."""
    return dataclasses.replace(on_the_first(chance, setup), controllers=2, workers=2)


def alive_everywhere(chance: random.Random, setup: Setup) -> Setup:
    """Each host has an instance of its own that is on, the first one another one, too."""
    vms = tuple(dataclasses.replace(setup.instances[0], name=f'i{number + 1}', host=host,
                                    power='on', local=False)
                for number, host in enumerate((*setup.hosts, setup.hosts[0])))
    return dataclasses.replace(setup, instances=vms)


def one_disk_each(chance: random.Random, setup: Setup) -> Setup:
    """Two clusters: of the first host's instances one has its disk on a, all others on b."""
    others = tuple(dataclasses.replace(setup.instances[0], name=f'j{number}')
                   for number in range(2))
    vms = tuple(dataclasses.replace(vm, host=setup.hosts[0], power='on', local=False,
                                    clusters=('b',) if number else ('a',))
                for number, vm in enumerate((*setup.instances, *others)))
    return dataclasses.replace(setup, clusters=('a', 'b'), instances=vms)


# ---------------------------------------------------------------- verdicts


@scene('the leader is lost before the verdict', two_leaders)
def _new_leader(chance: random.Random, setup: Setup, at: float) -> Iterator[Event]:
    yield Event(at, f'power off {setup.hosts[0]}')
    yield Event(at + chance.uniform(1.0, 12.0), 'kill the leader')
    yield Event(at + 30.0, 'start all processes')


@scene('the observers are blind between two silent looks', two_leaders)
def _blind_between(chance: random.Random, setup: Setup, at: float) -> Iterator[Event]:
    yield Event(at, f'power off {setup.hosts[0]}')
    begin = at + chance.uniform(8.0, 13.0)
    for number in range(setup.controllers):
        yield Event(begin, f'the probes of controller-{number + 1} fail')
        yield Event(begin + chance.uniform(6.0, 11.0),
                    f'the probes of controller-{number + 1} work')


@scene('management is blind, and storage is silent', alive_everywhere)
def _switch_of_management(chance: random.Random, setup: Setup, at: float) -> Iterator[Event]:
    """Its switch is dead: no host is reached, so nobody knows what the silence of one means."""
    yield Event(at, f'cut {setup.hosts[0]} storage')
    for host in setup.hosts:
        yield Event(at, f'cut {host} management')
    yield Event(at + 45.0, f'mend {setup.hosts[0]} storage')
    for host in setup.hosts:
        yield Event(at + 45.0, f'mend {host} management')


@scene('few of its instances can be asked about', one_disk_each)
def _half_asked(chance: random.Random, setup: Setup, at: float) -> Iterator[Event]:
    yield Event(at - 1.0, 'cluster b hangs')
    yield Event(at, f'power off {setup.hosts[0]}')
    yield Event(at + chance.uniform(25.0, 45.0), 'cluster b goes on')


@scene('guests come and go while the agent is dead')
def _agent_dead(chance: random.Random, setup: Setup, at: float) -> Iterator[Event]:
    """Then only the management link is cut."""
    host, others = setup.hosts[0], setup.hosts[1:]
    yield Event(chance.uniform(2.2, 3.0), f'kill agent-{host}')
    for vm in setup.instances:
        leaves = chance.choice((f'migrate {vm.name} to {chance.choice(others)}',
                                f'stop {vm.name}'))
        begins = chance.uniform(3.2, 14)
        yield Event(begins, leaves if vm.host == host else f'migrate {vm.name} to {host}')
    # One comes that the agent never told of.
    yield Event(5.0, f'create new on {host}')
    begins = chance.uniform(28, 34)
    yield Event(begins, f'cut {host} management')
    yield Event(begins + 12.0 + chance.uniform(10, 25), f'mend {host} management')


@scene('a kernel lives behind a libvirtd that does not', on_the_first)
def _kernel_answers(chance: random.Random, setup: Setup, at: float) -> Iterator[Event]:
    """What is refused, by it or by its firewall, comes from a live machine: the waits are long."""
    host = setup.hosts[0]
    yield Event(at, f'kill agent-{host}')
    yield Event(at, chance.choice((f'libvirtd of {host} dies', f'libvirtd of {host} freezes',
                                   f'a firewall rejects {host} on management')))
    yield Event(at, f'cut {host} storage')
    yield Event(at + chance.uniform(25.0, 60.0), 'mend everything')


@scene('its guests are known at an address that it does not tell', alive_everywhere)
def _elsewhere(chance: random.Random, setup: Setup, at: float) -> Iterator[Event]:
    """It got another one while its agent was dead, and guests began there; then it is cut off.
    """
    host = setup.hosts[0]
    yield Event(2.5, f'kill agent-{host}')
    yield Event(2.6, f'{host} is renumbered to 10.91.0.{chance.randrange(100, 200)}')
    for vm in setup.instances:
        if vm.host == host:
            yield Event(2.8, f'reboot {vm.name}')
    yield Event(at, f'cut {host} management')
    yield Event(at + chance.uniform(25.0, 40.0), f'mend {host} management')


@scene('suspects that live, many at once', alive_everywhere)
def _suspects(chance: random.Random, setup: Setup, at: float) -> Iterator[Event]:
    for host in setup.hosts[:4]:
        begins = at + chance.uniform(0.0, 2.0)
        yield Event(begins, f'cut {host} management')
        yield Event(begins + 45.0, f'mend {host} management')


# ---------------------------------------------------------------- storms


@scene('a storm was released long ago', alive_everywhere, beside_max=0)
def _second_storm(chance: random.Random, setup: Setup, at: float) -> Iterator[Event]:
    first = setup.hosts[:2]
    for host in first:
        yield Event(at, f'cut {host} both')
        yield Event(at + 10.0, f'mend {host} both')
    yield Event(at + 8.5, 'release the brake')
    again = at + chance.uniform(36.0, 45.0)
    for host in setup.hosts[:3]:
        yield Event(again, f'cut {host} both')
        yield Event(again + 30.0, f'mend {host} both')


@scene('hosts fall one after the other', alive_everywhere, beside_max=0)
def _rolling(chance: random.Random, setup: Setup, at: float) -> Iterator[Event]:
    for host in setup.hosts[:4]:
        yield Event(at, f'cut {host} both')
        yield Event(at + 22.0, f'mend {host} both')
        at += chance.uniform(16.0, 20.0)


# ---------------------------------------------------------------- one alone


@scene('one writes what is no record while another dies', on_the_first, beside_max=0)
def _no_record(chance: random.Random, setup: Setup, at: float) -> Iterator[Event]:
    writes = chance.choice(('depth', 'no-address'))
    yield Event(at - 1.0, f'{setup.hosts[-1]} writes {writes} as its inventory')
    yield Event(at, f'power off {setup.hosts[0]}')
    yield Event(at + 40.0, 'time passes')


@scene('the drivers choke on one while another dies', alive_everywhere, beside_max=0)
def _choked(chance: random.Random, setup: Setup, at: float) -> Iterator[Event]:
    """On one that is confirmed dead, whose fence has to be kept."""
    odd, other = setup.hosts[-1], setup.hosts[0]
    yield Event(at, f'power off {odd}')
    yield Event(at + chance.uniform(14.0, 26.0), f'the drivers choke on {odd}')
    yield Event(at + chance.uniform(42.0, 50.0), f'power off {other}')
    yield Event(at + 90.0, f'the drivers cope with {odd}')
    yield Event(at + 91.0, f'power on {odd}')
