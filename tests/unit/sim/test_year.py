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

"""A year in short: what is kept fills up, and then nothing grows."""

import unittest

from tools.bench import year

_HOSTS = 6
_DAYS = 19


class Days(unittest.TestCase):

    @classmethod
    def setUpClass(cls):
        # Three of each host die while what is kept fills up, and one more.
        cls.days = list(year.lived(_DAYS, closed_kept=1, keep_seconds=year.DAY_SECONDS))

    def test_a_day_on_which_the_same_host_dies_again_leaves_as_many_keys(self):
        self.assertEqual(self.days[-1 - _HOSTS].keys, self.days[-1].keys)

    def test_etcd_holds_no_more_bytes_but_for_longer_numbers(self):
        grown = self.days[-1].stored_bytes - self.days[-1 - _HOSTS].stored_bytes
        self.assertLess(grown, 1024)

    def test_the_controllers_gain_less_than_an_object_a_day(self):
        grown = self.days[-1].objects - self.days[-1 - _HOSTS].objects
        self.assertLess(grown, _HOSTS)

    def test_no_day_writes_more_than_the_first(self):
        self.assertLess(max(day.written_bytes for day in self.days),
                        1.2 * self.days[0].written_bytes)
