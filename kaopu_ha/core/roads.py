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

"""The roads: from which stage to which a case, a recovery, an evacuation, and the taking of a
reserved host may go, no other way.

A stage changes here only, by ``step_of_case``, ``step_of_recovery``, ``step_of_evacuation`` and
``step_of_taking``; a change that stands in no row is a mistake of the program, and stops the turn
before anything is written.  (The small road of a start in place lies with its stages, in
``core.restart``.)  The pictures of the documentation are drawn from these tables.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
import dataclasses
from typing import Any

from kaopu_ha.core.model import Case, Evacuation, Phase, Recovery, RecoveryStage, Stage, Step
from kaopu_ha.core.segments import Taking, TakingStage

CASE: Mapping[Stage, frozenset[Stage]] = {
    # To ADMITTING goes only who was lost while it was taken back.
    Stage.SUSPECTED: frozenset({Stage.DYING, Stage.CLOSED, Stage.ADMITTING}),
    # The first answer of a kernel begins the waits anew, also in DYING itself.
    Stage.DYING: frozenset({Stage.DYING, Stage.LOCKED, Stage.SUSPECTED, Stage.CLOSED,
                            Stage.ADMITTING}),
    Stage.LOCKED: frozenset({Stage.LAST_LOOK, Stage.DYING, Stage.SUSPECTED, Stage.CLOSED,
                             Stage.ADMITTING}),
    Stage.LAST_LOOK: frozenset({Stage.CONFIRMED, Stage.DYING, Stage.SUSPECTED, Stage.CLOSED,
                                Stage.ADMITTING}),
    # Only a person leads out of here, who admits the host or says that it was destroyed: life that
    # is seen later is news.
    Stage.CONFIRMED: frozenset({Stage.ADMITTING, Stage.CLOSED}),
    # One that dies meanwhile is confirmed as before, or judged if its fence is gone.
    Stage.ADMITTING: frozenset({Stage.CLOSED, Stage.CONFIRMED, Stage.SUSPECTED}),
    Stage.CLOSED: frozenset(),
}

# There is no way back before the plan: a fenced guest does not recover, so stopping half-way only
# loses it.  A person may end it there all the same, if its fence can't hold.
RECOVERY: Mapping[RecoveryStage, frozenset[RecoveryStage]] = {
    RecoveryStage.FENCING: frozenset({RecoveryStage.PROVEN, RecoveryStage.FINISHED}),
    RecoveryStage.PROVEN: frozenset({RecoveryStage.PLANNED, RecoveryStage.FINISHED}),
    # Where nothing is to be moved, nothing is ever under way.
    RecoveryStage.PLANNED: frozenset({RecoveryStage.EVACUATING, RecoveryStage.FINISHED}),
    RecoveryStage.EVACUATING: frozenset({RecoveryStage.FINISHED}),
    # A person asked to try one of its instances again.
    RecoveryStage.FINISHED: frozenset({RecoveryStage.EVACUATING, RecoveryStage.FENCING}),
}

# The leader plans, a worker calls.  What is committed as called ends by what Nova and its target
# show, or with its target; nobody takes a call back.
EVACUATION: Mapping[Phase, frozenset[Phase]] = {
    # Its round of targets is over, and the next one begins: it waits anew.
    Phase.WAITING: frozenset({Phase.WAITING, Phase.QUEUED, Phase.FAILED}),
    # No worker has called yet: it may lose its target, its user, or a person's patience.
    Phase.QUEUED: frozenset({Phase.CALLING, Phase.WAITING, Phase.LEFT, Phase.FAILED}),
    # Nothing came of a call: the same target is called again, and that is counted.
    Phase.CALLING: frozenset({Phase.CALLING, Phase.MOVING, Phase.DONE, Phase.REFUSED, Phase.LEFT,
                              Phase.FAILED, Phase.WAITING}),
    Phase.MOVING: frozenset({Phase.MOVING, Phase.DONE, Phase.REFUSED, Phase.LEFT, Phase.FAILED,
                             Phase.WAITING}),
    Phase.REFUSED: frozenset({Phase.WAITING, Phase.FAILED}),
    Phase.DONE: frozenset(),
    # A person asks for what the policy left, or tries again, or says that it need not be moved.
    Phase.LEFT: frozenset({Phase.WAITING}),
    Phase.FAILED: frozenset({Phase.WAITING, Phase.FAILED}),
    Phase.NOT_RECOVERABLE: frozenset({Phase.WAITING, Phase.NOT_RECOVERABLE}),
}

# A reserved host that is a target stays one, until a person reserves it again.
TAKING: Mapping[TakingStage, frozenset[TakingStage]] = {
    TakingStage.ASKED: frozenset({TakingStage.ENABLED, TakingStage.FAILED}),
    # A person may disable it at that moment.
    TakingStage.ENABLED: frozenset({TakingStage.READY, TakingStage.ASKED, TakingStage.FAILED}),
    TakingStage.READY: frozenset(),
    # Where nothing else is left it is tried again.
    TakingStage.FAILED: frozenset({TakingStage.ASKED}),
}

# What else is told in the history of a recovery; its stage stays.  The first one also in a case's.
WORD_GIVEN = 'going on by a person\'s word'
WORD_ENDED = 'waiting for its fence again'
# And in the history of a case.
WORD_PAST = 'judged by what is seen again'
WORDS = (WORD_GIVEN, WORD_PAST)


# Of a record that outlives what it is of: hosts are booted and taken back for years.
_LATEST_KEPT = 20


def latest(history: Sequence[Step], step: Step) -> tuple[Step, ...]:
    """The history with one more step, of which only the latest ones are kept."""
    return (*history, step)[-_LATEST_KEPT:]


def step_of_case(case: Case, stage: Stage, at: str, by: str, reason: str, *,
                 read_at: str = '') -> Case:
    """The case in its next stage, with the step in its history."""
    assert stage in CASE[case.stage], f'{case.stage.value} -> {stage.value} is no road'
    return dataclasses.replace(case, stage=stage, history=(
        *case.history, Step(at, by, stage.value, reason, read_at=read_at)))


def step_of_recovery(recovery: Recovery, stage: RecoveryStage, at: str, by: str,
                     reason: str) -> Recovery:
    """The recovery in its next stage, waiting for nothing, with the step in its history."""
    assert stage in RECOVERY[recovery.stage], f'{recovery.stage.value} -> {stage.value} is no road'
    return dataclasses.replace(recovery, stage=stage, waiting_for='',
                               history=(*recovery.history, Step(at, by, stage.value, reason)))


def step_of_evacuation(item: Evacuation, phase: Phase, at: str, by: str, reason: str,
                       row: str = '', **changed: Any) -> Evacuation:
    """The evacuation in its next phase, with the reason, and the row that gave it, in its history.

    ``changed``: what else changes with it.
    """
    assert phase in EVACUATION[item.phase], f'{item.phase.value} -> {phase.value} is no road'
    step = Step(at, by, phase.value, reason, row)
    return item.replace(phase=phase, reason=reason, row=row, history=(*item.history, step),
                        set_aside=0, waited=0.0, **changed)


def step_of_taking(one: Taking, stage: TakingStage, at: str, by: str, reason: str) -> Taking:
    """The taking in its next stage, with no call in it yet, and the step in its history."""
    assert stage in TAKING[one.stage], f'{one.stage.value} -> {stage.value} is no road'
    return dataclasses.replace(one, stage=stage, calls=0, waiting_for='', history=latest(
        one.history, Step(at, by, stage.value, reason)))
