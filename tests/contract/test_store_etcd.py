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

import unittest

from kaopu_ha.drivers.store import etcd
from kaopu_ha.testing import store, store_failure
from tests import etcd_cluster


class _OnEtcd:
    """Stores of the cluster of this process."""

    @classmethod
    def setUpClass(cls):
        if etcd_cluster.missing():
            raise unittest.SkipTest(etcd_cluster.missing())
        cls.cluster = etcd_cluster.shared()

    def make_store(self):
        return etcd.EtcdStore(self.cluster.endpoints)

    def make_store_at(self, member):
        return etcd.EtcdStore(self.cluster.endpoints, first=member)


class EtcdStoreTest(_OnEtcd, store.StoreContract, unittest.TestCase):
    """The contract, while all is well."""


class EtcdStoreUnderFailureTest(_OnEtcd, store_failure.StoreUnderFailure, unittest.TestCase):
    """The contract, while members fail."""
