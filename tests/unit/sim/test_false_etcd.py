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

"""The false etcd keeps the contract of the store, on a false clock."""

import unittest

from kaopu_ha import ports
from kaopu_ha.ports import Compare, Put
from kaopu_ha.sim.kernel import Kernel, Process, Signal
from kaopu_ha.sim.network import Node
from kaopu_ha.sim.store import OPERATIONS_MAX, REQUEST_BYTES_MAX, Etcd, SimStore
from kaopu_ha.testing import mirror, store


class FalseEtcd:

    def setUp(self):
        self.kernel = Kernel(1)
        self.etcd = Etcd(self.kernel, Node('etcd'))
        super().setUp()


class TestContract(FalseEtcd, mirror.MirrorContract, store.StoreContract, unittest.TestCase):

    def make_store(self):
        return SimStore(self.etcd, Node('client'))

    def sleep(self, seconds):
        self.kernel.sleep(seconds)

    def beside(self, *works):
        pool = self.kernel.pool(Process('client'))
        for done in [pool.submit(work) for work in works]:
            done.result()


class TestMirrorInTrouble(FalseEtcd, unittest.TestCase):
    """Each trouble of a mirror in turn: what it shows is not older than the look."""

    def setUp(self):
        super().setUp()
        self.store = SimStore(self.etcd, Node('client'))
        self.mirror = self.store.follow('/in/')
        self.assertEqual({}, self.shown())

    def put(self, name, value='1'):
        return self.etcd.commit([], [Put(f'/in/{name}', value)])

    def shown(self, limit=5.0):
        return {name: entry.value for name, entry in self.mirror.at(limit).under('/in/').items()}

    def test_all_is_read_once(self):
        for number in range(5):
            self.put('a', str(number))
            self.assertEqual({'a': str(number)}, self.shown())
        self.assertEqual(1, self.mirror.reads)

    def test_a_look_takes_as_long_as_a_read(self):
        began = self.kernel.now
        self.store.read('/in/')
        read = self.kernel.now - began
        self.put('a')
        self.shown()
        self.assertAlmostEqual(began + 2 * read, self.kernel.now)

    def test_one_that_lags_is_waited_for(self):
        self.mirror.lag = 3.0
        self.put('a')
        began = self.kernel.now
        self.assertEqual({'a': '1'}, self.shown())
        self.assertAlmostEqual(3.0, self.kernel.now - began)
        self.assertEqual(1, self.mirror.reads)

    def test_one_that_lags_for_longer_than_the_look_may_take_reads_again(self):
        self.mirror.lag = 3.0
        self.put('a')
        began = self.kernel.now
        self.assertEqual({'a': '1'}, self.shown(limit=1.0))
        self.assertLess(self.kernel.now - began, 1.0)
        self.assertEqual(2, self.mirror.reads)
        # What was on its way is told of once.
        self.mirror.lag = 0.0
        self.put('b')
        self.assertEqual({'a': '1', 'b': '1'}, self.shown())

    def test_one_whose_watch_was_lost_reads_again(self):
        self.mirror.lag = 3.0
        self.put('a')
        self.mirror.lose()
        self.put('b')
        self.assertEqual({'a': '1', 'b': '1'}, self.shown())
        self.assertEqual(2, self.mirror.reads)

    def test_one_that_is_cut_off_shows_nothing(self):
        self.put('a')
        self.etcd.away = True
        self.assertRaises(ports.StoreError, self.mirror.at, 5.0)
        self.etcd.away = False
        self.assertEqual({'a': '1'}, self.shown())


class TestLimits(FalseEtcd, unittest.TestCase):
    """What a real etcd refuses by its defaults; the contract tests ask one."""

    def setUp(self):
        super().setUp()
        self.store, self.said = SimStore(self.etcd, Node('client'), 'me'), []
        self.etcd.refused = lambda who, why: self.said.append((who, why))

    def assert_refused(self, why, writes, compares=()):
        with self.assertRaisesRegex(ports.StoreError, why):
            self.store.commit(list(compares), writes)
        self.assertEqual('me', self.said.pop()[0])

    def test_a_request_has_a_size_and_a_number_of_operations(self):
        self.store.commit([], [Put('a', 'x' * (REQUEST_BYTES_MAX - 200))])
        self.assert_refused('too large', [Put('a', 'x' * REQUEST_BYTES_MAX)])
        many = [Put(f'a{number}', '') for number in range(OPERATIONS_MAX + 1)]
        self.store.commit([], many[1:])
        self.assert_refused('too many operations', many)
        self.assert_refused('too many operations', [], [Compare(put.key) for put in many])

    def test_a_full_database_takes_nothing_more_until_it_is_compacted(self):
        self.etcd.quota_bytes = 10_000
        for _ in range(9):
            self.store.commit([], [Put('a', 'x' * 1000)])
        self.assert_refused('space exceeded', [Put('a', 'x' * 1000)])
        self.store.commit([], [ports.Delete('b')])
        self.etcd.compact()
        self.store.commit([], [Put('a', 'x' * 1000)])


class TestTroubles(FalseEtcd, unittest.TestCase):

    def setUp(self):
        super().setUp()
        self.node = Node('client')
        self.store = SimStore(self.etcd, self.node)

    def test_who_is_cut_off_is_told_in_time_and_a_lost_answer_is_no_refusal(self):
        self.node.links['management'] = False
        for ask in (self.store.read, lambda: self.store.commit([], [Put('a', '1')])):
            began = self.kernel.now
            self.assertRaises(ports.StoreError, ask)
            self.assertLess(self.kernel.now - began, 2.0)
        self.node.links['management'] = True
        self.etcd.lost_answers = 1.0
        self.assertRaises(ports.OutcomeUnknown, self.store.commit, [], [Put('a', '1')])
        self.assertEqual('1', self.store.read('a').entries['a'].value)

    def test_a_cut_watch_tells_everything_when_it_is_mended(self):
        told = []
        self.store.watch('a/', lambda change: told.append(change.key))
        self.node.links['management'] = False
        self.etcd.commit([], [Put('a/1', '')])
        self.etcd.commit([], [Put('a/2', '')])
        self.kernel.sleep(3)
        self.assertEqual([], told)
        self.node.links['management'] = True
        self.kernel.sleep(1)
        self.assertEqual(['a/1', 'a/2'], told)

    def test_another_leader_begins_every_lease_anew(self):
        self.store.commit([], [Put('a', '', self.store.grant(10))])
        self.kernel.sleep(8)
        self.etcd.change_leader()
        self.kernel.sleep(8)
        self.assertIn('a', self.store.read('a').entries)
        self.kernel.sleep(3)
        self.assertNotIn('a', self.store.read('a').entries)

    def test_no_lease_ends_while_there_is_no_leader(self):
        self.store.commit([], [Put('a', '', self.store.grant(3))])
        self.etcd.away = True
        self.kernel.sleep(10)
        self.etcd.away = False
        self.assertIn('a', self.store.read('a').entries)
        self.kernel.sleep(2)
        self.assertNotIn('a', self.store.read('a').entries)

    def test_a_leader_that_was_frozen_loses_the_keys_of_all_leases(self):
        self.store.commit([], [Put('a', '', self.store.grant(60)), Put('b', '')])
        self.etcd.expire_all()
        self.assertEqual({'b'}, set(self.store.read('a', 'b').entries))

    def test_who_watches_from_a_forgotten_past_is_told_to_list(self):
        since = self.store.commit([], [Put('a', '1')])
        self.store.commit([], [Put('a', '2')])
        self.etcd.compact()
        told = []
        self.store.watch('a', told.append, since)
        self.kernel.sleep(1)
        self.assertTrue(told[0].relist)


class TestKernel(unittest.TestCase):

    def setUp(self):
        self.kernel, self.told = Kernel(7), []
        self.process = Process('p')

    def work(self, name, seconds):
        self.kernel.sleep(seconds)
        self.told.append((name, self.kernel.now))

    def spawn(self, name, seconds):
        self.kernel.spawn(self.process, lambda: self.work(name, seconds))

    def test_who_sleeps_longer_goes_on_later_whoever_began(self):
        self.spawn('a', 2.0)
        self.spawn('b', 1.0)
        self.kernel.run(10)
        self.assertEqual([('b', 1.0), ('a', 2.0)], self.told)

    def test_a_killed_process_does_nothing_more_and_what_it_awaits_wakes_nobody(self):
        self.spawn('a', 2.0)
        self.kernel.run(1.0)
        self.process.kill()
        self.kernel.run(10)
        self.assertEqual([], self.told)

    def test_a_frozen_process_goes_on_where_it_stood_and_its_time_was_lost(self):
        self.spawn('a', 2.0)
        self.kernel.run(1.0)
        self.process.freeze()
        self.kernel.run(5.0)
        self.assertEqual([], self.told)
        self.process.thaw()
        self.kernel.run(10)
        self.assertEqual([('a', 5.0)], self.told)

    def test_a_wait_that_is_over_leaves_no_waker_behind(self):
        signal = Signal()

        def body():
            self.told.append(self.kernel.wait(signal, 1.0))
            self.kernel.sleep(10)
            self.told.append(self.kernel.now)
        self.kernel.spawn(self.process, body)
        self.kernel.run(2.0)
        signal.set()
        self.kernel.run(30)
        self.assertEqual([False, 11.0], self.told)

    def test_a_loop_is_woken_early_and_comes_by_itself(self):
        wake = Signal()
        self.kernel.loop(self.process, lambda: self.told.append(self.kernel.now) or 10.0, wake)
        self.kernel.run(3.0)
        wake.set()
        self.kernel.run(14.0)
        self.assertEqual([0.0, 3.0, 13.0], self.told)

    def test_a_failure_ends_the_run_and_names_the_process(self):
        def body():
            raise ValueError('on purpose')
        self.kernel.spawn(self.process, body)
        with self.assertRaisesRegex(RuntimeError, '^p failed'):
            self.kernel.run(1.0)

    def test_work_in_a_pool_is_done_beside_its_caller_and_awaited(self):
        pool = self.kernel.pool(self.process)

        def body():
            for done in [pool.submit(self.work, name, 1.0) for name in 'ab']:
                done.result()
            self.told.append(self.kernel.now)
        self.kernel.spawn(self.process, body)
        self.kernel.run(5)
        self.assertEqual([('a', 1.0), ('b', 1.0), 1.0], self.told)

    def test_one_of_two_that_compare_loses(self):
        etcd = Etcd(self.kernel, Node('etcd'))
        stores = [SimStore(etcd, Node(name)) for name in 'ab']
        for store_ in stores:
            self.kernel.spawn(self.process, lambda one=store_: self.told.append(
                one.commit([Compare('k', modified=0)], [Put('k', '')]) is not None))
        self.kernel.run(1)
        self.assertEqual([False, True], sorted(self.told))
