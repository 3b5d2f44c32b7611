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

"""The closed list of facts worth telling.

What is logged, counted, sent and shown comes from here; nobody logs a decision by hand.
"""

from __future__ import annotations

from dataclasses import dataclass
import enum


class Fact(enum.Enum):
    """A kind of fact, with the level at which it is told: 'info', 'warning' or 'error'."""

    LEADER = ('leader', 'info')
    CASE_OPENED = ('case opened', 'warning')
    CASE_CLOSED = ('case closed', 'info')
    STAGE = ('stage', 'warning')
    LIFE_SPARED = ('life spared the host', 'warning')
    AGENT_LOST = ('agent lost', 'warning')
    CUT_OFF = ('cut off from management', 'warning')
    UNDECIDED = ('undecided', 'warning')
    STORAGE_LOST = ('storage lost', 'warning')
    STORAGE_BACK = ('storage back', 'info')
    REBOOTED = ('rebooted', 'warning')
    LEAVING = ('host is being shut down', 'warning')
    RESTART = ('instances start again', 'warning')
    RESTARTED = ('instance runs again', 'info')
    NOT_RESTARTED = ('instance not started again', 'error')
    CRASHED = ('guest crashed', 'warning')
    STUCK = ('guest stuck', 'warning')
    HUNG = ('guest hung', 'warning')
    MANY_CRASHED = ('many guests crashed', 'error')
    COMPUTE_DOWN = ('nova-compute down', 'warning')
    BRAKE_ON = ('brake on', 'error')
    BRAKE_HOLDS = ('brake holds', 'error')
    BRAKE_OFF = ('brake off', 'info')
    CONFIRMED = ('confirmed dead', 'error')
    NOT_FENCED = ('address not fenced', 'error')
    FENCE_WAITS = ('fence waits', 'error')
    PROVEN = ('fence proven', 'info')
    FENCE_GROWS = ('fence grows', 'warning')
    REFENCED = ('fence mended', 'error')
    WORD_GIVEN = ('goes on by a person\'s word', 'warning')
    WORD_ENDED = ('a person\'s word ended', 'error')
    ACTED_LATE = ('acted too late', 'error')
    PLANNED = ('planned', 'info')
    EVACUATING = ('evacuating', 'info')
    WAITS = ('instance waits', 'warning')
    MOVED = ('instance moved', 'info')
    NOT_NOTED = ('move not noted', 'warning')
    STATE_RESET = ('state reset', 'warning')
    REFUSED = ('target refused', 'warning')
    LEFT = ('instance left', 'info')
    LEFT_BY_POLICY = ('left by the policy', 'info')
    WRONG_MARK = ('mark not understood', 'warning')
    NOT_MOVED = ('instance not moved', 'error')
    FINISHED = ('recovery finished', 'info')
    GIVEN_UP = ('given up by a person', 'warning')
    RETRIED = ('tried again for a person', 'info')
    ENDED = ('recovery ended by a person', 'warning')
    WISH_REFUSED = ('wish refused', 'warning')
    STILL_WAITS = ('still waits', 'warning')
    STILL_DOWN = ('still down', 'error')
    UNPROTECTED = ('unprotected', 'warning')
    PROTECTED = ('protected again', 'info')
    CLOUD_AWAY = ('cloud away', 'warning')
    TAKES = ('reserved host asked for', 'warning')
    TAKEN = ('reserved host taken', 'warning')
    NOT_TAKEN = ('reserved host not taken', 'error')
    PASSED_OVER = ('host passed over', 'error')
    STORE_AWAY = ('store away', 'error')
    STORE_BACK = ('store back', 'info')
    ADMIT_STEP = ('admit step', 'info')
    ADMIT_ENDED = ('admission ended', 'error')
    ADMIT_REFUSED = ('admit refused', 'warning')
    ADMITTED = ('admitted', 'info')
    MISBELIEVED = ('Nova or Placement is wrong', 'warning')
    RELEASED = ('allocation taken back', 'warning')
    CARED_FOR = ('aftercare ended', 'info')
    RECORD = ('unreadable record', 'error')
    # An agent's, of its own host.
    BEATS = ('beats', 'info')
    NO_BEAT = ('does not beat', 'warning')
    BEAT_REFUSED = ('beat refused', 'error')
    BEAT_LAPSED = ('beat lapsed', 'warning')
    BEAT_TAKEN_OVER = ('beat taken over', 'info')
    HINDERED = ('agent hindered', 'warning')
    GOES_ON = ('agent goes on', 'info')
    LIBVIRT_MUTE = ('libvirt mute', 'warning')
    LIBVIRT_BACK = ('libvirt answers again', 'info')
    GOES_DOWN = ('system goes down', 'warning')
    STAYS_UP = ('system stays up', 'warning')
    REQUEST_DONE = ('request done', 'info')
    REQUEST_FAILED = ('request failed', 'warning')

    @property
    def level(self) -> str:
        """The level at which the fact is logged."""
        return self.value[1]

    @property
    def title(self) -> str:
        """The fact in a few words."""
        return self.value[0]

    @property
    def key(self) -> str:
        """What metrics and notices call it, which outlives our words."""
        return 'fence_mended' if self is Fact.REFENCED else self.name.lower()

    @property
    def is_of_an_agent(self) -> bool:
        """True for what an agent tells of its own host: its texts are whole sentences."""
        return self in _OF_AGENTS


_OF_AGENTS = frozenset({
    Fact.BEATS, Fact.NO_BEAT, Fact.BEAT_REFUSED, Fact.BEAT_LAPSED, Fact.BEAT_TAKEN_OVER,
    Fact.HINDERED, Fact.GOES_ON, Fact.LIBVIRT_MUTE, Fact.LIBVIRT_BACK, Fact.GOES_DOWN,
    Fact.STAYS_UP, Fact.REQUEST_DONE, Fact.REQUEST_FAILED})


@dataclass(frozen=True)
class Outcome:
    """How the move of one instance ended, as values for those who are told of it.

    ``result`` is the phase it ended in.  The times are for people: ``silent_since`` is when the
    first of the looks was taken in which its host showed no life any more.
    """

    instance: str
    name: str
    project: str
    opted_in: bool
    result: str
    reason: str
    source: str
    target: str
    silent_since: str
    confirmed_at: str
    ended_at: str


@dataclass(frozen=True)
class DeadInstance:
    """An instance that is surely dead, as values for those who are told of it: see
    ``core.surely_dead``.

    ``fenced_at``: when it was proven that its host can't write to any of its disks any more.
    ``is_moved``: it is to run again elsewhere, and so comes back within a minute.
    """

    instance: str
    name: str
    project: str
    opted_in: bool
    source: str
    silent_since: str
    fenced_at: str
    is_moved: bool


@dataclass(frozen=True)
class News:
    """One fact about one host (or about the program itself), as a sentence."""

    fact: Fact
    host: str
    text: str
    outcomes: tuple[Outcome, ...] = ()
    dead: tuple[DeadInstance, ...] = ()

    @property
    def line(self) -> str:
        """As people read it: about whom, what, and the text; an agent's names its host itself."""
        if self.fact.is_of_an_agent:
            return self.text
        about = f'{self.host}: ' if self.host else ''
        return f'{about}{self.fact.title}: {self.text}'
