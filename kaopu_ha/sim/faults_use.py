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

"""Faults by chance: how busy hosts are changes, and now and then nobody can measure it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
import random

from kaopu_ha.sim.story import Event
from kaopu_ha.sim.world import Setup

Fault = Callable[[random.Random, Setup, float, float], Iterator[Event]]


def uses(chance: random.Random, host: str, at: float) -> Event:
    """The host gets as busy as it comes."""
    cores, memory = chance.randrange(5, 96, 5), chance.randrange(5, 96, 5)
    return Event(at, f'{host} uses {cores} % of its cores and {memory} % of its memory')


def _changes(chance: random.Random, setup: Setup, at: float, lasts: float) -> Iterator[Event]:
    """A host gets busier or idler; now and then nobody can measure it for a while."""
    host = chance.choice(setup.hosts)
    yield uses(chance, host, at)
    if chance.random() < 0.4:
        yield Event(at, f'the kernel of {host} does not tell its use')
        yield Event(at + lasts, f'the kernel of {host} tells its use')


FAULTS: tuple[tuple[int, Fault], ...] = ((1, _changes),)
