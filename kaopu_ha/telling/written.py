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

"""The explanation of a case as people read it: line by line, with the time in front."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from kaopu_ha.telling import wording
from kaopu_ha.telling.steps import Explained, InstanceTold, RecoveryTold, RestartTold, Told

# What stands below a step begins behind its time.
_BELOW = 10


def lines(told: Explained) -> list[str]:
    """The whole story of a case, line by line."""
    found = [told.text, '']
    for step in told.steps:
        found.append(f'{wording.clock(step.at)}  {step.text}')
        found += [f'{"":{_BELOW + 2 * one.depth}}{one.text}' for one in step.below]
    if told.missing:
        found += ['', told.missing]
    if told.recovery is not None:
        found += ['', *_recovery(told.recovery)]
    if told.asked:
        found += ['', *_with_times(told.asked)]
    if told.restart is not None:
        found += ['', *restart(told.restart)]
    return [*found, '', *told.now]


def _recovery(told: RecoveryTold) -> Iterator[str]:
    for one in told.instances:
        yield from instance(one)
    yield from told.notes
    yield from _with_times(told.asked)


def instance(told: InstanceTold) -> Iterator[str]:
    """What became of one of its instances, line by line."""
    yield f'{told.name} ({told.instance}) {told.text}'
    for note in told.notes:
        yield f'{"":{4 * note.depth}}{note.text}'
    yield from _with_times(told.steps)


def restart(told: RestartTold) -> Iterator[str]:
    """What was started in place after a boot, line by line."""
    yield told.text
    yield from _with_times(told.starts)
    yield from told.notes
    yield from _with_times(told.asked)


def _with_times(steps: Iterable[Told]) -> Iterator[str]:
    for step in steps:
        yield f'    {wording.clock(step.at)}  {step.text}'
