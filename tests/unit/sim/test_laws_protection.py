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

"""What is told of protection: a program that tells it of the dead is caught."""

import logging
import unittest

import fixtures

from kaopu_ha.core import protection
from kaopu_ha.core.news import Fact
from kaopu_ha.sim import scenarios, story


class OfTheDead(unittest.TestCase):

    def setUp(self):
        logging.disable(logging.CRITICAL)
        self.addCleanup(logging.disable, logging.NOTSET)

    def play(self):
        return story.play(story.read(scenarios.text('not-protected-and-then-dead')))

    def put(self, name, value):
        patch = fixtures.MonkeyPatch(f'kaopu_ha.core.protection.{name}', value)
        patch.setUp()
        self.addCleanup(patch.cleanUp)

    def test_nothing_is_said_while_the_host_is_judged(self):
        played = self.play()
        self.assertEqual((), played.wrong)
        told = [at for at, news in played.world.told if news.host == 'c1'
                and news.fact in (Fact.UNPROTECTED, Fact.PROTECTED)]
        self.assertEqual([], [at for at in told if at > 80.0])

    def test_one_that_is_told_to_be_protected_by_its_death_breaks_the_law(self):
        real = protection.telling
        self.put('telling', lambda memory, found, now, rules, away=(): real(
            memory, found, now, rules))
        self.assert_broken('protected again')

    def test_so_does_one_that_is_told_not_to_be_while_it_is_judged(self):
        real = protection.telling
        self.put('still_to_be_judged', lambda found, cases: iter(found))
        # Told at each look, not once an hour.
        self.put('telling', lambda memory, found, now, rules, away=(): real(
            {key: one for key, one in memory.items() if one.told is None}, found, now, rules))
        self.assert_broken('unprotected')

    def assert_broken(self, word):
        wrong, *_ = self.play().wrong
        self.assertIn('what is told is so', wrong)
        self.assertIn(word, wrong)
