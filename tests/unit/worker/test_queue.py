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

"""Tasks that a broker does not carry, and a worker that is woken."""

import unittest

from kaopu_ha import ports, records
from kaopu_ha.core.model import Phase
from kaopu_ha.core.policy import Priority
from kaopu_ha.worker.queue import CarriedQueue, Free, RecordQueue
from kaopu_ha.worker.worker import Worker
from tests.core.values import an_evacuation
from tests.unit.controller.scene import an_env


class Clock:
    now = 1000.0

    def __call__(self):
        return self.now


class Carrier:
    """A queue whose broker is away or there."""

    def __init__(self):
        self.away, self.tasks, self.taken, self.tell = False, [], 0, None

    def offer(self, tasks):
        if self.away:
            raise ports.PortError('no broker')
        self.tasks += tasks

    def listen(self, tell):
        self.tell = tell

    def take(self, most):
        self.taken += 1
        if self.away:
            raise ports.PortError('no broker')
        taken, self.tasks = self.tasks[:most], self.tasks[most:]
        return tuple(taken)


class Recorded:
    """The free evacuations of a store."""

    def __init__(self, *found):
        self.found = found

    def free(self):
        return list(self.found)


class Read:
    """A store that is read only."""

    def __init__(self, *records_by_key):
        self.entries = {key: ports.Entry(key, text, 1, 1) for key, text in records_by_key}

    def read(self, *ranges):
        return ports.Snapshot(1, dict(sorted(self.entries.items())))


class WhatTheRecordsOffer(unittest.TestCase):

    def offered(self, *claimed):
        moves = [an_evacuation(f'{recovery}{number}', phase=Phase.QUEUED, recovery=recovery)
                 for recovery in 'abc' for number in range(3)]
        store = Read(*((f'{records.EVACUATION}{move.recovery}/{move.instance}',
                        records.encode(move)) for move in moves),
                     *((records.CLAIM + instance, '{}') for instance in claimed))
        return [key.rsplit('/', 1)[1] for key in RecordQueue(store).take(9)]

    def test_the_batches_of_dead_hosts_take_turns(self):
        self.assertEqual(['a0', 'b0', 'c0', 'a1', 'b1', 'c1', 'a2', 'b2', 'c2'], self.offered())

    def test_what_is_claimed_of_a_batch_counts(self):
        self.assertEqual(['c0', 'b1', 'c1', 'a2', 'b2', 'c2'], self.offered('a0', 'a1', 'b0'))


class WhatNoMessageBrings(unittest.TestCase):

    def setUp(self):
        self.clock, self.carrier = Clock(), Carrier()

    def queue(self, *free):
        self.recorded = Recorded(*free)
        return CarriedQueue(self.carrier, self.recorded, 5.0, self.clock)

    def test_a_task_is_lost_when_it_was_free_and_unchanged_for_the_whole_time(self):
        queue = self.queue(Free('a', 1, begun=False))
        self.assertEqual((), queue.take(4))
        self.clock.now += 4.9
        self.assertEqual((), queue.take(4))
        self.clock.now += 0.1
        self.assertEqual(('a',), queue.take(4))

    def test_a_task_that_was_written_again_is_given_the_time_again(self):
        queue = self.queue(Free('a', 1, begun=False))
        queue.take(4)
        self.clock.now += 5.0
        self.recorded.found = (Free('a', 2, begun=False),)
        self.assertEqual((), queue.take(4))

    def test_a_task_that_was_begun_and_left_is_lost_at_once(self):
        self.assertEqual(('a',), self.queue(Free('a', 1, begun=True)).take(4))

    def test_what_came_goes_before_what_was_lost_and_comes_once(self):
        queue = self.queue(Free('a', 1, begun=True), Free('b', 1, begun=False))
        queue.offer(['b', 'b', 'gone'])
        self.assertEqual(('b',), queue.take(1))
        queue.offer(['b'])
        self.assertEqual(('b', 'a'), queue.take(4))

    def test_of_all_that_is_there_the_important_ones_come_first(self):
        queue = self.queue(Free('a', 1, begun=True, priority=Priority.LOW),
                           Free('b', 1, begun=False), Free('c', 1, begun=False),
                           Free('z', 1, begun=True, priority=Priority.HIGH))
        queue.offer(['c', 'b'])
        self.assertEqual(('z', 'c', 'b', 'a'), queue.take(4))

    def test_while_the_broker_is_away_everything_comes_at_once_and_it_is_told_once(self):
        queue = self.queue(Free('a', 1, begun=False))
        self.carrier.away = True
        with self.assertLogs('kaopu_ha.worker.queue', 'WARNING') as told:
            queue.offer(['a'])
            self.assertEqual(('a',), queue.take(4))
            self.assertEqual(('a',), queue.take(4))
        self.assertEqual(2, len(told.records))
        self.carrier.away = False
        self.assertEqual((), queue.take(4))


class AWorkerThatIsWoken(unittest.TestCase):

    def test_it_takes_at_once_what_came_right_after_its_last_look(self):
        clock, carrier, woken = Clock(), Carrier(), []
        worker = Worker(None, None, carrier, None, None, an_env(clock))
        worker.listen(lambda: woken.append(clock.now))
        worker.turn()
        clock.now += 0.1
        worker.turn()
        self.assertEqual((1, []), (carrier.taken, woken))
        carrier.tell()
        worker.turn()
        self.assertEqual((2, [clock.now]), (carrier.taken, woken))
