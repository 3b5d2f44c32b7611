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

"""Segments, as the contract has them."""

from kaopu_ha import records
from tests.unit.api.scene import UNKNOWN, ApiCase

PATH = '/v1/segments'
NAME = ("An invalid 'name' value was provided. The name must be: printable characters. Can not "
        'start or end with whitespace.')


class TestSegments(ApiCase):

    def body(self, **more):
        return {'segment': {'name': 'rack', 'recovery_method': 'auto', 'service_type': 'compute',
                            **more}}

    def test_one_that_is_made_is_shown_with_all_its_fields_in_order(self):
        made = self.a_segment(description='of racks\nand rows')
        self.assertEqual([
            ('id', 1), ('uuid', made['uuid']), ('name', 'rack'), ('service_type', 'compute'),
            ('enabled', True), ('description', 'of racks\nand rows'), ('recovery_method', 'auto'),
            ('created_at', '2026-11-28T12:00:00.000000'), ('updated_at', None),
            ('deleted_at', None), ('deleted', False)], list(made.items()))
        for ident in (made['uuid'], '1'):
            self.assertEqual({'segment': made}, self.told(200, 'GET', f'{PATH}/{ident}'))
        self.assertEqual({'segments': [made]}, self.told(200, 'GET', PATH))

    def test_what_lacks_or_is_wrong_in_a_new_one(self):
        inner = 'Invalid input for field/attribute'
        for body, message in (
                ({}, "'segment' is a required property"),
                ([], "[] is not of type 'object'"),
                (self.body() | {'more': 1},
                 "Additional properties are not allowed ('more' was unexpected)"),
                (self.body(name=7), f"{inner} name. Value: 7. 7 is not of type 'string'"),
                (self.body(name=''), f"{inner} name. Value: . '' is too short"),
                (self.body(name='a' * 256), None),
                (self.body(name=' a'), NAME), (self.body(name='a\t'), NAME),
                (self.body(name='a\x00b'), NAME),
                (self.body(service_type=None),
                 f"{inner} service_type. Value: None. None is not of type 'string'"),
                (self.body(recovery_method='AUTO'), f"{inner} recovery_method. Value: AUTO. 'AUTO' "
                 "is not one of ['auto', 'reserved_host', 'auto_priority', 'rh_priority']"),
                (self.body(description='a\tb'), None), (self.body(description=7), None),
                (self.body(strange=1), None), (self.body(enabled=True), None),
                ({'segment': {'name': 'a'}}, None)):
            found = self.told(400, 'POST', PATH, body)['badRequest']['message']
            if message is not None:
                # Of a text that is too short newer releases of jsonschema say that it is empty.
                self.assertEqual(message, found.replace('should be non-empty', 'is too short'))
            else:
                self.assertTrue(found.startswith(inner), found)
        self.assertEqual({}, self.kept())

    def test_enabled_came_with_1_2(self):
        self.assertIn("('enabled' was unexpected)", self.told(
            400, 'POST', PATH, self.body(enabled=True), version='1.1')['badRequest']['message'])
        made = self.a_segment(enabled='off')
        self.assertFalse(made['enabled'])
        where = f'{PATH}/{made["uuid"]}'
        self.told(400, 'PUT', where, {'segment': {'enabled': True}}, version='1.0')
        self.assertTrue(self.told(200, 'PUT', where, {'segment': {'enabled': 'Yes'}},
                                  version='1.3')['segment']['enabled'])

    def test_words_for_true_and_false(self):
        words = {True: (True, 'True', 'TRUE', 'true', '1', 'ON', 'On', 'on', 'YES', 'Yes', 'yes'),
                 False: (False, 'False', 'FALSE', 'false', '0', 'OFF', 'Off', 'off', 'NO', 'No',
                         'no')}
        made = self.a_segment()
        for meant, each in ((meant, each) for meant, some in words.items() for each in some):
            self.assertIs(meant, self.told(200, 'PUT', f'{PATH}/{made["uuid"]}', {
                'segment': {'enabled': each}}, version='1.2')['segment']['enabled'])
        for each in (1, 0, 'tRUE', 'perhaps', None, ''):
            self.told(400, 'PUT', f'{PATH}/{made["uuid"]}', {'segment': {'enabled': each}},
                      version='1.2')

    def test_a_name_is_one_segments(self):
        self.a_segment()
        self.assert_fault(409, 'conflictingRequest', 'Failover segment with name rack already '
                          'exists.', 'POST', PATH, self.body())
        other = self.a_segment('row')
        self.assert_fault(409, 'conflictingRequest', 'Failover segment with name rack already '
                          'exists.', 'PUT', f'{PATH}/{other["uuid"]}',
                          {'segment': {'name': 'rack'}})
        self.told(200, 'PUT', f'{PATH}/{other["uuid"]}', {'segment': {'name': 'row'}})

    def test_a_name_is_free_after_a_rename_and_after_a_delete(self):
        made = self.a_segment()
        self.told(200, 'PUT', f'{PATH}/{made["uuid"]}', {'segment': {'name': 'row'}})
        second = self.a_segment('rack')
        self.told(204, 'DELETE', f'{PATH}/{second["uuid"]}')
        self.assertEqual(3, self.a_segment('rack')['id'])
        self.assertEqual({records.segment_name(name) for name in ('rack', 'row')},
                         {key for key in self.kept() if key.startswith(records.NAME)})

    def test_an_update_changes_what_it_names(self):
        made = self.a_segment(description='old')
        self.time = '2026-11-28T14:00:00+01:00'
        for changes in ({'description': None}, {'recovery_method': 'rh_priority'},
                        {'service_type': 'other'}, {'name': 'row'}):
            made |= {**changes, 'updated_at': '2026-11-28T13:00:00.000000'}
            self.assertEqual({'segment': made}, self.told(
                200, 'PUT', f'{PATH}/{made["uuid"]}', {'segment': changes}))

    def test_an_update_of_nothing(self):
        made = self.a_segment()
        found = self.told(400, 'PUT', f'{PATH}/{made["uuid"]}', {'segment': {}})
        self.assertEqual('Invalid input for field/attribute segment. Value: {}. {} is not valid '
                         'under any of the given schemas', found['badRequest']['message'])

    def test_one_that_is_not_there(self):
        for ident in (UNKNOWN, 'x', '7', '1' * 5000):
            for method, body in (('GET', None), ('PUT', {'segment': {'name': 'a'}}),
                                 ('DELETE', None)):
                self.assert_fault(404, 'itemNotFound', f'No failover segment with id {ident}.',
                                  method, f'{PATH}/{ident}', body)

    def test_a_deleted_one_is_gone_with_its_hosts_and_leaves_nothing(self):
        self.cloud.hosts = {f'c{number}' for number in range(80)}
        kept, gone = self.a_segment('kept'), self.a_segment('gone')
        self.a_host(kept, 'c0')
        for number in range(1, 80):
            self.a_host(gone, f'c{number}')
        found = self.ask('DELETE', f'{PATH}/{gone["uuid"]}')
        self.assertEqual((204, b''), (found.status_code, found.data))
        self.told(404, 'GET', f'{PATH}/{gone["uuid"]}/hosts')
        left = {key for key in self.kept() if not key.startswith(records.COUNTER)}
        self.assertEqual(4, len(left), left)
        self.a_host(kept, 'c1')

    def test_what_a_delete_could_not_tidy_up_is_gone_all_the_same(self):
        gone = self.a_segment('gone')
        self.a_host(gone, 'c1')
        commits = []
        commit = self.behind.commit

        def first_only(compares, writes):
            commits.append(writes)
            if len(commits) > 1:
                self.etcd.away = True
            return commit(compares, writes)
        self.behind.commit = first_only
        self.told(204, 'DELETE', f'{PATH}/{gone["uuid"]}')
        self.behind.commit, self.etcd.away = commit, False
        self.assertEqual(2, sum('segment-host' in key for key in self.kept()) - 1)
        again = self.a_segment('gone')
        self.assertEqual({'hosts': []}, self.told(200, 'GET', f'{PATH}/{again["uuid"]}/hosts'))
        self.a_host(again, 'c1')
        third = self.a_segment('third')
        self.told(204, 'DELETE', f'{PATH}/{third["uuid"]}')
        hosts = [key for key in self.kept() if key.startswith(records.SEGMENT_HOST)]
        self.assertEqual(1, len(hosts))

    def test_one_that_is_in_use_stays_as_it_is(self):
        made = self.a_segment()
        self.a_host(made)
        self.a_notification()
        self.assert_fault(409, 'conflictingRequest', f'Failover segment {made["uuid"]} can\'t be '
                          'updated as it is in-use to process notifications.',
                          'PUT', f'{PATH}/{made["uuid"]}', {'segment': {'name': 'a'}})
        self.assert_fault(409, 'conflictingRequest', f'Failover segment ({made["uuid"]}) can\'t be '
                          'deleted as it is in-use to process notifications.',
                          'DELETE', f'{PATH}/{made["uuid"]}')
        other = self.a_segment('row')
        self.told(200, 'PUT', f'{PATH}/{other["uuid"]}', {'segment': {'name': 'a'}})

    def test_filters(self):
        self.a_segment('a', 'auto')
        self.a_segment('b', 'reserved_host', enabled=False)
        self.told(200, 'PUT', f'{PATH}/2', {'segment': {'service_type': 'x'}})
        for query, names in (
                ('recovery_method=auto', 'a'), ('recovery_method=strange', ''),
                ('service_type=x', 'b'), ('enabled=True', 'a'), ('enabled=0', 'b'),
                ('enabled=perhaps', ''), ('name=a', 'a'), ('strange=x', 'ba'),
                ('enabled=True&recovery_method=reserved_host', '')):
            found = self.told(200, 'GET', f'{PATH}?{query}')['segments']
            self.assertEqual(names, ''.join(one['name'] for one in found), query)
