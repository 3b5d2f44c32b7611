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

"""The false Ceph keeps the contracts of the probe and of the fence."""

import contextlib
import unittest

from kaopu_ha import ports
from kaopu_ha.core import model
from kaopu_ha.sim.ceph import Ceph, SimBlocklist, SimCeph
from kaopu_ha.sim.kernel import Kernel
from kaopu_ha.sim.network import Node
from kaopu_ha.testing import fence, probe

CLUSTER = 'a'


class FalseCeph:
    """A cluster, and hosts with a guest on a disk of its own each."""

    def setUp(self):
        self.kernel = Kernel(3)
        self.ceph = Ceph(self.kernel, CLUSTER)
        self.eye = Node('eye')
        self.hosts, self.clients = {}, {}
        super().setUp()

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
        self.eye.links['storage'] = False
        yield
        self.eye.links['storage'] = True


class TestProbe(FalseCeph, probe.ProbeSuite, unittest.TestCase):

    def setUp(self):
        super().setUp()
        self.probe = SimCeph({CLUSTER: self.ceph}, self.eye)
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

    def test_a_hung_osd_is_unknown(self):
        self.ceph.hung = True
        self.assertIs(model.Sign.UNKNOWN, self.sign(self._alive))


class TestFence(FalseCeph, fence.FenceSuite, unittest.TestCase):

    cluster = CLUSTER

    def setUp(self):
        super().setUp()
        self.fence = SimBlocklist({CLUSTER: self.ceph}, self.eye)
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

    def test_an_act_that_outlives_its_deadline_is_not_done(self):
        class Late(fence.GivenPermit):
            def holds(permit):
                self.kernel.sleep(20)
                return True
        order = self.order()
        self.assertRaises(ports.PortError, self.fence.cut, order, Late())
        self.assertFalse(self.prove(order).holds)


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
