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

"""A store whose prefixes are read from a mirror keeps the contract of a store."""

import unittest

from kaopu_ha.mirrored import Mirrored
from kaopu_ha.ports import Put, StoreError
from kaopu_ha.sim.kernel import Kernel, Process
from kaopu_ha.sim.network import Node
from kaopu_ha.sim.store import Etcd, SimStore
from kaopu_ha.testing import store


class FalseEtcd:

    def setUp(self):
        self.kernel = Kernel(1)
        self.etcd = Etcd(self.kernel, Node('etcd'))
        super().setUp()


class TestContract(FalseEtcd, store.StoreContract, unittest.TestCase):

    def make_store(self):
        return Mirrored(SimStore(self.etcd, Node('client')), self.prefix)

    def sleep(self, seconds):
        self.kernel.sleep(seconds)

    def beside(self, *works):
        pool = self.kernel.pool(Process('client'))
        for done in [pool.submit(work) for work in works]:
            done.result()


class TestWhatIsRead(FalseEtcd, unittest.TestCase):

    def setUp(self):
        super().setUp()
        self.behind = SimStore(self.etcd, Node('client'))
        self.store = Mirrored(self.behind, '/a/', '/b/', '/one')
        self.etcd.commit([], [Put(key, '1') for key in ('/a/1', '/a/2/3', '/b/1', '/c/1', '/one')])

    def read(self, *ranges):
        seen = self.store.read(*ranges)
        self.assertEqual(dict(self.behind.read(*ranges).entries), dict(seen.entries))
        self.assertEqual(self.etcd.revision, seen.revision)
        return seen

    def test_of_what_is_followed_only_what_was_asked_for_is_shown(self):
        for ranges in (('/a/',), ('/a/', '/b/'), ('/a/2/',), ('/a/', '/one'), ('/a/', '/b/x'),
                       ('/b/', '/a/1')):
            self.read(*ranges)
        self.assertEqual(1, self.etcd.mirrors[0].reads)
        self.assertEqual(1, len(self.etcd.mirrors))

    def test_what_is_not_followed_is_read(self):
        self.read('/c/')
        self.read('/a/', '/c/')
        self.read('/a/1', '/one')
        self.assertEqual([], self.etcd.mirrors)

    def test_it_ends_with_the_store(self):
        self.store.read('/a/')
        self.store.close()
        self.assertEqual([], self.etcd.mirrors)
        self.assertRaises(StoreError, self.store.read, '/a/')
