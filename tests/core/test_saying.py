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
"""A person's word that a host is off, while it is judged: what it decides, and what ends it."""

import dataclasses
import unittest

from kaopu_ha.core import brake, detection, evidence, roads, saying, wishes
from kaopu_ha.core.model import Network, Sign, Stage, Verdict, Word
from kaopu_ha.core.news import Fact
from kaopu_ha.core.wishes import Wish, WishState, WishVerb
from tests.core.values import (
    AT,
    BY,
    LIFE,
    SILENCE,
    UNKNOWN,
    a_case,
    a_look,
    a_round,
    an_inventory,
    evidence_of,
    keys_of,
    rules,
    said_instead,
    told_instead,
)

WORD = Word('ann@admin1', AT, 'both plugs are out', inventory=7)
SAID = 'ann@admin1 says that it is switched off (both plugs are out)'


def judged(management, storage, **changes):
    storage = dataclasses.replace(evidence_of(Network.STORAGE, storage), **changes)
    return detection.judged((evidence_of(Network.MANAGEMENT, management), storage), WORD)


def by_word(**changes):
    """A round that does not say, judged by the word."""
    plain = a_round(SILENCE, UNKNOWN)
    verdict, rule = detection.judged(plain.evidence, WORD)
    return dataclasses.replace(plain, verdict=verdict, rule=rule, **changes)


class TestVerdict(unittest.TestCase):

    def test_it_stands_for_what_could_not_be_asked_and_for_no_sign(self):
        for management in Sign:
            for storage in Sign:
                plain, _ = detection.judged((evidence_of(Network.MANAGEMENT, management),
                                             evidence_of(Network.STORAGE, storage)))
                wanted = Verdict.DEAD if plain is Verdict.UNDECIDED else plain
                with self.subTest(management=management, storage=storage):
                    self.assertIs(wanted, judged(management, storage)[0])

    def test_the_rule_says_who_says_so_and_what_is_not_known(self):
        rule = judged(SILENCE, UNKNOWN)[1]
        self.assertIn(SAID, rule)
        self.assertIn('storage network does not say', rule)
        self.assertNotIn('ann', judged(SILENCE, SILENCE)[1], 'no word was needed')

    def test_it_stands_where_there_is_nothing_to_ask(self):
        for rule in evidence.NOTHING_TO_ASK:
            self.assertIs(Verdict.DEAD, judged(SILENCE, UNKNOWN, rule=rule)[0])

    def test_not_against_a_live_client_at_an_address_of_nobody(self):
        found, rule = judged(SILENCE, UNKNOWN, strangers=('10.9.9.9:0/1',))
        self.assertIs(Verdict.UNDECIDED, found)
        self.assertNotIn('ann', rule)


class TestRoad(unittest.TestCase):

    def test_every_stage_and_every_wait_is_as_always(self):
        case, seen = a_case(word=WORD), []
        for _ in range(500):
            look = a_look(by_word(), since_last=5.0, inventory_revision=7, **keys_of(case.stage))
            decision = detection.advance(case, look, rules())
            case = decision.case
            seen.append(case.stage)
            if decision.confirm:
                break
        self.assertEqual([Stage.DYING, Stage.LOCKED, Stage.LAST_LOOK, Stage.CONFIRMED],
                         list(dict.fromkeys(seen)))
        self.assertIn(SAID, case.history[-1].reason)
        self.assertIsNone(case.word, 'for the fence, and for the next case, it is said again')

    def test_whatever_shows_life_ends_it_and_all_that_was_waited(self):
        for found in (a_round(LIFE, UNKNOWN), a_round(SILENCE, LIFE), a_round(UNKNOWN, LIFE)):
            case = a_case(Stage.LOCKED, waited=20.0, word=WORD)
            decision = detection.advance(case, a_look(found, lock=True), rules())
            self.assertEqual((Stage.SUSPECTED, 0.0, None), (
                decision.case.stage, decision.case.waited, decision.case.word))
            self.assertIn(Fact.WORD_ENDED, [item.fact for item in decision.news])
            self.assertIs(detection.Key.DELETE, decision.lock)

    def test_so_does_what_its_agent_has_told_since(self):
        case = a_case(Stage.LAST_LOOK, word=WORD)
        same = detection.advance(case, a_look(by_word(), inventory_revision=7), rules())
        self.assertTrue(same.confirm)
        later = detection.advance(case, a_look(by_word(), inventory_revision=8), rules())
        self.assertEqual((False, Stage.SUSPECTED, None), (
            later.confirm, later.case.stage, later.case.word))

    def test_its_beat_ends_it_with_the_case(self):
        for changes in ({}, {'admit': object()}):
            decision = detection.advance(a_case(word=WORD, **changes),
                                         a_look(beat=True), rules())
            self.assertIsNone(decision.case.word)
            self.assertIs(Fact.WORD_ENDED, decision.news[0].fact)

    def test_a_host_that_people_hold_is_not_condemned_by_it(self):
        decision = detection.advance(a_case(word=WORD), a_look(by_word(), held=True), rules())
        self.assertIs(Stage.SUSPECTED, decision.case.stage)

    def test_who_says_it_for_ever_does_not_fill_the_store(self):
        case = a_case()
        for _ in range(300):
            case, _ = saying.ended(saying.given(case, WORD, AT, BY), 'it answers', AT, BY)
        self.assertLess(len(case.history), 70)

    def test_the_brake_counts_it_like_any_other(self):
        nothing = said_instead(by_word(), evidence_of(
            Network.STORAGE, UNKNOWN, rule=evidence.NOTHING_ON))
        case = a_case(verdict=Verdict.DEAD, rounds=(nothing,))
        self.assertEqual((), brake.silent({'c1': case}, {'c1'}, ()))
        said = dataclasses.replace(case, word=WORD)
        self.assertEqual(('c1',), brake.silent({'c1': said}, {'c1'}, ()))


class TestAsked(unittest.TestCase):

    def ask(self, case, **look):
        wish = Wish(WishVerb.GO_ON, 'c1', 'ann@admin1', AT, 'both plugs are out', opened=40)
        seen = dataclasses.replace(wishes.Seen(AT, BY, case=case, opened=40,
                                               inventory_revision=7), **look)
        return wishes.answered(wish, seen, rules())

    def doubted(self, **changes):
        return a_case(**{'verdict': Verdict.UNDECIDED, 'rounds': (a_round(SILENCE, UNKNOWN),)}
                      | changes)

    def test_it_is_kept_in_the_case_and_told(self):
        answer = self.ask(self.doubted())
        self.assertIs(WishState.DONE, answer.wish.state)
        self.assertEqual(WORD, answer.case.word)
        self.assertEqual((roads.WORD_GIVEN, SAID), (answer.case.history[-1].stage,
                                                    answer.case.history[-1].reason))
        self.assertEqual([Fact.WORD_GIVEN], [item.fact for item in answer.news])
        self.assertIs(Stage.SUSPECTED, answer.case.stage, 'nothing is judged by the answer')
        self.assertIsNone(answer.recovery)

    def test_in_each_stage_of_judging(self):
        for stage in detection.JUDGING:
            self.assertIs(WishState.DONE, self.ask(self.doubted(stage=stage)).wish.state)

    def test_it_is_refused_where_it_would_change_nothing_or_be_wrong(self):
        strange = told_instead(a_round(SILENCE, UNKNOWN), Network.STORAGE,
                               strangers=('10.9.9.9:0/1',))
        table = [
            (self.doubted(verdict=Verdict.ALIVE, rounds=(a_round(LIFE, UNKNOWN),)), {},
             'shows life'),
            (self.doubted(verdict=Verdict.DEAD, rounds=(a_round(),)), {}, 'every network'),
            (self.doubted(rounds=(strange,)), {}, 'kaopu-ha tool add'),
            (self.doubted(), {'beats': True}, 'it beats'),
            (self.doubted(), {'held': True}, 'kaopu-ha host release c1'),
            (self.doubted(), {'opened': 41}, 'is over'),
            (None, {}, 'is over'),
            (self.doubted(stage=Stage.CONFIRMED), {}, 'its case is confirmed'),
        ]
        for case, look, words in table:
            with self.subTest(words=words):
                answer = self.ask(case, **look)
                self.assertIs(WishState.REFUSED, answer.wish.state)
                self.assertIn(words, answer.wish.answer)
                self.assertIsNone(answer.case)
                self.assertEqual([Fact.WISH_REFUSED], [item.fact for item in answer.news])

    def test_what_its_agent_had_told_by_then_does_not_end_it(self):
        case = self.ask(self.doubted()).case
        look = a_look(by_word(), inventory=an_inventory(), inventory_revision=7)
        self.assertIs(Stage.DYING, detection.advance(case, look, rules()).case.stage)
