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

"""The inventory: what a host tells of itself, written by itself alone, and outliving it.

Each turn looks at libvirt, at the storage and at the kernel, and writes ``inventory/<host>`` only
if it changed.  What can't be seen now stays as it was seen last: a dead host is recovered by what
it said while it lived.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
import contextlib
import dataclasses
from typing import Any

from kaopu_ha import ports, records
from kaopu_ha.agent.clients import OwnClients
from kaopu_ha.agent.leaving import LATELY_SECONDS, Past, as_of
from kaopu_ha.agent.processes import ComputeWatch
from kaopu_ha.agent.runtime import HostRuntime
from kaopu_ha.agent.storage import CephCluster, OwnStorage
from kaopu_ha.agent.trouble import Trouble
from kaopu_ha.core import model
from kaopu_ha.core.addresses import spelling
from kaopu_ha.core.news import Fact

# The host's own sign is read this often, however often the domains are.
_SIGN_SECONDS = 10.0
# The record is read again after this time even if nothing changed: a person may have deleted it.
_LOOK_SECONDS = 60.0
# A process that is told to end has half a second for what it still has to say.
_LAST_SECONDS = 0.3
# An inventory that was not kept up for so long is called old, in the beat.
_BEHIND_SECONDS = 30.0
_EVERYWHERE = ('0.0.0.0/0', '::/0')


class InventoryPublisher:
    """Publishes the inventory of one host, also while it is locked.  For one thread."""

    def __init__(self, env: HostRuntime, storage: ports.StorageReader, *, management_uri: str,
                 client_networks: Sequence[str], interval: float,
                 clusters: Sequence[CephCluster] = (CephCluster(),),
                 lately_seconds: float = LATELY_SECONDS, has_compute: bool = True,
                 beats: Callable[[], bool] = lambda: True) -> None:
        """Take where the host's libvirt is asked by others, and which of its addresses count.

        ``beats`` says whether the host does; it never waits.  ``has_compute``: it is to run a
        nova-compute.
        """
        self._env, self._store, self._host, self._local = env, env.store, env.host, env.local
        self._storage = OwnStorage(storage, clusters, limit=env.ask_limit, clock=env.clock)
        self._clients = OwnClients(storage, limit=env.ask_limit, clock=env.clock,
                                   may_be_ours=self._may_be_ours)
        self._beats = beats
        self._management_uri, self._networks = management_uri, tuple(client_networks)
        self._interval, self._ask_limit = interval, env.ask_limit
        self._clock, self._date = env.clock, env.now
        self._key = records.INVENTORY + env.host
        self._modified: int | None = None
        self._text = ''
        self._former: model.Inventory | None = None
        # ``_former`` as a record's text, '' until it was made of what this agent saw.
        self._encoded = ''
        self._look_at = 0.0
        self._domains: tuple[ports.Domain, ...] | None = None
        self._mute_since = ''
        self._signs: dict[str, model.Sign] = {}
        self._sign_at = float('-inf')
        self._trouble = Trouble(env, f'the inventory of {env.host} is', 'published')
        self._unread = Trouble(env, f'the ids of images that {env.host} has open are', 'read')
        self._past = Past(env, lately_seconds=lately_seconds)
        self._compute = ComputeWatch(env.clock, is_expected=has_compute)
        self._kept_at, self._kept_date = env.clock(), env.now()

    @property
    def behind(self) -> str:
        """Why the inventory is not kept up, '' while it is.  For any thread."""
        if self._clock() - self._kept_at < _BEHIND_SECONDS + self._interval:
            return ''
        why = self._trouble.why or self._mute_note() or 'a look at the host does not end'
        return f'not kept up since {self._kept_date}: {why}'

    @property
    def trouble(self) -> str:
        """Why the inventory is not published, or ''."""
        return self._trouble.why

    def turn(self) -> float:
        """Look, and publish what changed; the seconds until the next turn.  Raises nothing."""
        began = self._clock()
        trouble = ''
        try:
            if self._modified is None or began >= self._look_at:
                self._take_up()
            self._publish(self._seen())
            if not self._mute_since:
                self._kept_at, self._kept_date = self._clock(), self._date()
        except (ports.PortError, records.RecordError) as failure:
            self._modified = None
            trouble = str(failure)
        self._trouble.note(trouble)
        return max(began + self._interval - self._clock(), 0.1)

    def leave(self) -> None:
        """Say that the host leaves, if its system is being shut down: as the agent's last act."""
        if self._former is None or self._modified is None:
            return
        with contextlib.suppress(ports.PortError):
            if self._past.leave(_LAST_SECONDS):
                self._publish(dataclasses.replace(self._former, leaving=True))

    # ------------------------------------------------------------ what is published

    def _take_up(self) -> None:
        """Read the record as it stands; one that can't be read is written anew.

        Raises Refused if it is another host's.
        """
        entry = self._store.read(self._key).get(self._key)
        there = {} if entry is None else {self._key: entry}
        for former in records.readable(model.Inventory, there).values():
            ours = self._local.identity(self._ask_limit).host_uuid
            if former.host_uuid != ours:
                raise ports.Refused(f'it is of another host, UUID {former.host_uuid}; if that '
                                    f'machine is gone for good: kaopu-ha host forget {self._host}')
            if self._former is None:
                self._former = former
                self._storage.learn(former)
        self._modified = entry.modified if entry else 0
        self._text = entry.value if entry else ''
        self._look_at = self._clock() + _LOOK_SECONDS

    def _publish(self, inventory: model.Inventory) -> None:
        if inventory != self._former or not self._encoded:
            self._encoded = records.encode(inventory)
        self._former, text = inventory, self._encoded
        if text == self._text:
            return
        assert self._modified is not None
        revision = self._store.commit([ports.Compare(self._key, modified=self._modified)],
                                      [ports.Put(self._key, text)])
        if revision is None:
            raise ports.StoreError('somebody else wrote it meanwhile')
        self._modified, self._text = revision, text

    # ------------------------------------------------------------ what is seen

    def _seen(self) -> model.Inventory:
        identity = self._local.identity(self._ask_limit)
        self._look_at_libvirt()
        domains = self._domains or ()
        self._look_at_storage(domains)
        former = self._former
        seen = self._past.look(former, self._local.boot_id(), self._domains, self._ask_limit)
        domains, started = seen.domains, self._local.compute_started()
        inventory = model.Inventory(
            host=self._host, host_uuid=identity.host_uuid, boot_id=self._local.boot_id(),
            management_uri=self._management_uri, storage_addresses=self._addresses(),
            storage=dict(self._signs), cores=identity.cores, memory_mb=identity.memory_mb,
            instances=tuple(self._instance(domain) for domain in domains),
            domains=tuple(domain.uuid for domain in domains),
            compute_started=started, note=self._mute_note(),
            interrupted=seen.interrupted, off_lately=seen.off_lately, leaving=seen.leaving,
            left_defined=self._left_defined(),
            crashed=() if seen.leaving else self._crashed(),
            stuck=tuple(domain.uuid for domain in domains if domain.stuck),
            stuck_runs={domain.uuid: domain.run for domain in domains if domain.stuck},
            hung=tuple(domain.uuid for domain in domains if domain.hung),
            compute_gone=self._compute.is_gone(started, former) and not seen.leaving)
        if self._domains is None and former is not None:
            return dataclasses.replace(inventory, domains=former.domains, instances=as_of(
                former, inventory.boot_id), **_still_stuck(former, inventory.boot_id))
        return inventory

    def _left_defined(self) -> tuple[str, ...]:
        """Those that the nova-compute which runs now can't have defined; of libvirt's word only.

        Seen before ``compute_started`` is: one that was started meanwhile is younger still.
        """
        if self._mute_since or self._domains is None:
            return ()
        return tuple(domain.uuid for domain in self._domains if domain.left)

    def _crashed(self) -> tuple[str, ...]:
        """Those whose guests went off by themselves; of libvirt's word only.

        While its system is being shut down, that is what ends them.
        """
        if self._mute_since or self._domains is None:
            return ()
        return tuple(domain.uuid for domain in self._domains if domain.crashed)

    def _look_at_libvirt(self) -> None:
        try:
            self._domains = self._local.instances(self._ask_limit)
        except ports.PortError as failure:
            if not self._mute_since:
                self._mute_since = self._date()
                self._env.say(Fact.LIBVIRT_MUTE,
                              f'libvirt on {self._host} does not answer, its instances are '
                              f'published as last seen: {failure}')
            return
        if self._mute_since:
            self._env.say(Fact.LIBVIRT_BACK, f'libvirt on {self._host} answers again')
        self._mute_since = ''

    def _look_at_storage(self, domains: Sequence[ports.Domain]) -> None:
        if self._clock() >= self._sign_at:
            self._signs = self._storage.signs(domains)
            self._sign_at = self._clock() + _SIGN_SECONDS
        # A cluster that is away would cost the time limit for nothing.
        if model.Sign.LIFE in self._signs.values():
            self._storage.read_headers(domains)
            self._unread.note(_with_way_out(self._storage.unread))
            if not self._mute_since:
                self._clients.look(domains, lambda domain: self._storage.images(domain)[0])

    def _may_be_ours(self, address: str) -> bool:
        return self._beats() or address in map(spelling, self._local.addresses(_EVERYWHERE))

    def _mute_note(self) -> str:
        return f'libvirt has not answered since {self._mute_since}' if self._mute_since else ''

    def _addresses(self) -> tuple[str, ...]:
        """The kernel's in the client networks, and those at which Ceph sees clients from here.

        The last known ones as well while an interface has lost its own, or while a guest runs
        whose client's address could not be read yet: clients keep the address that they had.
        """
        own = self._local.addresses(self._networks)
        found = {*own, *self._clients.addresses}
        if self._former is not None and (not own or (
                self._former.boot_id == self._local.boot_id() and not self._clients.complete)):
            found |= set(self._former.storage_addresses)
        return tuple(sorted(found))

    def _instance(self, domain: ports.Domain) -> model.Instance:
        images, lost = self._storage.images(domain)
        return model.Instance(uuid=domain.uuid, name=domain.name, power=domain.power,
                              images=images, local_disks=(*domain.local_disks, *lost),
                              cores=domain.cores, memory_mb=domain.memory_mb)


def _still_stuck(former: model.Inventory, boot_id: str) -> dict[str, Any]:
    """What was seen stuck, or hung, last, while libvirt is mute."""
    same = former.boot_id == boot_id
    return {'stuck': former.stuck if same else (), 'stuck_runs': former.stuck_runs if same else {},
            'hung': former.hung if same else ()}


def _with_way_out(unread: str) -> str:
    """Why images are not read, and what helps: without its id no image is asked about or moved."""
    return unread and (f'{unread}; if that is not permitted, name the pool in [ceph] pools and '
                       f'give the users what kaopu-ha secure ceph prints')
