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

"""Horizon's folders in the false world, and the law of what is shown there: it bites."""

import contextlib
import logging
import unittest

from kaopu_ha.controller.boardkeeper import BoardKeeper
from kaopu_ha.core import board as boards
from kaopu_ha.core.board import BoardMessage, MessageKind
from kaopu_ha.sim import scenarios, story
from kaopu_ha.sim.board import Folders
from kaopu_ha.sim.kernel import Kernel
from kaopu_ha.sim.world import Setup
from kaopu_ha.testing import board
from tests.unit.sim import mutants_board
from tests.unit.sim.mutants import MUTANTS, put

LAW = 'what is shown is so'
STORY, BRAKE = 'shown-in-horizon', 'shown-in-horizon-while-the-brake-holds'
FOUND_IN = {'what is over stays shown': STORY, 'what a person waits for is not shown': STORY,
            'one of several dead hosts is not shown': BRAKE}


class Wall(board.Wall):
    """The folder of one controller; somebody else's messages are of a kind of their own there."""

    def __init__(self, folder):
        self.folder, self.others = folder, []

    def seen(self):
        return {(one.level, one.text) for one in (*self.folder.messages.values(), *self.others)}

    def pin(self, level, text):
        self.others.append(BoardMessage(MessageKind.STORE, level, text))

    def spoil(self):
        self.folder.messages = dict.fromkeys(
            self.folder.messages, BoardMessage(MessageKind.STORE, 'info', '?'))

    def vanish(self):
        self.folder.away = True

    def come_back(self):
        self.folder.away = False

    def hang(self):
        self.folder.hangs = True

    def go_on(self):
        self.folder.hangs = False


class Contract(board.BoardSuite, unittest.TestCase):

    def make_wall(self):
        self.folders, self.setup = Folders(Kernel(1)), Setup(horizon=True)
        self.make_board()
        return Wall(self.folders.by_role['controller-1'])

    def make_board(self):
        return self.folders.boards('controller-1', self.setup)[0]

    def test_a_world_without_horizon_has_no_folders(self):
        self.assertEqual((), Folders(Kernel(1)).boards('controller-1', Setup()))


class Law(unittest.TestCase):

    def setUp(self):
        # What the program logs of a world in trouble is no news here.
        logging.disable(logging.CRITICAL)
        self.addCleanup(logging.disable, logging.NOTSET)

    def found(self, name, *patches):
        """The laws that the story of this name breaks with these in the place of the program."""
        with contextlib.ExitStack() as held:
            for patch in patches:
                held.enter_context(patch)
            return {one.law for one in story.play(story.read(scenarios.text(name))).checkers.found}

    def test_it_finds_each_mutant_in_the_story_of_it(self):
        for name, told in FOUND_IN.items():
            with self.subTest(name):
                self.assertEqual({LAW}, self.found(told, *MUTANTS[name]()))

    def test_every_mutant_of_what_is_shown_has_its_story(self):
        mine = {name for name, switch in MUTANTS.items()
                if switch.__module__ == mutants_board.__name__}
        self.assertEqual(mine, {*FOUND_IN})

    def test_to_show_each_thing_once_breaks_it(self):
        real, last = BoardKeeper._show, {}

        def show(self, number, messages):
            if last.get(self) != messages:
                last[self] = messages
                real(self, number, messages)
        self.assertEqual({LAW}, self.found(STORY, put(BoardKeeper, '_show', show)))

    def test_to_show_on_what_nobody_can_know_any_more_breaks_it(self):
        self.assertEqual({LAW}, self.found(STORY, put(
            BoardKeeper, '_show_without_store', lambda self: None)))

    def test_to_name_another_host_breaks_it(self):
        real = boards.messages
        self.assertEqual({LAW}, self.found(STORY, put(
            boards, 'messages', lambda seen, *, names_hosts: tuple(
                BoardMessage(one.kind, one.level, one.text.replace('(c1)', '(c2)'))
                for one in real(seen, names_hosts=names_hosts)))))

    def test_of_a_store_that_is_there_it_may_not_be_said_that_it_is_away(self):
        self.assertEqual({LAW}, self.found(STORY, put(
            boards, 'messages', lambda seen, *, names_hosts: boards.without_store('noon'))))


if __name__ == '__main__':
    unittest.main()
