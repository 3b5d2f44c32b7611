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

import unittest

from kaopu_ha.sim import modelcheck
from kaopu_ha.sim.modelcheck import MAIN, VARIANTS, Variant
from kaopu_ha.sim.smallworld import Hand, Host, Law, Small, Weak, canonical, rounds, touched


class TestTheModelCheck(unittest.TestCase):

    def test_the_program_as_it_is_keeps_every_law_in_every_state(self):
        found = modelcheck.search(MAIN)
        self.assertIsNone(found.law, found.story)
        self.assertGreater(found.states, 50_000)
        # It is no empty promise: every stage and every end was come to.
        for reached in ('suspected', 'dying', 'locked', 'last look', 'confirmed', 'fencing',
                        'proven', 'planned', 'evacuating', 'finished', 'waiting', 'queued',
                        'calling', 'moving', 'refused', 'done', 'failed'):
            self.assertIn(reached, found.reached)

    def test_whatever_is_taken_away_breaks_its_law(self):
        for variant in VARIANTS:
            with self.subTest(variant.name):
                found = modelcheck.search(variant)
                self.assertIs(variant.law, found.law)
                self.assertEqual(found.depth, len(found.story))

    def test_without_a_fence_a_host_that_nobody_reached_writes_beside_its_copy(self):
        found = modelcheck.search(next(item for item in VARIANTS if item.weak.fence))
        self.assertIs(Law.ONE_WRITER, found.law)
        self.assertIn('the host is reached again by all', found.story)
        self.assertIn('Nova starts the instance on c2', found.story)

    def test_the_same_search_finds_the_same_story(self):
        variant = Variant('again', Weak(compare=True), Law.ADMIT, modelcheck.DARK, calm=True)
        self.assertEqual(modelcheck.search(variant), modelcheck.search(variant))


class TestTheSmallWorld(unittest.TestCase):

    def verdicts(self, small):
        return {item.verdict.value for item, _ in rounds(small, Weak())}

    def test_a_living_host_is_never_silent(self):
        self.assertEqual({'alive', 'undecided'}, self.verdicts(Small()))
        self.assertEqual({'alive', 'undecided'}, self.verdicts(Small(host=Host.HALF)))

    def test_a_dark_host_is_silent_or_could_not_be_asked(self):
        self.assertEqual({'dead', 'undecided'}, self.verdicts(Small(host=Host.DARK)))

    def test_what_is_compared_makes_a_hand_stale(self):
        small = Small(controllers=(Hand('judge', writes=(('death', True),)), Hand()))
        self.assertFalse(touched(small, 'recovery').controllers[0].stale)
        self.assertTrue(touched(small, 'case').controllers[0].stale)

    def test_nothing_but_staleness_is_kept_of_a_stale_hand(self):
        small = Small(controllers=(Hand('judge', writes=(('death', True),), stale=True), Hand()))
        self.assertEqual(Hand('stale', stale=True), canonical(small, Weak()).controllers[0])
        self.assertEqual(small, canonical(small, Weak(compare=True)))
