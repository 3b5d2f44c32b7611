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

"""A look counts while it is fresh: also when it is written, not only when it ends."""

import unittest

from kaopu_ha.core.model import Stage
from tests.core import values
from tests.unit.controller import scene

RULES = values.rules()


class SlowToGrant(scene.Store):
    """Takes so many seconds for each lease."""

    seconds = 0.0

    def __init__(self, clock):
        super().__init__()
        self._clock = clock

    def grant(self, ttl):
        self._clock.now += self.seconds
        return super().grant(ttl)


class TestOldLooks(unittest.TestCase):

    def setUp(self):
        self.clock = scene.Clock()
        self.store = SlowToGrant(self.clock)
        leader = scene.a_leader(self.store, 'one', self.clock)
        leader.turn()
        self.addCleanup(leader.resign)
        self.watched = scene.Watched(self, self.store, leader, self.clock, RULES)

    def look(self, seconds):
        """Have it look once more, with a lease that takes so long; the stage that was written."""
        self.store.seconds = seconds
        self.watched.look(20.0)
        return self.watched.case().stage

    def test_a_verdict_is_not_written_on_a_look_that_became_old_meanwhile(self):
        self.assertIs(Stage.SUSPECTED, self.look(RULES.beat_ttl))
        # Looked at anew, it is dead still.
        self.assertIs(Stage.DYING, self.look(0.0))

    def test_it_is_written_while_the_look_is_fresh(self):
        self.assertIs(Stage.DYING, self.look(RULES.beat_ttl - 0.1))


if __name__ == '__main__':
    unittest.main()
