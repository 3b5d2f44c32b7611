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

"""A mirror of the false etcd, and its troubles: it lags, is lost, or was put back.

It is a real copy, kept up by changes.  While all is well it is up to date whenever it is looked
at, so that a look takes as long as a read.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from kaopu_ha import ports
from kaopu_ha.core.copied import Copy
from kaopu_ha.sim.kernel import Kernel


class SimMirror(ports.Mirror):
    """A copy of keys; ``lag`` seconds long it does not hear of a change."""

    def __init__(self, kernel: Kernel, ranges: Sequence[str], go: Callable[[float], None],
                 read: Callable[[Sequence[str]], ports.Snapshot], forget: Callable[[], None]
                 ) -> None:
        """Take how to ask etcd for its revision (``go``: it may raise StoreError), and to read."""
        self.lag, self.reads = 0.0, 0
        self._kernel, self._go, self._read, self._forget = kernel, go, read, forget
        self._copy, self._is_whole, self._is_closed = Copy(ranges), False, False
        # What is on its way: since when, and up to which revision.
        self._coming: list[tuple[float, int, Sequence[ports.Change]]] = []

    def hear(self, revision: int, changes: Sequence[ports.Change]) -> None:
        """Take what a transaction changed; it arrives when its lag is over."""
        if self._is_whole and (self.lag or self._coming):
            self._coming.append((self._kernel.now + self.lag, revision, changes))
        elif self._is_whole:
            self._copy.take(revision, changes)

    def lose(self) -> None:
        """Lose the watch: what is on its way never comes, and all is read again."""
        self._coming.clear()
        self._is_whole = False

    def at(self, limit: float) -> ports.Snapshot:
        """Ask for the revision; wait until the copy is there, or read again if that is late."""
        if self._is_closed:
            raise ports.StoreError('the mirror is closed')
        until = self._kernel.now + limit
        self._go(limit)
        wanted = self._read(()).revision
        while self._is_whole and self._copy.revision < wanted:
            arrives = self._coming[0][0] if self._coming else self._kernel.now
            if arrives > until or not self._coming:
                self.lose()
            elif arrives > self._kernel.now:
                self._kernel.sleep(arrives - self._kernel.now)
            else:
                _, revision, changes = self._coming.pop(0)
                self._copy.take(revision, changes)
        if not self._is_whole:
            seen = self._read(self._copy.ranges)
            self._copy.begin(seen.revision, seen.entries.values())
            self._is_whole, self.reads = True, self.reads + 1
        return self._copy.snapshot()

    def close(self) -> None:
        """Hear no more."""
        self.lose()
        if not self._is_closed:
            self._forget()
        self._is_closed = True
