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

"""The measurements run, of small clouds; what they measure is looked at by people."""

import contextlib
import io
import unittest

from tests import etcd_single
from tools.bench import plan, status


class Benches(unittest.TestCase):

    def said(self, main, *given):
        said = io.StringIO()
        with contextlib.redirect_stdout(said):
            main(*given)
        return said.getvalue().splitlines()

    def test_of_a_plan_each_of_its_four_is_told(self):
        told = self.said(plan.main, 40, 6)
        self.assertEqual(4, len(told), told)
        self.assertIn('40 instances onto 6 hosts', told[0])
        self.assertIn(' changed: ', told[2])

    @unittest.skipUnless(etcd_single.is_possible(), 'there is no etcd here')
    def test_the_status_of_a_cloud_is_timed(self):
        self.assertGreater(min(status.measured(3, 2, rounds=1)), 0)
