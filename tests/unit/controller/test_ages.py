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

"""A case keeps how old it is what is known of the host."""

import unittest

from kaopu_ha import ports, records
from tests.core import values
from tests.unit.controller import scene


class TestAges(unittest.TestCase):

    def setUp(self):
        self.store, self.clock = scene.Store(), scene.Clock()

    def lead(self, name):
        leader = scene.a_leader(self.store, name, self.clock)
        leader.turn()
        self.addCleanup(leader.resign)
        return leader

    def beat(self, behind):
        self.store.commit([], [ports.Put(records.ALIVE + 'c1', records.encode(
            records.Beat('uuid', 'boot-1', '1', behind)))])

    def test_what_the_last_beat_said_of_the_inventory_is_in_the_case(self):
        self.beat('not kept up since noon: libvirt is mute')
        watched = scene.Watched(self, self.store, self.lead('one'), self.clock, values.rules())
        self.store.commit([], [ports.Delete(records.ALIVE + 'c1')])
        watched.look(20.0)
        watched.look(20.0)
        case = watched.case()
        self.assertEqual((values.AT, 'not kept up since noon: libvirt is mute'),
                         (case.beat_at, case.behind))
        self.assertEqual(values.AT, case.history[-1].read_at)

    def test_who_never_saw_the_beat_says_that_it_is_not_known(self):
        watched = scene.Watched(self, self.store, self.lead('one'), self.clock, values.rules())
        watched.look(20.0)
        self.assertEqual(('', ''), (watched.case().beat_at, watched.case().behind))


if __name__ == '__main__':
    unittest.main()
