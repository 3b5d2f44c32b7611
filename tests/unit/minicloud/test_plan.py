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

"""Which instances the mini cloud boots where."""

import unittest

from minicloud import instances

HOSTS = ['c1', 'c2', 'c3']


class TestPlan(unittest.TestCase):
    def test_six_put_one_of_each_kind_on_the_first_host(self):
        plan = instances.plan(6, HOSTS, set())
        on_first = {role for role, host in plan if host == 'c1'}
        self.assertEqual({'plain', *instances.SPECIAL_ROLES}, on_first)
        self.assertEqual({'c1', 'c2', 'c3'}, {host for _, host in plan})

    def test_a_special_role_that_is_there_is_not_made_again(self):
        plan = instances.plan(6, HOSTS, set(instances.SPECIAL_ROLES))
        self.assertEqual({'plain'}, {role for role, _ in plan})
        self.assertEqual([*HOSTS, *HOSTS], [host for _, host in plan])

    def test_the_first_instance_is_an_ordinary_one(self):
        self.assertEqual([('plain', 'c1')], instances.plan(1, HOSTS, set()))

    def test_one_host_can_carry_all(self):
        plan = instances.plan(7, HOSTS, set(), 'c2')
        self.assertEqual({'c2'}, {host for _, host in plan})
