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

"""Runs: stories made by chance, each from a seed, to find what nobody thought of.

::

    python -m kaopu_ha.sim.runs --seed 1 --count 5000
    python -m kaopu_ha.sim.runs --seed 4711 --count 1 --shrink

A run is a small world in which hosts die or are cut off while everything else fails as well, at
any time and in any order.  Then all that can be mended is, people do what the manual tells them to,
and everything that can run has to run.  What is found is printed as a story; ``--shrink`` makes it
as short as it can be; ``--hard`` has much more fail in each of them.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterable, Iterator, Sequence
import concurrent.futures
import dataclasses
import functools
import gc
import logging
import os
import random
import sys
import time

from kaopu_ha.sim import (
    faults_addresses,
    faults_books,
    faults_doors,
    faults_fences,
    faults_guests,
    faults_hangs,
    faults_links,
    faults_moves,
    faults_observers,
    faults_places,
    faults_policy,
    faults_returns,
    faults_saying,
    faults_shared,
    faults_thief,
    faults_use,
    faults_wishes,
)
from kaopu_ha.sim.healing import heal, healing
from kaopu_ha.sim.scenes_shared import SCENES
from kaopu_ha.sim.shrink import shrunk
from kaopu_ha.sim.story import Event, Story, play, written
from kaopu_ha.sim.world import PACES, Setup, Vm

# An attempt is looked into sooner than on a real cloud, a host whose kernel answered waits for
# less, and what waits is told sooner: a run shall be short.
RUN_TIMES = dataclasses.replace(PACES['fast'], rules=dataclasses.replace(
    PACES['fast'].rules, attempt_limit=30.0, settle_seconds=30.0,
    patent_death_seconds=20.0, patent_lock_seconds=10.0,
    storm_window=40.0, storm_cooldown=20.0, healthy_seconds=8.0, flapping_seconds=60.0,
    remind_after=40.0, remind_again=120.0, admission_mute_seconds=20.0, leaving_seconds=20.0,
    aftercare_seconds=40.0, aftercare_patience=10.0, restart_pauses=(3.0, 6.0)))
# With stages that take several looks, as the patent's do.
LONGER_TIMES = dataclasses.replace(RUN_TIMES, rules=dataclasses.replace(
    RUN_TIMES.rules, death_seconds=10.0, lock_seconds=6.0))
# So many of the runs begin with a scene.
_SCENES_SHARE = 0.5
# In each run of so many somebody looks at Horizon, too.
_HORIZON_EVERY = 4
# And in each of so many what was moved says so in its metadata.
_NOTED_EVERY = 5
# In each of so many guests crash, get stuck or hang.
_GUESTS_EVERY = 3

_Fault = Callable[[random.Random, Setup, float, float], Iterator[Event]]


def story_of(seed: int, hard: bool = False) -> Story:
    """The story of this seed: the same each time.

    ``hard``: three to eight faults beside, of each topic thrice as often as those that hosts,
    processes, etcd, Ceph, Nova and people have in any world.
    """
    chance = random.Random(seed)
    # Not by chance: what all other seeds mean stays as it was.
    setup = dataclasses.replace(_setup(chance), horizon=seed % _HORIZON_EVERY == 0)
    if seed % _NOTED_EVERY == 0:
        setup = dataclasses.replace(setup, times=dataclasses.replace(
            setup.times, rules=dataclasses.replace(setup.times.rules, notes_moves=True)))
    begin = chance.uniform(5, 8)
    beside = chance.randint(3, 8) if hard else chance.choice((0, 1, 1, 2, 2, 3, 4, 6))
    if chance.random() < _SCENES_SHARE:
        setup, events, most = _scene(chance, setup, begin)
        beside = beside if hard else min(beside, chance.randint(0, most))
    else:
        events = list(_death(chance, setup, begin, chance.uniform(5, 40)))
    for _ in range(beside):
        fault = chance.choices(_FAULTS, _HARD_WEIGHTS if hard else _WEIGHTS)[0]
        events += fault(chance, setup, begin + chance.uniform(-3, 32), chance.uniform(0.5, 25))
    events.sort(key=lambda event: event.at)
    story = Story(f'run {seed}', setup, tuple(events), end=events[-1].at, seed=seed)
    return story if seed % _GUESTS_EVERY else faults_guests.beside(story)


def story_of_scene(name: str, number: int) -> Story:
    """The run of this number that has one scene, and nothing beside it: the same each time."""
    chance = random.Random(f'{name} {number}')
    setup, events, _ = _scene(chance, _setup(chance), chance.uniform(5, 8), name)
    events.sort(key=lambda event: event.at)
    return Story(f'{name}, {number}', setup, tuple(events), end=events[-1].at, seed=number)


def _scene(chance: random.Random, setup: Setup, begin: float,
           name: str = '') -> tuple[Setup, list[Event], int]:
    """A scene by chance in the place of a death, and how many faults come beside it at most."""
    found = SCENES[name or chance.choice(sorted(SCENES))]
    setup = found.stage(chance, setup)
    return setup, list(found.events(chance, setup, begin)), found.beside_max


def run(story: Story) -> tuple[Story, tuple[str, ...]]:
    """Play a run, mend what can be mended, and go on until all is well.

    Gives the story to its end, and what was wrong with it.
    """
    mended = tuple(healing(max((event.at for event in story.events), default=0.0) + 5.0))
    story = dataclasses.replace(story, events=story.events + mended, end=mended[-1].at)
    # A world's cycles end with it and not before: to look for them in between took a third of the
    # time.  All that it leaves is among the young; what was missed would stay for thousands of
    # runs.
    gc.disable()
    try:
        return _played(story)
    finally:
        gc.collect(0)
        gc.enable()


def _played(story: Story) -> tuple[Story, tuple[str, ...]]:
    by_hand: list[Event] = []
    try:
        played = play(story)
        wrong = played.wrong or heal(played, by_hand)
    except RuntimeError as failure:
        return story, (f'no turn fails: {failure.__cause__!r} in {failure}',)
    end = played.world.kernel.now
    played.world.kernel.close()
    return dataclasses.replace(story, events=(*story.events, *by_hand), end=round(end, 1)), wrong


# ---------------------------------------------------------------- the world


def _setup(chance: random.Random) -> Setup:
    hosts = tuple(f'c{number + 1}' for number in range(chance.randint(3, 5)))
    clusters = ('a', 'b') if chance.random() < 0.25 else ('a',)
    vms = tuple(_vm(chance, f'i{number + 1}', hosts, clusters)
                for number in range(chance.randint(2, 6)))
    times = chance.choice((RUN_TIMES, RUN_TIMES, LONGER_TIMES))
    return Setup(hosts, vms, clusters, times, controllers=chance.choice((1, 2, 2)),
                 workers=chance.choice((1, 2, 2)))


def _vm(chance: random.Random, name: str, hosts: Sequence[str], clusters: Sequence[str]) -> Vm:
    # Most of them on the first host: it is the one that dies.
    host = hosts[0] if chance.random() < 0.7 else chance.choice(hosts)
    disks = tuple(sorted(chance.sample(clusters, chance.randint(1, len(clusters)))))
    return Vm(name, host, power=chance.choices(('on', 'off', 'paused'), (8, 1, 1))[0],
              exclusive_lock=chance.random() < 0.5, clusters=disks,
              local=chance.random() < 0.03)


# ---------------------------------------------------------------- faults


def _some(chance: random.Random, setup: Setup) -> str:
    return setup.hosts[0] if chance.random() < 0.4 else chance.choice(setup.hosts)


def _death(chance: random.Random, setup: Setup, at: float, lasts: float) -> Iterator[Event]:
    """What may look like the death of the first host."""
    host = setup.hosts[0]
    kind = chance.choices(('power', 'both', 'freeze', 'agent and libvirtd'), (5, 4, 3, 1))[0]
    if kind == 'power':
        events = list(_power(host, chance, at, lasts))
        yield from events
        # Only of a host that stays dead: a zombie writes at once, and no program could prevent it.
        if len(events) == 1 and chance.random() < 0.3:
            yield Event(at + chance.uniform(14, 30), f'somebody takes {host} off the blocklist')
    elif kind == 'both':
        yield from _during(f'cut {host} both', f'mend {host} both', at, lasts)
    elif kind == 'freeze':
        yield from _during(f'freeze {host}', f'thaw {host}', at, lasts)
    else:
        yield Event(at, f'kill agent-{host}')
        yield from _during(f'libvirtd of {host} {chance.choice(("dies", "freezes"))}',
                           f'libvirtd of {host} runs', at, lasts)


def _power(host: str, chance: random.Random, at: float, lasts: float) -> Iterator[Event]:
    yield Event(at, f'power off {host}')
    if chance.random() < 0.6:
        yield Event(at + lasts, f'power on {host}')


def _during(begins: str, ends: str, at: float, lasts: float) -> Iterator[Event]:
    yield Event(at, begins)
    yield Event(at + lasts, ends)


def _host(chance: random.Random, setup: Setup, at: float, lasts: float) -> Iterator[Event]:
    host = _some(chance, setup)
    network = chance.choice(('management', 'storage', 'both'))
    state = chance.choice(('dies', 'freezes'))
    choices = (
        (f'cut {host} {network}', f'mend {host} {network}'),
        (f'freeze {host}', f'thaw {host}'),
        (f'kill agent-{host}', f'start agent-{host}'),
        (f'stop agent-{host} for a while', f'let agent-{host} go on'),
        (f'libvirtd of {host} {state}', f'libvirtd of {host} runs'),
        (f'nova-compute of {host} dies', f'nova-compute of {host} starts'),
        (f'power off {host}', f'power on {host}'))
    yield from _during(*chance.choice(choices), at, lasts)


def _process(chance: random.Random, setup: Setup, at: float, lasts: float) -> Iterator[Event]:
    role = chance.choice(('the leader', 'the worker'))
    kind = chance.random()
    if kind < 0.35:
        yield from _during(f'kill {role}', 'start all processes', at, lasts / 4)
    elif kind < 0.8:
        # Half a minute: another has taken over, and its own act is under way.
        role, seconds = chance.choice(('controller', 'worker')), chance.choice((5, 28, 30, 32))
        yield Event(at, f'a {role} stops at its next act for {seconds} s')
    else:
        yield from _during(f'stop {role} for a while', 'let all processes go on', at, lasts)


def _observer(chance: random.Random, setup: Setup, at: float, lasts: float) -> Iterator[Event]:
    roles = [f'controller-{number + 1}' for number in range(setup.controllers)]
    role = chance.choice([*roles, *(f'worker-{number + 1}' for number in range(setup.workers))])
    network = chance.choice(('management', 'storage', 'both'))
    if chance.random() < 0.4:
        role = chance.choice(roles)
        yield from _during(f'the probes of {role} fail', f'the probes of {role} work', at, lasts)
    else:
        yield from _during(f'cut {role} {network}', f'mend {role} {network}', at, lasts)


def _etcd(chance: random.Random, setup: Setup, at: float, lasts: float) -> Iterator[Event]:
    kind = chance.randrange(5)
    if kind == 0:
        yield from _during('etcd goes away', 'etcd comes back', at, lasts)
    elif kind == 1:
        yield from _during(f'etcd loses {chance.choice((10, 30))} % of its answers',
                           'etcd loses 0 % of its answers', at, lasts)
    else:
        yield Event(at, ('etcd elects another leader', 'etcd loses the keys of all leases',
                         'etcd is compacted')[kind - 2])


def _ceph(chance: random.Random, setup: Setup, at: float, lasts: float) -> Iterator[Event]:
    cluster = chance.choice(setup.clusters)
    if chance.random() < 0.5:
        yield from _during(f'the monitors of {cluster} lose their quorum',
                           f'the monitors of {cluster} have a quorum', at, lasts)
    else:
        yield from _during(f'cluster {cluster} hangs', f'cluster {cluster} goes on', at, lasts)


def _nova(chance: random.Random, setup: Setup, at: float, lasts: float) -> Iterator[Event]:
    host, kind = chance.choice(setup.hosts), chance.randrange(7)
    if kind == 0:
        yield from _during('Nova goes away', 'Nova comes back', at, lasts)
    elif kind == 1:
        yield from _during(f'Nova takes {chance.randint(1, 7)} s more for each act',
                           'Nova takes 0 s more for each act', at, lasts)
    elif kind == 2:
        yield Event(at, f'Nova loses the next {chance.randint(1, 3)} calls')
    elif kind == 3:
        yield from _during(f'guests do not start on {host}', f'guests start on {host}', at, lasts)
    elif kind == 4:
        yield from _during(f'disable {host}', f'enable {host}', at, lasts)
    elif kind == 5:
        yield Event(at, f'{host} has a domain of {chance.choice(setup.instances).name} left, off')
    else:
        yield from _during(f'{host} has {chance.randint(0, 2)} cores', f'{host} has 16 cores', at,
                           lasts)


def _user(chance: random.Random, setup: Setup, at: float, lasts: float) -> Iterator[Event]:
    vm = chance.choice(setup.instances)
    act = chance.choice((f'stop {vm.name}', f'boot {vm.name}', f'reboot {vm.name}',
                         f'a backup opens {vm.name}',
                         f'a tool on {chance.choice(setup.hosts)} opens {vm.name}',
                         *[f'migrate {vm.name} to {chance.choice(setup.hosts)}'] * 3))
    yield Event(at, act)


def _people(chance: random.Random, setup: Setup, at: float, lasts: float) -> Iterator[Event]:
    host = _some(chance, setup)
    kind = chance.randrange(4)
    if kind == 0:
        yield from _during(f'hold {host}', f'release {host}', at, lasts)
    else:
        yield Event(at, ('admit every confirmed host', 'release the brake',
                         'tasks come twice and late')[kind - 1])


_TOPICS = (*faults_addresses.FAULTS,
           *faults_books.FAULTS,
           *faults_doors.FAULTS,
           *faults_fences.FAULTS,
           *faults_hangs.FAULTS,
           *faults_links.FAULTS,
           *faults_moves.FAULTS,
           *faults_observers.FAULTS,
           *faults_places.FAULTS,
           *faults_policy.FAULTS,
           *faults_returns.FAULTS,
           *faults_saying.FAULTS,
           *faults_shared.FAULTS,
           *faults_thief.FAULTS,
           *faults_use.FAULTS,
           *faults_wishes.FAULTS)
_FAULTS: tuple[_Fault, ...] = (_host, _process, _observer, _etcd, _ceph, _nova, _user, _people,
                               *(fault for _, fault in _TOPICS))
_ANYWHERE = (6, 6, 3, 4, 3, 5, 4, 2)
_WEIGHTS = (*_ANYWHERE, *(weight for weight, _ in _TOPICS))
_HARD_WEIGHTS = (*_ANYWHERE, *(3 * weight for weight, _ in _TOPICS))


# ---------------------------------------------------------------- the command


def many(seeds: Iterable[int], jobs: int = 1,
         hard: bool = False) -> Iterator[tuple[int, tuple[str, ...]]]:
    """Play these runs, several at a time; each seed with what was wrong, as they end."""
    if jobs == 1:
        for seed in seeds:
            yield seed, _wrong(seed, hard)
        return
    with concurrent.futures.ProcessPoolExecutor(jobs) as pool:
        seeds = tuple(seeds)
        yield from zip(seeds, pool.map(functools.partial(_wrong, hard=hard), seeds,
                                              chunksize=20), strict=True)


def _wrong(seed: int, hard: bool) -> tuple[str, ...]:
    # What the program logs of a world in trouble is no news here.
    logging.disable(logging.CRITICAL)
    return run(story_of(seed, hard))[1]


def main(argv: Sequence[str] | None = None) -> int:
    """Play runs and tell what was found; 1 if anything was."""
    parser = argparse.ArgumentParser(
        prog='python -m kaopu_ha.sim.runs', description='Runs by chance, to find what nobody '
        'thought of.  What is found is printed as a story.')
    parser.add_argument('--seed', type=int, default=1, help='of the first run (1)')
    parser.add_argument('--count', type=int, default=1000, help='how many runs (1000)')
    parser.add_argument('--jobs', type=int, default=os.cpu_count() or 1,
                        help='processes at one time (as many as there are cores)')
    parser.add_argument('--shrink', action='store_true',
                        help='print the smallest story that goes wrong in the same way')
    parser.add_argument('--hard', action='store_true', help='much more fails in each run')
    args = parser.parse_args(argv)
    began, found = time.monotonic(), 0
    for number, (seed, wrong) in enumerate(many(range(args.seed, args.seed + args.count),
                                                args.jobs, args.hard), 1):
        if wrong:
            found += 1
            _show(story_of(seed, args.hard), args.shrink)
        if number % 1000 == 0:
            print(f'{number} runs, {found} went wrong', file=sys.stderr, flush=True)
    seconds = time.monotonic() - began
    print(f'{args.count} runs from seed {args.seed} in {seconds:.0f} s, '
          f'{args.count / seconds:.1f} a second; {found} went wrong')
    return 1 if found else 0


def _show(lived: Story, shrink: bool) -> None:
    logging.disable(logging.CRITICAL)
    story, wrong = shrunk(lived, run) if shrink else run(lived)
    print(f'# seed {lived.seed}: ' + '; '.join(wrong))
    print(written(story), flush=True)


if __name__ == '__main__':
    sys.exit(main())
