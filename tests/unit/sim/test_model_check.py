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

"""The model check: the program as it is keeps every law, and what is taken away is missed."""

import dataclasses
import os
import unittest

import fixtures

from kaopu_ha.core import recovery
from kaopu_ha.core.model import RecoveryStage
from kaopu_ha.core.news import Fact, News
from kaopu_ha.core.recovery import Act
from kaopu_ha.sim import modelcheck
from kaopu_ha.sim.modelcheck import ARRIVAL, MAIN, PROVEN, VARIANTS, Variant, controllers
from kaopu_ha.sim.modelcheck.world import (
    Ablation,
    Host,
    Law,
    Pending,
    State,
    canonical,
    rounds,
    touched,
)

# What takes minutes is left to ``tools/run-tests long``.
EVERY_STATE = os.environ.get('KAOPU_EVERY_STATE') == '1'
NEWS = News(Fact.PROVEN, 'c1', '')
CALM = Variant('from a proven fence', Ablation(), start=PROVEN, calm=True)
UNFORCED = Variant('from a proven fence, its service up', Ablation(), calm=True,
                   start=PROVEN._replace(forced=False, recovery=dataclasses.replace(
                       PROVEN.recovery, forced_by_us=False)))


class TestTheModelCheck(unittest.TestCase):

    def test_the_program_as_it_is_keeps_every_law_in_every_state(self):
        found = modelcheck.search(MAIN)
        self.assertIsNone(found.law, found.story)
        self.assertGreater(found.states, 50_000)
        # It is no empty promise: every stage and every end was come to.
        for reached in ('suspected', 'dying', 'locked', 'last look', 'confirmed', 'fencing',
                        'proven', 'planned', 'evacuating', 'finished', 'queued', 'calling',
                        'moving', 'refused', 'done', 'failed'):
            self.assertIn(reached, found.reached)

    def test_whatever_is_taken_away_breaks_its_law(self):
        for variant in VARIANTS:
            with self.subTest(variant.name):
                found = modelcheck.search(variant)
                self.assertIs(variant.law, found.law)
                self.assertEqual(found.depth, len(found.story))

    def test_a_second_round_of_targets_keeps_every_law_too(self):
        # In the whole world it would be six times as many states.
        longer = dataclasses.replace(controllers.RULES, give_up_seconds=1.0)
        patch = fixtures.MonkeyPatch('kaopu_ha.sim.modelcheck.controllers.RULES', longer)
        patch.setUp()
        self.addCleanup(patch.cleanUp)
        found = modelcheck.search(CALM)
        self.assertIsNone(found.law, found.story)
        for reached in ('waiting', 'refused', 'done', 'failed', 'finished'):
            self.assertIn(reached, found.reached)

    def test_what_comes_to_a_fenced_host_is_in_every_state_moved_too(self):
        found = modelcheck.search(ARRIVAL)
        self.assertIsNone(found.law, found.story)
        self.assertGreater(found.states, 20_000)
        for reached in ('queued', 'moving', 'done', 'finished'):
            self.assertIn(reached, found.reached)

    @unittest.skipUnless(EVERY_STATE, 'some minutes: tools/run-tests long')
    def test_whatever_people_ask_and_when_keeps_every_law(self):
        found = modelcheck.search(modelcheck.PEOPLE)
        self.assertIsNone(found.law, found.story)
        self.assertGreater(found.states, 50_000)
        for reached in ('waiting', 'refused', 'done', 'failed', 'finished'):
            self.assertIn(reached, found.reached)

    def test_without_a_fence_a_host_that_nobody_reached_writes_beside_its_copy(self):
        found = modelcheck.search(next(item for item in VARIANTS if item.ablation.fence))
        self.assertIs(Law.ONE_WRITER, found.law)
        self.assertIn('the host is reached again by all', found.story)
        self.assertIn('Nova starts the instance on c2', found.story)

    def test_the_same_search_finds_the_same_story(self):
        variant = Variant('again', Ablation(compare=True), Law.ADMIT, modelcheck.DARK, calm=True)
        self.assertEqual(modelcheck.search(variant), modelcheck.search(variant))


class TestPlantedFaults(unittest.TestCase):
    """It is the program's own road that is played: a fault in core.recovery is found."""

    def found(self, name, planted, variant):
        # What was decided without the fault is decided anew, and once more without it.
        self.addCleanup(controllers.decided.cache_clear)
        controllers.decided.cache_clear()
        patch = fixtures.MonkeyPatch(f'kaopu_ha.core.recovery.{name}', planted)
        patch.setUp()
        self.addCleanup(patch.cleanUp)
        return modelcheck.search(variant)

    def test_proven_without_a_read_back(self):
        def fencing(item, seen):
            decision = recovery._go(item, RecoveryStage.PROVEN, seen, '', NEWS)
            return dataclasses.replace(decision, proven=True)
        found = self.found('_fencing', fencing, MAIN)
        self.assertIs(Law.CALL, found.law)
        self.assertNotIn('the leader fences the host', found.story)

    def test_finished_while_a_move_is_open(self):
        real = recovery._moving

        def moving(item, seen, rules):
            if item.stage is RecoveryStage.EVACUATING:
                return recovery._ending(item, seen, (), rules)
            return real(item, seen, rules)
        self.assertIs(Law.FORGOTTEN, self.found('_ROADS', recovery._ROADS | {
            RecoveryStage.EVACUATING: moving}, CALM).law)

    def test_an_arrival_that_nobody_looks_for(self):
        found = self.found('_came', lambda item, seen: frozenset(), ARRIVAL)
        self.assertIs(Law.FORGOTTEN, found.law)
        self.assertIn('its live migration to the host ends: Nova shows it there', found.story)

    def test_planned_before_the_service_is_forced_down(self):
        real = recovery._proven

        def proven(item, seen, rules):
            return real(item, dataclasses.replace(seen, services={}), rules)
        self.assertIs(Law.FORCED, self.found('_ROADS', recovery._ROADS | {
            RecoveryStage.PROVEN: proven}, UNFORCED).law)

    def test_forced_down_before_that_is_written(self):
        real = recovery._proven

        def proven(item, seen, rules):
            decision = real(item, seen, rules)
            if decision.act is Act.COMMIT and decision.recovery.stage is RecoveryStage.PROVEN:
                return dataclasses.replace(decision, act=Act.FORCE_DOWN, recovery=item)
            return decision
        self.assertIs(Law.FORCED, self.found('_ROADS', recovery._ROADS | {
            RecoveryStage.PROVEN: proven}, UNFORCED).law)


class TestTheSmallWorld(unittest.TestCase):

    def verdicts(self, state):
        return {item.verdict.value for item, _ in rounds(state, Ablation())}

    def test_a_living_host_is_never_silent(self):
        self.assertEqual({'alive', 'undecided'}, self.verdicts(State()))
        self.assertEqual({'alive', 'undecided'}, self.verdicts(State(host=Host.HALF)))

    def test_a_dark_host_is_silent_or_could_not_be_asked(self):
        self.assertEqual({'dead', 'undecided'}, self.verdicts(State(host=Host.DARK)))

    def test_what_is_compared_makes_a_hand_stale(self):
        state = State(controllers=(Pending('judge', writes=(('death', True),)), Pending()))
        self.assertFalse(touched(state, 'recovery').controllers[0].stale)
        self.assertTrue(touched(state, 'case').controllers[0].stale)

    def test_nothing_but_staleness_is_kept_of_what_is_stale(self):
        state = State(controllers=(Pending('judge', writes=(('death', True),), stale=True),
                                   Pending()))
        self.assertEqual(Pending('stale', stale=True), canonical(state, Ablation()).controllers[0])
        self.assertEqual(state, canonical(state, Ablation(compare=True)))
