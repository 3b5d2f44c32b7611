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

"""A year of a small false cloud: does anything grow?

    python tools/bench/year.py --days 30

Each day is a short one: a host dies, is recovered, comes back and is taken back; an agent is lost
for a while.  The controllers run all year.  What is over is kept for a fifth of the year.  After
each day etcd is compacted, and it is measured: what etcd holds, in bytes and keys, and what was
written; what the controllers hold in memory, in objects; the time of a look at records of which
none has changed; the memory of this process, in which the false world is too.  Printed are the
figures of the last days, and their ratios to those after a quarter of the year, when what is kept
has filled up.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator, Sequence
import contextlib
import dataclasses
import gc
import pathlib
import resource
import statistics
import sys
import time
import types
from typing import Any

from kaopu_ha import ports, records
from kaopu_ha.controller.world import RANGES, CloudView
from kaopu_ha.core import model
from kaopu_ha.programs import controllers
from kaopu_ha.sim import story, words
from kaopu_ha.sim import world as false
from kaopu_ha.sim.runs import RUN_TIMES

DAY_SECONDS = 600.0
_LOOKS = 20
_LEFT_OUT = (type, types.ModuleType, types.FunctionType, types.CodeType)


@dataclasses.dataclass(frozen=True)
class Figures:
    """What is measured at the end of a day."""

    stored_bytes: int
    keys: int
    written_bytes: int
    objects: int
    look_ms: float
    resident_kib: int


def main(argv: Sequence[str] | None = None) -> int:
    """Live the days, print the figures; 1 if something grew by more than ``--most``."""
    parser = argparse.ArgumentParser(description='Does anything grow in a year?')
    parser.add_argument('--days', type=int, default=60, help='short days of the year (60)')
    parser.add_argument('--most', type=float, default=1.5, help='ratio that is taken (1.5)')
    args = parser.parse_args(argv)
    days = []
    for day in lived(args.days, closed_kept=5, keep_seconds=args.days * DAY_SECONDS / 5):
        days.append(day)
        print(f'day {len(days)}: {day}', file=sys.stderr, flush=True)
    share = max(args.days // 10, 1)
    first, last = (_middle(days[start:start + share])
                   for start in (args.days // 4, args.days - share))
    grown = False
    for field in dataclasses.fields(Figures):
        before, after = getattr(first, field.name), getattr(last, field.name)
        ratio = after / before if before else 1.0
        grown |= ratio > args.most
        print(f'{field.name:14} {before:12.1f} in the first days, {after:12.1f} in the last: '
              f'ratio {ratio:.2f}')
    return 1 if grown else 0


def lived(number: int, closed_kept: int, keep_seconds: float) -> Iterator[Figures]:
    """Live so many days, and measure at the end of each."""
    rules = dataclasses.replace(RUN_TIMES.rules, closed_kept=closed_kept,
                                keep_days=keep_seconds / 86400)
    told = story.read(_STORY)
    setup = dataclasses.replace(told.setup, times=dataclasses.replace(RUN_TIMES, rules=rules))
    loops: list[Any] = []
    with _kept_loops(loops):
        world = story.play(dataclasses.replace(told, setup=setup)).world
    for day in range(number):
        written = world.etcd.written_bytes
        _day(world, day)
        yield _measured(world, world.etcd.written_bytes - written, loops)
    world.kernel.close()


def _day(world: false.World, day: int) -> None:
    hosts, began = sorted(world.machines), world.kernel.now
    dies, lost = hosts[day % len(hosts)], hosts[(day + 1) % len(hosts)]
    for at, sentence in ((5, f'power off {dies}'), (90, f'power on {dies}'),
                         (130, 'admit every confirmed host'), (170, 'admit every confirmed host'),
                         (250, f'kill agent-{lost}'), (400, f'start agent-{lost}'),
                         (500, 'admit every confirmed host'), (590, 'etcd is compacted')):
        world.run(began + at)
        words.happen(world, sentence)
    world.run(began + DAY_SECONDS)
    del world.timeline[:], world.told[:]


def _measured(world: false.World, written: int, loops: Sequence[Any]) -> Figures:
    gc.collect()
    pages = int(pathlib.Path('/proc/self/statm').read_text(encoding='ascii').split()[1])
    return Figures(world.etcd.bytes, len(world.etcd.entries), written, _objects(loops),
                   min(_timed(lambda: _look(world)) for _ in range(_LOOKS)),
                   pages * resource.getpagesize() // 1024)


def _look(world: false.World) -> None:
    read = world.etcd.read((*RANGES, records.RECOVERY, records.EVACUATION, records.REQUEST))
    # A real store gives another snapshot each time.
    seen = CloudView(ports.Snapshot(read.revision, read.entries), lambda news: None)
    assert len(seen.inventories) and seen.cases is not None
    seen.every(model.Recovery, records.RECOVERY)
    seen.every(model.Evacuation, records.EVACUATION)


def _timed(work: Callable[[], None]) -> float:
    began = time.process_time()
    work()
    return (time.process_time() - began) * 1000


@contextlib.contextmanager
def _kept_loops(loops: list[Any]) -> Iterator[None]:
    """Have the loops of every controller that is started meanwhile."""
    real = controllers.loops

    def joined(*given: Any, **named: Any) -> Any:
        made = real(*given, **named)
        loops.extend(made[0])
        return made
    controllers.loops = joined
    try:
        yield
    finally:
        controllers.loops = real


def _objects(loops: Sequence[Any]) -> int:
    """All that the loops of the controllers hold, but for the false world and what is imported."""
    found: dict[int, Any] = {}
    open_ = list(loops)
    while open_:
        one = open_.pop()
        if isinstance(one, types.FunctionType):
            # What it was given, not the module that it is in.
            open_ += one.__closure__ or ()
        if id(one) in found or isinstance(one, _LEFT_OUT) or type(one).__module__.startswith(
                'kaopu_ha.sim'):
            continue
        found[id(one)] = one
        open_ += gc.get_referents(one)
    return len(found)


def _middle(days: Sequence[Figures]) -> Figures:
    return Figures(*(statistics.median(getattr(day, field.name) for day in days)
                     for field in dataclasses.fields(Figures)))


_STORY = """
title: A year
pace: fast
hosts: c1 c2 c3 c4 c5 c6
instances: {i1: c1, i2: c1, i3: c2, i4: c2, i5: c3, i6: c4, i7: c5, i8: c6}
story:
  - 5 end
"""


if __name__ == '__main__':
    sys.exit(main())
