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

"""The values that the program decides with.

Everything here is frozen: a value changes by ``dataclasses.replace``, and a stage changes only by
the roads of ``core.roads``.  The words are those of the glossary
(``doc/source/reference/words.rst``).

::

    Inventory (what a host told of itself) -- Instance -- Image
    Case      (is this host dead?)         -- Round -- Evidence
    Recovery  (what is done about it)      -- FenceOrder, Evacuation -- Attempt
"""

from __future__ import annotations

from dataclasses import dataclass, field
import enum

from kaopu_ha.core.cloud import ComputeService as ComputeService
from kaopu_ha.core.cloud import Migration as Migration
from kaopu_ha.core.cloud import Server as Server
from kaopu_ha.core.cloud import Usage as Usage
from kaopu_ha.core.rules import Rules as Rules


class Sign(enum.Enum):
    """What one network says of a host.  "Nobody answered" and "I could not ask" are two facts."""

    LIFE = 'life'
    SILENCE = 'silence'
    UNKNOWN = 'unknown'


class Verdict(enum.Enum):
    """What one round of evidence says of a host."""

    ALIVE = 'alive'
    DEAD = 'dead'
    UNDECIDED = 'undecided'


class Stage(enum.Enum):
    """How far the case on a host has gone."""

    SUSPECTED = 'suspected'
    DYING = 'dying'
    LOCKED = 'locked'
    LAST_LOOK = 'last look'
    CONFIRMED = 'confirmed'
    ADMITTING = 'admitting'
    CLOSED = 'closed'


class RecoveryStage(enum.Enum):
    """How far the recovery of a confirmed host has gone."""

    FENCING = 'fencing'
    PROVEN = 'proven'
    PLANNED = 'planned'
    EVACUATING = 'evacuating'
    FINISHED = 'finished'


class Power(enum.Enum):
    """The power of an instance, as its host's libvirt knows it."""

    ON = 'on'
    PAUSED = 'paused'
    OFF = 'off'


class Network(enum.Enum):
    """A network that is asked for signs of life; the third one, etcd, carries the beat."""

    MANAGEMENT = 'management'
    STORAGE = 'storage'


# ---------------------------------------------------------------- what a host tells of itself


@dataclass(frozen=True, order=True)
class Image:
    """An RBD image: the cluster by its fsid, the header object by its id, which never changes."""

    cluster: str
    pool: str
    name: str
    header: str


@dataclass(frozen=True)
class Instance:
    """A Nova server, or a domain without Nova, as its host sees it."""

    uuid: str
    name: str
    power: Power
    images: tuple[Image, ...] = ()
    local_disks: tuple[str, ...] = ()
    cores: int = 0
    memory_mb: int = 0


@dataclass(frozen=True)
class Inventory:
    """What the agent of a host published last; it outlives the host.

    ``storage`` holds the host's own sign for each Ceph cluster, by fsid.
    """

    host: str
    host_uuid: str
    boot_id: str
    management_uri: str
    storage_addresses: tuple[str, ...] = ()
    storage: dict[str, Sign] = field(default_factory=dict)
    cores: int = 0
    memory_mb: int = 0
    instances: tuple[Instance, ...] = ()
    domains: tuple[str, ...] = ()
    compute_started: str = ''
    note: str = ''

    @property
    def images(self) -> tuple[Image, ...]:
        """Every image that the host's powered-on instances have open, once each, sorted."""
        return tuple(sorted({image for instance in self.instances if instance.power is not Power.OFF
                             for image in instance.images}))

    @property
    def storage_lost(self) -> tuple[str, ...]:
        """The clusters that the host does not reach, or of which it does not know it; sorted."""
        return tuple(sorted(cluster for cluster, sign in self.storage.items()
                            if sign is not Sign.LIFE))

    @property
    def clusters(self) -> tuple[str, ...]:
        """Every Ceph cluster that holds a disk of the host, by fsid, sorted."""
        used = {image.cluster for instance in self.instances for image in instance.images}
        return tuple(sorted(used | set(self.storage)))


# ---------------------------------------------------------------- what the networks answered


@dataclass(frozen=True)
class Answer:
    """One thing that was asked, and what came back: a line of the evidence table."""

    asked: str
    came: str
    sign: Sign


@dataclass(frozen=True)
class Evidence:
    """What one network says of one host in one round, and the rule that says so.

    ``kernel_answers``: a live kernel refused or accepted a connection; it bars the fast pace.
    ``unasked``: images not asked, and how many more; they hold their own instances back.
    ``elsewhere``: clients of other addresses that have an image open (news, no sign).
    """

    network: Network
    sign: Sign
    rule: str
    eye: str = ''
    kernel_answers: bool = False
    answers: tuple[Answer, ...] = ()
    unasked: tuple[Image, ...] = ()
    unasked_more: int = 0
    elsewhere: tuple[str, ...] = ()
    clients: tuple[str, ...] = ()


@dataclass(frozen=True)
class Round:
    """One look at a suspect: both networks asked at one time, and the verdict."""

    at: str
    by: str
    management: Evidence
    storage: Evidence
    verdict: Verdict
    rule: str
    count: int = 1


# ---------------------------------------------------------------- the case


@dataclass(frozen=True)
class Step:
    """A change of stage: when (for people), by whom, to which stage, and why.

    ``row``: the row of the deciding table that said so, where there is one.
    """

    at: str
    by: str
    stage: str
    reason: str
    row: str = ''


@dataclass(frozen=True)
class AdmitProgress:
    """What has been done so far to take a confirmed host back.  Each field is set once."""

    asked_by: str
    boot_id: str = ''
    steps: tuple[str, ...] = ()
    unfenced: bool = False
    waiting_for: str = ''


@dataclass(frozen=True)
class Case:
    """The open file on a host.

    ``waited``: seconds of silence that count for the stage.  ``clients``: all that its looks saw.
    """

    host: str
    stage: Stage
    boot_id: str = ''
    waited: float = 0.0
    kernel_answered: bool = False
    verdict: Verdict = Verdict.UNDECIDED
    rounds: tuple[Round, ...] = ()
    road: tuple[Step, ...] = ()
    was_on: tuple[str, ...] = ()
    clients: tuple[str, ...] = ()
    recovery: str = ''
    admit: AdmitProgress | None = None


# ---------------------------------------------------------------- the recovery


@dataclass(frozen=True)
class FenceOrder:
    """What is to be cut off on one cluster: every address of the host, and its known clients."""

    fence: str
    cluster: str
    addresses: tuple[str, ...]
    clients: tuple[str, ...] = ()


@dataclass(frozen=True)
class Proof:
    """What was read back of a fence.  ``holds`` only if nothing of the order is missing."""

    fence: str
    cluster: str
    holds: bool
    reason: str


@dataclass(frozen=True)
class Recovery:
    """What is done about one confirmed failure; it outlives every leader.

    ``told_on``, ``told_off``: the instances of which Nova told so over its bus; its list decides.
    """

    id: str
    host: str
    stage: RecoveryStage
    orders: tuple[FenceOrder, ...] = ()
    checked: bool = False
    refused: tuple[str, ...] = ()
    instances: tuple[Instance, ...] = ()
    told_on: tuple[str, ...] = ()
    told_off: tuple[str, ...] = ()
    forced_by_us: bool = False
    waiting_for: str = ''
    road: tuple[Step, ...] = ()


class Phase(enum.Enum):
    """How far the evacuation of one instance is."""

    WAITING = 'waiting'            # no target yet: the reason says why
    QUEUED = 'queued'              # has a target; any worker may take it
    CALLING = 'calling'            # the attempt is committed, its call may be under way
    MOVING = 'moving'              # Nova has it
    REFUSED = 'refused'            # Nova refused or failed; the leader plans again
    DONE = 'done'                  # runs on its target, with its disk open there
    FAILED = 'failed'              # given up, with the reason
    LEFT = 'left'                  # was powered off: stays
    NOT_RECOVERABLE = 'not recoverable'

    @property
    def ended(self) -> bool:
        """True if nothing more happens to the instance in this recovery."""
        return self in (Phase.DONE, Phase.FAILED, Phase.LEFT, Phase.NOT_RECOVERABLE)


@dataclass(frozen=True)
class Attempt:
    """One call to Nova, persisted before it is made.

    ``target_started``: since when the target's nova-compute ran then, as its agent told.
    """

    number: int
    target: str
    worker: str = ''
    at: str = ''
    epoch: int = 0
    seen_before: tuple[str, ...] = ()
    target_started: str = ''
    result: str = ''


@dataclass(frozen=True)
class Evacuation:
    """The move of one instance: the queue's task, with its attempts and its result.

    ``row``: the row of the deciding table that gave the ``reason``, where there is one.
    """

    recovery: str
    instance: str
    name: str
    source: str
    phase: Phase
    power: Power = Power.ON
    target: str = ''
    images: tuple[Image, ...] = ()
    cores: int = 1
    memory_mb: int = 0
    epoch: int = 0
    attempts: tuple[Attempt, ...] = ()
    tried: tuple[str, ...] = ()
    reason: str = ''
    road: tuple[Step, ...] = ()
    project: str = ''
    opted_in: bool = False
    row: str = ''

    @property
    def attempt(self) -> Attempt | None:
        """The attempt in hand, if one was ever committed."""
        return self.attempts[-1] if self.attempts else None


# ---------------------------------------------------------------- raw answers of the networks


@dataclass(frozen=True)
class Client:
    """A watcher of an RBD image: address with nonce, and whether it acknowledged the ask."""

    address: str
    client_id: int
    acknowledged: bool

    @property
    def ip(self) -> str:
        """The address without port and nonce."""
        return self.address.rsplit('/', 1)[0].rsplit(':', 1)[0].strip('[]')


@dataclass(frozen=True)
class ImageAnswer:
    """What a cluster said of the clients of one image; ``error`` if it could not be asked."""

    image: Image
    clients: tuple[Client, ...] = ()
    error: str = ''


class Contact(enum.Enum):
    """How far an ask over the management network came."""

    ANSWERED = 'answered'
    REFUSED = 'refused'
    MUTE = 'mute'
    NOTHING = 'nothing'
    ERROR = 'error'


@dataclass(frozen=True)
class LibvirtAnswer:
    """What a host's libvirt answered: its UUID and the UUIDs of its domains, if it did."""

    contact: Contact
    host_uuid: str = ''
    domains: tuple[str, ...] = ()
    reason: str = ''
