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

"""What the false Nova has in its database of servers, and of their migrations."""

from __future__ import annotations

from dataclasses import dataclass, field
import math

from kaopu_ha import ports
from kaopu_ha.core import model

# Nova's numbers.
NO_STATE, RUNNING, PAUSED, SHUTDOWN = 0, 1, 3, 4


@dataclass(eq=False)
class SimServer:
    """A server in Nova's database.  ``wanted``: its user wants it on.  ``is_full``: it has as much
    metadata as Nova allows.
    """

    uuid: str
    name: str
    host: str
    images: tuple[model.Image, ...]
    local_disks: tuple[str, ...] = ()
    cores: int = 1
    memory_mb: int = 128
    vm_state: str = 'active'
    task_state: str = ''
    power_state: int = RUNNING
    fault: str = ''
    wanted: bool = True
    project: str = ''
    opted_in: bool = False
    marks: tuple[model.Mark, ...] = ()
    marked_at: float = -math.inf
    actions: list[model.Action] = field(default_factory=list)
    is_full: bool = False

    def note(self, key: str, text: str) -> None:
        """Set one item of its metadata; Refused as by Nova if it has as many as it may have."""
        others = tuple(mark for mark in self.marks
                       if (mark.source, mark.key) != (model.Source.METADATA, key))
        if self.is_full and len(others) == len(self.marks):
            raise ports.Refused('403: Maximum number of metadata items exceeds 128')
        self.marks = (*others, model.Mark(model.Source.METADATA, key, text))

    def reset(self, state: str) -> None:
        """Show this state, and no task."""
        self.vm_state, self.task_state = state, ''

    def asked_for(self, kind: str, user: str = 'user', at: str = '') -> None:
        """Keep what was asked for it, by whom and when; '' is Nova itself."""
        self.actions.append(model.Action(kind, user, at))


@dataclass(eq=False)
class SimMigration:
    """A migration record.

    ``lies_at``: the host that has its message and may still carry it out, ``since`` when.
    """

    id: str
    instance: str
    kind: str
    status: str
    source: str
    target: str
    since: float = 0.0
    lies_at: str = ''
