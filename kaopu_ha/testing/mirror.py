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

"""What a mirror promises: it shows nothing that is older than the look, whatever happens.

Mix ``MirrorContract`` into a ``unittest.TestCase`` as ``store.StoreContract``; the other suite
needs a cluster as ``store_failure.StoreUnderFailure`` does.
"""

from __future__ import annotations

from collections.abc import Mapping
import contextlib

from kaopu_ha import ports
from kaopu_ha.ports import Delete, Put
from kaopu_ha.testing import store, store_failure

# Nothing here is timed; this only ends a look that would never end.
LOOK_SECONDS = 30.0


def _values(entries: Mapping[str, ports.Entry]) -> dict[str, str]:
    return {name: entry.value for name, entry in entries.items()}


class _Mirrors(store.StoreCase):

    def mirror(self, *ranges: str) -> ports.Mirror:
        """A mirror that is closed when the test ends."""
        mirror = self.store.follow(*ranges)
        self.addCleanup(mirror.close)
        return mirror


class MirrorContract(_Mirrors):
    """The promises of ``ports.Mirror`` while all is well."""

    def test_a_mirror_shows_what_was_written_before_the_look(self) -> None:
        mirror, other = self.mirror(self.prefix), self.opened(self.make_store)
        self.assertEqual({}, dict(mirror.at(LOOK_SECONDS).entries))
        for number in range(30):
            key = self.key(f'{number % 3}')
            done = other.commit([], [Delete(key) if number % 7 == 6 else Put(key, str(number))])
            seen, read = mirror.at(LOOK_SECONDS), self.store.read(self.prefix)
            self.assertEqual((done, dict(read.entries)), (seen.revision, dict(seen.entries)))
            self.assertEqual(list(read.under(self.prefix)), list(seen.under(self.prefix)))

    def test_what_a_mirror_showed_does_not_change(self) -> None:
        mirror = self.mirror(self.prefix)
        revision = self.put('a', 'first')
        before = mirror.at(LOOK_SECONDS)
        self.put('a', 'second')
        self.put('b')
        after = mirror.at(LOOK_SECONDS)
        self.assertEqual((revision, {'a': 'first'}), (before.revision, _values(
            before.under(self.prefix))))
        self.assertEqual({'a': 'second', 'b': '1'}, _values(after.under(self.prefix)))

    def test_a_mirror_shows_its_own_keys_and_prefixes_only(self) -> None:
        for name in ('a', 'a/1', 'b/1', 'b/2/3', 'ba', 'c/1'):
            self.put(name)
        mirror = self.mirror(self.key('a'), self.key('b/'))
        self.assertEqual([self.key(name) for name in ('a', 'b/1', 'b/2/3')],
                         sorted(mirror.at(LOOK_SECONDS).entries))
        self.put('c/2')
        self.put('b/4')
        seen = mirror.at(LOOK_SECONDS)
        self.assertEqual(['1', '2/3', '4'], list(seen.under(self.key('b/'))))
        self.assertEqual(['3'], list(seen.under(self.key('b/2/'))))
        self.assertIsNotNone(seen.get(self.key('a')))
        self.assertIsNone(seen.get(self.key('c/1')))

    def test_a_mirror_shows_keys_together_that_were_written_together(self) -> None:
        mirror, writer = self.mirror(self.key('left/'), self.key('right')), self.opened(
            self.make_store)
        pair = [self.key('left/x'), self.key('right')]
        self.store.commit([], [Put(key, 'first') for key in pair])

        def write() -> None:
            for number in range(100):
                writer.commit([], [Put(key, str(number)) for key in pair])

        def look() -> None:
            for _ in range(100):
                entries = mirror.at(LOOK_SECONDS).entries
                self.assertEqual(1, len({entries[key].value for key in pair}))

        self.beside(write, look)

    def test_a_mirror_shows_that_a_lease_ended(self) -> None:
        mirror, lease = self.mirror(self.prefix), self.store.grant(60)
        self.put('a', lease=lease)
        self.assertEqual(lease, mirror.at(LOOK_SECONDS).entries[self.key('a')].lease)
        self.store.revoke(lease)
        self.assertEqual({}, dict(mirror.at(LOOK_SECONDS).entries))

    def test_what_is_written_elsewhere_holds_no_mirror_up(self) -> None:
        mirror = self.mirror(self.key('in/'))
        for number in range(3):
            self.put('in/a', str(number))
            done = self.store.commit([], [Put(f'/elsewhere{self.prefix}{number}', '1')])
            seen = mirror.at(LOOK_SECONDS)
            self.assertGreater(seen.revision + 1, done)
            self.assertEqual({'a': str(number)}, _values(seen.under(self.key('in/'))))

    def test_a_mirror_shows_more_than_a_page(self) -> None:
        names = [f'{number:04}' for number in range(1234)]
        for begin in range(0, len(names), 100):
            self.store.commit([], [Put(self.key(name), name) for name in names[begin:begin + 100]])
        self.assertEqual(names, list(self.mirror(self.prefix).at(LOOK_SECONDS).under(self.prefix)))

    def test_a_closed_mirror_is_told_apart_from_one_that_shows_nothing(self) -> None:
        mirror = self.mirror(self.prefix)
        mirror.at(LOOK_SECONDS)
        mirror.close()
        self.assertRaises(ports.StoreError, mirror.at, LOOK_SECONDS)


class RestorableMembers(store_failure.StoreMembers):
    """Members that can be put back to what they were."""

    def save(self) -> None:
        """Take a snapshot of what is there now."""

    def put_back(self) -> None:
        """Restore all members from the snapshot; returns when all are well."""


class MirrorUnderFailure(_Mirrors):
    """The promises of ``ports.Mirror`` while members of its cluster fail."""

    cluster: RestorableMembers

    def make_store_at(self, member: int) -> ports.Store:
        """A store that uses this member first."""
        raise NotImplementedError

    def setUp(self) -> None:
        """Leave a cluster that is well to the next test."""
        self.addCleanup(self.cluster.heal)
        super().setUp()
        self.number = self.shown = 0

    def test_no_look_is_older_than_itself_when_a_member_is_killed(self) -> None:
        for member in range(self.cluster.size):
            mirror = self.mirror_at(member)
            self.write_and_look(mirror, 10)
            self.cluster.kill(member)
            self.write_and_look(mirror, 20)
            self.cluster.heal()
            self.write_and_look(mirror, 5)

    def test_no_look_is_older_than_itself_when_the_members_watch_lags(self) -> None:
        """A frozen member keeps its connections and tells nothing."""
        for member in range(self.cluster.size):
            mirror = self.mirror_at(member)
            self.write_and_look(mirror, 10)
            self.cluster.freeze(member)
            self.write_and_look(mirror, 10)
            self.cluster.thaw(member)
            self.write_and_look(mirror, 10)

    def test_no_look_is_older_than_itself_when_all_members_were_away(self) -> None:
        mirror = self.mirror_at(0)
        self.write_and_look(mirror, 5)
        for member in range(self.cluster.size):
            self.cluster.kill(member)
        self.assertRaises(ports.StoreError, mirror.at, 2.0)
        self.cluster.heal()
        self.write_and_look(mirror, 5)
        self.assertGreater(self.shown, 5)

    def test_no_look_is_older_than_itself_when_the_past_is_forgotten(self) -> None:
        member = (self.cluster.leader_index() + 1) % self.cluster.size
        mirror = self.mirror_at(member)
        self.write_and_look(mirror, 5)
        self.cluster.kill(member)
        for _ in range(5):
            self.write()
            self.cluster.compact()
        self.cluster.heal()
        self.write_and_look(mirror, 5)
        self.assertGreater(self.shown, 5)

    def test_a_look_shows_nothing_of_before_the_store_was_put_back(self) -> None:
        """Its members are other ones then, and are refused or believed, but never both."""
        mirror = self.mirror_at(0)
        self.put('kept')
        self.cluster.save()
        lost = self.put('lost')
        self.assertEqual({'kept', 'lost'}, set(mirror.at(LOOK_SECONDS).under(self.prefix)))
        self.cluster.put_back()
        fresh = self.opened(lambda: self.make_store_at(1))
        store.eventually(lambda: fresh.read(self.prefix), 'it was read')
        while fresh.read().revision <= lost + 1:
            self.assertNotIn('lost', self.looked(mirror))
            store.eventually(lambda: fresh.commit([], [Put(self.key('new'), '1')]), 'it wrote')
        self.assertNotIn('lost', self.looked(mirror))
        new = self.opened(self.make_store).follow(self.prefix)
        self.assertEqual({'kept', 'new'}, set(new.at(LOOK_SECONDS).under(self.prefix)))

    # ------------------------------------------------------------ words

    def mirror_at(self, member: int) -> ports.Mirror:
        """A mirror by a store that uses this member first."""
        mirror = self.opened(lambda: self.make_store_at(member)).follow(self.prefix)
        store.eventually(lambda: mirror.at(LOOK_SECONDS), 'it was looked at')
        return mirror

    def write(self) -> None:
        """Count up, by a client that is asked until it is done.

        A write of which nobody knew may be done later than the next one.
        """
        self.number += 1
        store.eventually(lambda: self.put('count', f'{self.number:05}'), 'it was written')

    def write_and_look(self, mirror: ports.Mirror, times: int) -> None:
        """Count up and look, whatever happens to members: a look is not older than a read."""
        for _ in range(times):
            self.write()
            read = store.eventually(lambda: self.store.read(self.prefix), 'it was read')
            with contextlib.suppress(ports.StoreError):
                seen = mirror.at(LOOK_SECONDS)
                self.assertGreater(seen.revision + 1, read.revision)
                self.assertGreater(seen.entries[self.key('count')].modified + 1,
                                   read.entries[self.key('count')].modified)
                self.shown += 1

    def looked(self, mirror: ports.Mirror) -> set[str]:
        """The names that a mirror shows; none if it shows nothing."""
        try:
            return set(mirror.at(LOOK_SECONDS).under(self.prefix))
        except ports.StoreError:
            return set()
