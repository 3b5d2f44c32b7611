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

"""The store is away, or others write at the same time: nothing is lost, nothing is half done."""

from unittest import mock

from kaopu_ha import ports, records
from kaopu_ha.api.routes import ROUTES
from tests.unit.api.scene import ApiCase, said
from tests.unit.api.test_policies import BODIES, IDS, path_of


class TestStoreAway(ApiCase):

    def test_every_route_says_so_and_changes_nothing(self):
        self.a_host(self.a_segment())
        self.a_notification()
        before = self.kept()
        self.etcd.away = True
        for path, methods in ROUTES.items():
            for method, action in methods.items():
                if action is None or path.startswith('/extensions'):
                    continue
                for part, ident in IDS.items():
                    path = path.replace(part, ident)
                body = BODIES.get(path_of(path)) if method in ('POST', 'PUT') else None
                found = self.told(503, method, f'/v1{path}', body)['serviceUnavailable']
                self.assertEqual('etcd does not answer. Nothing was changed. Try again.',
                                 found['message'])
        self.etcd.away = False
        self.assertEqual(before, self.kept())
        self.told(200, 'GET', '/v1/segments')

    def test_a_write_whose_answer_was_lost_is_there_or_not_and_never_by_half(self):
        segment = self.a_segment()
        self.a_host(segment)
        path = f'/v1/segments/{segment["uuid"]}/hosts'
        commit = self.behind.commit

        def lost(compares, writes):
            commit(compares, writes)
            raise ports.OutcomeUnknown('etcd did not answer')
        self.behind.commit = lost
        found = self.told(503, 'POST', path, {'host': {
            'name': 'c2', 'type': '', 'control_attributes': ''}})['serviceUnavailable']
        self.assertIn('look before you ask again', found['message'])
        self.told(503, 'POST', '/v1/notifications', said())
        self.behind.commit = commit
        self.assertEqual(2, len(self.told(200, 'GET', path)['hosts']))
        self.told(409, 'POST', '/v1/notifications', said())

    def test_each_request_is_one_transaction_at_most(self):
        commits = []
        commit = self.behind.commit
        self.behind.commit = lambda *words: commits.append(words) or commit(*words)
        segment = self.a_segment()
        host = self.a_host(segment, on_maintenance=True)
        path = f'/v1/segments/{segment["uuid"]}'
        self.told(200, 'PUT', f'{path}/hosts/{host["uuid"]}', {'host': {
            'name': 'c2', 'on_maintenance': True, 'reserved': True}})
        self.told(200, 'PUT', path, {'segment': {'name': 'row'}})
        self.told(204, 'DELETE', f'{path}/hosts/{host["uuid"]}')
        self.assertEqual(5, len(commits))
        self.told(200, 'GET', '/v1/segments')
        self.assertEqual(5, len(commits))


    def test_nobody_waits_for_ever_behind_who_waits_for_the_store(self):
        self.enterContext(mock.patch('kaopu_ha.api.books._TURN_SECONDS', 0.01))
        commit = self.behind.commit

        def slow(compares, writes):
            self.behind.commit = commit
            found = self.told(503, 'POST', '/v1/segments', BODIES['/segments'])
            self.assertIn('the store is slow', found['serviceUnavailable']['message'])
            return commit(compares, writes)
        self.behind.commit = slow
        self.told(201, 'POST', '/v1/segments', BODIES['/segments'])
        self.a_segment('another')


class TestOthersWrite(ApiCase):
    """Between the look of a request and its commit somebody else was quicker."""

    def between(self, act, times=1):
        """Have this done before the commit of the next request."""
        commit, left = self.behind.commit, [times]

        def first(compares, writes):
            if left[0]:
                left[0] -= 1
                self.behind.commit = commit
                act()
                self.behind.commit = first if left[0] else commit
            return commit(compares, writes)
        self.behind.commit = first

    def test_a_name_and_a_number_are_given_once(self):
        other = self.made(self.configured())
        mine = self.client

        def quicker():
            self.client = other
            self.told(201, 'POST', '/v1/segments', BODIES['/segments'])
            self.client = mine
        self.between(quicker)
        self.told(409, 'POST', '/v1/segments', BODIES['/segments'])
        self.between(quicker_with(self, other, 'b'))
        self.assertEqual(3, self.a_segment('c')['id'])

    def test_a_host_comes_into_no_segment_that_was_deleted(self):
        segment = self.a_segment()
        other = self.made(self.configured())
        self.between(lambda: other.delete(f'/v1/segments/{segment["uuid"]}',
                                          headers={'X-Auth-Token': 'admin-token'}))
        self.told(404, 'POST', f'/v1/segments/{segment["uuid"]}/hosts', {'host': {
            'name': 'c1', 'type': '', 'control_attributes': ''}})
        self.assertEqual([], [key for key in self.kept() if 'segment-host/' in key])

    def test_a_segment_that_got_a_host_meanwhile_goes_with_it(self):
        segment = self.a_segment()
        other = self.made(self.configured())
        self.between(lambda: other.post(
            f'/v1/segments/{segment["uuid"]}/hosts', headers={'X-Auth-Token': 'admin-token'},
            json={'host': {'name': 'c1', 'type': '', 'control_attributes': ''}}))
        self.told(204, 'DELETE', f'/v1/segments/{segment["uuid"]}')
        self.assertEqual([], [key for key in self.kept() if 'segment-host/' in key])

    def test_no_host_is_deleted_of_which_something_was_said_meanwhile(self):
        segment = self.a_segment()
        host = self.a_host(segment)
        other = self.made(self.configured())
        for method, path, body in (
                ('DELETE', f'/v1/segments/{segment["uuid"]}/hosts/{host["uuid"]}', None),
                ('DELETE', f'/v1/segments/{segment["uuid"]}', None)):
            self.between(lambda: other.post('/v1/notifications', json=said(),
                                            headers={'X-Auth-Token': 'admin-token'}))
            self.told(409, method, path, body)
            for key in [key for key in self.kept() if key.startswith(records.NOTIFICATION)]:
                self.behind.commit([], [ports.Delete(key)])

    def test_the_same_is_kept_once_though_several_say_it_at_one_time(self):
        self.a_host(self.a_segment())
        other = self.made(self.configured())
        self.between(lambda: other.post('/v1/notifications', json=said(),
                                        headers={'X-Auth-Token': 'admin-token'}))
        self.told(409, 'POST', '/v1/notifications', said())
        self.assertEqual(1, len(self.told(200, 'GET', '/v1/notifications')['notifications']))

    def test_who_is_held_meanwhile_gets_no_notification(self):
        self.a_host(self.a_segment())
        self.between(lambda: self.put(records.HOST + 'c1', records.HostSetting(
            True, 'joe', 'now', 'why')))
        self.told(409, 'POST', '/v1/notifications', said())

    def test_who_is_always_late_is_told(self):
        count = iter(range(100))
        self.between(lambda: self.put(records.COUNTER + 'segment', records.Counter(next(count))),
                     times=50)
        found = self.told(503, 'POST', '/v1/segments', BODIES['/segments'])['serviceUnavailable']
        self.assertIn('Others wrote at the same time', found['message'])
        self.assertEqual([], [key for key in self.kept() if key.startswith(records.SEGMENT)])


class TestRecordsThatNobodyReads(ApiCase):

    def test_one_that_cannot_be_read_is_left_out_and_left_alone(self):
        made = self.a_segment()
        self.a_host(made)
        self.behind.commit([], [ports.Put(records.SEGMENT + made['uuid'], 'nonsense')])
        self.assertEqual({'segments': []}, self.told(200, 'GET', '/v1/segments'))
        self.told(409, 'POST', '/v1/segments', {'segment': {
            'name': 'rack', 'recovery_method': 'auto', 'service_type': 'x'}})
        other = self.a_segment('row')
        self.told(204, 'DELETE', f'/v1/segments/{other["uuid"]}')
        self.assertEqual(1, sum(key.startswith(records.SEGMENT_HOST) for key in self.kept()))

    def test_a_counter_that_cannot_be_read_gives_no_number_twice(self):
        self.a_segment()
        self.behind.commit([], [ports.Put(records.COUNTER + 'segment', 'nonsense')])
        found = self.told(503, 'POST', '/v1/segments', BODIES['/segments'])['serviceUnavailable']
        self.assertIn(f'{records.COUNTER}segment can\'t be read', found['message'])


def quicker_with(case, client, name):
    """What makes a segment by another client."""
    body = {'segment': {'name': name, 'recovery_method': 'auto', 'service_type': 'x'}}

    def act():
        found = client.post('/v1/segments', json=body, headers={'X-Auth-Token': 'admin-token'})
        case.assertEqual(201, found.status_code)
    return act
