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

"""Live use joined with what is set aside, from a real etcd."""

import unittest

from kaopu_ha import ports, records
from kaopu_ha.conf.errors import ConfigError
from kaopu_ha.core import model
from kaopu_ha.core.checkup import Seen, Severity
from kaopu_ha.core.live import LiveUse
from kaopu_ha.drivers.agents.usage import InventoryUsage
from kaopu_ha.drivers.agents.usage_live import AgentUsage
from kaopu_ha.drivers.openstack.usage import PlacementUsage
from kaopu_ha.testing.usage import UsageSuite
from kaopu_ha.wiring import drivers
from tests.unit.agent import case
from tests.unit.agent.case import UUID
from tests.unit.test_conf import made


class Given(ports.UsageSource):
    """What is set aside, as the test wants it."""

    def __init__(self):
        self.room, self.away = {}, False

    def usage(self):
        if self.away:
            raise ports.PortError('Placement is away')
        return dict(self.room)


class FalseWorld:
    """Two hosts, and instances that only fill them."""

    def __init__(self, room):
        self.hosts, self._room, self._there = ('c1', 'c2'), room, {}
        for host in self.hosts:
            room[host] = model.Usage(32, 0, 64000, 0)

    def boot(self, host):
        self._room[host] = model.Usage(32, 2, 64000, 2048)
        return host

    def delete(self, instance):
        self._room[instance] = model.Usage(32, 0, 64000, 0)


class AgentUsageTest(UsageSuite, case.AgentCase):

    def make_world(self):
        self.given = Given()
        return FalseWorld(self.given.room)

    def make_usage(self):
        return AgentUsage(self.store, self.given, weight=0.5)

    def setUp(self):
        super().setUp()
        self.leases = [self.store.grant(60)]

    def tells(self, host, percent, beats=True):
        self.put(records.USE + host, LiveUse(16, percent, 64000, percent), self.leases[0])
        if beats:
            self.put(records.ALIVE + host, records.Beat(UUID, 'boot-1'), self.leases[0])

    def test_each_host_has_what_it_measures_where_it_does_and_beats(self):
        self.tells('c1', 25)
        self.tells('c2', 50, beats=False)
        found = self.usage.usage()
        self.assertEqual(model.Usage(16, 4, 64000, 16000), found['c1'].live)
        self.assertIsNone(found['c2'].live)
        self.assertEqual([0.5, 0.5], [found[host].live_weight for host in ('c1', 'c2')])

    def test_what_lapsed_counts_no_more(self):
        self.tells('c1', 25)
        self.put(records.ALIVE + 'c1', records.Beat(UUID, 'boot-1'), self.store.grant(60))
        self.store.revoke(self.leases[0])
        self.assertIsNone(self.usage.usage()['c1'].live)

    def test_a_host_without_room_known_is_not_there_whatever_it_tells(self):
        self.tells('c9', 5)
        self.assertEqual({'c1', 'c2'}, set(self.usage.usage()))

    def test_nothing_is_known_while_nobody_says_what_is_set_aside(self):
        self.tells('c1', 25)
        self.given.away = True
        self.assertRaises(ports.PortError, self.usage.usage)


    def test_the_doctor_finds_who_tells_no_live_use(self):
        self.tells('c1', 25)
        inventories = {host: model.Inventory(host, 'u', 'b', '') for host in ('c1', 'c2')}
        for hosts, severity in ((('c1',), Severity.GOOD), (('c1', 'c2'), Severity.WEAK)):
            (check,) = self.usage.checks(Seen(inventories, dict.fromkeys(hosts, 1)))
            (found,) = check.ask(5.0)
            self.assertIs(severity, found.severity)
        self.assertEqual('c2', found.subject)

    def test_the_doctor_asks_who_says_what_is_set_aside_too(self):
        made = AgentUsage(self.store, PlacementUsage({'auth_url': 'http://127.0.0.1:9/v3'}))
        self.assertEqual(['rights', 'room of every host', 'live use of every host'],
                         [check.name for check in made.checks(Seen())])


class Chosen(unittest.TestCase):

    def test_room_comes_from_who_knows_it(self):
        for cloud, kind in (('libvirt', InventoryUsage), ('nova', PlacementUsage)):
            conf = made(cloud__driver=cloud, usage__live_weight=0.25, nova__auth_url='http://k',
                        nova__username='joe', nova__password='hidden', nova__project_name='p')
            found = drivers.make(conf, 'usage', 'agent', None)
            self.assertIsInstance(found._room, kind)
            self.assertEqual(0.25, found._weight)

    def test_without_a_login_it_says_so(self):
        self.assertRaises(ConfigError, drivers.make, made(), 'usage', 'agent', None)
