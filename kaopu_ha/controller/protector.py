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

"""Looks for what is not protected, tells it, and writes it down: the leader's, while all is well.

It also writes down since when each host claims each of its addresses, which no host may do itself.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
import dataclasses
import functools
import math

from kaopu_ha import ports, records
from kaopu_ha.controller.alone import Alone
from kaopu_ha.controller.leadership import Leadership
from kaopu_ha.controller.lookout import READS, Lookout
from kaopu_ha.controller.term import Term
from kaopu_ha.controller.world import CloudView
from kaopu_ha.core import addresses, detection, model, protection
from kaopu_ha.core.keys import portions
from kaopu_ha.core.news import Fact, News
from kaopu_ha.runtime import Runtime

_RANGES = (records.ALIVE, records.INVENTORY, records.CASE, records.LOCK, records.TOOL,
           records.CLAIMS, records.UNPROTECTED)
_LOOK_SECONDS = 15.0
# Nova is asked for its services by the planner, too; this is for new hosts only.
_SERVICES_SECONDS = 60.0
# After a term began: where all is started at once, agents publish later than Nova's services.
_FIRST_SECONDS = 30.0
# In one look, of hosts in turn: an ask costs the OSDs a list and a notify for each.
_IMAGES_MAX = 100
_ITEMS_MAX = 500


class Protector:
    """Finds what is not protected; ``core.protection`` says what that is."""

    def __init__(self, store: ports.Store, leadership: Leadership, probes: Sequence[ports.Probe],
                 cloud: ports.Cloud, env: Runtime, lookout: Lookout | None = None) -> None:
        self._store, self._cloud, self._lookout = store, cloud, lookout
        self._term = Term(leadership, self._forget)
        self._probes = [probe for probe in probes if probe.network is model.Network.STORAGE]
        self._rules, self._clock, self._tell = env.rules, env.clock, env.tell
        self._services: Mapping[str, model.ComputeService] | None = None
        self._services_due = math.inf
        self._samples: dict[str, protection.Sample] = {}
        self._sampled: dict[str, int] = {}
        self._memory: protection.Memory = {}
        self._ranges = tuple(dict.fromkeys((*_RANGES, *(READS if lookout else ()))))
        self.alone = Alone(store, env.clock, env.tell)

    def turn(self) -> float:
        """Look, tell what is due, write the list down; seconds until the next turn."""
        if not self._term.begins():
            return 1.0
        try:
            # Nova may take its time: what follows is of hosts as they are then.
            self._ask_nova()
            world = CloudView(self._store.read(*self._ranges), self._tell)
            self._write_claims(world)
            self._ask_ceph(world)
            self._look(world)
        except ports.PortError:
            # The detector tells that the store is away.
            return _LOOK_SECONDS / 4
        return _LOOK_SECONDS

    def _forget(self) -> None:
        self._memory, self._samples, self._services_due = {}, {}, math.inf
        if self._lookout is not None:
            self._lookout.forget()

    # ------------------------------------------------------------ what is known

    def _write_claims(self, world: CloudView) -> None:
        """Since when each host claims its addresses, and where its libvirt is asked; of a forgotten
        host nothing.
        """
        writes: list[ports.Put | ports.Delete] = []
        for host, inventory in world.inventories.items():
            claims = self._claims(world, inventory)
            if claims != world.written_down.get(host):
                writes.append(ports.Put(records.CLAIMS + host, records.encode(claims)))
        writes += [ports.Delete(records.CLAIMS + host) for host in world.claims
                   if not world.has(records.INVENTORY + host)]
        for some in portions(writes):
            self._store.commit(self._term.compares(), some)

    def _claims(self, world: CloudView, inventory: model.Inventory) -> records.Claims:
        """Of a host that does not beat only addresses are new: it may be another one that writes
        there.
        """
        host, before = inventory.host, world.written_down.get(inventory.host, records.Claims({}))
        since = addresses.renewed(before.since, inventory, world.snapshot.revision, world.claimed)
        if before.management_uri and not world.beats_truly(host):
            return dataclasses.replace(before, since=since)
        return records.Claims(since, inventory.management_uri, inventory.host_uuid)

    def _ask_nova(self) -> None:
        if self._services_due == math.inf:
            self._services_due = self._clock() + _FIRST_SECONDS - 1.0
        if self._clock() < self._services_due:
            return
        self._services_due = self._clock() + _SERVICES_SECONDS - 1.0
        try:
            self._services = dict(self._cloud.services())
        except ports.PortError:
            # What it said last stands: who has no agent now had none before.
            return

    def _ask_ceph(self, world: CloudView) -> None:
        """Ask the clients of some hosts that beat, those first whose turn was longest ago.

        Not while a host is suspected: then its images are what Ceph is asked about.  What was seen
        of strangers stands until it is asked again, also of a host that was away meanwhile.
        """
        beating = {host: world.inventories[host] for host in world.beats
                   if host in world.inventories}
        self._samples = {
            host: one if host in beating else protection.Sample(strangers=one.strangers)
            for host, one in self._samples.items() if host in world.inventories}
        self._sampled = {host: one for host, one in self._sampled.items() if host in beating}
        if any(case.stage in detection.JUDGING for case in world.cases.values()):
            return
        batch = self._batch(beating)
        known = world.known(self._rules.tools, world.claims)
        for probe in self._probes if batch else ():
            said = self._said(probe, batch, known)
            for inventory in batch:
                host, nothing = inventory.host, protection.Sample()
                if host in said:
                    self._samples[host] = protection.sample(
                        inventory, said[host], self._samples.get(host, nothing))

    def _said(self, probe: ports.Probe, batch: Sequence[model.Inventory],
              known: addresses.Known) -> Mapping[str, model.Evidence]:
        """What the probe says of these hosts; of each for itself if one of them spoils it."""
        limit = self._rules.ask_limit
        try:
            together = probe.ask(batch, [], limit, known)
            self.alone.well(one.host for one in batch)
            return together
        except Exception:  # noqa: BLE001  whose inventory it was is found one by one
            said: dict[str, model.Evidence] = {}
            for one in batch:
                self.alone.tries(one.host, 'to look at its clients', functools.partial(
                    _added, said, probe, one, limit, known))
            return said

    def _batch(self, beating: Mapping[str, model.Inventory]) -> list[model.Inventory]:
        batch: list[model.Inventory] = []
        images = 0
        for host in sorted(beating, key=lambda host: (self._sampled.get(host, 0), host)):
            inventory = protection.on_now(beating[host])
            if batch and images + len(inventory.images) > _IMAGES_MAX:
                break
            self._sampled[host] = self._sampled.get(host, 0) + 1
            if inventory.images:
                batch.append(inventory)
                images += len(inventory.images)
            else:
                # Nothing of it can be asked any more: what was seen before says nothing of it now.
                self._samples.pop(host, None)
        return batch

    # ------------------------------------------------------------ what follows

    def _look(self, world: CloudView) -> None:
        found = protection.unprotected(protection.Seen(
            world.inventories, frozenset(world.beats),
            {host: beat.behind for host, beat in world.beats.items() if beat.behind},
            self._services, world.claims, self._samples, world.lasting_beats,
            frozenset(world.snapshot.under(records.INVENTORY)) - frozenset(world.inventories),
            world.cases), self._rules)
        if self._lookout is not None:
            found = (*found, *self._lookout.look(world))
        self._write(world, found)
        told = protection.telling(self._memory, found, self._clock(), self._rules,
                                  (world.inventories.keys() - world.beats.keys())
                                  | world.cases.keys())
        self._memory = told.memory
        for item in told.due:
            self._tell(News(Fact.UNPROTECTED, item.host, f'{item.reason.value}: {item.text}'))
        for host, reason in told.over:
            self._tell(News(Fact.PROTECTED, host, f'no more: {reason.value}'))

    def _write(self, world: CloudView, found: Sequence[protection.Unprotected]) -> None:
        """Write the list, for whoever shows it; only if it changed."""
        away = protection.away(world.inventories, world.beats)
        new = records.UnprotectedList(
            tuple(map(protection.brief, found[:_ITEMS_MAX])), len(found),
            away=away if len(away) <= _ITEMS_MAX else None)
        before = world.unprotected
        if before is not None and dataclasses.replace(before, by='', at='') == new:
            return
        new = dataclasses.replace(new, by=self._term.name, at=self._term.now())
        self._store.commit(self._term.compares(),
                           [ports.Put(records.UNPROTECTED, records.encode(new))])


def _added(said: dict[str, model.Evidence], probe: ports.Probe, one: model.Inventory,
           limit: float, known: addresses.Known) -> None:
    said.update(probe.ask([one], [], limit, known))
