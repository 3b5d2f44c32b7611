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


"""Children end on time, whatever happens in them, and a frozen act is not carried out late."""

import os
import pathlib
import signal
import subprocess
import tempfile
import threading
import time
import unittest
from unittest import mock

from kaopu_ha import ports
from kaopu_ha.drivers import child

MODULE = 'tests.unit.child_doings'


class APermit(ports.Permit):

    def __init__(self, seconds=2.0, holds=True, before=lambda: None):
        self._seconds, self._holds, self._before = seconds, holds, before

    def seconds(self):
        return self._seconds

    def holds(self):
        self._before()
        return self._holds


class Base(unittest.TestCase):

    def setUp(self):
        super().setUp()
        self.child = self.a_child()
        self.child.warm()
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.path = pathlib.Path(folder.name) / 'done'

    def a_child(self, start_limit=20.0, **settings):
        made = child.Child(MODULE, settings, start_limit)
        # Those that a test kept from being waited for are taken away, or they warn in another test.
        self.addCleanup(made._undead.check)
        self.addCleanup(made.close)
        return made


class Asking(Base):

    def test_a_result_comes_back(self):
        self.assertEqual('x' * 300_000, self.child.ask('echo', 2, text='x' * 300_000))

    def test_the_child_stays_warm(self):
        self.assertEqual(self.child.ask('pid', 2), self.child.ask('pid', 2))

    def test_each_failure_arrives_as_what_it_is(self):
        for kind, error in (('refused', ports.Refused), ('unknown', ports.OutcomeUnknown),
                            ('port', ports.PortError), ('other', ports.PortError)):
            with self.subTest(kind=kind), self.assertRaisesRegex(error, 'as told'):
                self.child.ask('fail', 2, kind=kind)

    def test_a_child_that_ends_before_it_reads_its_settings_is_told_as_one(self):
        with self.assertRaisesRegex(child.ChildDied, 'did not start'):
            # More than the link holds: they are sent until the child is gone.
            child.Child('tests.unit.no_such_child', {'much': 'x' * (1 << 24)}, 20).warm()

    def test_a_handler_that_is_not_there_is_an_error_and_the_child_lives(self):
        pid = self.child.ask('pid', 2)
        with self.assertRaises(ports.PortError):
            self.child.ask('nonsense', 2)
        self.assertEqual(pid, self.child.ask('pid', 2))

    def test_a_child_that_hangs_dies_by_the_limit_and_is_replaced(self):
        with self.assertRaises(child.ChildDied):
            self.child.ask('write_later', 0.3, path=str(self.path), seconds=30)
        self.assertEqual('again', self.child.ask('echo', 5, text='again'))

    def test_a_child_that_crashes_is_replaced(self):
        with self.assertRaises(child.ChildDied):
            self.child.ask('crash', 2)
        self.assertEqual('again', self.child.ask('echo', 5, text='again'))

    def test_a_child_that_leaves_answers_first(self):
        pid = self.child.ask('pid', 2)
        self.assertEqual('bye', self.child.ask('leave', 2))
        self.assertNotEqual(pid, self.child.ask('pid', 5))

    def test_a_frozen_child_does_not_hold_its_caller(self):
        pid = self.child.ask('pid', 2)
        os.kill(pid, signal.SIGSTOP)
        with self.assertRaises(child.ChildDied):
            self.child.ask('echo', 0.3, text='')

    def test_the_handler_knows_how_much_time_is_left(self):
        self.assertAlmostEqual(2.0, self.child.ask('left', 2), delta=0.3)

    def test_an_idle_child_has_no_alarm(self):
        pid = self.child.ask('pid', 0.3)
        time.sleep(0.5)
        self.assertEqual(pid, self.child.ask('pid', 2))

    def test_a_second_caller_waits_no_longer_than_its_limit(self):
        busy = threading.Thread(target=lambda: self.child.ask(
            'write_later', 3, path=str(self.path), seconds=1.0))
        busy.start()
        self.addCleanup(busy.join)
        time.sleep(0.1)
        with self.assertRaisesRegex(ports.PortError, 'busy'):
            self.child.ask('echo', 0.2, text='')
        self.assertEqual('x', self.child.ask('echo', 3, text='x'))

    def test_nothing_of_the_settings_shows_on_the_command_line(self):
        secret = self.a_child(key='secret')
        self.assertNotIn('secret', ' '.join(secret.ask('arguments', 5)))


class Starting(Base):

    def test_a_slow_start_counts_for_the_limit_and_goes_on(self):
        slow = self.a_child(start_seconds=0.8)
        with self.assertRaisesRegex(ports.PortError, 'not started'):
            slow.ask('pid', 0.4)
        self.assertTrue(slow.ask('pid', 5))

    def test_a_start_that_takes_too_long_is_given_up(self):
        stuck = self.a_child(start_limit=0.3, start_seconds=30)
        with self.assertRaises(ports.PortError):
            stuck.warm()

    def test_a_child_that_cannot_be_made_says_why(self):
        broken = self.a_child(broken='no such keyring')
        with self.assertRaisesRegex(ports.PortError, 'no such keyring'):
            broken.ask('pid', 5)

    def test_a_child_that_cannot_be_forked_is_an_error_of_this_ask_only(self):
        started = self.a_child()
        busy = mock.patch('subprocess.Popen', side_effect=BlockingIOError(11, 'try again'))
        with busy, self.assertRaisesRegex(ports.PortError, 'could not be started: try again'):
            started.ask('pid', 2)
        self.assertEqual('x', started.ask('echo', 5, text='x'))

    def test_a_child_that_cannot_be_killed_holds_nobody(self):
        pid = self.child.ask('pid', 2)
        os.kill(pid, signal.SIGSTOP)
        late = subprocess.TimeoutExpired('child', 0.5)
        stuck = mock.patch('subprocess.Popen.wait', side_effect=late)
        with stuck, self.assertRaises(child.ChildDied):
            self.child.ask('pid', 0.3)
        self.assertNotEqual(pid, self.child.ask('pid', 5))

    def test_children_that_cannot_be_killed_do_not_fill_the_machine(self):
        late = subprocess.TimeoutExpired('child', 0.5)
        started, begin = [], subprocess.Popen

        def popen(*given, **options):
            started.append(begin(*given, **options))
            return started[-1]

        def ask_and_hang():
            pid = self.child.ask('pid', 5)
            os.kill(pid, signal.SIGSTOP)
            self.child.ask('pid', 0.1)

        with mock.patch('subprocess.Popen', popen), \
                mock.patch.object(begin, 'wait', side_effect=late), \
                mock.patch.object(begin, 'poll', return_value=None):
            for _ in range(8):
                with self.assertRaises(ports.PortError) as raised:
                    ask_and_hang()
        self.assertLess(len(started), 6)
        self.assertRegex(str(raised.exception), 'killed and wait in the kernel')
        # Their device has answered: they are dead now.
        self.assertTrue(self.child.ask('pid', 5))

    def test_a_module_that_is_not_there_is_an_error(self):
        absent = child.Child('tests.unit.no_such_module', {})
        with self.assertRaises(child.ChildDied):
            absent.ask('pid', 5)


class Acting(Base):

    def act(self, permit, seconds=0.0):
        self.child.act('write_later', permit, path=str(self.path), seconds=seconds)

    def test_an_act_with_a_permit_is_done(self):
        self.act(APermit())
        self.assertTrue(self.path.exists())

    def test_without_a_permit_nothing_is_done(self):
        with self.assertRaises(ports.NotPermitted):
            self.act(APermit(holds=False))
        self.assertFalse(self.path.exists())

    def test_without_time_nothing_is_done(self):
        with self.assertRaises(ports.NotPermitted):
            self.act(APermit(seconds=0.0))
        self.assertFalse(self.path.exists())

    def test_a_permit_that_cannot_be_read_leaves_no_alarm_behind(self):
        def fail():
            raise ports.StoreError('the store is away')
        pid = self.child.ask('pid', 2)
        with self.assertRaises(ports.StoreError):
            self.act(APermit(seconds=0.4, before=fail))
        time.sleep(0.6)
        self.assertEqual(pid, self.child.ask('pid', 2))

    def test_the_alarm_is_armed_before_the_permit_is_read(self):
        # The child is frozen while the permit is read, and thawed past its deadline.
        pid = self.child.ask('pid', 2)

        def freeze():
            os.kill(pid, signal.SIGSTOP)
            time.sleep(0.6)
            os.kill(pid, signal.SIGCONT)
        with self.assertRaises(ports.OutcomeUnknown):
            self.act(APermit(seconds=0.5, before=freeze))
        time.sleep(0.2)
        self.assertFalse(self.path.exists())

    def test_an_act_frozen_past_its_deadline_dies_instead_of_going_on(self):
        pid = self.child.ask('pid', 2)
        thaw = threading.Thread(target=self._freeze, args=(pid, 0.2, 0.6))
        thaw.start()
        with self.assertRaises(ports.OutcomeUnknown):
            self.act(APermit(seconds=0.6), seconds=0.4)
        thaw.join()
        time.sleep(0.6)
        self.assertFalse(self.path.exists())

    def test_an_act_frozen_for_a_shorter_time_is_done(self):
        pid = self.child.ask('pid', 2)
        thaw = threading.Thread(target=self._freeze, args=(pid, 0.1, 0.3))
        thaw.start()
        self.act(APermit(seconds=3.0), seconds=0.4)
        thaw.join()
        self.assertTrue(self.path.exists())

    def test_an_act_of_a_machine_that_stood_still_is_not_begun(self):
        # The monotonic clock, and with it the deadline, stood still for a minute.
        boot, date = child._clocks()
        slept = mock.patch.object(child, '_clocks', return_value=[boot - 60.0, date])
        with slept, self.assertRaisesRegex(ports.PortError, 'stood still'):
            self.act(APermit())
        self.assertFalse(self.path.exists())
        self.act(APermit())
        self.assertTrue(self.path.exists())

    @staticmethod
    def _freeze(pid, after, seconds):
        time.sleep(after)
        os.kill(pid, signal.SIGSTOP)
        time.sleep(seconds)
        # The parent may have ended it by then.
        try:
            os.kill(pid, signal.SIGCONT)
        except ProcessLookupError:
            return
