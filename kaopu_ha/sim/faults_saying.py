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
"""Random faults of hosts that nobody can judge, and what people say of them, rightly or not."""

from __future__ import annotations

from collections.abc import Callable, Iterator
import random

from kaopu_ha.sim.story import Event
from kaopu_ha.sim.world import Setup

Fault = Callable[[random.Random, Setup, float, float], Iterator[Event]]

# From the lapse of a beat to the first round.
_OPENED_SECONDS = 8.0


def _unseen(chance: random.Random, setup: Setup, at: float, lasts: float) -> Iterator[Event]:
    """Its agent is dead while guests come to it, then it loses its power; people say so."""
    host = setup.hosts[0]
    yield Event(max(1.0, at - 12.0), f'kill agent-{host}')
    for vm in setup.instances:
        if vm.host != host and chance.random() < 0.7:
            yield Event(max(1.5, at - 9.0 + chance.uniform(0, 4)), f'migrate {vm.name} to {host}')
    yield Event(at, f'power off {host}')
    at += _OPENED_SECONDS
    for _ in range(chance.choice((1, 1, 2))):
        what = chance.choices(('switched off', 'destroyed'), (4, 1))[0]
        yield Event(at, f'a person says that {host} is {what}')
        at += chance.choice((1.0, 6.0, lasts))
    if chance.random() < 0.4:
        yield Event(at, f'power on {host}')


def _wrong(chance: random.Random, setup: Setup, at: float, lasts: float) -> Iterator[Event]:
    """A person is wrong: the host lives, and one or both of its networks do not say so."""
    host = setup.hosts[0]
    yield Event(at - 1.0, f'kill agent-{host}')
    if chance.random() < 0.5:
        yield Event(at - 0.8, f'{host} is renumbered to 10.91.0.{chance.randrange(100, 200)}')
        for vm in setup.instances:
            if vm.host == host:
                yield Event(at - 0.6, f'reboot {vm.name}')
    yield Event(at, f'cut {host} {chance.choice(("management", "both"))}')
    said = at + _OPENED_SECONDS + chance.uniform(0.0, 4.0)
    for cluster in setup.clusters:
        if chance.random() < 0.7:
            yield Event(at, f'cluster {cluster} hangs')
            yield Event(said + chance.uniform(0.5, 12.0), f'cluster {cluster} goes on')
    yield Event(said, f'a person is wrong, and says that {host} is switched off')
    yield Event(said + chance.choice((2.0, 10.0, 10.0 + lasts)), f'mend {host} both')


FAULTS: tuple[tuple[int, Fault], ...] = ((1, _unseen), (1, _wrong))
