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

"""The false nova-compute: a host's return, a queued reboot, live migration, what Nova notices.

Each trouble was seen on the real one, but where a test says that it was read in Nova's code.
"""

from kaopu_ha import ports
from kaopu_ha.sim.kernel import Process
from kaopu_ha.sim.machine import Libvirtd, hosts_of
from kaopu_ha.testing.fence import GivenPermit
from tests.unit.sim.false_cloud import FOREVER, Troubled


class TestReturn(Troubled):
    """The host comes back."""

    def evacuated(self):
        """The guest of h1 was evacuated to h2; h1 is fenced and forced down."""
        self.lose()
        self.evacuate()
        self.run_until(lambda: self.row.host == 'h2')

    def test_nova_compute_destroys_at_its_start_what_was_evacuated(self):
        for seed in range(8):
            self.begin(seed)
            self.evacuated()
            self.world.on('h1')
            seconds = self.run_until(lambda: self.statuses() == ['completed'])
            self.assertTrue(3.0 <= seconds <= 6.1)
            self.assertIn('h1', self.nova.forced)
            self.assertEqual(['h2'], self.running())

    def test_unforced_it_is_not_before_the_records_are_completed(self):
        self.evacuated()
        with self.assertRaisesRegex(ports.Refused, '400'):
            self.cloud.force_down('h1', False, GivenPermit())
        self.world.on('h1')
        self.run_until(lambda: self.statuses() == ['completed'])
        self.cloud.force_down('h1', False, GivenPermit())

    def test_one_start_completes_one_record_of_each_server(self):
        """Read: of two records of a server Nova takes one, and the other waits for a restart."""
        self.nova.calls_to_lose = 1
        self.lose()
        self.evacuate()
        self.evacuate()
        self.run_until(lambda: self.row.host == 'h2')
        self.world.on('h1')
        self.let(10)
        self.assertEqual(['done', 'completed'], self.statuses())
        self.computes['h1'].kill()
        self.computes['h1'].start()
        self.let(10)
        self.assertEqual(['completed', 'completed'], self.statuses())

    def test_the_source_returns_in_mid_evacuation_and_it_goes_on(self):
        self.lose()
        self.computes['h2'].freeze(True)
        self.evacuate()
        self.let(3)
        self.world.on('h1')
        self.let(10)
        self.assertEqual((['completed'], []), (self.statuses(), self.running()))
        self.computes['h2'].freeze(False)
        self.run_until(lambda: self.row.host == 'h2')
        self.assertEqual(['done'], self.statuses())

    def test_what_was_not_evacuated_is_stopped_some_6_seconds_later(self):
        self.lose()
        self.world.on('h1')
        seconds = self.run_until(lambda: self.row.vm_state == 'stopped')
        self.assertTrue(3.5 <= seconds <= 8.0)
        self.assertEqual(('h1', 'stopped', ''), self.shown())

    def test_what_was_not_evacuated_boots_there_if_guests_are_resumed(self):
        self.nova.resumes_guests = True
        self.world.off('h1')
        self.world.on('h1')
        self.let(10)
        self.assertEqual((('h1', 'active', ''), ['h1']), (self.shown(), self.running()))

    def test_what_is_resumed_on_a_fenced_host_gets_no_disk(self):
        self.nova.resumes_guests = True
        self.lose()
        self.world.on('h1')
        self.let(10)
        self.assertEqual((('h1', 'stopped', ''), []), (self.shown(), self.running()))

    def cut_off(self, up=False):
        self.machines['h1'].node.links.update(management=up, storage=up)
        self.nova.note_reports()

    def test_a_nova_compute_that_was_only_cut_off_does_not_clean_up(self):
        self.cut_off()
        self.world.fence('h1')
        self.cloud.force_down('h1', True, GivenPermit())
        self.evacuate()
        self.run_until(lambda: self.row.host == 'h2')
        self.cut_off(up=True)
        self.let(FOREVER)
        self.assertEqual((['h1', 'h2'], ['h2'], ['done']), (
            self.running(), self.writing(), self.statuses()))
        self.computes['h1'].kill()
        self.computes['h1'].start()
        self.let(10)
        self.assertEqual((['h2'], ['completed']), (self.running(), self.statuses()))

    def test_without_a_fence_both_guests_write(self):
        self.machines['h1'].node.links['management'] = False
        self.cloud.force_down('h1', True, GivenPermit())
        self.evacuate()
        self.run_until(lambda: self.row.host == 'h2')
        self.assertEqual(['h1', 'h2'], self.writing())


class TestReboot(Troubled):
    """A hard reboot is queued on a host that stands still."""

    def freeze(self):
        self.machines['h1'].node.black = True
        self.computes['h1'].freeze(True)
        self.row.task_state = 'rebooting_hard'
        self.computes['h1'].cast(lambda: self.computes['h1'].reboot(self.row))
        self.nova.note_reports()

    def thaw(self):
        self.machines['h1'].node.black = False
        self.computes['h1'].freeze(False)

    def test_it_is_refused_when_the_server_is_in_another_task_by_then(self):
        self.freeze()
        self.world.ceph.add_to_blocklist(self.machines['h1'].guests[self.uuid].clients[0].address,
                                         1e6)
        self.cloud.force_down('h1', True, GivenPermit())
        self.evacuate()
        self.run_until(lambda: self.row.host == 'h2')
        run = self.machines['h1'].guests[self.uuid].run
        self.thaw()
        self.let(30)
        self.assertEqual(run, self.machines['h1'].guests[self.uuid].run)
        self.assertEqual(['h2'], self.writing())

    def test_between_fence_and_evacuation_its_new_qemu_needs_the_fence_of_the_whole_address(self):
        for whole, writing in ((False, ['h1']), (True, [])):
            self.begin()
            self.freeze()
            client = self.machines['h1'].guests[self.uuid].clients[0].address
            self.world.ceph.add_to_blocklist(client, 1e6)
            if whole:
                self.world.fence('h1')
            self.thaw()
            self.let(30)
            self.assertEqual(writing, self.writing(), whole)

    def test_its_new_qemu_waits_for_a_storage_that_hangs_and_comes_up_late(self):
        self.world.ceph.hung = True
        self.row.task_state = 'rebooting_hard'
        self.computes['h1'].cast(lambda: self.computes['h1'].reboot(self.row))
        self.let(FOREVER)
        self.assertEqual(([], 'reboot_started_hard'), (self.running(), self.row.task_state))
        self.world.ceph.hung = False
        self.let(5)
        self.assertEqual((['h1'], ('h1', 'active', '')), (self.writing(), self.shown()))

    def test_a_reboot_in_which_nova_compute_died_is_begun_again(self):
        """Read in Nova's code: one that had begun, and only if the guest does not run."""
        self.row.task_state = 'rebooting_hard'
        self.computes['h1'].cast(lambda: self.computes['h1'].reboot(self.row))
        self.run_until(lambda: not self.running())
        self.computes['h1'].kill()
        self.let(30)
        self.assertEqual(([], 'reboot_started_hard'), (self.running(), self.row.task_state))
        self.computes['h1'].start()
        self.let(30)
        self.assertEqual((['h1'], ('h1', 'active', '')), (self.writing(), self.shown()))


class TestService(Troubled):

    def service(self, host='h1'):
        found = self.cloud.services()[host]
        return found.up, found.enabled

    def test_a_frozen_libvirtd_is_not_noticed(self):
        self.machines['h1'].libvirtd = Libvirtd.FROZEN
        self.let(110)
        self.assertEqual((True, True), self.service())

    def test_a_dead_libvirtd_disables_its_service_which_stays_up(self):
        self.machines['h1'].libvirtd = Libvirtd.DEAD
        self.let(110)
        self.assertEqual((True, False), self.service())

    def test_a_cut_storage_cable_is_not_noticed_and_the_guest_writes_again_when_it_is_mended(self):
        self.machines['h1'].node.links['storage'] = False
        self.let(100)
        self.assertEqual(((True, True), ('h1', 'active', ''), []), (
            self.service(), self.shown(), self.writing()))
        self.machines['h1'].node.links['storage'] = True
        self.assertEqual(['h1'], self.writing())

    def test_it_is_up_again_when_its_reports_come_again(self):
        self.machines['h1'].node.links['management'] = False
        self.let(61)
        self.assertEqual((False, True), self.service())
        self.machines['h1'].node.links['management'] = True
        self.assertEqual((True, True), self.service())


class TestLiveMigration(Troubled):

    def migrate(self):
        record = self.nova.record(self.uuid, 'live-migration', 'h1', 'h2')
        self.computes['h1'].cast(lambda: self.computes['h1'].migrate(
            self.row, record, self.computes['h2']))
        self.run_until(lambda: self.machines['h2'].runs(self.uuid))

    def test_only_one_side_writes_at_any_time_and_the_disk_is_handed_over(self):
        self.migrate()
        writers = []

        def look():
            writers.append(self.writing())
            return self.row.host == 'h2'
        self.run_until(look)
        self.assertEqual([['h1'], ['h2']], [
            each for at, each in enumerate(writers) if at == 0 or writers[at - 1] != each])
        self.assertEqual((['completed'], ['h2']), (self.statuses(), self.running()))

    def test_the_source_dies_and_it_stays_migrating_and_the_waiting_guest_ends(self):
        self.migrate()
        self.world.off('h1')
        self.let(1)
        self.assertEqual((['h2'], []), (self.running(), self.writing()))
        self.assertEqual([], hosts_of(self.uuid, self.machines))
        self.let(60)
        self.assertEqual((('h1', 'active', 'migrating'), ['running'], []), (
            self.shown(), self.statuses(), self.running()))

    def test_the_source_dies_after_the_hand_over_and_nova_shows_it_there_though_it_runs(self):
        self.migrate()
        self.run_until(lambda: self.writing() == ['h2'])
        self.world.off('h1')
        self.let(60)
        self.assertEqual((('h1', 'active', 'migrating'), ['h2']), (self.shown(), self.writing()))

    def test_nova_resumes_it_at_the_boot_of_its_source_where_it_is_told_to_and_both_write(self):
        self.nova.resumes_guests = True
        self.migrate()
        self.run_until(lambda: self.writing() == ['h2'])
        self.world.off('h1')
        self.world.on('h1')
        self.let(10)
        self.assertEqual((['h1', 'h2'], {image.header for image in self.row.images}),
                         (sorted(self.running()), self.nova.resumed_blindly))

    def test_the_target_dies_and_the_guest_stays(self):
        self.migrate()
        self.world.off('h2')
        self.let(10)
        self.assertEqual((('h1', 'active', ''), ['error'], ['h1']), (
            self.shown(), self.statuses(), self.writing()))

    def test_what_it_begins_while_it_starts_it_does_not_end_as_left_over(self):
        """Read: it takes no message before it has looked what its former process left."""
        for seed in range(8):
            self.begin(seed)
            self.computes['h1'].kill()
            self.computes['h1'].start()
            self.migrate()
            self.run_until(lambda: self.statuses() != ['running'])
            self.assertEqual((['completed'], ['h2']), (self.statuses(), self.running()))

    def test_what_its_former_process_left_it_ends(self):
        self.migrate()
        self.computes['h1'].kill()
        self.computes['h1'].start()
        self.let(10)
        self.assertEqual((('h1', 'active', ''), ['error']), (self.shown(), self.statuses()))

    def test_a_fenced_source_keeps_its_guest(self):
        self.migrate()
        self.world.fence('h1')
        self.let(10)
        self.assertEqual((('h1', 'active', ''), ['h1'], []), (
            self.shown(), self.running(), self.writing()))

    def test_a_guest_that_is_on_the_target_already_is_left_alone(self):
        self.machines['h2'].define(self.uuid, 'left behind', self.row.images)
        record = self.nova.record(self.uuid, 'live-migration', 'h1', 'h2')
        self.computes['h1'].cast(lambda: self.computes['h1'].migrate(
            self.row, record, self.computes['h2']))
        self.let(20)
        self.assertEqual((['error'], ['h1']), (self.statuses(), self.writing()))
        self.assertIn(self.uuid, self.machines['h2'].guests)


class TestClient(Troubled):
    """Nova's API, as its callers meet it."""

    def test_an_answer_that_comes_too_late_leaves_the_outcome_unknown_and_is_carried_out(self):
        self.lose()
        self.nova.slow_seconds = 20.0
        with self.assertRaises(ports.OutcomeUnknown):
            self.evacuate()
        self.assertEqual('', self.row.task_state)
        self.let(25)
        self.assertEqual('h2', self.nova.records[0].target)

    def test_a_caller_that_is_killed_after_it_has_sent_has_called(self):
        self.lose()
        self.nova.slow_seconds = 1.0
        caller = Process('caller')
        self.nova.kernel.spawn(caller, self.evacuate)
        self.let(0.5)
        caller.kill()
        self.let(2)
        self.assertEqual(1, len(self.statuses()))

    def test_nova_that_is_away_is_an_error(self):
        self.nova.away = True
        with self.assertRaises(ports.PortError):
            self.cloud.servers('h1')
