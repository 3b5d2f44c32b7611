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

"""What is open and does not move: the one list of it, with the reason of each.

It is told after a while and again and again (``controller.reminder``), and counted by the metrics.
An entry stays the same while it is open, whatever its reason becomes: what goes in circles waits,
too.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
import enum

from kaopu_ha.core import aftercare, detection, evidence, model, reminding, restart, texts
from kaopu_ha.core.model import Phase, RecoveryStage, Stage


class Kind(enum.Enum):
    """What waits; the value is how it is told."""

    CASE = 'is not judged'
    RECOVERY = 'its recovery waits'
    INSTANCE = 'is not moved yet'
    LOST = 'does not run'
    ADMISSION = 'its admission waits'
    RESTART = 'is not started again yet'
    OFF = 'was to be started again where it was, and does not run'
    MISBELIEVED = 'Nova or Placement has it wrong'


@dataclass(frozen=True)
class Waiting:
    """One thing that is open: a host, or an instance of it, with the reason that it has now.

    ``since``: when its last step was taken, for people; it decides nothing.
    """

    host: str
    kind: Kind
    reason: str
    instance: str = ''
    name: str = ''
    since: str = ''

    @property
    def key(self) -> tuple[str, str, str]:
        """What stays the same while it is open."""
        kind = Kind.RESTART if self.kind is Kind.OFF else self.kind
        return self.host, kind.name, self.instance


def waiting(cases: Iterable[model.Case], recoveries: Mapping[str, model.Recovery],
            evacuations: Iterable[model.Evacuation], *, held: Collection[str] = (),
            claimed: Collection[str] = (),
            restarts: Iterable[restart.Restart] = (),
            cared: Iterable[aftercare.Aftercare] = ()) -> tuple[Waiting, ...]:
    """Everything that is open, by host.

    A host with nothing on is not listed: nothing there waits.
    ``recoveries`` by their ids; ``held``: hosts that people hold, which wait for those people and
    are not listed; ``claimed``: instances that a worker has.
    """
    moves = tuple(evacuations)
    found: list[Waiting] = []
    for case in sorted(cases, key=lambda case: case.host):
        if case.stage in detection.JUDGING and case.host not in held and not _is_empty(case):
            found.append(Waiting(case.host, Kind.CASE, _why_open(case), since=_last(case.history)))
        if case.stage is Stage.ADMITTING:
            progress = case.admit.waiting_for if case.admit else ''
            found.append(Waiting(case.host, Kind.ADMISSION, progress or 'its next step',
                                 since=_last(case.history)))
        if case.stage in (Stage.CONFIRMED, Stage.ADMITTING):
            mine = [item for item in moves if item.recovery == case.recovery]
            found += _recovery(case, recoveries.get(case.recovery), mine)
            found += _instances(case, mine, claimed)
    for record in restarts:
        found += _off(record)
    for after in cared:
        found += [Waiting(after.host, Kind.MISBELIEVED, ward.reason, ward.instance, ward.name,
                          ward.at) for ward in after.wrong]
    return tuple(found)


def _is_empty(case: model.Case) -> bool:
    """True if nothing was on: nobody waits for such a host, and it was told once."""
    return bool(case.rounds) and any(
        one.rule == evidence.NOTHING_ON for one in case.rounds[-1].evidence)


def _why_open(case: model.Case) -> str:
    if not case.rounds:
        return 'its beat is gone; it was not looked at yet'
    return f'{case.stage.value}: {case.rounds[-1].rule}'


def _recovery(case: model.Case, recovery: model.Recovery | None,
              mine: Collection[model.Evacuation]) -> Iterator[Waiting]:
    if recovery is None:
        yield Waiting(case.host, Kind.RECOVERY, f'its record {case.recovery} is not there, or '
                                                f'can\'t be read')
    elif recovery.stage is not RecoveryStage.FINISHED and (
            recovery.waiting_for or all(item.phase.ended for item in mine)):
        yield Waiting(case.host, Kind.RECOVERY, f'{recovery.stage.value}: '
                                                f'{recovery.waiting_for or "its next step"}',
                      since=_last(recovery.history))


def _instances(case: model.Case, mine: Collection[model.Evacuation],
               claimed: Collection[str]) -> Iterator[Waiting]:
    for item in sorted(mine, key=lambda item: (item.name, item.instance)):
        if item.given_up:
            # A person has answered.
            continue
        if item.phase in (Phase.FAILED, Phase.NOT_RECOVERABLE):
            yield _of(case, item, Kind.LOST, f'{item.phase.value}: {item.reason}')
        elif not item.phase.ended:
            yield _of(case, item, Kind.INSTANCE, _why_not_moved(item, claimed))


def _off(record: restart.Restart) -> Iterator[Waiting]:
    """What was on before its host was booted, or crashed there, and does not run."""
    for start in sorted(record.unsettled, key=lambda start: (start.name, start.instance)):
        failed = start.phase is restart.StartPhase.FAILED
        yield Waiting(record.host, Kind.OFF if failed else Kind.RESTART,
                      f'{start.phase.value}: {start.reason}', start.instance, start.name, start.at)


def _of(case: model.Case, item: model.Evacuation, kind: Kind, reason: str) -> Waiting:
    return Waiting(case.host, kind, reason, item.instance, item.name, _last(item.history))


def _last(history: Sequence[model.Step]) -> str:
    return history[-1].at if history else ''


def _why_not_moved(item: model.Evacuation, claimed: Collection[str]) -> str:
    if item.phase is Phase.QUEUED and not item.set_aside and item.instance not in claimed:
        return f'nobody takes it to {item.target}: does a worker run?'
    target = f' to {item.target}' if item.target else ''
    return f'{item.phase.value}{target}: {item.reason or "no reason is given"}'


# ---------------------------------------------------------------- when it is told


Memory = Mapping[tuple[str, str, str], reminding.Open]


@dataclass(frozen=True)
class DueReminders:
    """What is to be told now, in groups that share host, kind and reason; and what to remember."""

    due: tuple[tuple[Waiting, ...], ...]
    memory: Memory


def remind(memory: Memory, found: Iterable[Waiting], now: float,
           rules: model.Rules) -> DueReminders:
    """Say what has waited for ``remind_after`` seconds, and again every ``remind_again``."""
    items = tuple(found)
    due, kept = reminding.reminded(
        memory, (item.key for item in items), now, again_seconds=rules.remind_again,
        ripe=lambda one: now - one.since >= rules.remind_after)
    groups: dict[tuple[str, str, str], list[Waiting]] = {}
    for item in items:
        if item.key in due:
            groups.setdefault((item.host, item.kind.name, item.reason), []).append(item)
    return DueReminders(tuple(tuple(group) for group in groups.values()), kept)


def sentence(group: tuple[Waiting, ...], seconds: float) -> str:
    """What a group waits for, and for how long at the least, in a sentence."""
    first = group[0]
    for_long = f'for {seconds / 60:.0f} min' if seconds >= 60 else f'for {seconds:.0f} s'
    if not first.instance:
        return f'{first.kind.value} {for_long}: {first.reason}'
    # Each is named in ``kaopu-ha explain``.
    names = texts.few(item.name for item in group)
    return f'{names}: {first.kind.value}, {for_long}: {first.reason}'
