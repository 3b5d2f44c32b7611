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

"""Leave to act outside of the store, for as long as a lease surely lasts."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from kaopu_ha import ports

# An outside act ends this long before the lease could lapse.
_MARGIN = 0.5


class LeasePermit(ports.Permit):
    """Leave to act while ``left()`` seconds of a lease remain and the keys are as they were read.

    ``most`` are the seconds that the act may take at all.
    """

    def __init__(self, store: ports.Store, left: Callable[[], float],
                 compares: Sequence[ports.Compare], most: float) -> None:
        self._store, self._left, self._compares, self._most = store, left, compares, most

    def seconds(self) -> float:
        """What is left of the lease, less a margin, at most what the act may take."""
        return min(self._left() - _MARGIN, self._most)

    def holds(self) -> bool:
        """Read the compared keys once more; False also if the store does not answer."""
        try:
            snapshot = self._store.read(*sorted({compare.key for compare in self._compares}))
        except ports.PortError:
            return False
        return self._left() > _MARGIN and all(
            _same(snapshot.get(compare.key), compare) for compare in self._compares)


def _same(entry: ports.Entry | None, compare: ports.Compare) -> bool:
    modified, created = (entry.modified, entry.created) if entry else (0, 0)
    return compare.modified in (None, modified) and compare.created in (None, created)
