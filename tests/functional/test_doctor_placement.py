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

"""What ``kaopu-ha doctor`` finds on a real Placement, with the role's own rights and without."""

import unittest

from kaopu_ha.core.checkup import Seen, Severity
from kaopu_ha.drivers.openstack import checks as openstack_checks
from kaopu_ha.drivers.openstack import cloud as nova
from kaopu_ha.drivers.openstack import usage as placement
from tests import placement_single
from tests.unit.drivers import scripted_openstack


@unittest.skipUnless(placement_single.is_possible(), 'there is no Placement here')
class PlacementTest(unittest.TestCase):

    @classmethod
    def setUpClass(cls):
        cls.placement = placement_single.Placement(cls.addClassCleanup)

    def setUp(self):
        super().setUp()
        self.keystone = scripted_openstack.Cloud()
        self.addCleanup(self.keystone.stop)
        self.keystone.placement = self.placement.url

    def found(self, role):
        self.keystone.subject = role
        cloud = nova.NovaCloud(self.keystone.auth, limit=20.0, children=1)
        self.addCleanup(cloud.close)
        usage = placement.PlacementUsage(self.keystone.auth, limit=20.0)
        return {(name, one.found.partition(':')[0]): one.severity
                for made, name in ((usage, 'rights'), (cloud, 'allocations'))
                for check in made.checks(Seen()) if check.name == name
                for one in check.ask(20.0)}

    def test_the_role_of_the_policy_file_may_do_all_and_has_done_nothing(self):
        found = self.found('kaopu_ha')
        self.assertEqual({Severity.GOOD}, set(found.values()), found)
        self.assertEqual(2, len(found))
        left = self.placement.call('GET', f'/allocations/{openstack_checks.NOBODY}')
        self.assertEqual({}, left['allocations'])

    def test_a_role_without_it_may_do_nothing(self):
        found = self.found('reader')
        self.assertEqual({
            ('rights', 'our role may not ask for hosts with room'): Severity.WRONG,
            ('rights', 'our role may not read what a host has'): Severity.WRONG,
            ('rights', 'our role may not read what of a host is used'): Severity.WRONG,
            ('allocations', 'our role may not read allocations'): Severity.WRONG,
            ('allocations', 'our role may not change allocations'): Severity.WRONG}, found)


if __name__ == '__main__':
    unittest.main()
