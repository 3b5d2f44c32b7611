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

"""What a store promises whose members die and hang: a suite for drivers of clusters."""

from __future__ import annotations

from collections.abc import Iterator
import contextlib
import functools
import threading
import time
from typing import Protocol

from kaopu_ha import ports
from kaopu_ha.ports import Compare, Put
from kaopu_ha.testing import store
from kaopu_ha.testing.clock import calm

PUTS = 100

# What a machine that is busy may add to a limit.
SLACK_SECONDS = 1.0


class StoreMembers(Protocol):
    """The members of a store, by number."""

    size: int

    def kill(self, member: int) -> None:
        """End a member's process without notice."""

    def start(self, member: int) -> None:
        """Start a member that was killed."""

    def freeze(self, member: int) -> None:
        """Stop a member's process; its connections stay open."""

    def thaw(self, member: int) -> None:
        """Let a frozen member go on."""

    def leader_index(self) -> int:
        """The member that leads."""

    def compact(self) -> None:
        """Forget the past: all revisions before the present one."""

    def heal(self) -> None:
        """Thaw and start all members; returns when all are well."""


class StoreUnderFailure(store.StoreCase):
    """The promises of ``ports.Store`` while members of its cluster fail."""

    cluster: StoreMembers

    def make_store_at(self, member: int) -> ports.Store:
        """A store that uses this member first."""
        raise NotImplementedError

    def setUp(self) -> None:
        """Leave a cluster that is well to the next test."""
        self.addCleanup(self.cluster.heal)
        super().setUp()

    # ------------------------------------------------------------ watches

    def test_a_watch_loses_nothing_when_its_member_is_killed(self) -> None:
        for member in range(self.cluster.size):
            with self.told_exactly_once(member):
                self.write(0, PUTS // 2)
                self.cluster.kill(member)
                self.write(PUTS // 2, PUTS)
            self.cluster.heal()

    def test_a_watch_loses_nothing_when_its_member_hangs(self) -> None:
        member = self.a_follower()
        with self.told_exactly_once(member):
            self.write(0, PUTS // 2)
            self.cluster.freeze(member)
            self.write(PUTS // 2, PUTS)

    def test_a_watch_loses_nothing_when_the_leader_hangs_and_comes_back(self) -> None:
        member = self.cluster.leader_index()
        with self.told_exactly_once(member):
            self.write(0, PUTS // 3)
            self.cluster.freeze(member)
            self.write(PUTS // 3, PUTS)
            self.cluster.thaw(member)
            self.write(PUTS, PUTS + 20)

    def test_a_watch_goes_on_after_all_members_were_away(self) -> None:
        listener = self.listen(self.store)
        self.put('before')
        listener.wait_for(self.key('before'))
        for member in range(self.cluster.size):
            self.cluster.kill(member)
        self.assertRaises(ports.StoreError, self.store.read, self.prefix)
        self.assertRaises(ports.PortError, self.store.commit, [], [Put(self.key('away'), '1')])
        self.assertRaises(ports.StoreError, self.store.renew, 1, 1.0)
        self.cluster.heal()
        self.write(0, 1)
        changes = listener.wait_for(self.key('000'))
        self.assertEqual(1, [one.key for one in changes].count(self.key('before')))

    def test_a_watch_behind_a_compaction_is_told_to_list_again(self) -> None:
        since = self.put('a')
        self.put('b')
        self.cluster.compact()
        listener = self.listen(self.store, since - 1)
        changes = listener.wait(lambda: bool(listener.changes))
        self.assertEqual((True, None, ''), (changes[0].relist, changes[0].entry, changes[0].key))
        self.assertEqual(self.store.read().revision, changes[0].revision)
        self.put('c')
        self.assertEqual([self.key('c')], [one.key for one in listener.wait_for(self.key('c'))[1:]])

    def test_a_watch_made_while_all_members_are_away_says_to_list(self) -> None:
        for member in range(self.cluster.size):
            self.cluster.kill(member)
        listener = self.listen(self.store)
        self.cluster.heal()
        changes = listener.wait(lambda: bool(listener.changes))
        self.assertEqual([True], [change.relist for change in changes])
        self.put('a')
        self.assertEqual(2, len(listener.wait_for(self.key('a'))))

    # ------------------------------------------------------------ calls

    def test_no_commit_is_lost_or_done_twice_when_the_leader_is_killed(self) -> None:
        """What a commit said is what is read: done, not done, or unknown."""
        fates: dict[str, str] = {}
        leader = self.cluster.leader_index()
        killer = threading.Timer(0.3, self.cluster.kill, [leader])
        killer.start()
        begun = time.monotonic()
        while time.monotonic() < begun + 3.0 or len(fates) < PUTS:
            name = f'{len(fates):05}'
            fates[name] = self.fate_of_commit(name)
        killer.join()
        there = set(self.snapshot().under(self.prefix))
        self.assertEqual(set(), {name for name, fate in fates.items() if fate == 'done'} - there)
        self.assertEqual(set(), {name for name, fate in fates.items() if fate == 'not'} & there)

    def test_a_commit_of_unknown_fate_says_so_and_the_truth_is_read_later(self) -> None:
        self.put('count', '0')
        for member in range(self.cluster.size):
            self.cluster.freeze(member)
        fate = self.fate_of_commit('a')
        self.assertIn(fate, ('not', 'unknown'))
        for member in range(self.cluster.size):
            self.cluster.thaw(member)
        # Compare and write settle it: either it was done, or it is now and cannot be any more.
        settled = self.settle('a')
        if fate == 'not':
            self.assertIn(settled, ('done now', 'unclear'))
        self.assertEqual('a', self.snapshot().entries[self.key('a')].value)

    def test_what_was_read_is_never_older_than_what_was_written(self) -> None:
        """A counter in two clients' hands, while the leader hangs and comes back."""
        leader = self.cluster.leader_index()
        other = self.opened(lambda: self.make_store_at(leader))
        last = self.put('count', '0')
        for turn in range(60):
            if turn == 20:
                self.cluster.freeze(leader)
            if turn == 40:
                self.cluster.thaw(leader)
            with contextlib.suppress(ports.PortError):
                last = self.put('count', str(turn))
            with contextlib.suppress(ports.StoreError):
                entry = other.read(self.key('count')).entries[self.key('count')]
                self.assertGreater(entry.modified, last - 1)

    def test_the_calls_of_a_store_go_on_when_any_member_is_away(self) -> None:
        for member in range(self.cluster.size):
            fresh = self.opened(functools.partial(self.make_store_at, member))
            self.cluster.kill(member)
            store.eventually(functools.partial(fresh.read, self.prefix), 'it read')
            lease = store.eventually(functools.partial(fresh.grant, 60), 'it made a lease')
            store.eventually(functools.partial(fresh.renew, lease, 2.0), 'it renewed the lease')
            self.cluster.heal()

    # ------------------------------------------------------------ leases

    def test_a_lease_that_is_renewed_survives_the_loss_of_members(self) -> None:
        lease = self.store.grant(20)
        self.put('alive', lease=lease)
        for member in (self.cluster.leader_index(), 0, 1):
            self.cluster.freeze(member)
            self.beat(lease, 3.0)
            self.cluster.thaw(member)
            self.beat(lease, 0.5)
        self.cluster.kill(self.cluster.leader_index())
        self.beat(lease, 3.0)
        store.eventually(lambda: self.value('alive') == '1', 'the key is still there')

    def test_a_renewal_ends_by_its_limit(self) -> None:
        lease = self.store.grant(60)
        self.store.renew(lease, 2.0)
        for member in range(self.cluster.size):
            self.cluster.freeze(member)
        for _ in range(3):
            began = calm()
            self.assertRaises(ports.StoreError, self.store.renew, lease, 1.0)
            self.assertGreater(1.0 + SLACK_SECONDS, calm() - began)

    # ------------------------------------------------------------ words

    def a_follower(self) -> int:
        """A member that does not lead."""
        return (self.cluster.leader_index() + 1) % self.cluster.size

    def beat(self, lease: int, seconds: float) -> None:
        """Renew for a while; the last time with success."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            with contextlib.suppress(ports.StoreError):
                self.assertEqual(20, self.store.renew(lease, 1.0))
            time.sleep(0.2)
        store.eventually(lambda: self.store.renew(lease, 1.0) == 20, 'the lease was renewed')

    def fate_of_commit(self, name: str) -> str:
        """Create a key and say what became of that: done, not, unknown."""
        key = self.key(name)
        try:
            revision = self.store.commit([Compare(key, modified=0)], [Put(key, name)])
        except ports.StoreError:
            return 'not'
        except ports.OutcomeUnknown:
            return 'unknown'
        assert revision is not None, f'{name} was there before it was written'
        return 'done'

    def settle(self, name: str) -> str:
        """Create a key unless it is there, however often that takes: done now, before, unclear."""
        fates: list[str] = []

        def create() -> bool:
            try:
                revision = self.store.commit([Compare(self.key(name), modified=0)],
                                             [Put(self.key(name), name)])
            except ports.OutcomeUnknown:
                fates.append('unclear')
                raise
            fates.append('done before' if revision is None else 'done now')
            return True

        store.eventually(create, f'{name} was written')
        return fates[0]

    def snapshot(self) -> ports.Snapshot:
        """All keys of this test."""
        found: ports.Snapshot = store.eventually(lambda: self.store.read(self.prefix), 'it read')
        return found

    def write(self, begin: int, end: int) -> None:
        """Create keys, each once, whatever happens to members."""
        for number in range(begin, end):
            self.settle(f'{number:03}')

    @contextlib.contextmanager
    def told_exactly_once(self, member: int) -> Iterator[None]:
        """A watch on this member tells all that is created here, once, in order."""
        old = [ports.Delete(key) for key in self.snapshot().entries]
        store.eventually(lambda: self.store.commit([], old), 'the keys were deleted')
        listener = self.listen(self.opened(lambda: self.make_store_at(member)))
        yield
        self.settle('end')
        changes = listener.wait_for(self.key('end'))
        entries = self.snapshot().under(self.prefix)
        self.assertEqual([(f'{self.prefix}{name}', entry.modified) for name, entry in sorted(
            entries.items(), key=lambda item: item[1].modified)],
            [(change.key, change.revision) for change in changes])
        self.assertEqual([], [change for change in changes if change.relist])
