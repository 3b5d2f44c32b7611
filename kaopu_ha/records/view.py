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

"""The one reader of the records: of a snapshot, decoded, and what follows from several of them.

It has no side effects: what can't be read is left out, and ``failures`` say why.  What was decoded
once stays so from one snapshot of a mirror to the next, until it changes.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
import functools
from typing import Protocol, TypeVar

from kaopu_ha.core import addresses, brake, circles, model
from kaopu_ha.core.events import Hint
from kaopu_ha.core.keys import Branch, Compare, Entry, Snapshot
from kaopu_ha.core.live import LiveUse
from kaopu_ha.core.restart import Restart
from kaopu_ha.core.segments import Notification, Segment, SegmentHost, Taking
from kaopu_ha.records import codec, keys, values
from kaopu_ha.records.codec import RecordError

T = TypeVar('T')

# What agents write: see ``access``.
_OF_HOSTS = frozenset({values.Beat, values.DomainRecord, model.Inventory, LiveUse, values.Request})


class Written(Protocol):
    """A key with what is written there, or is about to be."""

    @property
    def key(self) -> str:
        """Where it stands."""

    @property
    def value(self) -> str:
        """The text."""


def decode(kind: type[T], text: str, key: str = '') -> T:
    """The record in ``text``.  Raises RecordError, naming the key, if it is none of this kind.

    Whatever the text is, nothing else is raised: who wrote it may have meant harm.
    """
    return codec.decode(kind, text, key, bounded=kind in _OF_HOSTS)


def record(kind: type[T], written: Written) -> T:
    """The record of an entry.  Raises RecordError if it is none of this kind."""
    return decode(kind, written.value, written.key)


def if_readable(kind: type[T], written: Written | None) -> T | None:
    """The record of an entry; None if there is no entry, or it can't be read."""
    try:
        return None if written is None else record(kind, written)
    except RecordError:
        return None


def readable(kind: type[T], entries: Mapping[str, Entry]) -> dict[str, T]:
    """Those of the entries that are records of this kind, by the same names.

    For a reader that can do nothing about the others: the leader tells of them.
    """
    found = {name: if_readable(kind, entry) for name, entry in entries.items()}
    return {name: one for name, one in found.items() if one is not None}


def live_use(seen: Snapshot) -> dict[str, LiveUse]:
    """What hosts measure of themselves, by host: of ``USE`` and ``ALIVE`` what counts.

    A figure counts while its host beats, if it is possible, and under a lease: any other would
    never grow old.
    """
    told = readable(LiveUse, {host: entry for host, entry in seen.under(keys.USE).items()
                              if entry.lease and seen.get(keys.ALIVE + host) is not None})
    return {host: figure for host, figure in told.items() if figure.is_possible}


class View:
    """The records of one snapshot.  Who tells of what can't be read, does so in ``_failed``."""

    def __init__(self, snapshot: Snapshot) -> None:
        self.snapshot = snapshot

    def every(self, kind: type[T], prefix: str) -> dict[str, T]:
        """All records under a prefix that can be read, by the rest of their keys, sorted."""
        found, failures = _read(kind, self.snapshot.under(prefix))
        for name, failure in failures.items():
            self._failed(name, failure)
        return dict(found)

    def failures(self, kind: type[T], prefix: str) -> Mapping[str, str]:
        """Why the others under the prefix can't be read."""
        return _read(kind, self.snapshot.under(prefix))[1]

    def one(self, kind: type[T], key: str) -> T | None:
        """The record under a key; None if there is none, or it can't be read."""
        entry = self.snapshot.get(key)
        try:
            return None if entry is None else record(kind, entry)
        except RecordError as failure:
            self._failed('', str(failure))
            return None

    def _failed(self, name: str, failure: str) -> None:
        """Hear of what can't be read, each time that it is asked for."""

    def compare(self, *wanted: str) -> list[Compare]:
        """Conditions that these keys are as they were read."""
        entries = {key: self.snapshot.get(key) for key in wanted}
        return [Compare(key, modified=entry.modified if entry else 0)
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

    def changed_since(self, other: View, *prefixes: str) -> set[str]:
        """The rests of the keys under these prefixes at which something else stands there."""
        return {name for prefix in prefixes for name in self.snapshot.under(
            prefix).changed_since(other.snapshot.under(prefix))}

    @functools.cached_property
    def inventories(self) -> dict[str, model.Inventory]:
        """What each known host told of itself.  One in another host's name can't be read."""
        branch, found = self.snapshot.under(keys.INVENTORY), self.every(
            model.Inventory, keys.INVENTORY)
        strangers = branch.once(('strangers',), lambda: [
            host for host, told in found.items() if told.host != host])
        for host in strangers:
            self._failed(host, f'its inventory is in the name of {found.pop(host).host}')
        return found

    @functools.cached_property
    def claimed(self) -> dict[str, frozenset[str]]:
        """For each storage address, in its one spelling, the hosts whose inventories name it.

        One whose inventory can't be read now still has what leaders wrote down of it: whoever
        claimed an address of its since is the newcomer there.
        """
        if self.mute:
            return addresses.owners(self.inventories, self._of_mute(self.claims))
        return self.snapshot.under(keys.INVENTORY).once(
            ('claimed',), lambda: addresses.owners(self.inventories))

    def known(self, tools: Iterable[str], claims: addresses.Claims) -> addresses.Known:
        """Whose each address is, with these tools' besides those that people named.

        Of who can't be read now what leaders wrote down (``claims``).
        """
        tools = (*tools, *self.tools)
        if self.mute:
            return addresses.known(self.inventories, tools, self._of_mute(claims))
        return addresses.Known(self.claimed, tools)

    def _of_mute(self, claims: addresses.Claims) -> addresses.Claims:
        return {host: claimed for host, claimed in claims.items() if host in self.mute}

    @functools.cached_property
    def mute(self) -> frozenset[str]:
        """The hosts whose inventories are there, and can't be read."""
        return frozenset(self.snapshot.under(keys.INVENTORY).keys() - self.inventories.keys())

    @functools.cached_property
    def evacuations(self) -> tuple[model.Evacuation, ...]:
        """The moves of all recoveries, by recovery and instance."""
        return tuple(self.every(model.Evacuation, keys.EVACUATION).values())

    def under_way(self, instance: str) -> model.Evacuation | None:
        """The move of an instance that has not ended; None if there is none."""
        return next((item for item in self.evacuations
                     if item.instance == instance and not item.phase.ended), None)

    @functools.cached_property
    def beats(self) -> dict[str, values.Beat]:
        """The hosts that beat."""
        return self.every(values.Beat, keys.ALIVE)

    @functools.cached_property
    def lasting_beats(self) -> frozenset[str]:
        """The hosts whose beat has no lease: no agent wrote it, and it would outlive them."""
        return frozenset(host for host, entry in self.snapshot.under(keys.ALIVE).items()
                         if not entry.lease)

    def beats_truly(self, host: str) -> bool:
        """True if its beat can be read, and lapses.  Any other spares it, and makes no target."""
        return host in self.beats and host not in self.lasting_beats

    @functools.cached_property
    def cases(self) -> dict[str, model.Case]:
        """The open cases by host."""
        return self.every(model.Case, keys.CASE)

    @property
    def opened(self) -> dict[str, int]:
        """The revisions at which the cases were opened, by host."""
        return {host: entry.created
                for host, entry in self.snapshot.under(keys.CASE).items()}

    @functools.cached_property
    def restarts(self) -> dict[str, Restart]:
        """What is started again in place, by host."""
        return self.every(Restart, keys.RESTART)

    @functools.cached_property
    def locks(self) -> dict[str, values.Lock]:
        """The locks by host."""
        return self.every(values.Lock, keys.LOCK)

    @functools.cached_property
    def events(self) -> dict[str, Hint]:
        """What Nova told over its bus, by the rest of the keys."""
        return self.every(Hint, keys.EVENT)

    def hints(self, host: str) -> tuple[Hint, ...]:
        """What was told of the host's instances since it published its inventory."""
        inventory = self.snapshot.get(keys.INVENTORY + host)
        since = inventory.modified if inventory else 0
        return tuple(hint for name, hint in self.events.items() if hint.host == host
                     and self.snapshot.entries[keys.EVENT + name].modified > since)

    @functools.cached_property
    def told(self) -> dict[str, int]:
        """The revision of the newest event about each host, or an instance on it."""
        found: dict[str, int] = {}
        for name, hint in self.events.items():
            modified = self.snapshot.entries[keys.EVENT + name].modified
            found[hint.host] = max(found.get(hint.host, 0), modified)
        return found

    @functools.cached_property
    def held(self) -> frozenset[str]:
        """The hosts that people hold.  An unreadable setting holds."""
        settings = self.every(values.HostSetting, keys.HOST)
        return frozenset(host for host in self.snapshot.under(keys.HOST)
                         if host not in settings or settings[host].hold)

    @functools.cached_property
    def storm(self) -> brake.Storm:
        """How things stand with the brake, as it was kept.  If that can't be read, it is on."""
        if not self.has(keys.STORM):
            return brake.Storm()
        return self.one(brake.Storm, keys.STORM) or brake.Storm(on=True)

    @functools.cached_property
    def release(self) -> values.BrakeSetting | None:
        """The release of the brake that a person gave, if any."""
        return self.one(values.BrakeSetting, keys.BRAKE)

    @functools.cached_property
    def tools(self) -> tuple[str, ...]:
        """The addresses that people named as tools', for now."""
        return tuple(self.snapshot.under(keys.TOOL))

    @functools.cached_property
    def written_down(self) -> dict[str, values.Claims]:
        """What leaders wrote down of each host."""
        return self.every(values.Claims, keys.CLAIMS)

    @functools.cached_property
    def claims(self) -> dict[str, dict[str, int]]:
        """Since when each host claims each of its addresses, as leaders wrote it down."""
        return {host: claims.since for host, claims in self.written_down.items()}

    @functools.cached_property
    def unprotected(self) -> values.UnprotectedList | None:
        """What was not protected when it was written down last."""
        return if_readable(values.UnprotectedList, self.snapshot.get(keys.UNPROTECTED))

    @functools.cached_property
    def segments(self) -> dict[str, Segment]:
        """The segments of Masakari's API, by uuid."""
        return self.every(Segment, keys.SEGMENT)

    @functools.cached_property
    def segment_hosts(self) -> dict[str, SegmentHost]:
        """The hosts in segments that are there, by uuid; with a segment its hosts are gone.

        Those of one that can't be read can't be shown either, and are not gone.
        """
        return {uuid: one for uuid, one in self.every(SegmentHost, keys.SEGMENT_HOST).items()
                if one.segment in self.segments}

    @functools.cached_property
    def grouping(self) -> circles.Grouping:
        """How hosts are grouped.  A segment that can't be read restricts its hosts all the same."""
        return circles.grouped(self.segments, (
            one for one in self.every(SegmentHost, keys.SEGMENT_HOST).values()
            if self.has(keys.SEGMENT + one.segment)), self.every(Taking, keys.TAKING))

    @functools.cached_property
    def notifications(self) -> dict[str, Notification]:
        """The notifications of Masakari's API, by uuid."""
        return self.every(Notification, keys.NOTIFICATION)

    def permanent(self, host: str) -> bool:
        """True if the host is locked for good.  An unreadable lock counts as one."""
        lock = self.locks.get(host)
        return lock.permanent if lock else self.has(keys.LOCK + host)


def _read(kind: type[T], branch: Branch) -> tuple[dict[str, T], dict[str, str]]:
    """The records by their names, and why the others can't be read."""
    def split() -> tuple[dict[str, T], dict[str, str]]:
        read = branch.each(kind, functools.partial(_decoded, kind))
        return ({name: one for name, one in read.items() if not isinstance(one, RecordError)},
                {name: str(one) for name, one in read.items() if isinstance(one, RecordError)})
    return branch.once(kind, split)


def _decoded(kind: type[T], entry: Entry) -> T | RecordError:
    try:
        return record(kind, entry)
    except RecordError as failure:
        # Anew: one that was raised holds on to where that was.
        return RecordError(str(failure))
