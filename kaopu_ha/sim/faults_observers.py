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

"""Faults for the runs that make a controller blind, or have its clock stand still, for as long as
its leadership could last."""

from __future__ import annotations

from collections.abc import Callable, Iterator
import random

from kaopu_ha.sim.story import Event
from kaopu_ha.sim.world import Setup

Fault = Callable[[random.Random, Setup, float, float], Iterator[Event]]


def _blind(chance: random.Random, setup: Setup, at: float, lasts: float) -> Iterator[Event]:
    """A controller can't ask for long, and sometimes another one is blind after it."""
    begins = at
    for role in chance.sample(range(1, setup.controllers + 1), setup.controllers):
        name, ends = f'controller-{role}', begins + lasts + chance.uniform(40.0, 60.0)
        begin, end = chance.choice((
            (f'cut {name} storage', f'mend {name} storage'),
            (f'the storage probe of {name} fails', f'the storage probe of {name} works'),
            (f'the probes of {name} fail', f'the probes of {name} work')))
        yield Event(begins, begin)
        yield Event(ends, end)
        if chance.random() < 0.7:
            return
        begins += chance.uniform(5.0, 50.0)


def _paused(chance: random.Random, setup: Setup, at: float, lasts: float) -> Iterator[Event]:
    """The virtual machine of a controller or worker is paused, its clock with it."""
    role = chance.choice([*(f'controller-{number + 1}' for number in range(setup.controllers)),
                          *(f'worker-{number + 1}' for number in range(setup.workers))])
    yield Event(at, f'the machine of {role} is paused')
    yield Event(at + lasts, f'the machine of {role} goes on')


def _paused_at_act(chance: random.Random, setup: Setup, at: float, lasts: float) -> Iterator[Event]:
    """The same where it was about to act, and no clock tells it: it acts when all has changed."""
    role = chance.choice(('controller', 'controller', 'worker'))
    seconds = chance.choice((8, 30, 60, 90))
    yield Event(at, f'the machine of a {role} is paused at its next act for {seconds} s')
    if role == 'controller' and chance.random() < 0.5:
        host = setup.hosts[0]
        yield Event(at + 45.0, f'power on {host}')
        yield Event(at + 55.0, f'admit {host}')


def _many(chance: random.Random, setup: Setup, at: float, lasts: float) -> Iterator[Event]:
    """Several hosts are cut off from management for long: suspects that live, all at once."""
    for host in chance.sample(setup.hosts, min(len(setup.hosts), chance.randint(3, 4))):
        begins = at + chance.uniform(0.0, 2.0)
        yield Event(begins, f'cut {host} management')
        yield Event(begins + lasts + 30.0, f'mend {host} management')


FAULTS: tuple[tuple[int, Fault], ...] = ((2, _blind), (3, _paused), (2, _paused_at_act), (2, _many))
