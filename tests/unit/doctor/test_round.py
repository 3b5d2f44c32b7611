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

"""All is asked at one time, nothing hangs, nothing is raised, and what was written is awaited."""

import signal
import threading
import time
import unittest

from kaopu_ha.checkup import Check
from kaopu_ha.core.checkup import Severity, good
from kaopu_ha.doctor.round import Asked, ask_all


class RoundTest(unittest.TestCase):

    def setUp(self):
        super().setUp()
        self.released = threading.Event()
        self.addCleanup(self.released.set)

    def asked(self, name, ask, **given):
        return Asked('store', Check(name, ask, 'all is lost', **given))

    def test_each_is_asked_and_told(self):
        told = []
        found = ask_all([self.asked(name, lambda limit, name=name: [good(name, f'{limit:.0f}')])
                         for name in 'ab'], 10.0, told.append)
        self.assertEqual({('store', 'a', '8'), ('store', 'b', '8')},
                         {(one.side, one.subject, one.found) for one in found})
        self.assertEqual(2, len(told))
        self.assertTrue(told[-1].startswith('2 of 2 asked (store: '))

    def test_they_are_asked_at_one_time(self):
        meeting = threading.Barrier(3, timeout=30)

        def meet(_):
            meeting.wait()
            return [good('x', 'met')]

        found = ask_all([self.asked(name, meet) for name in 'abc'], 30.0)
        self.assertEqual(['met'] * 3, [one.found for one in found])

    def test_one_that_raises_is_a_finding(self):
        def fail(_):
            raise RuntimeError('it broke\nin two')

        (found,) = ask_all([self.asked('a', fail)], 10.0)
        self.assertEqual((Severity.WRONG, False, 'all is lost'),
                         (found.severity, found.asked, found.failure))
        self.assertIn('RuntimeError: it broke in two', found.found)

    def test_one_that_hangs_is_a_finding_and_the_others_are_kept(self):
        found = ask_all([self.asked('a', lambda _: self.released.wait(60) and []),
                         self.asked('b', lambda _: [good('b', 'fine')])], 0.5)
        self.assertEqual({'a': False, 'b': True}, {one.subject: one.asked for one in found})

    def test_whoever_ends_it_waits_for_what_is_taken_back(self):
        """Ctrl-C goes on, after the end of the one that writes, and not of the one that hangs."""
        begun, ended = threading.Event(), []

        def write(_):
            begun.set()
            self.released.wait(60)
            ended.append(True)
            return []

        self.interrupted_after(begun, then=self.released.set)
        hangs = threading.Event()
        self.addCleanup(hangs.set)
        with self.assertRaises(KeyboardInterrupt):
            ask_all([self.asked('a', write, writes=True),
                     self.asked('b', lambda _: hangs.wait(60) and [])], 60.0)
        self.assertEqual([True], ended)

    def test_nobody_waits_for_one_that_did_not_write_yet_and_it_never_does(self):
        begun, written = threading.Event(), []

        def hang(_):
            begun.set()
            self.released.wait(60)
            return []

        self.interrupted_after(begun)
        with self.assertRaises(KeyboardInterrupt):
            ask_all([self.asked('a', lambda _: written.append(True) or [], writes=True,
                                first=hang)], 60.0)
        (asking,) = (each for each in threading.enumerate() if each.name == 'doctor store')
        self.released.set()
        asking.join(60)
        self.assertEqual([], written)

    def test_what_is_found_first_stands_for_all(self):
        written = []
        (found,) = ask_all([self.asked('a', lambda _: written.append(True) or [], writes=True,
                                       first=lambda _: [good('a', 'no need')])], 10.0)
        self.assertEqual(('no need', []), (found.found, written))
        ask_all([self.asked('a', lambda _: written.append(True) or [], writes=True,
                            first=lambda _: [])], 10.0)
        self.assertEqual([True], written)

    def interrupted_after(self, begun, then=lambda: None):
        # What a shell starts in the background passes over Ctrl-C.
        former = signal.signal(signal.SIGINT, signal.default_int_handler)
        self.addCleanup(signal.signal, signal.SIGINT, former)

        def interrupt():
            begun.wait(60)
            signal.pthread_kill(threading.main_thread().ident, signal.SIGINT)
            time.sleep(0.2)
            then()

        threading.Thread(target=interrupt, daemon=True).start()


if __name__ == '__main__':
    unittest.main()
