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

"""What the kernel of this machine says of its use, which it alone knows."""

import unittest

from kaopu_ha.core import live
from kaopu_ha.drivers.linux import load


class TestReading(unittest.TestCase):

    def test_the_counters_are_those_of_a_machine(self):
        found = load.reading()
        self.assertGreater(found.cores, 0)
        self.assertGreater(found.memory_mb, 64)
        self.assertGreater(found.memory_available_mb, 0)
        self.assertLess(found.memory_available_mb, found.memory_mb)
        self.assertGreater(found.busy_seconds, 0)
        self.assertGreater(found.all_seconds, found.busy_seconds)

    def test_they_go_on_as_cores_are_used(self):
        first = last = load.reading()
        while last.all_seconds - first.all_seconds < 0.2:
            last = load.reading()
        used, passed = last.busy_seconds - first.busy_seconds, last.all_seconds - first.all_seconds
        # This process did nothing but read them.
        self.assertGreater(used, 0)
        self.assertLessEqual(used, passed + 0.05)
        figure = live.told_anew(None, (first, last), '')
        self.assertTrue(figure.is_possible)
