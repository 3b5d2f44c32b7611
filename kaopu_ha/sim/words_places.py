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

"""Zones, groups, aggregates and dedicated cores of the false Nova: see ``words``."""

from __future__ import annotations

from kaopu_ha.core import demands
from kaopu_ha.sim.lay import Lay
from kaopu_ha.sim.nova import SimServer
from kaopu_ha.sim.sentences import Vocabulary
from kaopu_ha.sim.world import World

WORDS = Vocabulary()
# Of the host of an instance that has them, and in the end of every host.
_OWN_CORES = 16


def _changed(world: World) -> Lay:
    """The lay, which changes now."""
    world.nova.lay.since = world.kernel.now
    return world.nova.lay


@WORDS.take('zone {zone} has {host}', 'zone {zone} has {host} and {other}',
            'zone {zone} has {host}, {other} and {third}')
def _zone(world: World, zone: str, *hosts: str) -> None:
    for host in hosts:
        world.computes[host]
        _changed(world).zones[host] = zone


@WORDS.take('{instance} is pinned to its zone')
def _pinned(world: World, instance: str) -> None:
    row = _row(world, instance)
    zone = world.nova.lay.zones.get(row.host)
    if zone is not None:
        _changed(world).pinned[row.uuid] = zone


@WORDS.take('Nova does not tell who is pinned to a zone')
def _old_nova(world: World) -> None:
    _changed(world).tells_pins = False


@WORDS.take('a group keeps {instance} and {other} apart')
def _apart(world: World, instance: str, other: str) -> None:
    _group(world, demands.APART, instance, other)


@WORDS.take('a group has at most two of {instance}, {other} and {third} on a host')
def _two_at_most(world: World, *names: str) -> None:
    _group(world, demands.APART, *names, most=2)


@WORDS.take('a group keeps {instance} and {other} together')
def _together(world: World, instance: str, other: str) -> None:
    _group(world, demands.TOGETHER, instance, other)


@WORDS.take('a group would have {instance} and {other} apart')
def _rather_apart(world: World, instance: str, other: str) -> None:
    _group(world, demands.SOFT + demands.APART, instance, other)


def _group(world: World, policy: str, *names: str, most: int = 1) -> None:
    """Nova's API has one group for an instance, and lets nobody begin with one that is broken."""
    rows, lay = [_row(world, name) for name in names], _changed(world)
    members = frozenset(row.uuid for row in rows)
    homes = [row.host for row in rows]
    crowded = max(map(homes.count, homes)) > most
    if len(members) < len(names) or any(members & group.members for group in lay.groups) or (
            policy == demands.APART and crowded) or (
            policy == demands.TOGETHER and len(set(homes)) > 1):
        return
    number = len(lay.groups) + 1
    lay.groups.append(demands.Group(f'group-{number}', f'g{number}', policy, members, most))


@WORDS.take('people delete the group of {instance}')
def _no_group(world: World, instance: str) -> None:
    uuid = _row(world, instance).uuid
    _changed(world).groups = [group for group in world.nova.lay.groups if uuid not in group.members]


@WORDS.take('{instance} asks for dedicated cores')
def _dedicated(world: World, instance: str) -> None:
    row = _row(world, instance)
    machine = world.machines[row.host]
    machine.dedicated = machine.dedicated or _OWN_CORES
    _changed(world).dedicated.add(row.uuid)
    world.nova.placement.dedicated.add(row.uuid)
    world.nova.placement.claim(row.uuid, row.host, row.cores, row.memory_mb)


@WORDS.take('{host} has {number} dedicated cores')
def _dedicated_cores(world: World, host: str, number: str) -> None:
    world.machines[host].dedicated = int(number)


@WORDS.take('{host} is set aside for project {project}')
def _set_aside(world: World, host: str, project: str) -> None:
    world.computes[host]
    _changed(world).own[host] = project


@WORDS.take('{instance} is of project {project}')
def _project(world: World, instance: str, project: str) -> None:
    _row(world, instance).project = project


@WORDS.take('only Nova knows that {instance} may be on {host} alone',
            'only Nova knows that {instance} may be on {host} and {other} alone')
def _hidden(world: World, instance: str, *hosts: str) -> None:
    world.nova.lay.hidden[_row(world, instance).uuid] = frozenset(hosts)


def open_to_all(world: World) -> None:
    """What people do in the end: they give what has no place one."""
    for machine in world.machines.values():
        machine.dedicated = _OWN_CORES if world.nova.lay.dedicated else machine.dedicated
    world.nova.lay.own, world.nova.lay.hidden = {}, {}


def _row(world: World, name: str) -> SimServer:
    row = world.row(name)
    if row is None:
        raise KeyError(name)
    return row
