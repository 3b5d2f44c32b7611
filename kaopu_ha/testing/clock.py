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

"""The clocks of a suite: the real ones, unless a driver under test lives on a false one.

Whether a call kept its limit can be asked of a busy machine only by a clock that does not count
what the machine kept everybody waiting for: ``calm``.
"""

from __future__ import annotations

import contextlib
import pathlib
import re
import time

# What the kernel tells of itself: for how many microseconds something had to wait.
_PRESSURES = tuple(pathlib.Path('/proc/pressure', kind) for kind in ('cpu', 'io', 'memory'))
_SOMEBODY_WAITED = re.compile(r'^some .* total=(\d+)$', re.MULTILINE)


def calm() -> float:
    """The seconds of a clock that stands still while anything waits for a processor or a disk.

    So a call that sleeps past its limit is seen, and one that was kept from running is not
    blamed.  Where the kernel does not tell its pressure it is a plain clock.
    """
    return time.monotonic() - sum(map(_waited_seconds, _PRESSURES))


def _waited_seconds(pressure: pathlib.Path) -> float:
    with contextlib.suppress(OSError):
        found = _SOMEBODY_WAITED.search(pressure.read_text())
        return int(found[1]) / 1e6 if found else 0.0
    return 0.0


class Clocked:
    """A suite that waits and measures.  A driver on a false clock overrides now and sleep."""

    def now(self) -> float:
        """The seconds of a clock that never goes back."""
        return time.monotonic()

    def calm(self) -> float:
        """The seconds of a clock for limits; a false clock is never busy."""
        return calm() if type(self).now is Clocked.now else self.now()

    def sleep(self, seconds: float) -> None:
        """Let time go by."""
        time.sleep(seconds)
