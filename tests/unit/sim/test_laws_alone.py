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

"""Law 10 for each suspect: it goes red if one of them keeps the others waiting."""

import logging
import unittest

from kaopu_ha.sim import story
from tests.unit.sim import mutants_alone  # noqa: F401  it adds its own
from tests.unit.sim.mutants import MUTANTS

STORY = '''
title: Four suspects that live
pace: fast
hosts: c1 c2 c3 c4 c5
instances: {i1: c1, i2: c2, i3: c3, i4: c4}
story:
  - 10 cut c1 management
  - 10 cut c2 management
  - 10 cut c3 management
  - 10 cut c4 management
  - 60 end
'''


def setUpModule():
    logging.disable(logging.CRITICAL)


def tearDownModule():
    logging.disable(logging.NOTSET)


class TestLookedAt(unittest.TestCase):

    def wrong(self):
        return story.play(story.read(STORY)).wrong

    def test_suspects_that_are_asked_about_at_once(self):
        self.assertEqual((), self.wrong())

    def test_suspects_of_which_one_is_asked_about_in_each_turn(self):
        for patch in MUTANTS['one suspect is looked at in each turn']():
            patch.setUp()
            self.addCleanup(patch.cleanUp)
        self.assertIn('looked at in its turn', self.wrong()[0])


HANGS = '''
title: A leader that hangs goes on for a moment, and hangs again
pace: fast
controllers: 2
instances: {i1: c1}
story:
  - 27 controller-1 hangs at its next services for 14.9 s
  - 28 power on c1
  - 30 etcd loses the keys of all leases
  - 31 the leader hangs at its next services
  - 32 cut c2 storage
  - 90 end
'''


class TestLed(unittest.TestCase):

    def test_one_that_hangs_anew_is_replaced_in_time_from_then_on(self):
        played = story.play(story.read(HANGS))
        self.assertEqual((), played.wrong)
        self.assertEqual(2, played.log.count('controller-1/1 hangs at its services'))
        self.assertIn('controller-2/1 leads', played.log)
