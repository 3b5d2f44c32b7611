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

"""Faults of the runs around moves: disks that change, users that act, calls that lie somewhere."""

from __future__ import annotations

from collections.abc import Callable, Iterator
import random

from kaopu_ha.sim.story import Event
from kaopu_ha.sim.world import Setup

Fault = Callable[[random.Random, Setup, float, float], Iterator[Event]]

# Before the first host dies.
_EARLY = (1.0, 5.0)


def _disks(chance: random.Random, setup: Setup, at: float, lasts: float) -> Iterator[Event]:
    name = chance.choice(setup.instances).name
    kind = chance.randrange(3)
    if kind == 0:
        yield Event(chance.uniform(*_EARLY), f'rescue {name}')
        return
    if kind == 1:
        yield Event(chance.uniform(*_EARLY), f'attach a volume to {name}')
    else:
        other = chance.choice(setup.instances).name
        yield Event(chance.uniform(*_EARLY), f'attach a volume to {name} and {other}')
    if chance.random() < 0.7:
        yield Event(max(at, _EARLY[1]), chance.choice((
            f'detach the last volume of {name}', f'detach and delete the last volume of {name}')))


def _users(chance: random.Random, setup: Setup, at: float, lasts: float) -> Iterator[Event]:
    verb = chance.choice(('suspend', 'pause', 'stop'))
    yield Event(at + lasts, f'{verb} {chance.choice(setup.instances).name}')


def _calls(chance: random.Random, setup: Setup, at: float, lasts: float) -> Iterator[Event]:
    """A nova-compute that hangs for longer than an attempt may last, a front end that holds calls.
    """
    if chance.random() < 0.6:
        host = chance.choice(setup.hosts[1:])
        yield Event(at, f'nova-compute of {host} hangs')
        yield Event(at + chance.uniform(30, 150), f'nova-compute of {host} goes on')
    else:
        yield Event(at, f'Nova takes {chance.randint(8, 25)} s more for each act')
        yield Event(at + lasts, 'Nova takes 0 s more for each act')


FAULTS: tuple[tuple[int, Fault], ...] = ((2, _disks), (1, _users), (3, _calls))
