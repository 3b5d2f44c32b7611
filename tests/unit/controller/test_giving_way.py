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

"""Giving the leadership up in favour of who sees more, and going last while one does."""

import unittest

from kaopu_ha import ports, records
from kaopu_ha.drivers.etcd import store as etcd
from tests import etcd_single
from tests.unit.controller import scene

TTL = 300


class TestGivingWay(unittest.TestCase):

    def setUp(self):
        self.store = etcd.EtcdStore([etcd_single.until(self.addCleanup).endpoint],
                                    timeout=20.0, try_limit=10.0)
        self.addCleanup(self.store.close)
        self.clock = scene.Clock()
        self.leader = scene.a_leader(self.store, 'controller-1', self.clock)

    def vacate(self):
        self.store.commit([], [ports.Delete(records.LEADER)])

    def test_who_gives_way_renews_no_more_and_leads_until_its_lease_lapses(self):
        self.leader.turn()
        self.leader.gives_way_to = 'controller-2'
        self.clock.now += TTL - 1
        self.leader.turn()
        self.assertTrue(self.leader.leads())
        self.clock.now += 2
        self.leader.turn()
        self.assertFalse(self.leader.leads())

    def test_a_leader_to_which_the_network_speaks_again_stays(self):
        self.leader.turn()
        self.leader.gives_way_to = 'controller-2'
        self.leader.turn()
        self.leader.gives_way_to = ''
        self.clock.now += TTL - 1
        self.leader.turn()
        self.clock.now += 2
        self.assertTrue(self.leader.leads())

    def test_who_sees_less_lets_the_other_go_first_but_not_for_ever(self):
        self.vacate()
        self.leader.gives_way_to = 'controller-2'
        self.leader.turn()
        self.assertFalse(self.leader.leads())
        self.clock.now += 2 * TTL
        self.leader.turn()
        self.leader.turn()
        self.assertTrue(self.leader.leads())
