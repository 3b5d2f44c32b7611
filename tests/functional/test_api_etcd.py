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

"""The API on a real etcd, asked by many at one time, in two processes' worth of applications."""

import concurrent.futures
import json
import unittest

from kaopu_ha.api import books
from kaopu_ha.drivers.etcd.store import EtcdStore
from kaopu_ha.mirrored import Mirrored
from tests import etcd_single
from tests.unit.api.scene import ApiCase, said

SEGMENTS, NOTIFICATIONS = '/v1/segments', '/v1/notifications'


class TestManyAtOnce(ApiCase):

    def setUp(self):
        self.server = etcd_single.until(self.addCleanup)
        super().setUp()
        # Each has connections, a mirror and a lock of its own, as two processes have.
        self.clients = [self.on_etcd(), self.on_etcd()]
        self.client = self.clients[0]

    def on_etcd(self):
        """A client of an application on this etcd."""
        self.store = Mirrored(EtcdStore([self.server.endpoint], timeout=2.0), *books.FOLLOWED)
        self.addCleanup(self.store.close)
        return self.made(self.configured())

    def at_once(self, path, bodies):
        """The answers to all of these, asked at one time of both."""
        def ask(number):
            return self.clients[number % 2].post(
                path, data=json.dumps(bodies[number]), content_type='application/json',
                headers={'X-Auth-Token': 'admin-token'})
        with concurrent.futures.ThreadPoolExecutor(len(bodies)) as pool:
            return list(pool.map(ask, range(len(bodies))))

    def test_each_gets_a_number_of_its_own(self):
        found = self.at_once(SEGMENTS, [{'segment': {
            'name': f's{number}', 'recovery_method': 'auto', 'service_type': 'x'}}
            for number in range(24)])
        self.assertEqual({201}, {one.status_code for one in found})
        self.assertEqual(list(range(1, 25)), sorted(one.json['segment']['id'] for one in found))
        self.assertEqual(24, len(self.told(200, 'GET', SEGMENTS)['segments']))

    def test_one_gets_a_name_and_one_is_heard(self):
        found = self.at_once(SEGMENTS, 12 * [{'segment': {
            'name': 'rack', 'recovery_method': 'auto', 'service_type': 'x'}}])
        self.assertEqual([201] + 11 * [409], sorted(one.status_code for one in found))
        self.a_host(self.told(200, 'GET', SEGMENTS)['segments'][0])
        found = self.at_once(NOTIFICATIONS, 12 * [said()])
        self.assertEqual([202] + 11 * [409], sorted(one.status_code for one in found))

    def test_what_one_has_written_the_other_shows_at_once(self):
        for number in range(20):
            self.client = self.clients[number % 2]
            self.a_segment(f's{number}')
            self.client = self.clients[(number + 1) % 2]
            self.assertEqual(f's{number}', self.told(200, 'GET', f'{SEGMENTS}?limit=1')[
                'segments'][0]['name'])

    def test_while_etcd_hangs_it_says_so_and_then_goes_on(self):
        self.a_segment()
        self.server.freeze()
        for method, body in (('GET', None), ('POST', {'segment': {
                'name': 'row', 'recovery_method': 'auto', 'service_type': 'x'}})):
            found = self.told(503, method, SEGMENTS, body)['serviceUnavailable']['message']
            self.assertIn('Nothing was changed. Try again.', found)
        self.server.thaw()
        self.assertEqual(['rack'], [one['name'] for one in self.told(200, 'GET', SEGMENTS)[
            'segments']])


if __name__ == '__main__':
    unittest.main()
