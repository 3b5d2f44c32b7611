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

"""First contact with the store: what is told while nobody answers, and that nobody waits for it."""

import threading
import time
import unittest
from unittest import mock

from kaopu_ha import ports
from kaopu_ha.telling import contact
from kaopu_ha.wiring.wakes import Wakes


class Meeting(unittest.TestCase):
    """A contact on a clock that stands until it is told to go on."""

    def setUp(self):
        super().setUp()
        self.now = 100.0
        self.answer = threading.Event()
        self.failure = None
        self.asked = 0

    def made(self, keeps=False):
        return contact.ContactWatch(self.ask, '192.0.2.1:2379', keeps=keeps, clock=lambda: self.now)

    def ask(self):
        self.asked += 1
        self.answer.wait(30)
        if self.failure:
            raise ports.StoreError(self.failure)

    def go_on(self, meeting, seconds):
        """Turns of so many seconds, a quarter of a second each; what was told."""
        with self.assertLogs('kaopu_ha.telling.contact', 'INFO') as logs:
            contact.LOG.info('begins')
            until = self.now + seconds
            while self.now < until:
                meeting.turn()
                if self.answer.is_set() and meeting._thread is not None:
                    meeting._thread.join(30)
                self.now += 0.25
        return [f'{record.levelname} {record.getMessage()}' for record in logs.records[1:]]

    def test_nothing_is_told_where_it_answers(self):
        self.answer.set()
        self.assertEqual([], self.go_on(self.made(), 1000))
        self.assertEqual(1, self.asked)

    def test_silence_is_told_once_it_lasts_and_again_after_minutes(self):
        meeting = self.made()
        self.assertEqual([], self.go_on(meeting, 2.5))
        told = self.go_on(meeting, 0.25)
        self.assertEqual(1, len(told))
        self.assertTrue(told[0].startswith('WARNING the store does not answer at 192.0.2.1:2379. '))
        self.assertEqual([], self.go_on(meeting, 299))
        self.assertEqual(1, len(self.go_on(meeting, 2)))

    def test_the_reason_is_told_when_it_is_known(self):
        meeting = self.made()
        self.assertEqual(1, len(self.go_on(meeting, 4)))
        self.failure = 'connection refused'
        self.answer.set()
        told = self.go_on(meeting, 100)
        self.assertEqual(1, len(told), told)
        self.assertIn(': connection refused.  Nothing is done without it', told[0])

    def test_the_answer_is_told_to_whom_silence_was(self):
        meeting = self.made()
        self.go_on(meeting, 4)
        self.answer.set()
        self.assertEqual(['INFO the store at 192.0.2.1:2379 answers'], self.go_on(meeting, 1000))
        self.assertEqual(1, self.asked)

    def test_who_keeps_asking_tells_of_a_later_silence_too(self):
        meeting = self.made(keeps=True)
        self.answer.set()
        self.assertEqual([], self.go_on(meeting, 60))
        self.failure = 'connection refused'
        told = self.go_on(meeting, 60)
        self.assertEqual(1, len(told), told)
        self.assertIn('connection refused', told[0])
        self.failure = None
        self.assertEqual(1, len(self.go_on(meeting, 60)))


class Slow:
    """A store whose watches take their time to begin."""

    def __init__(self):
        self.go_on = threading.Event()
        self.opened, self.closed = [], []

    def watch(self, prefix, tell):
        self.go_on.wait(30)
        self.opened.append((prefix, tell))
        return self

    def close(self):
        self.closed.append(1)

    def refuse(self):
        raise ports.StoreError('the store is closed')


class TestWakes(unittest.TestCase):

    def await_true(self, fact):
        deadline = time.monotonic() + 30
        while not fact():
            self.assertLess(time.monotonic(), deadline)
            time.sleep(0.005)

    def test_nobody_waits_for_a_store_that_is_away(self):
        store, wake = Slow(), threading.Event()
        wakes = Wakes(store, [(wake, ('/a/', '/b/'))])
        self.assertEqual([], store.opened)
        store.go_on.set()
        self.await_true(lambda: len(store.opened) == 2)
        self.await_true(wake.is_set)
        wake.clear()
        store.opened[1][1](ports.Change())
        self.assertTrue(wake.is_set())
        wakes.close()
        self.assertEqual(2, len(store.closed))

    def test_who_is_woken_by_the_same_shares_one_watch(self):
        store, one, two = Slow(), threading.Event(), threading.Event()
        wakes = Wakes(store, [(one, ('/a/',)), (two, ('/b/', '/a/'))])
        self.addCleanup(wakes.close)
        store.go_on.set()
        self.await_true(lambda: len(store.opened) == 2)
        self.await_true(lambda: one.is_set() and two.is_set())
        told = dict(store.opened)
        for prefix, woken in (('/a/', (True, True)), ('/b/', (False, True))):
            one.clear()
            two.clear()
            told[prefix](ports.Change())
            self.assertEqual(woken, (one.is_set(), two.is_set()))

    def test_what_begins_after_the_end_is_ended(self):
        store = Slow()
        Wakes(store, [(threading.Event(), ('/a/', '/b/'))]).close()
        store.go_on.set()
        self.await_true(lambda: store.closed)
        self.assertEqual((1, 1), (len(store.opened), len(store.closed)))

    def test_a_store_that_is_closed_meanwhile_is_no_error(self):
        for closed, errors in ((True, 0), (False, 1)):
            with self.subTest(closed=closed), \
                    mock.patch.object(threading, 'excepthook') as told:
                store = Slow()
                store.watch = lambda prefix, tell, of=store: of.go_on.wait(30) and of.refuse()
                before = set(threading.enumerate())
                wakes = Wakes(store, [(threading.Event(), ('/a/',))])
                (opens,) = set(threading.enumerate()) - before
                if closed:
                    wakes.close()
                store.go_on.set()
                opens.join(30)
                self.assertEqual(errors, told.call_count)
