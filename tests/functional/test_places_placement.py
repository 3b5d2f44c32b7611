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

"""Where a real Placement offers room, asked as the drivers ask, with the role's own rights."""

import unittest
import uuid

from kaopu_ha.core.demands import Amount, Demand, Offer, Part
from kaopu_ha.drivers.openstack import cloud as nova
from kaopu_ha.drivers.openstack import usage as placement
from tests import placement_single
from tests.unit.drivers import scripted_openstack


def a_kind(*amounts, required=(), forbidden=(), more=(), **changes):
    return Demand((Part('', tuple(Amount(*one) for one in amounts), required, forbidden), *more),
                  **changes)


def a_device(suffix, name='VGPU', number=1, required=()):
    return Part(suffix, (Amount(name, number),), required)


@unittest.skipUnless(placement_single.is_possible(), 'there is no Placement here')
class PlacesTest(unittest.TestCase):
    """h1 has shared cores, h2 dedicated ones alone, h3 both and two cards; h4 is full."""

    maxDiff = None

    @classmethod
    def setUpClass(cls):
        cls.placement = placement_single.Placement(cls.addClassCleanup)
        cls.placement.call('PUT', '/traits/CUSTOM_FAST')
        memory = {'MEMORY_MB': 8192, 'DISK_GB': 100}
        cls.hosts = {
            'h1': cls.a_provider('h1', VCPU=16, **memory),
            'h2': cls.a_provider('h2', PCPU=64, **memory),
            'h3': cls.a_provider('h3', VCPU=4, PCPU=8, **memory, trait='CUSTOM_FAST'),
            'h4': cls.a_provider('h4', VCPU=2, **memory)}
        cls.cards = [cls.a_provider(f'h3-card-{number}', parent=cls.hosts['h3'], VGPU=1)
                     for number in range(2)]
        cls.claim(cls.hosts['h4'], VCPU=2, MEMORY_MB=512)
        cls.claim(cls.hosts['h2'], PCPU=4, MEMORY_MB=512)

    @classmethod
    def a_provider(cls, name, parent=None, trait='', **has):
        found = str(uuid.uuid4())
        cls.placement.call('POST', '/resource_providers', {
            'name': name, 'uuid': found, 'parent_provider_uuid': parent})
        cls.placement.call('PUT', f'/resource_providers/{found}/inventories', {
            'resource_provider_generation': 0, 'inventories': {
                what: {'total': number, 'max_unit': number} for what, number in has.items()}})
        if trait:
            cls.placement.call('PUT', f'/resource_providers/{found}/traits', {
                'resource_provider_generation': 1, 'traits': [trait]})
        return found

    @classmethod
    def claim(cls, provider, **resources):
        cls.placement.call('PUT', f'/allocations/{uuid.uuid4()}', {
            'allocations': {provider: {'resources': resources}}, 'consumer_generation': None,
            'project_id': 'p', 'user_id': 'u', 'consumer_type': 'INSTANCE'})

    def setUp(self):
        self.keystone = scripted_openstack.Cloud()
        self.addCleanup(self.keystone.stop)
        self.keystone.placement, self.keystone.subject = self.placement.url, 'kaopu_ha'
        self.keystone.answers('GET', '/os-hypervisors/detail', (200, {'hypervisors': [
            {'id': provider, 'service': {'host': name}} for name, provider in self.hosts.items()]}))
        self.keystone.answers('GET', '/os-aggregates', (200, {'aggregates': []}))
        self.keystone.answers('GET', '/os-server-groups', (200, {'server_groups': []}))
        self.cloud = nova.NovaCloud(self.keystone.auth, limit=20.0, children=1)
        self.addCleanup(self.cloud.close)

    def offered(self, kind):
        places = self.cloud.places([kind])
        self.assertEqual((), places.untold)
        self.assertIsInstance(places.offers[kind], Offer)
        return ' '.join(sorted(places.offers[kind].hosts))

    def test_each_kind_is_offered_the_hosts_that_have_what_it_asks_for(self):
        small = ('MEMORY_MB', 512)
        # the kind -> the hosts
        table = [
            (a_kind(('VCPU', 1), small), 'h1 h3'),
            (a_kind(('VCPU', 8), small), 'h1'),
            (a_kind(('PCPU', 4), small), 'h2 h3'),
            (a_kind(('PCPU', 4), ('VCPU', 1), small), 'h3'),
            (a_kind(('VCPU', 1), ('DISK_GB', 101)), ''),
            (a_kind(('VCPU', 1), required=('CUSTOM_FAST',)), 'h3'),
            (a_kind(('VCPU', 1), forbidden=('CUSTOM_FAST',)), 'h1'),
            (a_kind(('VCPU', 1), more=(a_device('1'),)), 'h3'),
            (a_kind(('VCPU', 1), more=(a_device('1'), a_device('2'))), 'h3'),
            (a_kind(('VCPU', 1), more=(a_device('_A'), a_device('_B')), isolated=True), 'h3'),
            (a_kind(('VCPU', 1), more=(a_device('1', number=2),)), '')]
        for kind, hosts in table:
            with self.subTest(kind=kind):
                self.assertEqual(hosts, self.offered(kind))

    def test_what_placement_does_not_know_is_told_and_the_rest_is_offered(self):
        known, odd = a_kind(('VCPU', 1)), a_kind(('CUSTOM_NOBODY', 1))
        places = self.cloud.places([odd, known])
        self.assertEqual([known], list(places.offers))
        self.assertIn('CUSTOM_NOBODY', places.untold[0])

    def test_dedicated_cores_and_cards_are_counted_beside_shared_cores(self):
        usage = placement.PlacementUsage(self.keystone.auth, limit=20.0).usage()
        self.assertEqual((16, 0, False), (
            usage['h1'].cores, usage['h1'].cores_used, usage['h1'].dedicated))
        self.assertEqual((64, 4, True), (
            usage['h2'].cores, usage['h2'].cores_used, usage['h2'].dedicated))
        self.assertEqual((8, 0), (usage['h3'].of('PCPU').total, usage['h3'].of('PCPU').used))
        self.assertEqual((2, 2), (usage['h4'].cores, usage['h4'].cores_used))


if __name__ == '__main__':
    unittest.main()
