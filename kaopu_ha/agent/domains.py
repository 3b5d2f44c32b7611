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

"""Publishes what each domain of a host is defined by: ``domain/<host>/<instance>``.

Only where no Nova keeps it: another host starts the domain from there when this one is dead.  The
text is libvirt's own without its secrets; a disk names the key of its cephx user by a UUID.  Whose
an instance is, is read from what is published here for the first time, and by whom.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
import dataclasses

from kaopu_ha import ports, records
from kaopu_ha.agent.runtime import HostRuntime
from kaopu_ha.agent.trouble import Trouble
from kaopu_ha.core import model
from kaopu_ha.core.model import Power

# A definition is some 4 to 10 KiB; etcd takes 1.5 MiB in one transaction.
_XML_MAX = 128 * 1024
_TOGETHER_MAX = 8
_NOTHING = records.DomainRecord('', Power.OFF)


class DomainPublisher:
    """Publishes the definitions of one host, also while it is locked.  For one thread."""

    def __init__(self, env: HostRuntime, *, interval: float) -> None:
        """Take a host that gives definitions, and how often they are looked at."""
        self._store, self._host, self._local = env.store, env.host, env.local
        self._interval, self._ask_limit = interval, env.ask_limit
        self._prefix = f'{records.DOMAIN}{env.host}/'
        self._trouble = Trouble(env, f'the definitions of {env.host} are', 'published')

    @property
    def trouble(self) -> str:
        """Why the definitions are not published, or ''.  For any thread."""
        return self._trouble.why

    def turn(self) -> float:
        """Look, and publish what changed; the seconds until the next turn.  Raises nothing.

        While libvirt is mute, or the system is being shut down, what was published last stays.
        """
        trouble = ''
        try:
            self._publish(self._local.instances(self._ask_limit))
        except (ports.PortError, records.RecordError) as failure:
            trouble = str(failure)
        self._trouble.note(trouble)
        return self._interval

    # ------------------------------------------------------------ private

    def _publish(self, domains: Sequence[ports.Domain]) -> None:
        lock = records.LOCK + self._host
        seen = self._store.read(self._prefix, records.INVENTORY + self._host, lock)
        ours = self._ours(seen)
        before = seen.under(self._prefix)
        if self._leaves(seen, before, domains):
            return
        now = {one.uuid: records.encode(_record(one)) for one in domains}
        self._put([ours], {uuid: text for uuid, text in now.items()
                           if uuid in before and before[uuid].value != text})
        if seen.get(lock) is not None:
            return
        # A locked host neither takes nor leaves: what it seems to run may be another's by now, and
        # its recovery starts from its definitions what may have ended here.
        unlocked = [ours, ports.Compare(lock, modified=0)]
        self._put(unlocked, {uuid: text for uuid, text in now.items() if uuid not in before})
        for uuid in sorted(before.keys() - now.keys()):
            self._forget(unlocked, before[uuid], uuid)

    def _put(self, compares: Sequence[ports.Compare], texts: Mapping[str, str]) -> None:
        puts = [ports.Put(self._prefix + uuid, text) for uuid, text in sorted(texts.items())]
        for start in range(0, len(puts), _TOGETHER_MAX):
            self._commit(compares, puts[start:start + _TOGETHER_MAX])

    def _leaves(self, seen: ports.Snapshot, before: Mapping[str, ports.Entry],
                domains: Sequence[ports.Domain]) -> bool:
        """True while the system is being shut down: its instances stay as they were told before.

        The inventory says so; what it has not said yet is asked when something went off.
        """
        entry = seen.entries[records.INVENTORY + self._host]
        told = records.record(model.Inventory, entry)
        if told.leaving and told.boot_id == self._local.boot_id():
            return True
        on = {one.uuid for one in domains if one.power is not Power.OFF}
        went = any(_was_on(entry) for uuid, entry in before.items() if uuid not in on)
        return went and self._local.stopping(self._ask_limit)

    def _ours(self, seen: ports.Snapshot) -> ports.Compare:
        """The condition that the name of this host is still this machine's.  Raises Refused."""
        entry = seen.get(records.INVENTORY + self._host)
        if entry is None:
            raise ports.Refused('its inventory is not published yet')
        owner = records.record(model.Inventory, entry).host_uuid
        if owner != self._local.identity(self._ask_limit).host_uuid:
            raise ports.Refused(f'the inventory of this name is of another host, UUID {owner}')
        return ports.Compare(entry.key, created=entry.created)

    def _forget(self, compares: Sequence[ports.Compare], before: ports.Entry, uuid: str) -> None:
        """Forget a domain that left; or tell that it did, while it is decided to belong here.

        A dead host that had it before may tell of it still, and would else be believed.
        """
        key = records.SERVER + uuid
        owner = self._store.read(key).get(key)
        unchanged = ports.Compare(key, modified=owner.modified if owner else 0)
        # Whoever had this host's account may have left what is no record.
        last = records.readable(records.DomainRecord, {uuid: before}).get(uuid) or _NOTHING
        if owner is None or not self._is_settled_here(owner):
            self._commit([*compares, unchanged], [ports.Delete(before.key)])
        elif not last.gone:
            told = dataclasses.replace(last, power=Power.OFF, xml='', note='', gone=True)
            self._commit([*compares, unchanged], [ports.Put(before.key, records.encode(told))])

    def _is_settled_here(self, entry: ports.Entry) -> bool:
        owner = records.record(records.Owner, entry)
        return owner.host == self._host and owner.running is None

    def _commit(self, compares: Sequence[ports.Compare],
                writes: Sequence[ports.Put | ports.Delete]) -> None:
        if self._store.commit(compares, writes) is None:
            raise ports.StoreError('somebody else wrote it meanwhile')


def _was_on(entry: ports.Entry) -> bool:
    try:
        return records.record(records.DomainRecord, entry).power is not Power.OFF
    except records.RecordError:
        return False


def _record(one: ports.Domain) -> records.DomainRecord:
    size = len(one.definition.encode())
    if size > _XML_MAX:
        return records.DomainRecord(one.name, one.power, note=f'its definition has {size} bytes, '
                                                        f'{_XML_MAX} are taken at most')
    return records.DomainRecord(one.name, one.power, one.definition)
