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

"""``kaopu-ha host rank``: the figures that make the rank, and why a host is no target."""

import dataclasses
import json

from kaopu_ha import ports, records
from kaopu_ha.core.live import LiveUse
from kaopu_ha.core.model import Power, Sign
from tests.unit.cli import scene
from tests.unit.cli.scene import WEB, an_inventory, cells


class HostRank(scene.Scene):

    def setUp(self):
        super().setUp()
        self.leases = [self.store.grant(60)]
        self.configure('agent')
        for host, used in (('c1', None), ('c2', (80, 60)), ('c3', (10, 30)), ('c4', None)):
            instances = tuple(dataclasses.replace(each, cores=1) for each in an_inventory(
                host).instances) if host == 'c1' else ()
            self.there_is(dataclasses.replace(an_inventory(host), instances=instances))
            self.put_leased(records.ALIVE + host, records.Beat('uuid', 'boot'))
            if used:
                self.put_leased(records.USE + host, LiveUse(8, used[0], 16000, used[1],
                                                            scene.at(3)))

    def configure(self, driver, more=''):
        self.config.write_text(
            f'[store]\nendpoints = {self.etcd.endpoint}\n[cloud]\ndriver = libvirt\n'
            f'[usage]\ndriver = {driver}\n{more}[ceph]\nclient_networks = 10.91.0.0/16\n')

    def put_leased(self, key, record):
        self.store.commit([], [ports.Put(key, records.encode(record), self.leases[0])])

    def ranked(self, *words):
        return {each['host']: each for each in self.shown_json('host', 'rank', *words)}

    def test_the_least_used_is_first_and_the_figures_are_shown(self):
        rows = cells(self.shown('host', 'rank'))
        self.assertEqual(['rank', 'host', 'use', 'cores set aside', 'memory MB set aside',
                          'live cores', 'live memory', 'about so since', 'why no target'], rows[0])
        self.assertEqual(['1', 'c3', '20%', '0 of 32', '0 of 15872', '10 %', '30 %',
                          '2026-11-24 00:03:00', '-'], rows[1])
        self.assertEqual(['c3', 'c2', 'c4', 'c1'], [row[1] for row in rows[1:]])

    def test_who_tells_no_live_use_is_behind_and_has_no_figures(self):
        self.assertEqual(['3', 'c4', '0%', '0 of 32', '0 of 15872', '-', '-', '-', '-'],
                         cells(self.shown('host', 'rank'))[3])

    def test_json_has_all_of_it(self):
        found = self.ranked()['c2']
        self.assertEqual((2, 0.7, 1.0, ''), (found['rank'], found['use'], found['live_weight'],
                                             found['why_not']))
        self.assertEqual({'cores': 32.0, 'cores_used': 0, 'memory_mb': 15872, 'memory_mb_used': 0},
                         found['set_aside'])
        self.assertEqual(80, found['live']['cores_percent'])

    def test_the_weight_is_what_is_configured(self):
        self.configure('agent', 'live_weight = 0.5\n')
        self.assertEqual(0.35, self.ranked()['c2']['use'])

    def test_another_driver_ranks_by_what_is_set_aside_and_live_use_is_told_all_the_same(self):
        self.configure('inventory')
        found = self.ranked()
        self.assertEqual(0.0, found['c2']['use'])
        self.assertEqual(80, found['c2']['live']['cores_percent'])

    def test_who_is_no_target_is_last_with_the_reason(self):
        self.there_is(an_inventory('c2', sign=Sign.SILENCE))
        self.put(records.HOST + 'c3', records.HostSetting(True, 'joe', scene.at(1)))
        self.delete(records.ALIVE + 'c4')
        found = self.ranked()
        self.assertEqual(1, found['c1']['rank'])
        self.assertIn('it does not reach cluster', found['c2']['why_not'])
        self.assertEqual('it is on hold', found['c3']['why_not'])
        self.assertEqual('it does not beat', found['c4']['why_not'])
        self.assertEqual([0, 0, 0], [found[host]['rank'] for host in ('c2', 'c3', 'c4')])

    def test_all_that_is_known_of_a_host_has_its_live_use(self):
        self.assertRegex(self.shown('host', 'show', 'c2'), r'live use +80 % of 8 cores, 60 % of '
                         r'16000 MB; about so since 2026-11-24 00:03:00')
        self.assertEqual(60, self.shown_json('host', 'show', 'c2')['live_use']['memory_percent'])
        self.assertNotIn('live use', self.shown('host', 'show', 'c4'))

    def test_for_an_instance_it_is_where_that_may_go(self):
        for name in (WEB, 'web-1'):
            found = self.ranked('--for', name)
            self.assertEqual('it is the source', found['c1']['why_not'])
            self.assertEqual(1, found['c3']['rank'])

    def test_an_idle_host_without_room_for_it_is_no_target(self):
        big = dataclasses.replace(an_inventory().instances[0], cores=30)
        self.there_is(an_inventory(instances=(big,)),
                      an_inventory('c3', instances=(dataclasses.replace(
                          big, uuid='big', name='big', cores=10),)))
        found = self.ranked('--for', 'web-1')
        self.assertEqual('it has no cores left', found['c3']['why_not'])
        self.assertEqual(1, found['c2']['rank'])

    def test_of_an_instance_that_two_hosts_have_it_is_the_one_where_it_runs(self):
        left = dataclasses.replace(an_inventory().instances[0], power=Power.OFF)
        self.there_is(an_inventory('c0', instances=(left,)))
        self.assertEqual('it is the source', self.ranked('--for', WEB)['c1']['why_not'])

    def test_what_tried_hosts_already_passes_them_over(self):
        item = scene.an_evacuation(phase=scene.Phase.WAITING, target='')
        self.there_is(dataclasses.replace(item, passed_over=('c3',)))
        self.assertEqual('it was tried before', self.ranked('--for', 'web-1')['c3']['why_not'])

    def test_an_instance_that_nobody_knows_is_refused(self):
        self.assertIn('No host tells of an instance nothing',
                      self.refused('host', 'rank', '--for', 'nothing'))

    def test_a_name_of_two_is_refused(self):
        one = an_inventory().instances[0]
        self.there_is(an_inventory('c3', instances=(dataclasses.replace(one, uuid='other'),)))
        self.assertIn('say which one by its uuid', self.refused('host', 'rank', '--for', 'web-1'))

    def test_columns_and_forms_are_those_of_openstacks_commands(self):
        self.assertEqual('c3\nc2\nc4\nc1\n',
                         self.shown('host', 'rank', '-f', 'value', '-c', 'host'))
        rows = json.loads(self.shown('host', 'rank', '-f', 'json'))
        self.assertEqual((1, 10), (rows[0]['rank'], rows[0]['live cores']))

    def test_when_nova_does_not_answer_it_says_so(self):
        self.config.write_text(
            f'[store]\nendpoints = {self.etcd.endpoint}\n[nova]\nauth_url = http://127.0.0.1:1\n'
            'username = a\npassword = b\nproject_name = c\nuser_domain_name = d\n'
            'project_domain_name = e\ntimeout = 3\n[usage]\ndriver = agent\n'
            '[ceph]\nclient_networks = 10.91.0.0/16\n')
        self.assertIn('The rank is not known now: ', self.refused('host', 'rank'))
