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

"""Who may have the disks of an instance open, whose host came back."""

import unittest

from kaopu_ha.core import elsewhere, model
from kaopu_ha.core.addresses import known
from tests.core.values import an_inventory

IMAGE = model.Image('a', 'vms', 'disk', '1')
KNOWN = known({host: an_inventory(host=host, storage_addresses=(f'10.0.0.{number}',))
               for number, host in enumerate(('c1', 'c2', 'c3'), 1)}, ('10.0.0.9',))


def found(*clients, error=''):
    answer = model.ImageAnswer(IMAGE, tuple(
        model.Client(f'{ip}:0/1', 1, acknowledged) for ip, acknowledged in clients), error)
    return elsewhere.found({IMAGE: answer}, 'c1', KNOWN)


class FoundTest(unittest.TestCase):

    def test_its_own_clients_and_tools_are_nobody_else(self):
        self.assertEqual(elsewhere.Found(), found(
            ('10.0.0.1', True), ('10.0.0.1', False), ('10.0.0.9', True), ('10.0.0.9', False)))

    def test_another_hosts_client_is_asked_about(self):
        # One that does not answer may write again, as long as Ceph lists it.
        for answers in (True, False):
            self.assertEqual({'c2': 'a client of c2 has disk open'},
                             found(('10.0.0.2', answers)).hosts)

    def test_nobodys_client_and_no_answer_forbid_it(self):
        self.assertIn('address of nobody', found(('10.0.0.77', True)).reason)
        self.assertIn('lists it no more', found(('10.0.0.77', False)).reason)
        self.assertIn('no OSD answered', found(error='no OSD answered').reason)


def moved(kind='live-migration', status='running', source='c1', target='c2'):
    return model.Migration('7', 'i', kind, status, source, target)


class MigratedToTest(unittest.TestCase):

    def test_where_its_newest_migration_was_cut_short(self):
        for status in ('running', 'post-migrating', 'error'):
            self.assertEqual({'c2': 'it was being migrated to c2'},
                             elsewhere.migrated_to([moved(status=status), moved()], 'c1'))

    def test_of_several_in_a_row_each_target_counts(self):
        row = [moved(status='error', target='c3'), moved(status='error'), moved(status='completed'),
               moved(target='c4')]
        self.assertEqual(['c3', 'c2'], [*elsewhere.migrated_to(row, 'c1')])

    def test_an_evacuation_from_its_host_came_after_that(self):
        attempt = moved('evacuation', 'failed', target='c4')
        self.assertEqual(['c2'], [*elsewhere.migrated_to([attempt, moved()], 'c1')])

    def test_nowhere_else(self):
        came = moved('evacuation', 'done', source='c3', target='c1')
        for newest in (came, moved(status='completed'), moved(source='c3')):
            self.assertEqual({}, elsewhere.migrated_to([newest, moved()], 'c1'))
        self.assertEqual({}, elsewhere.migrated_to([], 'c1'))


class SaidTest(unittest.TestCase):

    HOSTS = {'c2': 'a client of c2 has disk open', 'c3': 'it was being migrated to c3'}

    def test_every_host_has_to_say_that_it_does_not_know_it(self):
        self.assertEqual('', elsewhere.why_not(self.HOSTS, {'c2': False, 'c3': False}))
        self.assertIn('c3', elsewhere.why_not(self.HOSTS, {'c2': False, 'c3': True}))
        self.assertIn('c3', elsewhere.why_not(self.HOSTS, {'c2': False, 'c3': None}))
        self.assertIn('c2', elsewhere.why_not(self.HOSTS, {'c2': None, 'c3': False}))

    def test_of_whom_no_agent_told_nobody_can_ask_so_a_person_has_to_see(self):
        self.assertIn('migrated to c3, of which no agent ever told: see that',
                      elsewhere.why_not(self.HOSTS, {'c2': False}))
