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
"""Random faults of links: firewalls, one-way loss, racks, switches restarted in turn."""

from __future__ import annotations

from collections.abc import Callable, Iterator
import random

from kaopu_ha.sim.story import Event
from kaopu_ha.sim.world import Setup

Fault = Callable[[random.Random, Setup, float, float], Iterator[Event]]


def _firewall(chance: random.Random, setup: Setup, at: float, lasts: float) -> Iterator[Event]:
    host, network = chance.choice(setup.hosts), chance.choice(('management', 'storage', 'both'))
    yield Event(at, f'a firewall rejects {host} on {network}')
    yield Event(at + lasts, f'mend {host} {network}')


def _one_way(chance: random.Random, setup: Setup, at: float, lasts: float) -> Iterator[Event]:
    host, network = chance.choice(setup.hosts), chance.choice(('management', 'storage', 'both'))
    yield Event(at, f'{host} hears nothing on {network}')
    yield Event(at + lasts, f'mend {host} {network}')


def _rack(chance: random.Random, setup: Setup, at: float, lasts: float) -> Iterator[Event]:
    """Several hosts lose their switch at once, and come back one after the other."""
    back = at + lasts
    for host in chance.sample(setup.hosts, chance.randint(2, len(setup.hosts))):
        yield Event(at + chance.uniform(0, 0.5), f'cut {host} both')
        back += chance.uniform(0, 14)
        yield Event(back, f'mend {host} both')


def _rolling(chance: random.Random, setup: Setup, at: float, lasts: float) -> Iterator[Event]:
    """Switch after switch is restarted; the next one goes when the last is back, or before."""
    begin = at
    for host in chance.sample(setup.hosts, len(setup.hosts)):
        yield Event(begin, f'cut {host} both')
        yield Event(begin + lasts, f'mend {host} both')
        begin += lasts * chance.uniform(0.4, 1.2)


def _choke(chance: random.Random, setup: Setup, at: float, lasts: float) -> Iterator[Event]:
    """A host tells what no driver understands, while others die."""
    host = chance.choice(setup.hosts)
    yield Event(at, f'the drivers choke on {host}')
    yield Event(at + lasts, f'the drivers cope with {host}')


FAULTS: tuple[tuple[int, Fault], ...] = ((1, _firewall), (1, _one_way), (2, _rack), (1, _rolling),
                                        (1, _choke))
