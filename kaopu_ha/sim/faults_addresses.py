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

"""Random faults of addresses and of evidence that is old: see ``runs``.

They begin before the host dies or is cut off: what is looked for is a verdict that believes in
addresses, or in a list of guests, that are not true any more.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
import random

from kaopu_ha.sim.story import Event
from kaopu_ha.sim.world import Setup

Fault = Callable[[random.Random, Setup, float, float], Iterator[Event]]


def _some(chance: random.Random, setup: Setup) -> str:
    return setup.hosts[0] if chance.random() < 0.7 else chance.choice(setup.hosts)


def _cut(chance: random.Random, host: str, at: float, lasts: float) -> Iterator[Event]:
    """The one cable whose loss must not condemn a host."""
    begins = max(at, 0.0) + chance.uniform(12, 25)
    yield Event(begins, f'cut {host} management')
    yield Event(begins + 10.0 + lasts, f'mend {host} management')


def _renumbered(chance: random.Random, setup: Setup, at: float, lasts: float) -> Iterator[Event]:
    """The host has another address than its guests' clients: in the client network, or not."""
    host, number = _some(chance, setup), chance.randrange(100, 200)
    address = chance.choice((f'10.91.0.{number}', f'10.92.0.{number}'))
    yield Event(chance.uniform(0.2, 1.0), f'{host} is renumbered to {address}')
    if chance.random() < 0.7:
        yield from _cut(chance, host, at, lasts)


def _second(chance: random.Random, setup: Setup, at: float, lasts: float) -> Iterator[Event]:
    """Of two addresses one is lost, for a while or for good, after clients came from either."""
    host, vm = _some(chance, setup), chance.choice(setup.instances)
    address = f'10.91.1.{chance.randrange(100, 200)}'
    yield Event(0.2, f'{host} has the storage address {address} too')
    yield Event(0.5, f'reboot {vm.name}')
    lost = max(at - 6.0, 4.0)
    yield Event(lost, f'{host} has the storage address {address} no more')
    if chance.random() < 0.5:
        yield Event(lost + chance.uniform(1, 8),
                    f'{host} has the storage address {address} too')
    yield from _cut(chance, host, at, lasts)


def _without_agent(chance: random.Random, setup: Setup, at: float, lasts: float) -> Iterator[Event]:
    """A rollout by steps: guests are migrated to a host that nobody told of."""
    host = chance.choice(setup.hosts[1:])
    yield Event(0.0, f'kill agent-{host}')
    for vm in chance.sample(setup.instances, min(2, len(setup.instances))):
        yield Event(max(at - chance.uniform(2, 9), 0.1), f'migrate {vm.name} to {host}')


def _agent_dead(chance: random.Random, setup: Setup, at: float, lasts: float) -> Iterator[Event]:
    """The agent is dead, guests leave and come; then only the management link is cut."""
    host, others = setup.hosts[0], setup.hosts[1:]
    yield Event(chance.uniform(2.2, 3.0), f'kill agent-{host}')
    for vm in setup.instances:
        begins = chance.uniform(3.2, 14)
        if vm.host == host:
            leaves = chance.choice((f'migrate {vm.name} to {chance.choice(others)}',
                                    f'stop {vm.name}'))
            yield Event(begins, leaves)
        else:
            yield Event(begins, f'migrate {vm.name} to {host}')
    begins = chance.uniform(28, 34)
    yield Event(begins, f'cut {host} management')
    yield Event(begins + 12.0 + lasts, f'mend {host} management')


def _stranger(chance: random.Random, setup: Setup, at: float, lasts: float) -> Iterator[Event]:
    vm = chance.choice(setup.instances)
    yield Event(at, f'a stranger at 10.{chance.choice((91, 93))}.8.8 opens {vm.name}')


FAULTS: tuple[tuple[int, Fault], ...] = (
    (2, _renumbered), (2, _second), (2, _without_agent), (2, _agent_dead), (1, _stranger))
