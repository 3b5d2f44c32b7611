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

from collections.abc import Iterator

from kaopu_ha.cli import layout
from kaopu_ha.cli.picture import Picture
from kaopu_ha.cli.storm import Storm
from kaopu_ha.core import model
from kaopu_ha.core.model import Phase, RecoveryStage, Sign, Stage

_LOST = (Phase.FAILED, Phase.NOT_RECOVERABLE)


def points(found: Picture, storm: Storm) -> list[tuple[str, str]]:
    """Levels and sentences; empty if all is well."""
    told = [*_office(found), *_brake(storm), *_recoveries(found), *_hosts(found), *_holds(found)]
    order = {'error': 0, 'warning': 1}
    return sorted(told, key=lambda point: order.get(point[0], 2))


def _office(found: Picture) -> Iterator[tuple[str, str]]:
    if found.leader is None:
        yield 'error', 'Nobody leads: no host is judged or recovered. Does a controller run?'
    for failure in found.unreadable.values():
        yield 'error', f'A record can\'t be read: {failure}'
    if not found.inventories:
        yield 'warning', 'No host is known: does an agent run anywhere?'


def _brake(storm: Storm) -> Iterator[tuple[str, str]]:
    if storm.on and storm.braked:
        yield 'error', (f'Too many hosts are silent at once: {", ".join(storm.braked)}. '
                        'If they are really dead: kaopu-ha brake release')


def _recoveries(found: Picture) -> Iterator[tuple[str, str]]:
    for recovery in found.recoveries.values():
        case = found.cases.get(recovery.host)
        present = case is not None and case.recovery == recovery.id
        if recovery.stage is not RecoveryStage.FINISHED:
            if recovery.waiting_for:
                yield 'error', (f'The recovery of {recovery.host} waits ({recovery.stage.value}): '
                                f'{recovery.waiting_for}')
            for reason in recovery.refused:
                yield 'error', f'{recovery.host} is not fenced whole: {reason}'
            if recovery.stage is not RecoveryStage.FENCING and recovery.id not in found.proofs:
                yield 'error', (f'The fence of {recovery.host} was not read back lately: nothing '
                                'is evacuated until it is')
        if present or recovery.stage is not RecoveryStage.FINISHED:
            yield from _lost(found, recovery)


def _lost(found: Picture, recovery: model.Recovery) -> Iterator[tuple[str, str]]:
    for item in found.evacuations(recovery.id):
        if item.phase in _LOST:
            yield 'error', (f'{item.name} ({item.instance}) of {recovery.host} was not moved: '
                            f'{item.phase.value}: {item.reason or "no reason given"}')


def _hosts(found: Picture) -> Iterator[tuple[str, str]]:
    for host in found.hosts:
        case = found.cases.get(host)
        if host in found.inventories and not found.beats_now(host):
            yield 'warning', _silent(host, case)
        yield from _admission(found, host, case)
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
    return f'{host} does not beat; its case is {case.stage.value}{rule}. kaopu-ha explain {host}'


def _admission(found: Picture, host: str, case: model.Case | None) -> Iterator[tuple[str, str]]:
    if case is None:
        return
    if case.stage is Stage.CONFIRMED and found.beats_now(host):
        yield 'warning', f'{host} beats, but is confirmed dead: kaopu-ha host admit {host}'
    if case.stage is Stage.ADMITTING and case.admit is not None and case.admit.waiting_for:
        yield 'warning', f'The admission of {host} waits: {case.admit.waiting_for}'


def _holds(found: Picture) -> Iterator[tuple[str, str]]:
    for host in sorted(found.held):
        setting = found.settings.get(host)
        by = f' by {setting.who} since {layout.date_and_clock(setting.at)}' if setting else ''
        why = f': {setting.why}' if setting and setting.why else ''
        yield 'warning', f'{host} is on hold{by}{why}. To end it: kaopu-ha host release {host}'
