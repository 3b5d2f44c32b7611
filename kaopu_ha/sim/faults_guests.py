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

"""Faults by chance: guests that crash, get stuck or hang, and a nova-compute that ends.

They come to a story that is whole already, by a chance of their own: what any other run means
stays as it was.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
import dataclasses
import random
import re

from kaopu_ha.core.model import OnCrash, OnHung, OnStuck
from kaopu_ha.sim.story import Event, Story
from kaopu_ha.sim.world import Setup

Fault = Callable[[random.Random, Story], Iterator[Event]]

_DEATHS = re.compile(r'(?:power off|freeze) (\w+)|cut (\w+) both')
# As libvirt and its agent tell of a crash, and what follows, within that.
_SOON = (0.5, 20.0)


def beside(story: Story) -> Story:
    """The story with one to three of these faults more, and with what its operator wants of
    guests: the same each time."""
    chance = random.Random(f'guests {story.seed}')
    rules = dataclasses.replace(
        story.setup.times.rules,
        on_crash=chance.choices(tuple(OnCrash), (6, 3, 1))[0],
        on_stuck=chance.choice(tuple(OnStuck)),
        on_hung=chance.choices(tuple(OnHung), (3, 1, 1))[0])
    story = dataclasses.replace(story, setup=dataclasses.replace(
        story.setup, times=dataclasses.replace(story.setup.times, rules=rules)))
    more: list[Event] = []
    for fault in chance.choices(tuple(fault for _, fault in FAULTS),
                                tuple(weight for weight, _ in FAULTS), k=chance.choice((1, 2, 3))):
        more += fault(chance, story)
    events = tuple(sorted((*story.events, *more), key=lambda event: event.at))
    return dataclasses.replace(story, events=events, end=events[-1].at)


# ---------------------------------------------------------------- one kind after another


def _goes_wrong(chance: random.Random, name: str, at: float) -> Event:
    """One guest crashes, is stuck, or hangs."""
    return Event(at, chance.choices((
        f'the guest of {name} crashes', f'an I/O error pauses {name}',
        f'the watchdog of {name} pauses it'), (3, 1, 1))[0])


def _one(chance: random.Random, story: Story) -> Iterator[Event]:
    """Of some the monitor of Masakari's tells too, rightly or not."""
    name, at = _name(chance, story.setup), _at(chance, story)
    yield _goes_wrong(chance, name, at)
    if chance.random() < 0.3:
        yield Event(at + chance.uniform(*_SOON), chance.choice((
            f'somebody says that the guest of {name} crashed',
            f'somebody says that {name} had an I/O error')))


def _several(chance: random.Random, story: Story) -> Iterator[Event]:
    """Most guests of one host at once, in one way."""
    setup, at = story.setup, _at(chance, story)
    host = chance.choice(setup.hosts)
    what = chance.choice(('the guest of {} crashes', 'an I/O error pauses {}',
                          'the watchdog of {} pauses it'))
    for vm in setup.instances:
        if vm.host == host and chance.random() < 0.8:
            yield Event(at + chance.uniform(0.0, 1.0), what.format(vm.name))


def _again(chance: random.Random, story: Story) -> Iterator[Event]:
    """One after each start, to its limit and beyond, as a rule."""
    name, at = _name(chance, story.setup), _at(chance, story)
    for _ in range(chance.randint(3, 6)):
        yield Event(at, f'the guest of {name} crashes')
        at += chance.uniform(4.0, 35.0)


def _outage(chance: random.Random, story: Story) -> Iterator[Event]:
    """The storage hangs, and who writes gets stuck; now and then not before it is back."""
    setup, at = story.setup, _at(chance, story)
    cluster, lasts = chance.choice(setup.clusters), chance.uniform(5.0, 50.0)
    yield Event(at, f'cluster {cluster} hangs')
    for vm in setup.instances:
        if cluster in vm.clusters and chance.random() < 0.6:
            yield Event(at + chance.uniform(0.5, 1.2 * lasts), f'an I/O error pauses {vm.name}')
    yield Event(at + lasts, f'cluster {cluster} goes on')


def _full(chance: random.Random, story: Story) -> Iterator[Event]:
    """The pool of one is full for a while; somebody may resume it in vain."""
    name, at, lasts = _name(chance, story.setup), _at(chance, story), chance.uniform(10.0, 150.0)
    yield Event(at, f'writes of {name} fail')
    if chance.random() < 0.4:
        yield Event(at + chance.uniform(1.0, lasts), chance.choice((
            f'a person resumes {name}', f'reboot {name}')))
    yield Event(at + lasts, f'writes of {name} go through')


def _dying(chance: random.Random, story: Story) -> Iterator[Event]:
    """Just before its host dies, or while it does; of a host that dies in this story."""
    deaths = [(event.at, match.group(1) or match.group(2)) for event in story.events
              if (match := _DEATHS.fullmatch(event.words))]
    names = [(at, vm.name) for at, host in deaths for vm in story.setup.instances
             if vm.host == host]
    for at, name in chance.sample(names, min(len(names), chance.choice((1, 1, 2, 3)))):
        yield _goes_wrong(chance, name, max(0.5, at + chance.choice((
            chance.uniform(-20.0, -2.0), chance.uniform(-2.0, 0.0), chance.uniform(0.0, 25.0)))))


def _arriving(chance: random.Random, story: Story) -> Iterator[Event]:
    """Where it is brought up, or migrated to."""
    setup, at = story.setup, _at(chance, story)
    name, seconds = _name(chance, setup), chance.choice((0.0, 0.0, 2.0, 6.0, 20.0))
    yield Event(min(at, 10.0), f'the guest of {name} crashes {seconds:g} s after it comes up '
                               f'elsewhere')
    if chance.random() < 0.4:
        yield Event(at, f'migrate {name} to {chance.choice(setup.hosts)}')


def _migrating(chance: random.Random, story: Story) -> Iterator[Event]:
    """While it is live-migrated."""
    name, at = _name(chance, story.setup), _at(chance, story)
    yield Event(at, f'migrate {name} to {chance.choice(story.setup.hosts)}')
    yield _goes_wrong(chance, name, at + chance.uniform(0.5, 12.0))


def _meddled(chance: random.Random, story: Story) -> Iterator[Event]:
    """Its user, or a person, acts in between; now and then its host is held or booted."""
    vm, at = chance.choice(story.setup.instances), _at(chance, story)
    yield _goes_wrong(chance, vm.name, at)
    later = at + chance.uniform(0.2, 45.0)
    kind = chance.randrange(6)
    if kind < 4:
        yield Event(later, (f'reboot {vm.name}', f'stop {vm.name}', f'boot {vm.name}',
                            f'a person resumes {vm.name}')[kind])
        if chance.random() < 0.3:
            yield Event(later + chance.uniform(*_SOON), f'boot {vm.name}')
    elif kind == 4:
        yield Event(chance.uniform(0.5, later), f'hold {vm.host}')
        yield Event(later + chance.uniform(1.0, 40.0), f'release {vm.host}')
    else:
        yield Event(later, f'power off {vm.host}')
        yield Event(later + chance.uniform(1.0, 30.0), f'power on {vm.host}')


def _process(chance: random.Random, story: Story) -> Iterator[Event]:
    """A nova-compute ends, for so long that it is told, as a rule; guests of its host go wrong."""
    host, at = chance.choice(story.setup.hosts), _at(chance, story)
    yield Event(at, f'nova-compute of {host} dies')
    if chance.random() < 0.3:
        yield Event(at + chance.uniform(*_SOON), f'somebody says that nova-compute of {host} ended')
    for vm in story.setup.instances:
        if vm.host == host and chance.random() < 0.3:
            yield _goes_wrong(chance, vm.name, at + chance.uniform(*_SOON))
    yield Event(at + chance.uniform(40.0, 160.0), f'nova-compute of {host} starts')


FAULTS: tuple[tuple[int, Fault], ...] = (
    (4, _one), (3, _several), (2, _again), (3, _outage), (3, _full), (4, _dying), (4, _arriving),
    (2, _migrating), (4, _meddled), (2, _process))


def _name(chance: random.Random, setup: Setup) -> str:
    return chance.choice(setup.instances).name


def _at(chance: random.Random, story: Story) -> float:
    """Before, in and behind the rest of the story."""
    return chance.uniform(2.0, max(20.0, min(story.end, 60.0)) + 10.0)
