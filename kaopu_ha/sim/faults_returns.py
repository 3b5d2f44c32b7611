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

"""Faults by chance: hosts that are shut down in good order, and hosts that come back."""

from __future__ import annotations

from collections.abc import Callable, Iterator
import random

from kaopu_ha.sim.story import Event
from kaopu_ha.sim.world import Setup

Fault = Callable[[random.Random, Setup, float, float], Iterator[Event]]

_ORDERS = ('nova-compute first', 'its guests first')


def _shut_down(chance: random.Random, setup: Setup, at: float, lasts: float) -> Iterator[Event]:
    """In good order, with and without systemd's word; it may return soon, late or never."""
    host = chance.choice(setup.hosts)
    said = chance.choice(('', '', ' without systemd'))
    yield Event(at, f'shut down {host}{said}, {chance.choice(_ORDERS)}')
    if chance.random() < 0.4:
        # Its agent ends before its guests do, and its kernel refuses who asks for libvirt.
        yield Event(at + 2.5, f'kill agent-{host}')
        yield Event(at + 3.0, f'libvirtd of {host} dies')
    if chance.random() < 0.7:
        yield Event(at + 12.0 + lasts, f'power on {host}')


def _reboots(chance: random.Random, setup: Setup, at: float, lasts: float) -> Iterator[Event]:
    """Off and on, sooner than its beat lapses or later; now and then it does so again."""
    host = chance.choice(setup.hosts)
    for _ in range(chance.choice((1, 1, 2))):
        yield Event(at, f'power off {host}')
        at += chance.choice((0.5, 2.0, 7.0, 18.0))
        yield Event(at, f'power on {host}')
        at += chance.uniform(1.0, 12.0)


def _stopped_then_lost(chance: random.Random, setup: Setup, at: float,
                       lasts: float) -> Iterator[Event]:
    """Its user stops an instance, and its host is lost soon after."""
    vm = chance.choice(setup.instances)
    yield Event(at, f'stop {vm.name}')
    yield Event(at + chance.uniform(0.5, 8.0), f'power off {vm.host}')
    if chance.random() < 0.5:
        yield Event(at + 8.0 + lasts, f'power on {vm.host}')


def _dies_admitting(chance: random.Random, setup: Setup, at: float,
                    lasts: float) -> Iterator[Event]:
    """A host is taken back, and dies again at any step of that."""
    host = setup.hosts[0]
    yield Event(at, f'power off {host}')
    yield Event(at + 40.0, f'power on {host}')
    yield Event(at + 50.0, f'admit {host}')
    yield Event(at + 50.0 + chance.uniform(0.3, 15.0), f'power off {host}')
    if chance.random() < 0.6:
        yield Event(at + 60.0 + lasts, f'power on {host}')


def _unseen(chance: random.Random, setup: Setup, at: float, lasts: float) -> Iterator[Event]:
    """Guests come and go while the agent is dead; then the host is shut down, or just booted."""
    host = chance.choice(setup.hosts)
    yield Event(chance.uniform(1.0, 5.0), f'kill agent-{host}')
    for vm in chance.sample(setup.instances, min(2, len(setup.instances))):
        yield Event(at + chance.uniform(8.0, 16.0), f'migrate {vm.name} to {host}')
    yield Event(at + chance.uniform(8.0, 20.0), f'stop {chance.choice(setup.instances).name}')
    down = at + 28.0 + lasts
    if chance.random() < 0.5:
        yield Event(down, f'shut down {host}, {chance.choice(_ORDERS)}')
    else:
        yield Event(down, f'power off {host}')
    if chance.random() < 0.7:
        yield Event(down + chance.choice((2.0, 12.0, 30.0)), f'power on {host}')


def _on_and_off(chance: random.Random, setup: Setup, at: float, lasts: float) -> Iterator[Event]:
    """A user stops an instance before one boot of its host, and starts it before the next one."""
    vm = chance.choice(setup.instances)
    yield Event(at, f'stop {vm.name}')
    for begins in (at + chance.uniform(0.2, 3.0), at + 40.0 + lasts):
        yield Event(begins, f'power off {vm.host}')
        yield Event(begins + 2.0, f'power on {vm.host}')
    yield Event(at + 28.0, f'boot {vm.name}')


def _starts_fail(chance: random.Random, setup: Setup, at: float, lasts: float) -> Iterator[Event]:
    """A host boots, and for a time nothing starts on it."""
    host = chance.choice(setup.hosts)
    yield Event(at, f'guests do not start on {host}')
    yield Event(at + 0.5, f'power off {host}')
    yield Event(at + 3.0, f'power on {host}')
    yield Event(at + 10.0 + 2 * lasts, f'guests start on {host}')


FAULTS: tuple[tuple[int, Fault], ...] = (
    (3, _shut_down), (3, _reboots), (2, _stopped_then_lost), (2, _dies_admitting),
    (3, _unseen), (2, _on_and_off), (2, _starts_fail))
