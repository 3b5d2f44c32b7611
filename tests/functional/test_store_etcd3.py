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

"""The store by the package etcd3 against the same cluster, held to the same promises."""

import queue
import threading
import unittest
from unittest import mock

from kaopu_ha.drivers.etcd import etcd3_stubs
from kaopu_ha.drivers.etcd import store_etcd3 as etcd3
from kaopu_ha.testing import mirror, store, store_failure
from tests import etcd_cluster
from tests.functional import test_store_etcd


class _OnEtcd(test_store_etcd.OnEtcd):

    kind = etcd3.Etcd3Store


class Etcd3StoreTest(_OnEtcd, mirror.MirrorContract, store.StoreContract, unittest.TestCase):
    """The contract, while all is well."""


class Etcd3StoreUnderFailureTest(_OnEtcd, store_failure.StoreUnderFailure, unittest.TestCase):
    """The contract, while members fail."""


class Etcd3MirrorUnderFailureTest(_OnEtcd, mirror.MirrorUnderFailure, unittest.TestCase):
    """The contract of a mirror, while members fail."""


class Etcd3AccessTest(test_store_etcd.EtcdAccessTest):
    """Members that want to know who asks."""

    kind = etcd3.Etcd3Store

    def test_what_the_package_cannot_do_is_refused_with_the_way_out(self):
        with self.assertRaisesRegex(ValueError, 'driver = etcd'):
            etcd3.Etcd3Store(['https://127.0.0.1:1'])
        with self.assertRaisesRegex(ValueError, 'cert and key'):
            etcd3.Etcd3Store(['127.0.0.1:1'], cert='/nowhere.pem')


@unittest.skipIf(etcd_cluster.missing(), etcd_cluster.missing())
class PackageTest(unittest.TestCase):
    """The package itself, with the messages that are put in its place, against a real member."""

    def setUp(self):
        host, _, port = etcd_cluster.shared().endpoint(0).rpartition(':')
        self.client = etcd3_stubs.imported().client(host=host, port=port, timeout=10)
        self.addCleanup(self.end)

    def end(self):
        """Close the client, whose thread of watches knows no other end than an exception."""
        watching = [one for one in threading.enumerate() if one.name.startswith('etcd3_watch')]
        with mock.patch.object(threading, 'excepthook'):
            self.client.close()
            for thread in watching:
                thread.join(30)

    def test_its_keys_leases_and_transactions_work(self):
        client, key = self.client, '/package/key'
        lease = client.lease(60)
        client.put(key, 'one', lease)
        value, told = client.get(key)
        self.assertEqual((b'one', lease.id), (value, told.lease_id))
        self.assertEqual(60, lease.refresh()[0].TTL)
        self.assertEqual([b'/package/key'], list(lease.keys))
        done, answers = client.transaction(
            compare=[client.transactions.mod(key) == told.mod_revision,
                     client.transactions.value(key) == 'one'],
            success=[client.transactions.put(key, 'two'), client.transactions.get(key)],
            failure=[client.transactions.delete(key)])
        self.assertTrue(done)
        self.assertEqual(b'two', answers[1][0][0])
        self.assertEqual([b'two'], [value for value, _ in client.get_prefix('/package/')])
        self.assertTrue(client.delete(key))

    def test_its_watches_and_locks_work(self):
        told = queue.Queue()
        watch = self.client.add_watch_prefix_callback('/package-watch/', told.put)
        self.client.put('/package-watch/a', '1')
        self.client.delete('/package-watch/a')
        kinds = [type(event).__name__ for _ in range(2) for event in told.get(timeout=30).events]
        self.assertEqual(['PutEvent', 'DeleteEvent'], kinds)
        self.client.cancel_watch(watch)
        with self.client.lock('package', ttl=20) as lock:
            self.assertTrue(lock.is_acquired())

    def test_it_knows_members_status_and_alarms(self):
        self.assertEqual(['0', '1', '2'], sorted(one.name for one in self.client.members))
        self.assertTrue(self.client.status().version.startswith('3.'))
        self.assertEqual([], list(self.client.list_alarms()))
