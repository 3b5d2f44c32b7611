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

"""The phases of an evacuation, the move of one instance."""

from __future__ import annotations

import enum


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
        return self in _ENDED


_ENDED = (Phase.DONE, Phase.FAILED, Phase.LEFT, Phase.NOT_RECOVERABLE)


class RecoveryStage(enum.Enum):
    """How far the recovery of a confirmed host has gone."""

    FENCING = 'fencing'
    PROVEN = 'proven'
    PLANNED = 'planned'
    EVACUATING = 'evacuating'
    FINISHED = 'finished'

    @property
    def early(self) -> bool:
        """True while nothing is planned yet: the host is still to be fenced."""
        return self in (RecoveryStage.FENCING, RecoveryStage.PROVEN)

    @property
    def fencing(self) -> bool:
        """True while the fence has never held."""
        return self is RecoveryStage.FENCING

    @property
    def proven(self) -> bool:
        """True once its fence has held, while nothing is planned yet."""
        return self is RecoveryStage.PROVEN

    @property
    def planned(self) -> bool:
        """True of a plan of which nothing is under way yet."""
        return self is RecoveryStage.PLANNED

    @property
    def moving(self) -> bool:
        """True while workers may carry out what is planned."""
        return self in (RecoveryStage.PLANNED, RecoveryStage.EVACUATING)

    @property
    def finished(self) -> bool:
        """True when nothing is left to be done, but to keep the fence."""
        return self is RecoveryStage.FINISHED


class Power(enum.Enum):
    """The power of an instance, as its host's libvirt knows it."""

    ON = 'on'
    PAUSED = 'paused'
    OFF = 'off'
