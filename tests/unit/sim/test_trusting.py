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

"""What is taken out of the rules of trusted notifications is found by their stories."""

import dataclasses
import logging
import unittest

from kaopu_ha.core import saying, trusting
from tests.unit.sim.mutants import InStories, put

RIGHT, WRONG = 'said-to-be-dead-by-who-cut-its-power', 'trusted-and-wrong'
UNTRUSTED = 'said-to-be-dead'


def setUpModule():
    # What the program logs of a world in trouble is no news here.
    logging.disable(logging.CRITICAL)


def tearDownModule():
    logging.disable(logging.NOTSET)


class Mutants(InStories):

    def test_it_is_not_listened_to(self):
        self.finds(RIGHT, 'web runs elsewhere', put(
            trusting, 'weighed', lambda before, after, seen, by, rules: trusting.Weighed(after)))

    def test_it_is_trusted_though_nobody_said_so(self):
        def weighed(before, after, seen, by, rules, real=trusting.weighed):
            return real(before, after, seen, by, dataclasses.replace(
                rules, trust_notifications=True))
        self.finds(RIGHT, 'unknown is no silence', put(trusting, 'weighed', weighed),
                   change=lambda text: text.replace('rules: trust_notifications\n', ''))

    def test_it_counts_whatever_was_heard_since(self):
        def weighed(before, after, seen, by, rules, real=trusting.weighed):
            found = real(before, after, seen, by, rules)
            return dataclasses.replace(found, notification=dataclasses.replace(
                found.notification, spent=False))
        self.finds(WRONG, 'unknown is no silence', put(trusting, 'weighed', weighed), put(
            trusting, '_was_heard_of', lambda one, seen: False))

    def test_it_is_given_to_a_host_that_shows_life(self):
        self.finds(WRONG, 'life ends a word', put(
            saying, 'why_not', lambda case, *, held: ''), put(
                trusting, '_was_heard_of', lambda one, seen: False))


if __name__ == '__main__':
    unittest.main()
