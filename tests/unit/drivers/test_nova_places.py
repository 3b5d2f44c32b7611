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

"""What a server asks of its host, and where the cloud says that it may be."""

import unittest
from unittest import mock

from kaopu_ha import records
from kaopu_ha.core import demands
from kaopu_ha.core.demands import Amount, Demand, Part
from kaopu_ha.drivers.openstack import cloud as nova
from kaopu_ha.drivers.openstack import demand as nova_demand
from kaopu_ha.drivers.openstack import places as nova_places
from tests.unit.drivers import scripted_openstack as scripted
from tests.unit.drivers.test_nova import a_server

SMALL = Demand((Part('', (Amount('MEMORY_MB', 512), Amount('VCPU', 2))),))


def a_record(specs=None, image='cirros', properties=None, **changes):
    flavor = {'vcpus': 4, 'ram': 2048, 'disk': 20, 'ephemeral': 1, 'swap': 1500,
              'extra_specs': specs or {}}
    picture = {'id': image, 'properties': properties or {}} if image else ''
    return {'id': 'i1', 'flavor': flavor, 'image': picture, 'tenant_id': 'p',
            'pinned_availability_zone': None, **changes}


def asked(part):
    return {amount.name: amount.number for amount in part.amounts}


class WhatAServerAsksFor(unittest.TestCase):

    def test_cores_memory_and_disk_as_nova_counts_them(self):
        part, = nova_demand.demand(a_record()).parts
        self.assertEqual({'VCPU': 4, 'MEMORY_MB': 2048, 'DISK_GB': 23}, asked(part))

    def test_one_that_runs_from_a_volume_has_no_root_disk(self):
        part, = nova_demand.demand(a_record(image='')).parts
        self.assertEqual(3, asked(part)['DISK_GB'])

    def test_cores_are_shared_or_dedicated_as_flavor_and_image_say(self):
        # extra specs, properties of the image -> shared, dedicated
        table = [
            ({}, {}, (4, None)),
            ({'hw:cpu_policy': 'shared'}, {'hw_cpu_policy': 'dedicated'}, (4, None)),
            ({'hw:cpu_policy': 'dedicated'}, {}, (None, 4)),
            ({}, {'hw_cpu_policy': 'dedicated'}, (None, 4)),
            ({'hw:cpu_policy': 'dedicated', 'hw:emulator_threads_policy': 'isolate'}, {},
             (None, 5)),
            ({'hw:emulator_threads_policy': 'isolate'}, {}, (4, None)),
            ({'hw:cpu_policy': 'mixed', 'hw:cpu_dedicated_mask': '0-1'}, {}, (2, 2)),
            ({'hw:cpu_policy': 'mixed', 'hw:cpu_dedicated_mask': '^0'}, {}, (1, 3)),
            ({'hw:cpu_policy': 'mixed', 'hw:cpu_dedicated_mask': '0-2,^1'}, {}, (2, 2)),
            ({'resources:VCPU': '0', 'resources:PCPU': '4'}, {}, (None, 4)),
        ]
        for specs, properties, counts in table:
            with self.subTest(specs=specs, properties=properties):
                part, = nova_demand.demand(a_record(specs, properties=properties)).parts
                found = asked(part)
                self.assertEqual(counts, (found.get('VCPU'), found.get('PCPU')))

    def test_devices_traits_and_aggregates(self):
        found = nova_demand.demand(a_record({
            'resources1:VGPU': '1', 'trait1:CUSTOM_FAST': 'required', 'resources:DISK_GB': '0',
            'trait:HW_CPU_X86_AVX2': 'required', 'trait:CUSTOM_OLD': 'forbidden',
            'group_policy': 'isolate', 'hw:cpu_thread_policy': 'isolate', 'hw:numa_nodes': '2',
            'aggregate_instance_extra_specs:ssd': 'true'}, properties={'trait:CUSTOM_UEFI':
                                                                     'required'}))
        self.assertEqual((
            Part('', (Amount('MEMORY_MB', 2048), Amount('VCPU', 4)),
                 ('CUSTOM_UEFI', 'HW_CPU_X86_AVX2'), ('CUSTOM_OLD', 'HW_CPU_HYPERTHREADING')),
            Part('1', (Amount('VGPU', 1),), ('CUSTOM_FAST',))), found.parts)
        self.assertEqual((True, ('ssd=true',), 'p'), (found.isolated, found.specs, found.project))

    def test_the_zone_is_one_that_its_user_named_where_nova_tells(self):
        there = {'OS-EXT-AZ:availability_zone': 'az1'}
        # the record -> pinned to, near
        table = [(a_record(pinned_availability_zone='az1', **there), ('az1', '')),
                 (a_record(**there), ('', '')),
                 ({key: value for key, value in a_record(**there).items()
                   if key != 'pinned_availability_zone'}, ('', 'az1'))]
        for record, zones in table:
            found = nova_demand.demand(record)
            self.assertEqual(zones, (found.zone, found.near))

    def test_a_record_of_another_shape_asks_for_nothing_that_is_known(self):
        for odd in ({'flavor': None}, {'flavor': {}}, {'flavor': {'vcpus': 'x', 'ram': 1}},
                    {'flavor': {'vcpus': 1, 'ram': 1, 'extra_specs': 3}},
                    {'flavor': {'vcpus': 1, 'ram': 1, 'extra_specs': {'resources:VCPU': 'many'}}}):
            self.assertIsNone(nova_demand.demand(a_record(**odd)), odd)

    def test_however_much_a_flavor_names_a_record_can_bear_it(self):
        found = nova_demand.demand(a_record({
            **{f'resources{number}:CUSTOM_{number}': '1' for number in range(100)},
            **{f'trait:CUSTOM_{number}': 'required' for number in range(100)},
            **{f'aggregate_instance_extra_specs:{number}': 'x' * 300 for number in range(100)}}))
        self.assertEqual(demands.PARTS_MAX, len(found.parts))
        self.assertEqual(demands.NAMES_MAX, len(found.parts[0].required))
        self.assertLess(max(map(len, found.specs)), 200)
        self.assertLess(len(records.encode(found)), 10_000)

    def test_of_one_that_names_too_much_the_plain_part_is_kept(self):
        found = nova_demand.demand(a_record(properties={
            f'trait:CUSTOM_{number}_{"X" * 240}': 'required' for number in range(100)},
            pinned_availability_zone='az1'))
        self.assertEqual(('az1', 1, ()), (
            found.zone, len(found.parts), found.parts[0].required))
        self.assertEqual({'VCPU': 4, 'MEMORY_MB': 2048, 'DISK_GB': 23}, asked(found.parts[0]))


class WhatPlacementIsAsked(unittest.TestCase):

    def test_the_parts_become_groups_and_their_traits(self):
        kind = Demand((Part('', (Amount('VCPU', 1),), ('A',), ('B',)),
                       Part('_GPU', (Amount('VGPU', 1),)), Part('2', (Amount('CUSTOM_X', 3),)),
                       Part('9', (), ('LOST',))), isolated=True)
        self.assertEqual((
            ('resources', 'VCPU:1'), ('required', 'A,!B'), ('resources_GPU', 'VGPU:1'),
            ('resources2', 'CUSTOM_X:3'), ('group_policy', 'isolate')), nova_places.query(kind))

    def test_of_one_group_there_is_nothing_to_be_isolated_from(self):
        kind = Demand((Part('', (Amount('VCPU', 1),)), Part('1', (Amount('VGPU', 1),))))
        self.assertNotIn('group_policy', dict(nova_places.query(kind)))


class WhereTheyMayBe(unittest.TestCase):

    def setUp(self):
        super().setUp()
        self.nova = scripted.Cloud()
        self.addCleanup(self.nova.stop)
        self.cloud = nova.NovaCloud(self.nova.auth, limit=5.0, children=1)
        self.addCleanup(self.cloud.close)
        self.nova.answers('GET', '/os-hypervisors/detail', (200, {'hypervisors': [
            {'id': f'p{number}', 'service': {'host': f'h{number}'}} for number in (1, 2, 3)]}))
        self.nova.answers('GET', '/os-aggregates', (200, {'aggregates': [
            {'name': 'gold', 'hosts': ['h1'], 'metadata': {'filter_tenant_id': 'p'}}]}))
        self.nova.answers('GET', '/os-server-groups', (200, {'server_groups': [
            {'id': 'g', 'name': 'db', 'policy': 'anti-affinity', 'members': ['i1', 'i2'],
             'rules': {'max_server_per_host': 2}},
            {'id': 'e', 'name': 'nobody', 'policy': 'affinity', 'rules': {}, 'members': []}]}))
        self.offers(['p1'], ['p2-gpu', 'p2'], ['shared'])

    def offers(self, *ways):
        roots = {'p1': 'p1', 'p2': 'p2', 'p2-gpu': 'p2', 'p3': 'p3', 'shared': 'shared'}
        self.nova.answers('GET', '/allocation_candidates', (200, {
            'allocation_requests': [{'allocations': dict.fromkeys(way)} for way in ways],
            'provider_summaries': {one: {'root_provider_uuid': root}
                                   for one, root in roots.items()}}))

    def test_the_hosts_of_an_answer_are_those_of_its_roots(self):
        places = self.cloud.places([SMALL])
        self.assertEqual({SMALL: demands.Offer(frozenset({'h1', 'h2'}))}, places.offers)
        self.assertEqual((), places.untold)
        sent = next(one for one in self.nova.asked if one.path == '/allocation_candidates')
        self.assertEqual('placement 1.33', sent.microversion)
        self.assertEqual('MEMORY_MB:512,VCPU:2', sent.query['resources'])

    def test_kinds_that_ask_placement_for_the_same_share_an_answer(self):
        pinned = Demand(SMALL.parts, zone='az1')
        self.assertEqual({SMALL, pinned}, set(self.cloud.places([SMALL, pinned]).offers))
        self.assertEqual(1, self.count('/allocation_candidates'))

    def test_a_list_that_was_cut_off_is_not_the_whole(self):
        with mock.patch.object(nova_places, 'OFFERS_MAX', 3):
            self.assertFalse(self.cloud.places([SMALL]).offers[SMALL].whole)

    def test_aggregates_and_groups_are_read_once_in_a_minute(self):
        places = [self.cloud.places([SMALL]) for _ in range(3)][-1]
        self.assertEqual([('gold', {'h1'}, {'filter_tenant_id': 'p'})], [
            (one.name, set(one.hosts), one.metadata) for one in places.aggregates])
        group, = places.groups
        self.assertEqual(('db', 'anti-affinity', 2, {'i1', 'i2'}),
                         (group.name, group.policy, group.most, set(group.members)))
        self.assertEqual([1, 1, 1, 3], [self.count(path) for path in (
            '/os-aggregates', '/os-server-groups', '/os-hypervisors/detail',
            '/allocation_candidates')])

    def test_what_our_role_may_not_read_is_named_and_the_rest_is_known(self):
        refused = (403, {'forbidden': {'message': 'Policy does not allow it'}})
        # what is refused or nonsense -> what is still known
        table = [('/os-aggregates', ('offers', 'groups')),
                 ('/os-server-groups', ('offers', 'aggregates')),
                 ('/allocation_candidates', ('aggregates', 'groups'))]
        for path, known in table:
            for answer in (refused, (200, {'odd': 1}), (200, None), (200, {'server_groups': [{}]})):
                with self.subTest(path=path, answer=answer):
                    self.setUp()
                    self.nova.answers('GET', path, answer)
                    places = self.cloud.places([SMALL])
                    self.assertEqual(1, len(places.untold))
                    self.assertEqual(list(known), [name for name in (
                        'offers', 'aggregates', 'groups') if getattr(places, name)])

    def test_without_an_answer_nothing_is_offered_and_nothing_denied(self):
        self.nova.answers('GET', '/allocation_candidates', (
            400, {'errors': [{'detail': 'No such trait(s): CUSTOM_X'}]}))
        places = self.cloud.places([SMALL])
        self.assertEqual({}, places.offers)
        self.assertIn('No such trait', places.untold[0])

    def test_there_may_be_many_groups(self):
        with mock.patch.object(nova_places, '_PAGE', 2):
            page = (200, {'server_groups': [{'id': 'a', 'name': 'a', 'policy': 'affinity',
                                             'members': ['i1']}] * 2})
            self.nova.answers('GET', '/os-server-groups', page, page, (200, {'server_groups': []}))
            self.assertEqual(4, len(self.cloud.places([SMALL]).groups))

    def count(self, path):
        return sum(one.path == path for one in self.nova.asked)


class WhatNovaLists(unittest.TestCase):

    def setUp(self):
        super().setUp()
        self.nova = scripted.Cloud()
        self.addCleanup(self.nova.stop)
        self.cloud = nova.NovaCloud(self.nova.auth, limit=5.0, children=1)
        self.addCleanup(self.cloud.close)
        self.nova.answers('GET', '/servers/detail', (
            200, {'servers': [a_server(pinned_availability_zone='az1')]}))

    def listed(self):
        server, = self.cloud.servers('h1')
        return server, self.nova.asked[-1].microversion

    def test_a_list_is_read_as_the_newest_that_tells_more(self):
        server, microversion = self.listed()
        self.assertEqual(('az1', 'compute 2.98'), (server.demand.zone, microversion))

    def test_an_older_nova_is_read_as_it_is(self):
        for most, microversion in (('2.97', 'compute 2.96'), ('2.90', 'compute 2.94')):
            self.setUp()
            self.nova.most = most
            self.assertEqual(microversion, self.listed()[1])

    def test_a_service_tells_its_zone(self):
        self.nova.answers('GET', '/os-services', (200, {'services': [
            {'id': 's', 'host': 'h1', 'status': 'enabled', 'state': 'up', 'zone': 'az1'}]}))
        self.assertEqual('az1', self.cloud.services()['h1'].zone)


if __name__ == '__main__':
    unittest.main()
