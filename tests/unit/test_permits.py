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

"""Leave to act while a lease lasts and nothing has changed."""

import unittest

from kaopu_ha import permits, ports


class Keys(ports.Store):
    """The reading half of a store: keys with their revisions, in a dict.  It may be away."""

    def __init__(self, **entries):
        self.entries = {key: ports.Entry(key, 'x', created, modified)
                        for key, (created, modified) in entries.items()}
        self.away = False
        self.asked = []

    def read(self, *ranges):
        self.asked.append(ranges)
        if self.away:
            raise ports.StoreError('no member answers')
        return ports.Snapshot(99, {key: self.entries[key] for key in ranges
                                   if key in self.entries})

    def commit(self, compares, writes):
        raise AssertionError('a permit writes nothing')

    def grant(self, ttl):
        raise AssertionError('a permit takes no lease')

    def renew(self, lease, limit):
        raise AssertionError('a permit renews no lease')

    def revoke(self, lease):
        raise AssertionError('a permit ends no lease')

    def watch(self, prefix, tell, since=0):
        raise AssertionError('a permit watches nothing')

    def close(self):
        """There is nothing to free."""


def a_permit(store, *compares, left=10.0, most=4.0):
    return permits.LeasePermit(store, lambda: left, compares, most)


class Seconds(unittest.TestCase):

    def test_they_are_what_is_left_less_a_margin_and_at_most_what_the_act_may_take(self):
        # left of the lease, most -> seconds
        table = [(10.0, 4.0, 4.0), (4.5, 4.0, 4.0), (4.0, 4.0, 3.5), (1.0, 4.0, 0.5),
                 (0.5, 4.0, 0.0), (0.0, 4.0, -0.5), (10.0, 100.0, 9.5)]
        for left, most, seconds in table:
            with self.subTest(left=left, most=most):
                self.assertEqual(seconds, a_permit(Keys(), left=left, most=most).seconds())

    def test_they_grow_fewer_as_the_lease_does(self):
        left = [3.0]
        permit = permits.LeasePermit(Keys(), lambda: left[0], (), 4.0)
        self.assertEqual(2.5, permit.seconds())
        left[0] = 1.0
        self.assertEqual(0.5, permit.seconds())


class Holds(unittest.TestCase):

    def test_it_holds_while_the_keys_are_as_they_were_read(self):
        # what is compared -> it holds (leader: created 5, modified 7; gone: no such key)
        table = [
            ({'key': 'leader', 'modified': 7}, True),
            ({'key': 'leader', 'created': 5}, True),
            ({'key': 'leader', 'modified': 7, 'created': 5}, True),
            ({'key': 'leader', 'modified': 6}, False),
            ({'key': 'leader', 'created': 4}, False),
            ({'key': 'leader', 'modified': 7, 'created': 4}, False),
            ({'key': 'leader', 'modified': 6, 'created': 5}, False),
            ({'key': 'leader', 'modified': 0}, False),
            ({'key': 'gone', 'modified': 7}, False),
            ({'key': 'gone', 'created': 5}, False),
            ({'key': 'gone', 'modified': 0}, True),
            ({'key': 'gone', 'created': 0}, True),
        ]
        for given, expected in table:
            with self.subTest(**given):
                permit = a_permit(Keys(leader=(5, 7)), ports.Compare(**given))
                self.assertIs(expected, permit.holds())

    def test_one_key_that_changed_is_enough(self):
        store = Keys(leader=(5, 5), case=(6, 8))
        compares = (ports.Compare('leader', created=5), ports.Compare('case', modified=8))
        permit = a_permit(store, *compares)
        self.assertTrue(permit.holds())
        store.entries['case'] = ports.Entry('case', 'y', 6, 9)
        self.assertFalse(permit.holds())

    def test_a_key_that_is_gone_and_back_is_another_one(self):
        store = Keys(leader=(5, 5))
        permit = a_permit(store, ports.Compare('leader', created=5))
        store.entries['leader'] = ports.Entry('leader', 'x', 9, 9)
        self.assertFalse(permit.holds())

    def test_all_keys_are_read_at_one_time_and_anew_for_each_question(self):
        store = Keys(leader=(5, 5), case=(6, 8))
        permit = a_permit(store, ports.Compare('leader', created=5),
                          ports.Compare('case', modified=8), ports.Compare('case', created=6))
        self.assertTrue(permit.holds() and permit.holds())
        self.assertEqual([('case', 'leader')] * 2, store.asked)

    def test_it_does_not_hold_while_the_store_is_away(self):
        store = Keys(leader=(5, 5))
        permit = a_permit(store, ports.Compare('leader', created=5))
        store.away = True
        self.assertFalse(permit.holds())
        store.away = False
        self.assertTrue(permit.holds())

    def test_it_does_not_hold_in_the_margin_of_the_lease(self):
        for left, expected in ((0.6, True), (0.5, False), (0.0, False), (-3.0, False)):
            permit = a_permit(Keys(leader=(5, 5)), ports.Compare('leader', created=5), left=left)
            self.assertIs(expected, permit.holds())

    def test_the_lease_is_looked_at_after_the_keys_were_read(self):
        class Slow(Keys):
            def read(self, *ranges):
                left[0] = 0.1
                return super().read(*ranges)

        left = [10.0]
        permit = permits.LeasePermit(Slow(leader=(5, 5)), lambda: left[0],
                                     [ports.Compare('leader', created=5)], 4.0)
        self.assertFalse(permit.holds())
