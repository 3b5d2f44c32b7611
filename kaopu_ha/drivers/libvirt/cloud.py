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

"""Recovery without OpenStack: etcd knows the instances, the hosts' own libvirt starts them.

The truth is in the store (``register``): an instance's owner is written there *before* the domain
is started on its new host, and compared, so of two that want to start one on different hosts one is
refused.  An act upon a host's libvirt runs in a child that dies rather than act late.

Starting asked twice is harmless: the child finds the domain running.  So a move that was begun and
whose end is not known leaves no trace in ``migrations``, and core asks for it again, on the same
target; to another target it goes only once the first is fenced and forced down.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
import dataclasses
from typing import Self
import uuid as uuids

from oslo_config import cfg

from kaopu_ha import checkup, ports, records
from kaopu_ha.conf import cloud as conf_cloud
from kaopu_ha.conf import libvirt as conf_libvirt
from kaopu_ha.core import model
from kaopu_ha.core.checkup import Seen
from kaopu_ha.drivers import child
from kaopu_ha.drivers.libvirt import cloud_checks as libvirt_checks
from kaopu_ha.drivers.libvirt import definition
from kaopu_ha.drivers.libvirt import uri as libvirt_uri
from kaopu_ha.drivers.libvirt.register import KnownInstance, Register, decoded

CHILD = 'kaopu_ha.drivers.libvirt.cloud_child'

_MOVES_KEPT = 10


class LibvirtCloud(ports.Cloud, checkup.Checkable):
    """The hosts whose agents publish their domains.  As many acts as ``children`` at one time.

    ``pki_path`` is the folder with our certificate for TLS ('': libvirt's own places), ``reach``
    where a host may say that it is, ``networks`` what an instance may be attached to elsewhere.
    """

    options = {conf_cloud.GROUP: conf_cloud.OPTS, conf_libvirt.GROUP: conf_libvirt.OPTS}

    @classmethod
    def from_conf(cls, conf: cfg.ConfigOpts, store: ports.Store) -> Self:
        """Made as configured."""
        return cls(store, pki_path=conf.libvirt.pki_path, children=conf.worker.concurrency,
                   reach=libvirt_uri.Reach.from_conf(conf), networks=tuple(conf.cloud.networks))

    def __init__(self, store: ports.Store, *, pki_path: str = '', children: int = 2,
                 reach: libvirt_uri.Reach | None = None,
                 networks: Sequence[str] = ('*',)) -> None:
        self._store, self._register, self._pki_path = store, Register(store), pki_path
        self._reach, self._networks = reach, tuple(networks)
        self._children = child.ChildPool(CHILD, {}, children)

    # ------------------------------------------------------------ reading

    def servers(self, host: str) -> tuple[model.Server, ...]:
        """All instances that belong to the host, by UUID."""
        return tuple(known.server() for known in self._register.touching(host)
                     if known.host == host)

    def server(self, uuid: str) -> model.Server | None:
        """One instance, or None if no host tells of it."""
        known = self._register.one(uuid)
        return known.server() if known else None

    def services(self) -> Mapping[str, model.ComputeService]:
        """Every host with an inventory; up if it beats and was not forced down."""
        seen = self._store.read(records.INVENTORY, records.ALIVE, records.SERVICE)
        return {host: _service(seen, host) for host in seen.under(records.INVENTORY)}

    def migrations(self, *, instance: str = '', host: str = '') -> tuple[model.Migration, ...]:
        """Moves that ended: of one instance, or those with one host as source or target."""
        if instance:
            known = self._register.one(instance)
            return known.migrations() if known else ()
        return tuple(move for known in self._register.touching(host)
                     for move in known.migrations() if host in (move.source, move.target))

    def actions(self, instance: str) -> tuple[model.Action, ...]:
        """Nothing: nobody keeps who stopped a domain."""
        return ()

    def checks(self, seen: Seen) -> tuple[checkup.Check, ...]:
        """Whether each host lets us in to start something there; nothing is started."""
        return libvirt_checks.checks(self._children, self._uri, seen)

    # ------------------------------------------------------------ acting

    def force_down(self, host: str, down: bool, permit: ports.Permit) -> None:
        """Write that the host is forced down, or not any more; nothing if it is so already.

        One that is taken back was the last to tell of what moved away from it.
        """
        if not down:
            self._register.settle()
        key = records.SERVICE + host
        seen = self._store.read(records.INVENTORY + host, key)
        if seen.get(records.INVENTORY + host) is None:
            raise ports.Refused(f'{host} has no inventory')
        if _is_forced_down(seen, host) != down:
            # Never deleted: of a key that went and came again, compares would not know.
            self._write(key, _modified(seen, key), records.Service(down), permit)

    def reset_state(self, instance: str, state: str, permit: ports.Permit) -> None:
        """Have it count as ``active`` or ``error`` until its host tells of it again."""
        known = self._known(instance)
        owner = known.owner if known.owner and known.owner.host == known.host else records.Owner(
            known.host, moves=known.owner.moves if known.owner else ())
        self._write(records.SERVER + instance, known.modified,
                    dataclasses.replace(owner, state=state), permit)

    def evacuate(self, instance: str, target: str, permit: ports.Permit) -> None:
        """Start the instance on the target, as its new host."""
        known = self._known(instance)
        inventory = self._target(known, target)
        uri = self._uri(inventory)
        xml = self._startable(known)
        move, again = self._begun(known, target)
        owner = _with(known, move)
        modified = self._put(instance, known.modified, owner)
        if modified is None:
            raise ports.PortError('it was decided of by somebody else meanwhile')
        try:
            with self._children.taken(permit.seconds()) as one:
                one.act('start', permit, uri=uri, xml=xml, uuid=instance,
                        host_uuid=inventory.host_uuid)
        except ports.OutcomeUnknown:
            raise
        except ports.PortError as failure:
            self._not_started(instance, modified, owner, failure, again)
            raise
        arrived = dataclasses.replace(move, status='completed')
        if self._put(instance, modified, dataclasses.replace(
                _with_last(owner, arrived), host=target, state='active')) is None:
            raise ports.OutcomeUnknown(f'it was started on {target}, but decided of meanwhile')

    def start(self, instance: str, permit: ports.Permit, *, anew: bool = False) -> None:
        """Start the instance on the host that it belongs to; nothing is decided of it by that."""
        known = self._known(instance)
        seen = self._store.read(records.INVENTORY + known.host, records.ALIVE + known.host,
                                records.SERVICE + known.host)
        entry = seen.get(records.INVENTORY + known.host)
        if entry is None or not _service(seen, known.host).up:
            raise ports.PortError(f'{known.host} is not up')
        if known.running is not None:
            raise ports.Refused(f'it is being moved to {known.running.target}')
        inventory = decoded(model.Inventory, entry)
        xml, lacking = known.xml
        if not xml:
            raise ports.Refused(lacking)
        with self._children.taken(permit.seconds()) as one:
            one.act('start', permit, uri=self._uri(inventory), xml=xml, uuid=instance,
                    host_uuid=inventory.host_uuid)

    def warm(self) -> None:
        """Start the children, so that no act waits for that."""
        self._children.warm()

    def close(self) -> None:
        """End the children; the store is the process's and stays."""
        self._children.close()

    # ------------------------------------------------------------ private

    def _known(self, instance: str) -> KnownInstance:
        known = self._register.one(instance)
        if known is None:
            raise ports.Refused(f'no host tells of {instance}')
        return known

    def _target(self, known: KnownInstance, target: str) -> model.Inventory:
        """The target's inventory, if its source is down and the target is up.  Raises Refused."""
        seen = self._store.read(records.INVENTORY + target, records.ALIVE + target,
                                *(records.SERVICE + host for host in (known.host, target)))
        if target == known.host:
            raise ports.Refused(f'it is on {target} already')
        if not _is_forced_down(seen, known.host):
            raise ports.Refused(f'its host {known.host} is still in use')
        entry = seen.get(records.INVENTORY + target)
        if entry is None or not _service(seen, target).up:
            raise ports.Refused(f'{target} is not up')
        return decoded(model.Inventory, entry)

    def _uri(self, inventory: model.Inventory) -> str:
        """Where the host's libvirt is asked.  Raises Refused."""
        try:
            return libvirt_uri.read(inventory.management_uri, self._reach).shown(self._pki_path)
        except ValueError as failure:
            raise ports.Refused(str(failure)) from failure

    def _startable(self, known: KnownInstance) -> str:
        """What of its definition is started on another host.  Raises Refused."""
        xml, lacking = known.xml
        if not xml:
            raise ports.Refused(lacking)
        told = known.sizes.get(known.host)
        images = {f'{image.pool}/{image.name}' for image in (told.images if told else ())}
        taken = self._register.taken(known, images, definition.images(xml))
        if taken:
            raise ports.Refused(taken)
        found = definition.elsewhere(xml, definition.Allowance(
            known.uuid, images, self._networks, cores=told.cores if told else None,
            memory_mb=told.memory_mb if told else None))
        if found.refused:
            raise ports.Refused(found.refused)
        return found.text

    def _begun(self, known: KnownInstance, target: str) -> tuple[records.MoveRecord, bool]:
        """The move to persist, and whether it was begun before.  Raises PortError."""
        before = known.running
        if before is None or before.source != known.host:
            return records.MoveRecord(str(uuids.uuid4()), known.host, target, 'running'), False
        if before.target == target:
            return before, True
        key = records.SERVICE + before.target
        seen = self._store.read(key)
        # Forced down since: it is fenced, or was admitted, without what had come to it.
        if not _is_forced_down(seen, before.target) and _modified(seen, key) <= known.modified:
            # Not Refused, which would have core try yet another one.
            raise ports.PortError(f'it may run on {before.target}, which is not forced down')
        return records.MoveRecord(str(uuids.uuid4()), known.host, target, 'running'), False

    def _not_started(self, instance: str, modified: int, owner: records.Owner,
                     failure: ports.PortError, again: bool) -> None:
        """Write down that nothing was started.  Raises PortError if that can't be written.

        One that was begun before may run there by that first call: it stays begun, unless the
        target itself says no.
        """
        last = owner.moves[-1]
        if isinstance(failure, ports.Refused):
            ended = _with_last(owner, dataclasses.replace(last, status='failed',
                                                          fault=str(failure)))
        elif not again:
            ended = dataclasses.replace(owner, moves=owner.moves[:-1])
        else:
            return
        if self._put(instance, modified, ended) is None:
            raise ports.PortError(f'not started ({failure}), but decided of meanwhile')

    def _write(self, key: str, modified: int, record: object, permit: ports.Permit) -> None:
        """Write a record if it is unchanged and the permit holds.  Raises PortError.

        A process that is frozen in between finds the record changed by whoever acted meanwhile.
        """
        if permit.seconds() <= 0 or not permit.holds():
            raise ports.NotPermitted('the record or the lease is no longer ours')
        if self._store.commit([ports.Compare(key, modified=modified)],
                              [ports.Put(key, records.encode(record))]) is None:
            raise ports.PortError(f'{key} was written by somebody else meanwhile')

    def _put(self, instance: str, modified: int, owner: records.Owner) -> int | None:
        key = records.SERVER + instance
        return self._store.commit([ports.Compare(key, modified=modified)],
                                  [ports.Put(key, records.encode(owner))])


def _with(known: KnownInstance, move: records.MoveRecord) -> records.Owner:
    """The decision with this move as its last; one that was running to another target is over."""
    moves = [dataclasses.replace(one, status='failed', fault='given up')
             if one.status == 'running' and one.id != move.id else one
             for one in (known.owner.moves if known.owner else ())]
    kept = [one for one in moves if one.id != move.id][-_MOVES_KEPT:]
    state = known.owner.state if known.owner and known.owner.host == known.host else ''
    return records.Owner(known.host, state, (*kept, move))


def _with_last(owner: records.Owner, move: records.MoveRecord) -> records.Owner:
    return dataclasses.replace(owner, moves=(*owner.moves[:-1], move))


def _service(seen: ports.Snapshot, host: str) -> model.ComputeService:
    down = _is_forced_down(seen, host)
    beats = seen.get(records.ALIVE + host) is not None
    return model.ComputeService(id=host, host=host, enabled=True, up=beats and not down,
                                forced_down=down)


def _is_forced_down(seen: ports.Snapshot, host: str) -> bool:
    entry = seen.get(records.SERVICE + host)
    return entry is not None and decoded(records.Service, entry).forced_down


def _modified(seen: ports.Snapshot, key: str) -> int:
    entry = seen.get(key)
    return entry.modified if entry else 0
