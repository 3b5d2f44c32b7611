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

"""Masakari's records, as its API keeps them: segments, the hosts in them, and notifications.

The words are Masakari's, and are used where its API is: a *segment* groups hosts that are recovered
in one way, a host is in one segment, a *notification* is what somebody outside says of a host.
What is decided here is decided for that API alone; what a host is judged by is told elsewhere.
"""

from __future__ import annotations

from dataclasses import dataclass, field
import enum

from kaopu_ha.core.model import Step


class RecoveryMethod(enum.Enum):
    """Where the instances of a host of the segment are to go, in Masakari's words."""

    AUTO = 'auto'
    RESERVED_HOST = 'reserved_host'
    AUTO_PRIORITY = 'auto_priority'
    RH_PRIORITY = 'rh_priority'


class NotificationKind(enum.Enum):
    """What a notification is about."""

    COMPUTE_HOST = 'COMPUTE_HOST'
    VM = 'VM'
    PROCESS = 'PROCESS'


class NotificationStatus(enum.Enum):
    """What came of a notification."""

    NEW = 'new'
    RUNNING = 'running'
    ERROR = 'error'
    FAILED = 'failed'
    IGNORED = 'ignored'
    FINISHED = 'finished'

    @property
    def ended(self) -> bool:
        """True if nothing more comes of it."""
        return self in (NotificationStatus.FAILED, NotificationStatus.IGNORED,
                        NotificationStatus.FINISHED)


@dataclass(frozen=True)
class Segment:
    """A group of hosts.  Times are texts in UTC, as the API shows them; '' if not changed yet."""

    number: int
    uuid: str
    name: str
    service_type: str
    recovery_method: RecoveryMethod
    created_at: str
    updated_at: str = ''
    enabled: bool = True
    description: str | None = None


@dataclass(frozen=True)
class SegmentHost:
    """A host in a segment.  Whether it is on maintenance is no part of it: that is a hold."""

    number: int
    uuid: str
    name: str
    segment: str
    kind: str
    created_at: str
    updated_at: str = ''
    reserved: bool = False
    control_attributes: str | None = None


@dataclass(frozen=True)
class Notification:
    """What somebody outside says of a host.  It is a hint: nobody is condemned for it.

    ``generated_at``: when it happened, as the sender says.  ``host`` is the name, ``host_uuid`` and
    ``segment`` are uuids.  ``recovery``: that of the host since, '' if none came of it.  ``taken``:
    the guest that it is about is started where it was.

    ``who`` sent it.  Where its word counts (``core.trusting``), what was so when a leader saw it
    first: ``told``, the revision of what its host had told, ``opened``, that of its case (or of its
    first one), ``life``, the last look that showed life.  ``spent``: it counts no more.
    """

    number: int
    uuid: str
    kind: NotificationKind
    host: str
    host_uuid: str
    segment: str
    generated_at: str
    created_at: str
    payload: dict[str, str] = field(default_factory=dict, hash=False)
    updated_at: str = ''
    status: NotificationStatus = NotificationStatus.NEW
    message: str = ''
    recovery: str = ''
    taken: bool = False
    who: str = ''
    told: int = 0
    opened: int = 0
    life: str = ''
    spent: bool = False


class TakingStage(enum.Enum):
    """How far it has come that a reserved host is a target."""

    ASKED = 'asked'
    ENABLED = 'enabled'
    READY = 'ready'
    FAILED = 'failed'


@dataclass(frozen=True)
class Joining:
    """A reserved host that is to be in an aggregate: the calls, each counted before it is made.

    ``refused``: why Nova said no; '' if it did not.
    """

    aggregate: str
    calls: int = 0
    refused: str = ''


@dataclass(frozen=True)
class Taking:
    """A reserved host that is taken for a recovery; see ``core.taking``.

    ``segment`` is the uuid of the one that it is reserved in.  ``calls``: how often Nova was asked
    to enable it in this stage; each call is counted before it is made.  ``failures``: how often it
    was given up.  ``joins``: the aggregates that Nova was asked to add it to, by name.
    """

    host: str
    recovery: str
    segment: str
    stage: TakingStage
    calls: int = 0
    failures: int = 0
    waiting_for: str = ''
    history: tuple[Step, ...] = ()
    joins: tuple[Joining, ...] = ()

    @property
    def under_way(self) -> bool:
        """True while it is not decided whether it becomes a target."""
        return self.stage in (TakingStage.ASKED, TakingStage.ENABLED)
