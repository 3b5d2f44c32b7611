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

"""What of a look is kept in a case, and when a case is worth a write.

A host whose agent is lost may stay a suspect for weeks, and have hundreds of images: then each look
says what the last one said.  So equal answers are one line with a number, clients stand once in the
case and not in each round, and a case in which only counts and times have changed is written now
and then.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
import dataclasses

from kaopu_ha.core import model, texts

# So many images of one answer are told by name, each with a line of its own.
_NAMED_MAX = 4
_LINES_MAX = 16
_UNASKED_MAX = 8
_ELSEWHERE_MAX = 16
# Each of them is a guest that would lose its disk.
_RIVALS_MAX = 256
# The fence cuts every client at the host's addresses, known or not: the known ones are more than
# is needed, so that the oldest may go.
_CLIENTS_MAX = 4096


def worth_writing(stored: model.Case, case: model.Case, unwritten_seconds: float,
                  rules: model.Rules) -> bool:
    """True if something but counts and times has changed, or if none was written for long.

    The seconds of silence that were waited are no such count: a new leader goes on from them.
    """
    return unwritten_seconds >= rules.case_written_seconds or _timeless(stored) != _timeless(case)


def brief(item: model.Round) -> model.Round:
    """The round as it is kept: whatever the number of images, some lines; without the clients."""
    return dataclasses.replace(item, evidence=tuple(
        dataclasses.replace(_brief(one), guests=None) for one in item.evidence))


def with_guests(case: model.Case, new: model.Round, told: model.Inventory | None,
                rules: model.Rules) -> model.Case:
    """The case with the domains that libvirt told to run, if it did.

    A system that is shut down ends its guests before itself.  While nobody publishes that it does,
    what went off lately may have gone with its host; Nova says later who stopped it.
    """
    running = new.of(model.Network.MANAGEMENT).guests
    if running is None:
        return case
    before = case.guests if case.guests_at else [one.uuid for one in (told.on if told else ())]
    looks = {**dict.fromkeys(before, 0), **case.went_off}
    went_off = {
        uuid: count + 1 for uuid, count in sorted(looks.items())
        if uuid not in running and (count + 1) * rules.look_interval <= rules.went_off_seconds}
    return dataclasses.replace(case, guests=tuple(sorted(running)), guests_at=new.at,
                               went_off=went_off)


def outlived_its_agent(case: model.Case) -> bool:
    """True if the host showed life after the last beat: it may have addresses by now of which its
    agent did not tell.
    """
    return bool(case.guests_at) or any(
        item.verdict is model.Verdict.ALIVE for item in case.rounds)


def clients(case: model.Case, new: model.Round) -> tuple[str, ...]:
    """The clients of the host that this case has seen, the last ones if there are too many.

    Not one that fell silent at an address of nobody, and is seen to be another host's by now: it
    lives there, and that host tells of its guest with the disk (decision 0114).
    """
    others = set(new.of_others)
    return with_more([client for client in case.clients if client not in others], new.clients)


def with_more(before: Sequence[str], seen: Sequence[str]) -> tuple[str, ...]:
    """The clients of before and those that were seen now, the last ones if there are too many."""
    if set(seen) <= set(before):
        return tuple(before)
    return tuple(dict.fromkeys((*(client for client in before if client not in set(seen)),
                                *seen)))[-_CLIENTS_MAX:]


def _timeless(case: model.Case) -> model.Case:
    return dataclasses.replace(
        case, guests_at='any time' if case.guests_at else '',
        went_off=dict.fromkeys(case.went_off, 0), rounds=tuple(
            dataclasses.replace(item, at='', by='', count=1, asked_seconds=0.0)
            for item in case.rounds))


def _brief(evidence: model.Evidence) -> model.Evidence:
    named = evidence.unasked[:_UNASKED_MAX]
    return dataclasses.replace(
        evidence, answers=_lines(evidence.answers), clients=(), unasked=named,
        unasked_more=evidence.unasked_more + len(evidence.unasked) - len(named),
        elsewhere=evidence.elsewhere[:_ELSEWHERE_MAX],
        strangers=evidence.strangers[:_ELSEWHERE_MAX], rivals=evidence.rivals[:_RIVALS_MAX],
        of_others=())


def _lines(answers: Sequence[model.Answer]) -> tuple[model.Answer, ...]:
    alike: dict[tuple[str, model.Sign], list[str]] = {}
    for line in answers:
        alike.setdefault((line.came, line.sign), []).append(line.asked)
    lines = [model.Answer(texts.bounded(asked, texts.LINE_BYTES_MAX),
                          texts.bounded(came, texts.LINE_BYTES_MAX), sign)
             for (came, sign), names in alike.items() for asked in _named(names)]
    if len(lines) <= _LINES_MAX:
        return tuple(lines)
    # What decided comes first: a sign that is rare must not be among those that are left out.
    rare = sorted(lines, key=lambda line: sum(each.sign is line.sign for each in lines))
    kept = rare[:_LINES_MAX - 1]
    more = len(lines) - len(kept)
    return (*kept, model.Answer(f'{more} more', 'other answers of the same signs',
                                rare[-1].sign))


def _named(names: Sequence[str]) -> Iterable[str]:
    if len(names) <= _NAMED_MAX:
        return names
    return (f'{names[0]} and {len(names) - 1} more',)
