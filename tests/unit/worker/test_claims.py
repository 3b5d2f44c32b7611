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

"""Claims on a real store, and what becomes of one whose answer was lost."""

import unittest

from kaopu_ha import ports, records
from kaopu_ha.worker.claims import ClaimKeeper
from tests import etcd_single, lossy_store

ITEM = 'i1'
KEY = records.CLAIM + ITEM


class TheClaim(unittest.TestCase):

    def setUp(self):
        self.store = lossy_store.Lossy([etcd_single.until(self.addCleanup).endpoint],
                                       timeout=20.0, try_limit=10.0)
        self.addCleanup(self.store.close)
        self.mine, self.others = self.a_worker('w1'), self.a_worker('w2')

    def a_worker(self, name):
        claims = ClaimKeeper(self.store, name, 300, lambda: 1000.0)
        claims.turn()
        return claims

    def test_what_one_has_another_does_not_get(self):
        self.assertIsNotNone(self.mine.take(ITEM, 'r1'))
        self.assertIsNone(self.others.take(ITEM, 'r1'))

    def test_a_claim_whose_answer_was_lost_is_ended(self):
        self.store.loses = True
        self.assertRaises(ports.OutcomeUnknown, self.mine.take, ITEM, 'r1')
        self.assertIsNone(self.others.take(ITEM, 'r1'), 'it stands, and nobody works on it')
        self.mine.turn()
        self.assertIsNotNone(self.others.take(ITEM, 'r1'))

    def test_a_doubtful_claim_that_another_has_by_now_is_left_alone(self):
        self.store.loses = True
        self.assertRaises(ports.OutcomeUnknown, self.mine.take, ITEM, 'r1')
        self.store.commit([], [ports.Delete(KEY)])
        self.others.take(ITEM, 'r1')
        self.mine.turn()
        claim = records.decode(records.Claim, self.store.read(KEY).get(KEY).value, KEY)
        self.assertEqual('w2', claim.worker)

    def test_a_claim_whose_end_was_not_heard_of_is_ended_again(self):
        claim = self.mine.take(ITEM, 'r1')
        self.store.loses = True
        self.assertRaises(ports.OutcomeUnknown, self.mine.give_back, claim)
        self.mine.turn()
        self.assertIsNone(self.store.read(KEY).get(KEY))
