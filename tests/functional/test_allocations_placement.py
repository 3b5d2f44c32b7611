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


"""What the driver ``nova`` reads and releases, on a real Placement, with the role's own rights."""

import unittest
import uuid

from kaopu_ha import ports
from kaopu_ha.drivers.openstack import cloud as nova
from kaopu_ha.testing.fence import GivenPermit
from tests import placement_single
from tests.unit.drivers import scripted_openstack

HAS = {'VCPU': 2, 'MEMORY_MB': 512}


@unittest.skipUnless(placement_single.is_possible(), 'there is no Placement here')
class AllocationsTest(unittest.TestCase):

    maxDiff = None

    @classmethod
    def setUpClass(cls):
        cls.placement = placement_single.Placement(cls.addClassCleanup)
        cls.hosts = {name: cls.a_provider(name) for name in ('h1', 'h2')}
        cls.device = cls.a_provider('h1-device', cls.hosts['h1'])
        cls.shared = cls.a_provider('shared-storage')

    @classmethod
    def a_provider(cls, name, parent=None):
        found = str(uuid.uuid4())
        cls.placement.call('POST', '/resource_providers', {
            'name': name, 'uuid': found, 'parent_provider_uuid': parent})
        cls.placement.call('PUT', f'/resource_providers/{found}/inventories', {
            'resource_provider_generation': 0, 'inventories': {
                name: {'total': 64, 'max_unit': 64} if name == 'VCPU' else {
                    'total': 65536, 'max_unit': 65536} for name in HAS}})
        return found

    def setUp(self):
        self.keystone = scripted_openstack.Cloud()
        self.addCleanup(self.keystone.stop)
        self.keystone.placement, self.keystone.subject = self.placement.url, 'kaopu_ha'
        self.keystone.answers('GET', '/os-hypervisors/detail', (200, {'hypervisors': [
            {'id': provider, 'service': {'host': name}} for name, provider in self.hosts.items()]}))
        self.cloud = self.a_cloud()
        self.server = str(uuid.uuid4())

    def a_cloud(self):
        cloud = nova.NovaCloud(self.keystone.auth, limit=20.0, children=1)
        self.addCleanup(cloud.close)
        cloud.warm()
        return cloud

    def claim(self, *providers, generation=None):
        self.placement.call('PUT', f'/allocations/{self.server}', {
            'allocations': {provider: {'resources': HAS} for provider in providers},
            'consumer_generation': generation, 'project_id': 'p', 'user_id': 'u',
            'consumer_type': 'INSTANCE'})

    def read(self):
        return self.cloud.allocations([self.server])[self.server]

    def shown(self):
        return self.placement.call('GET', f'/allocations/{self.server}')

    def test_who_has_nothing_is_told_so(self):
        self.assertEqual((), self.read().shares)

    def test_what_is_on_one_host_is_taken_back_and_the_rest_is_as_it_was(self):
        h1, h2 = self.hosts.values()
        self.claim(h1, h2, self.device, self.shared)
        read = self.read()
        self.assertEqual({h1: 'h1', h2: 'h2', self.device: 'h1', self.shared: ''},
                         {share.provider: share.host for share in read.shares})
        self.cloud.release(read, 'h1', GivenPermit())
        shown = self.shown()
        self.assertEqual({h2: HAS, self.shared: HAS}, {
            provider: has['resources'] for provider, has in shown['allocations'].items()})
        self.assertEqual(('p', 'u', 'INSTANCE'), (
            shown['project_id'], shown['user_id'], shown['consumer_type']))

    def test_what_was_changed_since_it_was_read_is_refused_and_nothing_is_lost(self):
        h1, h2 = self.hosts.values()
        self.claim(h1, h2)
        read = self.read()
        self.claim(h1, h2, self.device, generation=read.generation)
        with self.assertRaisesRegex(ports.Refused, 'generation.*409'):
            self.cloud.release(read, 'h1', GivenPermit())
        self.assertEqual({h1, h2, self.device}, set(self.shown()['allocations']))

    def test_a_migration_that_has_nothing_but_that_has_nothing_then(self):
        self.claim(self.hosts['h1'])
        self.cloud.release(self.read(), 'h1', GivenPermit())
        self.assertEqual({}, self.shown()['allocations'])
        self.assertEqual((), self.read().shares)

    def test_without_a_permit_nothing_is_done(self):
        self.claim(*self.hosts.values())
        with self.assertRaises(ports.PortError):
            self.cloud.release(self.read(), 'h1', GivenPermit(holds=False))
        self.assertEqual(2, len(self.shown()['allocations']))

    def test_an_account_without_the_right_is_told_so(self):
        self.claim(*self.hosts.values())
        read = self.read()
        self.keystone.subject = 'nobody'
        cloud = self.a_cloud()
        cloud._placement.access(renewed=True)
        with self.assertRaisesRegex(ports.PortError, '403'):
            cloud.allocations([self.server])
        with self.assertRaisesRegex(ports.Refused, '403'):
            cloud.release(read, 'h1', GivenPermit())


if __name__ == '__main__':
    unittest.main()
