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

"""A copy holds what a read at its revision would give, and makes anew only what changed."""

import random
import unittest

from kaopu_ha.core.copied import Copy
from kaopu_ha.core.keys import Branch, Change, Entry, Snapshot


def an_entry(key, revision=1, value=''):
    return Entry(key, value or str(revision), revision, revision)


def put(key, revision):
    return Change(key, an_entry(key, revision), revision)


class TestCopy(unittest.TestCase):

    def setUp(self):
        self.copy = Copy(['/r/a/', '/r/b/', '/r/one'])
        self.copy.begin(5, [an_entry('/r/a/2', 3), an_entry('/r/a/1', 4), an_entry('/r/one', 5)])

    def names(self):
        seen = self.copy.snapshot()
        return {each: dict(seen.under(each)) and list(seen.under(each)) for each in (
            '/r/a/', '/r/b/', '/r/one')}

    def test_it_begins_with_what_was_read(self):
        self.assertEqual({'/r/a/': ['1', '2'], '/r/b/': {}, '/r/one': ['']}, self.names())
        self.assertEqual(5, self.copy.snapshot().revision)

    def test_it_takes_what_changes_and_passes_over_what_it_knows(self):
        self.copy.take(7, [put('/r/a/0', 4), put('/r/b/x', 6), Change('/r/one', None, 7)])
        self.assertEqual({'/r/a/': ['1', '2'], '/r/b/': ['x'], '/r/one': {}}, self.names())
        self.copy.take(6, [Change('/r/b/x', None, 6)])
        self.assertEqual(7, self.copy.snapshot().revision)
        self.assertIsNotNone(self.copy.snapshot().get('/r/b/x'))

    def test_what_lies_elsewhere_only_moves_it_on(self):
        before = self.copy.snapshot()
        self.copy.take(9, [put('/r/c/1', 9)])
        after = self.copy.snapshot()
        self.assertEqual((9, None), (after.revision, after.get('/r/c/1')))
        self.assertIs(before.under('/r/a/'), after.under('/r/a/'))

    def test_what_is_the_same_when_it_begins_anew_stays_the_same(self):
        before = self.copy.snapshot()
        self.copy.begin(9, [an_entry('/r/a/2', 3), an_entry('/r/a/1', 4), an_entry('/r/b/1', 9)])
        after = self.copy.snapshot()
        self.assertIs(before.under('/r/a/'), after.under('/r/a/'))
        self.assertEqual((['1'], None), (list(after.under('/r/b/')), after.get('/r/one')))

    def test_another_value_at_the_same_revision_is_another_entry(self):
        """So it is in a store that was put back to an older snapshot."""
        self.copy.begin(5, [an_entry('/r/a/1', 4, 'other')])
        self.assertEqual('other', self.copy.snapshot().entries['/r/a/1'].value)

    def test_one_watch_covers_all_ranges(self):
        for common, ranges in (('/r/', ['/r/a/', '/r/b/', '/r/one']), ('/r/a/', ['/r/a/']),
                               ('/r/', ['/r/ab', '/r/abc/']), ('/r/x', ['/r/x']),
                               ('/', ['/a/b/', '/b/c'])):
            self.assertEqual(common, Copy(ranges).common)

    def test_it_is_what_a_read_would_give_whatever_happens(self):
        chance, truth, revision = random.Random(7), {}, 5
        self.copy.begin(5, [])
        before = self.copy.snapshot()
        for _ in range(500):
            revision, changes = revision + 1, []
            for key in chance.sample([f'/r/{part}/{n}' for part in 'abc' for n in range(9)], 2):
                if chance.random() < 0.4:
                    truth.pop(key, None)
                    changes.append(Change(key, None, revision))
                else:
                    truth[key] = an_entry(key, revision)
                    changes.append(Change(key, truth[key], revision))
            self.copy.take(revision, changes)
            if chance.random() < 0.3:
                seen, read = self.copy.snapshot(), Snapshot(revision, dict(truth))
                for prefix in ('/r/a/', '/r/b/'):
                    self.assertEqual(list(read.under(prefix).items()),
                                     list(seen.under(prefix).items()))
                    self.assertEqual(
                        {name: entry.value for name, entry in read.under(prefix).items()},
                        dict(seen.under(prefix).each('value', lambda entry: entry.value)))
        self.assertEqual({}, dict(before.entries))


class TestBranch(unittest.TestCase):

    def setUp(self):
        self.branch = Branch((f'{name:02}', an_entry(f'/r/{name:02}')) for name in range(50))
        self.made = []

    def make(self, entry):
        self.made.append(entry.key)
        return entry.value

    def test_what_was_made_of_an_entry_is_made_once(self):
        for _ in range(2):
            self.assertEqual(50, len(self.branch.each('value', self.make)))
        self.assertEqual(50, len(self.made))

    def test_of_the_next_branch_only_what_changed_is_made(self):
        self.branch.each('value', self.make)
        self.made.clear()
        later = self.branch.after({'07': an_entry('/r/07', 2)}).after(
            {'08': None, '99': an_entry('/r/99', 3)}).after({'99': an_entry('/r/99', 4)})
        found = later.each('value', self.make)
        self.assertEqual(['/r/07', '/r/99'], self.made)
        self.assertEqual(('2', '4'), (found['07'], found['99']))
        self.assertEqual(list(later), list(found))
        self.assertIn('08', self.branch.each('value', self.make))

    def test_it_knows_what_has_changed_since_an_earlier_one(self):
        chance = random.Random(3)
        branches = [Branch({f'{number}': an_entry(f'{number}') for number in range(100)})]
        for revision in range(2, 400):
            names = {f'{chance.randrange(120)}' for _ in range(chance.choice((1, 1, 2, 90)))}
            branches.append(branches[-1].after({
                name: chance.choice((None, an_entry(name, revision))) for name in names}))
            earlier = chance.choice(branches[-40:])
            changed = {name for name in branches[-1].keys() | earlier.keys()
                       if branches[-1].get(name) != earlier.get(name)}
            self.assertLessEqual(changed, set(branches[-1].changed_since(earlier)))
            self.assertLessEqual(changed, set(earlier.changed_since(branches[-1])))
        one = branches[-1].after({'1': an_entry('1', 500)}).after({'2': an_entry('2', 501)})
        self.assertEqual({'1', '2'}, set(one.changed_since(branches[-1])))

    def test_a_part_of_it_is_found_by_the_beginning_of_its_names(self):
        self.assertEqual([str(n) for n in range(10)], list(self.branch.part('1')))
        self.assertEqual([], list(self.branch.part('x')))
