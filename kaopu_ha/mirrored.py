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

"""A store whose prefixes are read from a mirror of it.

The promise of ``read`` is the same: all at one revision, nothing older than the call.  What it
costs is what has changed since the last look, and not what there is.  All loops of a program share
one mirror, and so what is made of a record is made once for all of them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
import threading

from kaopu_ha import ports

# The driver's own limit is shorter.
_LOOK_SECONDS = 30.0
_LOOKS_MAX = 1000


class Mirrored(ports.Store):
    """The store itself, but for reading prefixes that are followed."""

    def __init__(self, store: ports.Store, *followed: str) -> None:
        """Follow these keys and prefixes, of which none is under another, from the first read."""
        self._store, self._followed = store, followed
        self._mirror: ports.Mirror | None = None
        # Which it was asked for, and whether it shows them: a program has a handful of looks.
        self._shown: dict[tuple[str, ...], bool] = {}
        self._beginning = threading.Lock()

    def read(self, *ranges: str) -> ports.Snapshot:
        """Look at the mirror if it has all of them, and a prefix is among them.

        A few keys by name the store itself tells as quickly.
        """
        if self._shows(ranges):
            return self.follow(*self._followed).at(_LOOK_SECONDS).only(ranges)
        return self._store.read(*ranges)

    def follow(self, *ranges: str) -> ports.Mirror:
        """The mirror that all share, if it is asked for; else another one."""
        if ranges != self._followed:
            return self._store.follow(*ranges)
        with self._beginning:
            if self._mirror is None:
                self._mirror = self._store.follow(*ranges)
            return self._mirror

    def names(self, prefix: str, most: int) -> tuple[str, ...]:
        """Ask the store: anybody may fill such a prefix, so that nobody follows it."""
        return self._store.names(prefix, most)

    def sizes(self) -> Mapping[str, int]:
        """Ask the store."""
        return self._store.sizes()

    def commit(self, compares: Sequence[ports.Compare],
               writes: Sequence[ports.Put | ports.Delete]) -> int | None:
        """Have the store do it."""
        return self._store.commit(compares, writes)

    def grant(self, ttl: int) -> int:
        """Have the store make it."""
        return self._store.grant(ttl)

    def renew(self, lease: int, limit: float) -> int:
        """Have the store renew it."""
        return self._store.renew(lease, limit)

    def revoke(self, lease: int) -> None:
        """Have the store end it."""
        self._store.revoke(lease)

    def watch(self, prefix: str, tell: Callable[[ports.Change], None],
              since: int = 0) -> ports.Watching:
        """Watch the store."""
        return self._store.watch(prefix, tell, since)

    def close(self) -> None:
        """End the mirror, and close the store."""
        with self._beginning:
            if self._mirror is not None:
                self._mirror.close()
        self._store.close()

    def _shows(self, ranges: tuple[str, ...]) -> bool:
        if not any(name.endswith('/') for name in ranges):
            return False
        found = self._shown.get(ranges)
        if found is None:
            found = all(map(self._follows, ranges))
            if len(self._shown) < _LOOKS_MAX:
                self._shown[ranges] = found
        return found

    def _follows(self, name: str) -> bool:
        return any(name == each or (each.endswith('/') and name.startswith(each))
                   for each in self._followed)
