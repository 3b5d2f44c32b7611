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

"""What was done about a notification, in the words of Masakari's tasks: read off the records."""

from __future__ import annotations

import datetime
from typing import Any

from kaopu_ha import records
from kaopu_ha.api import times
from kaopu_ha.core import model
from kaopu_ha.core.segments import Notification, NotificationStatus

# What Masakari does in this order, and the stages of a recovery at which it is done here.
_DISABLE, _PREPARE, _EVACUATE = ('DisableComputeServiceTask', 'PrepareHAEnabledInstancesTask',
                                 'EvacuateInstancesTask')
_EARLY = frozenset(stage.value for stage in model.RecoveryStage if stage.early)


# The same of an instance.  Nobody stops it: what is off, or stuck, is started or rebooted.
_STOP, _START, _CONFIRM = 'StopInstanceTask', 'StartInstanceTask', 'ConfirmInstanceActiveTask'
_STARTS = {NotificationStatus.RUNNING: ('RUNNING', 'PENDING'),
           NotificationStatus.FINISHED: ('SUCCESS', 'SUCCESS'),
           NotificationStatus.FAILED: ('FAILURE', 'PENDING')}


def details(view: records.View, one: Notification) -> list[dict[str, Any]]:
    """Its tasks with their progress; none if nothing was done, or nobody knows it any more."""
    if one.taken:
        return _of_guest(one)
    recovery = view.one(model.Recovery, records.RECOVERY + one.recovery) if one.recovery else None
    if recovery is None:
        return []
    moves = view.every(model.Evacuation, f'{records.EVACUATION}{recovery.id}/').values()
    ended = sum(move.phase.ended for move in moves)
    failed = any(move.phase in (model.Phase.FAILED, model.Phase.NOT_RECOVERABLE) for move in moves)
    stage, steps = recovery.stage, recovery.history
    early = [step for step in steps if step.stage in _EARLY]
    late = [step for step in steps if step.stage not in _EARLY]
    return [
        _task(_DISABLE, 'RUNNING' if stage.early else 'SUCCESS', early,
              0.5 if early else 0.0),
        _task(_PREPARE, 'SUCCESS' if not stage.early else
              'PENDING' if stage.fencing else 'RUNNING', [], 0.0),
        _task(_EVACUATE, 'PENDING' if stage.early else 'RUNNING' if not stage.finished else
              'FAILURE' if failed else 'SUCCESS', late,
              ended / len(moves) if moves else 0.0)]


def _of_guest(one: Notification) -> list[dict[str, Any]]:
    if one.status not in _STARTS:
        return []
    starts, confirms = _STARTS[one.status]
    steps = [model.Step(one.updated_at, '', one.status.value, one.message)] if one.message else []
    return [_task(_STOP, 'SUCCESS', [], 1.0), _task(_START, starts, steps, 0.5),
            _task(_CONFIRM, confirms, [], 0.0)]


def _task(name: str, state: str, steps: list[model.Step], progress: float) -> dict[str, Any]:
    done = 1.0 if state in ('SUCCESS', 'FAILURE') else progress
    return {'name': name, 'progress': done, 'state': state, 'progress_details': [
        {'timestamp': _timestamp(step.at), 'progress': str(done), 'message':
            f'{step.stage}: {step.reason}'} for step in steps if step.at]}


def _timestamp(text: str) -> str:
    found: datetime.datetime = times.read(text)
    return found.strftime('%Y-%m-%d %H:%M:%S.%f')
