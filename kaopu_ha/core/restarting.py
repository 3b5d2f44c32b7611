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

"""What a start in place is, sees and may decide: the values of ``core.restart``."""

from __future__ import annotations

from dataclasses import dataclass
import enum

from kaopu_ha.core import model
from kaopu_ha.core.news import News


class StartPhase(enum.Enum):
    """How far the start of one instance is."""

    WAITING = 'waiting'
    STARTING = 'starting'
    RUNS = 'runs'
    LEFT = 'left'
    FAILED = 'failed'
    WAVED_OFF = 'waved off'

    @property
    def settled(self) -> bool:
        """True if nothing more is done, nor awaited."""
        return self in (StartPhase.RUNS, StartPhase.LEFT, StartPhase.WAVED_OFF)


ROADS: dict[StartPhase, frozenset[StartPhase]] = {
    StartPhase.WAITING: frozenset({StartPhase.STARTING, StartPhase.RUNS, StartPhase.LEFT,
                                   StartPhase.FAILED,
                                   StartPhase.WAVED_OFF}),
    StartPhase.STARTING: frozenset({StartPhase.WAITING, StartPhase.RUNS, StartPhase.LEFT,
                                    StartPhase.FAILED,
                                    StartPhase.WAVED_OFF}),
    StartPhase.FAILED: frozenset({StartPhase.STARTING, StartPhase.RUNS, StartPhase.LEFT,
                                  StartPhase.WAVED_OFF,
                                  StartPhase.WAITING}),
    StartPhase.RUNS: frozenset(), StartPhase.LEFT: frozenset(),
    StartPhase.WAVED_OFF: frozenset({StartPhase.WAITING}),
}


@dataclass(frozen=True)
class Start:
    """One instance that is to run again.  ``calls`` counts those that were committed.

    ``crashed``: its guest went off by itself, got stuck or hung, on a host that lived.
    ``resumed``: its last call asked its host's agent to resume it.  ``run``: in which it was stuck
    at that call, or before any; '' if it was off.  ``hung``: its watchdog had paused it.
    """

    instance: str
    name: str
    phase: StartPhase
    reason: str = ''
    calls: int = 0
    at: str = ''
    crashed: bool = False
    resumed: bool = False
    run: str = ''
    hung: bool = False


@dataclass(frozen=True)
class Restart:
    """The value of ``restart/<host>``: what is started again in the host's boot ``boot_id``."""

    host: str
    boot_id: str
    starts: tuple[Start, ...] = ()
    history: tuple[model.Step, ...] = ()

    @property
    def unsettled(self) -> tuple[Start, ...]:
        """The instances that do not run, and of which nobody said that they need not."""
        return tuple(start for start in self.starts if not start.phase.settled)


class Act(enum.Enum):
    """What the controller does now."""

    NOTE = 'note what is so'
    START = 'start it'
    START_ANEW = 'start it by a hard reboot'
    RESUME = 'have its host resume it'
    WAIT = 'wait'

    @property
    def calls(self) -> bool:
        """True if something is done to the instance."""
        return self not in (Act.NOTE, Act.WAIT)


@dataclass(frozen=True)
class Seen:
    """What a leader saw of one instance.

    ``power``: as this boot's libvirt says (OFF if it does not know it), None if it does not answer.
    ``server`` is None if Nova has none; ``actions`` are newest first.  ``barred``: why nothing may
    be started on the host now.  ``moving``: why the instance itself may not be, and ``elsewhere``:
    why it may run elsewhere.  ``stuck``: an I/O error paused it, in the run ``run`` ('' if its
    host's agent can't resume it, or doesn't say), and ``answer`` is what that said of the last
    resume; ``storage_lost``: its host does not reach all of its storage.  ``hung``: its watchdog
    paused it.  ``seconds`` passed since the last call, or since it was first seen off: this
    leader's count, so late is possible, early is not.
    """

    at: str
    host: str
    power: model.Power | None
    server: model.Server | None
    service: model.ComputeService | None
    actions: tuple[model.Action, ...] = ()
    barred: str = ''
    moving: str = ''
    elsewhere: str = ''
    stuck: bool = False
    run: str = ''
    answer: str = ''
    hung: bool = False
    storage_lost: bool = False
    seconds: float = 0.0


@dataclass(frozen=True)
class Decision:
    """The start as it is to be written, what to do when it is, what to tell, and who takes it."""

    start: Start
    act: Act
    news: tuple[News, ...] = ()
    hands_to: str = ''
