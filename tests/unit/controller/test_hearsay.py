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

"""Notifications, followed by a leader from what the store holds."""

import contextlib
import dataclasses
import unittest

from kaopu_ha import ports, records
from kaopu_ha.controller.answerer import Answerer
from kaopu_ha.core import model, restart
from kaopu_ha.core.news import Fact
from kaopu_ha.core.segments import (
    Notification,
    NotificationKind,
    NotificationStatus,
    RecoveryMethod,
    Segment,
)
from tests.core import values
from tests.unit.controller import scene

SEGMENT = Segment(1, 's1', 'rack', 'compute', RecoveryMethod.AUTO, values.AT)
SAID = Notification(1, 'n1', NotificationKind.COMPUTE_HOST, 'c1', 'h1', 's1', values.AT, values.AT,
                    {'event': 'STOPPED', 'host_status': 'NORMAL'})
KEY = records.NOTIFICATION + 'n1'
GUEST = dataclasses.replace(SAID, kind=NotificationKind.VM, payload={
    'event': 'LIFECYCLE', 'vir_domain_event': 'STOPPED_FAILED', 'instance_uuid': 'I1'})
PROCESS = dataclasses.replace(SAID, kind=NotificationKind.PROCESS, payload={
    'event': 'STOPPED', 'process_name': 'nova-compute'})


class Cloud:
    """Nova, of which nobody asks more than its services; None: it does not answer."""

    def __init__(self):
        self.up, self.asked = True, 0

    def services(self):
        self.asked += 1
        if self.up is None:
            raise ports.PortError('503')
        return {'c1': values.a_service('c1', up=self.up)}


class TestHearsay(unittest.TestCase):

    def setUp(self):
        self.store, self.clock, self.told = scene.Store(), scene.Clock(), []
        self.leader = scene.a_leader(self.store, 'controller-1', self.clock)
        self.leader.turn()
        self.cloud = Cloud()
        self.answerer = self.made(self.leader)
        self.put(records.SEGMENT + 's1', SEGMENT)
        self.put(records.INVENTORY + 'c1', values.an_inventory('c1'))
        self.put(KEY, SAID)

    def made(self, leader):
        """An answerer beside that leader."""
        return Answerer(self.store, leader, self.cloud,
                        scene.an_env(self.clock, self.told.append))

    def put(self, key, record, lease=0):
        """Write it."""
        self.store.commit([], [ports.Put(key, records.encode(record), lease)])

    def beat(self):
        """Have the host beat."""
        self.put(records.ALIVE + 'c1', records.Beat('uuid', 'boot-1'), self.store.grant(60))

    def kept(self, seconds=0.0):
        """The notification as it is after a turn, so many seconds later."""
        self.clock.now += seconds
        self.leader.turn()
        self.answerer.turn()
        view = records.View(self.store.read(records.NOTIFICATION))
        return view.notifications['n1']

    def test_a_host_that_goes_on_beating_is_alive(self):
        self.beat()
        self.assertEqual(NotificationStatus.RUNNING, self.kept().status)
        self.assertEqual(NotificationStatus.RUNNING, self.kept(20.0).status)
        found = self.kept(5.0)
        self.assertEqual((NotificationStatus.IGNORED, 'the host beats: it is alive'),
                         (found.status, found.message))
        self.assertRegex(found.updated_at, r'^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.000000$')

    def test_a_beat_that_was_gone_is_waited_for_anew(self):
        self.beat()
        self.kept()
        self.store.commit([], [ports.Delete(records.ALIVE + 'c1')])
        self.assertEqual(NotificationStatus.RUNNING, self.kept(20.0).status)
        self.beat()
        self.kept(20.0)
        self.assertEqual(NotificationStatus.RUNNING, self.kept(20.0).status)
        self.assertEqual(NotificationStatus.IGNORED, self.kept(5.0).status)

    def test_another_leader_waits_anew(self):
        self.beat()
        self.kept()
        self.answerer = self.made(self.leader)
        self.assertEqual(NotificationStatus.RUNNING, self.kept(20.0).status)
        self.assertEqual(NotificationStatus.RUNNING, self.kept(20.0).status)
        self.assertEqual(NotificationStatus.IGNORED, self.kept(5.0).status)

    def test_a_beat_without_a_lease_says_nothing(self):
        self.put(records.ALIVE + 'c1', records.Beat('uuid', 'boot-1'))
        self.kept()
        self.assertEqual(NotificationStatus.RUNNING, self.kept(100.0).status)

    def test_it_follows_the_recovery_of_its_host_and_that_alone(self):
        self.assertEqual('the host is looked at', self.kept().message)
        self.put(records.CASE + 'c1', values.a_case(model.Stage.DYING))
        self.assertEqual('the host is looked at: its case is dying', self.kept().message)
        self.put(records.CASE + 'c1', values.a_case(model.Stage.CONFIRMED, recovery='c1-7'))
        self.put(records.RECOVERY + 'c1-7', values.a_recovery())
        found = self.kept()
        self.assertEqual(('c1-7', 'its recovery is proven'), (found.recovery, found.message))
        finished = values.a_recovery(stage=model.RecoveryStage.FINISHED)
        self.put(f'{records.EVACUATION}c1-7/i1', values.an_evacuation('i1', model.Phase.DONE))
        self.put(f'{records.EVACUATION}c1-70/i2', values.an_evacuation('i2', model.Phase.FAILED))
        self.put(records.RECOVERY + 'c1-7', finished)
        self.assertEqual(NotificationStatus.FINISHED, self.kept().status)

    def test_a_segment_that_is_disabled_or_gone_has_it_ignored(self):
        for act in (lambda: self.put(records.SEGMENT + 's1', dataclasses.replace(
                SEGMENT, enabled=False)), lambda: self.store.commit([], [
                    ports.Delete(records.SEGMENT + 's1')])):
            self.put(KEY, SAID)
            act()
            self.assertEqual('Recovery aboart: the segment HA is disabled.', self.kept().message)

    def test_nobody_follows_who_does_not_lead(self):
        other = scene.a_leader(self.store, 'controller-2', self.clock)
        other.turn()
        self.made(other).turn()
        view = records.View(self.store.read(records.NOTIFICATION))
        self.assertEqual(SAID, view.notifications['n1'])

    def test_one_that_cannot_be_read_holds_up_no_other(self):
        self.store.commit([], [ports.Put(records.NOTIFICATION + 'n0', 'nonsense')])
        self.assertEqual(NotificationStatus.RUNNING, self.kept().status)
        self.assertIn('n0', {news.host for news in self.told})

    def test_a_record_that_cannot_be_written_holds_up_no_other_host(self):
        self.put(records.NOTIFICATION + 'n2', dataclasses.replace(
            SAID, number=2, uuid='n2', host='c2'))
        commit = self.store.commit

        def refused(compares, writes):
            if any(write.key == KEY for write in writes):
                raise ports.OutcomeUnknown('the record is too large for etcd, say')
            return commit(compares, writes)
        self.store.commit = refused
        for _ in range(4):
            with contextlib.suppress(ports.PortError):
                self.kept(1.0)
        view = records.View(self.store.read(records.NOTIFICATION))
        self.assertEqual([NotificationStatus.NEW, NotificationStatus.FAILED],
                         [one.status for one in view.notifications.values()])
        self.assertEqual({'c1'}, self.answerer.alone.failing)

    # ------------------------------------------------------------ of guests and processes

    def off(self, **changes):
        """Have the host tell that its guest crashed."""
        self.put(records.INVENTORY + 'c1', values.an_inventory('c1', instances=[
            values.an_instance('i1', model.Power.OFF)], **{'crashed': ('i1',)} | changes))

    def starts(self):
        """What is to be started on the host, by instance."""
        view = records.View(self.store.read(records.RESTART))
        return {one.instance: one for record in view.restarts.values() for one in record.starts}

    def counted(self):
        return sorted(self.store.read(records.CRASHED).under(records.CRASHED))

    def test_a_guest_that_is_off_is_started_and_counted_in_one_transaction(self):
        self.beat()
        self.off()
        self.put(KEY, GUEST)
        found = self.kept()
        self.assertEqual((NotificationStatus.RUNNING, True), (found.status, found.taken))
        self.assertEqual(restart.StartPhase.WAITING, self.starts()['i1'].phase)
        self.assertEqual(1, len(self.counted()))
        self.assertTrue(self.counted()[0].startswith('i1/'))
        revisions = {self.store.read(prefix).under(prefix)[name].modified for prefix, name in (
            (records.NOTIFICATION, 'n1'), (records.RESTART, 'c1'),
            (records.CRASHED, self.counted()[0]))}
        self.assertEqual(1, len(revisions))
        self.assertEqual([Fact.CRASHED], [news.fact for news in self.told])

    def test_it_is_followed_to_the_end_of_its_start(self):
        self.beat()
        self.off()
        self.put(KEY, GUEST)
        self.kept()
        self.assertIn('it is started where it was: waiting', self.kept().message)
        record = records.View(self.store.read(records.RESTART)).restarts['c1']
        self.put(records.RESTART + 'c1', restart.changed(record, [dataclasses.replace(
            self.starts()['i1'], phase=restart.StartPhase.RUNS, calls=1)]))
        self.assertEqual(NotificationStatus.FINISHED, self.kept().status)

    def test_two_who_say_the_same_start_it_once(self):
        self.beat()
        self.off()
        self.put(KEY, GUEST)
        self.put(records.NOTIFICATION + 'n2', dataclasses.replace(GUEST, number=2, uuid='n2'))
        for _ in range(3):
            self.kept()
        view = records.View(self.store.read(records.NOTIFICATION))
        self.assertEqual([True, True], [one.taken for one in view.notifications.values()])
        self.assertEqual((1, 1), (len(self.starts()), len(self.counted())))

    def test_what_is_said_of_a_guest_counts_for_nothing_while_its_host_does_not_tell(self):
        self.off()
        self.put(KEY, GUEST)
        for beats in (lambda: None, lambda: self.put(records.ALIVE + 'c1', records.Beat(
                'uuid', 'boot-1', behind='libvirt is mute'), self.store.grant(60))):
            beats()
            self.assertEqual('its host does not tell what is on', self.kept(10.0).message)
        self.assertEqual({}, self.starts())
        self.assertEqual(NotificationStatus.FAILED, self.kept(200.0).status)

    def test_what_goes_off_while_it_is_waited_for_is_started_then(self):
        self.beat()
        self.put(KEY, GUEST)
        self.assertEqual('it is on yet, as its host tells', self.kept().message)
        self.off(crashed=())
        self.assertFalse(self.kept(2.0).taken)
        self.off()
        self.assertTrue(self.kept(2.0).taken)
        self.assertIn('i1', self.starts())

    def test_what_stays_on_is_ignored_in_the_end(self):
        self.beat()
        self.put(KEY, GUEST)
        self.kept()
        self.assertEqual(NotificationStatus.RUNNING, self.kept(39.0).status)
        self.assertEqual(NotificationStatus.IGNORED, self.kept(1.0).status)

    def test_a_record_of_starts_that_a_newer_release_wrote_is_not_written_over(self):
        self.beat()
        self.off()
        newer = '{"schema":99}'
        self.store.commit([], [ports.Put(records.RESTART + 'c1', newer)])
        self.put(KEY, GUEST)
        self.kept()
        self.assertEqual(NotificationStatus.FAILED, self.kept().status)
        self.assertEqual(newer, self.store.read(records.RESTART + 'c1').get(
            records.RESTART + 'c1').value)

    def test_nova_is_asked_of_a_process_once_in_a_while(self):
        self.put(KEY, PROCESS)
        for seconds in (0.0, 2.0, 2.0, 2.0):
            self.kept(seconds)
        self.assertEqual(2, self.cloud.asked)
        self.assertEqual('Nova shows its nova-compute up yet', self.kept().message)
        self.cloud.up = False
        self.assertEqual(NotificationStatus.FINISHED, self.kept(60.0).status)
        self.assertEqual([Fact.COMPUTE_DOWN], [news.fact for news in self.told])

    def test_nova_that_does_not_answer_ends_no_turn(self):
        self.cloud.up = None
        self.put(KEY, PROCESS)
        self.assertEqual('Nova does not tell of its nova-compute', self.kept().message)
        self.assertEqual(NotificationStatus.FAILED, self.kept(120.0).status)

    def test_nova_is_not_asked_for_what_it_has_no_part_in(self):
        self.beat()
        self.kept()
        self.put(KEY, GUEST)
        self.kept()
        self.assertEqual(0, self.cloud.asked)

    def test_nothing_is_written_while_nothing_is_new(self):
        self.kept()
        before = self.store.read(KEY).get(KEY).modified
        self.kept(1.0)
        self.assertEqual(before, self.store.read(KEY).get(KEY).modified)
