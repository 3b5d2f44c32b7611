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

import dataclasses
import unittest

from kaopu_ha import ports, records
from kaopu_ha.controller.protector import Protector
from kaopu_ha.core import model
from kaopu_ha.core.model import Network, Sign, Stage
from kaopu_ha.core.news import Fact
from kaopu_ha.core.protection import Reason
from tests.core import values
from tests.unit.controller import scene

RULES = values.rules(client_networks=('10.1.0.0/24',))


class Ceph(ports.Probe):
    """Finds a live client of each host, and strangers where ``strangers`` has them."""

    network = Network.STORAGE

    def __init__(self):
        self.asked, self.strangers, self.odd = [], {}, ''

    def ask(self, suspects, peers, limit, known=None):
        self.asked.append([one.host for one in suspects])
        if self.odd in [one.host for one in suspects]:
            raise RecursionError(self.odd)
        return {one.host: dataclasses.replace(
            values.evidence_of(self.network, Sign.LIFE), strangers=self.strangers.get(one.host, ()))
            for one in suspects}

    def close(self):
        pass


class Nova:

    def __init__(self):
        self.hosts, self.away = ['c1', 'c2'], False

    def services(self):
        if self.away:
            raise ports.PortError('503')
        return {host: values.a_service(host) for host in self.hosts}


class ProtectorCase(unittest.TestCase):
    """c1 and c2 beat and have one instance each; a leader looks."""

    def setUp(self):
        self.store, self.clock, self.told = scene.Store(), scene.Clock(), []
        for number in (1, 2):
            self.host(f'c{number}', f'10.1.0.{number}')
        self.leader = scene.a_leader(self.store, 'one', self.clock)
        self.leader.turn()
        self.ceph, self.nova = Ceph(), Nova()
        self.protector = Protector(
            self.store, self.leader, [scene.ScriptedProbe(Network.MANAGEMENT), self.ceph],
            self.nova,
            scene.an_env(self.clock, self.told.append, rules=RULES))

    def put(self, key, record, lease=0):
        self.store.commit([], [ports.Put(key, records.encode(record), lease)])

    def host(self, name, *addresses, images=(values.DISK,)):
        self.put(records.INVENTORY + name, values.an_inventory(
            name, storage_addresses=addresses, instances=[values.an_instance(images=images)]))
        self.put(records.ALIVE + name, records.Beat('uuid', 'boot-1', '1'), self.store.grant(3600))

    def look(self, times=1):
        for _ in range(times):
            self.clock.now += 15.0
            self.protector.turn()

    def listed(self):
        key = records.UNPROTECTED
        entry = self.store.read(key).get(key)
        if entry is None:
            return None
        told = records.decode(records.UnprotectedList, entry.value)
        return [(item.host, item.reason) for item in told.items]

    def said(self):
        return [(item.fact, item.host) for item in self.told]


class TestProtector(ProtectorCase):

    def test_while_all_is_well_the_list_is_empty_and_nothing_is_told(self):
        self.look(5)
        self.assertEqual([], self.listed())
        self.assertEqual([], self.said())

    def test_who_does_not_lead_looks_at_nothing(self):
        self.leader.resign()
        self.look(3)
        self.assertIsNone(self.listed())
        self.assertEqual([], self.ceph.asked)

    def test_a_host_without_an_agent_is_listed_and_told_and_so_is_its_end(self):
        self.nova.hosts.append('c3')
        self.look(6)
        self.assertEqual([('c3', Reason.NO_AGENT)], self.listed())
        self.assertEqual([(Fact.UNPROTECTED, 'c3')], self.said())
        self.host('c3', '10.1.0.3')
        self.look()
        self.assertEqual([], self.listed())
        self.assertEqual([(Fact.UNPROTECTED, 'c3'), (Fact.PROTECTED, 'c3')], self.said())

    def test_what_nova_said_last_stands_while_it_does_not_answer(self):
        self.nova.hosts.append('c3')
        self.look(4)
        self.nova.away = True
        self.look(8)
        self.assertEqual([('c3', Reason.NO_AGENT)], self.listed())

    def test_who_beats_and_does_not_reach_its_storage_is_written_down_until_it_does(self):
        for sign, away in ((Sign.UNKNOWN, ('c2',)), (Sign.LIFE, ())):
            self.put(records.INVENTORY + 'c2', values.an_inventory(
                'c2', storage_addresses=('10.1.0.2',), storage={'ceph-1': sign}))
            self.look()
            entry = self.store.read(records.UNPROTECTED).get(records.UNPROTECTED)
            self.assertEqual(away, records.decode(records.UnprotectedList, entry.value).away)
        self.assertEqual([], self.listed())

    def test_the_list_is_written_only_when_it_changed(self):
        self.nova.hosts.append('c3')
        self.look(4)
        before = self.store.read(records.UNPROTECTED).get(records.UNPROTECTED).modified
        self.look(8)
        self.assertEqual(before, self.store.read(records.UNPROTECTED).get(
            records.UNPROTECTED).modified)

    def test_claims_are_written_with_the_revision_at_which_they_were_seen(self):
        self.look()
        key = records.CLAIMS + 'c1'
        first = records.decode(records.Claims, self.store.read(key).get(key).value).since
        self.host('c1', '10.1.0.1', '10.1.0.2')
        self.look()
        since = records.decode(records.Claims, self.store.read(key).get(key).value).since
        self.assertEqual(first['10.1.0.1'], since['10.1.0.1'])
        self.assertLess(since['10.1.0.1'], since['10.1.0.2'])
        self.assertEqual([('c1', Reason.CLAIMED_TWICE)], self.listed())
        self.store.commit([], [ports.Delete(records.INVENTORY + 'c1')])
        self.look()
        self.assertIsNone(self.store.read(key).get(key))

    def test_where_libvirt_is_asked_is_written_down_while_its_host_beats(self):
        key = records.CLAIMS + 'c1'
        told = values.an_inventory('c1', storage_addresses=('10.1.0.1',))
        self.look()
        self.store.commit([], [ports.Delete(records.ALIVE + 'c1')])
        self.put(records.INVENTORY + 'c1', dataclasses.replace(
            told, management_uri='qemu+tls://elsewhere/system', host_uuid='another'))
        self.look()
        found = records.decode(records.Claims, self.store.read(key).get(key).value)
        self.assertEqual((told.management_uri, told.host_uuid),
                         (found.management_uri, found.host_uuid))

    def test_a_stranger_is_found_while_everybody_lives(self):
        self.ceph.strangers = {'c1': ('10.9.0.9:0/1',)}
        self.look(2)
        self.assertEqual([('c1', Reason.STRANGER)], self.listed())
        # What is seen of a host that beats no more is no news of now.
        self.store.commit([], [ports.Delete(records.ALIVE + 'c1')])
        self.look()
        self.assertEqual([], self.listed())

    def test_clients_are_not_asked_about_while_a_host_is_suspected(self):
        self.put(records.CASE + 'c2', values.a_case(Stage.DYING, host='c2'))
        self.look(2)
        self.assertEqual([], self.ceph.asked)
        self.put(records.CASE + 'c2', values.a_case(Stage.CONFIRMED, host='c2'))
        self.look()
        self.assertEqual([['c1', 'c2']], self.ceph.asked)

    def test_hosts_with_many_images_take_turns(self):
        for number in (1, 2, 3):
            self.host(f'c{number}', f'10.1.0.{number}', images=tuple(
                model.Image('ceph-1', 'vms', f'{number}-{count}', f'id-{number}-{count}')
                for count in range(60)))
        self.look(3)
        self.assertEqual([['c1'], ['c2'], ['c3']], self.ceph.asked)

    def test_a_host_that_spoils_the_ask_is_told_and_the_others_are_looked_at(self):
        self.ceph.odd, self.ceph.strangers = 'c1', {'c2': ('10.9.0.9:0/1',)}
        self.look(2)
        self.assertEqual([('c2', Reason.STRANGER)], self.listed())
        self.assertEqual([(Fact.PASSED_OVER, 'c1'), (Fact.UNPROTECTED, 'c2')], self.said())
        self.assertEqual({'c1'}, self.protector.alone.failing)
        self.ceph.odd = ''
        self.look()
        self.assertEqual(frozenset(), self.protector.alone.failing)


if __name__ == '__main__':
    unittest.main()
