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

"""Cuts a dead host off, reads the fence back, shows the proof; ``core.recovery`` says when.

``proof/<recovery>`` is there while the fence was read back less than ``proof_seconds`` ago: it
stands under a lease that is renewed only by another reading, and counts from when that began.  No
worker calls Nova without it.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
import concurrent.futures
import math
from typing import TypeVar

from kaopu_ha import ports, records
from kaopu_ha.controller.term import Term
from kaopu_ha.controller.world import CloudView
from kaopu_ha.core import fencing, model
from kaopu_ha.core.model import Recovery
from kaopu_ha.core.recovering import MovesSeen

_READ_SECONDS = 3.0
# A thread may have to wait for its turn; whoever needs longer hangs.
_BEYOND_SECONDS = 2.0

T = TypeVar('T')


class FenceKeeper:
    """Keeps the fences of all open recoveries."""

    def __init__(self, store: ports.Store, term: Term, fences: Sequence[ports.Fence],
                 rules: model.Rules, clock: Callable[[], float],
                 pool: concurrent.futures.Executor) -> None:
        self._store, self._term = store, term
        self._fences = {fence.name: fence for fence in fences}
        self._rules, self._clock, self._pool = rules, clock, pool
        self._read_at: dict[str, float] = {}
        # When the newest reading of each began.
        self._began: dict[str, float] = {}

    def wanted(self, world: CloudView, recovery: Recovery,
               moves: MovesSeen) -> tuple[model.FenceOrder, ...]:
        """What is to be cut of the host by what is known of it now: the newest of everything."""
        inventory, case = world.inventories.get(recovery.host), world.cases.get(recovery.host)
        if inventory is None or case is None:
            return ()
        clusters = fencing.clusters(inventory, moves.to(recovery.host))
        clients = fencing.all_clients(case, moves.of(case.recovery))
        return tuple(order for fence in self._fences.values() for order in fence.orders(
            inventory, clusters, clients))

    def forget_others(self, recoveries: Collection[str]) -> None:
        """Remember only when the fences of these were read back."""
        self._read_at = {name: at for name, at in self._read_at.items() if name in recoveries}
        self._began = {name: at for name, at in self._began.items() if name in recoveries}

    def forbidden(self, recovery: Recovery) -> dict[str, str]:
        """Addresses that must not be cut on any of the clusters, with the reasons."""
        found: dict[str, str] = {}
        for order in recovery.orders:
            found.update(self._fence(order).forbidden(fencing.whole(order), _READ_SECONDS))
        return found

    def fence(self, recovery: Recovery, permit: ports.Permit) -> tuple[model.Proof, ...]:
        """Cut every order, then read all of them back."""
        orders = [order for order in recovery.orders if order.addresses]
        for done in [self._pool.submit(self._fence(order).fence, order, permit)
                     for order in orders]:
            _within(done, max(permit.seconds(), 0.0))
        return self.read_back(recovery)

    def read_back(self, recovery: Recovery) -> tuple[model.Proof, ...]:
        """What the clusters say of every order."""
        self._began[recovery.id] = self._clock()
        asks = [self._pool.submit(self._fence(order).verify, order, _READ_SECONDS)
                for order in recovery.orders if order.addresses]
        return tuple(_within(ask, _READ_SECONDS) for ask in asks)

    def is_fresh(self, recovery: Recovery) -> bool:
        """True if this leader showed a proof of it a moment ago."""
        last = self._read_at.get(recovery.id, -math.inf)
        return self._clock() - last < self._rules.proof_seconds / 4

    def proof(self, recovery: Recovery) -> ports.Put:
        """The write that shows the proof, under a lease of ``proof_seconds``."""
        self._read_at[recovery.id] = self._clock()
        mark = records.ProofMark(self._term.name, self._term.now(),
                                 tuple(sorted(fencing.safe_clusters(recovery))),
                                 recovery.word.text if recovery.word is not None else '')
        left = math.floor(self._rules.proof_seconds) - self._age(recovery)
        lease = self._store.grant(max(math.ceil(left), 1))
        return ports.Put(records.PROOF + recovery.id, records.encode(mark), lease)

    def mark(self, world: CloudView, recovery: Recovery, *, anew: bool) -> None:
        """Show that the fence was read back; ``anew`` if it was cut again in between."""
        key = records.PROOF + recovery.id
        entry = None if anew else world.snapshot.get(key)
        self._read_at[recovery.id] = self._clock()
        # Of a turn that was held up the reading is old: under a lease of its own it ends in time.
        young = self._age(recovery) <= self._rules.proof_seconds / 4
        if entry is not None and young and self._store.renew(entry.lease, 1.0):
            return
        keys = (records.CASE + recovery.host, *(() if anew else (key,)))
        self._store.commit([*self._term.compares(), *world.compare(*keys)],
                           [self.proof(recovery)])

    def unmark(self, recovery: Recovery) -> None:
        """End the proof: until it is shown again, no worker calls Nova."""
        self._store.commit(self._term.compares(),
                           [ports.Delete(records.PROOF + recovery.id)])

    # ------------------------------------------------------------ private

    def _age(self, recovery: Recovery) -> float:
        """The seconds since the newest reading of its fence began; 0 if there was none."""
        now = self._clock()
        return now - self._began.get(recovery.id, now)

    def _fence(self, order: model.FenceOrder) -> ports.Fence:
        """The driver of an order.  Raises PortError if it was taken out of the configuration."""
        found = self._fences.get(order.fence)
        if found is None:
            raise ports.PortError(f'the fence {order.fence}, by which the host was cut off, is not '
                                  f'in [fence] drivers any more')
        return found


def _within(done: concurrent.futures.Future[T], seconds: float) -> T:
    """What came of a call that has a limit of its own.  Raises PortError if it does not keep it."""
    try:
        return done.result(timeout=seconds + _BEYOND_SECONDS)
    except TimeoutError as failure:
        raise ports.PortError('the fence has not answered beyond its time') from failure
