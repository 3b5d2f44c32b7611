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

"""What has to be well once everything was mended: what can run runs, or it is said why not."""

from __future__ import annotations

from kaopu_ha import records
from kaopu_ha.core import attempt, refusals
from kaopu_ha.core.model import Evacuation, Phase, Recovery
from kaopu_ha.core.protection import Reason
from kaopu_ha.sim.laws_books import misbelieved
from kaopu_ha.sim.laws_guests import left_off, standing_still
from kaopu_ha.sim.laws_places import without_place
from kaopu_ha.sim.laws_returns import (
    held_by_another,
    never_told,
    not_taken_back,
    still_to_start,
    why_not_started,
)
from kaopu_ha.sim.laws_use import untold
from kaopu_ha.sim.nova import SimMigration, SimServer
from kaopu_ha.sim.world import World


def unhealed(world: World) -> list[str]:
    """What can run and does not, after everything was mended; empty if all is well.

    An instance that was on runs, or the program says why it does not.  Where every host is off
    (nobody switches on what died), nothing can.
    """
    if not any(machine.node.powered for machine in world.machines.values()):
        return []
    found, nowhere = [], list(without_place(world))
    for_reboot = [*to_reboot(world), *nowhere]
    for row in world.nova.rows.values():
        reason = _told(world, row)
        if row.wanted and not reason and row not in for_reboot and not world.writing_on(row):
            found.append(f'{row.name} does not run; Nova: {row.vm_state}/{row.task_state} on '
                         f'{row.host}')
    # Each excuses itself, and its recovery, which is not finished before, and its start in place,
    # which is not begun before; no other one.
    lost = {row.uuid for row in nowhere}
    excused = [*for_people(world), *(item for item in world.every(Evacuation, records.EVACUATION)
                                     if item.instance in lost and not item.phase.ended)]
    found += [f'{item.name} is {item.phase.value}: {item.reason}'
              for item in world.every(Evacuation, records.EVACUATION)
              if not item.phase.ended and item not in excused]
    held_up = {item.recovery for item in excused}
    found += [f'the recovery of {one.host} is {one.stage.value}: {one.waiting_for}'
              for one in world.every(Recovery, records.RECOVERY)
              if not one.stage.finished and one.id not in held_up]
    found += still_to_start(world, {item.instance for item in excused})
    return (found + standing_still(world) + misbelieved(world) + not_taken_back(world)
            + untold(world))


def for_people(world: World) -> list[Evacuation]:
    """What waits for a person to mend it by hand, and says so."""
    return [item for item in world.every(Evacuation, records.EVACUATION)
            if not item.phase.ended and _needs_a_person(world, item)]


def _needs_a_person(world: World, item: Evacuation) -> bool:
    """True if it says that it needs an operator, and nothing that the program may do would.

    It runs where Nova does not show it; or its domain lies on its target, off, and Nova rebuilds
    nothing over that; or a record of it stays accepted of which no call is left.
    """
    row = world.nova.rows.get(item.instance)
    if row is None or not attempt.needs_operator(item):
        return False
    # A guest that is left on a fenced host runs, and writes nothing.
    places = world.writing_on(row)
    return (bool(in_the_way(world, item)) or bool(left_on(world, item))
            or bool(still_accepted(world, item)) or bool(places) and row.host not in places)


def in_the_way(world: World, item: Evacuation) -> list[str]:
    """Its target, or the last one that was tried, if its domain lies there, off."""
    target = item.target or (item.attempts[-1].target if item.attempts else '')
    machine = world.machines.get(target)
    return [target] if machine is not None and item.instance in machine.guests and not (
        machine.runs(item.instance)) else []


def still_accepted(world: World, item: Evacuation) -> list[SimMigration]:
    """The records of its calls that stay accepted for ever: no message of it is left anywhere."""
    if item.row != refusals.ONE_REFUSED:
        return []
    every = [record for record in world.nova.records
             if (record.instance, record.kind) == (item.instance, 'evacuation')]
    return [] if any(record.lies_at for record in every) else [
        record for record in every if (record.status, record.source, record.target) == (
            'accepted', item.source, item.target)]


def left_on(world: World, item: Evacuation) -> list[str]:
    """The hosts on which a guest of it is left that runs, and writes nothing: it was fenced."""
    row = world.nova.rows[item.instance]
    writing = world.writing_on(row)
    return [host for host, machine in world.machines.items()
            if machine.runs(row.uuid) and host not in (*writing, item.source, item.target)
            and f'it may run on {host}' in item.reason]


def to_reboot(world: World) -> list[SimServer]:
    """What runs and writes nothing, and people are told that its clients, or its host's, are mute.

    A guest that came to a host without an agent may be fenced with the host that it came from.
    """
    entry = world.etcd.entries.get(records.UNPROTECTED)
    told = records.record(records.UnprotectedList, entry) if entry else None
    items = told.items if told else ()
    hosts = {one.host for one in items if one.reason is Reason.UNSEEN}
    names = {(one.host, name) for one in items for name in one.instances
             if one.reason is Reason.WITHOUT_DISK}
    return [row for row in world.nova.rows.values() if row.wanted
            and (row.host in hosts or (row.host, row.name) in names)
            and world.machines[row.host].runs(row.uuid) and not world.writing_on(row)]


def _told(world: World, row: SimServer) -> str:
    """Why the instance does not run, by the newest record of it; '' if none says so."""
    # What an older one ended with says nothing of the last time that its host died.
    newest = max((item for item in world.every(Evacuation, records.EVACUATION)
                  if item.instance == row.uuid), key=_begun, default=None)
    if newest is not None and _says_why(newest):
        return newest.reason
    if row.local_disks and newest is None:
        return 'on local disk'
    return (why_not_started(world, row) or never_told(world, row)
            or held_by_another(world, row) or left_off(world, row)
            or world.excused.get(row.uuid, ''))


def _begun(item: Evacuation) -> str:
    return item.history[0].at if item.history else ''


def _says_why(item: Evacuation) -> bool:
    return (attempt.needs_operator(item) or 'stopped there' in item.reason
            or item.phase in (Phase.FAILED, Phase.LEFT, Phase.NOT_RECOVERABLE))
