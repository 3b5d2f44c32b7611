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

"""Notifications, as the contract has them."""

import dataclasses

from kaopu_ha import records
from kaopu_ha.api.call import Limits
from kaopu_ha.core.segments import Notification, NotificationStatus
from tests.unit.api.scene import STOPPED, UNKNOWN, ApiCase, said

PATH = '/v1/notifications'
VM = {'instance_uuid': UNKNOWN, 'event': 'LIFECYCLE', 'vir_domain_event': 'STOPPED_FAILED'}
PROCESS = {'process_name': 'nova-compute', 'event': 'STOPPED'}
UNEXPECTED = "Additional properties are not allowed ('x' was unexpected)"


class TestNotifications(ApiCase):

    def setUp(self):
        super().setUp()
        self.segment = self.a_segment()
        self.host = self.a_host(self.segment)

    def end(self, one, status=NotificationStatus.FINISHED):
        """Have it ended, as a leader does."""
        key = records.NOTIFICATION + one['notification_uuid']
        kept = records.View(self.behind.read(records.NOTIFICATION)).one(Notification, key)
        self.put(key, dataclasses.replace(kept, status=status))

    def test_one_that_is_kept_is_shown_with_all_its_fields_in_order(self):
        made = self.a_notification()
        self.assertEqual([
            ('id', 1), ('notification_uuid', made['notification_uuid']),
            ('generated_time', '2026-11-28T11:59:00.000000'),
            ('source_host_uuid', self.host['uuid']), ('type', 'COMPUTE_HOST'),
            ('payload', STOPPED), ('status', 'new'),
            ('failover_segment_uuid', self.segment['uuid']), ('message', None),
            ('created_at', '2026-11-28T12:00:00.000000'), ('updated_at', None),
            ('deleted_at', None), ('deleted', False)], list(made.items()))
        for ident in (made['notification_uuid'], '1'):
            self.assertEqual({'notification': made}, self.told(200, 'GET', f'{PATH}/{ident}'))
        self.assertEqual({'notifications': [made]}, self.told(200, 'GET', PATH))

    def test_who_sent_it_is_kept_for_who_leads_and_not_shown(self):
        made = self.a_notification()
        kept = records.View(self.behind.read(records.NOTIFICATION)).one(
            Notification, records.NOTIFICATION + made['notification_uuid'])
        self.assertEqual('user admin-token by the API', kept.who)
        self.assertNotIn('admin', str(made))

    def test_details_come_with_1_1_and_when_one_is_shown(self):
        self.a_notification()
        found = self.told(200, 'GET', f'{PATH}/1', version='1.1')['notification']
        names = list(found)
        self.assertEqual('recovery_workflow_details', names[names.index('status') + 1])
        self.assertEqual([], found['recovery_workflow_details'])
        for path in (PATH,):
            self.assertNotIn('recovery_workflow_details', self.told(
                200, 'GET', path, version='1.3')['notifications'][0])
        self.assertNotIn('recovery_workflow_details', self.told(
            202, 'POST', PATH, said(at='2026-11-28T10:00:00'), version='1.3')['notification'])

    def test_what_lacks_or_is_wrong_in_a_new_one(self):
        inner = 'Invalid input for field/attribute'
        for name, value, message in (
                ('type', 'FOO', f"{inner} type. Value: FOO. 'FOO' is not one of ('COMPUTE_HOST', "
                                "'VM', 'PROCESS')"),
                ('hostname', 'a b', f"{inner} hostname. Value: a b. 'a b' does not match "
                                    "'^[a-zA-Z0-9-._]*$'"),
                ('hostname', '', None), ('hostname', 'a' * 256, None),
                ('generated_time', 'now', f"{inner} generated_time. Value: now. 'now' is not a "
                                          "'date-time'"),
                ('generated_time', '0001-01-01T00:00:00+14:00', None),
                ('generated_time', 7, None), ('payload', [], None), ('payload', {'a': 1}, None),
                ('payload', {'a': 'b' * 256}, None), ('payload', {'a\xe4': 'b'}, None)):
            body = said()
            body['notification'][name] = value
            found = self.told(400, 'POST', PATH, body)['badRequest']['message']
            if message is not None:
                self.assertEqual(message, found)
            else:
                self.assertTrue(found.startswith(inner), found)
        for name in ('type', 'hostname', 'generated_time', 'payload'):
            body = said()
            del body['notification'][name]
            self.told(400, 'POST', PATH, body)
        body = said()
        body['notification']['status'] = 'finished'
        self.told(400, 'POST', PATH, body)
        self.assertEqual({'notifications': []}, self.told(200, 'GET', PATH))

    def test_payloads(self):
        for kind, good, bad in (
                ('COMPUTE_HOST', ({'event': 'STARTED'}, STOPPED), (
                    ({}, "'event' is a required property"), ({'event': 'STOPPED', 'x': ''},
                                                             UNEXPECTED),
                    ({'event': 'GONE'}, None), ({**STOPPED, 'host_status': 'BAD'}, None),
                    ({**STOPPED, 'cluster_status': 'BAD'}, None))),
                ('PROCESS', (PROCESS,), (
                    ({'event': 'STOPPED'}, "'process_name' is a required property"),
                    ({**PROCESS, 'process_name': ''}, None), ({**PROCESS, 'event': 'x'}, None),
                    ({**PROCESS, 'x': ''}, UNEXPECTED))),
                ('VM', (VM, {**VM, 'instance_uuid': UNKNOWN.replace('-', '')}), (
                    ({**VM, 'instance_uuid': 'x'}, None),
                    ({**VM, 'instance_uuid': f'urn:uuid:{UNKNOWN}'}, None),
                    ({'instance_uuid': UNKNOWN, 'event': 'a'},
                     "'vir_domain_event' is a required property"), ({**VM, 'x': ''}, UNEXPECTED)))):
            for payload in good:
                self.assertEqual(payload, self.a_notification(kind=kind, payload=payload)[
                    'payload'])
            for payload, message in bad:
                found = self.told(400, 'POST', PATH, said(kind=kind, payload=payload))
                if message is not None:
                    self.assertEqual(message, found['badRequest']['message'])

    def test_times(self):
        for number, (text, kept) in enumerate((
                ('2026-11-28T01:02:03', '2026-11-28T01:02:03'),
                ('2026-11-28 02:02:03.456789', '2026-11-28T02:02:03'),
                ('2026-11-28T05:02:03+02:00', '2026-11-28T03:02:03'),
                ('2026-11-28T04:02:03.9Z', '2026-11-28T04:02:03')), start=1):
            self.a_notification(at=text)
            self.assertEqual(f'{kept}.000000', self.told(200, 'GET', f'{PATH}/{number}')[
                'notification']['generated_time'])

    def test_of_a_host_that_is_in_no_segment(self):
        self.assert_fault(400, 'badRequest', 'Host with name c2 could not be found.', 'POST', PATH,
                          said('c2'))

    def test_of_a_host_on_maintenance(self):
        self.put(records.HOST + 'c1', records.HostSetting(True, 'joe', 'now', 'why'))
        for kind, payload in (('COMPUTE_HOST', STOPPED), ('VM', VM), ('PROCESS', PROCESS)):
            self.assert_fault(
                409, 'conflictingRequest', f"Notification received from host c1 of type '{kind}' "
                'is ignored as the host is already under maintenance.', 'POST', PATH,
                said(kind=kind, payload=payload))

    def test_a_repetition_within_the_time_before_and_after(self):
        self.a_notification(at='2026-11-28T11:00:00')
        for at, code in (('11:00:00', 409), ('11:03:00', 409), ('11:03:01', 202),
                         ('10:57:00', 409), ('10:56:59', 202)):
            found = self.told(code, 'POST', PATH, said(at=f'2026-11-28T{at}'))
        self.assert_fault(409, 'conflictingRequest', 'Notification received from host c1 of type '
                          'COMPUTE_HOST is duplicate.', 'POST', PATH,
                          said(at='2026-11-28T11:00:01'))
        self.assertEqual('new', found['notification']['status'])

    def test_what_is_no_repetition(self):
        self.a_host(self.segment, 'c2')
        self.a_notification()
        self.a_notification('c2')
        self.a_notification(payload={'event': 'STARTED'})
        self.a_notification(kind='PROCESS', payload=PROCESS)

    def test_what_failed_may_be_said_again_and_what_ended_well_not(self):
        one = self.a_notification()
        for status, code in ((NotificationStatus.FINISHED, 409),
                             (NotificationStatus.IGNORED, 409), (NotificationStatus.FAILED, 202)):
            self.end(one, status)
            self.told(code, 'POST', PATH, said())

    def test_filters(self):
        self.a_host(self.segment, 'c2')
        first = self.a_notification(at='2026-11-28T01:00:00')
        second = self.a_notification('c2', at='2026-11-28T02:00:00', kind='VM', payload=VM)
        self.end(first)
        for query, numbers in (
                ('status=new', [2]), ('status=finished', [1]), ('status=strange', []),
                ('type=VM', [2]), ('type=FOO', []),
                (f'source_host_uuid={second["source_host_uuid"]}', [2]),
                ('generated-since=2026-11-28T02:00:00', [2]),
                ('generated-since=2026-11-28T04:00:00%2B03:00', [2, 1]),
                ('generated-since=2026-11-28T02:00:01', []), ('strange=x', [2, 1])):
            found = self.told(200, 'GET', f'{PATH}?{query}')['notifications']
            self.assertEqual(numbers, [one['id'] for one in found], query)
        self.assert_fault(400, 'badRequest', 'Invalid generated-since value', 'GET',
                          f'{PATH}?generated-since=yesterday')

    def test_one_that_is_not_there(self):
        for ident in (UNKNOWN, 'x', '9'):
            self.assert_fault(404, 'itemNotFound', f'No notification with id {ident}.', 'GET',
                              f'{PATH}/{ident}')

    def test_a_marker_may_be_its_uuid(self):
        one = self.a_notification()
        self.assertEqual([], self.told(200, 'GET', f'{PATH}?marker={one["notification_uuid"]}')[
            'notifications'])

    def test_they_outlive_their_host(self):
        one = self.a_notification()
        self.end(one)
        self.told(204, 'DELETE', f'/v1/segments/{self.segment["uuid"]}')
        found = self.told(200, 'GET', f'{PATH}/1')['notification']
        self.assertEqual(self.segment['uuid'], found['failover_segment_uuid'])

    def test_the_oldest_that_has_ended_goes_where_there_are_too_many(self):
        self.limits = Limits(notifications_max=3)
        self.client = self.made(self.configured())
        made = [self.a_notification(at=f'2026-11-28T0{hour}:00:00') for hour in range(3)]
        found = self.told(429, 'POST', PATH, said())['overLimit']['message']
        self.assertIn('3 notifications are not finished', found)
        self.end(made[1])
        self.a_notification()
        self.assertEqual([4, 3, 1], [one['id'] for one in self.told(200, 'GET', PATH)[
            'notifications']])
