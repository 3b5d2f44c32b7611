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

"""Live use: what a host measures of its cores and memory, and what of it the others are told.

::

    Reading, Reading, ...  (the kernel's counters, every few seconds)  -- the mean of a minute
        -> LiveUse, in steps of five percent, told anew only when it has truly changed
        -> the live side of ``Usage``, by which hosts are ranked (``selection``)

What does not fit by what is *set aside* is never placed, however idle a host says it is: live use
ranks, and does nothing else.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
import dataclasses
from dataclasses import dataclass
import math

from kaopu_ha.core.cloud import Usage

# Finer than that nobody ranks hosts, and each change is a write.
STEP_PERCENT = 5
# Of so long a mean is told: a burst makes no host a bad target.
WINDOW_SECONDS = 60.0
# The figure of a host that has not renewed it for so long counts no more.
AGE_SECONDS_MAX = 60


@dataclass(frozen=True)
class Reading:
    """What the kernel says at one time; the seconds count from its boot, over all cores."""

    cores: int
    busy_seconds: float
    all_seconds: float
    memory_mb: int
    memory_available_mb: int


@dataclass(frozen=True)
class LiveUse:
    """The value of ``use/<host>``: what a host has, and how many percent of it are in use.

    ``at``: since when it has been about so, for people; its lease says that it still is.
    """

    cores: int
    cores_percent: int
    memory_mb: int
    memory_percent: int
    at: str = ''

    @property
    def is_possible(self) -> bool:
        """False for figures that no host can have: they count as none."""
        return (self.cores > 0 and self.memory_mb > 0 and 0 <= self.cores_percent <= 100
                and 0 <= self.memory_percent <= 100)

    @property
    def usage(self) -> Usage:
        """The same in cores and megabytes."""
        return Usage(self.cores, self.cores * self.cores_percent / 100,
                     self.memory_mb, self.memory_mb * self.memory_percent / 100)


def told_anew(before: LiveUse | None, readings: Sequence[Reading], at: str) -> LiveUse | None:
    """What is to be told now: ``before`` itself while it is about right; None if nobody can say.

    It is right until the mean is a whole step away from it.  So a use that swings about the border
    of two steps is not written again and again.
    """
    if not readings:
        return None
    first, last = readings[0], readings[-1]
    passed = last.all_seconds - first.all_seconds
    if passed <= 0 or last.cores <= 0 or last.memory_mb <= 0:
        return None
    cores = _percent((last.busy_seconds - first.busy_seconds) / passed)
    free = sum(each.memory_available_mb / last.memory_mb for each in readings) / len(readings)
    memory = _percent(1 - free)
    if before is not None and (before.cores, before.memory_mb) == (last.cores, last.memory_mb) and (
            max(abs(cores - before.cores_percent),
                abs(memory - before.memory_percent)) <= STEP_PERCENT):
        return before
    return LiveUse(last.cores, _step(cores), last.memory_mb, _step(memory), at)


def joined(room: Mapping[str, Usage], told: Mapping[str, LiveUse],
           weight: float) -> dict[str, Usage]:
    """What is set aside on each host, with what it measures where that counts.

    ``weight``: how much of the rank is live use, from 0 to 1.
    """
    return {host: dataclasses.replace(
        usage, live=told[host].usage if host in told else None, live_weight=weight)
        for host, usage in room.items()}


# ---------------------------------------------------------------- private


def _percent(share: float) -> float:
    return 100 * min(max(share, 0.0), 1.0)


def _step(percent: float) -> int:
    return STEP_PERCENT * math.floor(percent / STEP_PERCENT + 0.5)
