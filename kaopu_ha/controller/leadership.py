# Licensed under the Apache License, Version 2.0 (the "License"); you may
# not use this file except in compliance with the License. You may obtain
# a copy of the License at
#
#      http://www.apache.org/licenses/LICENSE-2.0
#
# Unless required by applicable law or agreed to in writing, software
# distributed under the License is distributed on an "AS IS" BASIS, WITHOUT
# WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the
# License for the specific language governing permissions and limitations
# under the License.

"""Who decides: one controller, by a lease in the store.

The epoch is the revision at which the leader key was created.  Every write of a leader compares
it, so a write of a deposed leader is refused; for acts outside of the store there are permits.
"""

from __future__ import annotations

from collections.abc import Callable
import logging
import math

from kaopu_ha import ports, records
from kaopu_ha.core import sight
from kaopu_ha.core.news import Fact, News
from kaopu_ha.runtime import Runtime

LOG = logging.getLogger(__name__)


class Leadership:
    """The leadership: taken, kept and lost by ``turn()``.

    ``clock`` is monotonic and decides; ``now`` is the time for people, and nothing reads it.
    ``overdue`` names a turn of this process that hangs: while one does, the lease is neither
    renewed nor won.
    """

    def __init__(self, store: ports.Store, ttl: int, env: Runtime,
                 overdue: Callable[[], str] = str) -> None:
        self.store, self.name, self._ttl = store, env.name, ttl
        self._clock, self.tell, self.now = env.clock, env.tell, env.now
        self._overdue = overdue
        self._lease = 0
        self._until = 0.0
        self._lets_go = ''
        self._free_since: float | None = None
        # The name of a controller that sees more than this one, '' if none does, and what it does.
        self.gives_way_to = ''
        self.which_does = sight.lacks(sight.Sight())
        self.epoch = 0
        self.since = 0.0
        self._answered_at, self._answers_since = -math.inf, math.inf

    def turn(self) -> float:
        """Renew the lease or try to win it; seconds until the next turn."""
        unfit = self._unfit()
        if unfit:
            self._let_lapse(unfit)
            return self._ttl / 5
        self._lets_go = ''
        try:
            self._keep() if self._lease else self._win()
        except ports.OutcomeUnknown:
            self._drop('it is not known whether the leadership was won')
        except ports.PortError as failure:
            LOG.debug('leadership not renewed: %s', failure)
            if self.epoch and self.seconds() <= 0:
                self._drop(f'the store is away: {failure}')
        return self._ttl / 5

    def leads(self) -> bool:
        """True while this process is surely the leader."""
        return self.epoch != 0 and self.seconds() > 0

    def seconds(self) -> float:
        """Seconds for which the leadership is surely ours, without another renewal."""
        return self._until - self._clock()

    def answering(self) -> float:
        """Seconds for which the store has answered, since it was away for longer than a lease."""
        return self._clock() - self._answers_since

    def resign(self) -> None:
        """Give the leadership up, so that another need not wait for the lease to lapse."""
        lease, self._lease, self.epoch = self._lease, 0, 0
        if lease:
            self.store.revoke(lease)

    # ------------------------------------------------------------ private

    def _unfit(self) -> str:
        """Why this process should not lead (any more), '' if it may."""
        hangs = self._overdue()
        if hangs:
            return f'its {hangs} hangs'
        if self.epoch and self.gives_way_to:
            return f'{self.gives_way_to} {self.which_does}'
        return ''

    def _let_lapse(self, unfit: str) -> None:
        """Renew no more.  Not revoke: an act under way relies on the lease for as long as it lasts.

        The epoch is kept until then, so that what the other turns can finish is finished.
        """
        if self.epoch and self._lets_go != unfit:
            self._lets_go = unfit
            self.tell(News(Fact.LEADER, '', f'{self.name} lets its lease lapse: {unfit}'))
        if self._lease and self.seconds() <= 0:
            self._drop(unfit)

    def _keep(self) -> None:
        began = self._clock()
        left = self.store.renew(self._lease, self._ttl / 4)
        self._answered()
        if left <= 0:
            self._drop('its lease was lost')
            return
        self._until = began + min(left, self._ttl)
        if not self.epoch:
            self._claim(began)

    def _win(self) -> None:
        began = self._clock()
        self._lease = self.store.grant(self._ttl)
        self._answered()
        self._until = began + self._ttl
        self._claim(began)

    def _answered(self) -> None:
        now = self._clock()
        if now - self._answered_at > self._ttl:
            self._answers_since = now
        self._answered_at = now

    def _claim(self, began: float) -> None:
        if self.gives_way_to and not self._is_free_for_long():
            return
        value = records.encode(records.Leader(self.name, self.now()))
        done = self.store.commit([ports.Compare(records.LEADER, modified=0)],
                                  [ports.Put(records.LEADER, value, self._lease)])
        if done is not None:
            self.epoch, self.since, self._free_since = done, began, None
            self.tell(News(Fact.LEADER, '', f'{self.name} leads, epoch {done}'))

    def _is_free_for_long(self) -> bool:
        """True if nobody took the leadership while whoever sees more could have, twice over.

        It may be unable to lead for other reasons, and somebody has to.
        """
        now = self._clock()
        if self.store.read(records.LEADER).get(records.LEADER) is not None:
            self._free_since = None
            return False
        if self._free_since is None:
            self._free_since = now
        return now - self._free_since >= 2 * self._ttl

    def _drop(self, reason: str) -> None:
        if self.epoch:
            self.tell(News(Fact.LEADER, '', f'{self.name} leads no more: {reason}'))
        self._lease, self.epoch, self._until = 0, 0, 0.0
