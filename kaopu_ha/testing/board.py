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

"""What every board promises: a suite for drivers, ours and others'.

Mix it into a ``unittest.TestCase`` and give it a board, with a way to see what people see there.
"""

from __future__ import annotations

import abc
from collections.abc import Callable, Sequence
import time
from typing import Any

from kaopu_ha import ports
from kaopu_ha.core.board import BoardMessage, MessageKind
from kaopu_ha.testing.clock import calm

LIMIT = 5.0

BRAKE = BoardMessage(MessageKind.BRAKE, 'error', 'Kaopu HA: the brake is on.')
CONFIRMED = BoardMessage(MessageKind.CONFIRMED, 'error', 'Kaopu HA: 1 host is confirmed dead.')
LATER = BoardMessage(MessageKind.CONFIRMED, 'warning', 'Kaopu HA: its recovery has finished.')


class Wall(abc.ABC):
    """The other side of a board: where people look."""

    @abc.abstractmethod
    def seen(self) -> set[tuple[str, str]]:
        """Level and text of each message that people see, others' messages too."""

    @abc.abstractmethod
    def pin(self, level: str, text: str) -> None:
        """Have somebody else show a message."""

    @abc.abstractmethod
    def spoil(self) -> None:
        """Have somebody change every message of ours."""

    @abc.abstractmethod
    def vanish(self) -> None:
        """Have nothing take messages there; what is shown is not seen meanwhile."""

    @abc.abstractmethod
    def come_back(self) -> None:
        """Have it take messages again, with what it showed before."""

    @abc.abstractmethod
    def hang(self) -> None:
        """Have it take what is shown next, and never say so."""

    @abc.abstractmethod
    def go_on(self) -> None:
        """Have it end what it hung in."""


class BoardSuite:
    """The promises of ``ports.Board``."""

    board: ports.Board
    wall: Wall

    addCleanup: Callable[..., None]
    assertEqual: Callable[..., None]
    assertLess: Callable[..., None]
    assertRaises: Callable[..., Any]

    def make_wall(self) -> Wall:
        """Where people look."""
        raise NotImplementedError

    def make_board(self) -> ports.Board:
        """The driver to hold to its promises, made anew, as after a crash; it shows on the wall."""
        raise NotImplementedError

    def setUp(self) -> None:
        """Make both sides."""
        super().setUp()  # type: ignore[misc]
        self.wall = self.make_wall()
        self.board = self.make_board()

    def assert_seen(self, *messages: BoardMessage) -> None:
        """People see these, and no others."""
        self.assertEqual({(one.level, one.text) for one in messages}, self.wall.seen())

    def test_what_is_shown_is_seen_from_its_beginning_to_its_end(self) -> None:
        self.board.show([BRAKE], LIMIT)
        self.assert_seen(BRAKE)
        self.board.show([BRAKE, CONFIRMED], LIMIT)
        self.assert_seen(BRAKE, CONFIRMED)
        self.board.show([CONFIRMED], LIMIT)
        self.assert_seen(CONFIRMED)
        self.board.show([], LIMIT)
        self.assert_seen()

    def test_a_message_that_changes_takes_the_place_of_the_former(self) -> None:
        self.board.show([CONFIRMED], LIMIT)
        self.board.show([LATER], LIMIT)
        self.assert_seen(LATER)

    def test_asked_again_it_shows_the_same(self) -> None:
        for _ in range(3):
            self.board.show([BRAKE, CONFIRMED], LIMIT)
            self.assert_seen(BRAKE, CONFIRMED)

    def test_what_was_shown_before_a_crash_is_taken_over(self) -> None:
        self.board.show([BRAKE, CONFIRMED], LIMIT)
        self.board = self.make_board()
        self.board.show([LATER], LIMIT)
        self.assert_seen(LATER)

    def test_what_others_show_stays(self) -> None:
        self.wall.pin('info', 'The cloud is upgraded tonight.')
        self.board.show([BRAKE], LIMIT)
        self.board.show([], LIMIT)
        self.board.close()
        self.assertEqual({('info', 'The cloud is upgraded tonight.')}, self.wall.seen())

    def test_what_somebody_spoiled_is_right_again(self) -> None:
        self.board.show([BRAKE, CONFIRMED], LIMIT)
        self.wall.spoil()
        self.board.show([BRAKE, CONFIRMED], LIMIT)
        self.assert_seen(BRAKE, CONFIRMED)

    def test_when_it_is_closed_nothing_of_it_is_seen(self) -> None:
        self.board.show([BRAKE], LIMIT)
        self.board.close()
        self.assert_seen()

    def test_one_that_showed_nothing_takes_nothing_down(self) -> None:
        """A command makes a board to check it, beside a controller that shows something."""
        self.board.show([BRAKE], LIMIT)
        self.make_board().close()
        self.assert_seen(BRAKE)

    def test_a_wall_that_is_away_is_told_and_shows_what_is_so_once_it_is_back(self) -> None:
        self.board.show([BRAKE], LIMIT)
        self.wall.vanish()
        with self.assertRaises(ports.PortError):
            self.board.show([BRAKE, CONFIRMED], LIMIT)
        self.wall.come_back()
        self.board.show([LATER], LIMIT)
        self.assert_seen(LATER)

    def test_a_wall_that_hangs_costs_the_limit_once_and_then_nothing(self) -> None:
        self.wall.hang()
        self.addCleanup(self.wall.go_on)
        began = calm()
        with self.assertRaises(ports.PortError):
            self.board.show([BRAKE], 0.5)
        for _ in range(10):
            with self.assertRaises(ports.PortError):
                self.board.show([BRAKE], 0.5)
        self.board.close()
        self.assertLess(calm() - began, 3.0)

    def test_what_hung_and_went_on_is_right_soon(self) -> None:
        self.wall.hang()
        self.addCleanup(self.wall.go_on)
        with self.assertRaises(ports.PortError):
            self.board.show([BRAKE], 0.2)
        self.wall.go_on()
        self._until_shown([LATER])
        self.assert_seen(LATER)

    def _until_shown(self, messages: Sequence[BoardMessage]) -> None:
        """Try as a controller does: again in its next turn."""
        deadline = time.monotonic() + LIMIT
        while True:
            try:
                return self.board.show(messages, LIMIT)
            except ports.PortError as failure:
                self.assertLess(time.monotonic(), deadline, failure)
                time.sleep(0.02)
