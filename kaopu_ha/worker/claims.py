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

"""The claims of a worker: one lease for all, renewed by a turn of its own.

``claim/<instance>`` says which worker has the instance.  A worker that dies, or is frozen past its
lease, loses its claims; what it had begun is in the evacuations, and another goes on there.
"""

from __future__ import annotations

from collections.abc import Callable
import logging

from kaopu_ha import ports, records

LOG = logging.getLogger(__name__)

# A claim is not taken under a lease that may lapse at once.
_MARGIN = 1.0


class ClaimKeeper:
    """Takes, keeps and gives back claims."""

    def __init__(self, store: ports.Store, worker: str, ttl: int,
                 clock: Callable[[], float]) -> None:
        self._store, self._worker, self._ttl, self._clock = store, worker, ttl, clock
        self._lease = 0
        self._until = 0.0
        # Claims of which nobody knows whether they stand.  One that does is under our lease, which
        # lasts as long as we do, and nobody works on it: it must be found and ended.
        self._doubtful: set[str] = set()
        # Why the lease was not renewed in the last turn, '' if it was.
        self.trouble = ''

    def turn(self) -> float:
        """Renew the lease, clear up what is doubtful; seconds until the next turn."""
        try:
            self._renew()
            self._clear_up()
            self.trouble = ''
        except ports.PortError as failure:
            self.trouble = str(failure)
            LOG.debug('claims not renewed: %s', failure)
        return self._ttl / 5

    def left(self) -> float:
        """Seconds for which the claims surely last."""
        return self._until - self._clock()

    def take(self, item: str, recovery: str) -> ports.Compare | None:
        """Claim an instance: the condition that later writes compare, None if another has it.

        Raises PortError, also while ``turn()`` has no lease.
        """
        if self.left() <= _MARGIN:
            raise ports.StoreError('the lease of the claims was not renewed')
        key = records.CLAIM + item
        value = records.encode(records.Claim(self._worker, recovery))
        try:
            done = self._store.commit([ports.Compare(key, modified=0)],
                                      [ports.Put(key, value, self._lease)])
        except ports.OutcomeUnknown:
            self._doubtful.add(key)
            raise
        return None if done is None else ports.Compare(key, created=done)

    def give_back(self, claim: ports.Compare) -> None:
        """End one claim, if it is still ours."""
        try:
            self._store.commit([claim], [ports.Delete(claim.key)])
        except ports.PortError:
            self._doubtful.add(claim.key)
            raise

    def close(self) -> None:
        """End all claims, so that another need not wait for the lease to lapse."""
        lease, self._lease, self._until = self._lease, 0, 0.0
        if lease:
            self._store.revoke(lease)

    def _clear_up(self) -> None:
        # While its claim stands nobody offers an instance, so none of these was taken since.
        for key in sorted(self._doubtful):
            entry = self._store.read(key).get(key)
            if entry is not None and records.record(records.Claim, entry).worker == self._worker:
                self._store.commit([ports.Compare(key, modified=entry.modified)],
                                   [ports.Delete(key)])
            self._doubtful.discard(key)

    def _renew(self) -> None:
        began = self._clock()
        left = self._store.renew(self._lease, self._ttl / 4) if self._lease else 0
        if left <= 0:
            self._lease = self._store.grant(self._ttl)
            left = self._ttl
        self._until = began + min(left, self._ttl)
