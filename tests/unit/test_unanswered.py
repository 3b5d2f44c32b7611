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
"""What was committed without an answer is told once it is seen, and only once."""

import dataclasses
import unittest

from kaopu_ha import ports, records
from kaopu_ha.core import evacuation
from kaopu_ha.core.model import Phase
from kaopu_ha.core.news import Fact, News
from kaopu_ha.unanswered import Untold
from tests.core import values
from tests.unit.controller.scene import Store

KEY = records.EVACUATION + 'c1-7/i1'
NEWS = News(Fact.MOVED, 'c1', 'web to c2')


class TestUntold(unittest.TestCase):

    def setUp(self):
        self.store, self.told = Store(), []
        self.untold = Untold(self.store, self.told.append)
        before = values.under_way(Phase.MOVING)
        self.over = self.store.commit([], [ports.Put(KEY, records.encode(before))])
        self.ended = evacuation.went(before, Phase.DONE, values.AT, 'w1', 'active on c2')

    def commit(self, *, lost, arrives=True, record=None):
        with self.untold.keeping(KEY, self.over, record or self.ended, [NEWS]):
            if arrives:
                self.store.commit([ports.Compare(KEY, modified=self.over)],
                                  [ports.Put(KEY, records.encode(record or self.ended))])
            if lost:
                raise ports.OutcomeUnknown('the answer was lost')

    def lost(self, **how):
        self.assertRaises(ports.OutcomeUnknown, self.commit, lost=True, **how)

    def test_what_was_answered_is_told_by_who_wrote_it(self):
        self.commit(lost=False)
        self.untold.look()
        self.assertEqual(([], False), (self.told, self.untold.waits))

    def test_what_was_committed_is_told_once(self):
        self.lost()
        self.assertEqual([], self.told)
        for _ in range(3):
            self.untold.look()
        self.assertEqual(([NEWS], False), (self.told, self.untold.waits))

    def test_it_is_told_though_others_went_on_behind_it(self):
        self.lost()
        later = dataclasses.replace(self.ended, given_up='ann')
        self.store.commit([], [ports.Put(KEY, records.encode(later))])
        self.untold.look()
        self.assertEqual([NEWS], self.told)

    def test_while_the_store_is_away_it_is_kept(self):
        self.lost()
        self.store.away = True
        self.untold.look()
        self.assertEqual(([], True), (self.told, self.untold.waits))
        self.store.away = False
        self.untold.look()
        self.assertEqual([NEWS], self.told)

    def test_what_may_still_come_is_waited_for(self):
        self.lost(arrives=False)
        self.untold.look()
        self.assertTrue(self.untold.waits)
        self.store.commit([ports.Compare(KEY, modified=self.over)],
                          [ports.Put(KEY, records.encode(self.ended))])
        self.untold.look()
        self.assertEqual([NEWS], self.told)

    def test_what_can_not_come_any_more_is_forgotten(self):
        gone = [ports.Delete(KEY)]
        other = [ports.Put(KEY, records.encode(values.under_way(Phase.MOVING, reason='other')))]
        junk = [ports.Put(KEY, '{')]
        for writes in (other, junk, gone):
            with self.subTest(writes=writes):
                self.over = self.store.read(KEY).get(KEY).modified
                self.lost(arrives=False)
                self.store.commit([], writes)
                self.untold.look()
                self.assertEqual(([], False), (self.told, self.untold.waits))

    def test_a_second_end_of_the_same_is_another_one(self):
        """A worker tries again; the first attempt had arrived."""
        later = '2026-01-01T00:00:09.000+00:00'
        again = evacuation.went(values.under_way(Phase.MOVING), Phase.DONE, later, 'w1',
                                'active on c2')
        self.lost()
        self.lost(arrives=False, record=again)
        self.untold.look()
        self.assertEqual(([NEWS], False), (self.told, self.untold.waits))
