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

"""The false Ceph keeps the contracts of the probe, of an agent's reader, and of the fence."""

import contextlib
import unittest

from kaopu_ha import ports
from kaopu_ha.core import model
from kaopu_ha.sim.blocklist import SimBlocklist
from kaopu_ha.sim.ceph import Ceph, SimCeph
from kaopu_ha.sim.kernel import Kernel
from kaopu_ha.sim.network import Node
from kaopu_ha.testing import fence, probe

CLUSTER = 'a'


class FalseCeph:
    """A cluster, and hosts with a guest on a disk of its own each."""

    def setUp(self):
        self.kernel = Kernel(3)
        self.ceph = Ceph(self.kernel, CLUSTER)
        self.observer = Node('eye')
        self.hosts, self.clients = {}, {}
        super().setUp()

    def now(self):
        return self.kernel.now

    def sleep(self, seconds):
        self.kernel.sleep(seconds)

    def boot(self, host, number, exclusive=False):
        node = self.hosts.setdefault(host, Node(host))
        image = self.ceph.create(f'disk of {host}', exclusive)
        self.clients[host] = self.ceph.open(image, node, f'10.0.0.{number}', lambda: node.powered)
        return model.Inventory(
            host, f'uuid of {host}', 'boot', f'tcp://{host}', (f'10.0.0.{number}',),
            instances=(model.Instance(f'instance of {host}', host, model.Power.ON, (image,)),))

    def writes_of(self, image):
        self.ceph.settle()
        return self.ceph.writers(self.ceph.disks[image.header])

    @contextlib.contextmanager
    def cut_off(self):
        self.observer.links['storage'] = False
        yield
        self.observer.links['storage'] = True


class TestProbe(FalseCeph, probe.ProbeSuite, unittest.TestCase):

    def setUp(self):
        super().setUp()
        self.probe = SimCeph({CLUSTER: self.ceph}, self.observer)
        self._alive, self._silent = self.boot('alive', 1), self.boot('silent', 2)
        self.hosts['silent'].links['storage'] = False
        self.ceph.settle()

    def alive(self):
        return self._alive

    def silent(self):
        return self._silent

    def unknowable(self):
        image = model.Image('elsewhere', 'vms', 'x', 'x')
        return model.Inventory('unknowable', 'u', 'b', '', ('10.0.0.9',), instances=(
            model.Instance('i', 'i', model.Power.ON, (image,)),))

    def blinded(self):
        return self.cut_off()

    def test_a_list_ages_and_a_listed_client_that_is_silent_is_no_life(self):
        image = self._silent.images[0]
        listed = self.probe.clients([image], 1.0)[image].clients
        self.assertEqual([False], [client.acknowledged for client in listed])
        self.kernel.sleep(30)
        self.assertEqual((), self.probe.clients([image], 1.0)[image].clients)

    def test_the_watcher_of_a_dead_host_is_listed_for_25_to_30_seconds(self):
        image, began = self._alive.images[0], self.now()
        self.hosts['alive'].powered = False
        while self.probe.clients([image], 0.1)[image].clients:
            self.sleep(0.1)
        self.assertTrue(25 < self.now() - began < 30)

    def test_a_client_without_a_watcher_writes_again_when_its_link_is_mended(self):
        image = self._silent.images[0]
        self.sleep(60)
        self.assertEqual((), self.probe.clients([image], 1.0)[image].clients)
        self.hosts['silent'].links['storage'] = True
        self.assertEqual(1, len(self.writes_of(image)))

    def test_life_takes_milliseconds_and_silence_most_of_the_limit(self):
        for host, least, most in ((self._alive, 0.0, 0.1), (self._silent, 1.5, 1.51)):
            began = self.now()
            self.probe.ask([host], [], 2.0)
            self.assertTrue(least <= self.now() - began <= most, host.host)

    def test_a_hung_osd_is_unknown(self):
        self.ceph.hung = True
        self.assertIs(model.Sign.UNKNOWN, self.sign(self._alive))

    def test_monitors_without_quorum_do_not_blind_it(self):
        self.ceph.quorum = False
        self.assertIs(model.Sign.LIFE, self.sign(self._alive))
        self.assertIs(model.Sign.SILENCE, self.sign(self._silent))

    def test_a_probe_that_was_blocklisted_is_unknown_and_recovers(self):
        self.probe = SimCeph({CLUSTER: self.ceph}, self.observer, address=lambda: '10.0.0.7')
        self.ceph.add_to_blocklist('10.0.0.7:0/0', 60.0)
        self.assertIs(model.Sign.UNKNOWN, self.sign(self._alive))
        self.ceph.remove_from_blocklist('10.0.0.7:0/0')
        self.assertIs(model.Sign.LIFE, self.sign(self._alive))


class TestReader(FalseCeph, probe.StorageReaderSuite, unittest.TestCase):

    fsid = CLUSTER

    def setUp(self):
        super().setUp()
        self.reader = SimCeph({CLUSTER: self.ceph}, self.observer, address=lambda: '10.0.0.7')

    def an_image(self):
        image = self.ceph.create('an image', False)
        self.ceph.open(image, self.observer, '10.0.0.7', lambda: True)
        return image

    @contextlib.contextmanager
    def hung(self):
        self.ceph.hung = True
        yield
        self.ceph.hung = False

    def test_who_is_blocklisted_reads_nothing(self):
        self.ceph.add_to_blocklist('10.0.0.7:0/0', 60.0)
        with self.assertRaises(ports.PortError):
            self.reader.touch(self.an_image(), 5)

    def test_it_keeps_its_address_until_it_is_listed_and_meets_the_cluster_anew(self):
        address, image = ['10.0.0.7'], self.an_image()
        self.reader = SimCeph({CLUSTER: self.ceph}, self.observer, address=lambda: address[0])
        self.reader.touch(image, 5)
        address[0] = '10.0.0.8'
        self.ceph.add_to_blocklist('10.0.0.7:0/0', 60.0)
        with self.assertRaises(ports.PortError):
            self.reader.touch(image, 5)
        self.reader.touch(image, 5)

    def test_a_cluster_that_is_not_configured_is_an_error(self):
        with self.assertRaises(ports.PortError):
            self.reader.fsid(5, 'another cluster')


class TestFence(FalseCeph, fence.FenceSuite, unittest.TestCase):

    cluster = CLUSTER

    def setUp(self):
        super().setUp()
        self.fence = SimBlocklist({CLUSTER: self.ceph}, self.observer)
        self.inventory, self.neighbour = self.boot('host', 1), self.boot('neighbour', 2)

    def host(self):
        return self.inventory

    def writes(self):
        return bool(self.writes_of(self.inventory.images[0]))

    def newcomer_writes(self):
        node = self.hosts['host']
        image = self.ceph.create(f'new {len(self.ceph.disks)}', False)
        self.ceph.open(image, node, '10.0.0.1', lambda: True)
        return bool(self.writes_of(image))

    def neighbour_writes(self):
        return bool(self.writes_of(self.neighbour.images[0]))

    def unreachable(self):
        return self.cut_off()

    def test_without_a_quorum_nothing_is_cut_and_nothing_is_proven(self):
        order = self.order()
        self.ceph.quorum = False
        self.assertRaises(ports.PortError, self.fence.fence, order, fence.GivenPermit())
        self.assertFalse(self.verify(order).holds)

    def test_a_fence_that_no_osd_knows_is_not_proven(self):
        order = self.order()
        self.fence.fence(order, fence.GivenPermit())
        self.ceph.hung = True
        self.assertFalse(self.verify(order).holds)

    def test_an_act_that_outlives_its_deadline_is_not_done(self):
        class Late(fence.GivenPermit):
            def holds(permit):
                self.kernel.sleep(20)
                return True
        order = self.order()
        self.assertRaises(ports.PortError, self.fence.fence, order, Late())
        self.assertFalse(self.verify(order).holds)


class TestRefused(FalseCeph, unittest.TestCase):
    """Who opens an image, and who does not."""

    def test_a_client_that_comes_after_the_fence_of_its_address_is_refused(self):
        image = self.ceph.create('disk', False)
        self.ceph.add_to_blocklist('10.0.0.1:0/0', 60.0)
        self.assertIsNone(self.ceph.open(image, Node('h'), '10.0.0.1', lambda: True))
        self.assertIsNotNone(self.ceph.open(image, Node('h'), '10.0.0.2', lambda: True))

    def test_the_fence_of_one_client_does_not_hold_the_next_one_at_its_address(self):
        inventory = self.boot('first', 1)
        self.ceph.add_to_blocklist(self.clients['first'].address, 60.0)
        self.assertEqual([], self.writes_of(inventory.images[0]))
        self.assertIsNotNone(self.ceph.open(inventory.images[0], self.hosts['first'], '10.0.0.1',
                                            lambda: True))

    def test_without_a_quorum_nobody_new_comes_in(self):
        image = self.ceph.create('disk', False)
        self.ceph.quorum = False
        self.assertIsNone(self.ceph.open(image, Node('h'), '10.0.0.1', lambda: True))


class TestWriters(FalseCeph, unittest.TestCase):
    """What was measured: exclusive-lock is no fence, and an entry that expires is none."""

    def second(self, image):
        node = Node('second')
        client = self.ceph.open(image, node, '10.0.0.2', lambda: True)
        self.ceph.settle()
        return client

    def cut(self, up=False):
        self.hosts['first'].links['storage'] = up
        self.ceph.settle()

    def writers(self, image):
        return len(self.writes_of(image))

    def test_a_second_copy_beside_a_live_one_writes_with_either_kind_of_image(self):
        for exclusive in (False, True):
            (image,) = self.boot('first', 1, exclusive).images
            self.second(image)
            self.assertEqual(2, self.writers(image), exclusive)

    def test_a_cut_off_copy_writes_again_when_it_is_mended_unless_its_lock_was_broken(self):
        for exclusive, writers in ((False, 2), (True, 1)):
            (image,) = self.boot('first', 1, exclusive).images
            self.cut()
            self.second(image)
            self.cut(up=True)
            self.assertEqual(writers, self.writers(image), exclusive)

    def test_an_entry_that_ends_lets_it_write_again_but_not_with_exclusive_lock(self):
        for exclusive, writers in ((False, 1), (True, 0)):
            (image,) = self.boot('first', 1, exclusive).images
            self.ceph.blocklist['10.0.0.1:0/0'] = self.kernel.now + 60
            self.ceph.settle()
            self.assertEqual(0, self.writers(image))
            self.kernel.sleep(61)
            self.assertEqual(writers, self.writers(image), exclusive)
