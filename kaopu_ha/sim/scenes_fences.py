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


"""More scenes: of fences, and of terms in which a turn begins and ends.  See ``scenes``."""

from __future__ import annotations

from collections.abc import Iterator
import dataclasses
import random

from kaopu_ha.sim.scenes import one_disk_each, scene
from kaopu_ha.sim.scenes_moves import SCENES as SCENES
from kaopu_ha.sim.scenes_moves import quick
from kaopu_ha.sim.story import Event
from kaopu_ha.sim.world import Setup

# From a power cut to where the recoverer works, at the pace of runs.
_FENCES = (13.0, 15.0)
_TURNS = ('read', 'commit', 'cut', 'prove', 'services', 'servers', 'force-down', 'usage')


@scene('some of it is fenced before no more of it may be', one_disk_each, beside_max=0)
def _held_later(chance: random.Random, setup: Setup, at: float) -> Iterator[Event]:
    """Of two clusters one takes the fence.  The host comes back, and people end its recovery."""
    host = setup.hosts[0]
    yield Event(1.0, 'the monitors of b refuse to fence')
    yield Event(at, f'power off {host}')
    back = at + chance.uniform(28.0, 34.0)
    yield Event(back - 0.5, f'{host} has the storage address 10.91.6.{chance.randrange(9, 99)} too')
    yield Event(back - 0.5, f'a monitor of a is at the address of {host}')
    yield Event(back, f'power on {host}')
    ends = back + chance.uniform(4.0, 8.0)
    yield Event(ends, f'a person ends the recovery of {host}')
    yield Event(ends + 1.0, 'the monitors of b let fence again')
    yield Event(ends + 2.0, f'admit {host}')
    yield Event(ends + 30.0, 'time passes')


def _untold(chance: random.Random, setup: Setup) -> Setup:
    """With one worker, and disks that two may write at one time."""
    setup = quick(chance, setup)
    return dataclasses.replace(setup, workers=1, instances=tuple(
        dataclasses.replace(vm, exclusive_lock=False) for vm in setup.instances))


@scene('a guest begins after the verdict where nobody told', _untold, beside_max=0)
def _begins_untold(chance: random.Random, setup: Setup, at: float) -> Iterator[Event]:
    """The agent is dead, and the cables of its host are back for a while."""
    return _begins(chance, setup, at, chance.uniform(-4.0, 1.0))


@scene('a guest begins where nobody told, long before anybody calls', _untold, beside_max=0)
def _begins_long_before(chance: random.Random, setup: Setup, at: float) -> Iterator[Event]:
    """When the worker is back Ceph lists its client no more."""
    return _begins(chance, setup, at, chance.uniform(32.0, 40.0))


def _begins(chance: random.Random, setup: Setup, at: float, called: float) -> Iterator[Event]:
    host = setup.hosts[0]
    yield Event(at - 2.0, 'kill worker-1')
    yield Event(at - 1.0, f'kill agent-{host}')
    yield Event(at, f'cut {host} both')
    back = at + chance.uniform(18.0, 24.0)
    yield Event(back, f'{host} is renumbered to 10.91.4.{chance.randrange(9, 99)}')
    yield Event(back, f'mend {host} both')
    for vm in setup.instances:
        yield Event(back + chance.uniform(1.0, 3.0), f'reboot {vm.name}')
    again = back + chance.uniform(8.0, 10.0)
    yield Event(again, f'cut {host} both')
    yield Event(again + called, 'start worker-1')
    yield Event(again + 45.0, f'mend {host} both')


@scene('a guest begins where only some may be fenced', _untold, beside_max=0)
def _begins_beside_a_monitor(chance: random.Random, setup: Setup, at: float) -> Iterator[Event]:
    """Its host was cut off while it was rebooted, and comes back when all was moved: first to where
    a monitor is, then with its storage to another address.
    """
    host, place = setup.hosts[0], chance.randrange(9, 99)
    for vm in setup.instances:
        yield Event(at - chance.uniform(0.2, 1.1), f'reboot {vm.name}')
    yield Event(at, f'cut {host} both')
    back = at + chance.uniform(45.0, 60.0)
    yield Event(back - 1.0, f'{host} is renumbered to 10.91.7.{place}')
    yield Event(back - 1.0, f'a monitor of a is at the address of {host}')
    yield Event(back, f'mend {host} management')
    back += chance.uniform(4.0, 8.0)
    yield Event(back, f'{host} is renumbered to 10.91.8.{place}')
    yield Event(back, f'mend {host} both')
    yield Event(back + 30.0, 'time passes')


def _alone(chance: random.Random, setup: Setup) -> Setup:
    """With one controller: who loses the leadership has it again at once."""
    return dataclasses.replace(quick(chance, setup), controllers=1)


@scene('a turn goes on in the next term', _alone)
def _next_term(chance: random.Random, setup: Setup, at: float) -> Iterator[Event]:
    """It hangs for less than would bar its controller from the leadership."""
    yield Event(at, f'power off {setup.hosts[0]}')
    begin = at + chance.uniform(*_FENCES)
    for call in chance.sample(_TURNS, 3):
        yield Event(begin, f'the leader hangs at its next {call} for '
                           f'{chance.uniform(6.0, 12.0):.1f} s')
    for _ in range(3):
        begin += chance.uniform(1.5, 4.5)
        yield Event(begin, 'etcd loses the keys of all leases')


@scene('a target that was said to be switched off never returns', quick, beside_max=0)
def _never_returns(chance: random.Random, setup: Setup, at: float) -> Iterator[Event]:
    """No fence holds; a call is on its way to it when it dies, and all others become targets."""
    host, target = setup.hosts[0], setup.hosts[1]
    for cluster in setup.clusters:
        yield Event(1.0, f'the monitors of {cluster} refuse to fence for ever')
    for other in setup.hosts[2:]:
        yield Event(1.0, f'disable {other}')
        yield Event(at + 40.0, f'enable {other}')
    yield Event(at, f'power off {host}')
    yield Event(at + 18.0, f'a person says that {host} is switched off')
    dies = at + chance.uniform(21.5, 25.0)
    yield Event(dies, f'power off {target}')
    yield Event(dies + 5.0, 'release the brake')
    yield Event(dies + 10.0, 'release the brake')
    yield Event(dies + 30.0, f'a person says that {target} is switched off')
    yield Event(dies + 60.0, 'time passes')
