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

"""Some hundred lives, and none goes wrong; what goes wrong is shrunk to a story.

``tools/run-tests long`` plays 20,000 more, ``python -m kaopu_ha.sim.runs --seed N --count N
--shrink`` others.
"""

import dataclasses
import logging
import sys
import time
import unittest

from kaopu_ha.sim import runs, shrink, story
from tests.unit.sim.mutants import MUTANTS

# Runs that are known to go wrong, each with the law that it breaks.  A mend takes it out of here.
OPEN: dict[int, str] = {}

# In parts, each in a class of its own: the test runner's processes share them.
PARTS, RUNS_IN_PART = 3, 100


def setUpModule():
    # What the program logs of a world in trouble is no news here.
    logging.disable(logging.CRITICAL)


def tearDownModule():
    logging.disable(logging.NOTSET)


class Part(unittest.TestCase):

    first = 1

    def none_goes_wrong(self):
        began, found = time.monotonic(), []
        for seed in range(self.first, self.first + RUNS_IN_PART):
            _, wrong = runs.run(runs.story_of(seed))
            if wrong and OPEN.get(seed) not in wrong[0].split(': '):
                found.append(f'seed {seed}: {wrong[0]}')
            if not wrong and seed in OPEN:
                found.append(f'seed {seed} goes wrong no more: take it out of OPEN')
        seconds = time.monotonic() - began
        print(f'{RUNS_IN_PART} runs from seed {self.first}: {RUNS_IN_PART / seconds:.1f} a '
              f'second', file=sys.stderr)
        self.assertEqual([], found, 'see python -m kaopu_ha.sim.runs --seed N --count 1 --shrink')


for number in range(PARTS):
    name = f'TestRuns{number}'
    globals()[name] = type(name, (Part,), {
        '__module__': __name__, 'first': 1 + number * RUNS_IN_PART,
        'test_runs_of_this_part_break_no_law': Part.none_goes_wrong})


class TestOfARun(unittest.TestCase):

    def test_each_third_has_faults_of_guests_behind_all_that_was_drawn(self):
        # Whatever befalls guests is told in these words, and nothing else tells of them.
        words = ' crashes', 'an I/O error pauses ', 'the watchdog of ', 'writes of '
        for seed in range(1, 61):
            for hard in (False, True):
                made = runs.story_of(seed, hard)
                with_guests = any(any(word in event.words for word in words)
                                  for event in made.events)
                self.assertFalse(with_guests and seed % 3, seed)
        self.assertGreater(sum(any(word in event.words for event in runs.story_of(seed).events
                                   for word in words) for seed in range(3, 181, 3)), 50)

    def test_the_same_seed_gives_the_same_story_and_the_same_bytes(self):
        for seed in (3, 4):
            first, again = (story.play(runs.story_of(seed)).log for _ in range(2))
            self.assertEqual(runs.story_of(seed), runs.story_of(seed))
            self.assertEqual(first, again)

    def test_in_a_hard_one_much_more_fails_beside(self):
        plain, hard = ([len(runs.story_of(seed, each).events) for seed in range(1, 101)]
                       for each in (False, True))
        self.assertGreater(sum(hard), 1.5 * sum(plain))
        self.assertEqual(runs.story_of(3, True), runs.story_of(3, True))

    def test_what_goes_wrong_is_shrunk_to_a_story_that_goes_wrong_in_the_same_way(self):
        for patch in MUTANTS['no fence']():
            self.useFixture(patch)
        seed = next(seed for seed in range(1, 50)
                    if 'no call unfenced' in ''.join(runs.run(runs.story_of(seed))[1][:1]))
        before = runs.story_of(seed)
        small, wrong = shrink.shrunk(before, runs.run)
        self.assertIn('no call unfenced', wrong[0])
        self.assertLessEqual(len(small.setup.instances), len(before.setup.instances))
        faults = [event for event in small.events if event in before.events]
        self.assertLessEqual(len(faults), 2)
        # The file that it is printed as plays, and goes wrong, in the times of runs.
        read = story.read(story.written(small))
        played = story.play(dataclasses.replace(read, setup=dataclasses.replace(
            read.setup, times=small.setup.times)))
        self.assertIn('no call unfenced', played.wrong[0])

    def useFixture(self, fixture):
        fixture.setUp()
        self.addCleanup(fixture.cleanUp)
