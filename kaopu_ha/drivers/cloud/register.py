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

Newer and older are etcd's revisions, never clocks.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass

from kaopu_ha import ports, records
from kaopu_ha.core import model
from kaopu_ha.core.model import Power

# etcd takes 128 operations in one transaction.
_RANGES_MAX = 100

_RUNS = {Power.ON: 2, Power.PAUSED: 1, Power.OFF: 0}
_STATES = {Power.ON: ('active', 1), Power.PAUSED: ('paused', 3), Power.OFF: ('stopped', 4)}


@dataclass(frozen=True)
class Told:
    """What one host told of an instance, and when: revisions."""

    domain: records.Domain
    created: int
    modified: int


@dataclass(frozen=True)
class Known:
    """All that is known of one instance.  ``modified`` is the decision's revision, 0 if none."""

    uuid: str
    told: Mapping[str, Told]
    sizes: Mapping[str, model.Instance]
    owner: records.Owner | None = None
    modified: int = 0

    @property
    def host(self) -> str:
        """The host that it belongs to."""
        if self.owner is None:
            return max(self.told, key=self._rank)
        # A paused one is no word against the decision: so is a domain that is still migrating in.
        since = [host for host, one in self.told.items()
                 if one.domain.power is Power.ON and one.created > self.modified
                 and host != self.owner.host and (
                     self.running is None or host != self.running.target)]
        return max(since, key=self._rank) if since else self.owner.host

    def _rank(self, host: str) -> tuple[int, int, str]:
        one = self.told[host]
        return _RUNS[one.domain.power], one.created, host

    @property
    def running(self) -> records.Move | None:
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
        name = (mine or next(iter(self.told.values()))).domain.name
        return model.Server(
            uuid=self.uuid, name=name, host=self.host, vm_state=state, power_state=power,
            cores=size.cores if size else 1, memory_mb=size.memory_mb if size else 0, domain=name,
            fault=last.fault if last else '')

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

    def inventories(self, seen: ports.Snapshot | None = None) -> dict[str, model.Inventory]:
        """What every host told of itself."""
        seen = seen or self._store.read(records.INVENTORY)
        return {host: decoded(model.Inventory, entry)
                for host, entry in seen.under(records.INVENTORY).items()}

    def one(self, uuid: str) -> Known | None:
        """What is known of one instance; None if nothing is."""
        seen = self._store.read(records.INVENTORY, records.SERVER + uuid)
        # Every host: one that is locked keeps its definitions, whatever it has lost since.
        return self._known(seen, {uuid: set(self.inventories(seen))}).get(uuid)

    def touching(self, host: str) -> tuple[Known, ...]:
        """What is known of every instance that the host told of, or that was moved from or to it,
        by UUID."""
        prefix = f'{records.DOMAIN}{host}/'
        seen = self._store.read(records.INVENTORY, records.SERVER, prefix)
        inventory = self.inventories(seen).get(host)
        uuids = {*seen.under(prefix),
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

    def _known(self, seen: ports.Snapshot,
               uuids: Mapping[str, Collection[str]]) -> dict[str, Known]:
        """What is known of these, asked at these hosts and at those that seem to have them."""
        sizes = self._sizes(seen, uuids)
        told = self._told(seen, uuids, sizes)
        known = {uuid: _concluded(uuid, told[uuid], sizes[uuid], seen.get(records.SERVER + uuid))
                 for uuid in uuids}
        return {uuid: one for uuid, one in known.items() if one.told}

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
              sizes: Mapping[str, Mapping[str, model.Instance]]) -> dict[str, dict[str, Told]]:
        """All that hosts tell of these; a host that only lists one has told of it before all."""
        # A host that has just received it may not have it in its inventory yet.
        keys = [f'{records.DOMAIN}{host}/{uuid}' for uuid, hosts in uuids.items()
                for host in sorted({*hosts, *sizes[uuid],
                                    *_hosts_of(seen.get(records.SERVER + uuid))})]
        told = {uuid: {host: Told(records.Domain(
            instance.name, instance.power, note=f'{host} has not told of its definition; '
            f'does its agent have [cloud] driver = libvirt?'), 0, 0)
            for host, instance in sizes[uuid].items()} for uuid in uuids}
        for start in range(0, len(keys), _RANGES_MAX):
            read = self._store.read(*keys[start:start + _RANGES_MAX])
            for name, entry in read.under(records.DOMAIN).items():
                host, _, uuid = name.partition('/')
                told[uuid][host] = Told(decoded(records.Domain, entry), entry.created,
                                        entry.modified)
        return told


def _concluded(uuid: str, told: Mapping[str, Told], sizes: Mapping[str, model.Instance],
               entry: ports.Entry | None) -> Known:
    """What is left of all that was told and decided of one."""
    there = {host: one for host, one in told.items() if not one.domain.gone}
    if entry is None:
        return Known(uuid, there, sizes)
    owner = decoded(records.Owner, entry)
    mine = told.get(owner.host)
    if mine is None or not mine.domain.gone or mine.modified < entry.modified:
        return Known(uuid, there, sizes, owner, entry.modified)
    since = {host: one for host, one in there.items() if one.created > entry.modified}
    return Known(uuid, since, sizes, None, entry.modified)


def _hosts_of(entry: ports.Entry | None) -> set[str]:
    if entry is None:
        return set()
    owner = decoded(records.Owner, entry)
    return {owner.host}.union(*((move.source, move.target) for move in owner.moves))


def decoded(kind: type[records.T], entry: ports.Entry) -> records.T:
    """The record of an entry.  Raises PortError if it can't be read."""
    try:
        return records.decode(kind, entry.value, entry.key)
    except records.RecordError as failure:
        raise ports.PortError(str(failure)) from failure
