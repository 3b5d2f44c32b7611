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

"""What a person should look at first, most urgent first."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from kaopu_ha.cli import layout
from kaopu_ha.core import detection, left, model, protection, texts
from kaopu_ha.core.model import Sign, Stage, Verdict
from kaopu_ha.core.waiting import Kind, Waiting
from kaopu_ha.telling.picture import Picture
from kaopu_ha.telling.stormy import StormShown

# A step that goes well takes less: what is under way is no trouble yet.
_A_WHILE_SECONDS = 60.0
# Each of them is in ``kaopu-ha recovery show``.
_NAMES_MAX = 5
# Where a reason is told of more hosts than these, the names of the others are enough.
_OF_ONE_REASON_MAX = 5


def points(found: Picture, storm: StormShown) -> list[tuple[str, str]]:
    """Levels and sentences; empty if all is well."""
    told = [*_leadership(found), *_brake(storm), *_recoveries(found), *_waiting(found),
            *_not_moved(found), *_hosts(found), *_unprotected(found), *_holds(found)]
    order = {'error': 0, 'warning': 1}
    return sorted(told, key=lambda point: order.get(point[0], 2))


def _leadership(found: Picture) -> Iterator[tuple[str, str]]:
    if found.leader is None:
        yield 'error', 'Nobody leads: no host is judged or recovered. Does a controller run?'
    for failure in found.unreadable.values():
        yield 'error', f'A record can\'t be read: {failure}'
    if not found.known:
        yield 'warning', 'No host is known: does an agent run anywhere?'


def _brake(storm: StormShown) -> Iterator[tuple[str, str]]:
    if storm.on and storm.braked:
        yield 'error', (f'Too many hosts are silent at once: {", ".join(storm.braked)}. '
                        'If they are really dead: kaopu-ha brake release')


def _recoveries(found: Picture) -> Iterator[tuple[str, str]]:
    for recovery in found.recoveries.values():
        case = found.cases.get(recovery.host)
        wrong = left.wrong_marks(found.evacuations(recovery.id)) if (
            case is not None and case.recovery == recovery.id) else []
        if wrong:
            yield 'warning', (f'Marks of instances of {recovery.host} are not understood, and left '
                              f'nothing behind: {texts.few(wrong)}')
        if not recovery.stage.finished:
            for reason in recovery.refused:
                yield 'error', f'{recovery.host} is not fenced whole: {reason}'
            if not recovery.stage.fencing and recovery.id not in found.proofs:
                yield 'error', (f'The fence of {recovery.host} was not read back lately: nothing '
                                'is evacuated until it is')


def _waiting(found: Picture) -> Iterator[tuple[str, str]]:
    """What the leader reminds people of, if it has stood for a while.

    Of hosts that are judged ``_hosts`` says it; what is given up is shown at once.
    """
    for item in found.waiting():
        span = layout.between(item.since, layout.now())
        if item.kind not in (Kind.LOST, Kind.OFF) and span is not None and span < _A_WHILE_SECONDS:
            continue
        if item.kind is Kind.RECOVERY:
            latest = found.recoveries_of(item.host)[-1:]
            door = ('' if not latest or not latest[0].stage.early else
                    f'. If its fence can\'t hold: kaopu-ha recovery go-on or end {item.host}')
            yield 'error', f'The recovery of {item.host} waits: {item.reason}{door}'
        elif item.kind is Kind.ADMISSION:
            yield 'warning', f'The admission of {item.host} waits: {item.reason}'
        elif item.kind in (Kind.RESTART, Kind.OFF):
            yield 'error', (f'{item.name} ({item.instance}) was on, and is to be started again on '
                            f'{item.host}: {item.reason}. To try again: kaopu-ha recovery retry '
                            f'{item.name}; if it need not run: kaopu-ha host wave-off {item.host} '
                            f'{item.name}')
        elif item.kind is Kind.MISBELIEVED:
            yield 'warning', (f'{item.name} ({item.instance}), since {item.host} was taken back: '
                              f'{item.reason}')
        elif item.kind is Kind.LOST:
            yield 'error', (f'{item.name} ({item.instance}) of {item.host} was not moved: '
                            f'{item.reason}. To try again, or to be done with it: kaopu-ha '
                            f'recovery retry, give-up {item.name}')


def _not_moved(found: Picture) -> Iterator[tuple[str, str]]:
    """What waits for room, say: hundreds may do so for the same reason."""
    for group in _alike(found.waiting()):
        first = group[0]
        who, verb = f'{first.name} ({first.instance})', 'is'
        if len(group) > 1:
            who, verb = texts.few((item.name for item in group), _NAMES_MAX), 'are'
        yield 'warning', f'{who} of {first.host} {verb} not moved yet: {first.reason}'


def _alike(waiting: Iterable[Waiting]) -> Iterator[list[Waiting]]:
    """The instances that have waited for a while, each with those that wait for the same."""
    groups: dict[tuple[str, str], list[Waiting]] = {}
    for item in waiting:
        span = layout.between(item.since, layout.now())
        if item.kind is Kind.INSTANCE and (span is None or span >= _A_WHILE_SECONDS):
            groups.setdefault((item.host, item.reason), []).append(item)
    yield from groups.values()


def _hosts(found: Picture) -> Iterator[tuple[str, str]]:
    for host in found.hosts:
        case = found.cases.get(host)
        if host in found.known and not found.beats_now(host):
            yield 'warning', _silent(host, case)
        yield from _beats_again(found, host, case)
        inventory = found.inventories.get(host)
        if inventory is not None and found.beats_now(host):
            for cluster, sign in sorted(inventory.storage.items()):
                if sign is not Sign.LIFE:
                    yield 'warning', (f'{host} does not reach its storage: cluster '
                                      f'{layout.short(cluster)} says {sign.value}')


def _silent(host: str, case: model.Case | None) -> str:
    if case is None:
        return f'{host} does not beat; no case is open on it yet.'
    if case.stage is Stage.CONFIRMED:
        return f'{host} is confirmed dead. When it is repaired: kaopu-ha host admit {host}'
    rule = f': {case.rounds[-1].rule}' if case.rounds else ''
    door = ('' if case.stage not in detection.JUDGING or not case.rounds
            or case.verdict is not Verdict.UNDECIDED else
            f'. If you have seen that it is off: kaopu-ha recovery go-on {host} --switched-off')
    return (f'{host} does not beat; its case is {case.stage.value}{rule}{door}. '
            f'kaopu-ha explain {host}')


def _beats_again(found: Picture, host: str, case: model.Case | None) -> Iterator[tuple[str, str]]:
    if case is None:
        return
    if case.stage is Stage.CONFIRMED and found.beats_now(host):
        yield 'warning', f'{host} beats, but is confirmed dead: kaopu-ha host admit {host}'


def _unprotected(found: Picture) -> Iterator[tuple[str, str]]:
    """What could not be judged or fenced rightly; a host that is locked has other troubles."""
    told = found.unprotected
    if told is None:
        return
    by_reason: dict[protection.Reason, list[protection.Unprotected]] = {}
    for item in protection.still_to_be_judged(told.items, found.cases):
        if item.host not in found.locks:
            by_reason.setdefault(item.reason, []).append(item)
    for reason, items in by_reason.items():
        for item in items[:_OF_ONE_REASON_MAX]:
            yield 'warning', f'{item.host} is not protected ({reason.value}): {item.text}'
        others = items[_OF_ONE_REASON_MAX:]
        if others:
            yield 'warning', (f'Nor are, for the same ({reason.value}): '
                              f'{texts.few([item.host for item in others])}. All of them, with '
                              'their instances: kaopu-ha protection, or status --json')
    if told.count > len(told.items):
        yield 'warning', f'{told.count - len(told.items)} more are not protected.'


def _holds(found: Picture) -> Iterator[tuple[str, str]]:
    for host in sorted(found.held):
        setting = found.settings.get(host)
        by = f' by {setting.who} since {layout.date_and_clock(setting.at)}' if setting else ''
        why = f': {setting.why}' if setting and setting.why else ''
        yield 'warning', f'{host} is on hold{by}{why}. To end it: kaopu-ha host release {host}'
