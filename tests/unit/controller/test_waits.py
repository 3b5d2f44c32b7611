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

"""How long a host was silent: late, never early."""

import unittest

from kaopu_ha.core.model import Sign, Stage, Verdict
from tests import etcd_single, lossy_store
from tests.core import values
from tests.unit.controller import scene

# Of the time since the last look no more counts (twice the ask limit).
MOST = 3.0


class Waits(unittest.TestCase):

    def setUp(self):
        self.store = lossy_store.Lossy([etcd_single.until(self.addCleanup).endpoint],
                                       timeout=20.0, try_limit=10.0)
        self.addCleanup(self.store.close)
        clock = scene.Clock()
        leader = scene.a_leader(self.store, 'controller-1', clock)
        leader.turn()
        self.host = scene.Watched(self, self.store, leader, clock,
                                  values.fast_rules(death_seconds=60.0))
        self.assertIs(Stage.DYING, self.host.case().stage)

    def assert_waited(self, seconds, verdict=Verdict.DEAD):
        case = self.host.case()
        self.assertEqual((seconds, verdict), (case.waited, case.verdict))

    def test_the_time_between_two_silences_counts_up_to_a_limit(self):
        self.host.look(2.0)
        self.assert_waited(2.0)
        self.host.look(20.0)
        self.assert_waited(2.0 + MOST)

    def test_time_counts_once_if_the_store_did_not_answer(self):
        self.store.loses = True
        self.host.look(2.0)
        self.assertFalse(self.store.loses)
        self.host.look(1.0)
        self.host.look(5.0)
        self.assert_waited(2.0)
        self.host.look(1.0)
        self.assert_waited(3.0)

    def test_no_time_counts_through_a_blind_round_though_the_store_did_not_answer(self):
        for probe in self.host.probes:
            probe.sign = Sign.UNKNOWN
        self.store.loses = True
        self.host.look(2.0)
        self.assertFalse(self.store.loses)
        self.assert_waited(0.0, Verdict.UNDECIDED)
        for probe in self.host.probes:
            probe.sign = Sign.SILENCE
        self.host.look(1.0)
        self.host.look(5.0)
        self.assert_waited(0.0)


if __name__ == '__main__':
    unittest.main()
