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

"""What becomes of what others say of a guest, or of a process."""

import dataclasses
import unittest

from kaopu_ha.core import notified, restart
from kaopu_ha.core.model import Power
from kaopu_ha.core.notified import HostSeen, followed
from kaopu_ha.core.restart import Start, StartPhase
from kaopu_ha.core.segments import Notification, NotificationKind, NotificationStatus
from tests.core.values import AT, a_service, rules

STOPPED = {'instance_uuid': 'i1', 'event': 'LIFECYCLE', 'vir_domain_event': 'STOPPED_FAILED'}
ENDED = {'process_name': 'nova-compute', 'event': 'STOPPED'}
RUNNING, IGNORED, FINISHED, FAILED = (
    NotificationStatus.RUNNING, NotificationStatus.IGNORED, NotificationStatus.FINISHED,
    NotificationStatus.FAILED)


class Table(unittest.TestCase):
    """Looks at one kind of notification."""

    kind, payload = NotificationKind.VM, STOPPED
    seen = HostSeen(power=Power.OFF, crashed=True)

    def after(self, payload=None, taken=False, **changes):
        one = Notification(1, 'n1', self.kind, 'c1', 'h1', 's1', AT, AT, payload or self.payload,
                           taken=taken)
        return followed(one, dataclasses.replace(self.seen, **changes), rules())

    def check(self, status, message, payload=None, taken=False, **changes):
        found = self.after(payload, taken, **changes)
        self.assertEqual((status, message, False), (found.status, found.message, found.takes))


class Guest(Table):

    def test_what_crashed_as_its_host_tells_is_started(self):
        for payload in (STOPPED, STOPPED | {'event': 'QEMU_GUEST_AGENT_ERROR'},
                        STOPPED | {'event': 'IO_ERROR', 'vir_domain_event': 'IO_ERROR_REPORT'}):
            found = self.after(payload)
            self.assertEqual((RUNNING, True), (found.status, found.takes))

    def test_events_on_which_masakari_does_nothing_are_ignored(self):
        for event, detail in (('LIFECYCLE', 'STOPPED_SHUTDOWN'), ('REBOOT', 'UNKNOWN'),
                              ('LIFECYCLE', 'IO_ERROR_REPORT')):
            self.check(IGNORED, f'nothing is done about the event {event} {detail}',
                       STOPPED | {'event': event, 'vir_domain_event': detail})

    def test_a_host_in_other_hands_is_left_to_them(self):
        self.check(IGNORED, 'its host is confirmed dead: what becomes of the host becomes of what '
                            'was on it', confirmed=True)
        self.check(IGNORED, 'a person holds the host', held=True)

    def test_who_does_not_tell_is_waited_for_and_then_nobody_knows(self):
        self.check(RUNNING, 'its host does not tell what is on', tells=False, seconds=119.9)
        self.check(FAILED, 'its host did not tell what is on: nobody knows whether the guest is '
                           'off', tells=False, seconds=120.0)
        self.check(FAILED, 'no agent of Kaopu HA ever told of this host: nobody knows whether the '
                           'guest is off', known=False, tells=False)

    def test_what_is_on_is_looked_at_until_its_host_must_have_seen_it(self):
        long = rules().inventory_seconds
        for power, words in ((Power.ON, 'it is on'), (Power.PAUSED, 'it is on'),
                             (None, 'its host does not know it'),
                             (Power.OFF, 'it is off, and not by a crash')):
            seen = {'power': power, 'crashed': False}
            self.check(RUNNING, f'{words} yet, as its host tells', **seen, seconds=long - 0.1)
            self.check(IGNORED, f'{words}, as its host tells', **seen, seconds=long)

    def test_what_an_io_error_paused_is_rebooted(self):
        found = self.after(STOPPED | {'event': 'IO_ERROR', 'vir_domain_event': 'IO_ERROR_REPORT'},
                           power=Power.PAUSED, crashed=False, stuck=True)
        self.assertEqual((RUNNING, 'it is stuck, and is started where it was', True),
                         (found.status, found.message, found.takes))
        self.assertIs(FAILED, self.after(taken=True, power=Power.PAUSED, stuck=True).status)

    def test_what_a_person_waved_off_is_left(self):
        self.check(IGNORED, 'a person waved it off: not needed',
                   start=Start('i1', 'web', StartPhase.WAVED_OFF, 'not needed'))

    def test_another_start_of_it_that_is_over_does_not_stand_for_this_one(self):
        for phase in (StartPhase.RUNS, StartPhase.LEFT, StartPhase.WAITING):
            self.assertTrue(self.after(start=Start('i1', 'web', phase)).takes, phase)

    def test_its_start_is_followed_to_its_end(self):
        def check(status, message, phase, reason='', calls=0, **changes):
            self.check(status, message, taken=True, start=Start(
                'i1', 'web', phase, reason, calls), **changes)
        for phase in (StartPhase.WAITING, StartPhase.STARTING, StartPhase.FAILED):
            # Whatever becomes of its host meanwhile.
            check(RUNNING, f'it is started where it was: {phase.value}: why', phase, 'why',
                  confirmed=True, held=True, tells=False, power=None)
        check(FINISHED, '', StartPhase.RUNS)
        check(IGNORED, 'its user stopped it', StartPhase.LEFT, 'its user stopped it')
        check(FAILED, 'Nova has it on c2', StartPhase.LEFT, 'Nova has it on c2', calls=1)
        check(FAILED, restart.TOO_OFTEN, StartPhase.LEFT, restart.TOO_OFTEN)
        check(FAILED, 'a person waved it off: why', StartPhase.WAVED_OFF, 'why')

    def test_a_start_that_is_kept_no_more_is_over(self):
        self.check(FINISHED, '', taken=True, power=Power.ON)
        for power in (Power.OFF, None):
            self.check(FAILED, 'nothing is known any more of its start: was its host booted?',
                       taken=True, power=power)


class Process(Table):

    kind, payload, seen = NotificationKind.PROCESS, ENDED, HostSeen(service=a_service('c1'))

    def test_nova_says_whether_its_compute_is_up(self):
        # For so long it shows one up that is gone, and for so long a report may take.
        long = rules().service_down_seconds + rules().settle_seconds
        self.check(RUNNING, 'Nova shows its nova-compute up yet', seconds=long - 0.1)
        self.check(FINISHED, 'Nova shows its nova-compute up', seconds=long)
        self.check(FINISHED, notified.DOWN, service=a_service('c1', up=False))
        self.check(RUNNING, 'Nova does not tell of its nova-compute', service=None, seconds=119.9)
        self.check(FAILED, 'Nova did not tell of its nova-compute: nobody knows whether it is up',
                   service=None, seconds=120.0)

    def test_a_process_is_known_by_its_path_as_well_and_others_are_ignored(self):
        for name, known in (('/usr/local/bin/nova-compute', True), ('/usr/sbin/libvirtd', False),
                            ('nova-compute-ironic', False)):
            found = self.after(ENDED | {'process_name': name})
            self.assertEqual(RUNNING if known else IGNORED, found.status)
            one = Notification(1, 'n1', self.kind, 'c1', 'h1', 's1', AT, AT,
                               ENDED | {'process_name': name})
            self.assertEqual(known, notified.needs_nova(one))
        self.assertIn('nothing is done about the process /usr/sbin/libvirtd: ', self.after(
            ENDED | {'process_name': '/usr/sbin/libvirtd'}).message)

    def test_a_host_in_other_hands_is_left_to_them(self):
        self.assertIs(IGNORED, self.after(confirmed=True).status)
        self.assertIs(IGNORED, self.after(held=True).status)

    def test_nothing_that_is_said_of_a_process_holds_or_starts_anything(self):
        for service in (None, a_service('c1'), a_service('c1', up=False)):
            self.assertFalse(self.after(service=service, power=Power.OFF).takes)
