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

"""What a look ahead asks for of where instances may be, until it knows, or has no more time."""

import concurrent.futures

from kaopu_ha import ports, records
from kaopu_ha.controller.foresight import Foresight
from kaopu_ha.core.demands import Amount, Demand, Offer, Part, Places
from kaopu_ha.core.news import Fact
from kaopu_ha.core.prospect import Forecast
from tests.core import values
from tests.unit.controller import test_lookout, test_protector

KINDS = [Demand((Part('', (Amount('VCPU', number),)),)) for number in range(1, 8)]


class Nova(test_lookout.Nova):
    """c1 has a server of each kind; Placement answers for ``most`` kinds in ``takes`` seconds."""

    def __init__(self, clock):
        super().__init__()
        self.clock, self.most, self.takes, self.untold, self.kinds = clock, 3, 5.0, (), []

    def servers(self, host):
        return tuple(values.a_server(f'i{number}', host=host, demand=kind)
                     for number, kind in enumerate(KINDS)) if host == 'c1' else ()

    def places(self, kinds):
        self.kinds.append(list(kinds))
        self.clock.now += self.takes
        return Places({kind: Offer(frozenset({'c2'})) for kind in kinds[:self.most]},
                      untold=self.untold)


class TestOffers(test_protector.ProtectorCase):

    def setUp(self):
        super().setUp()
        self.nova = Nova(self.clock)
        pool = concurrent.futures.ThreadPoolExecutor(1)
        self.addCleanup(pool.shutdown)
        self.foresight = Foresight(
            self.store, self.nova, self.nova, [test_lookout.Fence()], test_protector.RULES, pool,
            self.clock, self.told.append)
        self.put(records.LEADER, records.Leader('controller-1', values.AT))
        for number, host in enumerate(('c1', 'c2', 'c3'), 1):
            its = [values.an_instance(f'i{each}') for each in range(len(KINDS))]
            self.put(records.INVENTORY + host, values.an_inventory(
                host, storage_addresses=(f'10.1.0.{number}',),
                instances=its if host == 'c1' else [], storage={values.DISK.cluster: values.LIFE}))
            self.put(records.ALIVE + host, records.Beat('uuid', 'boot-1', '1'),
                     self.store.grant(9999))

    def test_kinds_for_which_there_was_no_time_are_asked_for_next(self):
        found = self.foresight.look('c1')
        self.assertEqual([7, 4, 1], [len(kinds) for kinds in self.nova.kinds])
        self.assertEqual({(Forecast.PROTECTED, 'c2')},
                         {(one.answer, one.target) for one in found.prospects})
        self.assertEqual(((), []), (found.untold, self.told))

    def test_where_it_takes_too_long_that_is_told(self):
        self.nova.most, self.nova.takes = 1, 9.0
        found = self.foresight.look('c1')
        self.assertEqual(('what Placement offers to 3 of 7 kinds of instances: it took too long',),
                         found.untold)

    def test_who_offers_nothing_is_not_asked_again_and_again(self):
        self.nova.most = 0
        self.assertEqual((), self.foresight.look('c1').untold)
        self.assertEqual(2, len(self.nova.kinds))

    def test_what_could_not_be_learnt_is_told_and_not_asked_for_again(self):
        self.nova.untold = ('server groups: 403',)
        self.assertEqual(('server groups: 403',), self.foresight.look('c1').untold)
        self.assertEqual(1, len(self.nova.kinds))
        self.assertEqual([(Fact.CLOUD_AWAY,
                           'not known for who would come back: server groups: 403')],
                         [(news.fact, news.text) for news in self.told])

    def test_where_nova_or_placement_fails_the_rest_is_said(self):
        def fails(kinds):
            raise ports.PortError('503')
        self.nova.places = fails
        found = self.foresight.look('c1')
        self.assertEqual(('where instances may be: 503',), found.untold)
        self.assertEqual({Forecast.PROTECTED}, {one.answer for one in found.prospects})

    def test_where_nobody_can_say_what_must_not_be_fenced_the_rest_is_said(self):
        def fails(order, limit):
            raise ValueError('10.1.0.x is no address')
        self.foresight._fences[0].forbidden = fails
        found = self.foresight.look('c1')
        self.assertEqual('ValueError: 10.1.0.x is no address', found.unasked)
        self.assertEqual({Forecast.PROTECTED}, {one.answer for one in found.prospects})
