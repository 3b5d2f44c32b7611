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

"""What every notifier promises: a suite for drivers, ours and others'.

Mix it into a ``unittest.TestCase`` and give it a driver and its receiver, a real one.
"""

from __future__ import annotations

import abc
from collections.abc import Callable
import dataclasses
import time
from typing import Any

from kaopu_ha import ports
from kaopu_ha.core.news import DeadInstance, Fact, News, Outcome
from kaopu_ha.core.notice import Audience, Notice
from kaopu_ha.telling import notices
from kaopu_ha.testing.clock import calm

AT = '2026-01-01T00:05:52.250+00:00'
LIMIT = 5.0
PATIENCE = 10.0


def an_outcome(**changes: Any) -> Outcome:
    """An instance that was moved, and whose project wants to know."""
    return dataclasses.replace(Outcome(
        instance='9d2c7a51-4c55-4a0e-9d0b-2f0d6a3c1b11', name='web-1',
        project='5f1d9e6bb1c34a43a2c9f2d9b3f1c0de', opted_in=True, result='done',
        reason='it runs there with its disks open', source='compute-1', target='compute-2',
        silent_since='2026-01-01T00:00:00.000+00:00', confirmed_at='2026-01-01T00:05:34.500+00:00',
        ended_at=AT), **changes)


def a_dead_instance(**changes: Any) -> DeadInstance:
    """A member of a cluster that is surely dead, and stays away: its project wants to know."""
    return dataclasses.replace(DeadInstance(
        instance='9d2c7a51-4c55-4a0e-9d0b-2f0d6a3c1b11', name='node-1',
        project='5f1d9e6bb1c34a43a2c9f2d9b3f1c0de', opted_in=True, source='compute-1',
        silent_since='2026-01-01T00:00:00.000+00:00', fenced_at='2026-01-01T00:05:35.250+00:00',
        is_moved=False), **changes)


def some_news(**changes: Any) -> News:
    """News of an instance that was moved."""
    return dataclasses.replace(News(
        Fact.MOVED, 'compute-1', 'web-1 to compute-2: it runs there with its disks open',
        (an_outcome(),)), **changes)


def some_notices(news: News | None = None, number: int = 1) -> tuple[Notice, ...]:
    """The notices of one news: the operators' first, then its project's."""
    ids = (f'00000000-0000-4000-8000-{number:08d}{part:04d}' for part in range(100))
    return notices.made(news or some_news(), publisher='kaopu-ha-worker:control-1', at=AT,
                        new_id=lambda: next(ids), projects=[notices.ALL_PROJECTS])


class Receiver(abc.ABC):
    """The other side of a notifier."""

    @abc.abstractmethod
    def received(self, audience: Audience) -> list[dict[str, Any]]:
        """The messages for these that have come so far, in order; each as ``Notice.message``."""

    @abc.abstractmethod
    def freeze(self) -> None:
        """Have it take connections and answer nothing."""

    @abc.abstractmethod
    def thaw(self) -> None:
        """Have it go on."""

    @abc.abstractmethod
    def vanish(self) -> None:
        """Have nobody listen there."""

    @abc.abstractmethod
    def come_back(self) -> None:
        """Have it listen again at the same address."""


class NotifierSuite:
    """The promises of ``ports.Notifier``, for one that talks to somebody."""

    notifier: ports.Notifier
    receiver: Receiver
    secrets: tuple[str, ...] = ()

    addCleanup: Callable[..., None]
    assertEqual: Callable[..., None]
    assertIn: Callable[..., None]
    assertLess: Callable[..., None]
    assertNotIn: Callable[..., None]
    assertRaises: Callable[..., Any]
    assertTrue: Callable[..., None]

    def make_receiver(self) -> Receiver:
        """The other side."""
        raise NotImplementedError

    def make_notifier(self) -> ports.Notifier:
        """The driver to hold to its promises, which tells ``self.receiver``."""
        raise NotImplementedError

    def setUp(self) -> None:
        """Make both sides."""
        super().setUp()  # type: ignore[misc]
        self.receiver = self.make_receiver()
        self.notifier = self.make_notifier()
        self.addCleanup(self.notifier.close)

    def await_messages(self, audience: Audience, count: int) -> list[dict[str, Any]]:
        """The messages, once there are so many."""
        deadline = time.monotonic() + PATIENCE
        while len(found := self.receiver.received(audience)) < count:
            self.assertLess(time.monotonic(), deadline, found)
            time.sleep(0.05)
        return found

    def assert_lost(self, notice: Notice, limit: float) -> None:
        """It is told as not taken in time, and without a secret."""
        began = calm()
        with self.assertRaises(ports.PortError) as raised:
            self.notifier.notify(notice, limit)
        self.assertLess(calm() - began, 2 * limit + 1.0)
        for secret in self.secrets:
            self.assertNotIn(secret, str(raised.exception))

    def test_what_is_handed_over_is_what_arrives(self) -> None:
        operators, project = some_notices()
        self.notifier.notify(operators, LIMIT)
        self.notifier.notify(project, LIMIT)
        self.assertEqual([operators.message()], self.await_messages(Audience.OPERATORS, 1))
        self.assertEqual([project.message()], self.await_messages(Audience.PROJECTS, 1))

    def test_notices_arrive_in_order(self) -> None:
        told = [some_notices(number=number)[0] for number in range(10)]
        for notice in told:
            self.notifier.notify(notice, LIMIT)
        self.assertEqual([notice.id for notice in told], [
            message['message_id'] for message in self.await_messages(Audience.OPERATORS, 10)])

    def test_a_receiver_that_is_away_is_told_within_the_limit(self) -> None:
        self.receiver.vanish()
        self.assert_lost(some_notices()[0], 2.0)

    def test_a_receiver_that_is_mute_is_told_within_the_limit(self) -> None:
        self.notifier.notify(some_notices(number=1)[0], LIMIT)
        self.receiver.freeze()
        self.addCleanup(self.receiver.thaw)
        self.assert_lost(some_notices(number=2)[0], 1.0)
        self.assert_lost(some_notices(number=3)[0], 1.0)

    def test_it_goes_on_when_the_receiver_is_back(self) -> None:
        self.notifier.notify(some_notices(number=1)[0], LIMIT)
        self.receiver.vanish()
        self.assert_lost(some_notices(number=2)[0], 1.0)
        self.receiver.come_back()
        last = some_notices(number=3)[0]
        self._until_taken(last)
        ids = [message['message_id'] for message in self.receiver.received(Audience.OPERATORS)]
        self.assertIn(last.id, ids)

    def test_it_goes_on_when_the_receiver_is_mute_no_more(self) -> None:
        self.receiver.freeze()
        self.assert_lost(some_notices(number=1)[0], 1.0)
        self.receiver.thaw()
        last = some_notices(number=2)[0]
        self._until_taken(last)
        deadline = time.monotonic() + PATIENCE
        while last.id not in [message['message_id'] for message in self.receiver.received(
                Audience.OPERATORS)]:
            self.assertLess(time.monotonic(), deadline)
            time.sleep(0.05)

    def _until_taken(self, notice: Notice) -> None:
        """Try as a process does whose receiver was away: again with the next notice."""
        deadline = time.monotonic() + 3 * PATIENCE
        while True:
            try:
                return self.notifier.notify(notice, LIMIT)
            except ports.PortError as failure:
                self.assertLess(time.monotonic(), deadline, failure)
