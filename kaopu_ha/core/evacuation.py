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

"""What is moved, where to, and in how many at a time.  Claim 3 of the patent.

The leader lists (this module) and plans (``core.planning``); workers carry one evacuation out
(``core.attempt``)::

    WAITING -> QUEUED -> CALLING -> MOVING -> DONE
       ^                    |          |
       +---- REFUSED <------+----------+        (the leader plans again, or gives up: FAILED)
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
import dataclasses
from dataclasses import dataclass
import enum

from kaopu_ha.core import (
    circles,
    demands,
    detection,
    events,
    model,
    policy,
    roads,
    selection,
    texts,
)
from kaopu_ha.core.model import Evacuation, Phase, Power
from kaopu_ha.core.news import Outcome

went = roads.step_of_evacuation


class Way(enum.Enum):
    """What may be done with an instance in its present state."""

    EVACUATE = 'evacuate'
    RESET = 'reset its state, then evacuate'
    WAIT = 'wait'
    LEAVE = 'leave'
    NOT_RECOVERABLE = 'not recoverable'


_VM_STATES: dict[str, tuple[Way, str]] = {
    'active': (Way.EVACUATE, ''),
    'error': (Way.EVACUATE, ''),
    'stopped': (Way.RESET, 'was on, though Nova shows it stopped: it will run again'),
    'paused': (Way.RESET, 'was paused: it will run again'),
    'rescued': (Way.RESET, 'was in rescue mode: it will run from its own disk'),
    'building': (Way.NOT_RECOVERABLE, 'it was still being built'),
    'resized': (Way.NOT_RECOVERABLE, 'its resize is neither confirmed nor reverted'),
    'suspended': (Way.NOT_RECOVERABLE, 'it is suspended: its memory lies on the dead host'),
    'shelved': (Way.LEAVE, 'it is shelved'),
    'shelved_offloaded': (Way.LEAVE, 'it is shelved'),
    'deleted': (Way.LEAVE, 'it is deleted'),
    'soft-delete': (Way.LEAVE, 'it is deleted'),
}
_TASKS: dict[str, tuple[Way, str]] = {
    'deleting': (Way.LEAVE, 'it is being deleted'),
    'soft-deleting': (Way.LEAVE, 'it is being deleted'),
    'migrating': (Way.RESET, 'its live migration ended with the host'),
    'resize_prep': (Way.NOT_RECOVERABLE, 'it was being resized'),
    'resize_migrating': (Way.NOT_RECOVERABLE, 'it was being resized'),
    'resize_migrated': (Way.NOT_RECOVERABLE, 'it was being resized'),
    'resize_finish': (Way.NOT_RECOVERABLE, 'it was being resized'),
}


def way(server: model.Server, migrations: Iterable[model.Migration]) -> tuple[Way, str]:
    """The table of instance states: vm_state x task_state x unfinished migration.

    It is asked of instances that were on.  Nova's evacuate takes only active, stopped and error,
    and stops on its target what was stopped; the rest is reset first, left, or told.
    """
    if any(migration.unfinished and migration.kind == 'evacuation' for migration in migrations):
        return Way.WAIT, 'an evacuation of it is already under way'
    found = _TASKS.get(server.task_state)
    if found is not None:
        return found
    return _VM_STATES.get(server.vm_state,
                          (Way.NOT_RECOVERABLE, f'its state {server.vm_state} is not known'))


def powered(inventory: model.Inventory, servers: Sequence[model.Server] | None,
            need_not: Collection[str] = ()) -> tuple[model.Instance, ...]:
    """The host's instances with their power, from the inventory, and Nova where it answered.

    Nova corrects an inventory that is some seconds old: active without a task is what its user
    asked for.  What its host may have taken along counts as on, but for what ``need_not`` run:
    who stopped it is asked when it is listed.  An instance that only Nova knows has no known disks.
    """
    on = {instance.uuid for instance in inventory.on} - set(need_not)
    known = {instance.uuid: instance if instance.power is not Power.OFF
             or instance.uuid not in on else dataclasses.replace(instance, power=Power.ON)
             for instance in inventory.instances}
    for server in servers or ():
        found = known.get(server.uuid)
        if found is None:
            power = {1: Power.ON, 3: Power.PAUSED}.get(server.power_state, Power.OFF)
            known[server.uuid] = model.Instance(server.uuid, texts.bounded(server.name), power)
            continue
        power = found.power
        if not server.task_state and server.vm_state == 'active' and power is Power.OFF:
            power = Power.ON
        known[server.uuid] = dataclasses.replace(
            found, name=texts.bounded(server.name or found.name), power=power)
    return tuple(known[uuid] for uuid in sorted(known))


@dataclass(frozen=True)
class Seen:
    """What the leader saw before it planned: now is for people, epoch for the writes.

    ``rested``: for how long this leader has seen each evacuation rest between two rounds, by its
    ``rest`` (None: nothing rests).  ``places``: what the cloud says of where each may be.
    ``grouping``: within which hosts each stays.
    """

    at: str
    by: str
    epoch: int
    candidates: tuple[selection.Candidate, ...]
    rested: Mapping[tuple[str, str, int], float] | None = None
    places: demands.Places = demands.NOWHERE_SAID
    grouping: circles.Grouping = circles.UNGROUPED


def rest(item: Evacuation) -> tuple[str, str, int]:
    """What names the pause of an evacuation behind its last round."""
    return item.recovery, item.instance, item.rounds


def with_coming(inventory: model.Inventory,
                evacuations: Iterable[Evacuation]) -> model.Inventory:
    """The inventory, with what may have come to the host since it was published.

    A target that dies while it receives may have no image of its own to be asked about.
    """
    coming = [model.Instance(item.instance, item.name, Power.ON, item.images)
              for item in evacuations if item.target == inventory.host and item.attempts
              and not item.phase.ended]
    return dataclasses.replace(inventory, instances=(*inventory.instances, *coming))


def listed(recovery: model.Recovery, servers: Sequence[model.Server],
           fenced: Collection[str], seen: Seen,
           stopped: Collection[str] = (), awaited: Collection[str] = (),
           says: policy.Policy | None = None) -> tuple[Evacuation, ...]:
    """One evacuation for each of Nova's servers on the dead host, none with a target yet.

    The most important ones first.
    ``stopped``: those of which Nova says that their users stopped them (``doubtful``).
    ``awaited``: clusters that the host may be fenced on later; what stands there waits for that.
    ``says``: whose instances are moved, and in which order.
    """
    known = {instance.uuid: instance for instance in recovery.instances}
    made = []
    for server in sorted(servers, key=lambda item: (-item.memory_mb, item.name, item.uuid)):
        instance = known.get(server.uuid)
        if instance is not None:
            instance = events.settled(instance, recovery, server)
        phase, reason = _first_phase(server, instance, fenced, awaited)
        if server.uuid in stopped and instance is not None and instance.power is not Power.OFF:
            phase, reason = Phase.LEFT, 'its user stopped it'
        said = policy.answer(server, says or policy.Policy())
        row = ''
        if said.left and phase is not Phase.LEFT:
            phase, reason, row = Phase.LEFT, said.left, policy.ROW
        made.append(Evacuation(
            recovery.id, server.uuid, texts.bounded(server.name), recovery.host, phase,
            power=instance.power if instance else Power.OFF,
            images=instance.images if instance else (), cores=server.cores,
            memory_mb=server.memory_mb, epoch=seen.epoch, reason=reason, project=server.project,
            opted_in=server.opted_in, priority=said.priority, marked=said.because,
            wrong_marks=said.wrong, demand=server.demand, row=row,
            history=(model.Step(seen.at, seen.by, phase.value, reason or 'was on: to be moved',
                                row),)))
    return tuple(policy.in_order(made))


def unplanned(recovery: model.Recovery, at: str, by: str) -> tuple[Evacuation, ...]:
    """What was on when the host was confirmed, before Nova is asked for the plan."""
    return tuple(Evacuation(
        recovery.id, instance.uuid, instance.name, recovery.host, Phase.WAITING,
        power=instance.power, images=instance.images,
        history=(model.Step(at, by, Phase.WAITING.value, 'was on: to be moved'),))
        for instance in recovery.instances if instance.power is not Power.OFF)


def doubtful(recovery: model.Recovery, servers: Iterable[model.Server]) -> tuple[str, ...]:
    """The servers that were on and that Nova shows stopped: by their users, or with their host?"""
    on = {instance.uuid for instance in recovery.instances if instance.power is not Power.OFF}
    return tuple(server.uuid for server in servers if server.uuid in on
                 and server.vm_state == 'stopped' and not server.task_state)


def _first_phase(server: model.Server, instance: model.Instance | None,
                 fenced: Collection[str], awaited: Collection[str]) -> tuple[Phase, str]:
    if instance is None:
        if server.power_state not in (1, 3):
            return Phase.LEFT, 'was powered off'
        return Phase.NOT_RECOVERABLE, 'its host never told of its disks'
    if instance.power is Power.OFF:
        return Phase.LEFT, 'was powered off'
    stays = why_stays(instance, {*fenced, *awaited})
    if stays:
        return Phase.NOT_RECOVERABLE, stays
    found, reason = way(server, ())
    if found is Way.LEAVE:
        return Phase.LEFT, reason
    if found is Way.NOT_RECOVERABLE:
        return Phase.NOT_RECOVERABLE, reason
    waits_for = sorted({image.cluster for image in instance.images} - set(fenced))
    if waits_for:
        return Phase.WAITING, f'the host may not be fenced on cluster {waits_for[0]} yet'
    return Phase.WAITING, reason


def why_stays(instance: model.Instance, fenced: Collection[str]) -> str:
    """Why its disks can't be opened elsewhere, or must not be; empty if they may."""
    if instance.local_disks:
        return 'on local disk: ' + ', '.join(instance.local_disks)
    if not instance.images:
        return 'its disks are not known'
    unread = [image.name for image in instance.images if not image.header]
    if unread:
        return f'its host never read the id of image {unread[0]}'
    unfenced = sorted({image.cluster for image in instance.images} - set(fenced))
    return f'the host was not fenced on cluster {unfenced[0]}' if unfenced else ''


def outcome(item: Evacuation, case: model.Case | None) -> Outcome:
    """How the move ended, for those who are told; what an unread case would say is left out."""
    assert item.phase.ended, item.phase
    confirmed = [step.at for step in case.history if step.stage == model.Stage.CONFIRMED.value
                 ] if case else []
    return Outcome(
        item.instance, item.name, item.project, item.opted_in, item.phase.value, item.reason,
        item.source, item.target, silent_since=detection.silent_since(case) if case else '',
        confirmed_at=confirmed[-1] if confirmed else '', ended_at=item.history[-1].at)


def counts(evacuations: Iterable[Evacuation]) -> Mapping[Phase, int]:
    """How many instances are in each phase."""
    found: dict[Phase, int] = {}
    for item in evacuations:
        found[item.phase] = found.get(item.phase, 0) + 1
    return found
