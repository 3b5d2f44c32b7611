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

"""What a story expects, each in a sentence: true or not at the time that it names."""

from __future__ import annotations

from collections.abc import Callable
import re

from kaopu_ha import records
from kaopu_ha.core.model import Evacuation, Recovery
from kaopu_ha.core.prospect import Forecast, Prospect
from kaopu_ha.sim import laws_notes, words_hearsay, words_segments
from kaopu_ha.sim.healed import unhealed
from kaopu_ha.sim.laws_foretold import foreseen
from kaopu_ha.sim.nova import SimServer
from kaopu_ha.sim.words import UnknownWords
from kaopu_ha.sim.world import World

# A reason why it is not so, '' if it is.
Expectation = Callable[..., str]
EXPECTATIONS: dict[str, Expectation] = {}


def why_not(world: World, sentence: str) -> str:
    """Why what is expected is not so; '' if it is.  Raises UnknownWords."""
    for pattern, expected in EXPECTATIONS.items():
        found = re.fullmatch(re.sub(r'\\{\w+\\}', '(.+?)', re.escape(pattern)), sentence)
        if found is not None:
            return expected(world, *found.groups())
    raise UnknownWords(f'"expect {sentence}" is not understood; see kaopu-ha simulate --words')


def _expected(pattern: str) -> Callable[[Expectation], Expectation]:
    def keep(expected: Expectation) -> Expectation:
        EXPECTATIONS[pattern] = expected
        return expected
    return keep


@_expected('every instance runs where it was')
def _nobody_moved(world: World) -> str:
    for vm in world.setup.instances:
        row = world.row(vm.name)
        if row is not None and row.wanted and world.writing_on(row) != [vm.host]:
            return f'{vm.name} runs on {_places(world, row)}'
    return ''


@_expected('everything that can run runs')
def _healed(world: World) -> str:
    return '; '.join(unhealed(world))


@_expected('{instance} runs on {host}')
def _runs_on(world: World, instance: str, host: str) -> str:
    row = _row(world, instance)
    return '' if world.writing_on(row) == [host] else f'it runs on {_places(world, row)}'


@_expected('{instance} runs elsewhere')
def _runs_elsewhere(world: World, instance: str) -> str:
    row, first = _row(world, instance), _first_host(world, instance)
    places = world.writing_on(row)
    good = len(places) == 1 and places[0] != first and (row.host, row.vm_state) == (
        places[0], 'active')
    return '' if good else f'it runs on {_places(world, row)}; Nova: {row.vm_state} on {row.host}'


@_expected('{instance} is off')
def _is_off(world: World, instance: str) -> str:
    places = world.running_on(_row(world, instance).uuid)
    return f'it runs on {" and ".join(places)}' if places else ''


@_expected('{instance} is stuck')
def _is_stuck(world: World, instance: str) -> str:
    row = _row(world, instance)
    return '' if world.machines[row.host].guests[row.uuid].stuck else 'it is not'


@_expected('{instance} is not stuck')
def _is_not_stuck(world: World, instance: str) -> str:
    return '' if _is_stuck(world, instance) else 'it is'


@_expected('{instance} is hung')
def _is_hung(world: World, instance: str) -> str:
    row = _row(world, instance)
    return '' if world.machines[row.host].guests[row.uuid].hung else 'it is not'


@_expected('{instance} is told as {phase}: {reason}')
def _told_as(world: World, instance: str, phase: str, reason: str) -> str:
    row = _row(world, instance)
    items = [item for item in world.every(Evacuation, records.EVACUATION)
             if item.instance == row.uuid]
    said = [f'{item.phase.value}: {item.reason}' for item in items]
    wanted = any(item.phase.value == phase and reason in item.reason for item in items)
    return '' if wanted else f'it is told as {said or "nothing"}'


@_expected('{instance} would come back if its host died')
def _would_come_back(world: World, instance: str) -> str:
    said = _foreseen(world, instance)
    return '' if said.answer is Forecast.PROTECTED else f'{said.answer.value}: {said.text}'


@_expected('{instance} would not come back: {reason}')
def _would_not(world: World, instance: str, reason: str) -> str:
    said = _foreseen(world, instance)
    told = f'{said.reason.value}: {said.text}' if said.reason else said.text
    return '' if said.answer is not Forecast.PROTECTED and reason in told else (
        f'{said.answer.value}: {told}')


@_expected('Nova shows {instance} on {host}')
def _shown_on(world: World, instance: str, host: str) -> str:
    row = _row(world, instance)
    return '' if row.host == host else f'it shows it on {row.host}'


@_expected('the case of {host} is {stage}')
def _case_is(world: World, host: str, stage: str) -> str:
    case = world.case(host)
    found = case.stage.value if case else 'not there'
    return '' if found == stage else f'it is {found}'


@_expected('what was said of {host} is {status}')
def _said_is(world: World, host: str, status: str) -> str:
    said = words_hearsay.last_said(world, host)
    if said is None:
        return 'nothing was said of it'
    return '' if said.status.value == status else f'it is {said.status.value}: {said.message}'


@_expected('{host} is reserved')
def _reserved(world: World, host: str) -> str:
    if not words_segments.reserved(world, host):
        return 'it is not'
    return '' if host in world.nova.disabled else 'it is enabled'


@_expected('{host} was taken')
def _taken(world: World, host: str) -> str:
    if words_segments.reserved(world, host):
        return 'it is reserved'
    return 'it is disabled' if host in world.nova.disabled else ''


@_expected('{instance} has a note that it was moved')
def _noted(world: World, instance: str) -> str:
    row = world.row(instance)
    return '' if any(mark.key == laws_notes.KEY for mark in (row.marks if row else ())) else (
        'it has none')


@_expected('{instance} has no note that it was moved')
def _not_noted(world: World, instance: str) -> str:
    return '' if _noted(world, instance) else 'it has one'


@_expected('{instance} is told to be surely dead')
def _told_dead(world: World, instance: str) -> str:
    told = {one.name for _, news in world.told for one in news.dead}
    return '' if instance in told else 'it is not'


@_expected('{instance} is not told to be dead')
def _not_told_dead(world: World, instance: str) -> str:
    return '' if _told_dead(world, instance) else 'it is'


@_expected('{host} is in zone {zone}')
def _in_zone(world: World, host: str, zone: str) -> str:
    found = world.nova.lay.zones.get(host, '')
    return '' if found == zone else f'it is in {found or "none"}'


@_expected('{host} has no case')
def _no_case(world: World, host: str) -> str:
    case = world.case(host)
    return f'it is {case.stage.value}' if case else ''


@_expected('the recovery of {host} is {stage}')
def _recovery_is(world: World, host: str, stage: str) -> str:
    found = [recovery.stage.value for recovery in world.every(Recovery, records.RECOVERY)
             if recovery.host == host]
    return '' if found[-1:] == [stage] else f'it is {found[-1] if found else "not there"}'


@_expected('{host} was never dying')
def _never_dying(world: World, host: str) -> str:
    return _never(world, f'{host}: stage: dying')


@_expected('{host} was never confirmed')
def _never_confirmed(world: World, host: str) -> str:
    return _never(world, f'{host}: confirmed dead')


def _never(world: World, text: str) -> str:
    told = [str(line) for line in world.timeline if line.text.startswith(text)]
    return told[0] if told else ''


@_expected('{host} beats')
def _beats(world: World, host: str) -> str:
    return '' if records.ALIVE + host in world.etcd.entries else 'it does not'


@_expected('{host} is not fenced')
def _not_fenced(world: World, host: str) -> str:
    starts = tuple(f'{address}:' for address in world.machines[host].used)
    found = [entry for cluster in world.clusters.values()
             for entry, until in sorted(cluster.blocklist.items())
             if entry.startswith(starts) and until > world.kernel.now]
    return f'{found[0]} is on the blocklist' if found else ''


@_expected('{host} is fenced')
def _fenced(world: World, host: str) -> str:
    spared = [name for name, cluster in world.clusters.items()
              if not all(cluster.lists(address) for address in world.machines[host].used)]
    return f'it is not on cluster {spared[0]}' if spared else ''


@_expected('it was told that {text}')
def _was_told(world: World, text: str) -> str:
    return '' if any(text in line.text for line in world.timeline if line.who != 'world') else \
        'nobody told it'


@_expected('it was not told that {text}')
def _was_not_told(world: World, text: str) -> str:
    return '' if _was_told(world, text) else f'{text} was told'


@_expected('{controller} shows in Horizon: {text}')
def _shows(world: World, controller: str, text: str) -> str:
    shown = [one.text for one in world.folders.by_role[controller].messages.values()]
    return '' if any(text in one for one in shown) else f'it shows {shown or "nothing"}'


@_expected('{controller} shows nothing in Horizon')
def _shows_nothing(world: World, controller: str) -> str:
    shown = world.folders.by_role[controller].messages.values()
    return '; '.join(one.text for one in shown)


@_expected('Nova was asked {number} times for {instance}')
def _asked(world: World, number: str, instance: str) -> str:
    uuid = _row(world, instance).uuid
    found = sum(record.kind == 'evacuation' and record.instance == uuid
                for record in world.nova.records)
    return '' if found == int(number) else f'it was {found} times'


@_expected('Placement counts {instance} on {hosts}')
def _counted(world: World, instance: str, hosts: str) -> str:
    row, held = _row(world, instance), world.nova.placement.held
    consumers = [row.uuid, *(record.id for record in world.nova.records
                             if record.instance == row.uuid)]
    found = sorted(host for consumer in consumers for host in held.get(consumer, {}))
    return '' if found == hosts.split(' and ') else f'it does on {" and ".join(found) or "none"}'


@_expected('Nova shows {instance} as {state}')
def _shown_as(world: World, instance: str, state: str) -> str:
    row = _row(world, instance)
    found = f'{row.vm_state}, {row.task_state}' if row.task_state else row.vm_state
    return '' if found == state else f'it shows {found}'


@_expected('etcd took at most {number} KiB')
def _took_at_most(world: World, number: str) -> str:
    """Of its database, with all that a compaction would give back."""
    taken = world.etcd.bytes / 1024
    return f'it took {taken:.0f} KiB' if taken > int(number) else ''


@_expected('Nova was asked {number} times to start {instance}')
def _asked_to_start(world: World, number: str, instance: str) -> str:
    found = sum(action.user == 'kaopu-ha' for action in _row(world, instance).actions)
    return '' if found == int(number) else f'it was {found} times'


def _foreseen(world: World, name: str) -> Prospect:
    row = _row(world, name)
    for one in foreseen(world, row.host):
        if one.instance == row.uuid:
            return one
    raise UnknownWords(f'{name} is not on')


def _row(world: World, name: str) -> SimServer:
    row = world.row(name)
    if row is None:
        raise UnknownWords(f'there is no instance {name}')
    return row


def _first_host(world: World, name: str) -> str:
    return next(vm.host for vm in world.setup.instances if vm.name == name)


def _places(world: World, row: SimServer) -> str:
    return ' and '.join(world.writing_on(row)) or 'no host'
