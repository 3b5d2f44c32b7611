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

"""What is taken out of the conditions of sure to be dead is found by a story, or by the law."""

import dataclasses
import logging
import unittest

from kaopu_ha.core import surely_dead
from kaopu_ha.sim import scenarios, story
from tests.unit.sim.mutants import InStories, put

STORY = 'members-of-a-cluster-are-surely-dead'


def setUpModule():
    # What the program logs of a world in trouble is no news here.
    logging.disable(logging.CRITICAL)


def tearDownModule():
    logging.disable(logging.NOTSET)


class Mutants(InStories):

    def test_what_is_being_moved_live_is_told_to_be_dead(self):
        def is_dead(one, server, fenced, real=surely_dead._is_dead):
            return real(one, server and dataclasses.replace(server, task_state=''), fenced)
        self.finds(STORY, 'away is not told to be dead: it is',
                   put(surely_dead, '_is_dead', is_dead))

    def test_what_has_a_local_disk_is_told_to_be_dead(self):
        def is_dead(one, server, fenced, real=surely_dead._is_dead):
            return one is not None and (real(one, server, fenced) or bool(one.local_disks))
        self.finds(STORY, 'local is not told to be dead: it is',
                   put(surely_dead, '_is_dead', is_dead))

    def test_nobody_is_told(self):
        self.finds(STORY, 'node1 is told to be surely dead: it is not', put(
            surely_dead, 'certain', lambda recovery, servers, planned, case: ()))

    def test_the_law_finds_one_that_lives(self):
        def certain(recovery, servers, planned, case, real=surely_dead.certain):
            first, *rest = real(recovery, servers, planned, case)
            return (first, *rest, dataclasses.replace(first, instance=self.alive))
        told = story.read(scenarios.text(STORY))
        self.alive = next(row.uuid for row in story.play(told).world.nova.rows.values()
                          if row.name == 'other')
        self.finds(STORY, 'the dead are dead', put(surely_dead, 'certain', certain))


if __name__ == '__main__':
    unittest.main()
