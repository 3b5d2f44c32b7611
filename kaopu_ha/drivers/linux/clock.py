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

"""What the wall clock of this host was when it was booted, as systemd wrote it down."""

from __future__ import annotations

import calendar
from collections.abc import Sequence
import os
import subprocess
import time

AT_BOOT = ('systemctl', 'show', '--property=UserspaceTimestamp',
           '--property=UserspaceTimestampMonotonic')
_WRITTEN = '%a %Y-%m-%d %H:%M:%S UTC'
# Where there is no systemd, it is not looked for at each turn.
_AGAIN_SECONDS = 60.0


class ClockAtBoot:
    """Asks once in a boot.  Not more often than once in a minute, if it gets no answer."""

    def __init__(self, command: Sequence[str] = AT_BOOT) -> None:
        """Take the command that tells it."""
        self._command = tuple(command)
        self._zero: float | None = None
        self._asked_at: float | None = None

    def zero(self, limit: float) -> float | None:
        """What the clock would have shown when the kernel began to count; None if nobody says.

        In seconds since the epoch, up to a second too early.
        """
        now = time.monotonic()
        if self._zero is None and (
                self._asked_at is None or now - self._asked_at >= _AGAIN_SECONDS):
            self._asked_at, self._zero = now, self._asked(limit)
        return self._zero

    def _asked(self, limit: float) -> float | None:
        try:
            done = subprocess.run(self._command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                  stderr=subprocess.DEVNULL, timeout=limit, check=True, text=True,
                                  env=os.environ | {'TZ': 'UTC', 'LC_ALL': 'C'}, errors='replace')
            said = dict(line.split('=', 1) for line in done.stdout.splitlines())
            wall = calendar.timegm(time.strptime(said['UserspaceTimestamp'], _WRITTEN))
            return wall - int(said['UserspaceTimestampMonotonic']) / 1e6
        except (OSError, subprocess.SubprocessError, ValueError, KeyError):
            return None
