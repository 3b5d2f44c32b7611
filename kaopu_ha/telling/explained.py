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

"""What happened to a host and why, from the records: steps with sentences, for people and programs.

The command writes them line by line, the API gives them as they are.
"""

from __future__ import annotations

from collections.abc import Iterator

from kaopu_ha import records
from kaopu_ha.core import detection, model, roads
from kaopu_ha.core.model import Case, Stage, Verdict
from kaopu_ha.core.restart import Restart
from kaopu_ha.telling import wording
from kaopu_ha.telling.picture import Picture
from kaopu_ha.telling.recovered import asked_told, recovery_told, steps_told
from kaopu_ha.telling.steps import Below, Explained, RestartTold, Told

_ASKED, _FOLLOWED, _DONE = 0, 1, 2


def explained(found: Picture, case: Case) -> Explained:
    """The story of a case, its steps in the order of their times."""
    done = found.recoveries.get(case.recovery)
    told = [*_rounds(case), *_history(case)]
    if done is not None:
        told += [(_DONE, step) for step in steps_told(done)]
    started = None if case.recovery else found.restarts.get(case.host)
    return Explained(
        case.host, case.stage.value, _heading(case),
        tuple(step for _, step in sorted(told, key=lambda each: (_when(each[1].at), each[0]))),
        tuple(_now(found, case)),
        recovery=recovery_told(found, done) if done else None,
        missing='' if done or not case.recovery else
        f'The record of its recovery ({case.recovery}) is not there any more, or can\'t be read.',
        asked=() if case.recovery else _said(found, case),
        restart=restarted(found, started) if started is not None else None)


def _when(at: str) -> float:
    read = wording.moment(at)
    return read.timestamp() if read else 0.0


def _heading(case: Case) -> str:
    began = (wording.date_and_clock(case.history[0].at) + ' UTC' if case.history
             else 'an unknown time')
    state = {Stage.CLOSED: 'it is closed', Stage.CONFIRMED: 'the host is confirmed dead',
             Stage.ADMITTING: 'the host is being taken back'}.get(
                 case.stage, f'its stage is {case.stage.value}')
    return f'The case on {case.host} was opened at {began}; {state}.'


def told_by(case: Case, at: str) -> str:
    """From where it is known what the host had on, and how old that was at a time."""
    inventory = 'when its inventory was kept up last is not known'
    if case.behind:
        inventory = (f'its inventory was old already when its beat was seen last, at '
                     f'{_ago(case.beat_at, at)}: {case.behind}')
    elif case.beat_at:
        inventory = f'its inventory was kept up until its beat was seen last, at ' \
                    f'{_ago(case.beat_at, at)}'
    if not case.guests_at or wording.is_later(case.guests_at, at):
        return inventory
    return (f'its libvirt told at {_ago(case.guests_at, at)} which domains run, and no other '
            f'counts; {inventory}')


def _ago(then: str, at: str) -> str:
    span = wording.between(then, at)
    return wording.clock(then) + (f' ({wording.seconds(span)} before)' if span is not None else '')


# ---------------------------------------------------------------- the case


_Ordered = tuple[int, Told]


def _rounds(case: Case) -> Iterator[_Ordered]:
    before: model.Round | None = None
    for item in case.rounds:
        if before is not None and before.face == item.face:
            times = 'once' if item.count == 1 else f'{item.count} times'
            yield _ASKED, Told(
                item.at, 'repeated', f'Asked again {times} until now, always with the same '
                f'answers. What it had on: {told_by(case, item.at)}.', item.by,
                verdict=item.verdict.value, reason=item.rule)
        else:
            yield _ASKED, Told(
                item.at, 'round', f'{item.by} asked both networks about it:', item.by,
                verdict=item.verdict.value, reason=item.rule, below=tuple(_round(case, item)))
        before = item


def _round(case: Case, item: model.Round) -> Iterator[Below]:
    yield Below(1, f'what it had on: {told_by(case, item.at)}')
    for evidence in item.evidence:
        yield Below(1, f'{evidence.network.value} says {evidence.sign.value.upper()}: '
                       f'{evidence.rule}')
        for line in evidence.answers:
            yield Below(2, f'{line.asked}: {line.came}')
        # One that was tried has its answer above, with the reason.
        named = {line.asked for line in evidence.answers}
        for place in (f'{image.pool}/{image.name}' for image in evidence.unasked):
            if place not in named:
                yield Below(2, f'{place} could not be asked')
        if evidence.unasked_more:
            yield Below(2, f'{evidence.unasked_more} more could not be asked')
        for address in evidence.elsewhere:
            yield Below(2, f'news: a client elsewhere has an image open: {address}')
    within = f' (the answers came within {item.asked_seconds:.1f} s)' if item.asked_seconds else ''
    yield Below(0, f'So the verdict of this round is {item.verdict.value.upper()}: '
                   f'{item.rule}{within}.')


def _history(case: Case) -> Iterator[_Ordered]:
    stages = {stage.value for stage in Stage}
    for place, step in enumerate(case.history):
        order = _FOLLOWED
        if place == 0:
            order, kind, text = _ASKED - 1, 'opened', f'{step.by} opened a case: {step.reason}.'
        elif step.stage in roads.WORDS:
            kind, text = 'word', f'It is {step.stage}: {step.reason}.'
        elif step.stage not in stages:
            kind, text = 'admission', f'Admission: {step.stage} ({step.reason}).'
        else:
            kind, text = 'stage', (f'{step.by}: {_STAGES[Stage(step.stage)]} ({step.reason})'
                                   f'{_read(step)}.')
        yield order, Told(step.at, kind, text, step.by, step.stage, reason=step.reason,
                          row=step.row)


def _read(step: model.Step) -> str:
    """How old the round was on which a step was decided."""
    span = wording.between(step.read_at, step.at)
    return '' if span is None else f'; it read the round asked {span:.1f} s before'


_STAGES = {
    Stage.SUSPECTED: 'it shows life, so it is only suspected again',
    Stage.DYING: 'it is taken for dying; the key death is set',
    Stage.LOCKED: 'the time of death has run out; the key lock is set',
    Stage.LAST_LOOK: 'the time of lock has run out; one last look is taken',
    Stage.CONFIRMED: 'it is CONFIRMED dead; its lock is permanent, until a person admits it',
    Stage.ADMITTING: 'it is being taken back',
    Stage.CLOSED: 'the case is closed',
}


# ---------------------------------------------------------------- what else there is


def _said(found: Picture, case: Case) -> tuple[Told, ...]:
    """What people asked of the host while it is judged, if they did."""
    entry = found.entry(records.CASE + case.host)
    judged = entry is not None and case.stage in detection.JUDGING
    return asked_told(found.asked('', opened=entry.created)) if entry and judged else ()


def restarted(found: Picture, record: Restart) -> RestartTold:
    """What is started where it was, after a boot or because it crashed."""
    when = 'In' if all(start.crashed for start in record.starts) else 'After'
    left = (f'What need not run again: kaopu-ha host wave-off {record.host} --why ...',)
    return RestartTold(
        record.boot_id, f'{when} its boot {wording.short(record.boot_id)} these were to run again '
        f'where they were:', tuple(_starts(record)), left if record.unsettled else (),
        asked_told(found.asked('', record.boot_id)))


def _starts(record: Restart) -> Iterator[Told]:
    for start in record.starts:
        calls = f', {wording.number(start.calls, "call")}' if start.calls else ''
        yield Told(start.at, 'start', f'{start.name} ({start.instance}): '
                   f'{start.phase.value}{calls}: {start.reason}', stage=start.phase.value,
                   reason=start.reason)


def _now(found: Picture, case: Case) -> Iterator[str]:
    host = case.host
    if case.host in found.held:
        yield f'{host} is on hold: it is not condemned.'
    if host in found.storm.braked:
        others = [one for one in found.storm.silent if one != host]
        lately = [one.host for one in found.storm.condemned]
        yield (f'The brake holds {host}: it is not condemned, for too many hosts are silent'
               + (f' (with it: {", ".join(others)})' if others else '')
               + (f' or were condemned lately ({", ".join(lately)})' if lately else '')
               + '. If they are really dead: kaopu-ha brake release')
    if case.stage is Stage.CLOSED:
        yield f'Now {host} {"beats" if found.beats_now(host) else "does not beat"}.'
    elif case.stage is Stage.CONFIRMED:
        yield (f'Whatever {host} does now is ignored. When it is repaired: '
               f'kaopu-ha host admit {host}')
    elif case.stage is Stage.ADMITTING and case.admit is not None:
        waits = case.admit.waiting_for or 'its next step'
        yield f'Its admission was asked by {case.admit.asked_by} and waits for: {waits}.'
    else:
        yield 'Any sign of life ends this; its beat closes the case.'
        yield from _door(case)


def _door(case: Case) -> Iterator[str]:
    """What a person may say of a host that nobody can judge."""
    if case.word is not None:
        yield f'Until then {case.word.text}: what can\'t be asked is taken for silent.'
    elif case.rounds and case.verdict is Verdict.UNDECIDED:
        yield (f'If you have seen that it is off: kaopu-ha recovery go-on {case.host} '
               f'--switched-off --why ...')
