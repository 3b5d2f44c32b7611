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

"""What a leader may still do when its leadership ends, on a real store."""

import unittest

from kaopu_ha import ports, records
from kaopu_ha.controller.term import Term
from kaopu_ha.core.model import Stage
from kaopu_ha.core.news import Fact
from kaopu_ha.drivers.etcd import store as etcd
from tests import etcd_single
from tests.core import values
from tests.unit.controller import scene

BOOK = records.PREFIX + 'test'


class Terms(unittest.TestCase):

    def setUp(self):
        self.store = etcd.EtcdStore([etcd_single.until(self.addCleanup).endpoint],
                                    timeout=20.0, try_limit=10.0)
        self.addCleanup(self.store.close)
        self.clock = scene.Clock()
        self.leader = scene.a_leader(self.store, 'controller-1', self.clock)
        self.leader.turn()
        self.term = Term(self.leader)

    def another_takes_over(self):
        self.store.commit([], [ports.Delete(records.LEADER)])
        scene.a_leader(self.store, 'controller-2', self.clock).turn()

    def book(self, term):
        return self.store.commit(term.compares(), [ports.Put(BOOK, '1')])

    # ------------------------------------------------------------ writes

    def test_a_leader_writes(self):
        self.assertTrue(self.term.begins())
        self.assertIsNotNone(self.book(self.term))

    def test_a_deposed_leader_that_does_not_know_it_writes_nothing(self):
        self.term.begins()
        self.another_takes_over()
        self.assertIsNone(self.book(self.term))

    def test_a_deposed_leader_writes_nothing_while_nobody_leads(self):
        self.term.begins()
        self.store.commit([], [ports.Delete(records.LEADER)])
        self.assertIsNone(self.book(self.term))

    def test_whoever_knows_that_it_leads_no_more_has_nothing_to_compare(self):
        # An epoch of 0 would compare that there is no leader: true, just then.
        self.term.begins()
        self.leader.resign()
        self.assertRaises(ports.StoreError, self.term.compares)

    def test_a_turn_that_has_not_begun_has_nothing_to_compare(self):
        self.assertRaises(ports.StoreError, self.term.compares)

    # ------------------------------------------------------------ a turn that wakes in a new term

    def leads_again(self):
        self.store.commit([], [ports.Delete(records.LEADER)])
        self.leader.resign()
        self.leader.turn()
        self.assertTrue(self.leader.leads())

    def test_a_turn_that_began_in_a_former_term_writes_nothing(self):
        self.term.begins()
        self.leads_again()
        self.assertIsNone(self.book(self.term))
        self.assertFalse(self.term.lasts())

    def test_the_next_turn_writes_again(self):
        self.term.begins()
        self.leads_again()
        self.term.begins()
        self.assertIsNotNone(self.book(self.term))

    def test_a_permit_of_a_former_term_does_not_hold(self):
        self.term.begins()
        permit = self.term.permit([], 4.0)
        self.assertTrue(permit.holds())
        self.leads_again()
        self.assertFalse(permit.holds())
        # Nor one that the same turn takes now.
        self.assertFalse(self.term.permit([], 4.0).holds())

    def test_what_was_remembered_is_forgotten_once_in_a_new_term(self):
        forgotten = []
        term = Term(self.leader, lambda: forgotten.append(self.leader.epoch))
        term.begins()
        term.begins()
        self.assertEqual([self.leader.epoch], forgotten)
        self.leads_again()
        term.begins()
        self.assertEqual(self.leader.epoch, forgotten[-1])
        self.assertEqual(2, len(forgotten))

    def test_an_act_that_ended_in_another_term_is_told(self):
        told = []
        self.leader.tell = told.append
        self.term.begins()
        with self.term.telling_if_late('c1', 'may have fenced it', 'Look.'):
            pass
        self.assertEqual([], told)
        with self.term.telling_if_late('c1', 'may have fenced it', 'Look.'):
            self.leads_again()
        late = [news for news in told if news.fact is Fact.ACTED_LATE]
        self.assertIn('did not lead for a while, and may have fenced it', late[0].text)

    # ------------------------------------------------------------ rounds

    def judged_after(self, meanwhile):
        """The case of a silent host after a look at it, during which something happens."""
        return scene.Watched(self, self.store, self.leader, self.clock, values.fast_rules(),
                             meanwhile).case()

    def test_a_silent_round_counts(self):
        self.assertIs(Stage.DYING, self.judged_after(lambda: None).stage)

    def test_a_round_asked_in_a_former_term_does_not_count(self):
        # Deposed and elected again meanwhile, it knows nothing of what others saw in between.
        def deposed_and_back():
            self.store.commit([], [ports.Delete(records.LEADER)])
            self.leader.resign()
            self.leader.turn()
        meanwhile = iter([deposed_and_back])
        watched = scene.Watched(self, self.store, self.leader, self.clock, values.fast_rules(),
                                lambda: next(meanwhile, lambda: None)())
        self.assertTrue(self.leader.leads())
        self.assertFalse(self.store.read(records.CASE).under(records.CASE))
        # The new term begins with what is seen now, and then the beat has its grace again.
        watched.look(1.0)
        watched.look(10.0)
        self.assertIs(Stage.DYING, watched.case().stage)
