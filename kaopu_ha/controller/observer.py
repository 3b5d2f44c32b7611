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

"""Each controller's own sight of the hosts in doubt, told to the others under a lease.

While nobody is in doubt nobody is asked and nothing is written.  ``core.sight`` says who is to
lead.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
import concurrent.futures
import math

from kaopu_ha import ports, records
from kaopu_ha.controller.asking import Asking
from kaopu_ha.controller.leadership import Leadership
from kaopu_ha.controller.world import CloudView
from kaopu_ha.core import detection, model, sight
from kaopu_ha.core.addresses import known as known_addresses
from kaopu_ha.core.evidence import confirmed
from kaopu_ha.runtime import Runtime

_RANGES = (records.ALIVE, records.CASE, records.INVENTORY, records.RECOVERY, records.PROOF,
           records.TOOL, records.CONTROLLER)

# A thread may have to wait for its turn; whoever needs longer hangs.
_BEYOND_SECONDS = 2.0

Rounds = Mapping[str, model.Round]
Forbidden = concurrent.futures.Future[Mapping[str, str]]


class Observer:
    """Looks at the hosts in doubt, tells what it sees, and says to whom the leadership should go.
    """

    def __init__(self, store: ports.Store, leadership: Leadership, probes: Sequence[ports.Probe],
                 rounds: Callable[[], Rounds], env: Runtime,
                 fences: Sequence[ports.Fence] = ()) -> None:
        """``rounds``: the last ones of a leader.  Of ``fences`` only is asked what they may cut."""
        self._pool = env.pool(4, 'observe')
        self._fences = {fence.name: fence for fence in fences}
        self._store, self._leadership = store, leadership
        self._rules, self._tell = env.rules, env.tell
        self._asking, self._rounds = Asking(probes, self._pool, env.rules), rounds
        self._told, self._lease = sight.Sight(), 0
        self._blind_looks = 0

    def turn(self) -> float:
        """Look once; seconds until the next look."""
        try:
            self._look()
        except ports.PortError:
            # Without a store nobody can know who sees more.
            self._leadership.gives_way_to = ''
        return self._rules.look_interval

    def _look(self) -> None:
        world = CloudView(self._store.read(*_RANGES), self._tell)
        mine = self._mine(world, self._in_doubt(world))
        others = records.readable(sight.Sight, world.snapshot.under(records.CONTROLLER))
        others.pop(self._leadership.name, None)
        # A look or two may be lost by chance.
        self._blind_looks = self._blind_looks + 1 if sight.blind(mine) else 0
        is_sure = not self._leadership.epoch or self._blind_looks >= self._rules.blind_looks
        self._leadership.which_does = sight.lacks(mine)
        self._leadership.gives_way_to = sight.better(mine, others) if is_sure else ''
        self._publish(mine)

    def _in_doubt(self, world: CloudView) -> tuple[str, ...]:
        recoveries = world.every(model.Recovery, records.RECOVERY)
        unproven = {name for name, item in recoveries.items()
                    if not item.stage.finished
                    and not world.has(records.PROOF + name)}
        hosts = sight.in_doubt(world.cases.values(), world.beats, unproven,
                               self._rules)
        return tuple(host for host in hosts if host in world.inventories)

    def _mine(self, world: CloudView, hosts: Sequence[str]) -> sight.Sight:
        """What a leader's rounds say; whom it does not judge (any more), and all for others, it
        asks about."""
        rounds = self._rounds() if self._leadership.epoch else {}
        found = {host: {one.network: one for one in rounds[host].evidence}
                 for host in hosts
                 if host in rounds and world.cases[host].stage in detection.JUDGING}
        asked = [host for host in hosts if host not in found and (
            not self._leadership.epoch or world.cases[host].stage is model.Stage.CONFIRMED)]
        if not asked:
            return sight.seen(found)
        fences = self._begun(world, asked)
        suspects = [confirmed(world.inventories[host], world.cases[host]) for host in asked]
        peers = [world.inventories[host] for host in sorted(world.beats)
                 if host in world.inventories and host not in hosts]
        known = known_addresses(world.inventories, (*self._rules.tools, *world.tools))
        said = self._asking.ask(suspects, peers, known)
        return sight.seen(found | {host: {network: said[network][host] for network in said}
                                   for host in asked},
                          {host: all(map(self._answers, asks)) for host, asks in fences.items()})

    def _begun(self, world: CloudView, hosts: Sequence[str]) -> dict[str, list[Forbidden]]:
        """Ask the fences of those that are to be fenced what they may not cut: it changes
        nothing."""
        recoveries = world.every(model.Recovery, records.RECOVERY)
        orders = {host: recoveries[world.cases[host].recovery].orders for host in hosts
                  if world.cases[host].stage is model.Stage.CONFIRMED
                  and world.cases[host].recovery in recoveries}
        asks = {host: [self._pool.submit(self._fences[order.fence].forbidden, order,
                                         self._rules.ask_limit)
                       for order in found if order.addresses and order.fence in self._fences]
                for host, found in orders.items()}
        return {host: found for host, found in asks.items() if found}

    def _answers(self, ask: Forbidden) -> bool:
        try:
            ask.result(timeout=self._rules.ask_limit + _BEYOND_SECONDS)
        except Exception:  # noqa: BLE001  whatever came, it is no answer of the fence
            return False
        return True

    def _publish(self, mine: sight.Sight) -> None:
        """Have it known while it is so; written again only when it changes."""
        if not mine.asked:
            self._told = mine
            return
        if mine == self._told and self._store.renew(self._lease, 1.0):
            return
        looks = max(self._rules.look_interval, self._rules.ask_limit)
        self._lease = self._store.grant(math.ceil(3 * looks) + 2)
        self._store.commit([], [ports.Put(records.CONTROLLER + self._leadership.name,
                                          records.encode(mine), self._lease)])
        self._told = mine
