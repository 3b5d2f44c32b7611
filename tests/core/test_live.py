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

"""Live use: the mean of a minute, told in steps, and told anew only when it has truly changed."""

import unittest

from kaopu_ha.core import live, model
from kaopu_ha.core.live import LiveUse, Reading
from tests.core.values import a_usage


def readings(*shares, cores=16, memory_mb=64000, free=0.5):
    """One reading every ten seconds, with this share of the cores in use since the one before."""
    busy = passed = 1000.0
    made = [Reading(cores, busy, passed, memory_mb, int(memory_mb * free))]
    for share in shares:
        busy, passed = busy + share * cores * 10, passed + cores * 10
        made.append(Reading(cores, busy, passed, memory_mb, int(memory_mb * free)))
    return made


def told(cores_percent=50, memory_percent=50, **changes):
    return LiveUse(**{'cores': 16, 'cores_percent': cores_percent, 'memory_mb': 64000,
                      'memory_percent': memory_percent, 'at': 'noon'} | changes)


class ToldAnew(unittest.TestCase):

    def test_the_first_figure_is_the_mean_in_steps_of_five_percent(self):
        self.assertEqual(told(30), live.told_anew(None, readings(0.1, 0.3, 0.5), 'noon'))

    def test_a_burst_is_taken_for_what_it_is_in_a_minute(self):
        self.assertEqual(25, live.told_anew(
            None, readings(0.1, 0.1, 1.0, 0.1, 0.1, 0.1), 'noon').cores_percent)

    def test_what_swings_about_a_figure_is_not_told_anew(self):
        before = told(50)
        for share in (0.455, 0.47, 0.5, 0.53, 0.545):
            self.assertIs(before, live.told_anew(before, readings(share, share), 'one'))

    def test_what_is_more_than_a_step_away_is_told_anew(self):
        for share, percent in ((0.44, 45), (0.56, 55), (0.98, 100)):
            self.assertEqual(told(percent, at='one'),
                             live.told_anew(told(50), readings(share), 'one'))

    def test_memory_alone_is_told_anew_too(self):
        self.assertEqual(told(50, 80, at='one'),
                         live.told_anew(told(50), readings(0.5, free=0.2), 'one'))

    def test_another_number_of_cores_is_told_at_once(self):
        self.assertEqual(told(50, cores=8, at='one'),
                         live.told_anew(told(50), readings(0.5, cores=8), 'one'))

    def test_nobody_can_say_without_two_readings_or_when_counters_stand_still(self):
        stands = readings(0.5)[:1] * 3
        for few in ([], readings(), stands, readings(0.5, cores=0), readings(0.5)[::-1]):
            self.assertIsNone(live.told_anew(None, few, 'noon'))

    def test_what_counters_cannot_mean_is_kept_within_what_a_host_can_have(self):
        self.assertEqual(100, live.told_anew(None, readings(1.7), 'noon').cores_percent)
        self.assertEqual(0, live.told_anew(None, readings(-0.2), 'noon').cores_percent)
        self.assertEqual(0, live.told_anew(None, readings(0.5, free=1.2), 'noon').memory_percent)


class LiveUses(unittest.TestCase):

    def test_it_is_told_in_cores_and_megabytes(self):
        self.assertEqual(model.Usage(16, 4, 64000, 48000), told(25, 75).usage)

    def test_figures_that_no_host_can_have_are_known_by_that(self):
        self.assertTrue(told(0, 100).is_possible)
        for wrong in (told(-1), told(101), told(50, 1000), told(cores=0), told(memory_mb=-1)):
            self.assertFalse(wrong.is_possible)


class Joined(unittest.TestCase):

    def test_each_host_has_the_figures_that_count_and_the_weight(self):
        room = {'c1': a_usage(4), 'c2': a_usage(8)}
        found = live.joined(room, {'c1': told(25, 75), 'c9': told()}, 0.5)
        self.assertEqual(model.Usage(32, 4, 65536, 0, model.Usage(16, 4, 64000, 48000), 0.5),
                         found['c1'])
        self.assertEqual(model.Usage(32, 8, 65536, 0, None, 0.5), found['c2'])
        self.assertEqual({'c1', 'c2'}, set(found))
