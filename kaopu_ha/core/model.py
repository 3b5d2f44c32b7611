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
(``doc/source/contributor/words.rst``).

::

    Inventory (what a host told of itself) -- Instance -- Image
    Case      (is this host dead?)         -- Round -- Evidence
    Recovery  (what is done about it)      -- FenceOrder, Evacuation -- Attempt
"""

from __future__ import annotations

from dataclasses import dataclass, field
import enum
from typing import Any

from kaopu_ha.core.answers import Client as Client
from kaopu_ha.core.answers import Contact as Contact
from kaopu_ha.core.answers import Image as Image
from kaopu_ha.core.answers import ImageAnswer as ImageAnswer
from kaopu_ha.core.answers import LibvirtAnswer as LibvirtAnswer
from kaopu_ha.core.cloud import Action as Action
from kaopu_ha.core.cloud import Allocations as Allocations
from kaopu_ha.core.cloud import ComputeService as ComputeService
from kaopu_ha.core.cloud import Mark as Mark
from kaopu_ha.core.cloud import Migration as Migration
from kaopu_ha.core.cloud import Room as Room
from kaopu_ha.core.cloud import Server as Server
from kaopu_ha.core.cloud import Share as Share
from kaopu_ha.core.cloud import Source as Source
from kaopu_ha.core.cloud import Usage as Usage
from kaopu_ha.core.demands import Demand as Demand
from kaopu_ha.core.phase import Phase as Phase
from kaopu_ha.core.phase import Power as Power
from kaopu_ha.core.phase import RecoveryStage as RecoveryStage
from kaopu_ha.core.policy import Policy as Policy
from kaopu_ha.core.policy import Priority as Priority
from kaopu_ha.core.proofs import Proof as Proof
from kaopu_ha.core.proofs import Word as Word
from kaopu_ha.core.rules import OnCrash as OnCrash
from kaopu_ha.core.rules import OnHung as OnHung
from kaopu_ha.core.rules import OnStuck as OnStuck
from kaopu_ha.core.rules import Rules as Rules
from kaopu_ha.core.signs import Answer as Answer
from kaopu_ha.core.signs import Evidence as Evidence
from kaopu_ha.core.signs import Network as Network
from kaopu_ha.core.signs import Round as Round
from kaopu_ha.core.signs import Sign as Sign
from kaopu_ha.core.signs import Verdict as Verdict


class Stage(enum.Enum):
    """How far the case on a host has gone."""

    SUSPECTED = 'suspected'
    DYING = 'dying'
    LOCKED = 'locked'
    LAST_LOOK = 'last look'
    CONFIRMED = 'confirmed'
    ADMITTING = 'admitting'
    CLOSED = 'closed'


# ---------------------------------------------------------------- what a host tells of itself


@dataclass(frozen=True)
class Instance:
    """A Nova server, or a domain without Nova, as its host sees it.

    ``untold``: the host's libvirt told that it runs, its agent never told of it: a leader's note.
    """

    uuid: str
    name: str
    power: Power
    images: tuple[Image, ...] = ()
    local_disks: tuple[str, ...] = ()
    cores: int = 0
    memory_mb: int = 0
    untold: bool = False


@dataclass(frozen=True)
class Inventory:
    """What the agent of a host published last; it outlives the host.

    ``storage`` holds the host's own sign for each Ceph cluster, by fsid.  ``interrupted``: what was
    on when an earlier boot ended, and was not seen on since.  ``off_lately``: what went off just
    now, by its user's wish or with its host.  ``leaving``: the host is being shut down in good
    order, and its instances are told as they were before.  ``left_defined``: domains that are off
    and older than the nova-compute that was ``compute_started``.  ``crashed``: those that are off
    because their guests went off by themselves, as libvirt says.  ``stuck``: those that an I/O
    error of a disk paused, and ``stuck_runs`` the ids of their runs, for an agent that resumes.
    ``compute_gone``: its nova-compute has not run for a minute.  ``hung``: instances that were
    paused by their own watchdogs.
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
    interrupted: tuple[str, ...] = ()
    off_lately: tuple[str, ...] = ()
    leaving: bool = False
    left_defined: tuple[str, ...] = ()
    crashed: tuple[str, ...] = ()
    stuck: tuple[str, ...] = ()
    stuck_runs: dict[str, str] = field(default_factory=dict)
    compute_gone: bool = False
    hung: tuple[str, ...] = ()

    @property
    def on(self) -> tuple[Instance, ...]:
        """What counts as on if the host is lost now: what is, and what it may have taken along."""
        lately = (*self.interrupted, *self.off_lately)
        return tuple(one for one in self.instances if one.power is not Power.OFF
                     or one.uuid in lately)

    @property
    def images(self) -> tuple[Image, ...]:
        """Every image that these instances have open, once each, sorted."""
        return tuple(sorted({image for instance in self.on for image in instance.images}))

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


# ---------------------------------------------------------------- the case


@dataclass(frozen=True)
class Step:
    """A change of stage: when (for people), by whom, to which stage, and why.

    ``row``: the row of the deciding table that said so, where there is one.  ``read_at``: when the
    round was asked on which it was decided, where it was one.
    """

    at: str
    by: str
    stage: str
    reason: str
    row: str = ''
    read_at: str = ''


@dataclass(frozen=True)
class AdmitProgress:
    """What has been done so far to take a confirmed host back.  Each field is set once, but what
    is waited for now; ``needs_operator``: nothing that the program may do ends that wait.
    """

    asked_by: str
    boot_id: str = ''
    steps: tuple[str, ...] = ()
    unfenced: bool = False
    waiting_for: str = ''
    needs_operator: bool = False


@dataclass(frozen=True)
class Case:
    """The open file on a host.

    ``waited``: seconds of silence that count for the stage.  ``clients``: all that its looks saw.
    ``guests``: the domains that ran when its libvirt answered last, at ``guests_at`` ('': never).
    ``beat_at``: when a leader saw its beat last, for people ('': not known), and ``behind``: why
    its inventory was not kept up by then, as that beat said.  ``went_off``: those that ran before
    and that it tells no more, each with how many answers said so.  ``word``: a person's.
    """

    host: str
    stage: Stage
    boot_id: str = ''
    waited: float = 0.0
    kernel_answered: bool = False
    verdict: Verdict = Verdict.UNDECIDED
    rounds: tuple[Round, ...] = ()
    history: tuple[Step, ...] = ()
    on_at_opening: tuple[str, ...] = ()
    clients: tuple[str, ...] = ()
    guests: tuple[str, ...] = ()
    guests_at: str = ''
    beat_at: str = ''
    behind: str = ''
    went_off: dict[str, int] = field(default_factory=dict, hash=False)
    recovery: str = ''
    admit: AdmitProgress | None = None
    word: Word | None = None


# ---------------------------------------------------------------- the recovery


@dataclass(frozen=True)
class FenceOrder:
    """What is to be cut off on one cluster: every address of the host, and its known clients.

    ``held`` and ``held_clients`` may not be cut yet: it is asked again and again whether they may.
    """

    fence: str
    cluster: str
    addresses: tuple[str, ...]
    clients: tuple[str, ...] = ()
    held: tuple[str, ...] = ()
    held_clients: tuple[str, ...] = ()


@dataclass(frozen=True)
class Recovery:
    """What is done about one confirmed failure; it outlives every leader.

    ``on_by_nova``, ``off_by_nova``: the instances of which Nova told so over its bus; its list
    decides.  ``checked``: it was asked of everything in the orders whether it may be cut.
    ``refused``: why something in them may not be cut now.  ``word``: a person's, in the place of a
    proof.
    """

    id: str
    host: str
    stage: RecoveryStage
    orders: tuple[FenceOrder, ...] = ()
    checked: bool = False
    refused: tuple[str, ...] = ()
    instances: tuple[Instance, ...] = ()
    on_by_nova: tuple[str, ...] = ()
    off_by_nova: tuple[str, ...] = ()
    forced_by_us: bool = False
    waiting_for: str = ''
    history: tuple[Step, ...] = ()
    word: Word | None = None


@dataclass(frozen=True)
class Attempt:
    """One call to Nova, persisted before it is made.

    ``target_started``: since when the target's nova-compute ran then, as its agent told.
    ``calls``: how often Nova was called for it; each call is counted before it is made.
    """

    number: int
    target: str
    worker: str = ''
    at: str = ''
    epoch: int = 0
    seen_before: tuple[str, ...] = ()
    target_started: str = ''
    result: str = ''
    calls: int = 0


@dataclass(frozen=True)
class Evacuation:
    """The move of one instance: the queue's task, with its attempts and its result.

    ``row``: the row of the deciding table that gave the ``reason``, where there is one.
    ``tried``: every target that was ever given up; ``passed_over``: those that are not asked again
    in this round; ``failures``: of hosts in this round; ``rounds``: how many ended without success.
    ``set_aside``: how often it was put aside in this phase, for it only waited, and ``waited``: the
    seconds that its workers saw it wait for the present call.  ``given_up``: the person who said
    that it need not be moved any more.  ``clients``: at addresses of nobody, listed and silent
    before the first call; they are to be fenced with the source.  ``priority``: as the policy said
    when it was listed, ``marked`` by which mark; ``wrong_marks``: those that nobody understands.
    ``demand``: what it asks of its host, None if nobody told; ``refused``: those of ``passed_over``
    that Nova did not let it on.  ``reserve``: the reserved host that it waits to have taken.
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
    history: tuple[Step, ...] = ()
    project: str = ''
    opted_in: bool = False
    row: str = ''
    passed_over: tuple[str, ...] = ()
    failures: int = 0
    rounds: int = 0
    set_aside: int = 0
    waited: float = 0.0
    given_up: str = ''
    clients: tuple[str, ...] = ()
    priority: Priority = Priority.NORMAL
    marked: str = ''
    wrong_marks: tuple[str, ...] = ()
    demand: Demand | None = None
    refused: tuple[str, ...] = ()
    reserve: str = ''

    def replace(self, **changed: Any) -> Evacuation:
        """The same but for these fields.

        Sooner than ``dataclasses.replace``, which asks of each field whether it may be given: of a
        plan, which changes thousands, that was a third.
        """
        return Evacuation(**vars(self) | changed)

    @property
    def attempt(self) -> Attempt | None:
        """The attempt in hand, if one was ever committed."""
        return self.attempts[-1] if self.attempts else None
