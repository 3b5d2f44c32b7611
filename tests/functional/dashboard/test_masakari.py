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

"""Masakari's own panels, as they come from PyPI, beside ours and before our API."""

import dataclasses
import json
import re

from kaopu_ha import ports, records
from kaopu_ha.core.segments import Notification, NotificationStatus
from tests.functional.dashboard.scene import DashboardCase, words
from tests.unit.api.own import DB, WEB

SEGMENTS, HOSTS = 'masakaridashboard/segments/', 'masakaridashboard/hosts/'
NOTIFICATIONS, MOVES = 'masakaridashboard/notifications/', 'masakaridashboard/vmoves/'
_ROW = re.compile(r'<tr[^>]*data-object-id="([^"]*)"[^>]*>(.*?)</tr>', re.DOTALL)


def rows(page):
    """The words of each row of the tables of a page, by what it is about."""
    return {ident: words(row) for ident, row in _ROW.findall(page)}


class MasakariCase(DashboardCase):

    def setUp(self):
        super().setUp()
        self.runtime.nova.application = self.nova
        self.addCleanup(setattr, self.runtime.nova, 'application', None)

    def nova(self, environ, start):
        """Nova's answer to who asks which compute services there are."""
        found = [{'id': number, 'binary': 'nova-compute', 'host': host, 'zone': 'nova',
                  'status': 'enabled', 'state': 'up', 'updated_at': None}
                 for number, host in enumerate(sorted(self.cloud.hosts), 1)]
        start('200 OK', [('Content-Type', 'application/json')])
        return [json.dumps({'services': found}).encode()]

    def do(self, path, **fields):
        """Send a form that is taken."""
        code, said = self.send(path, **fields)
        self.assertEqual(302, code, said[-800:])

    def named(self, path, name):
        """What the only row is about that has this word."""
        (ident,) = [ident for ident, row in rows(self.page(path)).items() if name in row.split()]
        return ident

    def filtered(self, path, table, field, value):
        """The rows that are left of a table's by this filter."""
        url, name = f'{self.runtime.url}/{path}', f'{table}__filter__q'
        found = self.ada.post(url, timeout=60, headers={'Referer': url}, data={
            'csrfmiddlewaretoken': self.ada.cookies['csrftoken'], name: value,
            f'{name}_field': field})
        self.assertEqual(200, found.status_code, words(found.text)[-800:])
        return rows(found.text)


class TestSegments(MasakariCase):
    """What an operator of Masakari does first."""

    def make_segment(self, name='rack-1'):
        self.do(f'{SEGMENTS}create_segment', name=name, recovery_method='auto',
                service_type='compute', description='left', is_enabled='on')
        return self.named(SEGMENTS, name)

    def add_host(self, segment, name='c2', reserved='False'):
        self.do(f'{SEGMENTS}{segment}/addhost', segment_id=segment, name=name, reserved=reserved,
                type='COMPUTE', control_attributes='SSH', on_maintenance='False')
        return self.named(HOSTS, name)

    def offered(self, segment):
        """The hosts that may be added, in the dialog: as a page of its own it is not to be had."""
        found = self.ada.get(f'{self.runtime.url}/{SEGMENTS}{segment}/addhost', timeout=60,
                             headers={'X-Requested-With': 'XMLHttpRequest'})
        self.assertEqual(200, found.status_code, words(found.text)[-800:])
        return set(re.findall(r'<option value="(c\d)"', found.text))

    def test_its_dashboard_is_shown_to_administrators_only(self):
        self.assertIn('Instance-ha', self.page(SEGMENTS))
        self.page(SEGMENTS, self.tom, code=403)

    def test_a_segment_is_made_shown_changed_and_deleted(self):
        ident = self.make_segment()
        self.assertIn('auto compute left Yes', rows(self.page(SEGMENTS))[ident])
        self.assertIn('rack-1', self.page(f'{SEGMENTS}{ident}/detail'))
        self.do(f'{SEGMENTS}{ident}/update', uuid=ident, name='rack-2',
                recovery_method='reserved_host', description='right')
        self.assertIn('rack-2', found := rows(self.page(SEGMENTS))[ident])
        self.assertIn('reserved_host compute right No', found)
        self.do(SEGMENTS, action=f'failover_segment__delete__{ident}')
        self.assertEqual({}, rows(self.page(SEGMENTS)))

    def test_a_second_segment_of_a_name_is_refused(self):
        self.make_segment()
        # Horizon takes whatever the SDK is refused for a lack of rights: its words are others.
        self.send(f'{SEGMENTS}create_segment', name='rack-1', recovery_method='auto',
                  service_type='compute', description='', is_enabled='on')
        found = self.told(200, 'GET', '/v1/segments')['segments']
        self.assertEqual([('rack-1', 'left')], [
            (one['name'], one['description']) for one in found])

    def test_segments_are_found_by_what_they_have(self):
        self.make_segment()
        for field, value, count in (('recovery_method', 'auto', 1),
                                    ('recovery_method', 'rh_priority', 0),
                                    ('service_type', 'compute', 1), ('is_enabled', 'True', 1),
                                    ('is_enabled', 'No', 0)):
            found = self.filtered(SEGMENTS, 'failover_segment', field, value)
            self.assertEqual(count, len(found), (field, value))

    def test_segments_come_in_pages(self):
        for number in range(23):
            self.a_segment(f'rack-{number:02}')
        first = self.page(SEGMENTS)
        self.assertEqual(20, len(rows(first)))
        (more,) = set(re.findall(r'\?marker=([0-9a-f-]*)', first))
        second = self.page(f'{SEGMENTS}?marker={more}')
        self.assertEqual(3, len(rows(second)))
        self.assertFalse(rows(first).keys() & rows(second).keys())

    def test_a_host_is_added_shown_changed_and_deleted(self):
        segment = self.make_segment()
        self.assertEqual({'c1', 'c2', 'c3'}, self.offered(segment))
        ident = self.add_host(segment)
        self.assertIn('False COMPUTE SSH False', rows(self.page(HOSTS))[ident])
        self.assertEqual({'c1', 'c3'}, self.offered(segment))
        self.assertIn('c2', self.page(f'{HOSTS}{ident}/detail'))
        uuid = ident.partition(',')[0]
        self.do(f'{HOSTS}{ident}/update', uuid=uuid, failover_segment_id=segment, name='c2',
                reserved='True', type='COMPUTE', control_attributes='IPMI', on_maintenance='True')
        self.assertIn('True COMPUTE IPMI True', rows(self.page(HOSTS))[ident])
        self.do(HOSTS, action=f'host__delete__{ident}')
        self.assertEqual({}, rows(self.page(HOSTS)))

    def test_the_hosts_of_a_segment_are_in_its_detail(self):
        segment = self.make_segment()
        self.add_host(segment)
        self.assertIn('c2', rows(self.page(
            f'{SEGMENTS}{segment}/detail?tab=segment_details__host_tab')).popitem()[1])

    def test_hosts_are_found_by_what_they_are(self):
        segment = self.make_segment()
        self.add_host(segment)
        self.add_host(segment, 'c3', 'True')
        for field, value, names in (('reserved', 'True', 'c3'), ('on_maintenance', 'True', ''),
                                    ('type', 'COMPUTE', 'c2 c3')):
            found = self.filtered(HOSTS, 'host', field, value)
            self.assertEqual(names.split(), sorted(row.split()[0] for row in found.values()),
                             (field, value))


class TestIncident(MasakariCase):
    """What an operator of Masakari sees when a host died."""

    def setUp(self):
        super().setUp()
        self.a_host(self.a_segment())
        # It came before anybody had looked.
        after = [ports.Put(records.LOCK + 'c1', self.kept()[records.LOCK + 'c1'])]
        self.behind.commit([], [ports.Delete(one.key) for one in after])
        self.ident = self.a_notification()['notification_uuid']
        self.behind.commit([], after)
        kept = records.View(self.behind.read(records.NOTIFICATION)).one(
            Notification, records.NOTIFICATION + self.ident)
        self.put(records.NOTIFICATION + self.ident, dataclasses.replace(
            kept, status=NotificationStatus.RUNNING, recovery='c1-1234'))

    def test_notifications_are_listed_and_found_by_what_they_are(self):
        self.assertIn('COMPUTE_HOST running', rows(self.page(NOTIFICATIONS))[self.ident])
        for field, value, count in (
                ('status', 'running', 1), ('status', 'new', 0), ('type', 'COMPUTE_HOST', 1),
                ('type', 'VM', 0), ('generated_since', '2026-11-28T11:00:00', 1),
                ('generated_since', '2026-11-28T12:00:00', 0)):
            found = self.filtered(NOTIFICATIONS, 'notifications', field, value)
            self.assertEqual(count, len(found), (field, value))

    def test_one_is_shown_with_its_progress_and_its_moves(self):
        place = f'{NOTIFICATIONS}{self.ident}/detail'
        self.assertIn(self.ident, self.page(place))
        tab = 'tab=notification_details__'
        progress = words(self.page(f'{place}?{tab}notification_progress_details'))
        self.assertIn('EvacuateInstancesTask', progress)
        moves = rows(self.page(f'{place}?{tab}vmove_tab'))
        self.assertEqual({WEB, DB}, {uuid for uuid in (WEB, DB)
                                     if any(uuid in row for row in moves.values())})

    def test_moves_are_listed_found_and_shown(self):
        found = {row.split()[2]: (ident, row) for ident, row in rows(self.page(MOVES)).items()}
        self.assertEqual({WEB, DB}, set(found))
        self.assertIn('web-1 evacuation c1 c2', found[WEB][1])
        self.assertTrue(found[WEB][1].endswith('succeeded'), found[WEB][1])
        self.assertTrue(found[DB][1].endswith('failed'), found[DB][1])
        self.assertIn(WEB, self.page(f'{MOVES}{found[WEB][0]}/detail'))
        for status, names in (('succeeded', 'web-1'), ('failed', 'db-1'), ('ongoing', '')):
            left = self.filtered(MOVES, 'vmove', 'status', status)
            self.assertEqual(names.split(), [row.split()[3] for row in left.values()], status)
