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

"""When too many hosts fall silent at once, nobody is condemned."""

import unittest

from kaopu_ha.core import brake
from kaopu_ha.core.model import Stage, Verdict
from tests.unit.core.values import counted_case, rules


def cases(*hosts, **given):
    return [counted_case(host, **given) for host in hosts]


class Counted(unittest.TestCase):

    def test_a_case_counts_unless_it_lives_or_is_past_judging(self):
        # stage, verdict -> it counts for a storm
        table = [(stage, verdict, verdict is not Verdict.ALIVE)
                 for stage in (Stage.SUSPECTED, Stage.DYING, Stage.LOCKED, Stage.LAST_LOOK)
                 for verdict in Verdict]
        table += [(stage, verdict, False)
                  for stage in (Stage.CONFIRMED, Stage.ADMITTING, Stage.CLOSED)
                  for verdict in Verdict]
        for stage, verdict, counts in table:
            with self.subTest(stage=stage, verdict=verdict):
                found = brake.counted(cases('c1', stage=stage, verdict=verdict), ())
                self.assertEqual(('c1',) if counts else (), found)

    def test_a_case_that_was_just_opened_counts(self):
        self.assertEqual(('c1',), brake.counted(cases('c1', verdict=Verdict.UNDECIDED), ()))

    def test_a_host_on_hold_does_not_count(self):
        self.assertEqual(('c2',), brake.counted(cases('c1', 'c2'), {'c1'}))

    def test_the_hosts_come_sorted(self):
        self.assertEqual(('c1', 'c2', 'c3'), brake.counted(cases('c3', 'c1', 'c2'), ()))


class Storm(unittest.TestCase):

    def test_it_takes_more_than_the_number_and_more_than_the_share(self):
        # silent hosts, hosts in all -> a storm (more than 1, and more than a third)
        table = [(0, 10, False), (1, 1, False), (1, 2, False), (2, 2, True), (2, 5, True),
                 (2, 6, False), (3, 6, True), (3, 9, False), (4, 9, True), (4, 100, False),
                 (34, 100, True)]
        for silent, hosts, expected in table:
            with self.subTest(silent=silent, hosts=hosts):
                names = [f'c{number}' for number in range(silent)]
                self.assertIs(expected, brake.storm(cases(*names), (), hosts, rules()))

    def test_both_options_decide(self):
        lenient = rules(storm_hosts=3, storm_share=0.5)
        self.assertFalse(brake.storm(cases('a', 'b', 'c'), (), 4, lenient))
        self.assertTrue(brake.storm(cases('a', 'b', 'c', 'd'), (), 7, lenient))
        self.assertFalse(brake.storm(cases('a', 'b', 'c', 'd'), (), 8, lenient))


class Braked(unittest.TestCase):

    def test_without_a_storm_nobody_is_braked(self):
        self.assertEqual(frozenset(), brake.braked(cases('c1'), (), (), 6, rules()))

    def test_in_a_storm_everyone_who_counts_is_braked(self):
        found = brake.braked(cases('c1', 'c2', 'c3'), (), (), 6, rules())
        self.assertEqual(frozenset({'c1', 'c2', 'c3'}), found)

    def test_a_release_lets_exactly_the_named_hosts_go_on(self):
        found = brake.braked(cases('c1', 'c2', 'c3'), (), {'c1', 'c2', 'c9'}, 6, rules())
        self.assertEqual(frozenset({'c3'}), found)

    def test_a_host_that_shows_life_releases_the_others(self):
        found = brake.braked([*cases('c1', 'c2'), *cases('c3', verdict=Verdict.ALIVE)], (), (), 6,
                             rules())
        self.assertEqual(frozenset(), found)

    def test_an_iterator_of_cases_does_as_well_as_a_list(self):
        found = brake.braked(iter(cases('c1', 'c2', 'c3')), (), (), 6, rules())
        self.assertEqual(frozenset({'c1', 'c2', 'c3'}), found)
