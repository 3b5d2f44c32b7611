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

"""What a host's agent may write is believed of that host only."""

import unittest

from kaopu_ha import ports, records
from kaopu_ha.controller.world import CloudView
from kaopu_ha.core import model


class TrustTest(unittest.TestCase):

    def setUp(self):
        self.told = []

    def world(self, **inventories):
        entries = {records.INVENTORY + key: ports.Entry(
            records.INVENTORY + key, records.encode(model.Inventory(name, 'u', 'b', 'qemu+tls://x/',
                                                                    ())), 1, 1)
            for key, name in inventories.items()}
        return CloudView(ports.Snapshot(1, entries), self.told.append)

    def test_an_inventory_in_the_name_of_another_host_is_not_read(self):
        world = self.world(c1='c2', c2='c2')
        self.assertEqual(['c2'], list(world.inventories))
        self.assertEqual({'c1'}, world.unreadable)
        self.assertIn('in the name of c2', self.told[0].text)

    def test_a_beat_makes_a_target_only_if_it_can_be_read_and_lapses(self):
        beat = records.encode(records.Beat('u', 'b', 'agent-1'))
        entries = {records.ALIVE + host: ports.Entry(records.ALIVE + host, value, 1, 1, lease)
                   for host, value, lease in (('c1', beat, 7), ('c2', beat, 0), ('c3', 'junk', 7))}
        world = CloudView(ports.Snapshot(1, entries), self.told.append)
        self.assertEqual([True, False, False, False],
                         [world.beats_truly(host) for host in ('c1', 'c2', 'c3', 'c4')])
        self.assertEqual({'c2'}, world.lasting_beats)
        # It spares its host all the same.
        self.assertTrue(all(world.has(records.ALIVE + host) for host in ('c1', 'c2', 'c3')))


if __name__ == '__main__':
    unittest.main()
