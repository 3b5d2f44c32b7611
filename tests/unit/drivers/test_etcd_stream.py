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

"""A stream of watches to a member that is played: what it is sent, and how it ends."""

import queue
import unittest

from kaopu_ha.drivers.etcd import calls as etcd_calls
from kaopu_ha.drivers.etcd import wire
from kaopu_ha.drivers.etcd.stream import WatchStream


class PlayedCall:
    """Tells what is put into ``told``; breaks once it is cancelled."""

    def __init__(self):
        self.told, self.is_cancelled = queue.SimpleQueue(), False

    def cancel(self):
        self.is_cancelled = True
        self.told.put(None)


class PlayedClient:
    """The members, as far as a stream asks for them."""

    def __init__(self):
        self.call, self.sent, self.logged_out = PlayedCall(), None, 0

    def stream(self, member, method, requests, limit):
        self.sent = requests
        return self.call

    def replies(self, member, call):
        while not call.is_cancelled:
            told = call.told.get(timeout=5.0)
            if told is None:
                break
            yield told
        if call.is_cancelled:
            raise etcd_calls.Failed(etcd_calls.After.MAYBE_DONE, 'cancelled')

    def log_out(self):
        self.logged_out += 1


class Patient(WatchStream):
    """Asks a member that is silent once, and gives it up the second time."""

    def __init__(self, client, tick=0.01):
        super().__init__(client, 0, tick)
        self.times = 0

    def quiet(self):
        self.times += 1
        if self.times == 1:
            self.ask()
        else:
            self.lose()


class WatchStreamTest(unittest.TestCase):

    def setUp(self):
        super().setUp()
        self.client = PlayedClient()

    def opened(self, stream):
        """It has told something, and goes on to be told by what is returned."""
        self.client.call.told.put(wire.WATCH.reply(created=True))
        replies = stream.replies()
        self.assertTrue(next(replies).created)
        return replies

    def test_what_is_wanted_before_it_is_opened_is_sent_in_its_order(self):
        stream = Patient(self.client, tick=5.0)
        stream.create(b'/a/', 7, 1)
        stream.create(b'/b/', None)
        stream.cancel(1)
        stream.ask()
        self.opened(stream)
        stream.end()
        first, second, third, fourth = self.client.sent
        self.assertEqual((b'/a/', b'/a0', 7, 1), (
            first.create_request.key, first.create_request.range_end,
            first.create_request.start_revision, first.create_request.watch_id))
        self.assertEqual((b'/b/', 0, 0), (
            second.create_request.key, second.create_request.start_revision,
            second.create_request.watch_id))
        self.assertEqual(1, third.cancel_request.watch_id)
        self.assertTrue(fourth.HasField('progress_request'))

    def test_one_that_is_ended_breaks_and_says_that_it_was_to(self):
        stream = Patient(self.client, tick=5.0)
        replies = self.opened(stream)
        stream.end()
        self.assertRaises(etcd_calls.Failed, next, replies)
        self.assertTrue(stream.is_ended)
        self.assertEqual([], list(self.client.sent))

    def test_one_that_is_ended_before_it_is_opened_breaks_as_well(self):
        stream = Patient(self.client, tick=5.0)
        stream.end()
        self.assertRaises(etcd_calls.Failed, next, stream.replies())
        self.assertTrue(self.client.call.is_cancelled)

    def test_of_a_member_that_is_silent_it_is_decided_at_each_tick_and_it_may_be_lost(self):
        stream = Patient(self.client)
        replies = self.opened(stream)
        progress, = self.client.sent
        self.assertTrue(progress.HasField('progress_request'))
        self.assertEqual(2, stream.times)
        self.assertRaises(etcd_calls.Failed, next, replies)
        self.assertFalse(stream.is_ended)

    def test_a_member_that_ends_it_has_failed(self):
        replies = self.opened(Patient(self.client))
        self.client.call.told.put(None)
        with self.assertRaisesRegex(etcd_calls.Failed, 'the member ended the watches'):
            next(replies)

    def test_silence_is_counted_from_what_was_told_last(self):
        stream = Patient(self.client, tick=5.0)
        stream._heard -= 60.0
        self.assertGreaterEqual(stream.silence, 60.0)
        self.opened(stream)
        self.assertLess(stream.silence, 30.0)

    def test_who_is_refused_logs_in_anew(self):
        failed = Patient(self.client).refused('/a/ is not to be watched')
        self.assertIs(etcd_calls.After.NOT_DONE, failed.after)
        self.assertEqual(1, self.client.logged_out)
