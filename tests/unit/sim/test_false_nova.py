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

"""The false Nova keeps the contracts of the cloud and of usage, and evacuates as Nova does.

Each trouble was seen on the real one, but where a test says that it was read in Nova's code.
"""

import unittest

from kaopu_ha import ports
from kaopu_ha.core.model import Migration
from kaopu_ha.sim.machine import Libvirtd
from kaopu_ha.sim.network import Node
from kaopu_ha.sim.nova import SimNova, SimUsage
from kaopu_ha.testing.cloud import CloudSuite
from kaopu_ha.testing.fence import GivenPermit
from kaopu_ha.testing.usage import UsageSuite
from tests.unit.sim.false_cloud import FOREVER, FalseCloud, Troubled


class OnTheFalseCloud:
    """A suite on the false clock."""

    def make_world(self):
        return FalseCloud()

    def now(self):
        return self.world.kernel.now

    def sleep(self, seconds):
        self.world.sleep(seconds)


class TestCloud(OnTheFalseCloud, CloudSuite, unittest.TestCase):

    def make_cloud(self):
        return SimNova(self.world.nova, Node('controller'))


class TestUsage(OnTheFalseCloud, UsageSuite, unittest.TestCase):

    def make_usage(self):
        return SimUsage(self.world.nova, Node('controller'))


class TestEvacuation(Troubled):

    def test_it_is_refused_while_the_service_is_up_which_is_60_s_after_its_last_report(self):
        self.world.kill('h1')
        self.let(55)
        with self.assertRaisesRegex(ports.Refused, '400'):
            self.evacuate()
        self.let(5)
        self.evacuate()

    def test_forced_down_it_is_taken_at_once(self):
        self.lose()
        self.evacuate()
        self.assertEqual('rebuilding', self.row.task_state)

    def test_the_same_host_is_no_target(self):
        self.lose()
        with self.assertRaisesRegex(ports.Refused, '400'):
            self.evacuate('h1')

    def test_a_paused_server_is_refused_until_its_state_is_reset(self):
        self.computes['h1'].pause(self.row, True)
        self.lose()
        with self.assertRaisesRegex(ports.Refused, '409'):
            self.evacuate()
        self.cloud.reset_state(self.uuid, 'active', GivenPermit())
        self.evacuate()

    def test_active_comes_before_the_host_changes(self):
        self.lose()
        self.evacuate()
        self.run_until(lambda: self.row.vm_state == 'active' and not self.row.task_state)
        self.assertEqual(('h1', ['h2']), (self.row.host, self.running()))
        seconds = self.run_until(lambda: self.row.host == 'h2')
        self.assertTrue(0.1 <= seconds <= 4.6)
        self.assertEqual(['done'], self.statuses())

    def test_a_server_that_was_stopped_is_stopped_on_its_target(self):
        self.row.vm_state = 'stopped'
        self.lose()
        self.evacuate()
        self.run_until(lambda: self.row.host == 'h2')
        self.assertEqual(('h2', 'stopped', ''), self.shown())

    def test_a_guest_that_does_not_start_leaves_an_error_on_the_source(self):
        self.machines['h2'].spawns = False
        self.lose()
        self.evacuate()
        self.run_until(lambda: self.row.vm_state == 'error')
        self.assertEqual((('h1', 'error', ''), ['failed']), (self.shown(), self.statuses()))
        self.evacuate('h3')
        self.run_until(lambda: self.row.host == 'h3')
        self.assertEqual((('h3', 'active', ''), ['h3']), (self.shown(), self.running()))

    def test_a_target_that_is_disabled_full_or_down_is_no_valid_host(self):
        def down():
            self.world.off('h2')
            self.nova.force_down('h2', True)
        for spoil in (lambda: self.nova.disabled.add('h2'),
                      lambda: setattr(self.machines['h2'], 'cores', 0),
                      lambda: setattr(self.machines['h2'], 'libvirtd', Libvirtd.DEAD), down):
            self.begin()
            spoil()
            self.lose()
            self.evacuate()
            self.run_until(lambda: self.row.vm_state == 'error')
            self.assertEqual((('h1', 'error', ''), ['error'], []), (
                self.shown(), self.statuses(), self.running()))

    def test_a_call_that_the_conductor_lost_stays_rebuilding_for_ever(self):
        self.nova.calls_to_lose = 1
        self.lose()
        self.evacuate()
        self.let(FOREVER)
        self.assertEqual((('h1', 'active', 'rebuilding'), ['accepted']), (
            self.shown(), self.statuses()))
        self.evacuate()
        self.run_until(lambda: self.row.host == 'h2')
        self.assertEqual(['done', 'accepted'], self.statuses())

    def test_a_storage_that_hangs_keeps_the_guest_waiting_and_starts_it_later(self):
        self.lose()
        self.world.ceph.hung = True
        self.evacuate()
        self.let(FOREVER)
        self.assertEqual(([], ['pre-migrating']), (self.running(), self.statuses()))
        self.assertIn(self.uuid, self.machines['h2'].guests)
        self.world.ceph.hung = False
        self.run_until(lambda: self.row.host == 'h2')
        self.assertEqual(['h2'], self.writing())

    def test_a_libvirtd_that_hangs_keeps_the_guest_waiting_and_starts_it_later(self):
        self.lose()
        self.evacuate()
        self.run_until(self.is_spawning)
        self.machines['h2'].libvirtd = Libvirtd.FROZEN
        self.let(FOREVER)
        self.assertEqual(([], 'rebuild_spawning'), (self.running(), self.row.task_state))
        self.machines['h2'].libvirtd = Libvirtd.RUNNING
        self.run_until(lambda: self.row.host == 'h2')

    def test_a_domain_that_is_there_already_is_not_started_by_an_evacuation(self):
        """Read: a guest that was left behind on the target makes Nova fail."""
        self.machines['h2'].define(self.uuid, 'left behind', self.row.images)
        self.lose()
        self.evacuate()
        self.run_until(lambda: self.row.vm_state == 'error')
        self.assertEqual((['failed'], []), (self.statuses(), self.running()))
        self.assertIn(self.uuid, self.machines['h2'].guests)

    def test_placement_counts_twice_until_the_source_has_cleaned_up(self):
        usage = SimUsage(self.nova, Node('controller'))
        before = usage.usage()
        self.lose()
        self.evacuate()
        self.run_until(lambda: self.row.host == 'h2')
        after = usage.usage()
        self.assertEqual(before['h1'].cores_used, after['h1'].cores_used)
        self.assertEqual(before['h2'].cores_used + 1, after['h2'].cores_used)
        self.world.revive('h1')
        self.assertEqual(0, usage.usage()['h1'].cores_used)


class TestSecondCall(Troubled):
    """Nova takes any call, and holds none back."""

    def setUp(self):
        super().setUp()
        self.lose()

    def lose_target(self):
        """The first target dies before it works, and is known to be dead."""
        self.computes['h2'].freeze(True)
        self.evacuate('h2')
        self.let(3)
        self.world.off('h2')
        self.computes['h2'].freeze(False)

    def test_a_target_that_dies_before_it_works_leaves_it_rebuilding_for_ever(self):
        self.lose_target()
        self.let(FOREVER)
        self.assertEqual((('h1', 'active', 'rebuilding'), ['accepted'], []), (
            self.shown(), self.statuses(), self.running()))

    def test_a_fresh_call_to_another_host_works_and_finishes_the_older_record(self):
        self.lose_target()
        self.evacuate('h3')
        self.run_until(lambda: self.row.host == 'h3')
        self.assertEqual((['done', 'accepted'], ['h3']), (self.statuses(), self.running()))
        newest, oldest = self.cloud.migrations(instance=self.uuid)
        self.assertEqual(Migration('1', self.uuid, 'evacuation', 'done', 'h1', 'h3'), oldest)
        self.assertTrue(newest.unfinished)

    def test_the_old_target_returns_and_spoils_only_what_nova_shows(self):
        self.lose_target()
        self.evacuate('h3')
        self.run_until(lambda: self.row.host == 'h3')
        self.world.on('h2')
        self.let(30)
        self.assertEqual(('h3', 'error', 'rebuilding'), self.shown())
        self.assertEqual((['h3'], ['h3']), (self.running(), self.writing()))
        self.cloud.reset_state(self.uuid, 'active', GivenPermit())
        self.assertEqual(('h3', 'active', ''), self.shown())

    def test_the_old_target_returns_before_the_new_one_works_and_starts_the_guest(self):
        self.lose_target()
        self.computes['h3'].freeze(True)
        self.evacuate('h3')
        self.world.on('h2')
        self.run_until(lambda: self.row.host == 'h2')
        self.assertEqual(['h2'], self.running())

    def test_a_second_call_while_the_first_is_under_way_spoils_it(self):
        for seed in range(6):
            self.begin(seed)
            self.lose()
            self.computes['h3'].freeze(True)
            self.evacuate('h2')
            self.evacuate('h3')
            self.run_until(lambda: self.row.host == 'h2')
            self.computes['h3'].freeze(False)
            self.let(FOREVER)
            self.assertEqual((['h2'], ['h2']), (self.running(), self.writing()))
            self.assertEqual(('rebuilding', 0), (self.row.task_state, self.row.power_state))
            self.assertIn('failed', self.statuses())

    def test_a_message_that_comes_while_another_host_spawns_makes_that_one_fail_and_run(self):
        """Read: the last save is refused; Nova shows an error on the source, the guest runs."""
        self.lose_target()
        self.evacuate('h3')
        self.run_until(self.is_spawning)
        self.nova.rows[self.uuid].task_state = 'rebuilding'
        self.let(30)
        self.assertEqual((('h1', 'error', ''), ['h3']), (self.shown(), self.running()))
        self.assertEqual(['failed', 'accepted'], self.statuses())

    def test_a_second_call_while_the_first_spawns_lets_both_start_it(self):
        """Read: nothing in Nova stands between two targets; who calls must not."""
        self.evacuate('h2')
        self.run_until(self.is_spawning)
        self.evacuate('h3')
        self.let(30)
        self.assertEqual(['h2', 'h3'], self.running())
