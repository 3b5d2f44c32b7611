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

"""The records of one snapshot, decoded: what a turn looks at."""

from __future__ import annotations

from collections.abc import Callable, Iterable
import functools
from typing import TypeVar

from kaopu_ha import ports, records
from kaopu_ha.core import addresses, brake, model
from kaopu_ha.core.events import Hint
from kaopu_ha.core.keys import Branch
from kaopu_ha.core.news import Fact, News
from kaopu_ha.core.restart import Restart

T = TypeVar('T')

# What a controller reads each turn, in one linearizable read.
RANGES = (records.ALIVE, records.DEATH, records.LOCK, records.CASE, records.INVENTORY,
          records.HOST, records.BRAKE, records.STORM, records.RETURNED, records.FRESH,
          records.EVENT, records.RESTART, records.TOOL)


class World:
    """One snapshot.  A record that can't be read is told and left out: its host is not acted on."""

    def __init__(self, snapshot: ports.Snapshot, tell: Callable[[News], None]) -> None:
        self.snapshot = snapshot
        self._tell = tell
        self.unreadable: set[str] = set()

    def every(self, kind: type[T], prefix: str) -> dict[str, T]:
        """All records under a prefix, by the rest of their keys, sorted."""
        branch = self.snapshot.under(prefix)
        found, failures = branch.once(kind, lambda: _read(kind, branch))
        for name, failure in failures.items():
            self.unreadable.add(name)
            self._tell(News(Fact.RECORD, name, failure))
        return dict(found)

    def compare(self, *keys: str) -> list[ports.Compare]:
        """Conditions that these keys are as they were read."""
        entries = {key: self.snapshot.get(key) for key in keys}
        return [ports.Compare(key, modified=entry.modified if entry else 0)
                for key, entry in entries.items()]

    def text(self, key: str) -> str:
        """The value of a key as it was written; '' if there is none."""
        entry = self.snapshot.get(key)
        return entry.value if entry else ''

    def has(self, key: str) -> bool:
        """True if there is such a key."""
        return self.snapshot.get(key) is not None

    def modified(self, key: str) -> int:
        """The revision at which the key was written last, 0 if it is not there."""
        entry = self.snapshot.get(key)
        return entry.modified if entry else 0

    @functools.cached_property
    def inventories(self) -> dict[str, model.Inventory]:
        """What each known host told of itself.  One in another host's name can't be read."""
        found = self.every(model.Inventory, records.INVENTORY)
        for host in [host for host, told in found.items() if told.host != host]:
            self.unreadable.add(host)
            self._tell(News(Fact.RECORD, host, f'its inventory is in the name of '
                                               f'{found.pop(host).host}'))
        return found

    @functools.cached_property
    def claimed(self) -> dict[str, frozenset[str]]:
        """For each storage address, in its one spelling, the hosts whose inventories name it.

        One whose inventory can't be read now still has what leaders wrote down of it: whoever
        claimed an address of its since is the newcomer there.
        """
        return addresses.owners(self.inventories, self._of_mute(self.claims))

    def known(self, tools: Iterable[str], claims: addresses.Claims) -> addresses.Known:
        """Whose each address is, with these tools' besides those that people named.

        Of who can't be read now what leaders wrote down (``claims``).
        """
        return addresses.known(self.inventories, (*tools, *self.tools), self._of_mute(claims))

    def _of_mute(self, claims: addresses.Claims) -> addresses.Claims:
        return {host: claimed for host, claimed in claims.items() if host in self.mute}

    @functools.cached_property
    def mute(self) -> frozenset[str]:
        """The hosts whose inventories are there, and can't be read."""
        return frozenset(self.snapshot.under(records.INVENTORY).keys() - self.inventories.keys())

    @functools.cached_property
    def evacuations(self) -> tuple[model.Evacuation, ...]:
        """The moves of all recoveries, by recovery and instance."""
        return tuple(self.every(model.Evacuation, records.EVACUATION).values())

    def under_way(self, instance: str) -> model.Evacuation | None:
        """The move of an instance that has not ended; None if there is none."""
        return next((item for item in self.evacuations
                     if item.instance == instance and not item.phase.ended), None)

    @functools.cached_property
    def beats(self) -> dict[str, records.Beat]:
        """The hosts that beat."""
        return self.every(records.Beat, records.ALIVE)

    @functools.cached_property
    def lasting_beats(self) -> frozenset[str]:
        """The hosts whose beat has no lease: no agent wrote it, and it would outlive them."""
        return frozenset(host for host, entry in self.snapshot.under(records.ALIVE).items()
                         if not entry.lease)

    def beats_truly(self, host: str) -> bool:
        """True if its beat can be read, and lapses.  Any other spares it, and makes no target."""
        return host in self.beats and host not in self.lasting_beats

    @functools.cached_property
    def cases(self) -> dict[str, model.Case]:
        """The open cases by host."""
        return self.every(model.Case, records.CASE)

    @property
    def opened(self) -> dict[str, int]:
        """The revisions at which the cases were opened, by host."""
        return {host: entry.created
                for host, entry in self.snapshot.under(records.CASE).items()}

    @functools.cached_property
    def restarts(self) -> dict[str, Restart]:
        """What is started again in place, by host."""
        return self.every(Restart, records.RESTART)

    @functools.cached_property
    def locks(self) -> dict[str, records.Lock]:
        """The locks by host."""
        return self.every(records.Lock, records.LOCK)

    @functools.cached_property
    def events(self) -> dict[str, Hint]:
        """What Nova told over its bus, by the rest of the keys."""
        return self.every(Hint, records.EVENT)

    def hints(self, host: str) -> tuple[Hint, ...]:
        """What was told of the host's instances since it published its inventory."""
        inventory = self.snapshot.get(records.INVENTORY + host)
        since = inventory.modified if inventory else 0
        return tuple(hint for name, hint in self.events.items() if hint.host == host
                     and self.snapshot.entries[records.EVENT + name].modified > since)

    @functools.cached_property
    def told(self) -> dict[str, int]:
        """The revision of the newest event about each host, or an instance on it."""
        found: dict[str, int] = {}
        for name, hint in self.events.items():
            modified = self.snapshot.entries[records.EVENT + name].modified
            found[hint.host] = max(found.get(hint.host, 0), modified)
        return found

    @functools.cached_property
    def held(self) -> frozenset[str]:
        """The hosts that people hold.  An unreadable setting holds."""
        settings = self.every(records.HostSetting, records.HOST)
        return frozenset(host for host in self.snapshot.under(records.HOST)
                         if host not in settings or settings[host].hold)

    @functools.cached_property
    def storm(self) -> brake.Storm:
        """How things stand with the brake, as it was kept.  If that can't be read, it is on."""
        entry = self.snapshot.get(records.STORM)
        if entry is None:
            return brake.Storm()
        return self._read(brake.Storm, entry) or brake.Storm(on=True)

    @functools.cached_property
    def release(self) -> records.BrakeSetting | None:
        """The release of the brake that a person gave, if any."""
        entry = self.snapshot.get(records.BRAKE)
        return self._read(records.BrakeSetting, entry) if entry else None

    def _read(self, kind: type[T], entry: ports.Entry) -> T | None:
        try:
            return records.decode(kind, entry.value, entry.key)
        except records.RecordError as failure:
            self._tell(News(Fact.RECORD, '', str(failure)))
            return None

    @functools.cached_property
    def tools(self) -> tuple[str, ...]:
        """The addresses that people named as tools', for now."""
        return tuple(self.snapshot.under(records.TOOL))

    @functools.cached_property
    def written_down(self) -> dict[str, records.Claims]:
        """What leaders wrote down of each host."""
        return self.every(records.Claims, records.CLAIMS)

    @functools.cached_property
    def claims(self) -> dict[str, dict[str, int]]:
        """Since when each host claims each of its addresses, as leaders wrote it down."""
        return {host: claims.since for host, claims in self.written_down.items()}

    @functools.cached_property
    def unprotected(self) -> records.UnprotectedList | None:
        """What was not protected when it was written down last."""
        entry = self.snapshot.get(records.UNPROTECTED)
        if entry is None:
            return None
        try:
            return records.decode(records.UnprotectedList, entry.value, entry.key)
        except records.RecordError:
            return None

    def permanent(self, host: str) -> bool:
        """True if the host is locked for good.  An unreadable lock counts as one."""
        lock = self.locks.get(host)
        return lock.permanent if lock else self.has(records.LOCK + host)


def _read(kind: type[T], branch: Branch) -> tuple[dict[str, T], dict[str, str]]:
    """The records by their names, and why the others can't be read."""
    read = branch.each(kind, functools.partial(_decoded, kind))
    failures = {name: str(record) for name, record in read.items()
                if isinstance(record, records.RecordError)}
    return {name: record for name, record in read.items()
            if not isinstance(record, records.RecordError)}, failures


def _decoded(kind: type[T], entry: ports.Entry) -> T | records.RecordError:
    try:
        return records.decode(kind, entry.value, entry.key)
    except records.RecordError as failure:
        return records.RecordError(str(failure))
