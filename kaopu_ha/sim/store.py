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

"""The false etcd: revisions, leases, transactions, watches, and the troubles that were measured.

``Etcd`` is the cluster; ``SimStore`` is a client of it, at a node of the network.
"""

from __future__ import annotations

import bisect
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
import logging

from kaopu_ha import ports
from kaopu_ha.core.keys import OPERATIONS_MAX as OPERATIONS_MAX
from kaopu_ha.sim.heard import Heard
from kaopu_ha.sim.kernel import Kernel
from kaopu_ha.sim.mirror import SimMirror
from kaopu_ha.sim.network import Node, arrives, reaches

LOG = logging.getLogger(__name__)

_LATENCY = 0.001
# What etcd takes by its defaults: bytes of one request, bytes of its database.
REQUEST_BYTES_MAX = 1536 * 1024
QUOTA_BYTES = 2 * 1024 ** 3
# Besides key and value, of each revision that is not compacted.
_ENTRY_BYTES = 100
_TIMEOUT = 1.5


@dataclass
class _Lease:
    ttl: int
    until: float
    keys: set[str] = field(default_factory=set)


class Etcd:
    """The cluster as one: it answers, or it does not."""

    def __init__(self, kernel: Kernel, node: Node) -> None:
        self.kernel, self.node = kernel, node
        self.away = False
        self.entries: dict[str, ports.Entry] = {}
        self.revision = 1
        self.lost_answers = 0.0
        # Told who committed what, before and after; a lease that ends, or is revoked, tells none.
        self.committed: Callable[[str, Sequence[ports.Put | ports.Delete],
                                  dict[str, ports.Entry]], None] | None = None
        self._keys: list[str] = []
        # What was read of these ranges at the last revision that was read.
        self._read: dict[tuple[str, ...], ports.Snapshot] = {}
        self._read_at = 0
        self._leases: dict[int, _Lease] = {}
        self._last_lease = 0
        # What the database takes, and how much of it compaction would give back.
        self.bytes, self.past_bytes, self.quota_bytes = 0, 0, QUOTA_BYTES
        self.written_bytes = 0
        self.refused: Callable[[str, str], None] = lambda who, why: None
        self._history: list[ports.Change] = []
        self.heard = Heard()
        self._compacted = 0
        self._watches: list[_Watching] = []
        self.mirrors: list[SimMirror] = []
        # What the transaction under way has changed so far.
        self._changes: list[ports.Change] = []

    # ------------------------------------------------------------ what clients ask

    def read(self, ranges: Sequence[str]) -> ports.Snapshot:
        """The keys, and those under prefixes."""
        wanted = tuple(ranges)
        if len(wanted) > OPERATIONS_MAX:
            raise ports.StoreError('too many operations in txn request')
        if self._read_at != self.revision:
            self._read, self._read_at = {}, self.revision
        read = self._read.get(wanted)
        if read is None:
            read = self._read[wanted] = ports.Snapshot(self.revision, self._found(wanted))
        return read

    def _found(self, ranges: Sequence[str]) -> dict[str, ports.Entry]:
        found: dict[str, ports.Entry] = {}
        for each in ranges:
            if each.endswith('/'):
                first = bisect.bisect_left(self._keys, each)
                last = bisect.bisect_left(self._keys, each[:-1] + '0')
                found |= {key: self.entries[key] for key in self._keys[first:last]}
            elif each in self.entries:
                found[each] = self.entries[each]
        return found

    def commit(self, compares: Sequence[ports.Compare],
               writes: Sequence[ports.Put | ports.Delete], who: str = '') -> int | None:
        """A transaction: all or nothing."""
        self._admit(compares, writes, who)
        for compare in compares:
            entry = self.entries.get(compare.key)
            modified, created = (entry.modified, entry.created) if entry else (0, 0)
            if compare.modified not in (None, modified) or compare.created not in (None, created):
                return None
        for write in writes:
            if isinstance(write, ports.Put) and write.lease and write.lease not in self._leases:
                raise ports.StoreError('requested lease not found')
        if writes:
            self.revision += 1
        before = {write.key: self.entries[write.key] for write in writes
                  if write.key in self.entries}
        for write in writes:
            self._write(write)
        self._tell_mirrors()
        if self.committed is not None:
            self.committed(who, writes, before)
        return self.revision

    def grant(self, ttl: int) -> int:
        """A new lease."""
        self._last_lease += 1
        self._leases[self._last_lease] = _Lease(ttl, self.kernel.now + ttl)
        self._expire_later(self._last_lease)
        return self._last_lease

    def renew(self, lease: int) -> int:
        """Its TTL, 0 if it is gone."""
        found = self._leases.get(lease)
        if found is None:
            return 0
        found.until = self.kernel.now + found.ttl
        self.heard.renewed(found.keys, self.kernel.now)
        return found.ttl

    def revoke(self, lease: int) -> None:
        """End a lease with its keys."""
        found = self._leases.pop(lease, None)
        if found is not None and found.keys:
            self.revision += 1
            for key in sorted(found.keys):
                self._write(ports.Delete(key))
            self._tell_mirrors()

    def watch(self, watching: _Watching, since: int) -> None:
        """Tell what was changed after ``since`` (0: from now on)."""
        self._watches.append(watching)
        if since and since < self._compacted:
            watching.hear(ports.Change(revision=self.revision, relist=True))
        elif since:
            for change in self._history:
                if change.revision > since and watching.covers(change.key):
                    watching.hear(change)

    # ------------------------------------------------------------ troubles

    def change_leader(self) -> None:
        """Elect another leader: every lease begins anew with its full TTL."""
        for lease in self._leases.values():
            lease.until = self.kernel.now + lease.ttl

    def expire_all(self) -> None:
        """Lose the keys of every lease: what a frozen and resumed leader did in 6 of 23 trials."""
        for lease in sorted(self._leases):
            self.revoke(lease)

    def compact(self) -> None:
        """Forget the past."""
        self.bytes -= self.past_bytes
        self.past_bytes = 0
        self._history.clear()
        self._compacted = self.revision

    # ------------------------------------------------------------ private

    def _admit(self, compares: Sequence[ports.Compare],
               writes: Sequence[ports.Put | ports.Delete], who: str) -> None:
        """Refuse what etcd refuses.  Raises StoreError."""
        taken = sum(map(_bytes, writes))
        why = ''
        if max(len(compares), len(writes)) > OPERATIONS_MAX:
            why = 'too many operations in txn request'
        elif taken > REQUEST_BYTES_MAX:
            why = 'request is too large'
        elif self.bytes + taken > self.quota_bytes and any(
                isinstance(write, ports.Put) for write in writes):
            why = 'database space exceeded'
        if why:
            self.refused(who, why)
            raise ports.StoreError(why)

    def _expire_later(self, number: int) -> None:
        # Leases end up to half a second late; while there is no leader, none ends.
        def expire() -> None:
            lease = self._leases.get(number)
            if lease is None:
                return
            if self.away or self.kernel.now < lease.until:
                self.kernel.at(max(lease.until, self.kernel.now + 0.5), expire)
            else:
                self.revoke(number)
        lease = self._leases[number]
        self.kernel.at(lease.until + self.kernel.chance.uniform(0.01, 0.5), expire)

    def _write(self, write: ports.Put | ports.Delete) -> None:
        before = self.entries.get(write.key)
        if before is not None and before.lease in self._leases:
            self._leases[before.lease].keys.discard(write.key)
        entry = None
        if isinstance(write, ports.Put):
            entry = ports.Entry(write.key, write.value, before.created if before else self.revision,
                                self.revision, write.lease)
            if before is None:
                bisect.insort(self._keys, write.key)
            self.entries[write.key] = entry
            self.heard.put(write.key, self.kernel.now, new=before is None)
            if write.lease:
                self._leases[write.lease].keys.add(write.key)
        elif before is None:
            return
        else:
            del self.entries[write.key]
            self._keys.remove(write.key)
        self.bytes += _bytes(write)
        self.written_bytes += _bytes(write)
        if isinstance(write, ports.Delete):
            self.past_bytes += _bytes(write)
        if before is not None:
            self.past_bytes += len(before.key) + len(before.value) + _ENTRY_BYTES
        change = ports.Change(write.key, entry, self.revision)
        self._history.append(change)
        self._changes.append(change)
        for watching in tuple(self._watches):
            if watching.covers(write.key):
                watching.hear(change)

    def _tell_mirrors(self) -> None:
        changes, self._changes = self._changes, []
        for mirror in self.mirrors:
            mirror.hear(self.revision, changes)

    def forget(self, watching: _Watching) -> None:
        """Tell this watch no more."""
        if watching in self._watches:
            self._watches.remove(watching)


def _bytes(write: ports.Put | ports.Delete) -> int:
    value = write.value if isinstance(write, ports.Put) else ''
    # Of ASCII, as records are, each sign is a byte.
    return len(write.key) + (len(value) if value.isascii() else
                             len(value.encode(errors='surrogatepass'))) + _ENTRY_BYTES


class _Watching(ports.Watching):
    """Changes come late while the client is cut off, but all of them and in order."""

    def __init__(self, store: SimStore, prefix: str, tell: Callable[[ports.Change], None]) -> None:
        self.prefix = prefix
        self._store, self._tell, self._open = store, tell, True
        self._coming: list[ports.Change] = []

    def covers(self, key: str) -> bool:
        return key == self.prefix or (self.prefix.endswith('/') and key.startswith(self.prefix))

    def hear(self, change: ports.Change) -> None:
        self._coming.append(change)
        if len(self._coming) == 1:
            self._store.kernel.after(_LATENCY, self._deliver)

    def _deliver(self) -> None:
        if not self._open:
            return
        if not self._store.connected():
            self._store.kernel.after(0.5, self._deliver)
            return
        coming, self._coming = self._coming, []
        for change in coming:
            if self._open:
                self._tell_safely(change)

    def _tell_safely(self, change: ports.Change) -> None:
        try:
            self._tell(change)
        except Exception:
            LOG.exception('a listener failed')

    def close(self) -> None:
        self._open = False
        self._store.etcd.forget(self)


class SimStore(ports.Store):
    """A client of the false etcd."""

    def __init__(self, etcd: Etcd, node: Node, who: str = '') -> None:
        self.etcd, self.kernel, self.who = etcd, etcd.kernel, who
        self._timeout = _TIMEOUT
        self._node = node
        self._watches: list[_Watching] = []
        self._mirrors: list[SimMirror] = []
        self._closed = False

    def connected(self) -> bool:
        """True if the cluster answers this client."""
        return not self.etcd.away and reaches(self._node, self.etcd.node, 'management')

    def read(self, *ranges: str) -> ports.Snapshot:
        """As promised."""
        self._go(self._timeout)
        return self.etcd.read(ranges)

    def follow(self, *ranges: str) -> SimMirror:
        """As promised."""
        mirror = SimMirror(self.kernel, ranges, lambda limit: self._go(min(limit, self._timeout)),
                           self.etcd.read, lambda: self.etcd.mirrors.remove(mirror))
        self.etcd.mirrors.append(mirror)
        self._mirrors.append(mirror)
        return mirror

    def names(self, prefix: str, most: int) -> tuple[str, ...]:
        """As promised."""
        self._go(self._timeout)
        return tuple(self.etcd.read([prefix]).under(prefix))[:most]

    def commit(self, compares: Sequence[ports.Compare],
               writes: Sequence[ports.Put | ports.Delete]) -> int | None:
        """As promised."""
        self._go(self._timeout, writes=True)
        done = self.etcd.commit(compares, writes, self.who)
        if self.kernel.chance.random() < self.etcd.lost_answers:
            self.kernel.sleep(self._timeout)
            raise ports.OutcomeUnknown('etcd did not answer')
        self._come()
        return done

    def grant(self, ttl: int) -> int:
        """As promised."""
        self._go(self._timeout)
        return self.etcd.grant(ttl)

    def renew(self, lease: int, limit: float) -> int:
        """As promised."""
        self._go(limit, writes=True)
        left = self.etcd.renew(lease)
        if not self.connected():
            self.kernel.sleep(limit)
            raise ports.StoreError('the answer of etcd was lost')
        return left

    def revoke(self, lease: int) -> None:
        """As promised."""
        self._go(self._timeout)
        self.etcd.revoke(lease)
        self._come()

    def watch(self, prefix: str, tell: Callable[[ports.Change], None],
              since: int = 0) -> ports.Watching:
        """As promised; ``tell`` runs between two tasks and must not sleep."""
        watching = _Watching(self, prefix, tell)
        self._watches.append(watching)
        self.etcd.watch(watching, since)
        return watching

    def close(self) -> None:
        """End the watches; whoever asks from now on is told."""
        self._closed = True
        for watching in self._watches:
            watching.close()
        for mirror in self._mirrors:
            mirror.close()

    # ------------------------------------------------------------ private

    def _go(self, limit: float, *, writes: bool = False) -> None:
        if self._closed:
            raise ports.StoreError('the store is closed')
        self.kernel.sleep(_LATENCY)
        if not self.connected() and not (writes and self._is_heard()):
            self.kernel.sleep(limit)
            raise ports.StoreError('etcd does not answer')

    def _is_heard(self) -> bool:
        """True if etcd hears this machine, which hears nothing of it."""
        return not self.etcd.away and arrives(self._node, self.etcd.node, 'management')

    def _come(self) -> None:
        """The answer of a write is on its way: what happens meanwhile, happens after the write."""
        self.kernel.sleep(_LATENCY)
        if not self.connected():
            self.kernel.sleep(self._timeout)
            raise ports.OutcomeUnknown('the answer of etcd was lost')
