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

"""For how long the store has answered: a leader counts it, and whoever would be one, too."""

import unittest

from tests.unit.controller import scene

TTL = 300


class TestAnswering(unittest.TestCase):

    def setUp(self):
        self.store, self.clock = scene.Store(), scene.Clock()
        self.leader = scene.a_leader(self.store, 'controller-1', self.clock)

    def turn(self, leader, seconds):
        """A turn so many seconds after the last one."""
        self.clock.now += seconds
        leader.turn()

    def away(self, seconds):
        self.store.away = True
        self.turn(self.leader, seconds)
        self.store.away = False

    def test_it_is_counted_from_the_first_answer(self):
        self.assertLess(self.leader.answering(), 0.0)
        self.away(10.0)
        self.assertLess(self.leader.answering(), 0.0)
        self.turn(self.leader, 1.0)
        self.assertEqual(0.0, self.leader.answering())
        self.turn(self.leader, 5.0)
        self.assertEqual(5.0, self.leader.answering())

    def test_a_silence_as_long_as_a_lease_begins_it_anew(self):
        self.leader.turn()
        self.away(TTL)
        self.turn(self.leader, 1.0)
        self.assertEqual(0.0, self.leader.answering())

    def test_a_short_one_does_not(self):
        self.leader.turn()
        self.away(10.0)
        self.turn(self.leader, 10.0)
        self.assertEqual(20.0, self.leader.answering())

    def test_who_does_not_lead_counts_it_too(self):
        other = scene.a_leader(self.store, 'controller-2', self.clock)
        self.leader.turn()
        other.turn()
        self.turn(other, 5.0)
        self.assertFalse(other.leads())
        self.assertEqual(5.0, other.answering())


if __name__ == '__main__':
    unittest.main()
