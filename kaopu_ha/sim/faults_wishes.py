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

"""Faults by chance: people who retry, give up and end, at any moment, with reason or without."""

from __future__ import annotations

from collections.abc import Callable, Iterator
import random

from kaopu_ha.sim.story import Event
from kaopu_ha.sim.world import Setup

Fault = Callable[[random.Random, Setup, float, float], Iterator[Event]]

# From the power cut to the plan.
_PLANNED_SECONDS = 14.0


def _asks(chance: random.Random, setup: Setup, at: float, lasts: float) -> Iterator[Event]:
    """One instance, while it waits, is called for, is moved, or long after; then again."""
    # Mostly one of those that are moved.
    mine = [vm for vm in setup.instances if vm.host == setup.hosts[0]] or setup.instances
    name = chance.choice(mine).name
    at = max(1.0, at) + chance.choice((0.0, _PLANNED_SECONDS))
    for _ in range(chance.choice((1, 2, 2, 3))):
        verb = chance.choice(('a person asks to retry {}', 'a person gives {} up'))
        yield Event(at, verb.format(name))
        at += chance.choice((0.3, 2.0, lasts, 40.0))


def _held_up(chance: random.Random, setup: Setup, at: float, lasts: float) -> Iterator[Event]:
    """No room, or a nova-compute that hangs with the call: then people lose their patience."""
    at = max(1.0, at)
    if chance.random() < 0.5:
        for host in setup.hosts[1:]:
            yield Event(at, f'{host} has 0 cores')
    else:
        for host in setup.hosts[1:]:
            yield Event(at, f'nova-compute of {host} hangs')
    later = at + _PLANNED_SECONDS + chance.uniform(0.0, 20.0)
    yield from chance.choice((_asks, _ends))(chance, setup, later, lasts)
    later += chance.choice((0.0, 40.0))
    for host in setup.hosts[1:]:
        yield Event(later + lasts, f'{host} has 16 cores')
        yield Event(later + lasts, f'nova-compute of {host} goes on')


def _ends(chance: random.Random, setup: Setup, at: float, lasts: float) -> Iterator[Event]:
    """The recovery of the host that dies; and then it is to be tried again, or admitted."""
    host, at = setup.hosts[0], max(1.0, at)
    yield Event(at, f'a person ends the recovery of {host}')
    at += chance.choice((0.3, 3.0, lasts))
    if chance.random() < 0.6:
        yield Event(at, f'a person asks to retry {chance.choice(setup.instances).name}')
    if chance.random() < 0.3:
        yield Event(at + chance.choice((0.0, 0.2, 1.0)), f'admit {host}')


FAULTS: tuple[tuple[int, Fault], ...] = ((2, _asks), (2, _held_up), (1, _ends))
