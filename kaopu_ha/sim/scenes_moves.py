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

"""Scenes of moves, and of hosts that come back: see ``scenes``."""

from __future__ import annotations

from collections.abc import Iterator
import dataclasses
import random

from kaopu_ha.sim.scenes import SCENES as SCENES
from kaopu_ha.sim.scenes import alive_everywhere, on_the_first, scene, two_leaders
from kaopu_ha.sim.story import Event
from kaopu_ha.sim.world import Setup

# From a power cut to the first calls, at the pace of runs.
_CALLED = (11.5, 18.5)


def _without_lock(chance: random.Random, setup: Setup) -> Setup:
    """Disks that two may write at one time."""
    setup = two_leaders(chance, setup)
    return dataclasses.replace(setup, instances=tuple(
        dataclasses.replace(vm, exclusive_lock=False) for vm in setup.instances))


def quick(chance: random.Random, setup: Setup) -> Setup:
    """With the shorter of the waits: it is known when the first calls come."""
    rules = dataclasses.replace(setup.times.rules, death_seconds=2.0, lock_seconds=3.0)
    setup = on_the_first(chance, setup)
    return dataclasses.replace(setup, clusters=('a',), times=dataclasses.replace(
        setup.times, rules=rules), instances=tuple(
            dataclasses.replace(vm, clusters=('a',)) for vm in setup.instances))


def _many(chance: random.Random, setup: Setup) -> Setup:
    """So many instances, and one worker, that most of them wait for their turn."""
    setup = quick(chance, setup)
    return dataclasses.replace(setup, workers=1, instances=tuple(
        dataclasses.replace(setup.instances[0], name=f'i{number + 1}') for number in range(12)))


@scene('a worker acts late', _without_lock)
def _late_act(chance: random.Random, setup: Setup, at: float) -> Iterator[Event]:
    """Another has taken its task over, and its own act is under way."""
    yield Event(at, f'power off {setup.hosts[0]}')
    for _ in range(chance.choice((1, 1, 2))):
        yield Event(at + chance.uniform(*_CALLED), 'a worker stops at its next act for '
                                                   f'{chance.choice((16, 28, 30, 32))} s')
    if chance.random() < 0.5:
        yield Event(at + chance.uniform(*_CALLED), 'tasks come twice and late')
    if chance.random() < 0.5:
        yield Event(at + chance.uniform(20.0, 35.0),
                    f'nova-compute of {setup.hosts[1]} dies')


@scene('the fence can\'t be read while there are calls to make', _many, beside_max=0)
def _unproven(chance: random.Random, setup: Setup, at: float) -> Iterator[Event]:
    """No guest starts anywhere at first: again and again there is a call to make."""
    yield Event(at, f'power off {setup.hosts[0]}')
    for host in setup.hosts[1:]:
        yield Event(at, f'guests do not start on {host}')
        yield Event(at + 60.0, f'guests start on {host}')
    lost = at + chance.uniform(14.5, 17.5)
    yield Event(lost, 'the monitors of a lose their quorum')
    yield Event(lost + 30.0, 'the monitors of a have a quorum')


@scene('a thief claims everybody\'s addresses', alive_everywhere, beside_max=0)
def _claims(chance: random.Random, setup: Setup, at: float) -> Iterator[Event]:
    """Since when each has its own is written down by then.  He dies, or another one does."""
    thief, begin = setup.hosts[-1], 21.0
    victim = chance.choice((setup.hosts[0], thief))
    yield Event(begin, f'{thief} is stolen by one who writes addresses')
    if victim != thief:
        # Its agent would set right what he writes.
        yield Event(begin, f'kill agent-{thief}')
    yield Event(begin + chance.uniform(4.0, 20.0), f'power off {victim}')
    yield Event(begin + 110.0, f'the thief leaves {thief}')


@scene('a thief claims the address of one whose record can\'t be read', alive_everywhere,
       beside_max=0)
def _claims_unread(chance: random.Random, setup: Setup, at: float) -> Iterator[Event]:
    """Whose the address was is written down; then the thief's own host loses its power."""
    thief, begin = setup.hosts[-1], 21.0
    yield Event(begin + chance.uniform(-0.5, 4.0),
                f'{setup.hosts[0]} writes half-a-character as its inventory')
    yield Event(begin, f'{thief} is stolen by one who writes addresses')
    yield Event(begin + chance.uniform(8.0, 12.0), f'power off {thief}')
    yield Event(begin + 40.0, 'time passes')


@scene('targets hang with their calls', on_the_first)
def _targets_hang(chance: random.Random, setup: Setup, at: float) -> Iterator[Event]:
    """Nova has the calls, and nothing of them begins for longer than an attempt may last."""
    yield Event(at, f'power off {setup.hosts[0]}')
    begin, end = at + chance.uniform(8.0, 13.0), at + chance.uniform(75.0, 130.0)
    for host in setup.hosts[1:]:
        yield Event(begin, f'nova-compute of {host} hangs')
        yield Event(end, f'nova-compute of {host} goes on')


@scene('Nova is slow', on_the_first)
def _slow(chance: random.Random, setup: Setup, at: float) -> Iterator[Event]:
    yield Event(at, f'power off {setup.hosts[0]}')
    yield Event(at + 5.0, f'Nova takes {chance.randint(4, 12)} s more for each act')
    if chance.random() < 0.4:
        yield Event(at + 6.0, f'Nova loses the next {chance.randint(1, 2)} calls')
    yield Event(at + 60.0, 'Nova takes 0 s more for each act')


@scene('disks change before and after', on_the_first)
def _disks_change(chance: random.Random, setup: Setup, at: float) -> Iterator[Event]:
    """The host dies long after: what was done to them before was known by then."""
    name, at = setup.instances[0].name, at + 25.0
    yield Event(2.0, f'rescue {setup.instances[-1].name}')
    yield Event(2.5, f'attach a volume to {name}')
    yield Event(at, f'power off {setup.hosts[0]}')
    yield Event(at + chance.uniform(2.0, 14.0), chance.choice((
        f'detach the last volume of {name}', f'detach and delete the last volume of {name}')))
    yield Event(at + 60.0, 'time passes')


@scene('a volume is shared with one on the target', alive_everywhere)
def _shared(chance: random.Random, setup: Setup, at: float) -> Iterator[Event]:
    """And the guest does not start there at first."""
    pairs = [(vm.name, chance.choice(setup.instances[1:-1]).name) for vm in setup.instances
             if vm.host == setup.hosts[0]]
    for name, sibling in pairs:
        yield Event(2.0, f'attach a volume to {name} and {sibling}')
    end = at + chance.uniform(22.0, 60.0)
    for host in setup.hosts[1:]:
        if chance.random() < 0.6:
            yield Event(at, f'guests do not start on {host}')
            yield Event(end, f'guests start on {host}')
    yield Event(at, chance.choice((f'power off {setup.hosts[0]}', f'cut {setup.hosts[0]} both')))
    yield Event(at + 70.0, 'time passes')


@scene('guests start on few hosts', on_the_first)
def _few_start(chance: random.Random, setup: Setup, at: float) -> Iterator[Event]:
    """Nor is every host a target: one has no room, one is disabled, one lost its storage."""
    yield Event(at, f'power off {setup.hosts[0]}')
    for host, trouble in zip(setup.hosts[1:-1], chance.sample((
            'guests do not start on {}', '{} has 0 cores', 'disable {}', 'cut {} storage'), 3),
            strict=False):
        yield Event(1.0, trouble.format(host))
    yield Event(at + 75.0, 'time passes')


@scene('nobody may be a target for minutes', on_the_first, beside_max=0)
def _no_target(chance: random.Random, setup: Setup, at: float) -> Iterator[Event]:
    """Whatever waits is told, and told again."""
    for host in setup.hosts[1:]:
        yield Event(1.0, chance.choice(('disable {}', '{} has 0 cores')).format(host))
    yield Event(at, f'power off {setup.hosts[0]}')
    yield Event(at + chance.uniform(260.0, 280.0), 'time passes')


@scene('the source dies in a live migration', _without_lock)
def _source_dies(chance: random.Random, setup: Setup, at: float) -> Iterator[Event]:
    """It may be over there, and Nova still shows it here; the target's agent may be dead."""
    target = setup.hosts[1]
    if chance.random() < 0.4:
        yield Event(0.0, f'kill agent-{target}')
    for vm in setup.instances:
        yield Event(at, f'migrate {vm.name} to {target}')
    over = at + chance.uniform(5.0, 9.5)
    yield Event(over, f'power off {setup.hosts[0]}')
    if chance.random() < 0.4:
        # With what came to it; Ceph lists its clients for half a minute.
        begin = over + chance.uniform(-1.0, 25.0)
        yield Event(begin, f'cut {target} {chance.choice(("storage", "both"))}')
        yield Event(begin + chance.uniform(20.0, 70.0), f'mend {target} both')
    if chance.random() < 0.3:
        yield Event(over + chance.uniform(3.0, 12.0), f'power on {setup.hosts[0]}')


@scene('a guest that came unseen is fenced with its new host', _without_lock, beside_max=0)
def _fenced_unseen(chance: random.Random, setup: Setup, at: float) -> Iterator[Event]:
    """Its source is booted, and has it started there; then the new host is taken back."""
    source, target = setup.hosts[:2]
    for vm in setup.instances:
        yield Event(at, f'migrate {vm.name} to {target}')
    over = at + chance.uniform(7.0, 9.0)
    yield Event(over, f'power off {source}')
    yield Event(over + 4.0, f'power on {source}')
    yield Event(over + chance.uniform(1.0, 8.0), f'cut {target} both')
    yield Event(over + 50.0, f'mend {target} both')


@scene('a guest that came unseen is fenced by its client', _without_lock, beside_max=0)
def _fenced_by_client(chance: random.Random, setup: Setup, at: float) -> Iterator[Event]:
    """On a host whose agent is dead; then the source, with whose fence it went, is taken back."""
    source, target = setup.hosts[:2]
    yield Event(0.0, f'kill agent-{target}')
    for vm in setup.instances:
        yield Event(at, f'migrate {vm.name} to {target}')
    over = at + chance.uniform(8.0, 9.5)
    yield Event(over, f'power off {source}')
    begin = over + chance.uniform(8.0, 14.0)
    yield Event(begin, f'cut {target} both')
    yield Event(begin + chance.uniform(30.0, 60.0), f'mend {target} both')
    yield Event(begin + 70.0, f'power on {source}')


@scene('another claims the address at which a guest came to run', _without_lock, beside_max=0)
def _claimed(chance: random.Random, setup: Setup, at: float) -> Iterator[Event]:
    """Its libvirt knows nothing of the guest, whose host is the second."""
    yield Event(1.0, f'{setup.hosts[-1]} has the storage address 10.91.0.12 too')
    for vm in setup.instances:
        yield Event(at, f'migrate {vm.name} to {setup.hosts[1]}')
    yield Event(at + chance.uniform(6.0, 9.0), f'power off {setup.hosts[0]}')
    yield Event(at + 45.0, f'{setup.hosts[-1]} has the storage address 10.91.0.12 no more')


@scene('the target dies while it receives', on_the_first)
def _target_dies(chance: random.Random, setup: Setup, at: float) -> Iterator[Event]:
    """It has no instance of its own, and stays off."""
    yield Event(at, f'power off {setup.hosts[0]}')
    yield Event(at + chance.uniform(15.0, 19.0), f'power off {setup.hosts[1]}')


@scene('an instance arrives late on a host that is fenced', quick, beside_max=0)
def _arrives_late(chance: random.Random, setup: Setup, at: float) -> Iterator[Event]:
    """It comes by a live migration that begins just before the fence, and is over after the plan.
    """
    host = setup.hosts[0]
    yield Event(0.5, f'create late on {setup.hosts[1]}')
    yield Event(at, f'cut {host} both')
    yield Event(at + 9.0, 'the monitors of a lose their quorum')
    back = at + chance.uniform(18.0, 22.0)
    yield Event(back, f'mend {host} both')
    # Its QEMU opens the disk when the monitors take clients again, and before they are told.
    yield Event(back + 5.0 - chance.uniform(0.3, 1.0), f'migrate late to {host}')
    yield Event(back + 5.0, 'the monitors of a have a quorum')
    # Nobody takes it back: only the recovery brings what came.
    yield Event(back + 20.0, f'power off {host}')
    # The recovery does not end before.
    for other in setup.hosts[1:]:
        yield Event(at, f'guests do not start on {other}')
        yield Event(back + 30.0, f'guests start on {other}')


@scene('a host comes back with what was moved', on_the_first)
def _zombies(chance: random.Random, setup: Setup, at: float) -> Iterator[Event]:
    """Its domains are still there; nova-compute leaves some of them defined."""
    host = setup.hosts[0]
    begins, ends = chance.choice((('freeze {}', 'thaw {}'), ('cut {} both', 'mend {} both')))
    yield Event(at, begins.format(host))
    yield Event(at + 45.0, ends.format(host))
    yield Event(at + 47.0, f'admit {host}')
    if chance.random() < 0.5:
        yield Event(at + 47.5, f'{host} has a domain of {setup.instances[0].name} left, off')
    yield Event(at + 80.0, 'time passes')


@scene('a host dies while it is taken back', on_the_first, beside_max=0)
def _dies_admitting(chance: random.Random, setup: Setup, at: float) -> Iterator[Event]:
    host = setup.hosts[0]
    yield Event(at, f'power off {host}')
    yield Event(at + 40.0, f'power on {host}')
    yield Event(at + 52.0, f'admit {host}')
    yield Event(at + 52.5 + chance.uniform(0.0, 9.0), f'power off {host}')
    yield Event(at + 150.0, 'time passes')


@scene('stopped by its user, then its host reboots', alive_everywhere)
def _stopped(chance: random.Random, setup: Setup, at: float) -> Iterator[Event]:
    host = setup.hosts[0]
    yield Event(at, f'stop {setup.instances[0].name}')
    yield Event(at + chance.uniform(0.6, 2.5), f'power off {host}')
    yield Event(at + chance.uniform(3.0, 8.0), f'power on {host}')
    yield Event(at + 60.0, 'time passes')


@scene('a host is shut down in good order', alive_everywhere)
def _in_order(chance: random.Random, setup: Setup, at: float) -> Iterator[Event]:
    order = chance.choice(('nova-compute first', 'its guests first'))
    said = chance.choice(('', ' without systemd', ' without systemd'))
    yield Event(at, f'shut down {setup.hosts[0]}{said}, {order}')
    yield Event(at + 120.0, 'time passes')


@scene('stopped by its user as soon as it came', quick)
def _stopped_there(chance: random.Random, setup: Setup, at: float) -> Iterator[Event]:
    """Nobody could say yet that its disk is open there, and nova-compute takes its time."""
    yield Event(at, f'power off {setup.hosts[0]}')
    arrived = at + chance.uniform(18.0, 24.0)
    for cluster in setup.clusters:
        yield Event(arrived, f'cluster {cluster} hangs')
        yield Event(arrived + 34.0, f'cluster {cluster} goes on')
    for host in setup.hosts[1:]:
        yield Event(arrived + 32.0, f'nova-compute of {host} hangs')
        yield Event(arrived + chance.uniform(44.0, 60.0), f'nova-compute of {host} goes on')
    for vm in setup.instances:
        yield Event(arrived + chance.uniform(32.1, 33.5), f'stop {vm.name}')
    yield Event(arrived + 80.0, 'time passes')


@scene('Nova learns of a live migration when its target is long dead', alive_everywhere)
def _told_too_late(chance: random.Random, setup: Setup, at: float) -> Iterator[Event]:
    """The guest is over, and the nova-compute that has to write that down hangs."""
    host, others = setup.hosts[0], setup.hosts[1:]
    if chance.random() < 0.5:
        yield Event(2.0, f'kill agent-{host}')
    for vm in setup.instances:
        if vm.host != host:
            yield Event(at, f'migrate {vm.name} to {host}')
    for other in others:
        yield Event(at + chance.uniform(5.0, 9.0), f'nova-compute of {other} hangs')
        yield Event(at + chance.uniform(70.0, 90.0), f'nova-compute of {other} goes on')
    dies = at + 12.0
    yield Event(dies, f'power off {host}')
    yield Event(dies + chance.uniform(4.0, 10.0), f'a person says that {host} is switched off')
    yield Event(dies + 100.0, 'time passes')
