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

"""Clouds with zones, groups, dedicated cores and hosts that are set aside, by chance."""

from __future__ import annotations

from collections.abc import Callable, Iterator
import random

from kaopu_ha.sim.story import Event
from kaopu_ha.sim.world import Setup

Fault = Callable[[random.Random, Setup, float, float], Iterator[Event]]

# Before the first host dies.
_EARLY = (0.5, 3.0)


def zones(chance: random.Random, setup: Setup, at: float, lasts: float) -> Iterator[Event]:
    """Two zones, of which the first has the host that dies; some instances are pinned."""
    begins, first = chance.uniform(*_EARLY), chance.randint(1, len(setup.hosts) - 1)
    for number, host in enumerate(setup.hosts):
        yield Event(begins, f'zone az{1 if number < first else 2} has {host}')
    if chance.random() < 0.4:
        yield Event(begins, 'Nova does not tell who is pinned to a zone')
    for vm in setup.instances:
        if chance.random() < 0.6:
            yield Event(begins + 0.1, f'{vm.name} is pinned to its zone')


def groups(chance: random.Random, setup: Setup, at: float, lasts: float) -> Iterator[Event]:
    """Of those that are kept apart one is on the host that dies, or two of three are."""
    here = [vm.name for vm in setup.instances if vm.host == setup.hosts[0]]
    there = [vm.name for vm in setup.instances if vm.host != setup.hosts[0]]
    chance.shuffle(here)
    chance.shuffle(there)
    begins = chance.uniform(*_EARLY)
    if len(here) > 1 and chance.random() < 0.2:
        yield Event(begins, f'a group keeps {here[0]} and {here[1]} together')
        # Nova moves none of them while it is there.
        yield Event(at + lasts + 40.0, f'people delete the group of {here[0]}')
        return
    while len(here) > 1 and there and chance.random() < 0.6:
        yield Event(begins, f'a group has at most two of {here.pop()}, {here.pop()} and '
                            f'{there.pop()} on a host')
    while here and there:
        how = chance.choice(('keeps', 'keeps', 'would have'))
        yield Event(begins, f'a group {how} {here.pop()} and {there.pop()} apart')


def _dedicated(chance: random.Random, setup: Setup, at: float, lasts: float) -> Iterator[Event]:
    begins = chance.uniform(*_EARLY)
    for host in chance.sample(setup.hosts, chance.randint(1, len(setup.hosts))):
        yield Event(begins, f'{host} has {chance.choice((2, 16))} dedicated cores')
    for vm in setup.instances:
        if chance.random() < 0.5:
            yield Event(begins + 0.1, f'{vm.name} asks for dedicated cores')
    if chance.random() < 0.5:
        yield Event(begins, f'{chance.choice(setup.hosts[1:])} has 0 cores')


def _set_aside(chance: random.Random, setup: Setup, at: float, lasts: float) -> Iterator[Event]:
    begins = chance.uniform(*_EARLY)
    if chance.random() < 0.5:
        yield Event(begins, f'{chance.choice(setup.hosts[1:])} is set aside for project gold')
        return
    # Nova has reasons that nobody can read.
    one, other = chance.sample(setup.hosts, 2)
    yield Event(begins, f'zone nova has {one}')
    for vm in setup.instances:
        if chance.random() < 0.7:
            yield Event(begins, f'only Nova knows that {vm.name} may be on {one} and {other} alone')


FAULTS: tuple[tuple[int, Fault], ...] = ((4, zones), (3, groups), (1, _dedicated),
                                         (2, _set_aside))
