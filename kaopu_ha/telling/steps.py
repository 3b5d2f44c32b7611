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

"""The values of what is told of a case: steps with sentences, and what stands below them.

::

    Explained -- steps       Told: a round, a change of stage, a word; with what stands below it
              -- recovery    RecoveryTold -- InstanceTold -- Told
              -- restart     RestartTold -- Told
              -- asked       Told: what people asked
              -- now         sentences
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Below:
    """A sentence that belongs to the one above it; ``depth``: how far below, 0 for its end."""

    depth: int
    text: str


@dataclass(frozen=True)
class Told:
    """One thing that happened.  ``at``: when, as the record has it.

    ``kind``: ``opened``, ``round``, ``repeated``, ``stage``, ``word``, ``admission``, ``recovery``,
    ``move``, ``start`` or ``asked``.  ``stage``: which it led to, or the phase of a move; ``row``
    and ``reason``: by which row or rule, where there is one.
    """

    at: str
    kind: str
    text: str
    by: str = ''
    stage: str = ''
    verdict: str = ''
    reason: str = ''
    row: str = ''
    below: tuple[Below, ...] = ()


@dataclass(frozen=True)
class InstanceTold:
    """What became of an instance, with its steps."""

    instance: str
    name: str
    phase: str
    target: str
    text: str
    notes: tuple[Below, ...]
    steps: tuple[Told, ...]


@dataclass(frozen=True)
class RecoveryTold:
    """What became of the instances of a host that was confirmed dead."""

    id: str
    stage: str
    instances: tuple[InstanceTold, ...]
    notes: tuple[str, ...]
    asked: tuple[Told, ...]


@dataclass(frozen=True)
class RestartTold:
    """What was to be started again where it was."""

    boot_id: str
    text: str
    starts: tuple[Told, ...]
    notes: tuple[str, ...]
    asked: tuple[Told, ...]


@dataclass(frozen=True)
class Explained:
    """The whole story of a case.

    ``missing``: that its recovery is there no more, '' if it is, or if there was none.  ``asked``:
    what people asked of the host while it is judged.
    """

    host: str
    stage: str
    text: str
    steps: tuple[Told, ...]
    now: tuple[str, ...]
    recovery: RecoveryTold | None = None
    missing: str = ''
    asked: tuple[Told, ...] = ()
    restart: RestartTold | None = None
