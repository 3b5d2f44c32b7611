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


"""The blocklist fence against a real Ceph with real librbd clients."""

import contextlib
import json
import subprocess
import unittest

from kaopu_ha import ports
from kaopu_ha.core import model
from kaopu_ha.drivers.ceph import fence as ceph_blocklist
from kaopu_ha.testing import fence
from tests import ceph_cluster

NETWORKS = ['10.77.0.0/24', 'fd00::/64']


class BlocklistCase(unittest.TestCase):
    """A fence at the observer's address, and what it cut taken back at the end."""

    @classmethod
    def setUpClass(cls):
        if ceph_cluster.missing():
            raise unittest.SkipTest(ceph_cluster.missing())
        cls.ceph = ceph_cluster.shared()
        cls.cluster = cls.ceph.fsid

    def setUp(self):
        super().setUp()
        observer = self.ceph.inside('eye')
        observer.__enter__()
        self.addCleanup(observer.__exit__, None, None, None)
        self.fence = ceph_blocklist.CephBlocklist(
            {self.cluster: self.ceph.access('kaopu-fence')}, NETWORKS)
        self.addCleanup(self.fence.close)
        # Warm, as it is in a program that runs.
        self.fence.verify(self.order(), 10.0)
        self.addCleanup(self._clear)

    def order(self, *clients):
        (order,) = self.fence.orders(self.host(), [self.cluster], clients)
        return order

    def host(self, *addresses):
        return model.Inventory(
            host='h1', host_uuid='u', boot_id='b', management_uri='qemu+tcp://192.0.2.1/system',
            storage_addresses=addresses or (self.ceph.addresses['h1'],))

    def listed(self):
        text = self.ceph.ceph('osd', 'blocklist', 'ls', '-f', 'json')
        return {entry['addr']: entry['until']
                for entry in json.JSONDecoder().raw_decode(text.lstrip())[0]}

    def client(self, node):
        client = self.ceph.client(node, self.ceph.names(), create=True)
        self.addCleanup(client.close)
        return client

    def _clear(self):
        for entry in self.listed():
            self.ceph.ceph('osd', 'blocklist', 'rm', entry)


class Promises(BlocklistCase, fence.FenceSuite):
    """What any fence promises."""

    def setUp(self):
        super().setUp()
        self._running = self.client('h1')

    def writes(self):
        return self._running.write() == 'ok'

    def newcomer_writes(self):
        newcomer = self.client('h1')
        return newcomer.opened == 'ok' and newcomer.write() == 'ok'

    def neighbour_writes(self):
        neighbour = self.client('h2')
        return neighbour.opened == 'ok' and neighbour.write() == 'ok'

    def unreachable(self):
        return self.ceph.frozen('mon')


class Orders(unittest.TestCase):
    """What is cut: decided without asking anybody."""

    def orders(self, addresses, clients=(), networks=('10.91.0.0/24', 'fd00::/64')):
        host = model.Inventory(host='h1', host_uuid='', boot_id='', management_uri='',
                               storage_addresses=addresses)
        return ceph_blocklist.CephBlocklist({}, networks).orders(host, ['c1', 'c2'], clients)

    def test_every_client_address_is_cut_as_a_whole_on_every_cluster(self):
        one, two = self.orders(('10.91.0.12', '10.91.0.11'))
        self.assertEqual(('10.91.0.11:0/0', '10.91.0.12:0/0'), one.addresses)
        self.assertEqual(one.addresses, two.addresses)
        self.assertEqual(('c1', 'c2'), (one.cluster, two.cluster))

    def test_addresses_outside_the_client_networks_are_in_the_order_and_forbidden(self):
        (order, _) = self.orders(('10.91.0.11', '10.90.0.11'))
        self.assertEqual(('10.90.0.11:0/0', '10.91.0.11:0/0'), order.addresses)
        fence_ = ceph_blocklist.CephBlocklist({}, ['10.91.0.0/16'])
        self.assertEqual({'10.90.0.11'}, set(fence_.outside(order)))

    def test_ipv6_is_written_as_ceph_writes_it(self):
        (order, _) = self.orders(('fd00:0::0B',))
        self.assertEqual(('[fd00::b]:0/0',), order.addresses)

    def test_known_clients_are_cut_besides(self):
        (order, _) = self.orders(('10.91.0.11',), ['10.91.0.11:0/9', '10.91.0.11:0/9'])
        self.assertEqual(('10.91.0.11:0/9',), order.clients)

    def test_clients_alone_are_no_proof(self):
        fence_ = ceph_blocklist.CephBlocklist({}, [])
        proof = fence_.verify(model.FenceOrder('ceph_blocklist', 'c1', (), ('10.91.0.11:0/9',)), 1)
        self.assertFalse(proof.holds)
        self.assertIn('no address of the host', proof.reason)


class Reading(BlocklistCase):
    """What is read back, and what must not be cut."""

    def cut(self, order):
        self.fence.fence(order, fence.GivenPermit())

    def test_entries_last_for_years(self):
        order = self.order('10.77.0.11:0/77')
        self.cut(order)
        self.assertEqual({'10.77.0.11:0/0', '10.77.0.11:0/77'}, set(self.listed()))
        self.assertTrue(all(int(until[:4]) >= 2030 for until in self.listed().values()))

    def test_an_entry_of_ipv6_is_found_again(self):
        (order,) = self.fence.orders(self.host('fd00:0::0b'), [self.cluster], ['[fd00::b]:0/7'])
        self.cut(order)
        self.assertTrue(self.fence.verify(order, 2.0).holds)

    def test_an_entry_that_somebody_removed_is_missed_and_mended_by_a_cut(self):
        order = self.order()
        self.cut(order)
        self.ceph.ceph('osd', 'blocklist', 'rm', order.addresses[0])
        proof = self.fence.verify(order, 2.0)
        self.assertFalse(proof.holds)
        self.assertIn(order.addresses[0], proof.reason)
        self.cut(order)
        self.assertTrue(self.fence.verify(order, 2.0).holds)

    def test_an_entry_that_expires_early_is_no_proof(self):
        order = self.order()
        self.ceph.ceph('osd', 'blocklist', 'add', order.addresses[0], '3600')
        proof = self.fence.verify(order, 2.0)
        self.assertFalse(proof.holds)
        self.assertIn('too early', proof.reason)

    def test_a_client_listed_for_an_hour_is_covered_by_its_address(self):
        order = self.order('10.77.0.11:0/77')
        self.cut(order)
        self.ceph.ceph('osd', 'blocklist', 'add', '10.77.0.11:0/77', '3600')
        self.assertTrue(self.fence.verify(order, 2.0).holds)

    def test_many_clients_are_cut_at_one_time(self):
        order = self.order(*(f'10.77.0.11:0/{number}' for number in range(1, 61)))
        self.cut(order)
        self.assertEqual(61, len(self.listed()))
        self.fence.unfence(order, fence.GivenPermit())
        self.assertEqual({}, self.listed())

    def test_without_an_answer_of_an_osd_nothing_is_proven(self):
        order = self.order()
        self.cut(order)
        with self.ceph.frozen('osd'):
            proof = self.fence.verify(order, 1.0)
        self.assertFalse(proof.holds)
        self.assertTrue(self.fence.verify(order, 3.0).holds)

    def test_a_fence_that_was_fenced_itself_proves_nothing(self):
        order = self.order()
        self.cut(order)
        with contextlib.ExitStack() as stack:
            entry = f'{self.ceph.addresses["eye"]}:0/0'
            self.ceph.ceph('osd', 'blocklist', 'add', entry)
            stack.callback(self.ceph.ceph, 'osd', 'blocklist', 'rm', entry)
            self.assertFalse(self.fence.verify(order, 2.0).holds)
        self.assertTrue(self.fence.verify(order, 3.0).holds)

    def test_the_address_of_a_monitor_is_forbidden(self):
        (order,) = self.fence.orders(
            self.host(self.ceph.monitor_address, self.ceph.addresses['h1']), [self.cluster], ())
        self.assertEqual({self.ceph.monitor_address: 'a monitor of Ceph is there'},
                         self.fence.forbidden(order, 2.0))

    def test_who_asks_and_the_agents_cannot_fence(self):
        for user in ('kaopu-ask', 'kaopu-agent'):
            stranger = ceph_blocklist.CephBlocklist(
                {self.cluster: self.ceph.access(user)}, NETWORKS)
            self.addCleanup(stranger.close)
            self.assertRaises(ports.PortError, stranger.fence, self.order(), fence.GivenPermit())
            self.assertEqual({}, self.listed())
            self.cut(self.order())
            self.assertRaises(ports.PortError, stranger.unfence, self.order(), fence.GivenPermit())
            self.assertTrue(self.fence.verify(self.order(), 2.0).holds)
            self.fence.unfence(self.order(), fence.GivenPermit())

    def test_no_user_of_ours_reads_or_writes_a_disk(self):
        client = self.client('h1')
        self.assertEqual('ok', client.write())
        for user in ('kaopu-ask', 'kaopu-agent', 'kaopu-fence'):
            access = self.ceph.access(user)
            for words in (['ls'], ['rm', 'rbd_directory'], ['put', 'rbd_data.x', '/dev/null'],
                          ['get', 'rbd_children', '-']):
                done = subprocess.run(
                    ['rados', '-c', access['conf'], '-n', f'client.{user}', '--keyring',
                     access['keyring'], '-p', ceph_cluster.POOL, *words], capture_output=True,
                    text=True, timeout=60)
                self.assertIn('not permitted', done.stderr, (user, words))

    def test_the_address_of_a_client_is_not_forbidden(self):
        self.assertEqual({}, self.fence.forbidden(self.order(), 2.0))
