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

"""A process shows that it runs, on a real store."""

import unittest

from kaopu_ha import records
from kaopu_ha.telling.presence import Presence
from tests import etcd_single, lossy_store


class PresenceTest(unittest.TestCase):

    def setUp(self):
        super().setUp()
        self.store = lossy_store.Lossy([etcd_single.until(self.addCleanup).endpoint],
                                       timeout=20.0, try_limit=10.0)
        self.addCleanup(self.store.close)
        self.presence = Presence(self.store, 'worker', 'w1/7')

    def shown(self):
        return self.store.read(records.PROCESS).under(f'{records.PROCESS}worker/')

    def test_it_is_shown_under_a_lease_until_the_end(self):
        self.presence.turn()
        entry = self.shown()['w1/7']
        self.assertEqual('w1/7', records.decode(records.ProcessRecord, entry.value).name)
        self.assertNotEqual(0, entry.lease)
        self.presence.turn()
        self.assertEqual(entry, self.shown()['w1/7'], 'it is renewed, and not written again')
        self.presence.close()
        self.assertEqual({}, dict(self.shown()))

    def test_a_lease_that_was_lost_is_replaced(self):
        self.presence.turn()
        self.store.revoke(self.shown()['w1/7'].lease)
        self.presence.turn()
        self.assertIn('w1/7', self.shown())

    def test_a_write_whose_answer_was_lost_is_done_again(self):
        self.store.loses = True
        self.assertGreater(self.presence.turn(), 0)
        first = self.shown()['w1/7']
        self.presence.turn()
        self.assertNotEqual(first.lease, self.shown()['w1/7'].lease)

    def test_a_store_that_is_away_harms_nobody(self):
        away = Presence(lossy_store.Lossy(['127.0.0.1:9'], timeout=0.5), 'worker', 'w1/7')
        self.assertGreater(away.turn(), 0)
        away.close()

    def test_a_store_that_went_away_holds_no_end_up(self):
        self.presence.turn()
        self.store.close()
        self.presence.close()


if __name__ == '__main__':
    unittest.main()
