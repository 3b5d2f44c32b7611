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

"""A blind leader gives way to a controller that sees."""

import concurrent.futures
import unittest

from kaopu_ha import ports, records
from kaopu_ha.controller.observer import Observer
from kaopu_ha.core import model, sight
from kaopu_ha.core.evidence import NOTHING_ON
from kaopu_ha.core.model import Network, Sign, Stage
from tests.core import values
from tests.unit.controller import scene

RULES = values.rules(blind_looks=3)
OTHER = 'controller-2'


class ObserverCase(unittest.TestCase):
    """c1 does not beat, and a case is open on it; c2 beats.  Two controllers observe."""

    def setUp(self):
        self.store, self.clock = scene.Store(), scene.Clock()
        self.put(records.INVENTORY + 'c1', values.an_inventory('c1'))
        self.put(records.INVENTORY + 'c2', values.an_inventory('c2'))
        self.put(records.ALIVE + 'c2', records.Beat('uuid', 'boot-1', '1'))
        self.rounds = {}
        self.round(Sign.SILENCE, Sign.UNKNOWN)
        self.leader, self.leading, _ = self.controller('controller-1')
        self.leader.turn()
        self.standby, self.standing, self.probes = self.controller(OTHER)

    def put(self, key, record):
        self.store.commit([], [ports.Put(key, records.encode(record))])

    def controller(self, name):
        leader = scene.a_leader(self.store, name, self.clock)
        probes = {network: scene.ScriptedProbe(network) for network in Network}
        pool = concurrent.futures.ThreadPoolExecutor(4)
        self.addCleanup(pool.shutdown)
        env = scene.an_env(self.clock, rules=RULES, pool=pool)
        return leader, Observer(self.store, leader, list(probes.values()), lambda: self.rounds, env,
                                self.fences_of(name)), probes

    def fences_of(self, name):
        return ()

    def round(self, management, storage, stage=Stage.SUSPECTED):
        """What the leader's last look at c1 found."""
        look = values.a_round(management, storage)
        self.rounds = {'c1': look}
        self.put(records.CASE + 'c1', values.a_case(stage, rounds=(look,), recovery='r'))

    def look(self, times):
        for _ in range(times):
            self.standing.turn()
            self.leading.turn()

    def told(self, name):
        key = records.CONTROLLER + name
        entry = self.store.read(key).get(key)
        return records.decode(sight.Sight, entry.value) if entry else None


class TestObserver(ObserverCase):

    def test_a_blind_leader_gives_way_after_some_looks_and_not_before(self):
        self.look(RULES.blind_looks - 1)
        self.assertEqual('', self.leader.gives_way_to)
        self.look(1)
        self.assertEqual(OTHER, self.leader.gives_way_to)
        self.clock.now += 299.0
        self.leader.turn()
        self.assertTrue(self.leader.leads())
        self.clock.now += 2.0
        self.store.commit([], [ports.Delete(records.LEADER)])
        self.leader.turn()
        self.standby.turn()
        self.assertEqual((False, True), (self.leader.leads(), self.standby.leads()))

    def test_it_stays_if_nobody_sees_more(self):
        self.probes[Network.STORAGE].sign = Sign.UNKNOWN
        self.look(RULES.blind_looks + 3)
        self.assertEqual('', self.leader.gives_way_to)

    def test_it_stays_if_the_other_is_blind_where_it_sees(self):
        self.probes[Network.MANAGEMENT].sign = Sign.UNKNOWN
        self.look(RULES.blind_looks + 3)
        self.assertEqual('', self.leader.gives_way_to)

    def test_it_stays_if_it_sees_again_in_time(self):
        self.look(RULES.blind_looks - 1)
        self.round(Sign.SILENCE, Sign.LIFE)
        self.look(1)
        self.round(Sign.SILENCE, Sign.UNKNOWN)
        self.look(RULES.blind_looks - 1)
        self.assertEqual('', self.leader.gives_way_to)

    def test_a_host_of_which_there_is_nothing_to_ask_makes_nobody_blind(self):
        look = values.a_round(Sign.SILENCE, Sign.UNKNOWN)
        nothing = model.Evidence(Network.STORAGE, Sign.UNKNOWN, NOTHING_ON)
        look = values.said_instead(look, nothing)
        self.put(records.CASE + 'c1', values.a_case(rounds=(look,)))
        self.look(RULES.blind_looks + 3)
        self.assertEqual('', self.leader.gives_way_to)

    def test_of_a_host_that_is_judged_no_more_the_leader_asks_itself(self):
        self.round(Sign.SILENCE, Sign.UNKNOWN, Stage.CONFIRMED)
        self.put(records.RECOVERY + 'r', model.Recovery('r', 'c1', model.RecoveryStage.FENCING))
        self.look(1)
        self.assertEqual(sight.Sight(('c1',), ('c1',), ('c1',)), self.told('controller-1'))
        self.put(records.PROOF + 'r', records.ProofMark('controller-1', values.AT))
        self.leading.turn()
        self.assertEqual('', self.leader.gives_way_to)

    def test_while_nobody_is_in_doubt_nobody_asks_and_nothing_is_written(self):
        self.round(Sign.SILENCE, Sign.SILENCE)
        self.look(3)
        self.assertIsNone(self.told('controller-1'))
        self.assertIsNone(self.told(OTHER))

    def test_without_a_store_nobody_gives_way(self):
        self.look(RULES.blind_looks)
        self.store.away = True
        self.leading.turn()
        self.assertEqual('', self.leader.gives_way_to)


if __name__ == '__main__':
    unittest.main()


class AFence:
    """A fence that answers, or does not within its time."""

    name = 'ceph_blocklist'

    def __init__(self):
        self.answers = True

    def forbidden(self, order, limit):
        if not self.answers:
            raise ports.PortError('did not answer')
        return {}


class TestFences(ObserverCase):
    """c1 is confirmed dead, and its fence is not proven."""

    def setUp(self):
        self.fences = []
        super().setUp()
        self.round(Sign.SILENCE, Sign.SILENCE, Stage.CONFIRMED)
        order = model.FenceOrder('ceph_blocklist', 'cluster', ('10.91.0.11:0/0',))
        self.put(records.RECOVERY + 'r', values.a_recovery(
            id='r', host='c1', stage=model.RecoveryStage.FENCING, orders=(order,)))

    def fences_of(self, name):
        self.fences.append(AFence())
        return self.fences[-1:]

    def test_a_leader_whose_fence_does_not_answer_gives_way_to_one_whose_does(self):
        self.fences[0].answers = False
        self.look(RULES.blind_looks)
        self.assertEqual(OTHER, self.leader.gives_way_to)
        self.assertIn('fence', self.leader.which_does)

    def test_not_if_no_fence_answers(self):
        for fence in self.fences:
            fence.answers = False
        self.look(RULES.blind_looks + 3)
        self.assertEqual('', self.leader.gives_way_to)

    def test_who_can_fence_keeps_the_leadership(self):
        self.fences[1].answers = False
        self.look(RULES.blind_looks + 3)
        self.assertEqual('', self.leader.gives_way_to)

    def test_when_the_fence_is_proven_nobody_is_asked(self):
        self.fences[0].answers = False
        self.put(records.PROOF + 'r', records.ProofMark('controller-1', 'now', ()))
        self.look(RULES.blind_looks + 3)
        self.assertEqual('', self.leader.gives_way_to)
