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

"""What a recovery sees, and what it may decide: the values of ``core.recovery``."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
import dataclasses
from dataclasses import dataclass, field
import enum
import functools
import math

from kaopu_ha.core import addresses, circles, demands, model, roads, selection
from kaopu_ha.core.model import Case, Evacuation, Phase, Recovery, RecoveryStage
from kaopu_ha.core.news import Fact, News


class Act(enum.Enum):
    """What the leader does now.  All but the last three are followed by another look."""

    ASK_FORBIDDEN = 'ask what must not be cut'
    FENCE = 'cut, and read back'
    READ_BACK = 'read the fence back'
    ASK_HOST = 'ask whether its libvirt answers'
    MARK = 'show the proof'
    UNMARK = 'end the proof'
    ASK_SERVICES = 'ask for the compute services'
    FORCE_DOWN = 'force the compute service down'
    LIST = 'list the servers, and the targets'
    ASK_TARGETS = 'ask for the targets'
    REPLAN = 'write the new plan'
    COMMIT = 'write, and look at everything again'
    WAIT = 'write what is waited for'
    REST = 'nothing'


# What decides whether it is worth to plan again: compared for equality, nothing else.
Standing = tuple[object, ...]


class MovesSeen(tuple[Evacuation, ...]):
    """The moves of all recoveries at one time; what is asked of them for each is found once."""

    def of(self, recovery: str) -> Sequence[Evacuation]:
        """Those of one recovery, in their order."""
        return self._of_each.get(recovery, ())

    def to(self, host: str) -> Sequence[Evacuation]:
        """Those with this target, in their order."""
        return self._to_each.get(host, ())

    @functools.cached_property
    def open(self) -> frozenset[tuple[str, str, bool, str]]:
        """Those that have not ended: recovery, instance, whether it lacks a target, and which."""
        return frozenset((item.recovery, item.instance, item.phase in UNPLANNED, item.target)
                         for item in self if not item.phase.ended)

    def after(self, before: MovesSeen) -> MovesSeen:
        """The same, which knows what is as it was ``before``: so it is quickly compared."""
        if self == before:
            return before
        if self.open == before.open:
            self.open = before.open
        return self

    @functools.cached_property
    def _of_each(self) -> Mapping[str, Sequence[Evacuation]]:
        found: dict[str, list[Evacuation]] = {}
        for item in self:
            found.setdefault(item.recovery, []).append(item)
        return found

    @functools.cached_property
    def _to_each(self) -> Mapping[str, Sequence[Evacuation]]:
        found: dict[str, list[Evacuation]] = {}
        for item in self:
            found.setdefault(item.target, []).append(item)
        return found


UNPLANNED = (Phase.WAITING, Phase.REFUSED)


@dataclass(frozen=True)
class Plan:
    """What a plan changes, of all recoveries; ``whole``: all that wait were looked at."""

    changed: tuple[Evacuation, ...]
    whole: bool


@dataclass(frozen=True)
class Seen:
    """What the leader saw.  None: not asked in this turn; ``advance`` says when it must be.

    ``wanted``: the orders that its newest inventory and its known clients give.  ``claimed``: for
    each IP address the hosts whose inventories name it; ``claims``: since when, as it was written
    down.  ``evacuations``: of all recoveries.
    ``dead``: see ``dead_hosts``.  ``marked``: the proof is shown.  ``fresh``: this leader read the
    fence back a moment ago.  ``cut``, ``forced``: what it has done in this turn.  ``told``: the
    newest event about any host.  ``rested``: see ``evacuation.Seen``.  ``planned``: how things
    stood at this leader's last plan, and for how many seconds its last whole plan has stood.
    ``stopped``: of the servers those that their users had stopped.  ``places``: see
    ``evacuation.Seen``.  ``inventory_revision``: of what the host told last; ``answers``: its
    libvirt does.  ``unfenced``: why nothing was learned of its fence.  ``answering``: for how many
    seconds the store has answered since it was away.
    ``plan``: what was planned in this look for all.  ``safe``: of other recoveries the clusters to
    which their hosts can't write.  ``soon``: what is listed in a moment, of hosts that were proven
    together with this one.  ``grouping``: see ``evacuation.Seen``.
    """

    at: str
    by: str
    epoch: int
    case: Case | None = None
    inventory: model.Inventory | None = None
    wanted: Sequence[model.FenceOrder] = ()
    claimed: Mapping[str, Collection[str]] = field(default_factory=dict)
    claims: addresses.Claims = field(default_factory=dict)
    evacuations: Iterable[Evacuation] = ()
    dead: frozenset[str] = frozenset()
    marked: bool = False
    fresh: bool = False
    cut: bool = False
    forced: bool = False
    told: int = 0
    rested: Mapping[tuple[str, str, int], float] | None = None
    planned: tuple[Standing, float] | None = None
    forbidden: Mapping[str, str] | None = None
    proofs: Sequence[model.Proof] | None = None
    services: Mapping[str, model.ComputeService] | None = None
    servers: Sequence[model.Server] | None = None
    stopped: Collection[str] = ()
    candidates: tuple[selection.Candidate, ...] | None = None
    places: demands.Places = demands.NOWHERE_SAID
    inventory_revision: int = 0
    answers: bool | None = None
    unfenced: str = ''
    answering: float = math.inf
    plan: Plan | None = None
    safe: Mapping[str, frozenset[str]] = field(default_factory=dict)
    soon: Sequence[Evacuation] = ()
    grouping: circles.Grouping = circles.UNGROUPED

    @property
    def moves(self) -> MovesSeen:
        """The evacuations."""
        assert isinstance(self.evacuations, MovesSeen), type(self.evacuations)
        return self.evacuations

    def __post_init__(self) -> None:
        if not isinstance(self.evacuations, MovesSeen):
            object.__setattr__(self, 'evacuations', MovesSeen(self.evacuations))


@dataclass(frozen=True)
class Decision:
    """The act; what is to be written, and told once it is.

    ``proven``: the proof is written with it; ``unproven``: it ends with it.  ``plan``: the plan for
    all, of which these evacuations are.
    """

    act: Act
    recovery: Recovery
    evacuations: tuple[Evacuation, ...] = ()
    news: tuple[News, ...] = ()
    proven: bool = False
    unproven: bool = False
    plan: Plan | None = None


def go(recovery: Recovery, stage: RecoveryStage, seen: Seen, reason: str,
       news: News) -> Decision:
    """Write the next stage, and tell."""
    gone = roads.step_of_recovery(recovery, stage, seen.at, seen.by, reason)
    return Decision(Act.COMMIT, gone, news=(news,))


def waits(recovery: Recovery, reason: str, fact: Fact = Fact.CLOUD_AWAY) -> Decision:
    """Persist and tell what is waited for, once; an empty reason ends the waiting."""
    if recovery.waiting_for == reason:
        return Decision(Act.REST, recovery)
    news = (News(fact, recovery.host, f'{recovery.stage.value}: {reason}'),)
    return Decision(Act.WAIT, dataclasses.replace(recovery, waiting_for=reason),
                    news=news if reason and not recovery.waiting_for else ())
