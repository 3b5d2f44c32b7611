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

import concurrent.futures
import unittest

from kaopu_ha import ports
from kaopu_ha.controller.turns import Turns
from kaopu_ha.core import model
from kaopu_ha.programs import controllers
from tests.unit.controller import scene


class TestTurns(unittest.TestCase):

    def setUp(self):
        self.clock, self.store = scene.Clock(), scene.Store()
        self.turns = Turns(self.clock, 60.0)

    def test_a_turn_that_swallows_that_the_store_is_away_did_not_end_well(self):
        store = self.turns.minded('reminder', self.store)

        def swallows():
            try:
                store.read()
            except ports.PortError:
                return 1.0
            return 15.0
        turn = self.turns.watched('reminder', swallows)
        for away, seconds, trouble in ((False, 15.0, ''), (True, 1.0, 'etcd does not answer'),
                                       (False, 15.0, '')):
            self.store.away = away
            self.assertEqual(seconds, turn())
            self.assertEqual(trouble, self.turns.trouble('reminder'))

    def test_one_turns_trouble_is_no_others(self):
        self.store.away = True
        self.assertRaises(ports.StoreError, self.turns.minded('detector', self.store).read)
        self.assertEqual('', self.turns.trouble('reminder'))

    def test_what_only_is_noted_never_hangs(self):
        def slow():
            self.clock.now += 1000.0
            return self.turns.overdue()
        self.assertEqual('', self.turns.noted('warm', slow)())
        self.assertEqual('detector', self.turns.watched('detector', slow)())


class TestLoops(unittest.TestCase):
    """Each loop of a controller says whether its last turn ended well."""

    def setUp(self):
        self.clock, self.store = scene.Clock(), scene.Store()
        pool = concurrent.futures.ThreadPoolExecutor(2)
        self.addCleanup(pool.shutdown)
        env = scene.an_env(self.clock, pool=pool)
        loops, _ = controllers.loops(self.store, [], [], _Cloud(self), None, None, None,
                                     model.Rules(), 300, env)
        self.loops = {loop.name: loop for loop in loops}
        self.nova_away = False

    def troubled(self):
        """The loops that say that their turn did not end well, after one turn of each."""
        self.clock.now += 100.0
        for loop in self.loops.values():
            loop.turn()
        return {name for name, loop in self.loops.items() if loop.trouble()}

    def test_nothing_is_wrong_while_all_answer(self):
        self.assertEqual(set(), self.troubled())
        self.assertEqual(set(), self.troubled())

    def test_whoever_asks_the_store_says_that_it_is_away(self):
        self.troubled()
        self.store.away = True
        self.assertEqual(set(self.loops) - {'warm'}, self.troubled())
        self.store.away = False
        self.assertEqual(set(), self.troubled())

    def test_a_nova_that_does_not_answer_is_seen_while_nobody_needs_it(self):
        self.nova_away = True
        self.assertEqual({'warm'}, self.troubled())


class _Cloud:

    def __init__(self, case):
        self._case = case

    def warm(self):
        if self._case.nova_away:
            raise ports.PortError('no token')

    def services(self):
        return {}


if __name__ == '__main__':
    unittest.main()
