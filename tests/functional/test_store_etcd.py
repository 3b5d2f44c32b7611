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

"""The etcd store against a real cluster of three members that die and hang."""

import os
import unittest

from kaopu_ha import ports
from kaopu_ha.drivers.etcd import store as etcd
from kaopu_ha.testing import mirror, store, store_failure
from tests import etcd_cluster


class OnEtcd:
    """Stores of the cluster of this process."""

    kind = etcd.EtcdStore

    @classmethod
    def setUpClass(cls):
        if etcd_cluster.missing():
            raise unittest.SkipTest(etcd_cluster.missing())
        cls.cluster = etcd_cluster.shared()

    def make_store(self):
        return self.kind(self.cluster.endpoints)

    def make_store_at(self, member):
        return self.kind(self.cluster.endpoints, first=member)


class EtcdStoreTest(OnEtcd, mirror.MirrorContract, store.StoreContract, unittest.TestCase):
    """The contract, while all is well."""


class EtcdStoreUnderFailureTest(OnEtcd, store_failure.StoreUnderFailure, unittest.TestCase):
    """The contract, while members fail."""


class EtcdMirrorUnderFailureTest(OnEtcd, mirror.MirrorUnderFailure, unittest.TestCase):
    """The contract of a mirror, while members fail."""


@unittest.skipIf(etcd_cluster.missing(), etcd_cluster.missing())
class EtcdAccessTest(unittest.TestCase):
    """Members that want to know who asks."""

    kind = etcd.EtcdStore
    prefix = '/kaopu-ha/'

    def start(self, **settings):
        cluster = etcd_cluster.EtcdCluster(size=1, **settings)
        self.addCleanup(cluster.cleanUp)
        cluster.setUp()
        return cluster

    def store(self, cluster, **settings):
        made = self.kind([cluster.url(0)], **settings)
        self.addCleanup(made.close)
        return made

    def put(self, made, name):
        return made.commit([], [ports.Put(self.prefix + name, '1')])

    def test_a_user_logs_in_and_does_so_again_when_the_token_is_forgotten(self):
        cluster = self.start()
        for words in ('user add root:secret', 'user grant-role root root', 'user add ha:secret',
                      'role add ha', 'role grant-permission ha readwrite --prefix=true /kaopu-ha/',
                      'user grant-role ha ha', 'auth enable'):
            cluster.ctl(*words.split())
        cluster.user = 'root:secret'
        made = self.store(cluster, user='ha', password='secret')
        listener = store.Listener()
        made.watch(self.prefix, listener)
        lease = made.grant(60)
        self.assertIsNotNone(self.put(made, 'a'))
        # A member keeps tokens in its memory alone.
        cluster.kill(0)
        cluster.heal()
        store.eventually(lambda: self.put(made, 'b'), 'b was written')
        self.assertEqual(60, store.eventually(lambda: made.renew(lease, 2.0), 'it renewed'))
        changes = listener.wait_for(self.prefix + 'b')
        self.assertEqual(['a', 'b'], sorted({one.key[len(self.prefix):] for one in changes}))
        self.assertIn(self.prefix + 'b', made.read(self.prefix).entries)
        made.revoke(lease)
        for settings in ({}, {'user': 'ha', 'password': 'wrong'}):
            stranger = self.store(cluster, **settings)
            self.assertRaises(ports.StoreError, stranger.read, self.prefix)
            self.assertRaises(ports.StoreError, self.put, stranger, 'c')
        self.assertRaises(ports.StoreError, made.read, '/elsewhere/')

    def test_a_request_takes_as_many_operations_as_the_port_says(self):
        made = self.store(self.start())
        keys = [f'{self.prefix}{number}' for number in range(ports.OPERATIONS_MAX)]
        self.assertIsNotNone(made.commit([ports.Compare(key, modified=0) for key in keys],
                                         [ports.Put(key, '1') for key in keys]))
        self.assertEqual(set(keys), set(made.read(*keys).entries))
        self.assertRaises(ports.StoreError, made.read, *keys, self.prefix)

    def test_a_user_of_members_that_ask_for_none_is_served(self):
        made = self.store(self.start(), user='ha', password='secret')
        self.assertIsNotNone(self.put(made, 'a'))

    def test_members_and_clients_show_certificates(self):
        cluster = self.start(tls=True)
        made = self.store(cluster, ca=cluster.authority.ca, cert=cluster.show.cert,
                          key=cluster.show.key)
        listener = store.Listener()
        made.watch(self.prefix, listener)
        self.assertIsNotNone(self.put(made, 'a'))
        listener.wait_for(self.prefix + 'a')
        stranger = self.store(cluster, ca=cluster.authority.ca, timeout=1.0)
        self.assertRaises(ports.StoreError, stranger.read, self.prefix)

    def test_a_store_from_before_a_fork_is_refused_in_the_child(self):
        made = self.kind(['127.0.0.1:1'])
        self.addCleanup(made.close)
        made._calls._pid = os.getppid()
        with self.assertRaisesRegex(AssertionError, 'before a fork'):
            made.read(self.prefix)
        made._calls._pid = os.getpid()
