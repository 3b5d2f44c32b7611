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


import concurrent.futures
import dataclasses
import types
from unittest import mock

from kaopu_ha import ports, records
from kaopu_ha.controller import lookout
from kaopu_ha.controller.foresight import Foresight
from kaopu_ha.controller.lookout import Lookout
from kaopu_ha.controller.protector import Protector
from kaopu_ha.core import model, prospect
from kaopu_ha.core.model import Stage, Verdict
from kaopu_ha.core.news import Fact
from kaopu_ha.core.protection import Reason
from tests.core import values
from tests.unit.controller import scene, test_protector

ROOM, FULL = values.a_usage(), values.a_usage(cores_used=31)


class Nova(test_protector.Nova):
    """Has one server on each host; counts what it is asked."""

    def __init__(self):
        super().__init__()
        self.asked, self.usages, self.mute = [], {}, ''

    def servers(self, host):
        self.asked.append(host)
        if host == self.mute:
            raise ports.PortError('its cell is down')
        return (values.a_server(f'i-{host}', host=host),)

    def actions(self, instance):
        return ()

    def usage(self):
        return {host: self.usages.get(host, ROOM) for host in self.hosts}


class Fence:

    name = 'ceph_blocklist'

    def orders(self, inventory, clusters, clients):
        return tuple(model.FenceOrder(self.name, cluster, tuple(
            f'{ip}:0/0' for ip in inventory.storage_addresses)) for cluster in clusters)

    def forbidden(self, order, limit):
        return {}


class AheadCase(test_protector.ProtectorCase):
    """c1 and c2 have an instance each, and room for each other's."""

    def setUp(self):
        super().setUp()
        self.nova = Nova()
        pool = concurrent.futures.ThreadPoolExecutor(1)
        self.addCleanup(pool.shutdown)
        foresight = Foresight(self.store, self.nova, self.nova, [Fence()], test_protector.RULES,
                              pool, self.clock, self.told.append)
        self.protector = Protector(
            self.store, self.leader, [self.ceph], self.nova,
            scene.an_env(self.clock, self.told.append, rules=test_protector.RULES),
            Lookout(foresight, self.clock))

    def host(self, name, *addresses, images=(values.DISK,)):
        its = values.an_instance(f'i-{name}', images=images, name=f'web-{name}')
        self.put(records.INVENTORY + name, values.an_inventory(
            name, storage_addresses=addresses, instances=[its],
            storage={values.DISK.cluster: values.LIFE}))
        self.put(records.ALIVE + name, records.Beat('uuid', 'boot-1', '1'), self.store.grant(9999))

    def minutes(self, count):
        for _ in range(4 * count):
            self.leader.turn()
            self.look()


class TestLookout(AheadCase):

    def test_while_all_is_well_nothing_is_listed(self):
        self.minutes(6)
        self.assertEqual([], self.listed())
        self.assertEqual([], self.said())
        self.assertEqual({'c1', 'c2'}, set(self.nova.asked))

    def test_nova_is_asked_once_a_minute_for_each_host_and_not_at_first(self):
        self.minutes(3)
        self.assertEqual([], self.nova.asked)
        self.minutes(5)
        self.assertEqual(['c1', 'c2'] * 5, self.nova.asked)

    def test_no_room_that_stays_is_told_once_with_the_names(self):
        self.nova.usages['c2'] = FULL
        self.minutes(8)
        self.assertEqual([('c1', Reason.NO_ROOM)], self.listed())
        self.assertEqual([(Fact.UNPROTECTED, 'c1')], self.said())
        self.assertIn('no room elsewhere: name of i-c1: c2: it has no cores left',
                      self.told[0].text)

    def test_and_its_end_is_when_it_stays_away(self):
        self.nova.usages['c2'] = FULL
        self.minutes(8)
        self.nova.usages.clear()
        self.minutes(1)
        self.assertEqual([('c1', Reason.NO_ROOM)], self.listed())
        self.minutes(2)
        self.assertEqual([], self.listed())
        self.assertEqual([(Fact.UNPROTECTED, 'c1'), (Fact.PROTECTED, 'c1')], self.said())

    def test_room_that_comes_and_goes_is_no_news(self):
        self.minutes(3)
        for number in range(8):
            self.nova.usages['c2'] = (FULL, ROOM)[number % 2]
            self.minutes(1)
        self.assertEqual([], self.said())

    def test_nova_is_not_asked_while_a_host_is_judged(self):
        self.put(records.CASE + 'c2', values.a_case(Stage.DYING, verdict=Verdict.DEAD))
        self.minutes(6)
        self.assertEqual([], self.nova.asked)

    def test_of_a_host_that_is_judged_nothing_is_listed(self):
        self.nova.usages['c2'] = FULL
        self.minutes(8)
        case = dataclasses.replace(values.a_case(Stage.DYING, verdict=Verdict.DEAD), host='c1')
        self.put(records.CASE + 'c1', case)
        self.look()
        self.assertEqual([], self.listed())

    def test_what_was_foretold_stands_while_nova_is_away_or_hides_a_host(self):
        self.nova.usages['c2'] = FULL
        self.minutes(8)
        self.nova.usages.clear()
        for trouble in ({'away': True}, {'away': False, 'mute': 'c1'}):
            vars(self.nova).update(trouble)
            self.minutes(5)
            self.assertEqual([('c1', Reason.NO_ROOM)], self.listed())

    def test_one_host_has_its_turn_after_the_other(self):
        for number in range(3, 46):
            self.host(f'c{number}', f'10.1.0.{number}')
            self.nova.hosts.append(f'c{number}')
        self.minutes(4)
        self.assertEqual(20, len(self.nova.asked))
        self.minutes(2)
        self.assertEqual(45, len(set(self.nova.asked)))

    def test_where_answers_are_slow_looks_are_fewer(self):
        self.minutes(3)
        services = self.nova.services

        def slow():
            self.clock.now += 50.0
            return services()
        # Of the protector's own services it is asked at its own pace.
        foresight = self.protector._lookout._foresight
        foresight._targets._cloud = types.SimpleNamespace(
            services=slow, usage=self.nova.usage, servers=self.nova.servers)
        self.minutes(1)
        asked = len(self.nova.asked)
        self.minutes(2)
        self.assertEqual(asked, len(self.nova.asked))
        self.minutes(2)
        self.assertEqual(2 * asked, len(self.nova.asked))

    def test_in_a_large_cloud_fewer_hosts_are_looked_at_in_one_look(self):
        for number in range(3, 31):
            self.host(f'c{number}', f'10.1.0.{number}')
            self.nova.hosts.append(f'c{number}')
        with mock.patch.object(lookout, '_PAIRS_MAX', 95):
            self.minutes(4)
        # Of 30 hosts, with one instance on each.
        self.assertEqual(['c1', 'c10', 'c11'], self.nova.asked)

    def test_one_host_of_which_nothing_can_be_foretold_leaves_the_others_alone(self):
        self.nova.usages['c2'] = FULL
        of_host = prospect.of_host

        def odd(host, seen, rules):
            if host == 'c2':
                raise RecursionError('too deep')
            return of_host(host, seen, rules)
        with mock.patch.object(prospect, 'of_host', odd):
            self.minutes(8)
        self.assertEqual([('c1', Reason.NO_ROOM)], self.listed())
        self.assertEqual([(Fact.PASSED_OVER, 'c2'), (Fact.UNPROTECTED, 'c1')], self.said())

    def test_a_new_leader_goes_on_with_what_was_listed(self):
        self.nova.usages['c2'] = FULL
        self.minutes(8)
        self.leader.resign()
        self.look()
        self.nova.usages.clear()
        self.minutes(3)
        self.assertEqual([('c1', Reason.NO_ROOM)], self.listed())
        self.minutes(3)
        self.assertEqual([], self.listed())
        # Who leads now has told it itself, so it tells the end, too.
        self.assertEqual([(Fact.UNPROTECTED, 'c1')] * 2 + [(Fact.PROTECTED, 'c1')], self.said())
