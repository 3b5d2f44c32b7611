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

"""Which recoveries keep their fence, which are open, and whose host is surely away."""

from __future__ import annotations

from collections.abc import Iterable

from kaopu_ha.core.model import Case, Recovery, RecoveryStage, Stage


def keeps_its_fence(case: Case | None, recovery: Recovery) -> bool:
    """True while the recovery's host is confirmed and its fence was not taken back on purpose."""
    if case is None or case.recovery != recovery.id:
        return False
    if case.stage is Stage.ADMITTING:
        return case.admit is not None and not case.admit.unfenced
    return case.stage is Stage.CONFIRMED


def is_cut(case: Case | None, recovery: Recovery | None) -> bool:
    """True if nothing of the recovery's host can write: its fence was proven, and is kept."""
    return recovery is not None and keeps_its_fence(case, recovery) and was_proven(recovery)


def is_open(recovery: Recovery) -> bool:
    """True while something is still to be done besides keeping the fence."""
    return recovery.stage is not RecoveryStage.FINISHED


def dead_hosts(recoveries: Iterable[Recovery]) -> frozenset[str]:
    """The hosts whose fence was proven, of recoveries that keep theirs: targets no more.

    Not those whose recovery a person ended before that, nor those that a person switched off: they
    may boot, and take up what lies in their queue.
    """
    return frozenset(recovery.host for recovery in recoveries if was_proven(recovery)
                     and (recovery.word is None or recovery.word.destroyed))


def was_proven(recovery: Recovery) -> bool:
    """True if its fence has held, or a person's word stood for it."""
    if recovery.stage in (RecoveryStage.EVACUATING, RecoveryStage.FINISHED) and recovery.history:
        # A person may have ended it before, and have had it taken up again since.
        return _was(recovery, RecoveryStage.PROVEN)
    return recovery.stage is not RecoveryStage.FENCING


def taken_up(recovery: Recovery) -> RecoveryStage:
    """The stage to which a finished recovery goes back for an instance of it.

    One that a person ended before its plan has to be fenced, and its service forced down, first.
    """
    return RecoveryStage.EVACUATING if was_planned(recovery) else RecoveryStage.FENCING


def was_planned(recovery: Recovery) -> bool:
    """True if what was on there was planned, as far as its history is known."""
    return not recovery.history or _was(recovery, RecoveryStage.PLANNED)


def _was(recovery: Recovery, stage: RecoveryStage) -> bool:
    return any(step.stage == stage.value for step in recovery.history)
