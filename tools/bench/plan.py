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

"""How long a plan takes that has many instances and hosts, against looking at every host for each.

    python -m tools.bench.plan [instances] [hosts]

The hosts are in four zones, have shared or dedicated cores, and reach one or both of two clusters;
of the instances some are pinned to a zone, some are in groups that keep apart, and Placement offers
each kind two hosts of three.  What is planned was read from records, as a controller reads it.

These plans are timed: the first one, and one onto hosts that have room for half of it, where as
many may move as have a place; the first one where so few may move at once as by default; and one
again after one change: after an arrival while the others wait, as many moving as by default and as
many as the configuration allows, and after a refusal while all others are on their way, which no
configuration allows.  Of a plan that is made again after moves alone it is also told what a whole
one takes, as it is made every few seconds.  The last line is of hosts that are lost at one time, a
hundred or all: the first plan of each is a whole one, with those before it.  Seconds are the
processor's.  The plain way (``tests.core.plain_plan``) is timed for a few instances, and that is
told as so many times the whole.
"""

from collections.abc import Callable, Sequence
import dataclasses
import sys
import time

from kaopu_ha import records
from kaopu_ha.core import demands, evacuation, model, planning, selection
from kaopu_ha.core.model import Evacuation, Phase
from kaopu_ha.core.rules import Rules
from tests.core import plain_plan

_AT, _BY = '2026-01-01T00:00:00Z', 'controller-1'
_CLUSTERS = ('ceph-1', 'ceph-2')
_ZONES, _EACH, _CORES = 4, 20, 64
_FLAVORS = (1, 2, 4, 8)
_GROUP = 10
_BY_HAND = 20
_LOST_MAX = 100
# What is to be reached with 10,000 instances on 1,000 hosts, and with a tenth of both.
_TARGETS = {(10_000, 1000): 2.0, (1000, 100): 0.1}
_AGAIN_SECONDS = 0.05
_ALL_AT_ONCE = dataclasses.replace(Rules(), in_all_max=10**6, per_target_max=10**6)
# The most that ``[evacuation] in_all_max`` and ``per_target_max`` may be.
_AS_CONFIGURED = dataclasses.replace(Rules(), in_all_max=1000, per_target_max=100)

Planner = Callable[[Sequence[Evacuation], evacuation.Seen, Rules], tuple[Evacuation, ...]]


def moves(count: int) -> list[Evacuation]:
    """So many instances that were on, twenty on each dead host, as they are read from records."""
    made = [_move(number) for number in range(count)]
    return [records.decode(Evacuation, records.encode(item)) for item in made]


def _move(number: int) -> Evacuation:
    cores, dedicated = _FLAVORS[number % 4], number % 16 == 7
    source = f'dead-{number // _EACH:04}'
    asks = (demands.Amount('MEMORY_MB', 2048 * cores),
            demands.Amount('PCPU' if dedicated else 'VCPU', cores))
    zone = f'az{number % 7 % _ZONES}' if number % 3 == 0 else ''
    cluster = _CLUSTERS[number % 10 == 9]
    image = model.Image(cluster, 'vms', f'disk-{number}', f'rbd_header.{number}')
    return Evacuation(
        f'{source}-1', _uuid(number), f'web-{number}', source, Phase.WAITING, images=(image,),
        cores=cores, memory_mb=2048 * cores,
        demand=demands.Demand((demands.Part('', asks),), zone),
        history=(model.Step(_AT, _BY, 'waiting', 'was on: to be moved'),))


def _uuid(number: int) -> str:
    return f'{number:08x}-0000-4000-8000-000000000000'


def seen(instances: int, hosts: int, room: float = 1.0) -> evacuation.Seen:
    """The dead hosts and the others; these have so much room for all of it, times ``room``."""
    cores = sum(_FLAVORS[number % 4] for number in range(instances)) * 2 / hosts * room
    dead = tuple(_candidate(f'dead-{number:04}', number, cores, locked=True)
                 for number in range((instances + _EACH - 1) // _EACH))
    alive = tuple(_candidate(f'compute-{number:04}', number, cores) for number in range(hosts))
    return evacuation.Seen(_AT, _BY, 5, (*alive, *dead), places=_places(instances, alive))


def _candidate(host: str, number: int, free: float, locked: bool = False) -> selection.Candidate:
    used = float(number * 7 % 13)
    dedicated = model.Room('PCPU', free / 4 if number % 4 == 3 else 0.0, 0.0)
    usage = model.Usage(used + free, used, 2048 * (used + free), 2048 * used, rooms=(dedicated,))
    reaches = _CLUSTERS if number % 2 else _CLUSTERS[:1]
    return selection.Candidate(
        host, beat=not locked, held=False, suspected=locked, locked=locked, flapping=False,
        storage=dict.fromkeys(reaches, model.Sign.LIFE), usage=usage,
        service=model.ComputeService(host, host, True, not locked, locked,
                                     f'az{number % _ZONES}'))


def _places(instances: int, alive: Sequence[selection.Candidate]) -> demands.Places:
    kinds = sorted({_move(number).demand for number in range(min(instances, 4000))})
    offers = {kind: demands.Offer(frozenset(
        one.host for place, one in enumerate(alive) if (place + number) % 3))
        for number, kind in enumerate(kinds)}
    groups = tuple(demands.Group(f'g{first}', f'db-{first}', demands.APART, frozenset(
        _uuid(first + 10 * number) for number in range(_GROUP)))
        for first in range(0, instances, 10 * _GROUP))
    return demands.Places(offers, (), groups)


def timed(plan: Planner, items: Sequence[Evacuation], look: evacuation.Seen,
          rules: Rules) -> tuple[float, list[Evacuation], int]:
    """The seconds, what all of them are after it, and how many of them it changed."""
    began = time.process_time()
    changed = plan(items, look, rules)
    seconds = time.process_time() - began
    now = {(item.recovery, item.instance): item for item in changed}
    return (seconds, [now.get((item.recovery, item.instance), item) for item in items],
            len(changed))


def refused(items: Sequence[Evacuation]) -> list[Evacuation]:
    """The same, once the target of the one in the middle has refused it."""
    now = list(items)
    middle = len(now) // 2
    now[middle] = dataclasses.replace(now[middle], phase=Phase.REFUSED, reason='it did not start')
    return now


def arrived(items: Sequence[Evacuation]) -> list[Evacuation]:
    """The same, once one that was on its way is there."""
    now = list(items)
    first = next(place for place, item in enumerate(now) if selection.comes(item))
    now[first] = dataclasses.replace(now[first], phase=Phase.DONE)
    return now


def again(items: Sequence[Evacuation], look: evacuation.Seen,
          rules: Rules) -> tuple[Evacuation, ...]:
    """The plan after moves alone."""
    return planning.planned_again(items, look, rules)[0]


def main(instances: int, hosts: int) -> None:
    """Print a line for each plan."""
    items, look = moves(instances), seen(instances, hosts)
    target = _TARGETS.get((instances, hosts))
    few = items[::max(instances // _BY_HAND, 1)]
    plain, _, _ = timed(plain_plan.planned, few, look, _ALL_AT_ONCE)
    plain *= instances / len(few)
    seconds, placed, _ = timed(planning.planned, items, look, _ALL_AT_ONCE)
    there = sum(item.phase is Phase.QUEUED for item in placed)
    _told(f'{instances} instances onto {hosts} hosts, {there} have a place', seconds, plain, target)
    full = seen(instances, hosts, room=1 / 6)
    seconds, half, _ = timed(planning.planned, items, full, _ALL_AT_ONCE)
    there = sum(item.phase is Phase.QUEUED for item in half)
    _told(f'onto hosts that are nearly full, {there} have a place', seconds, plain, target)
    for rules in (Rules(), _AS_CONFIGURED):
        seconds, waiting, _ = timed(planning.planned, items, look, rules)
        _told(f'{rules.in_all_max} move, the others wait', seconds, plain, target)
        _again('one arrived', arrived(waiting), look, rules, plain)
    _again('one was refused, all others move', refused(placed), look, _ALL_AT_ONCE, plain)
    _one_by_one(items, look)


def _one_by_one(items: Sequence[Evacuation], look: evacuation.Seen) -> None:
    now: list[Evacuation] = []
    took = []
    for first in range(0, min(len(items), _LOST_MAX * _EACH), _EACH):
        seconds, now, _ = timed(planning.planned, [*now, *items[first:first + _EACH]], look,
                                Rules())
        took.append(seconds)
    print(f'{len(took)} hosts lost at one time, a whole plan for each: {sum(took):.2f} s in all, '
          f'the last {took[-1]:.3f} s')


def _again(what: str, items: Sequence[Evacuation], look: evacuation.Seen, rules: Rules,
           plain: float) -> None:
    whole, _, _ = timed(planning.planned, items, look, rules)
    seconds, _, changed = timed(again, items, look, rules)
    _told(f'again after {what}: {changed} changed, a whole plan {whole:.3f} s', seconds, plain,
          _AGAIN_SECONDS)


def _told(what: str, seconds: float, plain: float, target: float | None) -> None:
    share = f'; {seconds / target:.2f} of the target of {target:g} s' if target else ''
    print(f'{what}: {seconds:.3f} s, every host for each {plain:.1f} s, ratio '
          f'{seconds / plain:.4f}{share}', flush=True)


if __name__ == '__main__':
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 10_000,
         int(sys.argv[2]) if len(sys.argv) > 2 else 1000)
