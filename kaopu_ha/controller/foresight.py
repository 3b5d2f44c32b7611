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

"""Asks what a prospect needs to know: once for all hosts, and once more for the servers of each.

It only reads, and changes nothing anywhere.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
import concurrent.futures
import dataclasses
import functools

from kaopu_ha import ports, records
from kaopu_ha.controller.alone import Alone, words
from kaopu_ha.controller.targets import Targets
from kaopu_ha.controller.world import RANGES, SEGMENTS, CloudView
from kaopu_ha.core import demands, fencing, model, prospect, protection, selection, users
from kaopu_ha.core import recovery as road
from kaopu_ha.core.model import Recovery
from kaopu_ha.core.news import News
from kaopu_ha.core.prospect import Foreseen
from kaopu_ha.core.protection import Reason, Unprotected

# What has to be read of the store.
READS = (*RANGES, records.RECOVERY, records.EVACUATION, records.CLAIMS, records.LEADER,
         records.UNPROTECTED, records.PROCESS, *SEGMENTS)
_READ_SECONDS = 3.0
# For the servers of all hosts together: Nova takes a fraction of a second for one host.
_LISTING_SECONDS = 60.0
# For what Placement offers, in all: one answer of ``Targets.places`` has no time for many kinds.
_OFFERS_SECONDS = 30.0
# What only Ceph can say, and the leader alone asks it: the rest is seen anew.
_OF_CEPH = (Reason.STRANGER, Reason.UNSEEN, Reason.WITHOUT_DISK)


class Foresight:
    """Looks ahead.  For one thread; ``pool`` asks for the servers of several hosts at a time.

    What could not be learnt of places is told, and is in the answer (``Foreseen.untold``).
    """

    def __init__(self, store: ports.Store, cloud: ports.Cloud, usage: ports.UsageSource,
                 fences: Sequence[ports.Fence], rules: model.Rules,
                 pool: concurrent.futures.Executor, clock: Callable[[], float],
                 tell: Callable[[News], None] = lambda news: None) -> None:
        self._store, self._cloud, self._fences = store, cloud, fences
        self._rules, self._pool, self._clock = rules, pool, clock
        self._alone = Alone(store, clock, tell)
        self._targets = Targets(cloud, usage, rules, pool, clock, tell,
                                'who would come back')

    def look(self, name: str = '') -> Foreseen:
        """What would become of every instance; with a ``name`` (or uuid), of those of that host, or
        of the hosts that may have that instance.

        Raises PortError if the store, Nova's services or the usage can't be asked; a host of which
        the servers can't be listed is that host's trouble only.
        """
        world = CloudView(self._store.read(*READS), lambda news: None)
        return self.foresee(world, functools.partial(_about, world, name))

    def foresee(self, world: CloudView,
                wanted: Callable[[Collection[str]], Sequence[str]]) -> Foreseen:
        """The same of a world that was read, of those of all hosts that are ``wanted``."""
        candidates = self._targets.candidates(world)
        services = self._targets.services
        hosts = tuple(wanted(services.keys() | world.inventories.keys() | world.beats.keys()))
        told = self._told(world, services)
        seen, unasked = self._with_stopped(self._seen(world, hosts, told, candidates)), ''
        seen, untold = self._with_places(world, seen)
        try:
            seen = dataclasses.replace(seen, forbidden=self._forbidden(seen))
        except Exception as failure:  # noqa: BLE001  an address may be none: the rest is said
            unasked = _why(failure)
        return Foreseen(
            hosts, tuple(one for host in hosts for one in self._of_host(host, seen)),
            tuple(item for item in told if item.host in hosts),
            tuple(one for host in hosts if host in world.inventories
                  for one in world.inventories[host].instances if one.power is model.Power.OFF),
            unasked, untold, world.storm.on)

    # ------------------------------------------------------------ private

    def _of_host(self, host: str, seen: prospect.Seen) -> tuple[prospect.Prospect, ...]:
        try:
            found = prospect.of_host(host, seen, self._rules)
        except Exception as failure:  # noqa: BLE001  one host must not take the others with it
            self._alone.failed(host, 'to look ahead', failure)
            return prospect.not_known(host, seen, words(failure))
        self._alone.well([host])
        return found

    def _told(self, world: CloudView,
              services: Mapping[str, model.ComputeService]) -> tuple[Unprotected, ...]:
        """What is not protected whatever becomes of it; what Ceph was asked lately stands."""
        now = protection.unprotected(protection.Seen(
            world.inventories, frozenset(world.beats),
            {host: beat.behind for host, beat in world.beats.items() if beat.behind},
            services, world.claims, {}, world.lasting_beats,
            frozenset(world.snapshot.under(records.INVENTORY)) - frozenset(world.inventories),
            world.cases), self._rules)
        before = world.unprotected.items if world.unprotected else ()
        return (*now, *(item for item in before if item.reason in _OF_CEPH))

    def _seen(self, world: CloudView, hosts: Sequence[str], told: tuple[Unprotected, ...],
              candidates: tuple[selection.Candidate, ...]) -> prospect.Seen:
        recoveries = world.every(Recovery, records.RECOVERY).values()
        servers, unasked = self._servers(hosts)
        orders: dict[str, tuple[model.FenceOrder, ...]] = {}
        for host in hosts:
            try:
                orders[host] = self._orders(world, host)
            except Exception as failure:  # noqa: BLE001  one host must not take the others with it
                unasked[host] = words(failure)
        return prospect.Seen(
            world.inventories, candidates, self._targets.services, servers, unasked, orders,
            told=told, cases=world.cases, held=world.held, claimed=world.claimed,
            claims=world.claims, evacuations=world.evacuations, restarts=world.restarts,
            leads=world.has(records.LEADER), works=_works(world), grouping=world.grouping,
            dead=road.dead_hosts(
                item for item in recoveries
                if road.keeps_its_fence(world.cases.get(item.host), item)))

    def _servers(self, hosts: Sequence[str]) -> tuple[dict[str, tuple[model.Server, ...]],
                                                      dict[str, str]]:
        """Nova's servers by host, and why those of the others are not known."""
        asked = {host: self._pool.submit(self._cloud.servers, host) for host in hosts}
        until = self._clock() + _LISTING_SECONDS
        servers, unasked = {}, {}
        for host, listing in asked.items():
            try:
                servers[host] = listing.result(timeout=max(until - self._clock(), 0.0))
            except TimeoutError:
                unasked[host] = 'Nova did not list its servers in time'
            except Exception as failure:  # noqa: BLE001  one host must not take the others with it
                unasked[host] = _why(failure)
        return servers, unasked

    def _with_stopped(self, seen: prospect.Seen) -> prospect.Seen:
        """With those that their users stopped: their hosts do not tell it, so there are few."""
        stopped, unasked = set[str](), dict(seen.unasked)
        asked: dict[tuple[str, str], concurrent.futures.Future[tuple[model.Action, ...]]] = {}
        for host in seen.servers:
            try:
                asked |= {(host, uuid): self._pool.submit(self._cloud.actions, uuid)
                          for uuid in prospect.doubtful(host, seen)}
            except Exception as failure:  # noqa: BLE001  one host must not take the others with it
                unasked[host] = words(failure)
        for (host, uuid), actions in asked.items():
            try:
                if users.stopped_by_user(actions.result()):
                    stopped.add(uuid)
            except Exception as failure:  # noqa: BLE001  nor one instance those of other hosts
                unasked[host] = _why(failure)
        return dataclasses.replace(seen, stopped=frozenset(stopped), unasked=unasked)

    def _with_places(self, world: CloudView,
                     seen: prospect.Seen) -> tuple[prospect.Seen, tuple[str, ...]]:
        """With where each kind of instance may be, and what of that could not be learnt."""
        kinds = sorted({server.demand for servers in seen.servers.values() for server in servers
                        if server.demand is not None})
        until, places = self._clock() + _OFFERS_SECONDS, self._targets.places(world, kinds)
        left = _without_offer(kinds, places)
        while left and not places.untold and self._clock() < until:
            more = self._targets.places(world, left)
            if len(more.offers) <= len(places.offers) and not more.untold:
                # Nobody offers anything to these.
                left = []
            else:
                places, left = more, _without_offer(kinds, more)
        late = (f'what Placement offers to {len(left)} of {len(kinds)} kinds of instances: it took '
                'too long',) if left and not places.untold else ()
        return dataclasses.replace(seen, places=places), (*places.untold, *late)

    def _orders(self, world: CloudView, host: str) -> tuple[model.FenceOrder, ...]:
        inventory = world.inventories.get(host)
        if inventory is None:
            return ()
        clusters = fencing.clusters(inventory, world.evacuations)
        return tuple(order for fence in self._fences
                     for order in fence.orders(inventory, clusters, ()))

    def _forbidden(self, seen: prospect.Seen) -> dict[str, str]:
        """What of all that must not be cut, with the reasons: one question for each cluster."""
        found: dict[str, str] = {}
        by_name = {fence.name: fence for fence in self._fences}
        every = [order for orders in seen.orders.values() for order in orders]
        for name, cluster in sorted({(order.fence, order.cluster) for order in every}):
            entries = fencing.addresses_of(order for order in every
                                           if (order.fence, order.cluster) == (name, cluster))
            found.update(by_name[name].forbidden(
                model.FenceOrder(name, cluster, tuple(sorted(entries))), _READ_SECONDS))
        return found


def _about(world: CloudView, name: str, hosts: Collection[str]) -> tuple[str, ...]:
    """The host of this name, or those that tell of such an instance; all, if none does."""
    if name in hosts:
        return (name,)
    found = [host for host, told in world.inventories.items()
             if any(name in (one.uuid, one.name) for one in told.instances)]
    return tuple(sorted(found or hosts))


def _without_offer(kinds: Sequence[model.Demand],
                   places: demands.Places) -> list[model.Demand]:
    return [kind for kind in kinds if kind not in places.offers]


def _works(world: CloudView) -> bool:
    """False if no worker shows that it runs, though a controller does: older ones show nothing."""
    shown = world.snapshot.under(records.PROCESS)
    return not shown or any(name.startswith('worker/') for name in shown)


def _why(failure: Exception) -> str:
    return str(failure) if isinstance(failure, ports.PortError) else words(failure)
