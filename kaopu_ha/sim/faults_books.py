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

"""Faults by chance after which Nova and Placement believe what is not so."""

from __future__ import annotations

from collections.abc import Callable, Iterator
import random

from kaopu_ha.sim.story import Event
from kaopu_ha.sim.world import Setup

Fault = Callable[[random.Random, Setup, float, float], Iterator[Event]]


def _target_dies(chance: random.Random, setup: Setup, at: float, lasts: float) -> Iterator[Event]:
    """The first host dies, and soon after it another one, to which something may be on its way.

    Both return, so that both are taken back in the end.
    """
    first, other = setup.hosts[0], chance.choice(setup.hosts[1:])
    yield Event(at, f'power off {first}')
    later = at + chance.uniform(13.0, 24.0)
    if chance.random() < 0.5:
        # It has the message, and has not begun.
        yield Event(later - 8.0, f'nova-compute of {other} hangs')
    yield Event(later, f'power off {other}')
    yield Event(later + 50.0 + lasts, f'power on {first}')
    yield Event(later + 50.0 + lasts + chance.uniform(-20.0, 40.0), f'power on {other}')


def _migrated(chance: random.Random, setup: Setup, at: float, lasts: float) -> Iterator[Event]:
    """A host dies in the middle of a live migration from it, before the guest goes over, and
    returns.
    """
    vm = chance.choice(setup.instances)
    yield Event(at, f'migrate {vm.name} to {chance.choice(setup.hosts)}')
    yield Event(at + chance.uniform(1.0, 3.3), f'power off {vm.host}')
    yield Event(at + 60.0 + lasts, f'power on {vm.host}')


def _placement(chance: random.Random, setup: Setup, at: float, lasts: float) -> Iterator[Event]:
    at += chance.uniform(0.0, 120.0)
    if chance.random() < 0.5:
        yield Event(at, 'Placement goes away')
        yield Event(at + lasts * 3, 'Placement comes back')
    else:
        yield Event(at, 'Placement takes no change from us')
        yield Event(at + lasts * 3, 'Placement takes changes from us')


FAULTS: tuple[tuple[int, Fault], ...] = ((2, _target_dies), (1, _migrated), (1, _placement))
