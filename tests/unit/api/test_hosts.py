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

"""Hosts of segments, as the contract has them; on maintenance is a hold."""

from kaopu_ha import records
from tests.unit.api.scene import UNKNOWN, ApiCase


class HostCase(ApiCase):

    def setUp(self):
        super().setUp()
        self.segment = self.a_segment()
        self.path = f'/v1/segments/{self.segment["uuid"]}/hosts'

    def body(self, **more):
        return {'host': {'name': 'c1', 'type': 'COMPUTE', 'control_attributes': 'SSH', **more}}

    def update(self, host, code=200, **changes):
        found = self.told(code, 'PUT', f'{self.path}/{host["uuid"]}', {'host': changes})
        return found['host'] if code == 200 else found


class TestHosts(HostCase):

    def test_one_that_is_made_is_shown_with_all_its_fields_in_order(self):
        made = self.a_host(self.segment, reserved='True')
        self.assertEqual([
            ('id', 1), ('uuid', made['uuid']), ('name', 'c1'),
            ('failover_segment_id', self.segment['uuid']), ('failover_segment', self.segment),
            ('type', 'COMPUTE'), ('reserved', True), ('control_attributes', 'SSH'),
            ('on_maintenance', False), ('created_at', '2026-11-28T12:00:00.000000'),
            ('updated_at', None), ('deleted_at', None), ('deleted', False)], list(made.items()))
        for path in (f'{self.path}/{made["uuid"]}', '/v1/segments/1/hosts/1'):
            self.assertEqual({'host': made}, self.told(200, 'GET', path))
        self.assertEqual({'hosts': [made]}, self.told(200, 'GET', self.path))

    def test_what_lacks_or_is_wrong_in_a_new_one(self):
        for more in ({'name': ''}, {'name': 'c1 '}, {'type': None}, {'type': 'a-b'},
                     {'type': 'a\n'}, {'type': 'a' * 256}, {'control_attributes': 7},
                     {'reserved': 1}, {'on_maintenance': 'maybe'}, {'uuid': UNKNOWN}):
            self.told(400, 'POST', self.path, self.body(**more))
        for name in ('name', 'type', 'control_attributes'):
            body = self.body()
            del body['host'][name]
            self.assertIn(f"'{name}' is a required property", self.told(
                400, 'POST', self.path, body)['badRequest']['message'])
        self.assertEqual({'hosts': []}, self.told(200, 'GET', self.path))

    def test_what_may_be_empty(self):
        made = self.a_host(self.segment, type='', control_attributes=None)
        self.assertEqual(('', None), (made['type'], made['control_attributes']))

    def test_its_name_is_that_of_a_compute_host(self):
        self.assert_fault(400, 'badRequest', 'Compute service with name c9 could not be found.',
                          'POST', self.path, self.body(name='c9'))
        made = self.a_host(self.segment)
        self.assertIn('c9', self.update(made, 400, name='c9')['badRequest']['message'])
        self.cloud.away = True
        self.assertIn('Nova does not answer', self.told(
            503, 'POST', self.path, self.body(name='c2'))['serviceUnavailable']['message'])
        self.update(made, reserved=True)

    def test_its_name_is_in_no_other_segment(self):
        self.a_host(self.segment)
        other = self.a_segment('row')
        for path in (self.path, f'/v1/segments/{other["uuid"]}/hosts'):
            self.assert_fault(409, 'conflictingRequest', 'Host with name c1 already exists.',
                              'POST', path, self.body())
        second = self.a_host(self.segment, 'c2')
        self.update(second, 409, name='c1')
        self.update(second, name='c3')
        self.a_host(other, 'c2')

    def test_an_update_changes_what_it_names(self):
        made = self.a_host(self.segment)
        self.time = '2026-11-28T13:00:00+00:00'
        for changes in ({'type': 'other'}, {'reserved': True}, {'control_attributes': None},
                        {'name': 'c2'}):
            made |= {**changes, 'updated_at': '2026-11-28T13:00:00.000000'}
            self.assertEqual(made, self.update(made, **changes))
        self.assertIn('{} is not valid under any of the given schemas',
                      self.update(made, 400)['badRequest']['message'])
        self.update(made, 400, failover_segment_id=UNKNOWN)

    def test_what_is_not_there(self):
        made = self.a_host(self.segment)
        other = self.a_segment('row')
        self.assert_fault(404, 'itemNotFound', 'No host with id x.', 'GET', f'{self.path}/x')
        for method, body in (('GET', None), ('PUT', {'host': {'reserved': True}}),
                             ('DELETE', None)):
            for segment, host in ((self.segment['uuid'], UNKNOWN), (other['uuid'], made['uuid']),
                                  (UNKNOWN, made['uuid'])):
                self.assert_fault(
                    404, 'itemNotFound', f"Host '{host}' under failover_segment '{segment}' could "
                    'not be found.', method, f'/v1/segments/{segment}/hosts/{host}', body)
        for method, body in (('GET', None), ('POST', self.body(name='c2'))):
            self.assert_fault(404, 'itemNotFound', f'No failover segment with id {UNKNOWN}.',
                              method, f'/v1/segments/{UNKNOWN}/hosts', body)

    def test_a_deleted_one_is_gone(self):
        made = self.a_host(self.segment)
        self.assertEqual(b'', self.ask('DELETE', f'{self.path}/{made["uuid"]}').data)
        self.told(404, 'GET', f'{self.path}/{made["uuid"]}')
        self.assertEqual(2, self.a_host(self.segment)['id'])

    def test_one_that_is_in_use_stays_as_it_is(self):
        made, other = self.a_host(self.segment), self.a_host(self.segment, 'c2')
        self.a_notification()
        self.assert_fault(409, 'conflictingRequest', f'Host {made["uuid"]} can\'t be updated as it '
                          'is in-use to process notifications.', 'PUT',
                          f'{self.path}/{made["uuid"]}', {'host': {'reserved': True}})
        self.assert_fault(409, 'conflictingRequest', f'Host {made["uuid"]} can\'t be deleted as it '
                          'is in-use to process notifications.', 'DELETE',
                          f'{self.path}/{made["uuid"]}')
        self.update(other, reserved=True)
        self.a_host(self.segment, 'c3')

    def test_filters(self):
        self.a_host(self.segment, 'c1', type='A')
        self.a_host(self.segment, 'c2', type='B', reserved=True)
        self.a_host(self.segment, 'c3', type='B', on_maintenance=True)
        for query, names in (
                ('type=B', 'c3 c2'), ('reserved=True', 'c2'), ('on_maintenance=1', 'c3'),
                ('on_maintenance=False&reserved=no', 'c1'), ('name=c2', 'c2'),
                (f'failover_segment_id={UNKNOWN}', 'c3 c2 c1')):
            found = self.told(200, 'GET', f'{self.path}?{query}')['hosts']
            self.assertEqual(names, ' '.join(one['name'] for one in found), query)
        for name in ('on_maintenance', 'reserved'):
            message = self.told(400, 'GET', f'{self.path}?{name}=zz')['badRequest']['message']
            self.assertTrue(message.startswith(
                f"Invalid value for {name}: Unrecognized value 'zz', acceptable values are: '0', "
                "'1', 'f', "), message)


class TestMaintenance(HostCase):
    """It is a hold, and nothing else."""

    def hold(self, host='c1'):
        return records.View(self.behind.read(records.HOST)).every(
            records.HostSetting, records.HOST).get(host)

    def test_to_set_it_is_to_hold_the_host(self):
        made = self.a_host(self.segment)
        self.assertIsNone(self.hold())
        self.assertTrue(self.update(made, on_maintenance='True')['on_maintenance'])
        self.assertEqual(records.HostSetting(True, 'user admin-token by the API', self.time,
                                             'on_maintenance was set by the API'), self.hold())
        self.assertFalse(self.update(made, on_maintenance='False')['on_maintenance'])
        self.assertIsNone(self.hold())

    def test_a_hold_by_the_command_is_shown_and_keeps_its_words(self):
        made = self.a_host(self.segment)
        its = records.HostSetting(True, 'joe', 'now', 'a new disk')
        self.put(records.HOST + 'c1', its)
        self.assertTrue(self.told(200, 'GET', self.path)['hosts'][0]['on_maintenance'])
        self.update(made, on_maintenance=True, reserved=True)
        self.assertEqual(its, self.hold())
        self.update(made, on_maintenance=False)
        self.assertIsNone(self.hold())

    def test_a_new_one_may_begin_on_maintenance_and_releases_nobody(self):
        self.assertTrue(self.a_host(self.segment, on_maintenance='yes')['on_maintenance'])
        self.assertIsNotNone(self.hold())
        self.put(records.HOST + 'c2', records.HostSetting(True, 'joe', 'now', 'a new disk'))
        self.assertTrue(self.a_host(self.segment, 'c2', on_maintenance=False)['on_maintenance'])
        self.assertIsNotNone(self.hold('c2'))

    def test_a_hold_outlives_the_host_of_the_segment(self):
        made = self.a_host(self.segment, on_maintenance=True)
        self.told(204, 'DELETE', f'{self.path}/{made["uuid"]}')
        self.assertIsNotNone(self.hold())

    def test_a_host_that_was_confirmed_dead_is_on_maintenance_until_it_is_admitted(self):
        made = self.a_host(self.segment)
        self.put(records.LOCK + 'c1', records.Lock('k1', 'now'))
        self.assertFalse(self.told(200, 'GET', self.path)['hosts'][0]['on_maintenance'])
        self.put(records.LOCK + 'c1', records.Lock('k1', 'now', permanent=True, recovery='c1-7'))
        self.assertTrue(self.told(200, 'GET', self.path)['hosts'][0]['on_maintenance'])
        self.assertIn('kaopu-ha host admit c1', self.update(
            made, 409, on_maintenance=False)['conflictingRequest']['message'])
        self.assertTrue(self.update(made, on_maintenance=True)['on_maintenance'])
        self.assertIsNone(self.hold())

    def test_a_host_can_be_held_while_a_notification_about_it_is_at_work(self):
        made = self.a_host(self.segment)
        self.a_notification()
        self.update(made, on_maintenance=True)
        self.assertIsNotNone(self.hold())
        self.update(made, 409, on_maintenance=False, reserved=True)
        self.assertIsNotNone(self.hold())
