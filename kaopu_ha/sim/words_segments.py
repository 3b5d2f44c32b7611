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

"""Segments and reserved hosts, as people keep them by Masakari's API: see ``words``."""

from __future__ import annotations

from kaopu_ha import ports, records
from kaopu_ha.core.segments import RecoveryMethod, Segment, SegmentHost
from kaopu_ha.sim import daemon
from kaopu_ha.sim.sentences import Vocabulary
from kaopu_ha.sim.world import World

WORDS = Vocabulary()


@WORDS.take('segment {name} has method {method}')
def _segment(world: World, name: str, method: str) -> None:
    number = 1 + sum(key.startswith(records.SEGMENT) for key in world.etcd.entries)
    _write(world, records.SEGMENT + name, Segment(
        number, name, name, 'compute', RecoveryMethod(method), _now(world)))


@WORDS.take('{host} is in segment {name}', '{host} and {other} are in segment {name}',
            '{host}, {other} and {third} are in segment {name}')
def _member(world: World, *names: str) -> None:
    for host in names[:-1]:
        _put(world, host, names[-1], reserved=False)


@WORDS.take('{host} is reserved in segment {name}',
            '{host} and {other} are reserved in segment {name}')
def _reserved(world: World, *names: str) -> None:
    """As people do it: it takes nothing, for its service is disabled."""
    for host in names[:-1]:
        world.nova.disabled.add(host)
        _put(world, host, names[-1], reserved=True)


@WORDS.take('{host} is in no segment any more')
def _gone(world: World, host: str) -> None:
    world.etcd.commit([], [ports.Delete(_key(world, host))], 'people')


def reserved(world: World, host: str) -> bool:
    """True if its segment has it as reserved, as it is kept now."""
    one = world.record(SegmentHost, _key(world, host))
    return one is not None and one.reserved


def _put(world: World, host: str, segment: str, *, reserved: bool) -> None:
    number = 1 + sum(key.startswith(records.SEGMENT_HOST) for key in world.etcd.entries)
    _write(world, _key(world, host), SegmentHost(
        number, f'of-{host}', host, segment, 'kvm', _now(world), reserved=reserved))


def _key(world: World, host: str) -> str:
    world.machines[host]
    return f'{records.SEGMENT_HOST}of-{host}'


def _now(world: World) -> str:
    return f'{daemon.date(world.kernel.now)[:19]}.000000'


def _write(world: World, key: str, record: Segment | SegmentHost) -> None:
    world.etcd.commit([], [ports.Put(key, records.encode(record))], 'people')
