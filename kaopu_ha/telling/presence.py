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

"""A process shows that it runs: ``process/<role>/<name>``, under a lease of its own.

For people, before an incident: no decision reads it, and nothing waits for it.
"""

from __future__ import annotations

import contextlib
import logging

from kaopu_ha import ports, records

LOG = logging.getLogger(__name__)

TTL_SECONDS = 30
_RENEW_SECONDS = 1.0


class Presence:
    """Keeps the record of one process.  For one thread."""

    def __init__(self, store: ports.Store, role: str, name: str) -> None:
        self._store, self._name = store, name
        self._key = f'{records.PROCESS}{role}/{name}'
        self._lease = 0
        self._away = False

    def turn(self) -> float:
        """Renew it, or write it again; seconds until the next turn.  Raises nothing."""
        try:
            if not self._lease or self._store.renew(self._lease, _RENEW_SECONDS) <= 0:
                self._lease = 0
                lease = self._store.grant(TTL_SECONDS)
                self._store.commit([], [ports.Put(
                    self._key, records.encode(records.ProcessRecord(self._name)), lease)])
                self._lease = lease
            self._away = False
        except ports.PortError as failure:
            # That the store is away is told by others.
            self._away = True
            LOG.debug('not shown that this process runs: %s', failure)
        return TTL_SECONDS / 3

    def close(self) -> None:
        """Show it no more.  Of a store that is away the end is not held up: the lease lapses."""
        lease, self._lease = self._lease, 0
        if lease and not self._away:
            with contextlib.suppress(ports.PortError):
                self._store.revoke(lease)
