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


"""Restarts: how often what waits to be started again is looked at."""

import unittest

from kaopu_ha import ports, records
from kaopu_ha.controller.restarter import Restarter
from kaopu_ha.core import model
from kaopu_ha.core.restart import Restart, Start, StartPhase
from tests.core import values
from tests.unit.controller import scene

SERVERS = [values.a_server('vm-1', host='c1', vm_state='error')]


class Nova:
    """Shows the instance of c1 in error: what was called too often is left to a person."""

    def servers(self, host):
        return SERVERS

    def services(self):
        return {'c1': values.a_service('c1')}


class LooksOfWhatWaits(unittest.TestCase):

    def setUp(self):
        self.store, self.clock = scene.Store(), scene.Clock()
        self.put(records.INVENTORY + 'c1', values.an_inventory('c1', instances=[
            values.an_instance('vm-1', power=model.Power.OFF)]))
        self.waits('as it was')
        leader = scene.a_leader(self.store, 'controller-1', self.clock)
        leader.turn()
        self.clock.now += 60.0
        leader.turn()
        self.leader = leader
        self.restarter = Restarter(self.store, leader, Nova(), None, None,
                                   scene.an_env(self.clock, rules=values.fast_rules()))
        # What is decided at first is written down.
        self.turned(1.0)

    def put(self, key, record):
        self.store.commit([], [ports.Put(key, records.encode(record))])

    def waits(self, reason):
        self.put(records.RESTART + 'c1', Restart('c1', 'boot-1', (
            Start('vm-1', 'web-1', StartPhase.FAILED, reason, 5, values.AT),)))

    def turned(self, after):
        self.clock.now += after
        self.leader.turn()
        return self.restarter.turn()

    def test_what_has_waited_long_unchanged_is_looked_at_less_often(self):
        self.assertEqual(1.0, self.turned(1.0))
        self.assertEqual(1.0, self.turned(59.0))
        self.assertEqual(5.0, self.turned(2.0))

    def test_a_change_has_it_looked_at_often_again(self):
        self.turned(1.0)
        self.assertEqual(5.0, self.turned(61.0))
        self.waits('a person wrote something')
        self.assertEqual(1.0, self.turned(1.0))


if __name__ == '__main__':
    unittest.main()
