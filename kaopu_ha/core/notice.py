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

"""A notice: news as it is sent to others, by whichever notifier."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
import enum
from typing import Any


class Audience(enum.Enum):
    """Whom a notice is for.  What is for projects says nothing of hosts."""

    OPERATORS = 'operators'
    PROJECTS = 'projects'


# OpenStack's words for the priorities; a topic of oslo.messaging ends with one.
PRIORITIES = {'info': 'info', 'warning': 'warn', 'error': 'error'}


@dataclass(frozen=True)
class Notice:
    """One notice.  ``id`` is its own, ``at`` the time for people (ISO 8601, UTC).

    ``priority`` is ``info``, ``warning`` or ``error``; ``line`` is the sentence that people read in
    the log; ``payload`` holds plain values of JSON only.
    """

    id: str
    event_type: str
    priority: str
    publisher: str
    at: str
    audience: Audience
    line: str
    payload: Mapping[str, Any]

    def message(self) -> dict[str, Any]:
        """The notice as it is sent, with the fields and the forms of OpenStack's notifications."""
        return {'message_id': self.id, 'publisher_id': self.publisher,
                'event_type': self.event_type, 'priority': PRIORITIES[self.priority].upper(),
                'timestamp': self.at.replace('T', ' ').removesuffix('+00:00'),
                'payload': dict(self.payload)}
