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

"""What changed, in sentences: the difference of two values of a key, told.

``told`` is pure: it knows two values and their key, no clock and no other key.  A line carries the
time of the record if the record has one; else the one who watches knows when it came.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
import dataclasses
from dataclasses import dataclass
import functools
from typing import TypeVar

from kaopu_ha import records
from kaopu_ha.core import brake, model, roads, wishes
from kaopu_ha.core.model import Phase, RecoveryStage, Sign, Stage
from kaopu_ha.core.requests import RequestState

T = TypeVar('T')

_HELD_TOLD_SECONDS = 180.0


@dataclass(frozen=True)
class Line:
    """A fact: its level is 'detail', 'info', 'good', 'warning' or 'error'."""

    kind: str
    host: str
    text: str
    level: str = 'info'
    at: str = ''
    instance: str = ''


def told(before: str | None, after: str | None, key: str) -> list[Line]:
    """The facts that lie between two values of a key (None: there is no such key), in order."""
    for prefix, kind, teller in _TELLERS:
        if key == prefix or (prefix.endswith('/') and key.startswith(prefix)):
            name = key[len(prefix):]
            try:
                return list(teller(name, _read(kind, before, key), _read(kind, after, key)))
            except records.RecordError as failure:
                return [Line('record', name.partition('/')[0], str(failure), 'error')]
    return []


def calmed(line: Line, cases: Mapping[str, model.Case]) -> Line:
    """The line, unless it is no trouble where it comes: the proof ends with an admission."""
    if line.kind != 'fence' or line.level != 'warning':
        return line
    case = cases.get(line.host)
    if case is not None and case.stage is not Stage.ADMITTING:
        return line
    return dataclasses.replace(line, level='detail', text='the fence is read back no more: the '
                                                          'host is taken back')


def _read(kind: type[T], text: str | None, key: str) -> T | None:
    return None if text is None else records.decode(kind, text, key)


# ---------------------------------------------------------------- who leads, who beats


def _leader(name: str, before: records.Leader | None,
            after: records.Leader | None) -> Iterator[Line]:
    del name
    if after is None and before is not None:
        yield Line('leader', '', f'{before.name} leads no more; nobody leads', 'warning')
    if after is not None and (before is None or before != after):
        yield Line('leader', '', f'{after.name} leads', at=after.since)


def _beat(host: str, before: records.Beat | None, after: records.Beat | None) -> Iterator[Line]:
    if after is None and before is not None:
        yield Line('beat', host, 'its beat is gone', 'warning')
    if after is not None and before is None:
        yield Line('beat', host, f'its beat is there (boot {after.boot_id[:8]})', 'good')
    if after is not None and before is not None and after.boot_id != before.boot_id:
        yield Line('beat', host, f'it beats with a new boot id ({after.boot_id[:8]}): '
                   'it was rebooted', 'warning')


def _key(key: str, host: str, before: records.Lock | None,
         after: records.Lock | None) -> Iterator[Line]:
    was, now = bool(before and before.permanent), bool(after and after.permanent)
    if now and not was:
        assert after is not None
        yield Line('key', host, f'its {key} is permanent', 'error', after.at)
    elif was and after is None:
        yield Line('key', host, f'its permanent {key} is gone')
    elif before is None and after is not None:
        yield Line('key', host, f'the key {key} is set', 'detail', after.at)
    elif before is not None and after is None:
        yield Line('key', host, f'the key {key} is gone', 'detail')


def _inventory(host: str, before: model.Inventory | None,
               after: model.Inventory | None) -> Iterator[Line]:
    if after is None:
        yield Line('inventory', host, 'it is forgotten: its inventory was deleted', 'warning')
        return
    if before is None:
        yield Line('inventory', host, f'it is known; it has {len(after.instances)} instances')
    for cluster, sign in sorted(after.storage.items()):
        was = before.storage.get(cluster) if before else Sign.LIFE
        if sign is not was and not (was is None and sign is Sign.LIFE):
            good = sign is Sign.LIFE
            text = 'it reaches its storage again' if good else (
                f'it does not reach its storage ({sign.value})')
            yield Line('storage', host, f'{text}: cluster {cluster[:8]}',
                       'good' if good else 'warning')


# ---------------------------------------------------------------- case


_STAGE_LEVELS = {Stage.SUSPECTED.value: 'warning', Stage.DYING.value: 'warning',
                 Stage.LOCKED.value: 'warning', Stage.LAST_LOOK.value: 'warning',
                 Stage.CONFIRMED.value: 'error', Stage.CLOSED.value: 'good'}


def _case(host: str, before: model.Case | None, after: model.Case | None) -> Iterator[Line]:
    # A case goes when it is closed: its last step is told from the record in the archive.
    if after is None:
        return
    yield from _rounds(host, before.rounds if before else (), after.rounds)
    yield from _steps(host, before.history if before else (), after.history)
    was = before.admit if before else None
    if after.admit is not None:
        waits = after.admit.waiting_for
        if waits and (was is None or was.waiting_for != waits):
            # Every admission waits for one thing after the other; one that lasts is reminded of.
            yield Line('admit', host, f'admit waits: {waits}')


def _rounds(host: str, before: tuple[model.Round, ...],
            after: tuple[model.Round, ...]) -> Iterator[Line]:
    seen = {item.at for item in before}
    for place, item in enumerate(after):
        if item.at in seen:
            continue
        repeats = place > 0 and after[place - 1].face == item.face
        yield Line('round', host, _round(item), 'detail' if repeats else 'info', item.at)


def _round(item: model.Round) -> str:
    said = ', '.join(f'{one.network.value} {one.sign.value} ({one.rule})' for one in item.evidence)
    return f'asked: {said}: {item.verdict.value.upper()}'


def _steps(host: str, before: tuple[model.Step, ...],
           after: tuple[model.Step, ...]) -> Iterator[Line]:
    for step in after[len(before):]:
        yield _step(host, step)


def _step(host: str, step: model.Step) -> Line:
    stages = {stage.value for stage in Stage}
    if step.stage in stages:
        return Line('case', host, f'the case is {step.stage.upper()}: {step.reason}',
                    _STAGE_LEVELS.get(step.stage, 'info'), step.at)
    if step.stage in roads.WORDS:
        return Line('case', host, f'it is {step.stage}: {step.reason}', 'warning', step.at)
    return Line('admit', host, f'admit: {step.stage} ({step.reason})', 'info', step.at)


def _closed(name: str, before: model.Case | None, after: model.Case | None) -> Iterator[Line]:
    if before is None and after is not None and after.history:
        yield _step(name.partition('/')[0], after.history[-1])


# ---------------------------------------------------------------- recovery, fence, evacuation


_RECOVERY_LEVELS = {RecoveryStage.FINISHED.value: 'good'}


def _recovery(name: str, before: model.Recovery | None,
              after: model.Recovery | None) -> Iterator[Line]:
    del name
    if after is None:
        return
    for step in after.history[len(before.history) if before else 0:]:
        yield Line('recovery', after.host, f'the recovery is {step.stage.upper()}: {step.reason}',
                   _RECOVERY_LEVELS.get(step.stage, 'info'), step.at)
    for reason in after.refused[len(before.refused) if before else 0:]:
        yield Line('fence', after.host, f'not fenced: {reason}', 'error')
    if after.waiting_for and (before is None or before.waiting_for != after.waiting_for):
        yield Line('recovery', after.host, f'the recovery waits: {after.waiting_for}', 'warning')


def _proof(name: str, before: records.ProofMark | None,
           after: records.ProofMark | None) -> Iterator[Line]:
    # A recovery's id is its host and a revision.
    host = name.rpartition('-')[0] or name
    if before is None and after is not None:
        clusters = ', '.join(cluster[:8] for cluster in after.clusters) or 'no cluster'
        yield Line('fence', host, f'the fence is proven: read back on {clusters}', 'good', after.at)
    if before is not None and after is None:
        yield Line('fence', host, 'the proof of the fence is gone: nothing is evacuated without it',
                   'warning')


_PHASE_LEVELS = {Phase.DONE.value: 'good', Phase.FAILED.value: 'error',
                 Phase.NOT_RECOVERABLE.value: 'error', Phase.REFUSED.value: 'warning'}


def _evacuation(name: str, before: model.Evacuation | None,
                after: model.Evacuation | None) -> Iterator[Line]:
    del name
    if after is None:
        return
    steps = after.history[len(before.history) if before else 0:]
    for step in steps:
        yield _moved(after, step.stage, step.reason, step.at, last=step is steps[-1])
    if before is None:
        return
    if before.phase is not after.phase and not steps:
        yield _moved(after, after.phase.value, after.reason, '', last=True)
    elif before.reason != after.reason and after.reason and not steps:
        yield Line('evacuation', after.source, f'{after.name}: {after.phase.value}: {after.reason}',
                   'detail', instance=after.instance)


def _moved(item: model.Evacuation, phase: str, reason: str, at: str, *, last: bool) -> Line:
    # Only the last of several steps is sure to speak of the target that the record names.
    word = {Phase.DONE.value: 'on', Phase.CALLING.value: 'to', Phase.MOVING.value: 'to'}.get(phase)
    named = last and word and item.target and item.target not in reason
    target = f' {word} {item.target}' if named else ''
    text = f'{item.name}: {phase}{target}' + (f': {reason}' if reason else '')
    return Line('evacuation', item.source, text, _PHASE_LEVELS.get(phase, 'info'), at,
                item.instance)


def _claim(instance: str, before: records.Claim | None,
           after: records.Claim | None) -> Iterator[Line]:
    claim = after or before
    assert claim is not None
    if before is None or after is None:
        verb = 'has' if after else 'leaves'
        yield Line('claim', claim.recovery.rpartition('-')[0], f'{claim.worker} {verb} {instance}',
                   'detail', instance=instance)


# ---------------------------------------------------------------- what people set and ask


def _setting(host: str, before: records.HostSetting | None,
             after: records.HostSetting | None) -> Iterator[Line]:
    was, now = bool(before and before.hold), bool(after and after.hold)
    if after is not None and now and before != after:
        why = f': {after.why}' if after.why else ''
        yield Line('hold', host, f'on hold by {after.who}{why}', 'warning', after.at)
    if was and not now:
        yield Line('hold', host, 'not on hold any more', 'good')


def _brake(name: str, before: records.BrakeSetting | None,
           after: records.BrakeSetting | None) -> Iterator[Line]:
    del name
    if after is not None and after != before:
        why = f': {after.why}' if after.why else ''
        yield Line('brake', '', f'the brake is released for {", ".join(after.released_for)} by '
                   f'{after.who}{why}', 'warning', after.at)
    if after is None and before is not None:
        yield Line('brake', '', 'the release of the brake is gone')


def _storm(name: str, before: brake.Storm | None, after: brake.Storm | None) -> Iterator[Line]:
    del name
    was, now = before or brake.Storm(), after or brake.Storm()
    if was.on and not now.on:
        yield Line('brake', '', 'the brake is off: fewer hosts are silent for a while', 'good')
    elif now.on and (not was.on or not set(was.braked) >= set(now.braked)):
        who = ', '.join(now.braked) or 'nobody yet'
        yield Line('brake', '', f'the brake is ON, too many hosts are silent: it holds {who}',
                   'error', '' if was.on else now.at)
    elif now.braked and now.seconds // _HELD_TOLD_SECONDS > was.seconds // _HELD_TOLD_SECONDS:
        yield Line('brake', '', f'the brake still holds {", ".join(now.braked)}, for '
                   f'{now.seconds - now.since:.0f} s by now', 'error')


def _request(name: str, before: records.Request | None,
             after: records.Request | None) -> Iterator[Line]:
    del name
    asked = RequestState.ASKED
    if after is None:
        return
    if before is None or (before.state != after.state and after.state is asked):
        yield Line('request', after.host, f'{after.who} asks: {after.verb.value}', at=after.at)
    if after.state is not asked and (before is None or before.state != after.state):
        answer = f': {after.answer}' if after.answer else ''
        yield Line('request', after.host, f'{after.verb.value}: {after.state.value}{answer}',
                   'good' if after.state is RequestState.DONE else 'warning')


def _wish(name: str, before: wishes.Wish | None, after: wishes.Wish | None) -> Iterator[Line]:
    del name
    if after is None:
        return
    about = f' {after.name}' if after.name else ''
    asked, state = wishes.WishState.ASKED, after.state
    if state is asked and (before is None or before.at != after.at):
        yield Line('wish', after.host, f'{after.who} asks: {after.verb.value}{about}: {after.why}',
                   at=after.at, instance=after.instance)
    if (state is not asked or after.answer) and (
            before is None or (before.state, before.answer) != (state, after.answer)):
        yield Line('wish', after.host, f'{after.verb.value}{about}: {state.value}: {after.answer}',
                   'good' if state is wishes.WishState.DONE else 'warning', instance=after.instance)


_Teller = Callable[..., Iterator[Line]]

_TELLERS: tuple[tuple[str, type, _Teller], ...] = (
    (records.LEADER, records.Leader, _leader),
    (records.ALIVE, records.Beat, _beat),
    (records.DEATH, records.Lock, functools.partial(_key, 'death')),
    (records.LOCK, records.Lock, functools.partial(_key, 'lock')),
    (records.INVENTORY, model.Inventory, _inventory),
    (records.CASE, model.Case, _case),
    (records.CLOSED, model.Case, _closed),
    (records.RECOVERY, model.Recovery, _recovery),
    (records.PROOF, records.ProofMark, _proof),
    (records.EVACUATION, model.Evacuation, _evacuation),
    (records.CLAIM, records.Claim, _claim),
    (records.HOST, records.HostSetting, _setting),
    (records.STORM, brake.Storm, _storm),
    (records.BRAKE, records.BrakeSetting, _brake),
    (records.REQUEST, records.Request, _request),
    (records.WISH, wishes.Wish, _wish),
)

# Where what is told stands.
RANGES = tuple(prefix for prefix, _, _ in _TELLERS)
