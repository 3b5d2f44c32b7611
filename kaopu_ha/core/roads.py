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

"""The roads: from which stage to which a case and a recovery may go, and no other way.

A stage changes here only, by ``step_of_case`` and ``step_of_recovery``; a change that stands in no
row is a mistake of the program, and stops the turn before anything is written.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
import dataclasses

from kaopu_ha.core.model import Case, Recovery, RecoveryStage, Stage, Step

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

# What else is told in the road of a recovery; its stage stays.  The first one also in a case's.
WORD_GIVEN = 'going on by a person\'s word'
WORD_ENDED = 'waiting for its fence again'
# And in the road of a case.
WORD_PAST = 'judged by what is seen again'
WORDS = (WORD_GIVEN, WORD_PAST)


# Of a record that outlives what it is of: hosts are booted and taken back for years.
_LATEST_KEPT = 20


def latest(road: Sequence[Step], step: Step) -> tuple[Step, ...]:
    """The road with one more step, of which only the latest ones are kept."""
    return (*road, step)[-_LATEST_KEPT:]


def step_of_case(case: Case, stage: Stage, at: str, by: str, reason: str, *,
                 read_at: str = '') -> Case:
    """The case in its next stage, with the step in its road."""
    assert stage in CASE[case.stage], f'{case.stage.value} -> {stage.value} is no road'
    return dataclasses.replace(case, stage=stage, road=(
        *case.road, Step(at, by, stage.value, reason, read_at=read_at)))


def step_of_recovery(recovery: Recovery, stage: RecoveryStage, at: str, by: str,
                     reason: str) -> Recovery:
    """The recovery in its next stage, waiting for nothing, with the step in its road."""
    assert stage in RECOVERY[recovery.stage], f'{recovery.stage.value} -> {stage.value} is no road'
    return dataclasses.replace(recovery, stage=stage, waiting_for='',
                               road=(*recovery.road, Step(at, by, stage.value, reason)))
