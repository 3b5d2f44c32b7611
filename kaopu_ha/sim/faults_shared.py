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

"""Faults of the runs around volumes that two instances share: see ``runs``.

They begin before the first host dies: what is looked for is what one host takes for its own of the
other one's.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
import random

from kaopu_ha.sim.story import Event
from kaopu_ha.sim.world import Setup

Fault = Callable[[random.Random, Setup, float, float], Iterator[Event]]


def slow(chance: random.Random, host: str, at: float) -> Iterator[Event]:
    """Clients of shared volumes that begin on the host are slow, in one way or the other."""
    seconds = chance.randint(2, 20)
    yield Event(at, chance.choice((
        f'new clients of shared volumes on {host} are listed {seconds} s late',
        f'new clients of shared volumes on {host} are mute for {seconds} s')))


def _shared(chance: random.Random, setup: Setup, at: float, lasts: float) -> Iterator[Event]:
    """Two of them share a volume, and the client of one is slow, now or when it is moved."""
    one, other = chance.sample(setup.instances, 2)
    for host in sorted({one.host, chance.choice(setup.hosts)}):
        yield from slow(chance, host, 0.5)
    yield Event(chance.uniform(1.0, 4.5), f'attach a volume to {one.name} and {other.name}')
    if chance.random() < 0.4:
        yield Event(at, f'reboot {one.name}')


def moved_address(chance: random.Random, setup: Setup, at: float) -> Iterator[Event]:
    """The address of the second host becomes the first one's, and its guests' clients keep it."""
    first, second = setup.hosts[:2]
    address = '10.91.0.12'
    yield Event(at, f'{second} is renumbered to 10.91.0.{chance.randrange(100, 200)}')
    yield Event(at + chance.uniform(0.5, 4.0), f'{first} has the storage address {address} too')


def _moved_address(chance: random.Random, setup: Setup, at: float,
                   lasts: float) -> Iterator[Event]:
    one, other = chance.sample(setup.instances, 2)
    yield Event(1.0, f'attach a volume to {one.name} and {other.name}')
    yield from moved_address(chance, setup, chance.uniform(2.5, 4.0))


FAULTS: tuple[tuple[int, Fault], ...] = ((2, _shared), (2, _moved_address))
