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


import csv
import dataclasses
import io
import json
from unittest import mock

from kaopu_ha import ports, records
from kaopu_ha.core import brake, demands, model
from kaopu_ha.core.demands import Amount, Demand, Offer, Part, Places
from kaopu_ha.core.model import Power
from kaopu_ha.wiring import ahead
from tests.core import values
from tests.unit.cli import scene

KIND = Demand((Part('', (Amount('MEMORY_MB', 2048), Amount('VCPU', 2))),))

CONF = """
[ceph]
client_networks = 10.91.0.0/24
[cloud]
driver = {}
[usage]
driver = {}
"""

KEYSTONE = """
[nova]
auth_url = http://127.0.0.1:1/v3
username = kaopu
password = secret
project_name = service
user_domain_name = Default
project_domain_name = Default
"""


class Cloud:
    """Nova and Placement of three hosts of 8 cores; each answer is counted."""

    def __init__(self, servers):
        self.placed = {server.uuid: server for server in servers}
        self.away, self.down, self.asked, self.cores = '', '', 0, 8
        self.said = demands.NOWHERE_SAID

    def services(self):
        self.asked += 1
        if self.away:
            raise ports.PortError(self.away)
        return {host: values.a_service(host) for host in ('c1', 'c2', 'c3')}

    def servers(self, host):
        self.asked += 1
        if host == self.down:
            raise ports.PortError(f'the cell of {host} does not answer')
        return tuple(one for one in self.placed.values() if one.host == host)

    def places(self, kinds):
        self.asked += 1
        return self.said

    def usage(self):
        self.asked += 1
        return {host: model.Usage(self.cores, sum(one.cores for one in self.servers_of(host)),
                                  65536, 0) for host in ('c1', 'c2', 'c3')}

    def servers_of(self, host):
        return [one for one in self.placed.values() if one.host == host]

    def close(self):
        pass


class Fence:
    """Would cut the hosts' addresses, of which ``monitors`` must not be."""

    name = 'ceph_blocklist'

    def __init__(self):
        self.monitors, self.away = {}, ''

    def orders(self, inventory, clusters, clients):
        addresses = tuple(f'{ip}:0/0' for ip in inventory.storage_addresses)
        return tuple(model.FenceOrder(self.name, cluster, addresses) for cluster in clusters)

    def forbidden(self, order, limit):
        if self.away:
            raise ports.PortError(self.away)
        return self.monitors

    def close(self):
        pass


class Protected(scene.Scene):
    """c1 has web-1 and db-1 on, old-1 off; c2 has big-1; c3 is empty."""

    def setUp(self):
        super().setUp()
        self.config.write_text(self.config.read_text() + CONF.format('nova', 'placement'))
        big = model.Instance('big', 'big-1', Power.ON, (dataclasses.replace(
            scene.DISK, name='big-1_disk'),))
        self.there_leads()
        for number, (host, instances) in enumerate((('c1', None), ('c2', (big,)), ('c3', ())), 1):
            self.there_is(dataclasses.replace(
                scene.an_inventory(host, instances=instances),
                storage_addresses=(f'10.91.0.{number}',)))
        for host in ('c1', 'c2', 'c3'):
            self.put_under_a_lease(records.ALIVE + host, records.Beat('uuid', 'boot', '1'))
        self.cloud = Cloud([values.a_server(scene.WEB, name='web-1'),
                            values.a_server(scene.DB, name='db-1', vm_state='paused'),
                            values.a_server('big', host='c2', name='big-1', cores=5)])
        self.fence = Fence()
        making = ahead.drivers.make
        false = {'cloud': self.cloud, 'usage': self.cloud, 'fence': self.fence}
        self.enterContext(mock.patch.object(
            ahead.drivers, 'make', lambda conf, port, name, kv: false.get(port) or making(
                conf, port, name, kv)))

    def put_under_a_lease(self, key, record):
        self.store.commit([], [ports.Put(key, records.encode(record), self.store.grant(60))])

    def asked(self, *words):
        code, out, err = self.run_command('protection', *words)
        self.assertEqual('', err)
        return code, out

    def rows(self, *words):
        return list(csv.DictReader(io.StringIO(self.asked(*words, '-f', 'csv')[1])))


class TestAll(Protected):

    def test_where_all_would_come_back_the_sum_is_enough(self):
        self.assertEqual((0, '3 instances are on: 3 would come back.\n'), self.asked())

    def test_all_of_them_where_more_is_to_be_told(self):
        code, out = self.asked('-v')
        self.assertEqual(0, code)
        heading, *lines = out.splitlines()
        self.assertEqual(['HOST', 'INSTANCE', 'COMES', 'BACK', 'GOES', 'TO', 'OR', 'TO', 'WHY',
                          'NOT'], heading.split())
        self.assertEqual(['c1', 'db-1', 'yes', 'c3', 'c2', '-'][:5], lines[0].split()[:5])
        self.assertNotIn('old-1', out)

    def test_with_room_for_some_of_a_host_they_are_counted_by_host_and_reason(self):
        self.cloud.cores = 6
        self.cloud.placed['i9'] = values.a_server('i9', host='c3', name='x', cores=4)
        code, out = self.asked()
        self.assertEqual(1, code)
        self.assertIn('c1: 1 of 2 would come back (1 no room elsewhere)\n', out)
        self.assertIn('alone it has room on c3', out)
        self.assertTrue(out.endswith('2 for: no room elsewhere\n  1 for: disks unknown\n'), out)

    def test_one_question_for_all_and_one_for_the_servers_of_each_host(self):
        self.asked()
        # Services, usage, and three hosts.
        self.assertEqual(5, self.cloud.asked)

    def test_what_is_told_of_a_host_and_is_no_reason_is_a_note(self):
        self.put_under_a_lease(records.ALIVE + 'c1', records.Beat(
            'uuid', 'boot', '1', behind='libvirt is mute'))
        code, out = self.asked()
        self.assertEqual(0, code)
        self.assertIn('c1: inventory not kept up', out)


class TestPlaces(Protected):
    """web-1 and db-1 are of one kind, of which Nova and Placement say where it may be."""

    def setUp(self):
        super().setUp()
        for uuid in (scene.WEB, scene.DB):
            self.cloud.placed[uuid] = dataclasses.replace(self.cloud.placed[uuid], demand=KIND)

    def test_are_asked_for_once_for_all_of_a_kind(self):
        self.cloud.said = Places({KIND: Offer(frozenset({'c2', 'c3'}))})
        self.assertEqual((0, 6), (self.asked()[0], self.cloud.asked))

    def test_that_are_doubtful_are_no_yes(self):
        self.cloud.said = Places({KIND: Offer(frozenset({'c1'}))})
        code, out = self.asked('c1')
        self.assertEqual(1, code)
        self.assertIn('doubtful', out)
        self.assertIn('no sure host: no other host is left than c3, and Placement does not offer '
                      'it', out)
        self.assertIn('2 instances are on: 0 would come back, 2 doubtful.', out)

    def test_of_which_something_could_not_be_learnt_are_told_so(self):
        self.cloud.said = Places(untold=('server groups: 403: not for our role',))
        code, out = self.asked()
        self.assertEqual(2, code)
        self.assertIn('Not known: server groups: 403: not for our role\n', out)
        told = json.loads(self.asked('--json')[1])
        self.assertEqual(['server groups: 403: not for our role'], told['untold'])


class TestOne(Protected):

    def test_host_by_its_name(self):
        self.assertEqual(['big-1'], [row['instance'] for row in self.rows('c2')])
        self.cloud.asked = 0
        self.asked('c2')
        self.assertEqual(3, self.cloud.asked)

    def test_host_without_anything_on(self):
        self.assertEqual((0, 'No instance is on.\n'), self.asked('c3'))

    def test_instance_by_name_and_uuid_with_the_places_for_it(self):
        for name in ('web-1', scene.WEB):
            row, = self.rows(name)
            self.assertEqual(('c1', 'web-1', 'yes', 'c3'), (
                row['host'], row['instance'], row['protected'], row['places'][2:4]))
        self.assertIn('web-1', self.asked('web-1')[1])

    def test_one_that_only_nova_knows_by_this_name(self):
        self.cloud.placed[scene.WEB] = values.a_server(scene.WEB, name='shop')
        self.assertEqual(['shop'], [row['instance'] for row in self.rows('shop')])

    def test_one_that_is_off_or_unknown_is_told_so(self):
        for name, word in (('old-1', 'old-1 is off'), ('nobody', 'no host nobody')):
            self.assertIn(word, self.refused('protection', name, code=2))


class TestFormsForMachines(Protected):

    def test_json_has_all_and_the_sums(self):
        self.fence.monitors = {'10.91.0.2': 'a monitor of Ceph is there'}
        code, out = self.asked('--json')
        told = json.loads(out)
        self.assertEqual((1, 2, 1), (code, told['totals']['protected'],
                                     told['totals']['unprotected']))
        self.assertEqual({'not_fenced': 1}, told['hosts']['c2']['reasons'])
        self.assertEqual({'host': 'c2', 'instance': 'big', 'name': 'big-1', 'answer': 'no',
                          'reason': 'not_fenced', 'target': '', 'places': [],
                          'text': 'it may not be fenced yet: 10.91.0.2: a monitor of Ceph is there'
                          }, told['instances'][0 if told['instances'][0]['host'] == 'c2' else -1])

    def test_one_column(self):
        self.assertEqual((0, 'yes\nyes\nyes\n'), self.asked('-f', 'value', '-c', 'protected'))


class TestWhatCouldNotBeAsked(Protected):

    def test_at_all_is_another_exit_code(self):
        self.cloud.away = 'Nova does not answer'
        self.assertIn('It could not be asked: Nova does not answer', self.refused(
            'protection', code=2))

    def test_of_one_host_is_that_hosts_alone(self):
        self.cloud.down = 'c2'
        code, out = self.asked()
        self.assertEqual(2, code)
        self.assertIn('the cell of c2 does not answer', out)
        self.assertIn('2 would come back, 1 not known', out)
        self.assertEqual(0, self.asked('c1')[0])

    def test_of_ceph_is_told_and_the_rest_is_said(self):
        self.fence.away = 'the monitors do not answer'
        code, out = self.asked()
        self.assertIn('could not be asked: the monitors do not answer', out)
        self.assertIn('3 would come back', out)
        self.assertEqual(2, code)

    def test_a_store_that_is_away(self):
        self.config.write_text(self.config.read_text().replace(
            self.etcd.endpoint, '127.0.0.1:1'))
        self.assertIn('does not answer', self.refused('protection', code=2))

    def test_while_nobody_leads_nothing_would_come_back(self):
        self.delete(records.LEADER)
        code, out = self.asked()
        self.assertEqual(1, code)
        self.assertIn('3 for: nobody leads', out)


    def test_while_no_worker_runs_nothing_would_come_back(self):
        self.put_under_a_lease(records.PROCESS + 'controller/one', records.ProcessRecord('one'))
        self.assertIn('3 for: no worker', self.asked()[1])
        self.put_under_a_lease(records.PROCESS + 'worker/two', records.ProcessRecord('two'))
        self.assertEqual(0, self.asked()[0])

    def test_while_the_brake_holds_that_is_told(self):
        self.store.commit([], [ports.Put(records.STORM, records.encode(brake.Storm(on=True)))])
        self.assertIn('The brake holds: whoever dies now waits', self.asked()[1])
        self.assertTrue(json.loads(self.asked('--json')[1])['braked'])

    def test_of_one_instance_is_its_hosts_alone(self):
        """What its user did is asked only of one that Nova shows stopped."""
        self.cloud.placed['big'] = dataclasses.replace(
            self.cloud.placed['big'], vm_state='stopped', power_state=4)
        self.cloud.actions = mock.Mock(side_effect=KeyError('start_time'))
        code, out = self.asked()
        self.assertEqual(2, code)
        self.assertIn("KeyError: 'start_time'", out)
        self.assertIn('2 would come back, 1 not known', out)


class TestDrivers(scene.Scene):
    """The drivers themselves; without OpenStack the hosts tell of their domains."""

    def there_are_two_hosts(self, cloud, usage):
        nowhere = self.config.with_name('ceph.conf')
        nowhere.write_text(f'[global]\nfsid = {scene.FSID}\nmon_host = 127.0.0.1:1\n')
        self.config.write_text(self.config.read_text() + CONF.replace(
            '[ceph]', f'[ceph]\nconf = {nowhere}').format(cloud, usage))
        self.there_leads()
        for host in ('c1', 'c2'):
            told = scene.an_inventory(host, instances=None if host == 'c1' else ())
            self.there_is(dataclasses.replace(told, storage_addresses=(f'10.91.0.{host[1]}',)))
            self.store.commit([], [ports.Put(records.ALIVE + host, records.encode(records.Beat(
                'uuid', 'boot', '1')), self.store.grant(60))])

    def test_it_is_asked_in_the_store_alone(self):
        self.there_are_two_hosts('libvirt', 'inventory')
        code, out, err = self.run_command('protection', '--json')
        self.assertEqual('', err)
        told = json.loads(out)
        self.assertEqual({(scene.WEB, 'c2'), (scene.DB, 'c2')}, {
            (one['instance'], one['target']) for one in told['instances']})
        # There is no Ceph here, so whether c1 may be fenced is not known.
        self.assertEqual((2, True), (code, bool(told['unasked'])))

    def test_live_use_of_the_agents_may_rank_them(self):
        self.there_are_two_hosts('libvirt', 'agent')
        code, out, err = self.run_command('protection', scene.WEB, '-f', 'value', '-c', 'target')
        self.assertEqual((2, 'c2\n', ''), (code, out, err))

    def test_of_openstack_that_is_away_nothing_is_known(self):
        for usage in ('placement', 'agent'):
            with self.subTest(usage):
                without = self.config.read_text()
                self.there_are_two_hosts('nova', usage)
                self.config.write_text(self.config.read_text() + KEYSTONE)
                self.assertIn('It could not be asked: ', self.refused('protection', code=2))
                self.config.write_text(without)
