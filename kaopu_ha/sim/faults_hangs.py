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


"""Faults for the runs that must stay with one thread, one host: a call that does not come back, a
record that is none."""

from __future__ import annotations

from collections.abc import Callable, Iterator
import random

from kaopu_ha.sim import hangs
from kaopu_ha.sim.story import Event
from kaopu_ha.sim.words_nonsense import NONSENSE
from kaopu_ha.sim.world import Setup

Fault = Callable[[random.Random, Setup, float, float], Iterator[Event]]

# Longer than a leader that hangs may be one.
_LONG_SECONDS = (45.0, 70.0)


def _hang(chance: random.Random, setup: Setup, at: float, lasts: float) -> Iterator[Event]:
    """A thread of the leader hangs: for so long that another leads, or for a while only."""
    call = chance.choice(hangs.CALLS)
    if chance.random() < 0.5:
        yield Event(at, f'the leader hangs at its next {call} for {lasts * 2:.1f} s')
        return
    yield Event(at, f'the leader hangs at its next {call}')
    # Twice: whoever leads then may meet the same.
    if chance.random() < 0.2:
        yield Event(at + 20.0, f'the leader hangs at its next {chance.choice(hangs.CALLS)}')
    yield Event(at + chance.uniform(*_LONG_SECONDS), 'what hangs goes on')


def _nonsense(chance: random.Random, setup: Setup, at: float, lasts: float) -> Iterator[Event]:
    """A host writes what is no record; another one than the first, which is to die."""
    host = chance.choice(setup.hosts[1:])
    yield Event(at, f'{host} writes {chance.choice(tuple(NONSENSE))} as its inventory')


def _between_terms(chance: random.Random, setup: Setup, at: float,
                   lasts: float) -> Iterator[Event]:
    """A turn hangs, its leader loses the leadership, may have it again, and the turn goes on."""
    role = f'controller-{chance.randint(1, setup.controllers)}'
    for _ in range(chance.randint(1, 3)):
        call = chance.choice(hangs.CALLS)
        yield Event(at, f'{role} hangs at its next {call} for {chance.uniform(2.0, 15.0):.1f} s')
        yield Event(at + chance.uniform(0.3, 4.0), 'etcd loses the keys of all leases')
        at += chance.uniform(5.0, 20.0)


def _disk(chance: random.Random, setup: Setup, at: float, lasts: float) -> Iterator[Event]:
    """The disk of a controller hangs for longer than its recovery should take."""
    role = f'controller-{chance.randint(1, setup.controllers)}'
    yield Event(at, f'the disk of {role} hangs')
    yield Event(at + chance.uniform(*_LONG_SECONDS), f'the disk of {role} answers')


FAULTS: tuple[tuple[int, Fault], ...] = (
    (3, _hang), (2, _nonsense), (2, _between_terms), (2, _disk))
