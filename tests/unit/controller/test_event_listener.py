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

"""What a controller writes of the events it hears, on the false etcd."""

import unittest

from kaopu_ha import ports, records
from kaopu_ha.controller.event_listener import EventListener
from kaopu_ha.core.events import Hint, NovaEvent
from kaopu_ha.core.model import Power
from kaopu_ha.sim.kernel import Kernel, Process, Signal
from kaopu_ha.sim.network import Node
from kaopu_ha.sim.store import Etcd, SimStore
from tests.core.values import an_instance, an_inventory

ON, OFF = Power.ON, Power.OFF
KEY = records.EVENT + 'instance/i1'


class Source(ports.Events):
    """Tells what it is given."""

    def listen(self, tell):
        """As promised."""
        self.tell = tell

    def close(self):
        """As promised."""


class Heard(unittest.TestCase):

    def setUp(self):
        self.kernel = Kernel()
        self.etcd = Etcd(self.kernel, Node('etcd'))
        self.store = SimStore(self.etcd, Node('controller-1'), 'controller-1')
        self.process, self.wake, self.turns = Process('controller-1'), Signal(), 0
        self.source = Source()
        self.listener = EventListener(self.store, self.source, lambda: self.kernel.now)
        self.listener.listen(self.wake.set)
        self.kernel.loop(self.process, self.turn, self.wake)
        self.publish(an_inventory('c1'))
        self.publish(an_inventory('c2', instances=()))

    def turn(self):
        self.turns += 1
        return self.listener.turn()

    def publish(self, inventory):
        def body():
            self.store.commit([], [ports.Put(records.INVENTORY + inventory.host,
                                             records.encode(inventory))])
        self.kernel.spawn(self.process, body)
        self.run_for(0.1)

    def run_for(self, seconds):
        self.kernel.run(self.kernel.now + seconds)

    def say(self, power=OFF, instance='i1', host='c1'):
        self.source.tell(NovaEvent(host, 'kind', instance, power))

    def hints(self):
        return {key: records.decode(Hint, entry.value) for key, entry in self.etcd.entries.items()
                if key.startswith(records.EVENT)}

    def test_a_hint_is_written_at_once_and_under_a_lease(self):
        self.say()
        self.run_for(0.1)
        self.assertEqual({KEY: Hint('c1', 'kind', '', an_instance('i1', OFF))}, self.hints())
        self.run_for(1100.0)
        self.assertEqual({}, self.hints())

    def test_what_is_taken_back_goes(self):
        self.say(OFF)
        self.run_for(1.0)
        self.say(ON)
        self.run_for(1.0)
        self.assertEqual({}, self.hints())

    def test_the_last_word_of_many_is_written_once(self):
        before = self.etcd.revision
        for number in range(200):
            self.say(ON if number % 2 else OFF)
        self.say(OFF)
        self.run_for(2.0)
        self.assertEqual([KEY], list(self.hints()))
        self.assertEqual(before + 1, self.etcd.revision)

    def test_strangers_leave_nothing_behind(self):
        before = self.etcd.revision
        for number in range(5000):
            self.say(OFF, f'stranger-{number}', f'c{number}')
        self.run_for(60.0)
        self.assertEqual({}, self.hints())
        self.assertEqual(before, self.etcd.revision)

    def test_however_many_come_it_asks_the_store_twice_a_second(self):
        reads, read = [], self.store.read
        self.store.read = lambda *ranges: reads.append(ranges) or read(*ranges)
        for tick in range(1000):
            self.kernel.at(self.kernel.now + tick * 0.01, self.say)
        before = self.etcd.revision
        self.run_for(10.0)
        self.assertTrue(15 <= len(reads) <= 21, len(reads))
        self.assertEqual(before + 1, self.etcd.revision)

    def test_said_again_it_is_written_again_if_the_host_told_meanwhile(self):
        self.say()
        self.run_for(1.0)
        self.publish(an_inventory('c1', note='told anew'))
        before = self.etcd.entries[KEY].modified
        self.say()
        self.run_for(1.0)
        self.assertLess(before, self.etcd.entries[KEY].modified)

    def test_a_host_that_tells_meanwhile_has_the_last_word(self):
        commit = self.store.commit

        def late(compares, writes):
            self.store.commit = commit
            self.publish_now(an_inventory('c1', note='told anew'))
            return commit(compares, writes)
        self.store.commit = late
        self.say()
        self.run_for(2.0)
        self.assertEqual({}, self.hints())

    def publish_now(self, inventory):
        self.store.commit([], [ports.Put(records.INVENTORY + inventory.host,
                                         records.encode(inventory))])

    def test_while_the_store_is_away_they_are_lost_and_nothing_else_happens(self):
        self.etcd.away = True
        self.say()
        self.run_for(10.0)
        self.etcd.away = False
        self.run_for(10.0)
        self.assertEqual({}, self.hints())
        self.say()
        self.run_for(2.0)
        self.assertEqual([KEY], list(self.hints()))

    def test_one_that_is_refused_does_not_take_the_others_along(self):
        commit, refused = self.store.commit, []

        def refuse_the_first(compares, writes):
            if any(write.key == KEY for write in writes):
                refused.append(len(writes))
                return None
            return commit(compares, writes)
        self.store.commit = refuse_the_first
        self.say()
        self.source.tell(NovaEvent('c2', 'kind'))
        self.run_for(2.0)
        self.assertEqual([2, 1], refused)
        self.assertEqual([records.EVENT + 'host/c2'], list(self.hints()))
