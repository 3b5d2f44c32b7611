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

"""Random faults of fences that do not hold, and what people say and ask then, at each stage."""

from __future__ import annotations

from collections.abc import Callable, Iterator
import random

from kaopu_ha.sim.story import Event
from kaopu_ha.sim.world import Setup

Fault = Callable[[random.Random, Setup, float, float], Iterator[Event]]

# From the power cut to the fence.
_CONFIRMED_SECONDS = 12.0


def _refused(chance: random.Random, setup: Setup, at: float, lasts: float) -> Iterator[Event]:
    """A cluster takes no fence, for a while or for ever; or a monitor is where the host is."""
    host, cluster = setup.hosts[0], chance.choice(setup.clusters)
    kind = chance.random()
    begins = max(1.0, at - chance.choice((0.0, 10.0, 20.0)))
    if kind < 0.35:
        yield Event(begins, f'the monitors of {cluster} refuse to fence for ever')
    elif kind < 0.7:
        yield Event(begins, f'the monitors of {cluster} refuse to fence')
        yield Event(begins + 30.0 + lasts, f'the monitors of {cluster} let fence again')
    else:
        yield Event(begins, f'a monitor of {cluster} is at the address of {host}')
    if chance.random() < 0.5:
        yield Event(at + chance.uniform(0.0, 2.0), f'power off {host}')
        # Only then: who lives writes at once, and no program could prevent it.
        if chance.random() < 0.5:
            yield Event(at + chance.uniform(15.0, 30.0), f'somebody takes {host} off the blocklist')
    yield from _said(chance, setup, at + _CONFIRMED_SECONDS, lasts)


def _said(chance: random.Random, setup: Setup, at: float, lasts: float) -> Iterator[Event]:
    """What people try, in any order, at any stage; then the host may come back."""
    host = setup.hosts[0]
    asks = (f'a person says that {host} is switched off', f'a person says that {host} is destroyed',
            f'a person ends the recovery of {host}', f'admit {host}',
            f'a person asks to retry {chance.choice(setup.instances).name}')
    for _ in range(chance.choice((1, 2, 3))):
        yield Event(at, chance.choices(asks, (5, 1, 3, 2, 1))[0])
        at += chance.choice((0.4, 3.0, lasts))
    if chance.random() < 0.5:
        yield Event(at + chance.choice((0.5, lasts)), f'power on {host}')


FAULTS: tuple[tuple[int, Fault], ...] = ((3, _refused), (1, _said))
