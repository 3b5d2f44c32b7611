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

"""The beat against a real etcd."""

import dataclasses
import time

from kaopu_ha import records
from kaopu_ha.agent import beat
from kaopu_ha.agent.beat import BeatState
from kaopu_ha.core import model
from kaopu_ha.testing.clock import calm
from tests.unit.agent import case
from tests.unit.agent.case import HOST, OTHER_UUID, UUID

ALIVE = records.ALIVE + HOST
US = records.Beat(UUID, 'boot-1', '1.0')


class BeatTest(case.AgentCase):

    def a_beat(self, who=US, clock=None, **other):
        return beat.BeatKeeper(self.env(None, clock=clock or self.clock), who,
                               **{'interval': 1.0, 'ttl': 5} | other)

    def beating(self):
        one = self.a_beat()
        one.turn()
        self.assertIs(BeatState.BEATING, one.standing.state)
        return one

    def test_a_new_host_registers_under_a_lease(self):
        self.assertEqual(1.0, self.a_beat().turn())
        entry = self.entry(ALIVE)
        self.assertEqual(US, records.decode(records.Beat, entry.value))
        self.assertTrue(entry.lease)
        self.assertEqual([('info', 'c1 beats')], self.told)

    def test_a_renewal_writes_nothing(self):
        one = self.beating()
        before = self.entry(ALIVE)
        one.turn()
        self.assertEqual(before, self.entry(ALIVE))

    def test_a_beat_outlives_its_ttl_many_times(self):
        one = self.a_beat(interval=0.4, ttl=1, clock=time.monotonic)
        until = time.monotonic() + 4
        while time.monotonic() < until:
            time.sleep(one.turn())
            self.assertIsNotNone(self.entry(ALIVE))

    def test_a_lease_that_is_lost_is_back_in_the_same_turn(self):
        one = self.beating()
        self.store.revoke(self.entry(ALIVE).lease)
        self.assertIsNone(self.entry(ALIVE))
        one.turn()
        self.assertIsNotNone(self.entry(ALIVE))
        self.assertIn(('warning', "the lease of c1's beat was gone; it registers again"), self.told)

    def test_a_key_that_was_deleted_under_a_living_lease_is_written_again(self):
        one = self.beating()
        self.delete(ALIVE)
        self.time += 5
        one.turn()
        self.assertIsNotNone(self.entry(ALIVE))

    def test_a_confirmed_host_does_not_beat_and_says_why(self):
        self.lock()
        one = self.a_beat()
        one.turn()
        self.assertIsNone(self.entry(ALIVE))
        self.assertIs(BeatState.LOCKED, one.standing.state)
        self.assertIn('kaopu-ha host admit c1', one.standing.reason)
        self.assertEqual([('warning', one.standing.reason)], self.told)

    def test_a_confirmed_host_is_told_again_after_minutes_only(self):
        self.lock()
        one = self.a_beat()
        for _ in range(61):
            one.turn()
            self.time += 5
        self.assertEqual(2, len(self.told))

    def test_a_host_whose_lock_is_deleted_beats_in_its_next_turn(self):
        self.lock()
        one = self.a_beat()
        one.turn()
        self.unlock()
        one.turn()
        self.assertIs(BeatState.BEATING, one.standing.state)
        self.assertIsNotNone(self.entry(ALIVE))

    def test_a_lock_that_is_not_permanent_yet_is_met_with_life(self):
        self.lock(permanent=False)
        self.beating()
        self.assertIsNotNone(self.entry(ALIVE))

    def test_a_host_that_was_confirmed_while_it_was_frozen_does_not_come_back(self):
        one = self.beating()
        self.store.revoke(self.entry(ALIVE).lease)
        self.lock()
        one.turn()
        self.assertIs(BeatState.LOCKED, one.standing.state)
        self.assertIsNone(self.entry(ALIVE))

    def test_a_lock_that_becomes_permanent_while_it_registers_wins(self):
        one = self.a_beat()
        read = self.store.read

        def read_then_lock(*ranges):
            seen = read(*ranges)
            self.lock()
            return seen
        self.store.read = read_then_lock
        one.turn()
        self.store.read = read
        self.assertIsNone(self.entry(ALIVE))
        one.turn()
        self.assertIs(BeatState.LOCKED, one.standing.state)

    def test_another_machine_of_the_same_name_is_refused(self):
        self.beating()
        other = self.a_beat(dataclasses.replace(US, host_uuid=OTHER_UUID))
        other.turn()
        self.assertIs(BeatState.REFUSED, other.standing.state)
        self.assertIn('kaopu-ha host forget c1', other.standing.reason)
        self.assertEqual('error', self.told[-1][0])
        self.assertEqual(US, records.decode(records.Beat, self.entry(ALIVE).value))

    def test_a_machine_whose_name_has_the_inventory_of_another_is_refused(self):
        self.put(records.INVENTORY + HOST, model.Inventory(HOST, OTHER_UUID, 'b', 'uri'))
        one = self.a_beat()
        one.turn()
        self.assertIs(BeatState.REFUSED, one.standing.state)
        self.delete(records.INVENTORY + HOST)
        one.turn()
        self.assertIs(BeatState.BEATING, one.standing.state)

    def test_a_new_boot_takes_its_own_former_key_over_at_once(self):
        self.beating()
        former = self.entry(ALIVE)
        self.a_beat(dataclasses.replace(US, boot_id='boot-2')).turn()
        entry = self.entry(ALIVE)
        self.assertEqual('boot-2', records.decode(records.Beat, entry.value).boot_id)
        self.assertNotEqual(former.lease, entry.lease)

    def test_the_end_of_the_former_lease_does_not_end_the_key_that_was_taken_over(self):
        self.beating()
        former = self.entry(ALIVE).lease
        self.beating()
        self.store.revoke(former)
        self.assertIsNotNone(self.entry(ALIVE))

    def test_what_cannot_be_read_under_its_own_keys_is_written_anew(self):
        for junk in ('', '[[[', '{"schema": 99}', 'z' * 1_100_000):
            for key in (ALIVE, records.INVENTORY + HOST):
                self.store.commit([], [case.ports.Put(key, junk)])
            one = self.a_beat()
            one.turn()
            self.assertIs(BeatState.BEATING, one.standing.state, junk[:20])
            entry = self.entry(ALIVE)
            self.assertEqual(US, records.decode(records.Beat, entry.value))
            self.assertTrue(entry.lease)

    def test_a_record_that_is_too_new_is_no_leave_to_beat(self):
        self.store.commit([], [case.ports.Put(records.LOCK + HOST, '{"schema": 99}')])
        one = self.a_beat()
        one.turn()
        self.assertIs(BeatState.REFUSED, one.standing.state)
        self.assertIsNone(self.entry(ALIVE))

    def test_a_store_that_is_away_is_told_once_tried_each_turn_and_told_when_back(self):
        one = self.beating()
        self.etcd.freeze()
        self.addCleanup(self.etcd.thaw)
        pauses = [one.turn() for _ in range(3)]
        self.assertIs(BeatState.STORE_AWAY, one.standing.state)
        self.assertTrue(all(pause == 0.25 for pause in pauses), pauses)
        self.etcd.thaw()
        one.turn()
        self.assertIs(BeatState.BEATING, one.standing.state)
        self.assertEqual(['info', 'warning', 'info'], [level for level, _ in self.told])
        self.assertIn('the store is back', self.told[-1][1])

    def test_a_turn_ends_before_the_next_is_due_even_if_the_store_is_mute(self):
        one = self.beating()
        self.etcd.freeze()
        self.addCleanup(self.etcd.thaw)
        began = calm()
        one.turn()
        self.assertLess(calm() - began, 1.0)
