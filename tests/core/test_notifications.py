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

"""What becomes of what others say of a host."""

import dataclasses
import unittest

from kaopu_ha.core import notifications
from kaopu_ha.core.model import Phase, Power, RecoveryStage, Stage
from kaopu_ha.core.news import Fact
from kaopu_ha.core.notifications import DISABLED, Seen, advance, patience
from kaopu_ha.core.notified import HostSeen
from kaopu_ha.core.restart import Start, StartPhase
from kaopu_ha.core.segments import Notification, NotificationKind, NotificationStatus
from tests.core.values import AT, a_case, a_recovery, a_service, an_evacuation, rules

STOPPED = {'event': 'STOPPED', 'host_status': 'NORMAL'}
NEW, RUNNING, IGNORED, FINISHED, FAILED = (
    NotificationStatus.NEW, NotificationStatus.RUNNING, NotificationStatus.IGNORED,
    NotificationStatus.FINISHED, NotificationStatus.FAILED)


def said(payload=None, **changes):
    return dataclasses.replace(Notification(
        1, 'n1', NotificationKind.COMPUTE_HOST, 'c1', 'h1', 's1', AT, AT,
        STOPPED if payload is None else payload), **changes)


def see(**changes):
    return dataclasses.replace(Seen(AT), **changes)


class TestNotifications(unittest.TestCase):

    def after(self, one=None, **seen):
        return advance(one or said(), see(**seen), rules())

    def check(self, status, message, one=None, **seen):
        found = self.after(one, **seen)
        self.assertEqual((status, message), (found.status, found.message))
        return found

    def test_a_host_that_beats_is_waited_for_and_then_alive(self):
        long = patience(rules())
        self.assertGreater(long, rules().beat_ttl)
        for seconds, status, message in (
                (0.0, RUNNING, 'the host is looked at'),
                (long - 0.1, RUNNING, 'the host is looked at'),
                (long, IGNORED, 'the host beats: it is alive')):
            self.check(status, message, beats=True, beating_seconds=seconds)

    def test_a_host_without_a_beat_is_looked_at_for_as_long_as_it_takes(self):
        self.check(RUNNING, 'the host is looked at')
        for stage in (Stage.SUSPECTED, Stage.DYING, Stage.LOCKED, Stage.LAST_LOOK):
            self.check(RUNNING, f'the host is looked at: its case is {stage.value}',
                       case=a_case(stage))
        self.check(RUNNING, 'the host is looked at: its case is suspected',
                   case=a_case(Stage.SUSPECTED), beats=True, beating_seconds=1e9)

    def test_nothing_that_is_said_is_a_verdict(self):
        """The only way to a recovery is the one that a case has led to."""
        for payload in (STOPPED, {'event': 'STARTED'}, {'event': 'STOPPED'}):
            for kind in NotificationKind:
                for case in (None, a_case(Stage.SUSPECTED), a_case(Stage.LAST_LOOK)):
                    self.assertEqual('', self.after(said(payload, kind=kind), case=case).recovery)

    def test_a_recovery_is_followed_to_its_end(self):
        case = a_case(Stage.CONFIRMED, recovery='c1-7')
        found = self.check(RUNNING, 'its recovery is fencing', case=case,
                           recovery=a_recovery(stage=RecoveryStage.FENCING))
        self.assertEqual('c1-7', found.recovery)
        for stage in RecoveryStage:
            if stage is not RecoveryStage.FINISHED:
                self.check(RUNNING, f'its recovery is {stage.value}', found, case=case,
                           recovery=a_recovery(stage=stage))
        finished = a_recovery(stage=RecoveryStage.FINISHED)
        done, left = an_evacuation('i1', Phase.DONE), an_evacuation('i2', Phase.LEFT)
        self.check(FINISHED, '', found, case=case, recovery=finished, moves=(done, left))
        for phase in (Phase.FAILED, Phase.NOT_RECOVERABLE):
            self.check(FAILED, '1 of 2 instances were not moved: name of i3', found, case=case,
                       recovery=finished, moves=(done, an_evacuation('i3', phase)))

    def test_a_recovery_that_is_gone_is_over(self):
        self.check(FINISHED, 'its recovery c1-7 is over', said(status=RUNNING, recovery='c1-7'),
                   beats=True, beating_seconds=1e9, enabled=False, held=True, known=False)

    def test_it_stays_with_its_recovery_when_the_host_has_another_one(self):
        found = self.after(said(status=RUNNING, recovery='c1-7'),
                           case=a_case(Stage.CONFIRMED, recovery='c1-9'))
        self.assertEqual('c1-7', found.recovery)

    def test_what_is_ignored(self):
        self.check(IGNORED, DISABLED, enabled=False)
        self.check(IGNORED, 'a person holds the host', held=True)
        for payload in ({'event': 'STOPPED'}, {'event': 'STOPPED', 'host_status': 'UNKNOWN'}):
            self.check(IGNORED, 'its host_status is not NORMAL: who sent it does not know',
                       said(payload))

    def test_what_is_said_of_a_guest_is_kept_until_its_start_is_over(self):
        payload = {'event': 'LIFECYCLE', 'vir_domain_event': 'STOPPED_FAILED',
                   'instance_uuid': 'i1'}
        one = said(payload, kind=NotificationKind.VM)
        # The case of its host leads a guest to no recovery.
        case = a_case(Stage.CONFIRMED, recovery='c1-7')
        self.assertEqual((IGNORED, ''), (self.after(one, case=case, host=HostSeen(
            confirmed=True)).status, self.after(one, case=case).recovery))
        off = HostSeen(power=Power.OFF, crashed=True)
        taken = self.after(one, host=off)
        self.assertEqual((RUNNING, True), (taken.status, taken.taken))
        self.assertEqual((IGNORED, DISABLED), (
            (found := self.after(one, host=off, enabled=False)).status, found.message))
        # What is begun is not forgotten for that.
        waits = HostSeen(power=Power.OFF, start=Start('i1', 'web', StartPhase.WAITING, 'its turn'))
        self.check(RUNNING, 'it is started where it was: waiting: its turn', taken, host=waits,
                   enabled=False)

    def test_a_process_that_nova_shows_down_is_told(self):
        one = said({'event': 'STOPPED', 'process_name': 'nova-compute'},
                   kind=NotificationKind.PROCESS)
        for up, facts in ((False, [Fact.COMPUTE_DOWN]), (True, [])):
            after = self.after(one, host=HostSeen(service=a_service('c1', up=up), seconds=1e9))
            self.assertEqual(FINISHED, after.status)
            self.assertEqual(facts, [news.fact for news in notifications.told(after)])

    def test_what_says_that_something_is_back_is_finished(self):
        for kind in NotificationKind:
            self.check(FINISHED, '', said({'event': 'STARTED'}, kind=kind), enabled=False)

    def test_a_host_that_nobody_knows_can_not_be_judged(self):
        self.check(FAILED, "no agent of Kaopu HA ever told of this host: it can't be judged",
                   known=False)

    def test_what_has_ended_stays_so(self):
        for status in (IGNORED, FINISHED, FAILED):
            one = said(status=status, message='why')
            self.assertIs(one, self.after(one, case=a_case(Stage.CONFIRMED, recovery='c1-7')))

    def test_what_is_not_new_is_not_written_again(self):
        one = self.after()
        self.assertEqual(AT, one.updated_at)
        self.assertIs(one, advance(one, see(at='later'), rules()))

    def test_a_message_is_bounded(self):
        moves = tuple(an_evacuation(f'i{number}' * 50, Phase.FAILED) for number in range(9))
        found = self.after(said(status=RUNNING, recovery='c1-7'), moves=moves,
                           recovery=a_recovery(stage=RecoveryStage.FINISHED))
        self.assertLessEqual(len(found.message), 512)

    def test_only_what_says_that_a_host_is_dead_is_a_call(self):
        self.assertTrue(notifications.is_call(said()))
        self.assertFalse(notifications.is_call(said(kind=NotificationKind.VM)))
