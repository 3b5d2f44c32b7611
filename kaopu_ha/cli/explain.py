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

"""``kaopu-ha explain``: what happened to a host and why, in plain sentences from the records."""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Iterator
from typing import Any

from kaopu_ha import records
from kaopu_ha.cli import case as cases
from kaopu_ha.cli import layout
from kaopu_ha.cli.command import Command, CommandError, plain
from kaopu_ha.cli.picture import Picture
from kaopu_ha.cli.recovery import show as recovery
from kaopu_ha.core import attempt, detection, model, policy, roads
from kaopu_ha.core.model import (
    Case,
    Evacuation,
    Phase,
    Power,
    Recovery,
    RecoveryStage,
    Stage,
    Verdict,
)
from kaopu_ha.core.restart import Restart
from kaopu_ha.core.wishes import Wish

# Order of sentences that carry one time: what was asked, then what followed.
_ASKED, _FOLLOWED, _DONE = 0, 1, 2
_Told = tuple[str, int, str]


class Explain(Command):
    """Tell what happened to a host and its instances, and why."""

    def arguments(self, parser: argparse.ArgumentParser) -> None:
        """The host, and which of its cases."""
        parser.add_argument('host', metavar='HOST')
        parser.add_argument('--case', type=int, default=0, metavar='N', dest='back',
                            help='a closed case: 1 is the one closed last, 2 the one before')

    def answer(self, args: argparse.Namespace) -> int:
        """The open case, or the one closed last."""
        found = self.look(f'{records.CLOSED}{args.host}/')
        if not args.back and _has_starts_only(found, args.host):
            self._tell_starts(found, args.host)
            return 0
        case = _chosen(found, args.host, args.back)
        if self.as_json:
            self.say_json(_as_json(found, case))
        else:
            self.say(story(found, case))
            older = len(found.closed(args.host))
            if older and not args.back:
                self.say(['', f'{layout.number(older, "closed case")} kept: '
                          f'kaopu-ha explain {args.host} --case 1'])
        return 0


    def _tell_starts(self, found: Picture, host: str) -> None:
        """Of a host that never had a case: what was started in place there."""
        record = found.restarts[host]
        lines = [f'{host}: no case, and none is kept.', '', *_restart(record),
                 *_asked(found.asked('', record.boot_id))]
        if self.as_json:
            self.say_json({'host': host, 'case': None, 'recovery': None, 'evacuations': [],
                           'restart': plain(record), 'story': lines})
        else:
            self.say(lines)


def story(found: Picture, case: Case) -> list[str]:
    """The whole story of a case, line by line."""
    done = found.recoveries.get(case.recovery)
    told = [*_rounds(case), *_road(case), *(_recovered(done) if done else ())]
    lines = [_heading(case), '']
    lines += [f'{layout.clock(at)}  {text}' for at, _, text in sorted(
        told, key=lambda item: (_when(item[0]), item[1]))]
    if case.recovery and done is None:
        lines += ['', f'The record of its recovery ({case.recovery}) is not there any more, or '
                      'can\'t be read.']
    if done is not None:
        lines += ['', *_instances(found, done), *_asked(found.asked(done.id))]
    started = found.restarts.get(case.host)
    if not case.recovery:
        lines += _said(found, case)
    if started is not None and not case.recovery:
        lines += ['', *_restart(started), *_asked(found.asked('', started.boot_id))]
    return [*lines, '', *_now(found, case)]


# ---------------------------------------------------------------- private


def _has_starts_only(found: Picture, host: str) -> bool:
    """True if nothing ever made its host suspected, and something was started in place there."""
    closed = found.snapshot.under(f'{records.CLOSED}{host}/')
    return host in found.restarts and not closed and not found.snapshot.get(records.CASE + host)


def _chosen(found: Picture, host: str, back: int) -> Case:
    if not back:
        return cases.of(found, host)
    closed = found.closed(host)
    if not 1 <= back <= len(closed):
        raise CommandError(f'{layout.number(len(closed), "closed case")} of {host} can be read; '
                           f'there is none with the number {back}.')
    return closed[-back]


def _as_json(found: Picture, case: Case) -> dict[str, Any]:
    done = found.recoveries.get(case.recovery)
    return {'host': case.host, 'case': plain(case), 'recovery': plain(done),
            'evacuations': [plain(item) for item in found.evacuations(case.recovery)]
            if done else [], 'story': story(found, case)}


def _when(at: str) -> float:
    read = layout.moment(at)
    return read.timestamp() if read else 0.0


def _heading(case: Case) -> str:
    began = (layout.date_and_clock(case.history[0].at) + ' UTC' if case.history
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
    if not case.guests_at or layout.is_later(case.guests_at, at):
        return inventory
    return (f'its libvirt told at {_ago(case.guests_at, at)} which domains run, and no other '
            f'counts; {inventory}')


def _ago(then: str, at: str) -> str:
    span = layout.between(then, at)
    return layout.clock(then) + (f' ({layout.seconds(span)} before)' if span is not None else '')


def _rounds(case: Case) -> Iterator[_Told]:
    before: model.Round | None = None
    for item in case.rounds:
        if before is not None and before.face == item.face:
            times = 'once' if item.count == 1 else f'{item.count} times'
            yield item.at, _ASKED, (f'Asked again {times} until now, always with the same answers. '
                                    f'What it had on: {told_by(case, item.at)}.')
        else:
            yield item.at, _ASKED, '\n'.join(_round(case, item))
        before = item


def _round(case: Case, item: model.Round) -> Iterator[str]:
    yield f'{item.by} asked both networks about it:'
    yield f'            what it had on: {told_by(case, item.at)}'
    for evidence in item.evidence:
        network = evidence.network.value
        yield f'            {network} says {evidence.sign.value.upper()}: {evidence.rule}'
        for line in evidence.answers:
            yield f'              {line.asked}: {line.came}'
        # One that was tried has its answer above, with the reason.
        named = {line.asked for line in evidence.answers}
        for place in (f'{image.pool}/{image.name}' for image in evidence.unasked):
            if place not in named:
                yield f'              {place} could not be asked'
        if evidence.unasked_more:
            yield f'              {evidence.unasked_more} more could not be asked'
        for address in evidence.elsewhere:
            yield f'              news: a client elsewhere has an image open: {address}'
    within = f' (the answers came within {item.asked_seconds:.1f} s)' if item.asked_seconds else ''
    yield (f'          So the verdict of this round is {item.verdict.value.upper()}: '
           f'{item.rule}{within}.')


def _road(case: Case) -> Iterator[_Told]:
    stages = {stage.value for stage in Stage}
    for place, step in enumerate(case.history):
        if place == 0:
            yield step.at, _ASKED - 1, f'{step.by} opened a case: {step.reason}.'
        elif step.stage in roads.WORDS:
            yield step.at, _FOLLOWED, f'It is {step.stage}: {step.reason}.'
        elif step.stage not in stages:
            yield step.at, _FOLLOWED, f'Admission: {step.stage} ({step.reason}).'
        else:
            yield step.at, _FOLLOWED, (f'{step.by}: {_STAGES[Stage(step.stage)]} ({step.reason})'
                                       f'{_read(step)}.')


def _read(step: model.Step) -> str:
    """How old the round was on which a step was decided."""
    span = layout.between(step.read_at, step.at)
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


def _recovered(done: Recovery) -> Iterator[_Told]:
    for step in done.history:
        tell = _RECOVERED.get(step.stage)
        yield step.at, _DONE, (tell(done, step) if tell else
                               f'The recovery is {step.stage}: {step.reason}.')


def _began(done: Recovery, step: model.Step) -> str:
    orders = '; '.join(recovery.order_text(order) for order in done.orders) or 'nothing'
    return f'{step.by} began recovery {done.id}. To be cut off: {orders}.'


def _proven(done: Recovery, step: model.Step) -> str:
    how = 'is proven' if done.word is None else 'counts as proven'
    return f'The fence {how}: {step.reason}.'


def _planned(done: Recovery, step: model.Step) -> str:
    forced = ' (Nova\'s service was forced down by us)' if done.forced_by_us else ''
    return f'Its instances are planned{forced}: {step.reason}.'


_RECOVERED = {RecoveryStage.FENCING.value: _began, RecoveryStage.PROVEN.value: _proven,
              RecoveryStage.PLANNED.value: _planned}


def _instances(found: Picture, done: Recovery) -> Iterator[str]:
    items = found.evacuations(done.id)
    if not items:
        on = [item.name for item in done.instances if item.power is not Power.OFF]
        yield f'Its instances that were on: {", ".join(on) or "none"}. None is planned yet.'
    for item in items:
        yield f'{item.name} ({item.instance}) {_fate(item)}'
        yield from _marks(item)
        yield from _why(item)
        for step in item.history:
            because = f': {step.reason}' if step.reason else ''
            row = f'; row "{step.row}"' if step.row else ''
            yield f'    {layout.clock(step.at)}  {step.stage}{because} (by {step.by}{row})'
    for reason in done.refused:
        yield f'Not fenced: {reason}.'
    if done.waiting_for:
        yield f'The recovery waits: {done.waiting_for}.'


def _asked(asked: Iterable[Wish]) -> Iterator[str]:
    for wish in asked:
        about = f' {wish.name}' if wish.name else ''
        yield (f'    {layout.clock(wish.at)}  {wish.who} asked to {wish.verb.value}{about} '
               f'({wish.why}): {_came(wish)}')


def _said(found: Picture, case: Case) -> list[str]:
    """What people asked of the host while it is judged, if they did."""
    entry = found.entry(records.CASE + case.host)
    judged = entry is not None and case.stage in detection.JUDGING
    asked = found.asked('', opened=entry.created) if entry and judged else ()
    return ['', *_asked(asked)] if asked else []


def _came(wish: Wish) -> str:
    return f'{wish.state.value}: {wish.answer}' if wish.answer else 'not answered yet'


def _restart(record: Restart) -> Iterator[str]:
    when = 'In' if all(start.crashed for start in record.starts) else 'After'
    yield (f'{when} its boot {layout.short(record.boot_id)} these were to run again where they '
           f'were:')
    for start in record.starts:
        calls = f', {layout.number(start.calls, "call")}' if start.calls else ''
        yield (f'    {layout.clock(start.at)}  {start.name} ({start.instance}): '
               f'{start.phase.value}{calls}: {start.reason}')
    if record.unsettled:
        yield f'What need not run again: kaopu-ha host wave-off {record.host} --why ...'


def _fate(item: Evacuation) -> str:
    tries = f' in {layout.number(len(item.attempts), "attempt")}{_calls(item)}' \
        if item.attempts else ''
    span = layout.seconds(recovery.span(item))
    if item.phase is Phase.DONE:
        return f'was moved to {item.target}{tries}, {span} after it was planned.'
    if item.phase is Phase.LEFT:
        return f'was left where it is: {item.reason or "was powered off"}.'
    if item.phase in (Phase.FAILED, Phase.NOT_RECOVERABLE):
        return f'was NOT moved{tries}: {item.phase.value}: {item.reason or "no reason given"}.'
    target = f', target {item.target}' if item.target else ''
    return f'is {item.phase.value} for {span}{target}.'


def _marks(item: Evacuation) -> Iterator[str]:
    """What was said of it by marks, where that made a difference."""
    if item.marked:
        yield f'    its priority is {item.priority.value}: {item.marked}'
    for mark in item.wrong_marks:
        yield f'    its mark is not understood, and left nothing behind: {mark}'
    if item.row == policy.ROW:
        yield f'    to move it all the same: kaopu-ha recovery retry {item.name} --why ...'


def _why(item: Evacuation) -> Iterator[str]:
    """What the row that gave its reason was decided by, and what would have changed it."""
    why = attempt.why(item)
    if why is None:
        return
    yield f'    row "{why.row}", for: {"; ".join(why.so) or "no row before it was so"}'
    if why.behind:
        yield f'        if {", or ".join(why.behind)}: what the rows behind it say'
    for act, row, lacked in why.instead:
        yield f'        if {", and ".join(lacked)}: {act} (row "{row}")'


def _calls(item: Evacuation) -> str:
    """How often Nova was called, where that is another number than that of the attempts."""
    calls = sum(attempt.calls for attempt in item.attempts)
    return f' ({layout.number(calls, "call")})' if calls > len(item.attempts) else ''


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
