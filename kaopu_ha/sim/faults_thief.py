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

"""Faults by chance: a host is stolen, while others die."""

from __future__ import annotations

from collections.abc import Callable, Iterator
import random

from kaopu_ha.sim.story import Event
from kaopu_ha.sim.thief import TEXTS
from kaopu_ha.sim.world import Setup

Fault = Callable[[random.Random, Setup, float, float], Iterator[Event]]


def stolen(chance: random.Random, setup: Setup, at: float, lasts: float) -> Iterator[Event]:
    """The last host: it is not the one that dies first."""
    host = setup.hosts[-1]
    kind = chance.choice(sorted(TEXTS))
    yield Event(at, f'{host} is stolen by one who writes {kind}')
    yield Event(at + 2 * lasts, f'the thief leaves {host}')


FAULTS: tuple[tuple[int, Fault], ...] = ((2, stolen),)
