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

"""Live use against a real etcd: written seldom, and there only while it is kept up."""

from kaopu_ha import ports, records
from kaopu_ha.agent.use import UsePublisher
from kaopu_ha.core.live import LiveUse, Reading
from tests.unit.agent import case
from tests.unit.agent.case import HOST

USE = records.USE + HOST


class UseTest(case.AgentCase):

    def setUp(self):
        super().setUp()
        self.busy, self.free, self.beats, self.mute = 0.5, 0.25, True, ''
        self.counted = [0.0, 0.0]

    def read(self):
        if self.mute:
            raise ports.PortError(self.mute)
        self.counted = [self.counted[0] + 160 * self.busy, self.counted[1] + 160]
        return Reading(16, *self.counted, 64000, int(64000 * self.free))

    def a_publisher(self, **other):
        env = self.env(None, now=lambda: f'at {self.time:g}')
        return UsePublisher(env, self.read, **{
            'interval': 60.0, 'beats': lambda: self.beats} | other)

    def turns(self, publisher, count):
        for _ in range(count):
            self.assertEqual(10.0, publisher.turn())
            self.time += 10.0

    def published(self):
        entry = self.entry(USE)
        return records.decode(LiveUse, entry.value, USE) if entry else None

    def test_a_mean_of_some_readings_is_published_under_a_lease(self):
        publisher = self.a_publisher()
        self.turns(publisher, 2)
        self.assertIsNone(self.entry(USE))
        self.turns(publisher, 1)
        self.assertEqual(LiveUse(16, 50, 64000, 75, 'at 1020'), self.published())
        self.assertTrue(self.entry(USE).lease)
        self.assertEqual([], self.told)

    def test_what_stays_about_so_is_renewed_and_not_written(self):
        publisher = self.a_publisher()
        self.turns(publisher, 3)
        before = self.entry(USE)
        for self.busy in (0.53, 0.47, 0.52, 0.49) * 10:
            self.turns(publisher, 1)
        self.assertEqual(before, self.entry(USE))

    def test_a_change_is_written_once_in_the_interval(self):
        publisher = self.a_publisher()
        self.turns(publisher, 3)
        revisions = set()
        for turn in range(60):
            self.busy = (turn // 7) % 2
            self.turns(publisher, 1)
            revisions.add(self.entry(USE).modified)
        self.assertLessEqual(len(revisions), 11)
        self.assertGreater(len(revisions), 3)

    def test_a_host_that_does_not_beat_publishes_nothing_and_lets_it_lapse(self):
        self.beats = False
        publisher = self.a_publisher()
        self.turns(publisher, 5)
        self.assertIsNone(self.entry(USE))
        self.beats = True
        self.turns(publisher, 1)
        renewed = self.renewals()
        self.beats = False
        self.turns(publisher, 3)
        self.assertEqual(0, len(renewed))

    def test_who_cannot_read_renews_nothing_and_it_is_told_once(self):
        publisher = self.a_publisher()
        self.turns(publisher, 3)
        renewed, self.mute = self.renewals(), 'no /proc'
        self.turns(publisher, 3)
        self.assertEqual([], renewed)
        self.assertEqual('no /proc', publisher.trouble)
        self.mute = ''
        self.turns(publisher, 3)
        self.assertEqual([('warning', 'the live use of c1 is not published: no /proc'),
                          ('info', 'the live use of c1 is published again')], self.told)

    def test_what_cannot_be_written_is_not_renewed_either(self):
        publisher = self.a_publisher(interval=20.0)
        self.turns(publisher, 3)
        renewed, self.busy = self.renewals(), 1.0
        self.turns(publisher, 1)
        self.store.commit = self.refuses
        before = len(renewed)
        self.turns(publisher, 4)
        self.assertEqual(before, len(renewed))
        self.assertEqual('no space', publisher.trouble)

    def test_a_lease_that_is_lost_is_back_in_the_same_turn(self):
        publisher = self.a_publisher()
        self.turns(publisher, 3)
        self.store.revoke(self.entry(USE).lease)
        self.assertIsNone(self.entry(USE))
        self.turns(publisher, 1)
        self.assertEqual(50, self.published().cores_percent)

    def test_a_key_that_somebody_deleted_is_back_within_a_minute(self):
        publisher = self.a_publisher()
        self.turns(publisher, 3)
        self.delete(USE)
        self.turns(publisher, 7)
        self.assertEqual(50, self.published().cores_percent)

    def test_another_agent_takes_over_what_the_former_left(self):
        self.turns(self.a_publisher(), 3)
        former = self.entry(USE)
        self.turns(self.a_publisher(), 3)
        self.assertNotEqual(former.lease, self.entry(USE).lease)

    def test_a_store_that_is_away_ends_no_turn(self):
        publisher = self.a_publisher()
        self.store.commit = self.store.grant = self.refuses
        self.turns(publisher, 4)
        self.assertEqual('no space', publisher.trouble)

    # ------------------------------------------------------------ what happens to the store

    def renewals(self):
        """What is renewed from now on."""
        found, renew = [], self.store.renew

        def noted(lease, limit):
            found.append(lease)
            return renew(lease, limit)
        self.store.renew = noted
        return found

    def refuses(self, *given):
        raise ports.StoreError('no space')
