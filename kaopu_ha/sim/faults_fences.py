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


"""Random faults of fences: a fenced host comes back at another address, or somebody claims it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
import random

from kaopu_ha.sim.story import Event
from kaopu_ha.sim.world import Setup

Fault = Callable[[random.Random, Setup, float, float], Iterator[Event]]


def _elsewhere(chance: random.Random, setup: Setup, at: float, lasts: float) -> Iterator[Event]:
    """A dead host is booted at another address; its guests are started there, or not."""
    host, begin = setup.hosts[0], max(at, 4.0)
    if chance.random() < 0.3:
        yield Event(0.0, 'Nova resumes guests when a host boots')
    yield Event(begin, f'power off {host}')
    back = begin + chance.uniform(14, 30)
    address = f'10.{chance.choice((91, 91, 91, 92))}.2.{chance.randrange(100, 200)}'
    yield Event(back - 0.5, f'{host} is renumbered to {address}')
    yield Event(back, f'power on {host}')
    if chance.random() < 0.3:
        yield Event(back + lasts, f'{host} has the storage address 10.91.3.7 too')


def _just_renumbered(chance: random.Random, setup: Setup, at: float,
                     lasts: float) -> Iterator[Event]:
    """A guest is started at an address of which its host has no time to tell."""
    host = setup.hosts[0]
    begin = max(at, 4.0)
    yield Event(begin, f'{host} is renumbered to '
                       f'10.{chance.choice((91, 92))}.4.{chance.randrange(100, 200)}')
    for vm in setup.instances:
        if vm.host == host:
            yield Event(begin + chance.uniform(0.1, 1.0), f'reboot {vm.name}')
    cut = begin + chance.uniform(0.5, 6)
    yield Event(cut, f'cut {host} both')
    yield Event(cut + 16.0 + lasts, f'mend {host} both')
    # Whom another fault has killed can't tell where its guests are.
    yield Event(cut + 20.0 + lasts, f'start agent-{host}')


def _claimed(chance: random.Random, setup: Setup, at: float, lasts: float) -> Iterator[Event]:
    """A stolen host claims everybody's addresses for long; another host dies, or it does itself."""
    thief = setup.hosts[-1]
    begin = max(at, 21.0)
    yield Event(begin, f'{thief} is stolen by one who writes addresses')
    if chance.random() < 0.3:
        yield Event(0.2, f'{setup.hosts[0]} has the storage address 10.91.5.7 too')
    victim = chance.choice((setup.hosts[0], setup.hosts[0], thief))
    yield Event(begin + chance.uniform(4, 20), f'power off {victim}')
    yield Event(begin + 100.0 + lasts, f'the thief leaves {thief}')


FAULTS: tuple[tuple[int, Fault], ...] = ((2, _elsewhere), (2, _just_renumbered), (2, _claimed))
