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

"""The false libvirt keeps the contracts of the probe, of its observer, and of an agent's own host.
"""

import contextlib
import unittest

from kaopu_ha import ports
from kaopu_ha.core import model
from kaopu_ha.core.model import Contact, Sign
from kaopu_ha.sim.ceph import Ceph
from kaopu_ha.sim.kernel import Kernel
from kaopu_ha.sim.libvirt import SimLibvirt, SimLocal
from kaopu_ha.sim.machine import Libvirtd, Machine
from kaopu_ha.sim.network import Node
from kaopu_ha.testing import local, probe

LIMIT = 2.0


class FalseHosts:
    """Some hosts, and an observer that looks at them."""

    def setUp(self):
        self.kernel = Kernel(5)
        self.clusters = {'a': Ceph(self.kernel, 'a')}
        self.node = Node('eye')
        self.machines = {name: Machine(self.kernel, name, number + 11, self.clusters)
                         for number, name in enumerate(('h1', 'h2', 'bare', 'cut'))}
        self.machines['bare'].libvirtd = Libvirtd.DEAD
        self.machines['cut'].node.links['management'] = False
        self.probe = SimLibvirt(self.kernel, self.node, self.machines)
        super().setUp()

    def now(self):
        return self.kernel.now

    def sleep(self, seconds):
        self.kernel.sleep(seconds)

    def host(self, name, uri=''):
        machine = self.machines.get(name)
        return model.Inventory(
            host=name, host_uuid=machine.host_uuid if machine else 'none', boot_id='b',
            management_uri=uri or (machine.uri if machine else f'qemu+tcp://{name}/system'))


class TestProbe(FalseHosts, probe.ProbeSuite, unittest.TestCase):

    def alive(self):
        return self.host('h1')

    def silent(self):
        return self.host('cut')

    def unknowable(self):
        return self.host('without-access')

    @contextlib.contextmanager
    def blinded(self):
        self.node.links['management'] = False
        yield
        self.node.links['management'] = True


class TestObserver(FalseHosts, probe.LibvirtObserverSuite, unittest.TestCase):

    def setUp(self):
        super().setUp()
        self.observer = self.probe

    def answering(self):
        machine = self.machines['h1']
        machine.define('an-instance', 'i', ())
        return machine.uri, model.LibvirtAnswer(
            Contact.ANSWERED, machine.host_uuid, ('an-instance',))

    @contextlib.contextmanager
    def others(self):
        self.machines['h2'].libvirtd = Libvirtd.FROZEN
        yield {Contact.MUTE: self.machines['h2'].uri, Contact.REFUSED: self.machines['bare'].uri,
               Contact.NOTHING: self.machines['cut'].uri,
               Contact.ERROR: 'qemu+tcp://without-access/system'}


class TestSigns(FalseHosts, unittest.TestCase):
    """What was measured of hosts that do not answer, and how long each takes."""

    def look(self, name):
        """The sign, whether a kernel answers, and the seconds that it took."""
        began = self.now()
        found = self.probe.ask([self.host(name)], [self.host('h1')], LIMIT)[name]
        return found.sign, found.kernel_answers, self.now() - began

    def test_a_host_without_libvirtd_refuses_at_once_and_its_kernel_lives(self):
        sign, kernel_answers, seconds = self.look('bare')
        self.assertEqual((Sign.SILENCE, True), (sign, kernel_answers))
        self.assertLess(seconds, 0.1)

    def test_a_frozen_libvirtd_is_mute_for_the_whole_limit_and_its_kernel_lives(self):
        self.machines['h2'].libvirtd = Libvirtd.FROZEN
        self.assertEqual((Sign.SILENCE, True, LIMIT), self.look('h2'))

    def test_packets_that_are_lost_take_the_whole_limit_and_no_kernel_answers(self):
        self.assertEqual((Sign.SILENCE, False, LIMIT), self.look('cut'))

    def test_a_host_that_stands_still_or_has_no_power_is_as_one_that_is_cut_off(self):
        self.machines['h2'].node.black = True
        self.assertEqual((Sign.SILENCE, False, LIMIT), self.look('h2'))
        self.machines['h2'].node.black = False
        self.machines['h2'].power_off()
        self.assertEqual((Sign.SILENCE, False, LIMIT), self.look('h2'))

    def test_a_live_host_answers_at_once(self):
        sign, _, seconds = self.look('h2')
        self.assertIs(Sign.LIFE, sign)
        self.assertLess(seconds, 0.1)

    def test_another_host_at_the_address_is_unknown(self):
        stranger = self.host('h2', uri=self.machines['h1'].uri)
        self.assertIs(Sign.UNKNOWN, self.probe.ask([stranger], [], LIMIT)['h2'].sign)

    def test_an_eye_without_a_certificate_knows_nothing(self):
        self.probe.sick = True
        self.assertIs(Sign.UNKNOWN, self.look('h2')[0])

    def test_who_is_silent_while_nobody_else_is_reached_is_unknown(self):
        found = self.probe.ask([self.host('cut')], [], LIMIT)
        self.assertIs(Sign.UNKNOWN, found['cut'].sign)


class TestLocal(FalseHosts, local.LocalHostSuite, unittest.TestCase):

    on, off = 'aaaaaaaa-0000-4000-8000-000000000001', 'bbbbbbbb-0000-4000-8000-000000000002'

    def setUp(self):
        super().setUp()
        self.machine = self.machines['h1']
        self.host_uuid = self.machine.host_uuid
        for uuid in (self.on, self.off):
            self.machine.define(uuid, uuid, (self.clusters['a'].create(uuid, False),))
        self.machine.start(self.on)
        self.kernel.sleep(60.0)
        self.began = None
        self.local = SimLocal(self.machine, lambda: '', {
            'true': lambda: 0.1, 'false': self.fail_as_a_command, 'sleep': lambda: 9.0},
            lambda: self.began)

    def compute_begins(self):
        self.began = self.kernel.now

    def make_anew(self, uuid):
        self.machine.remove(uuid)
        self.machine.define(uuid, uuid, ())

    def fail_as_a_command(self):
        raise ports.PortError('it failed')

    def mute(self):
        self.machine.libvirtd = Libvirtd.FROZEN

    def test_a_domain_that_was_started_again_has_another_run(self):
        before = self.domain(self.on).run
        self.machine.stop(self.on)
        self.machine.start(self.on)
        self.assertNotEqual(before, self.domain(self.on).run)

    def test_a_domain_that_is_paused_says_so(self):
        self.machine.pause(self.on, True)
        self.assertIs(model.Power.PAUSED, self.domain(self.on).power)

    def test_after_a_boot_the_domains_are_known_and_off(self):
        boot = self.local.boot_id()
        self.machine.power_off()
        self.machine.power_on()
        self.assertNotEqual(boot, self.local.boot_id())
        self.assertEqual({model.Power.OFF}, {each.power for each in self.local.instances(LIMIT)})
