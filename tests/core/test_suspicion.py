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
"""Whom a leader looks at, and when."""

import dataclasses
import math
import random
import unittest

from kaopu_ha.core import detection, suspicion
from kaopu_ha.core.model import Verdict
from kaopu_ha.core.suspicion import Sighting
from tests.core.values import rules

RULES = rules()
GRACE = detection.grace(RULES)
BEATS, SILENT = Sighting(True), Sighting(False)


def seen(*looks, begun=0.0):
    """What is remembered after looks, each a time and the sightings then, and the time for people.
    """
    found = suspicion.begun(begun, RULES)
    for now, sightings, *at in looks:
        found = suspicion.seen(found, sightings, now, RULES, *at)
    return found


def due(found, now, hosts=('c1', 'c2', 'c3')):
    return suspicion.due(found, hosts, now, RULES)


class Due(unittest.TestCase):

    def test_the_first_round_ends_when_the_grace_of_a_missing_beat_does(self):
        found, begins = seen((20.0, {'c1': SILENT, 'c2': BEATS})), GRACE - RULES.ask_limit
        # time -> who is due
        for now, expected in ((20.0, ()), (19.9 + begins, ()), (20.0 + begins, ('c1',))):
            with self.subTest(now=now):
                self.assertEqual(expected, due(found, now))

    def test_a_round_that_ends_in_the_grace_is_as_if_it_had_not_been(self):
        found = seen((20.0, {'c1': SILENT, 'c2': BEATS}))
        for host, ended, expected in (('c1', 19.9 + GRACE, True), ('c1', 20.0 + GRACE, False),
                                      ('c2', 20.0, False)):
            with self.subTest(host=host, ended=ended):
                self.assertEqual(expected, suspicion.too_early(found, host, ended, RULES))
        found = suspicion.not_before_grace(found, 'c1', RULES)
        self.assertEqual(((), ('c1',)), (due(found, 19.9 + GRACE), due(found, 20.0 + GRACE)))
        self.assertEqual(0.0, suspicion.silent_for(found, 'c1', 30.0))

    def test_a_new_term_gives_each_beat_a_ttl(self):
        found = seen((0.0, {'c1': SILENT, 'c2': BEATS}))
        self.assertEqual((), due(found, RULES.beat_ttl - 0.1))
        self.assertEqual(('c1',), due(found, RULES.beat_ttl))

    def test_before_any_term_nobody_is_due(self):
        self.assertEqual(math.inf, suspicion.Suspicion().trusted_from)

    def test_what_the_last_beat_said_is_remembered_while_there_is_none(self):
        beat = dataclasses.replace(BEATS, said='libvirt is mute')
        found = seen((0.0, {'c1': beat}, '10:00'), (5.0, {'c1': SILENT}, '10:01'),
                     (10.0, {'c1': SILENT}, '10:02'))
        self.assertEqual(('10:00', 'libvirt is mute'),
                         (found.of('c1').beat_at, found.of('c1').said))
        found = seen((0.0, {'c1': beat}, '10:00'), (5.0, {'c1': BEATS}, '10:02'))
        self.assertEqual(('10:02', ''), (found.of('c1').beat_at, found.of('c1').said))

    def test_all_beats_gone_at_once_are_no_news_of_hosts(self):
        found = seen((0.0, {'c1': BEATS, 'c2': BEATS}), (50.0, {'c1': SILENT, 'c2': SILENT}))
        self.assertEqual((), due(found, 50.0 + RULES.beat_ttl - 0.1))
        self.assertEqual(('c1', 'c2'), due(found, 50.0 + RULES.beat_ttl))

    def test_but_a_cloud_of_one_host_can_lose_it(self):
        found = seen((0.0, {'c1': BEATS}), (50.0, {'c1': SILENT}))
        self.assertEqual(('c1',), due(found, 50.0 + GRACE))

    def test_all_gone_one_after_the_other_get_one_grace_and_no_more(self):
        found = seen((50.0, {'c1': SILENT, 'c2': BEATS}), (60.0, {'c1': SILENT, 'c2': SILENT}),
                     (61.0, {'c1': SILENT, 'c2': SILENT}))
        self.assertEqual(60.0 + RULES.beat_ttl, found.trusted_from)

    def test_a_beat_that_was_there_for_a_moment_begins_the_grace_anew(self):
        found = seen((20.0, {'c1': SILENT}), (25.0, {'c1': BEATS}), (26.0, {'c1': SILENT}))
        self.assertEqual((), due(found, 20.0 + GRACE))
        self.assertEqual(('c1',), due(found, 26.0 + GRACE))

    def test_a_store_that_is_back_gives_beats_a_ttl(self):
        found = suspicion.store_back(seen((20.0, {'c1': SILENT})), 100.0, RULES)
        self.assertEqual(((), ('c1',)), (due(found, 111.0), due(found, 112.0)))

    def test_only_hosts_that_are_judged_are_due_or_waited_for(self):
        found = seen((20.0, {'c1': SILENT, 'c2': SILENT, 'c3': BEATS}))
        self.assertEqual(('c2',), due(found, 60.0, ('c2', 'c3')))
        self.assertEqual(RULES.look_interval, suspicion.seconds_left(found, ('c3',), 60.0, RULES))
        self.assertEqual(0.0, suspicion.seconds_left(found, ('c1', 'c3'), 60.0, RULES))
        # Not as long as it takes: another one's record may be read again meanwhile.
        self.assertEqual(RULES.look_interval,
                         suspicion.seconds_left(found, ('c1',), 15.0, RULES))
        self.assertEqual(1.0, suspicion.seconds_left(
            found, ('c1',), 19.0 + GRACE - RULES.ask_limit, RULES))

    def test_who_is_not_known_any_more_is_forgotten(self):
        self.assertNotIn('c1', seen((20.0, {'c1': SILENT}), (21.0, {'c2': BEATS})).missing)


class Told(unittest.TestCase):

    def setUp(self):
        found = seen((20.0, {'c1': Sighting(False, told=5)}))
        self.found = suspicion.judged(found, 'c1', 60.0, Verdict.DEAD, 5.0)

    def test_an_event_brings_the_next_look_forward(self):
        told = suspicion.seen(self.found, {'c1': Sighting(False, told=6)}, 61.0, RULES)
        self.assertEqual(61.5, told.of('c1').next_look)

    def test_an_old_event_does_not(self):
        told = suspicion.seen(self.found, {'c1': Sighting(False, told=5)}, 61.0, RULES)
        self.assertEqual(65.0, told.of('c1').next_look)


class Silence(unittest.TestCase):

    def setUp(self):
        found = seen((20.0, {'c1': SILENT, 'c2': BEATS}))
        self.found = suspicion.judged(found, 'c1', 60.0, Verdict.DEAD, 5.0)

    def test_it_counts_from_the_last_look_that_found_the_host_dead(self):
        self.assertEqual(4.0, suspicion.silent_for(self.found, 'c1', 64.0))

    def test_it_counts_nothing_after_another_verdict_or_a_break(self):
        blind = suspicion.judged(self.found, 'c1', 62.0, Verdict.UNDECIDED, 5.0)
        for found in (blind, suspicion.interrupted(self.found, 'c1'),
                      suspicion.put_off(self.found, 'c1', 70.0),
                      suspicion.seen(self.found, {'c1': BEATS}, 61.0, RULES)):
            self.assertEqual(0.0, suspicion.silent_for(found, 'c1', 64.0))

    def test_what_was_refused_is_looked_at_again_at_once(self):
        refused = suspicion.refused(self.found, 'c1', 60.0)
        self.assertEqual((60.0, 0.0), (refused.of('c1').last_dead, refused.of('c1').next_look))

    def test_who_could_not_be_worked_on_waits_its_turn(self):
        self.assertEqual((), due(suspicion.put_off(self.found, 'c1', 70.0), 69.0))


class Storage(unittest.TestCase):

    def news(self, before, after):
        return [item.fact.title for item in suspicion.storage_news(
            seen((0.0, {'c1': before})), seen((0.0, {'c1': after})), ['c1'])]

    def test_it_is_told_when_a_host_loses_its_storage_and_when_it_reaches_it_again(self):
        lost, other = Sighting(True, lost=('a',)), Sighting(True, lost=('a', 'b'))
        # before, after -> what is told
        for before, after, told in ((BEATS, BEATS, []), (BEATS, lost, ['storage lost']),
                                    (lost, lost, []), (lost, other, ['storage lost']),
                                    (other, BEATS, ['storage back'])):
            with self.subTest(before=before, after=after):
                self.assertEqual(told, self.news(before, after))

    def test_what_a_fenced_host_says_of_its_storage_is_our_doing(self):
        lost, fenced = Sighting(True, lost=('a',)), Sighting(True, lost=('a',), locked=True)
        for before, after, told in ((BEATS, fenced, []), (lost, Sighting(True, locked=True), []),
                                    (fenced, BEATS, []), (fenced, lost, ['storage lost'])):
            with self.subTest(before=before, after=after):
                first = seen((0.0, {'c1': before}))
                then = suspicion.seen(first, {'c1': after}, 1.0, RULES)
                self.assertEqual(told, [item.fact.title for item in
                                        suspicion.storage_news(first, then, ['c1'])])

    def test_a_host_that_is_silent_tells_nothing_new(self):
        first = seen((0.0, {'c1': Sighting(True, lost=('a',))}))
        then = suspicion.seen(first, {'c1': SILENT}, 1.0, RULES)
        self.assertEqual((), suspicion.storage_news(first, then, ['c1']))


class Again(unittest.TestCase):

    def test_to_see_what_has_changed_is_to_see_all(self):
        chance = random.Random(1)
        names = [f'c{number}' for number in range(6)]
        doings = (lambda found, host, now: suspicion.interrupted(found, host),
                  lambda found, host, now: suspicion.judged(found, host, now, Verdict.DEAD, 5.0),
                  lambda found, host, now: suspicion.refused(found, host, now - 1.0),
                  lambda found, host, now: suspicion.put_off(found, host, now + 4.0))
        one = other = suspicion.begun(0.0, RULES)
        before = {}
        for now in range(400):
            after = {host: chance.choice((BEATS, SILENT, before.get(host, BEATS), Sighting(
                chance.random() < 0.5, now, chance.choice(((), ('a',))), str(now),
                chance.random() < 0.2))) for host in names if chance.random() < 0.9}
            changed = {host: after.get(host) for host in before.keys() | after.keys()
                       if before.get(host) != after.get(host)}
            news = [suspicion.storage_news(one, suspicion.seen(one, after, now, RULES), after),
                    suspicion.storage_news(other, suspicion.seen_again(
                        other, changed, now, RULES), changed)]
            one = suspicion.seen(one, after, now, RULES, str(now))
            other = suspicion.seen_again(other, changed, now, RULES, str(now))
            self.assertEqual(*news)
            for host in chance.sample((*names, 'unknown'), 3):
                do = chance.choice(doings)
                one, other = do(one, host, float(now)), do(other, host, float(now))
            self.assertEqual((one.missing, one.trusted_from), (other.missing, other.trusted_from))
            for host in (*names, 'unknown'):
                self.assertEqual(one.of(host), other.of(host))
            before = after
