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

The leader plans (this module); workers carry one evacuation out (``core.attempt``)::

    WAITING -> QUEUED -> CALLING -> MOVING -> DONE
       ^                    |          |
       +---- REFUSED <------+----------+        (the leader plans again, or gives up: FAILED)
"""

from __future__ import annotations

import collections
from collections.abc import Collection, Iterable, Mapping, Sequence
import dataclasses
from dataclasses import dataclass
import enum

from kaopu_ha.core import (
    demands,
    detection,
    events,
    model,
    placing,
    policy,
    refusals,
    roads,
    selection,
    texts,
)
from kaopu_ha.core.model import Evacuation, Phase, Power
from kaopu_ha.core.news import Outcome
from kaopu_ha.core.refusals import Meaning
from kaopu_ha.core.shortlist import Shortlist

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
    """

    at: str
    by: str
    epoch: int
    candidates: tuple[selection.Candidate, ...]
    rested: Mapping[tuple[str, str, int], float] | None = None
    places: demands.Places = demands.NOWHERE_SAID


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


def planned(evacuations: Iterable[Evacuation], seen: Seen, rules: model.Rules,
            dead: Collection[str] = ()) -> tuple[Evacuation, ...]:
    """The evacuations of all recoveries with targets for those that may go on; changed ones only.

    ``dead``: targets that are confirmed and fenced themselves; what was on its way there starts
    again.  At most ``per_target_max`` go to one target at a time, ``in_all_max`` in all; what was
    put aside, because it only waits, takes no place.  Room is looked for in the order of priority,
    of one class for a host's after another's in turn, and while one waits for its turn the less
    important ones of its host do, too.
    """
    before, unplaced = policy.in_order(evacuations), Shortlist(seen.candidates)
    now = [_turned_back(item, seen, rules, dead, unplaced) for item in before]
    busy: dict[str, int] = {}
    going = [item for item in now if selection.comes(item) and not item.set_aside]
    for item in going:
        busy[item.target] = busy.get(item.target, 0) + 1
    candidates, ground = selection.begun(seen.candidates, seen.places, now)
    shortlist, in_all = Shortlist(candidates), len(going)
    held_back: list[tuple[int, placing.Objections, str]] = []
    turns: dict[str, policy.Priority] = {}
    has = collections.Counter(item.recovery for item in going)
    places = {(item.recovery, item.instance): number for number, item in enumerate(now)}
    for current in policy.in_turns([item for item in now if item.phase is Phase.WAITING
                                    and not _rests(item, seen, rules)], _recovery, has):
        number, reach = places[current.recovery, current.instance], ground.reach(current)
        target, doubt = shortlist.choose(current, reach)
        if not target:
            held_back.append((number, reach, ''))
            continue
        shortlist.place(current, target)
        ground.placed(current.instance, target)
        if in_all >= rules.in_all_max or busy.get(target, 0) >= rules.per_target_max:
            held_back.append((number, reach, f'enough is moving to {target}'))
            turns.setdefault(current.recovery, current.priority)
        elif turns.get(current.recovery, current.priority) is not current.priority:
            held_back.append((number, reach, 'more important ones wait for theirs'))
        else:
            busy[target] = busy.get(target, 0) + 1
            in_all += 1
            now[number] = _goes(current, target, doubt, seen, unplaced.usage(target))
    # Told of them last: it stays true, for all that has a place is placed by now.  Who waits for
    # the whole is told no target: it would be another one at each plan.
    for number, reach, turn in held_back:
        if turn.startswith('enough') and in_all >= rules.in_all_max:
            turn = 'enough is moving'
        reason = f'its turn comes: {turn}' if turn else shortlist.why_none(now[number], reach)
        now[number] = _waits(now[number], reason, seen, rules, reach, unplaced)
    return tuple(new for item, new in zip(before, now, strict=True)
                 if new is not item and new != item)


def _recovery(item: Evacuation) -> str:
    return item.recovery


def _rests(item: Evacuation, seen: Seen, rules: model.Rules) -> bool:
    """True while the pause behind its last round is not over; a new leader begins it again."""
    if not item.rounds or item.passed_over or item.failures or seen.rested is None:
        return False
    return seen.rested.get(rest(item), 0.0) < rules.pause(item.rounds)


def _round_ended(item: Evacuation, seen: Seen, rules: model.Rules, reason: str) -> Evacuation:
    """Nobody took it: try all of them again after a pause, or give up when pauses were enough."""
    served = sum(rules.pause(number + 1) for number in range(item.rounds))
    if served >= rules.give_up_seconds:
        return went(item, Phase.FAILED, seen.at, seen.by, reason)
    item = dataclasses.replace(item, passed_over=(), refused=(), failures=0,
                               rounds=item.rounds + 1)
    return went(item, Phase.WAITING, seen.at, seen.by,
                f'{reason}; tried again after {rules.pause(item.rounds):g} s')


def _waits(item: Evacuation, reason: str, seen: Seen, rules: model.Rules, reach: placing.Objections,
           unplaced: Shortlist) -> Evacuation:
    """Without a target; ``unplaced``: the hosts as they are, with nothing placed on them."""
    tried = {item.source, *item.passed_over, *reach.learnt}
    if (item.passed_over or reach.learnt) and (unplaced.all_within(tried) or unplaced.choose(
            dataclasses.replace(item, passed_over=()),
            dataclasses.replace(reach, learnt=frozenset()))[0]):
        return _round_ended(item, seen, rules,
                            f'every other host was tried; last: {placing.last(item, reach)}')
    if (item.reason, item.row) == (reason, ''):
        return item
    return dataclasses.replace(item, reason=reason, row='')


def _goes(item: Evacuation, target: str, doubt: str, seen: Seen,
          usage: model.Usage | None) -> Evacuation:
    item = dataclasses.replace(item, target=target, epoch=seen.epoch, reason='')
    though = f', of those that are left: {doubt}' if doubt else ''
    return went(item, Phase.QUEUED, seen.at, seen.by,
                f'to {target}, the least used that may{selection.figures(usage)}{though}')


def _turned_back(item: Evacuation, seen: Seen, rules: model.Rules,
                 dead: Collection[str], unplaced: Shortlist) -> Evacuation:
    """REFUSED, or on its way to a dead target: wait for a new target, or give up."""
    if selection.comes(item) and item.target in dead:
        reason, failed, meaning = f'its target {item.target} died', False, Meaning.HOST_FAILED
    elif item.phase is Phase.QUEUED and not unplaced.may_stay(item):
        return went(dataclasses.replace(item, target=''), Phase.WAITING, seen.at, seen.by,
                    f'{item.target} is no target any more')
    elif item.phase is not Phase.REFUSED:
        return item
    else:
        reason, meaning = item.reason, refusals.meaning(item.reason, item.row)
        failed = meaning is not Meaning.NOT_HERE
    tried = tuple(sorted({*item.tried, item.target} - {''}))
    passed = tuple(sorted({*item.passed_over, item.target} - {''}))
    refused = {*item.refused, item.target} if meaning is Meaning.NOT_HERE else item.refused
    item = dataclasses.replace(item, tried=tried, target='', reason=reason, passed_over=passed,
                               refused=tuple(sorted(refused)), failures=item.failures + failed)
    if meaning is Meaning.NOWHERE:
        return _round_ended(item, seen, rules, f'no other host would help; last: {reason}')
    if item.failures >= rules.attempts_max:
        return _round_ended(item, seen, rules,
                            f'{item.failures} targets were tried; last: {reason}')
    return went(item, Phase.WAITING, seen.at, seen.by, reason)


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
