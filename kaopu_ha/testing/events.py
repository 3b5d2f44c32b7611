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

"""What every events driver promises: a suite for drivers, ours and others'.

Mix it into a ``unittest.TestCase`` and give it drivers and the bus that they listen at.
"""

from __future__ import annotations

import abc
from collections.abc import Callable
import threading
import time

from kaopu_ha import ports
from kaopu_ha.core.events import NovaEvent
from kaopu_ha.testing.clock import calm

_SOON = 10.0
_AFTER_A_RETURN = 60.0


class Publisher(abc.ABC):
    """The other side: what the compute service says, and what others say in its place."""

    @abc.abstractmethod
    def say(self, event: NovaEvent) -> None:
        """Say it as the compute service does; ``at`` is not carried."""

    @abc.abstractmethod
    def say_nonsense(self) -> None:
        """Send messages of every kind that are none."""

    @abc.abstractmethod
    def stop(self) -> None:
        """Kill the broker."""

    @abc.abstractmethod
    def start(self) -> None:
        """Start it again."""


class Ear:
    """Remembers what it is told."""

    def __init__(self) -> None:
        self._told: list[NovaEvent] = []
        self._changed = threading.Condition()

    def tell(self, event: NovaEvent) -> None:
        """What a driver calls."""
        with self._changed:
            self._told.append(event)
            self._changed.notify_all()

    def heard(self, count: int, seconds: float = _SOON) -> list[NovaEvent]:
        """What was told as soon as it is so much, or after so many seconds."""
        with self._changed:
            self._changed.wait_for(lambda: len(self._told) >= count, seconds)
            return list(self._told)


class EventsSuite(abc.ABC):
    """The promises of ``ports.Events``."""

    bus: Publisher

    addCleanup: Callable[..., None]
    assertEqual: Callable[..., None]
    assertLess: Callable[..., None]

    @abc.abstractmethod
    def make_events(self) -> ports.Events:
        """A driver at the bus; two of them share what is told."""

    @abc.abstractmethod
    def an_event(self, number: int) -> NovaEvent:
        """One of the events that the driver tells; each number is another instance."""

    def listening(self, ready: bool = True) -> tuple[ports.Events, Ear]:
        """A driver that listens, and who hears it; ``ready``: it has begun when this returns."""
        events, ear = self.make_events(), Ear()
        self.addCleanup(events.close)
        began = calm()
        events.listen(ear.tell)
        self.assertLess(calm() - began, 0.5)
        if ready:
            self.await_an_echo(ear)
        return events, ear

    def await_an_echo(self, ear: Ear, seconds: float = _SOON) -> None:
        """Say something until it is heard, then until nothing more comes."""
        until = time.monotonic() + seconds
        while not ear.heard(1, 0.3):
            self.assertLess(time.monotonic(), until, 'nothing is heard')
            self.bus.say(self.an_event(0))
        while len(ear.heard(0)) < len(ear.heard(len(ear.heard(0)) + 1, 0.5)):
            pass
        self.forget(ear)

    @staticmethod
    def forget(ear: Ear) -> None:
        """Begin anew."""
        with ear._changed:
            ear._told.clear()

    def plain(self, told: list[NovaEvent]) -> list[tuple[object, ...]]:
        """What was told, without the times."""
        return [(each.host, each.kind, each.instance, each.power) for each in told]

    def test_what_is_said_is_told_in_order(self) -> None:
        _, ear = self.listening()
        said = [self.an_event(number) for number in range(1, 30)]
        for event in said:
            self.bus.say(event)
        self.assertEqual(self.plain(said), self.plain(ear.heard(len(said))))

    def test_nonsense_is_passed_over(self) -> None:
        _, ear = self.listening()
        self.bus.say_nonsense()
        self.bus.say(self.an_event(1))
        self.assertEqual(self.plain([self.an_event(1)]), self.plain(ear.heard(1)))
        self.assertEqual(1, len(ear.heard(2, 1.0)))

    def test_two_that_listen_share_what_is_told(self) -> None:
        (_, one), (_, other) = self.listening(), self.listening(ready=False)
        time.sleep(2.0)
        said = [self.an_event(number) for number in range(1, 31)]
        for event in said:
            self.bus.say(event)
        until = time.monotonic() + _SOON
        while len(one.heard(0)) + len(other.heard(0)) < 30 and time.monotonic() < until:
            time.sleep(0.05)
        told = sorted(self.plain(one.heard(0) + other.heard(0)))
        self.assertEqual(sorted(self.plain(said)), told)
        self.assertLess(0, len(other.heard(0)))

    def test_what_is_said_while_one_is_away_is_told_to_the_other(self) -> None:
        (first, _), (_, other) = self.listening(), self.listening(ready=False)
        time.sleep(2.0)
        first.close()
        # What was on its way to it may be lost.
        time.sleep(2.0)
        said = [self.an_event(number) for number in range(1, 11)]
        for event in said:
            self.bus.say(event)
        self.assertEqual(self.plain(said), sorted(self.plain(other.heard(10))))

    def test_nothing_is_told_after_the_close(self) -> None:
        events, ear = self.listening()
        began = calm()
        events.close()
        self.assertLess(calm() - began, 1.0)
        self.bus.say(self.an_event(1))
        self.assertEqual([], ear.heard(1, 1.5))

    def test_a_bus_that_dies_and_comes_back_is_heard_again(self) -> None:
        _, ear = self.listening()
        self.bus.stop()
        self.assertEqual([], ear.heard(1, 3.0))
        self.bus.start()
        self.await_an_echo(ear, _AFTER_A_RETURN)
        self.bus.say(self.an_event(1))
        self.assertEqual(self.plain([self.an_event(1)]), self.plain(ear.heard(1)))

    def test_who_begins_while_the_bus_is_away_hears_when_it_is_back(self) -> None:
        self.bus.stop()
        (_, ear), (closed, _) = self.listening(ready=False), self.listening(ready=False)
        began = calm()
        closed.close()
        self.assertLess(calm() - began, 1.0)
        time.sleep(2.0)
        self.bus.start()
        self.await_an_echo(ear, _AFTER_A_RETURN)
