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

"""Processes that were killed and have not ended: each waits in the kernel for a device.

Such a process acts no more: it is dead before its next instruction.  But it keeps its memory until
the device answers, and whoever starts another one in its place each time fills the machine.
"""

from __future__ import annotations

import subprocess
import threading

from kaopu_ha import ports

# A process that was killed ends at once, or when the kernel has done what it waits for.
END_SECONDS = 0.5


class Undead:
    """Ends processes of one kind, and bounds how many of them may be left.  Safe for threads."""

    def __init__(self, most: int) -> None:
        self._most, self._mutex = most, threading.Lock()
        self._left: list[subprocess.Popen[bytes]] = []

    def end(self, process: subprocess.Popen[bytes], seconds: float = END_SECONDS) -> None:
        """Kill it, and take it away, within so many seconds or when it has ended."""
        process.kill()
        try:
            process.wait(timeout=max(seconds, 0.0))
        except subprocess.TimeoutExpired:
            with self._mutex:
                self._left.append(process)

    def check(self) -> None:
        """Raise PortError if so many are left that none more is to be started."""
        with self._mutex:
            self._left = [each for each in self._left if each.poll() is None]
            count = len(self._left)
        if count >= self._most:
            raise ports.PortError(f'{count} processes for it were killed and wait in the kernel '
                                  f'(state D): what device hangs on this machine?')
