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
"""When too many hosts fall silent, at once or one after the other, nobody is condemned."""

import dataclasses
import unittest

from kaopu_ha.core import brake, evidence
from kaopu_ha.core.brake import Condemned, Release, Storm
from kaopu_ha.core.model import Network, Sign, Stage, Verdict
from tests.core import values
from tests.core.values import counted_case, rules

RULES = rules(storm_window=600.0, storm_cooldown=120.0)
COUNTS = (Stage.SUSPECTED, Stage.DYING, Stage.LOCKED, Stage.LAST_LOOK)


def names(number):
    return [f'c{each}' for each in range(number)]


def look(silent=(), hosts=10, elapsed=0.0, release=(), **changes):
    """A look at a cloud of so many hosts, of which these are silent; all others beat."""
    known = frozenset({*names(hosts), *silent})
    cases = {host: counted_case(host) for host in silent}
    return dataclasses.replace(
        brake.Seen('noon', 'controller-1', elapsed, known, cases,
                   opened=dict.fromkeys(silent, 7), beating=known - set(silent),
                   release=Release(dict.fromkeys(release, 7))), **changes)


def an_empty_case(host, rule=evidence.NOTHING_ON):
    told = values.a_round(storage=Sign.UNKNOWN)
    nothing = dataclasses.replace(values.evidence_of(Network.STORAGE, Sign.UNKNOWN), rule=rule)
    return dataclasses.replace(counted_case(host, verdict=Verdict.UNDECIDED),
                               rounds=(values.said_instead(told, nothing),))


def after(*looks, storm=None):
    """How things stand after these looks."""
    storm = storm or Storm()
    for seen in looks:
        storm = brake.advance(storm, seen, RULES)
    return storm


class Silent(unittest.TestCase):

    def silent(self, *cases, on_hold=(), empty=(), known=('c1', 'c2', 'c3')):
        return brake.silent({case.host: case for case in cases}, known, on_hold, empty)

    def test_a_case_counts_unless_it_lives_or_is_past_judging(self):
        # stage, verdict -> it counts for a storm
        table = [(stage, verdict, verdict is not Verdict.ALIVE)
                 for stage in COUNTS for verdict in Verdict]
        table += [(stage, verdict, False)
                  for stage in (Stage.CONFIRMED, Stage.ADMITTING, Stage.CLOSED)
                  for verdict in Verdict]
        for stage, verdict, counts in table:
            with self.subTest(stage=stage, verdict=verdict):
                found = self.silent(counted_case('c1', stage=stage, verdict=verdict))
                self.assertEqual(('c1',) if counts else (), found)

    def test_the_hosts_come_sorted_without_those_on_hold_and_those_that_cannot_be_judged(self):
        cases = [counted_case(host) for host in ('c3', 'c1', 'c2', 'unreadable')]
        self.assertEqual(('c1', 'c3'), self.silent(*cases, on_hold={'c2'}))

    def test_a_host_with_nothing_to_ask_does_not_count(self):
        for rule in evidence.NOTHING_TO_ASK:
            self.assertEqual((), self.silent(an_empty_case('c1', rule)))

    def test_before_its_first_round_its_inventory_says_whether_there_is_something_to_ask(self):
        self.assertEqual(('c2',), self.silent(counted_case('c1'), counted_case('c2'),
                                              empty={'c1'}))

    def test_what_was_asked_counts_more_than_the_inventory(self):
        # An instance was on its way to it: there was something to ask.
        asked = dataclasses.replace(counted_case('c1'), rounds=(values.silent(),))
        self.assertEqual(('c1',), self.silent(asked, empty={'c1'}))


class TooMany(unittest.TestCase):

    def test_it_takes_more_than_the_number_and_more_than_the_share(self):
        # silent hosts, hosts in all -> a storm (more than 1, and more than a third)
        table = [(0, 10, False), (1, 1, False), (1, 2, False), (2, 2, True), (1, 3, False),
                 (2, 3, True), (2, 5, True), (2, 6, False), (3, 6, True), (3, 9, False),
                 (3, 10, False), (4, 10, True), (33, 100, False), (34, 100, True),
                 (334, 1000, False), (335, 1000, True)]
        for silent, hosts, expected in table:
            with self.subTest(silent=silent, hosts=hosts):
                self.assertIs(expected, after(look(names(silent), hosts)).on)

    def test_both_options_decide(self):
        lenient = rules(storm_hosts=3, storm_share=0.5)
        self.assertFalse(brake.too_many(3, 4, lenient))
        self.assertTrue(brake.too_many(4, 7, lenient))
        self.assertFalse(brake.too_many(4, 8, lenient))

    def test_who_could_not_show_life_is_no_part_of_the_whole(self):
        # Two of six are no storm; but if three of the six have nothing on, or are on hold, or
        # have been dead for long, it is two of three.
        three = ('e1', 'e2', 'e3')
        gone = {
            'empty': {'cases': {host: an_empty_case(host) for host in three}},
            'on hold': {'cases': {host: counted_case(host) for host in three},
                        'on_hold': frozenset(three)},
            'dead for long': {'cases': {host: counted_case(host, stage=Stage.CONFIRMED)
                                        for host in three}}}
        base = look(['c0', 'c1'], 3)
        self.assertFalse(after(look(['c0', 'c1'], 6)).on)
        for name, changes in gone.items():
            with self.subTest(name):
                seen = dataclasses.replace(
                    base, known=base.known | set(three),
                    **{**changes, 'cases': {**base.cases, **changes['cases']}})
                self.assertTrue(after(seen).on)

    def test_who_beats_is_part_of_the_whole_though_its_inventory_cannot_be_read(self):
        seen = look(['c0', 'c1'], hosts=5)
        self.assertTrue(after(seen).on)
        self.assertFalse(after(dataclasses.replace(seen, unread=frozenset({'c9'}))).on)
        known_too = dataclasses.replace(seen, unread=frozenset({'c4'}))
        self.assertTrue(after(known_too).on)

    def test_a_host_that_is_said_to_live_is_part_of_the_whole(self):
        lives = counted_case('c9', verdict=Verdict.ALIVE)
        seen = look(['c0', 'c1'], 6)
        seen = dataclasses.replace(seen, cases={**seen.cases, 'c5': dataclasses.replace(
            lives, host='c5')}, beating=seen.beating - {'c5'})
        self.assertFalse(after(seen).on)


class Window(unittest.TestCase):

    def test_who_was_condemned_counts_for_the_window_and_no_longer(self):
        one = brake.with_condemned(Storm(), 'c9')
        self.assertTrue(after(look(['c0'], 3, 590.0), storm=brake.with_condemned(
            Storm(), 'c2')).on)
        self.assertEqual((Condemned('c9', 0.0),), after(look((), 10, 599.0), storm=one).condemned)
        self.assertEqual(Storm(), after(look((), 10, 600.0), storm=one))

    def test_hosts_that_die_one_after_the_other_are_a_storm(self):
        storm = Storm()
        for host in ('c0', 'c1'):
            storm = after(look([host], 6, 20.0), storm=storm)
            self.assertFalse(storm.on)
            storm = brake.with_condemned(storm, host)
        storm = after(look(['c2'], 6, 20.0), storm=storm)
        self.assertEqual((True, ('c2',)), (storm.on, storm.braked))

    def test_a_host_condemned_twice_counts_once(self):
        storm = brake.with_condemned(brake.with_condemned(Storm(), 'c1'), 'c1')
        self.assertEqual(1, len(storm.condemned))

    def test_a_host_that_is_condemned_and_silent_again_counts_once(self):
        storm = brake.with_condemned(Storm(), 'c1')
        self.assertFalse(after(look(['c1'], 3), storm=storm).on)

    def test_a_forgotten_host_counts_no_more(self):
        self.assertEqual(Storm(), after(look((), 3), storm=brake.with_condemned(Storm(), 'x')))


class Cooldown(unittest.TestCase):

    def setUp(self):
        self.storm = after(look(['c0', 'c1', 'c2', 'c3']))

    def test_it_holds_who_is_still_silent_until_it_is_over(self):
        calm = after(look(['c3'], elapsed=5.0), storm=self.storm)
        self.assertEqual((True, ('c3',), 0.0), (calm.on, calm.braked, calm.calm))
        calm = after(look(['c3'], elapsed=119.0), storm=calm)
        self.assertEqual((True, ('c3',)), (calm.on, calm.braked))
        self.assertEqual(Storm(), after(look(['c3'], elapsed=1.0), storm=calm))

    def test_the_time_before_the_first_calm_look_does_not_count(self):
        self.assertTrue(after(look((), elapsed=500.0), storm=self.storm).on)

    def test_it_begins_anew_when_too_many_are_silent_again(self):
        storm = after(look((), elapsed=5.0), look((), elapsed=100.0),
                      look(['c0', 'c1', 'c2', 'c3'], elapsed=5.0), storm=self.storm)
        self.assertIsNone(storm.calm)
        self.assertTrue(after(look((), elapsed=5.0), look((), elapsed=100.0), storm=storm).on)

    def test_a_later_silence_is_held_too(self):
        calm = after(look(['c8'], elapsed=5.0), storm=self.storm)
        self.assertEqual(('c8',), calm.braked)

    def test_without_time_it_stays_as_it_is(self):
        calm = after(look(['c3'], elapsed=5.0), storm=self.storm)
        self.assertEqual(calm, after(look(['c3']), storm=calm))


class Released(unittest.TestCase):

    SILENT = ('c0', 'c1', 'c2', 'c3')

    def held(self, seen):
        storm = after(seen)
        return storm.braked, [host for host in self.SILENT
                              if not brake.may_go_on(host, storm, seen)]

    def test_in_a_storm_everyone_who_is_silent_is_held(self):
        self.assertEqual((self.SILENT, list(self.SILENT)), self.held(look(self.SILENT)))

    def test_without_a_storm_nobody_is(self):
        self.assertEqual(((), []), self.held(look(['c0'])))

    def test_a_release_lets_exactly_the_named_go_on(self):
        self.assertEqual((('c2', 'c3'), ['c2', 'c3']),
                         self.held(look(self.SILENT, release=('c0', 'c1', 'c9'))))

    def test_a_later_case_of_the_same_host_is_not_released(self):
        later = look(self.SILENT, release=self.SILENT, opened={
            'c0': 8, 'c1': 7, 'c2': 7, 'c3': 7})
        self.assertEqual((('c0',), ['c0']), self.held(later))

    def test_a_release_is_left_as_long_as_storm_case_and_silence_last(self):
        seen = look(self.SILENT, release=('c0', 'c1', 'c9'))
        lives = dataclasses.replace(seen, cases={**seen.cases, 'c0': counted_case(
            'c0', verdict=Verdict.ALIVE)})
        storm = after(seen)
        self.assertEqual(Release({'c0': 7, 'c1': 7}), brake.still_good(seen.release, storm, seen))
        self.assertEqual(Release({'c1': 7}), brake.still_good(seen.release, storm, lives))
        self.assertEqual(Release(), brake.still_good(seen.release, Storm(), seen))

    def test_a_former_release_is_of_the_cases_that_were_open_then(self):
        opened = {'c1': 5, 'c2': 9}
        self.assertEqual(Release({'c1': 5}), brake.given(('c1', 'c2', 'c3'), {}, 7, opened))
        self.assertEqual(Release({'c2': 3}), brake.given(('c2',), {'c2': 3}, 7, opened))


class Kept(unittest.TestCase):

    def test_a_storm_is_written_when_it_changes_and_else_once_in_a_while(self):
        storm = after(look(['c0', 'c1', 'c2', 'c3']))
        self.assertTrue(brake.is_worth_keeping(storm, Storm(), rules()))
        for elapsed, worth in ((5.0, False), (rules().storm_written_seconds, True)):
            later = after(look(['c0', 'c1', 'c2', 'c3'], elapsed=elapsed), storm=storm)
            self.assertIs(worth, brake.is_worth_keeping(later, storm, rules()))
        calm = after(look(['c0', 'c1', 'c2', 'c3'][:1], elapsed=1.0), storm=storm)
        self.assertTrue(brake.is_worth_keeping(calm, storm, rules()))

    def test_in_quiet_times_nothing_is_written(self):
        quiet = after(look((), elapsed=500.0), look((), elapsed=500.0))
        self.assertFalse(brake.is_worth_keeping(quiet, Storm(), rules()))

    def test_a_verdict_of_which_the_answer_was_lost_is_not_forgotten(self):
        kept = brake.with_condemned(brake.with_condemned(Storm(), 'c1'), 'c2')
        mine = brake.with_condemned(Storm(seconds=5.0), 'c1')
        self.assertEqual({'c1', 'c2'}, {one.host for one in brake.joined(mine, kept).condemned})
