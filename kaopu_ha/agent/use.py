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

"""Live use: ``use/<host>`` under a lease of its own, by which hosts may be ranked.

Each turn reads the kernel's counters.  The lease is renewed only by a turn that could read them,
and only while what is written is still about right: a figure that nobody keeps up lapses within a
minute, whatever became of this thread, of the kernel or of the store.  No reader has to know how
late it is here.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

from kaopu_ha import ports, records
from kaopu_ha.agent.runtime import HostRuntime
from kaopu_ha.agent.trouble import Trouble
from kaopu_ha.core import live
from kaopu_ha.core.live import LiveUse, Reading

# Between two readings: a renewal each, six of which make the mean.
READING_SECONDS = 10.0
# A mean of less time than that is none yet.
_READINGS_MIN = 3
# The record is read again after this time: a person may have deleted it.
_LOOK_SECONDS = 60.0
_RENEW_SECONDS = 3.0


class UsePublisher:
    """Publishes what a host uses, while it beats.  For one thread."""

    def __init__(self, env: HostRuntime, read: Callable[[], Reading], *, interval: float,
                 beats: Callable[[], bool], reading_seconds: float = READING_SECONDS,
                 window: float = live.WINDOW_SECONDS, ttl: int = live.AGE_SECONDS_MAX) -> None:
        """Take what reads the counters (PortError if it can't), and how often may be written.

        ``beats`` says whether the host does; it never waits.
        """
        self._store, self._key, self._read = env.store, records.USE + env.host, read
        self._interval, self._beats = interval, beats
        self._clock, self._now = env.clock, env.now
        self._reading_seconds, self._ttl = reading_seconds, ttl
        self._readings: deque[Reading] = deque(maxlen=round(window / reading_seconds) + 1)
        self._told: LiveUse | None = None
        self._lease, self._lapses_at = 0, float('-inf')
        self._write_at = self._look_at = float('-inf')
        self._trouble = Trouble(env, f'the live use of {env.host} is', 'published')

    @property
    def trouble(self) -> str:
        """Why the live use is not published, '' while it is."""
        return self._trouble.why

    def turn(self) -> float:
        """Read, and publish what has changed; the seconds until the next turn.  Raises nothing."""
        began, trouble = self._clock(), ''
        try:
            self._readings.append(self._read())
            if self._beats() and len(self._readings) >= _READINGS_MIN:
                self._publish()
        except ports.PortError as failure:
            trouble = str(failure)
        self._trouble.note(trouble)
        return max(began + self._reading_seconds - self._clock(), 0.1)

    # ------------------------------------------------------------ private

    def _publish(self) -> None:
        now = self._clock()
        if now >= self._lapses_at:
            self._lease, self._told = 0, None
        figure = live.told_anew(self._told, self._readings, self._now())
        if figure is None:
            raise ports.PortError('the counters of the kernel stand still')
        if self._told is not None and now >= self._look_at:
            self._look()
        if self._told is None or (figure != self._told and now >= self._write_at):
            # Not renewed before it is written: a store that takes renewals only (its quota is
            # used up) must not keep a figure that is wrong by now.
            self._write(figure)
        elif self._store.renew(self._lease, _RENEW_SECONDS) > 0:
            self._lapses_at = now + self._ttl
        else:
            self._lease = 0
            self._write(figure)

    def _look(self) -> None:
        entry = self._store.read(self._key).get(self._key)
        if entry is None or entry.lease != self._lease:
            self._told = None
        self._look_at = self._clock() + _LOOK_SECONDS

    def _write(self, figure: LiveUse) -> None:
        now = self._clock()
        if not self._lease:
            self._lease, self._lapses_at = self._store.grant(self._ttl), now + self._ttl
        self._told = None
        self._store.commit([], [ports.Put(self._key, records.encode(figure), self._lease)])
        self._told, self._write_at = figure, now + self._interval
        self._look_at = now + _LOOK_SECONDS
