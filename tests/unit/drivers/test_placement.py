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


"""Usage by the compute service's host, from one answer and the few it leaves out."""

import unittest
from unittest import mock

from kaopu_ha import ports
from kaopu_ha.core import model
from kaopu_ha.drivers.openstack import usage as placement
from tests.unit.drivers import scripted_openstack as scripted

FULL = '/resource_providers/p2'


def a_node(uuid, host):
    return {'id': uuid, 'hypervisor_hostname': f'{host}.example.org', 'service': {'host': host}}


def a_summary(cores, cores_used, memory, memory_used):
    return {'resources': {'VCPU': {'capacity': cores, 'used': cores_used},
                          'MEMORY_MB': {'capacity': memory, 'used': memory_used}}}


def a_usage(*figures, rooms=(), dedicated=False):
    return model.Usage(*figures, rooms=rooms, dedicated=dedicated)


class Usage(unittest.TestCase):

    def setUp(self):
        super().setUp()
        self.cloud = scripted.Cloud()
        self.addCleanup(self.cloud.stop)
        self.usage = placement.PlacementUsage(self.cloud.auth, limit=5.0)
        self.cloud.answers('GET', '/os-hypervisors/detail', (
            200, {'hypervisors': [a_node('p1', 'h1'), a_node('p2', 'h2')]}))
        self.spare(p1=a_summary(32, 3, 8000, 1024))

    def spare(self, **summaries):
        self.cloud.answers('GET', '/allocation_candidates', (
            200, {'allocation_requests': [], 'provider_summaries': summaries}))

    def full(self, **inventories):
        self.cloud.answers('GET', f'{FULL}/inventories', (200, {'inventories': inventories}))
        self.cloud.answers('GET', f'{FULL}/usages', (
            200, {'usages': {'VCPU': 32, 'MEMORY_MB': 4096}}))

    def test_usage_is_known_by_the_name_of_the_service(self):
        self.spare(p1=a_summary(32, 3, 8000, 1024), p2=a_summary(64, 0, 9000, 0))
        self.assertEqual({'h1': a_usage(32, 3, 8000, 1024), 'h2': a_usage(64, 0, 9000, 0)},
                         self.usage.usage())
        self.assertEqual(2, len(self.cloud.asked))

    def test_a_host_without_a_core_to_spare_is_asked_for_itself(self):
        self.full(VCPU={'total': 4, 'reserved': 2, 'allocation_ratio': 16.0},
                  MEMORY_MB={'total': 8192, 'reserved': 512, 'allocation_ratio': 1.5})
        self.assertEqual(a_usage(32, 32, 11520, 4096), self.usage.usage()['h2'])

    def test_a_host_without_shared_cores_has_its_dedicated_ones(self):
        self.full(PCPU={'total': 64, 'reserved': 4, 'allocation_ratio': 1.0},
                  MEMORY_MB={'total': 8192, 'reserved': 0, 'allocation_ratio': 1.0})
        self.cloud.answers('GET', f'{FULL}/usages', (
            200, {'usages': {'PCPU': 12, 'MEMORY_MB': 4096}}))
        self.assertEqual(a_usage(60, 12, 8192, 4096, dedicated=True), self.usage.usage()['h2'])

    def test_hosts_with_dedicated_cores_to_spare_are_known_by_one_more_question(self):
        rooms = {'PCPU': {'capacity': 64, 'used': 4}, 'MEMORY_MB': {'capacity': 900, 'used': 100}}
        self.cloud.answers('GET', '/allocation_candidates', (
            200, {'provider_summaries': {'p1': a_summary(32, 3, 8000, 1024)}}), (
            200, {'provider_summaries': {'p2': {'resources': rooms}}}))
        self.assertEqual(a_usage(64, 4, 900, 100, dedicated=True), self.usage.usage()['h2'])
        self.assertEqual(3, len(self.cloud.asked))

    def test_what_else_a_host_has_and_the_devices_in_it_are_counted(self):
        host = a_summary(32, 3, 8000, 1024)
        host['resources'] |= {'PCPU': {'capacity': 8, 'used': 2}}
        device = {'resources': {'VGPU': {'capacity': 4, 'used': 1}},
                  'parent_provider_uuid': 'p1', 'root_provider_uuid': 'p1'}
        self.spare(p1=host, d1=device, d2=device, d3={'resources': None,
                                                      'parent_provider_uuid': 'p1'})
        rooms = (model.Room('PCPU', 8, 2), model.Room('VGPU', 8, 2))
        self.assertEqual(a_usage(32, 3, 8000, 1024, rooms=rooms), self.usage.usage()['h1'])

    def test_a_host_that_placement_does_not_know_is_left_out(self):
        unknown = {'errors': [{'status': 404, 'detail': 'No resource provider'}]}
        self.cloud.answers('GET', f'{FULL}/inventories', (404, unknown))
        self.assertEqual(['h1'], list(self.usage.usage()))

    def test_a_host_of_which_the_answer_is_not_placements_is_left_out(self):
        for odd in (None, [], {'inventories': None}, {'inventories': {'VCPU': None}}, 'no'):
            for status in (200, 404):
                self.cloud.answers('GET', f'{FULL}/inventories', (status, odd))
                self.assertEqual('h1', next(iter(self.usage.usage())))

    def test_however_many_have_none_to_spare_the_others_are_known(self):
        # Hundreds of bare-metal nodes take longer than everybody's usage may take.
        self.full(VCPU={'total': 4, 'reserved': 0, 'allocation_ratio': 1.0})
        with mock.patch.object(placement, '_ONE_BY_ONE_SHARE', 0.0):
            self.assertEqual({'h1': a_usage(32, 3, 8000, 1024)}, self.usage.usage())
        self.assertEqual(3, len(self.cloud.asked))

    def test_of_one_without_shared_cores_nothing_more_is_asked(self):
        self.full(CUSTOM_BAREMETAL={'total': 1, 'reserved': 0, 'allocation_ratio': 1.0})
        self.assertEqual(0, self.usage.usage()['h2'].cores)
        self.assertEqual(4, len(self.cloud.asked))

    def test_bare_metal_costs_nothing_and_is_no_target(self):
        self.cloud.answers('GET', '/os-hypervisors/detail', (200, {'hypervisors': [
            a_node('p1', 'h1'), *(a_node(f'b{number}', 'ironic-1') for number in range(600))]}))
        self.assertEqual({'h1': a_usage(32, 3, 8000, 1024),
                          'ironic-1': model.Usage(0, 0, 0, 0)}, self.usage.usage())
        self.assertEqual(2, len(self.cloud.asked))

    def test_of_a_service_with_several_nodes_the_roomiest_counts(self):
        self.cloud.answers('GET', '/os-hypervisors/detail', (200, {'hypervisors': [
            a_node('p1', 'h1'), a_node('p2', 'h1'), a_node('p3', 'h1')]}))
        self.spare(p1=a_summary(32, 31, 8000, 1024), p2=a_summary(8, 1, 4000, 0),
                   p3=a_summary(64, 60, 9000, 0))
        self.assertEqual({'h1': a_usage(8, 1, 4000, 0)}, self.usage.usage())

    def test_an_answer_of_which_nothing_is_placements_is_an_error(self):
        self.spare(p1={'resources': None}, p2=7)
        self.assertRaises(ports.PortError, self.usage.usage)

    def test_the_reason_that_placement_gives_is_told(self):
        self.cloud.answers('GET', '/allocation_candidates', (
            400, {'errors': [{'status': 400, 'detail': 'Invalid query'}]}))
        self.assertRaisesRegex(ports.PortError, 'Invalid query', self.usage.usage)

    def test_nova_is_not_made_to_ask_every_host_for_its_uptime(self):
        self.spare(p1=a_summary(1, 0, 1, 0), p2=a_summary(1, 0, 1, 0))
        self.usage.usage()
        self.assertEqual(['compute 2.53', 'placement 1.29'],
                         [one.microversion for one in self.cloud.asked])


if __name__ == '__main__':
    unittest.main()
