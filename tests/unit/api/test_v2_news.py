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

"""News since a cursor: nothing is told twice or left out, and what is lost is told."""

import threading
import time
import types
from unittest import mock

from kaopu_ha import ports, records
from kaopu_ha.api.v2 import newsroom
from kaopu_ha.core.model import Stage
from tests.unit.api.own import OwnCase, told


class Base(OwnCase):

    def setUp(self):
        super().setUp()
        # Each test looks by its asks; the thread that would is tried by itself.
        self.thread = self.enterContext(mock.patch('kaopu_ha.api.v2.newsroom.threading.Thread'))

    def news(self, since=None, **query):
        """What is answered."""
        given = {**query, **({} if since is None else {'since': since})}
        return self.told(200, 'GET', '/v2/news?' + '&'.join(
            f'{name}={value}' for name, value in given.items()))

    def hold(self, host, why):
        """Something that is told."""
        self.put(records.HOST + host, records.HostSetting(True, 'joe', told.at(1), why))


class TestNews(Base):

    def test_one_begins_with_a_cursor_and_no_news(self):
        found = self.news()
        self.assertEqual(([], '', False), (found['news'], found['lost'], found['more']))
        self.assertEqual(found['cursor'], self.news(found['cursor'])['cursor'])

    def test_each_fact_comes_once_in_its_order_with_its_words(self):
        cursor = self.news()['cursor']
        self.hold('c2', 'one')
        self.hold('c3', 'two')
        found = self.news(cursor)
        self.assertEqual([('c2', 'on hold by joe: one', 'warning', told.at(1)),
                          ('c3', 'on hold by joe: two', 'warning', told.at(1))],
                         [(one['host'], one['text'], one['level'], one['at'])
                          for one in found['news']])
        self.assertEqual([], self.news(found['cursor'])['news'])
        self.assertEqual(['two'], [one['text'].split()[-1]
                                   for one in self.news(found['news'][0]['cursor'])['news']])

    def test_a_fact_without_a_time_has_that_of_the_look(self):
        cursor = self.news()['cursor']
        self.behind.commit([], [ports.Delete(records.ALIVE + 'c2')])
        (line,) = self.news(cursor)['news']
        self.assertEqual(('its beat is gone', self.time), (line['text'], line['at']))

    def test_a_page_is_bounded_and_nothing_falls_between_two(self):
        cursor = self.news()['cursor']
        for number in range(7):
            self.hold('c2', f'reason-{number}')
            self.news()
        seen = []
        while True:
            found = self.news(cursor, limit=3)
            seen += [one['text'][-1] for one in found['news']]
            cursor = found['cursor']
            if not found['more']:
                break
        self.assertEqual(list('0123456'), seen)

    def test_what_was_written_in_one_transaction_stays_together(self):
        cursor = self.news()['cursor']
        self.behind.commit([], [ports.Put(records.HOST + host, records.encode(records.HostSetting(
            True, 'joe', told.at(1), 'x'))) for host in ('c1', 'c2', 'c3')])
        found = self.news(cursor, limit=1)
        self.assertEqual((3, False), (len(found['news']), found['more']))

    def test_by_host_and_details_if_they_are_asked_for(self):
        cursor = self.news()['cursor']
        self.put(records.CLAIM + 'some', records.Claim('worker-1', 'c1-1234'))
        self.hold('c2', 'one')
        self.assertEqual(['c2'], [one['host'] for one in self.news(cursor)['news']])
        self.assertEqual(['c1'], [one['host'] for one in self.news(
            cursor, detail='true', host='c1')['news']])

    def test_an_end_of_a_proof_is_no_trouble_where_the_host_is_taken_back(self):
        self.put(records.PROOF + 'c1-1234', records.ProofMark('ctl-1', told.at(7)))
        self.put(records.CASE + 'c1', told.a_case(stage=Stage.ADMITTING))
        cursor = self.news()['cursor']
        self.behind.commit([], [ports.Delete(records.PROOF + 'c1-1234')])
        self.assertEqual([], self.news(cursor)['news'])
        (line,) = self.news(cursor, detail='true')['news']
        self.assertIn('the host is taken back', line['text'])

    def test_what_is_not_kept_any_more_is_told(self):
        self.enterContext(mock.patch('kaopu_ha.api.v2.newsroom._KEPT_MAX', 3))
        cursor = self.news()['cursor']
        for number in range(6):
            self.hold('c2', f'reason-{number}')
            self.news()
        found = self.news(cursor)
        self.assertIn(f'after {cursor} is kept from', found['lost'])
        self.assertEqual(['3', '4', '5'], [one['text'][-1] for one in found['news']])
        self.assertEqual('', self.news(found['cursor'])['lost'])
        self.assertEqual('', self.news(found['news'][0]['cursor'])['lost'])

    def test_a_cursor_of_another_process_counts_if_this_one_began_before(self):
        cursor = self.news()['cursor']
        self.client = self.made(self.configured())
        self.hold('c2', 'one')
        self.assertIn('is kept from', self.news(cursor)['lost'])
        self.assertEqual('', self.news(self.news()['cursor'])['lost'])

    def test_a_cursor_of_the_future_is_told_and_replaced(self):
        found = self.news(10 ** 9)
        self.assertIn('the store is at', found['lost'].lower())
        self.assertEqual(self.news()['cursor'], found['cursor'])

    def test_an_answer_is_awaited_for_as_long_as_is_asked_and_no_longer(self):
        cursor = self.news()['cursor']
        began = time.monotonic()
        self.assertEqual([], self.news(cursor, wait=1)['news'])
        self.assertLess(1.0, time.monotonic() - began)
        self.told(400, 'GET', '/v2/news?wait=31')

    def test_who_waits_hears_at_once_of_what_a_look_finds(self):
        cursor = self.news()['cursor']
        heard = []
        waiter = _real_thread(target=lambda: heard.append(self.news(cursor, wait=30)))
        waiter.start()
        self.addCleanup(waiter.join)
        time.sleep(0.2)
        self.hold('c2', 'one')
        self.news()
        waiter.join(10.0)
        self.assertEqual(['c2'], [one['host'] for one in heard[0]['news']])

    def test_of_too_many_that_wait_the_others_are_answered_at_once(self):
        rooms = newsroom.Newsroom(self.service.books, self.service.now, 1)
        cursor = rooms.since(None, 10, 0, lambda line: True).cursor
        with rooms._places:
            began = time.monotonic()
            self.assertEqual((), rooms.since(cursor, 10, 30, lambda line: True).news)
            self.assertLess(time.monotonic() - began, 5.0)


    def test_a_store_that_is_put_back_is_followed_from_there(self):
        revisions = iter((50, 60, 10, 11))
        entry = ports.Entry(records.HOST + 'c2', records.encode(records.HostSetting(
            True, 'joe', told.at(1), 'x')), 11, 11)
        shown = types.SimpleNamespace(view=lambda *ranges: records.View(ports.Snapshot(
            at := next(revisions), {entry.key: entry} if at == 11 else {})))
        room = newsroom.Newsroom(shown, self.service.now, 1)
        for _ in range(2):
            self.assertEqual((), room.since(50, 10, 0, lambda line: True).news)
        found = room.since(60, 10, 0, lambda line: True)
        self.assertEqual((10, True), (found.cursor, 'put back' in found.lost))
        self.assertEqual(['c2'], [line.host for line in room.since(
            10, 10, 0, lambda line: True).news])


class TestTheThread(OwnCase):

    def test_it_looks_by_itself_goes_on_while_the_store_is_away_and_ends_when_nobody_asks(self):
        clock, naps = [0.0], []

        def nap(seconds):
            naps.append(seconds)
            if len(naps) == 1:
                self.put(records.HOST + 'c2', records.HostSetting(True, 'joe', told.at(1), 'x'))
            if len(naps) == 2:
                self.etcd.away = True
            if len(naps) == 3:
                self.etcd.away = False
                clock[0] += 601.0
        started = []
        with mock.patch('kaopu_ha.api.v2.newsroom.threading.Thread') as thread, mock.patch(
                'kaopu_ha.api.v2.newsroom.time.sleep', nap), self.assertLogs(
                    'kaopu_ha.api.v2.newsroom', 'INFO') as logged:
            thread.side_effect = lambda target, **more: started.append(target) or mock.Mock()
            room = newsroom.Newsroom(self.service.books, self.service.now, 1, lambda: clock[0])
            cursor = room.since(None, 10, 0, lambda line: True).cursor
            room.since(cursor, 10, 0, lambda line: True)
            self.assertEqual(1, len(started))
            kept = []
            with mock.patch.object(room, '_ended', lambda: kept.append(len(room._lines)) or (
                    newsroom.Newsroom._ended(room))):
                started[0]()
            self.assertEqual([0, 0, 1, 1], kept)
            room.since(cursor, 10, 0, lambda line: True)
            self.assertEqual(2, len(started))
        self.assertIn('etcd does not answer', logged.output[0])


_real_thread = threading.Thread
