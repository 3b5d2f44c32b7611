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


"""A proof is as old as the reading that it shows, whatever held its turn up since."""

import concurrent.futures
import unittest

from kaopu_ha import ports, records
from kaopu_ha.controller.fencekeeper import FenceKeeper
from kaopu_ha.controller.term import Term
from kaopu_ha.controller.world import RANGES, CloudView
from kaopu_ha.core import model
from tests.core import values
from tests.unit.controller import scene

ORDER = model.FenceOrder('blocklist', 'a', ('10.91.0.1:0/0',))
RECOVERY = model.Recovery('c1-7', 'c1', model.RecoveryStage.FENCING, orders=(ORDER,))
KEY = records.PROOF + RECOVERY.id


class Proofs(unittest.TestCase):

    def setUp(self):
        self.store, self.clock = scene.Store(), scene.Clock()
        self.store.commit([], [ports.Put(
            records.CASE + 'c1', records.encode(values.a_case(stage=model.Stage.CONFIRMED)))])
        leader = scene.a_leader(self.store, 'controller-1', self.clock)
        leader.turn()
        term, pool = Term(leader), concurrent.futures.ThreadPoolExecutor(1)
        self.addCleanup(pool.shutdown)
        term.begins()
        fence = scene.FenceThatHolds(lambda host: (ORDER,))
        self.keeper = FenceKeeper(self.store, term, [fence], values.fast_rules(), self.clock,
                                  pool)

    def shown_after(self, seconds):
        """The lease of the proof that is shown so long after its reading."""
        self.keeper.read_back(RECOVERY)
        self.clock.now += seconds
        self.keeper.mark(CloudView(self.store.read(*RANGES, records.PROOF), lambda news: None),
                         RECOVERY, anew=False)
        return self.store.read(KEY).get(KEY).lease

    def seconds(self, lease):
        return self.store.renew(lease, 1.0)

    def test_a_proof_lasts_for_its_seconds(self):
        self.assertEqual(10, self.seconds(self.shown_after(0.02)))

    def test_a_proof_that_comes_late_ends_as_if_it_had_come_in_time(self):
        self.assertEqual(4, self.seconds(self.shown_after(6.5)))

    def test_a_proof_that_comes_too_late_ends_at_once(self):
        self.assertEqual(1, self.seconds(self.shown_after(60.0)))

    def test_a_proof_is_renewed_by_a_young_reading_only(self):
        lease = self.shown_after(0.02)
        self.assertEqual(lease, self.shown_after(1.0))
        late = self.shown_after(6.5)
        self.assertNotEqual(lease, late)
        self.assertEqual(4, self.seconds(late))
