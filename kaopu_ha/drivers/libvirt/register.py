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

"""What the store says of instances where there is no Nova.

``domain/<host>/<instance>`` is what hosts tell of themselves, ``server/<instance>`` what was
decided of one that moved.  Whose is it?

* Nothing was decided: that of the host that tells of it as running, not paused (a domain that is
  still migrating in is) nor off; of several the newest.
* It was decided: the host of the decision, whatever a dead host told before, until another host
  tells of it as running for the first time since (somebody migrated it), or the host of the
  decision tells that it is gone: then only what others told since counts.
* **Nobody takes over what a host that beats tells as running** (``Standing``): a host that was
  stolen may tell of any instance.  Nor does what was told before the beat of such a host was lost,
  or while the recovery of a confirmed one is under way.  Of a record that can't be read nothing is
  told.

Newer and older are etcd's revisions, never clocks.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
import dataclasses
from dataclasses import dataclass, field
import logging
from typing import TypeVar

from kaopu_ha import ports, records
from kaopu_ha.core import model
from kaopu_ha.core.model import Power
from kaopu_ha.drivers.libvirt import definition

T = TypeVar('T')
LOG = logging.getLogger(__name__)

# etcd takes 128 operations in one transaction.
_RANGES_MAX = 100
# Definitions of one host that are looked at besides those of its inventory.
_DEFINITIONS_MAX = 1000

# What is read of every host: what it told, and how it stands.
_STANDING = (records.INVENTORY, records.ALIVE, records.CASE, records.LOCK)

_RUNS = {Power.ON: 2, Power.PAUSED: 1, Power.OFF: 0}
_STATES = {Power.ON: ('active', 1), Power.PAUSED: ('paused', 3), Power.OFF: ('stopped', 4)}


@dataclass(frozen=True)
class Statement:
    """What one host told of an instance, and when: revisions."""

    domain: records.DomainRecord
    created: int
    modified: int


@dataclass(frozen=True)
class Standing:
    """How a host stands that told of an instance: its word holds against whom?

    ``suspected`` and ``locked``: the revisions at which its case was opened and its lock for good
    was written, 0 if none was; ``recovering``: what is to be moved from it is being moved.
    """

    beats: bool = False
    suspected: int = 0
    locked: int = 0
    recovering: bool = False

    def holds_against(self, claimed: int) -> bool:
        """True if its word that it runs an instance holds against a claim of this revision.

        An agent that is lost does not see its instances leave: what is claimed then, counts.
        """
        if self.locked and self.recovering and claimed > self.locked:
            return True
        return claimed < self.suspected if self.suspected else self.beats


@dataclass(frozen=True)
class KnownInstance:
    """All that is known of one instance.  ``modified`` is the decision's revision, 0 if none."""

    uuid: str
    told: Mapping[str, Statement]
    sizes: Mapping[str, model.Instance]
    owner: records.Owner | None = None
    modified: int = 0
    standing: Mapping[str, Standing] = field(default_factory=dict)

    @property
    def host(self) -> str:
        """The host that it belongs to."""
        if self.owner is None:
            return self._claimed() or max(self.told, key=self._rank)
        # A paused one is no word against the decision: so is a domain that is still migrating in.
        mine, standing = self.told.get(self.owner.host), self._standing(self.owner.host)
        has_it = mine is None or mine.domain.power is Power.ON
        since = [host for host, one in self.told.items()
                 if one.domain.power is Power.ON and one.created > self.modified
                 and host != self.owner.host and (
                     self.running is None or host != self.running.target)
                 and not (has_it and standing.holds_against(one.created))]
        return max(since, key=self._rank) if since else self.owner.host

    def _claimed(self) -> str:
        """Of those that tell of it as running the newest that no other's word holds against.

        Who only lists it takes it from nobody who defines it: when he began to is not known.
        """
        running = sorted((one.created, host) for host, one in self.told.items()
                         if one.domain.power is Power.ON)
        running = [each for each in running if each[0]] or running
        holder = ''
        for created, host in running:
            if not holder or not self._standing(holder).holds_against(created):
                holder = host
        return holder

    def _standing(self, host: str) -> Standing:
        return self.standing.get(host, Standing())

    def _rank(self, host: str) -> tuple[int, int, str]:
        one = self.told[host]
        return _RUNS[one.domain.power], one.created, host

    @property
    def running(self) -> records.MoveRecord | None:
        """The move that was begun and has neither arrived nor failed."""
        return self.owner.running if self.owner else None

    @property
    def xml(self) -> tuple[str, str]:
        """What it is started from, or '' and why there is nothing: its host's text first."""
        mine = self.told.get(self.host)
        newest = sorted(self.told.values(), key=lambda one: one.modified, reverse=True)
        for one in ([mine] if mine else []) + newest:
            if one.domain.xml:
                return one.domain.xml, ''
        return '', next((one.domain.note for one in newest), 'no host told of its definition')

    def server(self) -> model.Server:
        """It, in Nova's words."""
        mine = self.told.get(self.host)
        state, power = _STATES[mine.domain.power] if mine else ('active', 1)
        decided = self.owner is not None and self.owner.host == self.host and self.owner.state
        if self.owner is not None and decided and (
                mine is None or mine.modified < self.modified):
            state, power = self.owner.state, 1 if self.owner.state == 'active' else power
        last = self.owner.moves[-1] if self.owner and self.owner.moves else None
        size = self.sizes.get(self.host) or next(iter(self.sizes.values()), None)
        domain = (mine or next(iter(self.told.values()))).domain
        return model.Server(
            uuid=self.uuid, name=domain.name, host=self.host, vm_state=state, power_state=power,
            cores=size.cores if size else 1, memory_mb=size.memory_mb if size else 0,
            domain=domain.name, fault=last.fault if last else '',
            marks=definition.marks(domain.xml))

    def migrations(self) -> tuple[model.Migration, ...]:
        """Its moves that ended, newest first.

        One that is running leaves no trace: unlike Nova's, it may be asked for again.
        """
        moves = self.owner.moves if self.owner else ()
        return tuple(model.Migration(move.id, self.uuid, 'evacuation', move.status, move.source,
                                     move.target)
                     for move in reversed(moves) if move.status != 'running')


class Register:
    """Reads it from the store."""

    def __init__(self, store: ports.Store) -> None:
        self._store = store
        self._too_many: set[str] = set()

    def inventories(self, seen: ports.Snapshot | None = None) -> dict[str, model.Inventory]:
        """What every host told of itself; one that can't be read says nothing."""
        seen = seen or self._store.read(records.INVENTORY)
        return records.readable(model.Inventory, seen.under(records.INVENTORY))

    def one(self, uuid: str) -> KnownInstance | None:
        """What is known of one instance; None if nothing is."""
        seen = self._store.read(*_STANDING, records.SERVER + uuid)
        # Every host: one that is locked keeps its definitions, whatever it has lost since.
        return self._known(seen, {uuid: set(self.inventories(seen))}).get(uuid)

    def touching(self, host: str) -> tuple[KnownInstance, ...]:
        """What is known of every instance that the host told of, or that was moved from or to it,
        by UUID."""
        prefix = f'{records.DOMAIN}{host}/'
        names = self._store.names(prefix, _DEFINITIONS_MAX + 1)
        self._bound(host, len(names))
        seen = self._store.read(*_STANDING, records.SERVER)
        inventory = self.inventories(seen).get(host)
        uuids = {*names[:_DEFINITIONS_MAX],
                 *(instance.uuid for instance in (inventory.instances if inventory else ()))}
        for uuid, entry in seen.under(records.SERVER).items():
            owner = decoded(records.Owner, entry)
            if host == owner.host or any(host in (move.source, move.target)
                                         for move in owner.moves):
                uuids.add(uuid)
        known = self._known(seen, {uuid: {host} for uuid in sorted(uuids)})
        return tuple(known[uuid] for uuid in sorted(known))

    def settle(self) -> None:
        """Delete each decision of which only its own host tells, and has since it was made.

        Until then a host that was dead may tell of what it had.  Raises PortError.
        """
        seen = self._store.read(records.INVENTORY, records.SERVER)
        decided = seen.under(records.SERVER)
        nobody: dict[str, Collection[str]] = dict.fromkeys(decided, ())
        told = self._told(seen, nobody, self._sizes(seen, nobody))
        for uuid, entry in decided.items():
            owner = decoded(records.Owner, entry)
            mine = told[uuid].get(owner.host)
            if mine is None or mine.modified < entry.modified or len(
                    told[uuid]) > 1 or owner.running is not None:
                continue
            gone = [ports.Delete(f'{records.DOMAIN}{owner.host}/{uuid}')] * mine.domain.gone
            self._store.commit([ports.Compare(entry.key, modified=entry.modified)],
                               [ports.Delete(entry.key), *gone])

    # ------------------------------------------------------------ private

    def _bound(self, host: str, count: int) -> None:
        """Tell once of a host that has written more definitions than are looked at."""
        if count <= _DEFINITIONS_MAX:
            self._too_many.discard(host)
        elif host not in self._too_many:
            self._too_many.add(host)
            LOG.warning('%s has more than %d definitions in the store; of those that its inventory '
                        'does not name only the first are looked at: is it stolen?', host,
                        _DEFINITIONS_MAX)

    def _known(self, seen: ports.Snapshot,
               uuids: Mapping[str, Collection[str]]) -> dict[str, KnownInstance]:
        """What is known of these, asked at these hosts and at those that seem to have them."""
        sizes = self._sizes(seen, uuids)
        told = self._told(seen, uuids, sizes)
        standing = self._standing(seen, {host for each in told.values() for host in each})
        known = {uuid: dataclasses.replace(
            _concluded(uuid, told[uuid], sizes[uuid], seen.get(records.SERVER + uuid)),
            standing=standing) for uuid in uuids}
        return {uuid: one for uuid, one in known.items() if one.told}

    def _standing(self, seen: ports.Snapshot, hosts: Iterable[str]) -> dict[str, Standing]:
        """How these hosts stand, by what the leader wrote of them."""
        locks = {host: seen.get(records.LOCK + host) for host in sorted(hosts)}
        decoded_locks = {host: records.if_readable(records.Lock, entry)
                         for host, entry in locks.items() if entry is not None}
        recoveries = {host: records.RECOVERY + lock.recovery for host, lock in
                      decoded_locks.items() if lock is not None and lock.permanent}
        read = self._store.read(*recoveries.values()) if recoveries else None
        found = {}
        for host, lock in locks.items():
            entry = read.get(recoveries[host]) if read and host in recoveries else None
            recovery = records.if_readable(model.Recovery, entry)
            suspected = seen.get(records.CASE + host)
            found[host] = Standing(
                seen.get(records.ALIVE + host) is not None,
                suspected.created if suspected else 0,
                lock.modified if lock is not None and host in recoveries else 0,
                recovery is not None and not recovery.stage.finished)
        return found

    def taken(self, known: KnownInstance, images: Collection[str],
              shared: Mapping[str, bool]) -> str:
        """Why it may not write all of these images, since another instance does; '' if it may.

        A host that was stolen may name any image as that of an instance of its own: so nobody is
        started on an image that another instance has, unless the other came when this one's text
        stood already.  Two that share one on purpose both say so in their definitions.
        """
        mine = known.told.get(known.host)
        for host, inventory in self.inventories().items():
            for other in inventory.instances:
                both = {f'{image.pool}/{image.name}' for image in other.images} & set(images)
                if other.uuid == known.uuid or other.power is Power.OFF or not both:
                    continue
                entry, its = self._definition(host, other.uuid)
                came_later = entry is not None and mine is not None and (
                    0 < mine.modified < entry.created)
                apart = sorted(name for name in both
                               if not (shared.get(name) and its.get(name)))
                if apart and not came_later:
                    return (f'its disk {apart[0]} is a disk of {other.name} on {host}, too, and '
                            f'not both say that they share it')
        return ''

    def _definition(self, host: str,
                    uuid: str) -> tuple[ports.Entry | None, Mapping[str, bool]]:
        """What the host told of this instance, with the images in its definition."""
        key = f'{records.DOMAIN}{host}/{uuid}'
        entry = self._store.read(key).get(key)
        told = records.if_readable(records.DomainRecord, entry)
        return entry, definition.images(told.xml) if told else {}

    def _sizes(self, seen: ports.Snapshot,
               uuids: Iterable[str]) -> dict[str, dict[str, model.Instance]]:
        """These instances as the inventories have them, by host."""
        sizes: dict[str, dict[str, model.Instance]] = {uuid: {} for uuid in uuids}
        for host, inventory in self.inventories(seen).items():
            for instance in inventory.instances:
                if instance.uuid in sizes:
                    sizes[instance.uuid][host] = instance
        return sizes

    def _told(self, seen: ports.Snapshot, uuids: Mapping[str, Collection[str]],
              sizes: Mapping[str, Mapping[str, model.Instance]]) -> dict[str, dict[str, Statement]]:
        """All that hosts tell of these; a host that only lists one has told of it before all."""
        # A host that has just received it may not have it in its inventory yet.
        keys = [f'{records.DOMAIN}{host}/{uuid}' for uuid, hosts in uuids.items()
                for host in sorted({*hosts, *sizes[uuid],
                                    *_hosts_of(seen.get(records.SERVER + uuid))})]
        told = {uuid: {host: Statement(records.DomainRecord(
            instance.name, instance.power, note=f'{host} has not told of its definition; '
            f'does its agent have [cloud] driver = libvirt?'), 0, 0)
            for host, instance in sizes[uuid].items()} for uuid in uuids}
        for start in range(0, len(keys), _RANGES_MAX):
            read = self._store.read(*keys[start:start + _RANGES_MAX])
            found = read.under(records.DOMAIN)
            for name, domain in records.readable(records.DomainRecord, found).items():
                host, _, uuid = name.partition('/')
                told[uuid][host] = Statement(domain, found[name].created, found[name].modified)
        return told


def _concluded(uuid: str, told: Mapping[str, Statement], sizes: Mapping[str, model.Instance],
               entry: ports.Entry | None) -> KnownInstance:
    """What is left of all that was told and decided of one."""
    there = {host: one for host, one in told.items() if not one.domain.gone}
    if entry is None:
        return KnownInstance(uuid, there, sizes)
    owner = decoded(records.Owner, entry)
    mine = told.get(owner.host)
    if mine is None or not mine.domain.gone or mine.modified < entry.modified:
        return KnownInstance(uuid, there, sizes, owner, entry.modified)
    since = {host: one for host, one in there.items() if one.created > entry.modified}
    return KnownInstance(uuid, since, sizes, None, entry.modified)


def _hosts_of(entry: ports.Entry | None) -> set[str]:
    if entry is None:
        return set()
    owner = decoded(records.Owner, entry)
    return {owner.host}.union(*((move.source, move.target) for move in owner.moves))


def decoded(kind: type[T], entry: ports.Entry) -> T:
    """The record of an entry.  Raises PortError if it can't be read."""
    try:
        return records.record(kind, entry)
    except records.RecordError as failure:
        raise ports.PortError(str(failure)) from failure
