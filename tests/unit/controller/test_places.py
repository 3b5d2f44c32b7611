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

"""What a leader asks the cloud about places, and what it does when nobody says."""

import types
import unittest

from kaopu_ha import ports
from kaopu_ha.controller.places import PlacesAsked
from kaopu_ha.core.demands import Amount, Demand, Group, Offer, Part, Places
from kaopu_ha.core.rules import Rules
from tests.core.values import an_instance, an_inventory

KINDS = [Demand((Part('', (Amount('VCPU', number),)),)) for number in range(1, 4)]
GROUP = Group('g', 'db', 'anti-affinity', frozenset({'i1', 'i2'}))


class Cloud:
    """Answers for as many kinds as it has time for, each with a host; or raises."""

    def __init__(self):
        self.asked, self.most, self.failure, self.untold = [], 9, None, ()

    def places(self, kinds):
        self.asked.append(list(kinds))
        if self.failure:
            raise self.failure
        return Places({kind: Offer(frozenset({f'c{len(self.asked)}'}))
                       for kind in kinds[:self.most]}, groups=(GROUP,), untold=self.untold)


class Asking(unittest.TestCase):

    def setUp(self):
        super().setUp()
        self.cloud, self.now, self.told = Cloud(), 100.0, []
        self.places = PlacesAsked(self.cloud, Rules(), lambda: self.now, self.told.append,
                                  'the plan')
        self.inventories = {}
        self.beating = set()

    def of(self, *kinds):
        world = types.SimpleNamespace(inventories=self.inventories,
                                      beats_truly=self.beating.__contains__)
        return self.places.of(world, kinds or KINDS)

    def test_a_plan_about_nothing_known_asks_nobody(self):
        world = types.SimpleNamespace(inventories={})
        self.assertEqual(Places(), self.places.of(world, ()))
        self.assertEqual([], self.cloud.asked)

    def test_an_offer_serves_every_plan_for_five_seconds(self):
        self.of()
        self.now += 4.9
        self.assertEqual(set(KINDS), set(self.of().offers))
        self.now += 0.1
        self.of()
        self.assertEqual([3, 0, 3], [len(asked) for asked in self.cloud.asked])

    def test_one_that_was_not_answered_comes_first_in_the_next_plan(self):
        self.cloud.most = 2
        self.assertEqual(set(KINDS[:2]), set(self.of().offers))
        self.now += 5.0
        found = self.of()
        self.assertEqual(KINDS[2], self.cloud.asked[-1][0])
        self.assertEqual(set(KINDS), set(found.offers))

    def test_an_old_offer_serves_for_a_minute_and_no_longer(self):
        self.of()
        self.cloud.failure = ports.PortError('503')
        self.now += 59.0
        self.assertEqual(set(KINDS), set(self.of().offers))
        self.now += 1.0
        self.assertEqual({}, self.of().offers)

    def test_what_changed_is_asked_again_at_once(self):
        self.of()
        self.places.outdated()
        self.assertEqual({'c2'}, set(self.of().offers[KINDS[0]].hosts))

    def test_what_is_not_known_is_told_once_and_again_after_a_while(self):
        self.cloud.untold = ('aggregates: 403',)
        for _ in range(3):
            self.of()
        self.now += 600.0
        self.of()
        self.assertEqual(['not known for the plan: aggregates: 403'] * 2,
                         [news.text for news in self.told])

    def test_a_cloud_that_does_not_answer_stops_no_plan(self):
        self.cloud.failure = ports.PortError('Placement is away')
        self.assertEqual({}, self.of().offers)
        self.assertIn('Placement is away', self.told[0].text)

    def test_members_of_groups_are_where_a_host_that_beats_tells_of_them(self):
        for host in ('c1', 'c2', 'c3'):
            names = {'c1': ['i1', 'i2', 'x'], 'c2': ['i1'], 'c3': ['y']}[host]
            self.inventories[host] = an_inventory(
                host, instances=[an_instance(name) for name in names])
        self.beating.update({'c2', 'c3'})
        self.assertEqual({'i1': 'c2', 'i2': 'c1'}, self.of().homes)


if __name__ == '__main__':
    unittest.main()
