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

"""A false cloud for tests: hosts, a cluster, Nova; and the words in which it goes wrong."""

import unittest

from kaopu_ha.sim.ceph import Ceph
from kaopu_ha.sim.compute import Compute
from kaopu_ha.sim.kernel import Kernel
from kaopu_ha.sim.machine import Machine
from kaopu_ha.sim.network import Node
from kaopu_ha.sim.nova import Nova, SimNova, SimServer
from kaopu_ha.testing.cloud import ComputeHosts
from kaopu_ha.testing.fence import GivenPermit

FOREVER = 900.0


class FalseCloud(ComputeHosts):
    """Three hosts and a cluster, for a suite and for the tests of troubles."""

    hosts = ('h1', 'h2', 'h3')

    def __init__(self, seed=7):
        self.kernel = Kernel(seed)
        self.ceph = Ceph(self.kernel, 'a')
        self.nova = Nova(self.kernel, Node('nova'))
        self.machines = {name: Machine(self.kernel, name, number + 11, {'a': self.ceph})
                         for number, name in enumerate(self.hosts)}
        self.computes = {name: Compute(self.kernel, self.nova, machine)
                         for name, machine in self.machines.items()}
        for compute in self.computes.values():
            compute.start()
        self.sleep(10)

    def sleep(self, seconds):
        self.nova.note_reports()
        self.kernel.sleep(seconds)

    def until(self, fact, seconds=60.0):
        """Let time go by until it is so; the seconds that took."""
        began = self.kernel.now
        while not fact():
            assert self.kernel.now - began < seconds, 'it never came about'
            self.sleep(0.05)
        return self.kernel.now - began

    def boot(self, host):
        uuid = f'instance-{len(self.nova.rows) + 1}'
        image = self.ceph.create(uuid, True)
        self.nova.add(SimServer(uuid, uuid, host, (image,)))
        self.machines[host].define(uuid, uuid, (image,))
        self.machines[host].start(uuid)
        return uuid

    def delete(self, instance):
        for machine in self.machines.values():
            machine.remove(instance)
        self.nova.remove(instance)

    def stop(self, instance):
        row = self.nova.rows[instance]
        row.asked_for('stop', at='noon')
        row.task_state = 'powering-off'
        compute = self.computes[row.host]
        compute.cast(lambda: compute.power(row, False))
        self.until(lambda: row.vm_state == 'stopped')

    def runs(self, instance):
        return any(machine.runs(instance) for machine in self.machines.values())

    def aggregate(self, *hosts):
        self.nova.lay.own.update(dict.fromkeys(hosts, 'ours'))
        return 'for-ours'

    def disband(self, aggregate):
        self.nova.lay.own.clear()

    def off(self, host):
        self.machines[host].power_off()
        self.computes[host].kill()
        self.nova.note_reports()

    def on(self, host):
        self.machines[host].power_on()
        self.computes[host].start()
        self.nova.note_reports()

    def fence(self, host):
        self.ceph.add_to_blocklist(f'{self.machines[host].address}:0/0', 1e6)

    def kill(self, host):
        self.off(host)
        self.fence(host)

    def revive(self, host):
        self.on(host)
        self.until(lambda: not any(record.source == host and record.status == 'done'
                                   for record in self.nova.records))
        self.ceph.remove_from_blocklist(f'{self.machines[host].address}:0/0')


class Troubled(unittest.TestCase):
    """A guest on h1, which dies in most tests; h2 and h3 are there to take it."""

    def setUp(self):
        self.begin()

    def begin(self, seed=7):
        """A new world."""
        self.world = FalseCloud(seed)
        self.nova, self.machines, self.computes = (
            self.world.nova, self.world.machines, self.world.computes)
        self.cloud = SimNova(self.nova, Node('controller'))
        self.uuid = self.world.boot('h1')
        self.row = self.nova.rows[self.uuid]

    def lose(self, host='h1'):
        """The host dies, is fenced and forced down."""
        self.world.kill(host)
        self.cloud.force_down(host, True, GivenPermit())

    def evacuate(self, target='h2'):
        self.cloud.evacuate(self.uuid, target, GivenPermit())

    def run_until(self, fact, seconds=60.0):
        return self.world.until(fact, seconds)

    def let(self, seconds):
        self.world.sleep(seconds)

    def running(self):
        """The hosts on which a QEMU of the guest runs."""
        return [name for name, machine in self.machines.items() if machine.runs(self.uuid)]

    def writing(self):
        self.world.ceph.settle()
        (image,) = self.row.images
        return [client.node.name for client in self.world.ceph.writers(
            self.world.ceph.disks[image.header])]

    def shown(self):
        server = self.cloud.server(self.uuid)
        return server.host, server.vm_state, server.task_state

    def statuses(self):
        """The status of each record, the oldest first."""
        return [record.status for record in self.nova.records]

    def is_spawning(self):
        return self.row.task_state == 'rebuild_spawning'
