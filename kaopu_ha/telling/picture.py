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

"""What the store holds at one revision, decoded: all that the commands show comes from here."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
import functools
from typing import TypeVar

from kaopu_ha import ports, records
from kaopu_ha.core import aftercare, brake, model, protection, restart, waiting, wishes
from kaopu_ha.core.live import LiveUse

T = TypeVar('T')

# Of so few hosts, and of more that are not well, all are read; and how many hosts nobody has.
_HOSTS_MAX, _NAMES_MAX = 100, 1_000_000

# All but the closed cases, which only grow old.
RANGES = (records.LEADER, records.BRAKE, records.STORM, records.RETURNED, records.FRESH,
          records.ALIVE, records.DEATH, records.LOCK, records.INVENTORY, records.CASE,
          records.RECOVERY, records.EVACUATION, records.PROOF, records.HOST, records.CLAIM,
          records.RESTART, records.UNPROTECTED, records.AFTERCARE, records.WISH)


def read(store: ports.Store, *more: str) -> Picture:
    """Everything but closed cases, and the ranges that are named besides, at one revision."""
    return Picture(store.read(*RANGES, *more))


def glance(store: ports.Store) -> Picture:
    """The same without the inventories of hosts of which nothing is to be shown but that they are
    known: these are nearly all that a store holds.

    The leader wrote down which of them are not well, at its last look.  Of a few hosts, and while
    nobody leads, all of them are read.
    """
    known = store.names(records.INVENTORY, _NAMES_MAX)
    if len(known) <= _HOSTS_MAX:
        return read(store)
    few = store.read(*(prefix for prefix in RANGES if prefix != records.INVENTORY))
    found = Picture(few)
    told = found.unprotected
    if found.leader is None or told is None or told.away is None:
        return read(store)
    hosts = {*told.away, *found.cases, *(
        item.host for item in told.items if item.reason is protection.Reason.NO_INVENTORY)}
    if len(hosts) > _HOSTS_MAX:
        return read(store)
    more = store.read(*(records.INVENTORY + host for host in sorted(hosts))) if hosts else few
    return Picture(ports.Snapshot(few.revision, {**few.entries, **more.entries}), known)


class Picture:
    """The records of one snapshot.  One that can't be read is left out, and in ``unreadable``.

    ``known``: the hosts that told of themselves, though not all of it may have been read.
    """

    def __init__(self, snapshot: ports.Snapshot, told: Iterable[str] = ()) -> None:
        self.snapshot, self._view = snapshot, records.View(snapshot)
        self.unreadable: dict[str, str] = {}
        self.leader = self._one(records.Leader, records.LEADER)
        self.brake = self._one(records.BrakeSetting, records.BRAKE)
        self.storm = self._one(brake.Storm, records.STORM) or brake.Storm()
        self.returns = self._all(records.Returned, records.RETURNED)
        self.fresh = self._all(records.Returned, records.FRESH)
        self.beats = self._all(records.Beat, records.ALIVE)
        self.deaths = self._all(records.Lock, records.DEATH)
        self.locks = self._all(records.Lock, records.LOCK)
        self.inventories = self._all(model.Inventory, records.INVENTORY)
        self.known = frozenset(self.inventories) | frozenset(
            host for host in told if records.INVENTORY + host not in self.unreadable)
        self.cases = self._all(model.Case, records.CASE)
        self.recoveries = self._all(model.Recovery, records.RECOVERY)
        self.proofs = self._all(records.ProofMark, records.PROOF)
        self.settings = self._all(records.HostSetting, records.HOST)
        self.tools = self._all(records.Tool, records.TOOL)
        self.unprotected = self._one(records.UnprotectedList, records.UNPROTECTED)
        self.requests = self._all(records.Request, records.REQUEST)
        self.restarts = self._all(restart.Restart, records.RESTART)
        self.cared = self._all(aftercare.Aftercare, records.AFTERCARE)
        self.wishes = self._all(wishes.Wish, records.WISH)
        self._evacuations = self._all(model.Evacuation, records.EVACUATION)
        self._closed = self._all(model.Case, records.CLOSED)

    @property
    def epoch(self) -> int:
        """The revision at which the leader took over; 0 if nobody leads."""
        entry = self.snapshot.get(records.LEADER)
        return entry.created if entry else 0

    @functools.cached_property
    def hosts(self) -> tuple[str, ...]:
        """Every host that the store knows anything of, sorted."""
        return tuple(sorted(self.known.union(*(
            self.snapshot.under(prefix) for prefix in (
                records.INVENTORY, records.ALIVE, records.CASE, records.LOCK, records.HOST)))))

    @functools.cached_property
    def live(self) -> Mapping[str, LiveUse]:
        """What hosts measure of themselves, by host; only where ``records.USE`` was read."""
        return records.live_use(self.snapshot)

    @property
    def held(self) -> frozenset[str]:
        """The hosts on hold.  A setting that can't be read holds, as it does for the leader."""
        return frozenset(host for host in self.snapshot.under(records.HOST)
                         if host not in self.settings or self.settings[host].hold)

    def beats_now(self, host: str) -> bool:
        """True if the beat is there, whatever its value."""
        return self.snapshot.get(records.ALIVE + host) is not None

    def closed(self, host: str) -> tuple[model.Case, ...]:
        """The closed cases of a host that were read, oldest first."""
        mine = self._closed_by_host.get(host, {})
        return tuple(mine[number] for number in sorted(mine, key=_natural))

    @property
    def archived(self) -> tuple[str, ...]:
        """The hosts of which closed cases were read, sorted."""
        return tuple(sorted({name.rpartition('/')[0]
                             for name in self.snapshot.under(records.CLOSED)}))

    def evacuations(self, recovery: str) -> tuple[model.Evacuation, ...]:
        """The evacuations of a recovery, by name of the instance."""
        mine = self._evacuations_by_recovery.get(recovery, {})
        return tuple(sorted(mine.values(), key=lambda item: (item.name, item.instance)))

    @property
    def every_evacuation(self) -> tuple[model.Evacuation, ...]:
        """The moves of all recoveries."""
        return tuple(self._evacuations.values())

    @functools.cached_property
    def names(self) -> Mapping[str, str]:
        """The names of instances by uuid: Nova's where a move or a start tells it."""
        told = {item.uuid: item.name for inventory in self.inventories.values()
                for item in inventory.instances}
        moved = {item.instance: item.name for item in self._evacuations.values() if item.name}
        started = {item.instance: item.name for one in self.restarts.values()
                   for item in one.starts if item.name}
        return {**told, **started, **moved}

    def recoveries_of(self, host: str) -> tuple[model.Recovery, ...]:
        """The recoveries of a host, oldest first."""
        mine = [item for item in self.recoveries.values() if item.host == host]
        return tuple(sorted(mine, key=lambda item: self.snapshot.entries[
            records.RECOVERY + item.id].created))

    def asked(self, recovery: str, boot_id: str = '', opened: int = 0) -> tuple[wishes.Wish, ...]:
        """What people asked lately of a recovery, of a restart, or of a case, in its order."""
        mine = [wish for wish in self.wishes.values()
                if (wish.recovery, wish.boot_id, wish.opened) == (recovery, boot_id, opened)]
        return tuple(sorted(mine, key=lambda wish: wish.at))

    def waiting(self) -> tuple[waiting.Waiting, ...]:
        """What is open and does not move, as the leader sees it."""
        return waiting.waiting(self.cases.values(), self.recoveries, self._evacuations.values(),
                               held=self.held,
                               claimed=self.snapshot.under(records.CLAIM).keys(),
                               restarts=self.restarts.values(),
                               cared=self.cared.values())

    def entry(self, key: str) -> ports.Entry | None:
        """The entry of a key."""
        return self.snapshot.get(key)

    def compare(self, *keys: str) -> list[ports.Compare]:
        """Conditions that these keys are as they were read."""
        entries = {key: self.snapshot.get(key) for key in keys}
        return [ports.Compare(key, modified=entry.modified if entry else 0)
                for key, entry in entries.items()]

    def insist(self, key: str) -> None:
        """Raise RecordError if this key is there and can't be read."""
        if key in self.unreadable:
            raise records.RecordError(self.unreadable[key])

    # ------------------------------------------------------------ private

    @functools.cached_property
    def _closed_by_host(self) -> Mapping[str, Mapping[str, model.Case]]:
        return _by_first(self._closed)

    @functools.cached_property
    def _evacuations_by_recovery(self) -> Mapping[str, Mapping[str, model.Evacuation]]:
        return _by_first(self._evacuations)

    def _one(self, kind: type[T], key: str) -> T | None:
        return self._all(kind, key).get('')

    def _all(self, kind: type[T], prefix: str) -> Mapping[str, T]:
        self.unreadable |= {prefix + name: failure for name, failure in self._view.failures(
            kind, prefix).items()}
        return self._view.every(kind, prefix)


def _by_first(named: Mapping[str, T]) -> Mapping[str, Mapping[str, T]]:
    """Sorted once by the first part of the name: who lists all hosts asks for each."""
    found: dict[str, dict[str, T]] = {}
    for name, record in named.items():
        first, _, rest = name.partition('/')
        found.setdefault(first, {})[rest] = record
    return found


def progress(picture: Picture, recovery: model.Recovery) -> tuple[int, int]:
    """How many instances of a recovery have ended, of how many."""
    items = picture.evacuations(recovery.id)
    if not items:
        return 0, sum(instance.power is not model.Power.OFF for instance in recovery.instances)
    return sum(item.phase.ended for item in items), len(items)


def _natural(name: str) -> tuple[int, str]:
    return (int(name), '') if name.isdigit() else (0, name)
