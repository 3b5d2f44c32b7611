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

"""What a queue promises: suites for drivers, as they are wired, on a real store.

``QueueContract`` is for every driver; ``CarrierContract`` for those that carry messages;
``BrokerContract`` for those whose messages lie in a process of their own.  A test case of a driver
mixes one in, with ``endpoint`` (of an etcd), ``settings()`` and, for the last, ``broker``.
"""

from __future__ import annotations

import collections
from collections.abc import Callable, Mapping, Sequence
import functools
import itertools
import multiprocessing
import multiprocessing.context
import multiprocessing.process
import pathlib
import random
import shutil
import tempfile
import threading
import time
from typing import Protocol
import uuid

from oslo_config import cfg

from kaopu_ha import ports, records, wiring
from kaopu_ha.core.model import Phase
from kaopu_ha.testing import queue_world
from kaopu_ha.testing.clock import calm
from kaopu_ha.wiring import drivers

NEVER = 300.0
SOON = 1.0
# A call that returns at once may take so long on a machine that is busy.
AT_ONCE = 0.5
LIMIT_SECONDS = 45.0

EVACUATIONS = 30
WORKERS = 3
KILLS = 12
PAUSE_SECONDS = 0.5
# What else may lie in a queue: no key, keys of other things, keys of another cloud.
RUBBISH = ('', 'rubbish', records.CASE + queue_world.SOURCE, f'{records.EVACUATION}x',
           queue_world.key('unknown'))


class BrokerProcess(Protocol):
    """The process in which messages lie."""

    def kill(self) -> None:
        """End it without notice."""

    def start(self) -> None:
        """Start it with what it held; returns when it is there."""


class QueueCase:
    """A store of this test's own, and queues on it; the rest comes from ``unittest.TestCase``."""

    endpoint: str
    name: str

    addCleanup: Callable[..., None]
    assertEqual: Callable[..., None]
    assertLess: Callable[..., None]
    assertLessEqual: Callable[..., None]
    assertTrue: Callable[..., None]

    def settings(self) -> Mapping[str, str]:
        """The options of ``[queue]`` but for ``name`` and ``lost_after``."""
        raise NotImplementedError

    def setUp(self) -> None:
        """Leave nothing of a test to the next."""
        self._folder = tempfile.mkdtemp(prefix='queue-')
        self.addCleanup(shutil.rmtree, self._folder)
        self.name = f'test-{uuid.uuid4().hex[:8]}'
        self.store = wiring.store(self.conf(NEVER))
        self.addCleanup(self.store.close)
        self.store.commit([], [ports.Delete(key) for key in
                               self.store.read(records.PREFIX).entries])
        queue_world.write_recovery(self.store)

    def path(self, lost_after: float) -> str:
        """A configuration file with this driver."""
        options = {**self.settings(), 'name': self.name, 'lost_after': str(lost_after)}
        lines = [f'[store]\nendpoints = {self.endpoint}\n[queue]',
                 *(f'{name} = {value}' for name, value in options.items())]
        path = pathlib.Path(self._folder) / f'{lost_after}.conf'
        path.write_text('\n'.join(lines) + '\n')
        return str(path)

    def conf(self, lost_after: float) -> cfg.ConfigOpts:
        """The same, read."""
        return queue_world.configured(self.path(lost_after))

    def queue(self, lost_after: float = NEVER) -> ports.Queue:
        """A queue as a process has it."""
        made = drivers.queue(self.conf(lost_after), self.store)
        self.addCleanup(made.close)
        return made

    def write(self, number: int, phase: Phase = Phase.QUEUED) -> list[str]:
        """Write so many evacuations; their keys."""
        names = [f'{phase.value}-{index:02}' for index in range(number)]
        queue_world.write(self.store, names, phase)
        return [queue_world.key(name) for name in names]

    def await_true(self, what: Callable[[], bool], told: str) -> None:
        """Wait until it is so."""
        deadline = time.monotonic() + LIMIT_SECONDS
        while not what():
            self.assertLess(time.monotonic(), deadline, told)
            time.sleep(0.05)

    def taken(self, keys: Sequence[str], *takers: ports.Queue) -> list[str]:
        """Take, and claim what comes, until all of these came; everything that came, in order."""
        came: list[str] = []

        def take() -> bool:
            for each in takers:
                found = self.at_once(functools.partial(each.take, 2))
                self.assertLessEqual(len(found), 2)
                came.extend(found)
                self.store.commit([], [ports.Put(_claim(key), '{}') for key in set(found)])
            return set(keys) <= set(came)
        self.await_true(take, f'of {len(keys)} tasks {len(set(came))} came')
        return came

    def at_once(self, call: Callable[[], tuple[str, ...]]) -> tuple[str, ...]:
        """What the call returned, which must not have waited."""
        before = calm()
        found = call()
        self.assertLess(calm() - before, AT_ONCE)
        return found


def _claim(key: str) -> str:
    return records.CLAIM + key.rpartition('/')[2]


class QueueContract(QueueCase):
    """What every queue promises."""

    def test_every_task_that_is_offered_comes(self) -> None:
        keys, offering = self.write(30), self.queue()
        offering.offer(keys)
        self.taken(keys, self.queue(), self.queue())

    def test_a_task_that_is_not_open_or_has_a_worker_does_not_come(self) -> None:
        good = self.write(3)
        ended, claimed = self.write(2, Phase.DONE), self.write(2, Phase.MOVING)
        self.store.commit([], [ports.Put(_claim(key), '{}') for key in claimed])
        self.queue().offer([*RUBBISH, *ended, *claimed, *good, *RUBBISH])
        self.assertEqual(set(good), set(self.taken(good, self.queue())))

    def test_a_task_that_was_never_offered_comes(self) -> None:
        keys = self.write(5)
        self.taken(keys, self.queue(lost_after=SOON))

    def test_what_a_worker_began_and_left_comes_without_another_offer(self) -> None:
        keys = self.write(3, Phase.CALLING) + self.write(3, Phase.MOVING)
        self.taken(keys, self.queue())

    # ------------------------------------------------------------ workers that are killed

    def test_every_instance_is_called_exactly_once_whoever_is_killed(self) -> None:
        names = [f'i{index:02}' for index in range(EVACUATIONS)]
        queue_world.write(self.store, names)
        keys = [queue_world.key(name) for name in names]
        chance, offering = random.Random(7), self.queue()
        calls = queue_world.CallLog(self._folder)
        workers = [self.worker() for _ in range(WORKERS)]
        offering.offer([*keys, *RUBBISH, *chance.sample(keys, len(keys))])
        disturbed = None
        for number in itertools.count():
            made = len(calls.made())
            if disturbed is None and made > EVACUATIONS // 4:
                disturbed = threading.Thread(target=self.disturb)
                disturbed.start()
            if number < KILLS:
                workers[chance.randrange(WORKERS)].kill()
                workers = [each if each.is_alive() else self.worker() for each in workers]
                offering.offer(chance.sample(keys, EVACUATIONS // 4))
            if all(phase.ended for phase in queue_world.phases(self.store).values()):
                break
            self.assertLess(number, LIMIT_SECONDS / PAUSE_SECONDS, queue_world.phases(self.store))
            time.sleep(PAUSE_SECONDS)
        if disturbed is not None:
            disturbed.join()
        self.assertEqual(dict.fromkeys(names, 1), dict(collections.Counter(calls.made())))
        self.assertEqual({Phase.DONE}, set(queue_world.phases(self.store).values()))

    def disturb(self) -> None:
        """Do to the queue what may happen to it in mid-batch."""

    def worker(self) -> multiprocessing.process.BaseProcess:
        """A worker in a process of its own."""
        process = _processes().Process(target=queue_world.work,
                                       args=(self.path(SOON), self._folder), daemon=True)
        process.start()

        def end() -> None:
            process.kill()
            process.join()
        self.addCleanup(end)
        return process


def _processes() -> multiprocessing.context.ForkServerContext:
    """Processes that have the program loaded when they start."""
    made = multiprocessing.get_context('forkserver')
    made.set_forkserver_preload(['kaopu_ha.testing.queue_world', 'oslo_messaging', 'rq'])
    return made


class CarrierContract(QueueContract):
    """What a queue promises that carries messages."""

    def test_each_task_comes_to_one_of_those_who_take(self) -> None:
        keys, came = self.write(30), list[str]()
        takers = [self.queue() for _ in range(3)]
        self.queue().offer(keys)

        def take() -> bool:
            came.extend(key for each in takers for key in each.take(2))
            return len(came) >= len(keys)
        self.await_true(take, 'tasks are missing')
        self.assertEqual(sorted(keys), sorted(came))

    def test_who_has_taken_enough_holds_nothing_back_from_others(self) -> None:
        keys = self.write(20)
        busy, free = self.queue(), self.queue()
        self.queue().offer(keys)
        first, came = list[str](), list[str]()

        def taken_by_busy() -> bool:
            first.extend(busy.take(2))
            return bool(first)
        self.await_true(taken_by_busy, 'nothing came')

        def taken_by_free() -> bool:
            came.extend(free.take(2))
            # What the other had room for may have come to it meanwhile.
            return len({*keys} - {*first} - {*came}) <= 2
        self.await_true(taken_by_free, 'they came to nobody')

    def test_it_tells_when_something_came(self) -> None:
        told, taker = threading.Event(), self.queue()
        taker.listen(told.set)
        self.assertEqual((), taker.take(4))
        keys = self.write(1)
        self.queue().offer(keys)
        self.assertTrue(told.wait(LIMIT_SECONDS))
        self.assertEqual(tuple(keys), taker.take(4))

    def test_a_task_that_was_taken_and_left_comes_again(self) -> None:
        keys = self.write(2)
        self.queue().offer(keys)
        dying, came = self.queue(), list[str]()

        def taken() -> bool:
            came.extend(dying.take(2))
            return set(came) == set(keys)
        self.await_true(taken, 'they did not come')
        self.taken(keys, self.queue(lost_after=SOON))


class BrokerContract(CarrierContract):
    """What a queue promises whose broker may be away."""

    broker: BrokerProcess

    def setUp(self) -> None:
        """Leave a broker to the next test that is there."""
        super().setUp()
        self._away = False
        self.addCleanup(self.come_back)

    def go_away(self) -> None:
        """Kill the broker."""
        self.broker.kill()
        self._away = True

    def come_back(self) -> None:
        """Start the broker, if it is away."""
        if self._away:
            self.broker.start()
        self._away = False

    def disturb(self) -> None:
        """The broker is restarted."""
        self.go_away()
        self.come_back()

    def test_nobody_waits_for_a_broker_that_is_away_and_it_goes_on_when_it_is_back(self) -> None:
        keys, offering, taker = self.write(9), self.queue(), self.queue()
        before, during, lying = keys[:3], keys[3:6], keys[6:]
        offering.offer(before)
        self.taken(before, taker)
        self.offer_and_hide(lying)
        self.go_away()
        late = self.queue(lost_after=SOON)
        self.offered_at_once(offering, during)
        self.taken(during, late)
        # Who has room and takes no more would keep what comes to it.
        late.close()
        more = [queue_world.key(f'more-{index}') for index in range(3)]
        queue_world.write(self.store, [key.rpartition('/')[2] for key in more])
        self.offered_at_once(offering, more)
        self.come_back()
        self.store.commit([], [ports.Delete(_claim(key)) for key in lying])
        self.taken([*more, *lying], taker)

    def offer_and_hide(self, keys: Sequence[str]) -> None:
        """Have tasks lie at the broker, which only a message can bring: they are claimed."""
        self.queue().offer(keys)
        time.sleep(SOON)
        self.store.commit([], [ports.Put(_claim(key), '{}') for key in keys])

    def offered_at_once(self, offering: ports.Queue, keys: Sequence[str]) -> None:
        """Offer, which must not wait."""
        before = calm()
        offering.offer(keys)
        self.assertLess(calm() - before, AT_ONCE)
