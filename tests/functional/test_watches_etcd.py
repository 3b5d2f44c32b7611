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

"""What the watches of a process cost a real etcd, as it counts them itself."""

import re
import threading
import time
import types
import unittest
from unittest import mock
import urllib.request

from kaopu_ha import ports, records
from kaopu_ha.drivers.etcd import store as etcd
from kaopu_ha.drivers.etcd import watch as etcd_watch
from kaopu_ha.programs import agents
from kaopu_ha.testing.store import Listener, eventually
from kaopu_ha.wiring.parts import RunningLoop
from kaopu_ha.wiring.wakes import Wakes
from tests import etcd_cluster, etcd_single

STREAMS, WATCHES = 'etcd_debugging_mvcc_watch_stream_total', 'etcd_debugging_mvcc_watcher_total'
OPENED = 'grpc_server_started_total{grpc_method="Watch",'
ASKED = 'grpc_server_msg_received_total{grpc_method="Watch",'


class OneEtcd(unittest.TestCase):

    def setUp(self):
        super().setUp()
        self.server = etcd_single.until(self.addCleanup)
        self.store = etcd.EtcdStore([self.server.endpoint])
        self.addCleanup(self.store.close)

    def counted(self, name):
        """What etcd counts under this name; 0 if it counts nothing there yet."""
        with urllib.request.urlopen(f'http://{self.server.endpoint}/metrics', timeout=5) as told:
            found = re.search(f'^{re.escape(name)}.* ([0-9.e+]+)$', told.read().decode(), re.M)
        return float(found[1]) if found else 0.0

    def put(self, key):
        return self.store.commit([], [ports.Put(key, '1')])


class AnAgent(OneEtcd):
    """The loops of an agent, with what wakes them."""

    def setUp(self):
        super().setUp()
        idle = types.SimpleNamespace(turn=lambda: 60.0, trouble='', behind='')
        self.before = set(threading.enumerate())
        self.loops = {loop.name: RunningLoop(loop) for loop in agents.loops(
            'c1', idle.turn, idle, idle)}
        self.wakes = Wakes(self.store, [(each.wake, each.loop.woken_by)
                                        for each in self.loops.values()])
        self.addCleanup(self.wakes.close)
        eventually(lambda: self.counted(WATCHES) == 2, 'it watches')

    def test_it_has_one_stream_of_watches_and_a_thread_for_it(self):
        self.assertEqual(1, self.counted(STREAMS))
        ours = [thread.name for thread in set(threading.enumerate()) - self.before
                if thread.name in ('watches', 'wakes') or thread.name.startswith('watch ')]
        self.assertEqual(['watches'], ours)

    def test_while_it_beats_it_asks_for_nothing_but_its_watches(self):
        lease = self.store.grant(5)
        end = time.monotonic() + etcd_watch._ASK_SECONDS + 2 * etcd_watch._TICK_SECONDS
        while time.monotonic() < end:
            self.assertEqual(5, self.store.renew(lease, 2.0))
            time.sleep(0.3)
        self.assertEqual((1, 2), (self.counted(STREAMS), self.counted(ASKED)))

    def test_each_change_wakes_whom_it_concerns(self):
        for key, woken in ((records.LOCK + 'c1', {'beat', 'requests'}),
                           (records.requests_to('c1') + '7', {'requests'})):
            with self.subTest(key=key):
                for each in self.loops.values():
                    each.wake.clear()
                self.put(key)
                eventually(lambda wanted=woken: wanted == {
                    name for name, each in self.loops.items() if each.wake.is_set()},
                    'they were woken')


class Together(OneEtcd):
    """Several watches of one store."""

    def watch(self, prefix, since=0):
        listener = Listener()
        return self.store.watch(prefix, listener, since), listener

    def test_one_that_nobody_hears_is_asked_and_goes_on(self):
        _, listener = self.watch('/a/')
        with mock.patch.object(etcd_watch, '_ASK_SECONDS', 0.5), \
                mock.patch.object(etcd_watch, '_TICK_SECONDS', 0.1):
            self.put('/a/1')
            eventually(lambda: self.counted(ASKED) > 2, 'it was asked for progress')
            self.put('/a/2')
            self.assertEqual(['/a/1', '/a/2'],
                             [change.key for change in listener.wait_for('/a/2')])
        self.assertEqual(1, self.counted(STREAMS))

    def test_they_follow_the_calls_to_another_member(self):
        # One member by two names.
        named = self.server.endpoint.replace('127.0.0.1', 'localhost')
        self.store = etcd.EtcdStore([self.server.endpoint, named], first=0)
        self.addCleanup(self.store.close)
        _, listener = self.watch('/a/')
        self.put('/a/1')
        listener.wait_for('/a/1')
        opened = self.counted(OPENED)
        self.store._calls.leave(0)
        self.put('/a/2')
        eventually(lambda: self.counted(OPENED) > opened, 'there is another stream')
        self.put('/a/3')
        self.assertEqual(['/a/1', '/a/2', '/a/3'],
                         [change.key for change in listener.wait_for('/a/3')])
        eventually(lambda: self.counted(STREAMS) == 1, 'the former one has ended')

    def test_one_that_is_closed_leaves_the_others_and_the_last_one_ends_the_stream(self):
        first, closed = self.watch('/a/')
        second, listener = self.watch('/b/')
        eventually(lambda: self.counted(WATCHES) == 2, 'both are there')
        first.close()
        eventually(lambda: self.counted(WATCHES) == 1, 'one has gone')
        self.put('/a/1')
        self.put('/b/1')
        listener.wait_for('/b/1')
        self.assertEqual([], closed.changes)
        second.close()
        eventually(lambda: self.counted(STREAMS) == 0, 'the stream has ended')
        _, third = self.watch('/a/')
        self.put('/a/2')
        self.assertEqual(['/a/2'], [change.key for change in third.wait_for('/a/2')])
        self.assertEqual((1, 1), (self.counted(STREAMS), self.counted(WATCHES)))

    def test_one_that_comes_later_is_told_what_came_before_it_and_no_other_is_told_twice(self):
        _, first = self.watch('/a/')
        since = self.put('/a/1')
        self.put('/a/2')
        first.wait_for('/a/2')
        _, second = self.watch('/a/', since)
        self.put('/a/3')
        for listener, told in ((first, ['/a/1', '/a/2', '/a/3']), (second, ['/a/2', '/a/3'])):
            self.assertEqual(told, [change.key for change in listener.wait_for('/a/3')])
        self.assertEqual(1, self.counted(STREAMS))

    def test_many_made_and_closed_at_one_time_are_told_what_they_should_be(self):
        listeners, threads = {}, []

        def work(name):
            kept, listeners[name] = self.watch(f'/{name}/')
            for number in range(5):
                closed, _ = self.watch(f'/{name}/{number}/')
                self.put(f'/{name}/{number}')
                closed.close()
        for name in 'abcdefgh':
            threads.append(threading.Thread(target=work, args=(name,)))
            threads[-1].start()
        for thread in threads:
            thread.join()
        for name, listener in listeners.items():
            self.assertEqual([f'/{name}/{number}' for number in range(5)],
                             [change.key for change in listener.wait_for(f'/{name}/4')])
        eventually(lambda: (self.counted(STREAMS), self.counted(WATCHES)) == (1, 8),
                   'those that were closed have gone')


@unittest.skipIf(etcd_cluster.missing(), etcd_cluster.missing())
class Refused(unittest.TestCase):
    """A watch that a user may not have."""

    def test_it_spoils_no_other_and_begins_when_it_is_allowed(self):
        cluster = etcd_cluster.EtcdCluster(size=1)
        self.addCleanup(cluster.cleanUp)
        cluster.setUp()
        for words in ('user add root:secret', 'user grant-role root root', 'user add ha:secret',
                      'role add ha', 'role grant-permission ha readwrite --prefix=true /ours/',
                      'user grant-role ha ha', 'auth enable'):
            cluster.ctl(*words.split())
        cluster.user = 'root:secret'
        store = etcd.EtcdStore([cluster.url(0)], user='ha', password='secret')
        self.addCleanup(store.close)
        ours, theirs = Listener(), Listener()
        store.watch('/ours/', ours)
        # From a revision: to ask for the present one is refused as well.
        store.watch('/theirs/', theirs, 1)
        with mock.patch.object(etcd_watch, '_REFUSED_SECONDS', 1.0):
            began = time.monotonic()
            for number in range(20):
                store.commit([], [ports.Put(f'/ours/{number:02}', '1')])
                ours.wait_for(f'/ours/{number:02}')
                time.sleep(0.1)
            self.assertLess(time.monotonic() - began, 15.0)
            self.assertEqual([f'/ours/{number:02}' for number in range(20)],
                             [change.key for change in ours.changes])
            cluster.ctl('role', 'grant-permission', 'ha', 'readwrite', '--prefix=true', '/theirs/')
            store.commit([], [ports.Put('/theirs/1', '1')])
            self.assertEqual(['/theirs/1'],
                             [change.key for change in theirs.wait_for('/theirs/1')])
