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

"""What every store promises: a suite for drivers, ours and others'.

Mix ``StoreContract`` into a ``unittest.TestCase`` and give it stores to test.  What a store
promises whose members fail is in ``kaopu_ha.testing.store_failure``.
"""

from __future__ import annotations

from collections.abc import Callable
import concurrent.futures
import contextlib
import functools
import threading
import time
from typing import Any
import uuid

from kaopu_ha import ports
from kaopu_ha.ports import Compare, Delete, Put

# Nothing here is timed; this only ends a test that would never end.
PATIENCE_SECONDS = 60.0


class Listener:
    """Keeps what a watch tells, in order."""

    def __init__(self, sleep: Callable[[float], None] = time.sleep) -> None:
        self.changes: list[ports.Change] = []
        self._sleep = sleep

    def __call__(self, change: ports.Change) -> None:
        """Take a change."""
        self.changes.append(change)

    def wait_for(self, key: str) -> list[ports.Change]:
        """Wait until a change of the key was told; all changes until then."""
        return self.wait(lambda: any(change.key == key for change in tuple(self.changes)))

    def wait(self, fact: Callable[[], bool]) -> list[ports.Change]:
        """Wait until this is so; all changes until then."""
        for _ in range(int(PATIENCE_SECONDS / 0.02)):
            if fact():
                return list(self.changes)
            self._sleep(0.02)
        raise AssertionError(f'not told; told was {self.changes[-3:]}')


def eventually(fact: Callable[[], Any], what: str,
               sleep: Callable[[float], None] = time.sleep) -> Any:
    """Wait until something is so, and give it; the store may be away meanwhile."""
    end = time.monotonic() + PATIENCE_SECONDS
    for _ in range(int(PATIENCE_SECONDS / 0.05)):
        with contextlib.suppress(ports.PortError):
            if found := fact():
                return found
        if time.monotonic() > end:
            break
        sleep(0.05)
    raise AssertionError(f'it never came about that {what}')


class StoreCase:
    """What the suites stand on; the rest comes from ``unittest.TestCase``."""

    prefix: str

    addCleanup: Callable[..., None]
    assertEqual: Callable[..., None]
    assertGreater: Callable[..., None]
    assertIn: Callable[..., None]
    assertIsNone: Callable[..., None]
    assertIsNotNone: Callable[..., None]
    assertNotIn: Callable[..., None]
    assertRaises: Callable[..., Any]

    def sleep(self, seconds: float) -> None:
        """Let time go by; a store on a false clock has it go by there."""
        time.sleep(seconds)

    def beside(self, *works: Callable[[], Any]) -> None:
        """Do all of this at one time, and raise what any of it raised."""
        with concurrent.futures.ThreadPoolExecutor(len(works)) as pool:
            for done in [pool.submit(work) for work in works]:
                done.result()

    def make_store(self) -> ports.Store:
        """A store that shares its keys with every other that this makes."""
        raise NotImplementedError

    def opened(self, make: Callable[[], ports.Store]) -> ports.Store:
        """A store that is closed when the test ends."""
        store = make()
        self.addCleanup(store.close)
        return store

    def setUp(self) -> None:
        """Open a store and choose keys that no other test uses."""
        super().setUp()  # type: ignore[misc]
        self.prefix = f'/test/{uuid.uuid4()}/'
        self.store = self.opened(self.make_store)

    def key(self, name: str) -> str:
        """A key of this test's."""
        return self.prefix + name

    def put(self, name: str, value: str = '1', lease: int = 0) -> int:
        """Write a key; the revision."""
        revision = self.store.commit([], [Put(self.key(name), value, lease)])
        assert revision is not None
        return revision

    def value(self, name: str) -> str | None:
        """The value of a key."""
        entry = self.store.read(self.key(name)).get(self.key(name))
        return None if entry is None else entry.value

    def listen(self, store: ports.Store, since: int = 0) -> Listener:
        """Watch the keys of this test."""
        listener = Listener(self.sleep)
        self.addCleanup(store.watch(self.prefix, listener, since).close)
        return listener


class StoreContract(StoreCase):
    """The promises of ``ports.Store`` while all is well."""

    # ------------------------------------------------------------ read

    def test_what_was_written_is_read_by_every_client(self) -> None:
        revision = self.put('a', 'first: ä')
        snapshot = self.opened(self.make_store).read(self.prefix)
        self.assertEqual(ports.Entry(self.key('a'), 'first: ä', revision, revision),
                         snapshot.get(self.key('a')))
        self.assertEqual(['a'], list(snapshot.under(self.prefix)))

    def test_a_name_with_a_slash_at_its_end_is_a_prefix_and_any_other_is_one_key(self) -> None:
        for name in ('a', 'a/1', 'a/2', 'ab'):
            self.put(name)
        read = self.store.read
        self.assertEqual({self.key('a/1'), self.key('a/2')}, set(read(self.key('a/')).entries))
        self.assertEqual({self.key('a')}, set(read(self.key('a')).entries))
        self.assertEqual(('1',), self.store.names(self.key('a/'), 1))
        self.assertEqual({self.key('a/1'), self.key('ab')},
                         set(read(self.key('a/1'), self.key('ab'), self.key('none')).entries))

    def test_keys_written_together_are_read_together(self) -> None:
        """A writer moves two keys as one; a reader by two ranges never sees them differ."""
        writer = self.opened(self.make_store)
        pair = [self.key('left/x'), self.key('right')]
        self.store.commit([], [Put(key, 'first') for key in pair])

        def write() -> None:
            for number in range(200):
                writer.commit([], [Put(key, str(number)) for key in pair])

        def read() -> None:
            for _ in range(100):
                entries = self.store.read(self.key('left/'), self.key('right')).entries
                self.assertEqual(1, len({entries[key].value for key in pair}))

        self.beside(write, read)

    def test_a_read_tells_the_revision_it_was_made_at(self) -> None:
        revision = self.put('a')
        self.assertEqual(revision, self.store.read(self.prefix).revision)
        self.assertEqual(revision, self.store.read().revision)

    def test_an_entry_tells_when_it_was_created_and_when_modified(self) -> None:
        created = self.put('a')
        modified = self.put('a', '2')
        self.assertGreater(modified, created)
        entry = self.store.read(self.key('a')).entries[self.key('a')]
        self.assertEqual((created, modified), (entry.created, entry.modified))

    # ------------------------------------------------------------ commit

    def test_a_transaction_whose_compares_hold_writes_everything(self) -> None:
        created = self.put('a')
        modified = self.put('a', '2')
        self.put('gone')
        key = self.key('a')
        revision = self.store.commit(
            [Compare(key, modified=modified, created=created), Compare(self.key('b'), modified=0)],
            [Put(key, '3'), Put(self.key('b'), '1'), Delete(self.key('gone'))])
        snapshot = self.store.read(self.prefix)
        self.assertEqual({'a': '3', 'b': '1'}, {
            name: entry.value for name, entry in snapshot.under(self.prefix).items()})
        self.assertEqual(revision, snapshot.revision)

    def test_a_refused_transaction_writes_nothing(self) -> None:
        created = self.put('a')
        modified = self.put('a', '2')
        for wrong in (Compare(self.key('a'), modified=created),
                      Compare(self.key('a'), created=modified),
                      Compare(self.key('a'), modified=modified, created=modified),
                      Compare(self.key('a'), modified=0), Compare(self.key('a'), created=0),
                      Compare(self.key('none'), modified=modified)):
            self.assertIsNone(self.store.commit(
                [Compare(self.key('a'), modified=modified), wrong],
                [Put(self.key('b'), '1'), Delete(self.key('a'))]))
        self.assertEqual(modified, self.store.read(self.prefix).revision)

    def test_zero_means_that_there_is_no_key(self) -> None:
        key = self.key('a')
        self.assertIsNotNone(self.store.commit([Compare(key, modified=0)], [Put(key, '1')]))
        self.assertIsNone(self.store.commit([Compare(key, modified=0)], [Put(key, '2')]))
        self.store.commit([], [Delete(key)])
        self.assertIsNotNone(self.store.commit([Compare(key, created=0)], [Put(key, '3')]))
        self.assertEqual('3', self.value('a'))

    def test_a_key_made_again_is_created_anew(self) -> None:
        first = self.put('a')
        self.store.commit([], [Delete(self.key('a'))])
        second = self.put('a')
        self.assertIsNone(self.store.commit([Compare(self.key('a'), created=first)], []))
        self.assertIsNotNone(self.store.commit([Compare(self.key('a'), created=second)], []))

    def test_to_delete_a_key_that_is_not_there_is_harmless(self) -> None:
        self.assertIsNotNone(self.store.commit([], [Delete(self.key('none'))]))

    def test_one_of_many_writers_at_once_wins(self) -> None:
        """Ten threads count a key up by compare and write; no count is lost."""
        self.put('count', '0')
        key = self.key('count')

        def count() -> None:
            done = 0
            while done < 5:
                entry = self.store.read(key).entries[key]
                done += self.store.commit([Compare(key, modified=entry.modified)],
                                          [Put(key, str(int(entry.value) + 1))]) is not None

        self.beside(*[count] * 10)
        self.assertEqual('50', self.value('count'))

    # ------------------------------------------------------------ leases

    def test_the_keys_of_a_revoked_lease_vanish(self) -> None:
        lease = self.store.grant(60)
        self.put('a', lease=lease)
        self.put('b')
        self.assertEqual(lease, self.store.read(self.key('a')).entries[self.key('a')].lease)
        self.store.revoke(lease)
        self.assertEqual(['b'], list(self.store.read(self.prefix).under(self.prefix)))

    def test_the_keys_of_a_lease_that_is_not_renewed_vanish(self) -> None:
        lease = self.store.grant(2)
        self.put('a', lease=lease)
        eventually(lambda: self.value('a') is None, 'the key vanished', self.sleep)
        eventually(lambda: self.store.renew(lease, 2.0) == 0, 'the lease is gone',
                   self.sleep)

    def test_the_keys_of_a_lease_that_is_renewed_stay(self) -> None:
        lease = self.store.grant(4)
        self.put('a', lease=lease)
        for _ in range(13):
            self.assertEqual(4, self.store.renew(lease, 2.0))
            self.sleep(0.4)
        self.assertEqual('1', self.value('a'))

    def test_to_renew_a_lease_that_is_gone_gives_zero(self) -> None:
        lease = self.store.grant(60)
        self.assertEqual(60, self.store.renew(lease, 2.0))
        self.store.revoke(lease)
        self.assertEqual(0, self.store.renew(lease, 2.0))

    def test_to_revoke_a_lease_that_is_gone_is_harmless(self) -> None:
        lease = self.store.grant(60)
        self.store.revoke(lease)
        self.store.revoke(lease)

    def test_a_put_without_a_lease_drops_the_former_one(self) -> None:
        lease = self.store.grant(60)
        self.put('a', lease=lease)
        self.put('a', '2')
        self.store.revoke(lease)
        self.assertEqual('2', self.value('a'))

    def test_a_put_under_a_lease_that_is_gone_writes_nothing(self) -> None:
        lease = self.store.grant(60)
        self.store.revoke(lease)
        self.assertRaises(ports.StoreError, self.store.commit, [],
                          [Put(self.key('a'), '1'), Put(self.key('b'), '1', lease)])
        self.assertEqual({}, self.store.read(self.prefix).entries)

    def test_leases_are_renewed_side_by_side(self) -> None:
        leases = [self.store.grant(60) for _ in range(10)]
        answers: list[int] = []
        self.beside(*[functools.partial(lambda one: answers.append(
            self.store.renew(one, 5.0)), lease) for lease in leases])
        self.assertEqual([60] * 10, answers)

    # ------------------------------------------------------------ watch

    def test_a_watch_tells_each_change_once_and_in_order(self) -> None:
        listener = self.listen(self.store)
        put = self.put('a')
        both = self.store.commit([], [Put(self.key('b'), '1'), Put(self.key('c'), '2')])
        deleted = self.store.commit([], [Delete(self.key('a'))])
        self.put('end')
        changes = listener.wait_for(self.key('end'))[:-1]
        self.assertEqual([('a', '1', put), ('b', '1', both), ('c', '2', both),
                          ('a', None, deleted)], [
            (change.key[len(self.prefix):], change.entry and change.entry.value, change.revision)
            for change in changes])
        self.assertEqual([False] * 4, [change.relist for change in changes])

    def test_a_watch_tells_that_a_lease_lapsed(self) -> None:
        listener = self.listen(self.store)
        self.put('a', lease=self.store.grant(2))
        changes = listener.wait(lambda: len(listener.changes) == 2)
        self.assertIsNotNone(changes[0].entry)
        self.assertIsNone(changes[1].entry)

    def test_a_watch_tells_what_came_after_a_revision(self) -> None:
        self.put('a')
        since = self.put('b')
        self.put('c')
        self.put('end')
        changes = self.listen(self.store, since).wait_for(self.key('end'))
        self.assertEqual([self.key('c'), self.key('end')], [change.key for change in changes])

    def test_a_watch_tells_of_its_own_prefix_or_key_only(self) -> None:
        for watched, told in (('in/', ['in/a', 'in/end']), ('in', ['in'])):
            listener = Listener(self.sleep)
            watching = self.store.watch(self.key(watched), listener)
            self.addCleanup(watching.close)
            for name in ('before', 'in/a', 'in0', 'other', 'in/end', 'in'):
                self.put(name)
            changes = listener.wait_for(self.key(told[-1]))
            self.assertEqual([self.key(each) for each in told], [one.key for one in changes])

    def test_a_closed_watch_tells_nothing_more(self) -> None:
        closed, other = Listener(self.sleep), self.listen(self.store)
        watching = self.store.watch(self.prefix, closed)
        self.put('a')
        closed.wait_for(self.key('a'))
        watching.close()
        self.put('b')
        other.wait_for(self.key('b'))
        self.sleep(0.2)
        self.assertEqual([self.key('a')], [change.key for change in closed.changes])
        watching.close()

    def test_a_watch_may_be_closed_by_its_listener(self) -> None:
        told: list[str] = []
        watching: list[ports.Watching] = []

        def tell(change: ports.Change) -> None:
            told.append(change.key)
            watching[0].close()

        watching.append(self.store.watch(self.prefix, tell))
        other = self.listen(self.store)
        # Both in one message to the client: the second is there before the watch is closed.
        self.store.commit([], [Put(self.key('a'), '1'), Put(self.key('b'), '1')])
        other.wait_for(self.key('b'))
        self.sleep(0.2)
        self.assertEqual([self.key('a')], told)

    def test_a_listener_that_fails_is_told_the_next_change_all_the_same(self) -> None:
        listener = Listener(self.sleep)

        def tell(change: ports.Change) -> None:
            listener(change)
            if change.key == self.key('a'):
                raise RuntimeError('the listener is broken on purpose')

        self.addCleanup(self.store.watch(self.prefix, tell).close)
        self.put('a')
        self.put('b')
        self.assertEqual([self.key('a'), self.key('b')], [
            change.key for change in listener.wait_for(self.key('b'))])

    # ------------------------------------------------------------ close

    def test_a_closed_store_raises_and_leaves_no_thread_of_its_own(self) -> None:
        before = set(threading.enumerate())
        store = self.make_store()
        store.renew(store.grant(60), 2.0)
        store.watch(self.prefix, Listener(self.sleep))
        store.follow(self.prefix)
        store.close()
        self.assertRaises(ports.StoreError, store.read, self.prefix)
        self.assertRaises(ports.StoreError, store.commit, [], [Put(self.key('a'), '1')])
        self.assertRaises(ports.StoreError, store.renew, 1, 1.0)
        eventually(lambda: not set(threading.enumerate()) - before, 'the threads ended')
