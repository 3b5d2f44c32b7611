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

"""The drivers libvirt and inventory, on real libvirtds and a real etcd, with real agents' parts."""

import dataclasses
import threading
import unittest
import uuid

from kaopu_ha import ports, records
from kaopu_ha.agent.domains import DomainPublisher
from kaopu_ha.agent.inventory import InventoryPublisher
from kaopu_ha.agent.runtime import HostRuntime
from kaopu_ha.core import model
from kaopu_ha.drivers.agents.usage import InventoryUsage
from kaopu_ha.drivers.etcd.store import EtcdStore
from kaopu_ha.drivers.libvirt.cloud import LibvirtCloud
from kaopu_ha.drivers.libvirt.local import LocalLibvirt
from kaopu_ha.testing.cloud import CloudSuite, ComputeHosts
from kaopu_ha.testing.fence import GivenPermit
from kaopu_ha.testing.usage import UsageSuite
from tests import etcd_single, libvirt_hosts

_DOMAIN = """\
<domain type='qemu'><name>{name}</name><uuid>{uuid}</uuid><memory unit='MiB'>16</memory>
<vcpu>1</vcpu><os><type arch='x86_64' machine='pc'>hvm</type></os>
<devices><graphics type='vnc' port='-1' listen='0.0.0.0' passwd='geheim'/></devices></domain>
"""


class NoStorage(ports.StorageReader):
    """There is no Ceph here: what an inventory says of it is not looked at."""

    def fsid(self, limit, cluster=''):
        raise ports.PortError('no storage')

    def header_ids(self, pool, names, limit, cluster=''):
        raise ports.PortError('no storage')

    def touch(self, image, limit):
        raise ports.PortError('no storage')

    def clients(self, images, limit):
        return {}

    def close(self):
        pass


class Agent:
    """What of an agent matters here, for one of the hosts."""

    def __init__(self, store, hosts, name):
        self.local = LocalLibvirt(hosts.uri(name), definitions=True)
        self._store, self._uri, self._name = store, hosts.uri(name), name
        self.start()

    def start(self):
        """Know nothing of a former life."""
        self.told = []
        env = HostRuntime(self._name, self._store, self.local, self.told.append)
        self._inventory = InventoryPublisher(env, NoStorage(), management_uri=self._uri,
                                             client_networks=[], interval=1.0)
        self._domains = DomainPublisher(env, interval=1.0)

    def publish(self):
        for publisher in (self._inventory, self._domains):
            publisher.turn()


class BareWorld(ComputeHosts):
    """Domains without disks on two hosts.  Whoever uses it stands in the observer's network."""

    hosts = ('h1', 'h2')

    def __init__(self, machines, endpoint):
        self.machines = machines
        self.store = EtcdStore([endpoint], timeout=10.0)
        self.agents = {name: Agent(self.store, machines, name) for name in self.hosts}
        self._folder = machines.folder

    def fresh(self):
        """No domains and no records; every host beats and has told of itself."""
        for host in self.hosts:
            for known in self.agents[host].local.instances(10.0):
                self.agents[host].local.remove_domains([known.uuid], GivenPermit())
        seen = self.store.read(records.PREFIX)
        for key in seen.entries:
            self.store.commit([], [ports.Delete(key)])
        for host in self.hosts:
            self.beat(host)
            self.agents[host].start()
            self.agents[host].publish()

    def beat(self, host):
        identity = self.machines.uuids[host]
        self.store.commit([], [ports.Put(records.ALIVE + host, records.encode(
            records.Beat(identity, 'boot')), self.store.grant(3600))])

    def boot(self, host):
        instance = str(uuid.uuid4())
        self.start_on(host, instance)
        self.agents[host].publish()
        return instance

    def start_on(self, host, instance):
        path = self._folder / f'{instance}.xml'
        path.write_text(_DOMAIN.format(name=f'web-{instance[:4]}', uuid=instance))
        self.machines.virsh(host, 'define', str(path))
        self.machines.virsh(host, 'start', instance)

    def delete(self, instance):
        for host in self.hosts:
            self.agents[host].local.remove_domains([instance], GivenPermit())
            self.agents[host].publish()

    def stop(self, instance):
        for host in self.hosts:
            if instance in self.running(host):
                self.machines.virsh(host, 'destroy', instance)
                self.agents[host].publish()

    def runs(self, instance):
        for host in self.hosts:
            self.agents[host].publish()
        return any(instance in self.running(host) for host in self.hosts)

    def kill(self, host):
        self.machines.power_off(host)
        self.store.commit([], [ports.Delete(records.ALIVE + host)])

    def revive(self, host):
        self.machines.power_on(host)
        self.agents[host].publish()
        self.beat(host)

    def running(self, host):
        return [each.uuid for each in self.agents[host].local.instances(5.0) if each.run]

    def close(self):
        for agent in self.agents.values():
            agent.local.close()
        self.store.close()


class OnRealHosts:

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        lacking = libvirt_hosts.missing()
        if lacking or not etcd_single.is_possible():
            raise unittest.SkipTest(lacking or 'there is no etcd here')
        cls.machines = libvirt_hosts.LibvirtHosts('bare')
        cls.addClassCleanup(cls.machines.close)
        cls.machines.start()
        with cls.machines.inside('eye'):
            cls.etcd = etcd_single.until(cls.addClassCleanup)
            cls.known = BareWorld(cls.machines, cls.etcd.endpoint)
            cls.addClassCleanup(cls.known.close)

    def setUp(self):
        observer = self.machines.inside('eye')
        observer.__enter__()
        self.addCleanup(observer.__exit__, None, None, None)
        self.known.fresh()
        super().setUp()

    def make_world(self):
        return self.known

    def make_cloud(self):
        cloud = LibvirtCloud(self.known.store)
        cloud.warm()
        return cloud


class LibvirtCloudTest(OnRealHosts, CloudSuite, unittest.TestCase):

    keeps_actions = counts = enables = groups = notes = False

    def a_dead_host(self):
        """An instance of h1, which is dead and forced down."""
        instance = self.an_instance()
        self.world.kill('h1')
        self.addCleanup(self.take_back, 'h1')
        self.cloud.force_down('h1', True, GivenPermit())
        return instance

    def owner(self, instance):
        entry = self.known.store.read(records.SERVER + instance).get(records.SERVER + instance)
        return records.decode(records.Owner, entry.value)

    def test_asked_twice_it_runs_once_and_belongs_to_the_target(self):
        instance = self.a_dead_host()
        self.cloud.evacuate(instance, 'h2', GivenPermit())
        run = [each.run for each in self.known.agents['h2'].local.instances(5.0)]
        with self.assertRaisesRegex(ports.Refused, 'already'):
            self.cloud.evacuate(instance, 'h2', GivenPermit())
        self.assertEqual(run, [each.run for each in self.known.agents['h2'].local.instances(5.0)])
        self.known.agents['h2'].publish()
        self.assertEqual([instance], self.uuids('h2'))
        self.assertEqual([], self.uuids('h1'))

    def test_it_is_persistent_on_its_new_host_and_does_not_start_with_it(self):
        instance = self.a_dead_host()
        self.cloud.evacuate(instance, 'h2', GivenPermit())
        told = self.known.machines.virsh('h2', 'dominfo', instance)
        self.assertRegex(told, r'Persistent:\s+yes')
        self.assertRegex(told, r'Autostart:\s+disable')

    def test_a_console_that_had_a_password_listens_nowhere(self):
        instance = self.a_dead_host()
        self.cloud.evacuate(instance, 'h2', GivenPermit())
        shown = self.known.machines.virsh('h2', 'dumpxml', '--security-info', instance)
        self.assertIn("<listen type='none'/>", shown)
        self.assertNotIn('0.0.0.0', shown)
        self.assertNotIn('geheim', str(self.known.store.read(records.PREFIX).entries))

    def test_what_a_caller_began_and_left_is_finished_by_the_next_one(self):
        instance = self.a_dead_host()
        with self.assertRaises(ports.NotPermitted):
            self.cloud.evacuate(instance, 'h2', GivenPermit(holds=False))
        self.assertEqual((), self.owner(instance).moves)
        self.known.machines.freeze('h2')
        try:
            with self.assertRaises(ports.OutcomeUnknown):
                self.cloud.evacuate(instance, 'h2', GivenPermit(1.0))
        finally:
            self.known.machines.thaw('h2')
        (begun,) = self.owner(instance).moves
        self.assertEqual(('running', 'h1'), (begun.status, self.cloud.server(instance).host))
        self.assertEqual((), self.cloud.migrations(instance=instance))
        self.cloud.evacuate(instance, 'h2', GivenPermit())
        self.assertEqual([(begun.id, 'completed')], [
            (move.id, move.status) for move in self.owner(instance).moves])
        self.assertEqual([instance], self.known.running('h2'))

    def test_what_libvirt_refuses_is_refused_with_its_reason_and_leaves_nothing(self):
        instance = self.a_dead_host()
        key = f'{records.DOMAIN}h1/{instance}'
        entry = self.known.store.read(key).get(key)
        self.known.store.commit([], [ports.Put(key, entry.value.replace(
            "machine=\\'", "machine=\\'x").replace('machine=\\"', 'machine=\\"x'))])
        with self.assertRaisesRegex(ports.Refused, 'x'):
            self.cloud.evacuate(instance, 'h2', GivenPermit())
        self.assertEqual(((), 'failed'), (self.known.agents['h2'].local.instances(5.0),
                                          self.owner(instance).moves[-1].status))
        self.assertTrue(self.cloud.server(instance).fault)

    def test_of_two_that_start_it_on_different_hosts_one_is_refused(self):
        instance = self.a_dead_host()
        begun = records.MoveRecord('m', 'h1', 'h3', 'running')
        self.known.store.commit([], [ports.Put(records.SERVER + instance, records.encode(
            records.Owner('h1', moves=(begun,))))])
        with self.assertRaisesRegex(ports.PortError, 'may run on h3') as raised:
            self.cloud.evacuate(instance, 'h2', GivenPermit())
        self.assertNotIsInstance(raised.exception, ports.Refused)
        self.known.store.commit([], [ports.Put(records.SERVICE + 'h3', records.encode(
            records.Service(True)))])
        self.cloud.evacuate(instance, 'h2', GivenPermit())
        self.assertEqual(['failed', 'completed'],
                         [move.status for move in self.owner(instance).moves])

    def test_a_target_that_died_since_and_was_admitted_holds_nothing_back(self):
        instance = self.a_dead_host()
        begun = records.MoveRecord('m', 'h1', 'h3', 'running')
        for key, record in ((records.SERVER + instance, records.Owner('h1', moves=(begun,))),
                            (records.SERVICE + 'h3', records.Service(True)),
                            (records.SERVICE + 'h3', records.Service(False))):
            self.known.store.commit([], [ports.Put(key, records.encode(record))])
        self.cloud.evacuate(instance, 'h2', GivenPermit())
        self.assertEqual([instance], self.known.running('h2'))

    def test_two_calls_at_one_time_start_it_once(self):
        instance = self.a_dead_host()
        said = []

        def call():
            try:
                self.cloud.evacuate(instance, 'h2', GivenPermit())
                said.append('started')
            except ports.PortError as failure:
                said.append(failure)
        # Threads that are started here stand in the observer's network.
        calls = [threading.Thread(target=call) for _ in range(2)]
        for one in calls:
            one.start()
        for one in calls:
            one.join(30)
        if 'started' not in said:
            # Each took the other's work for unfinished: who asks once more finds it done.
            self.assertEqual({ports.OutcomeUnknown}, set(map(type, said)))
            self.cloud.evacuate(instance, 'h2', GivenPermit())
        self.assertEqual([instance], self.known.running('h2'))
        self.assertEqual('h2', self.cloud.server(instance).host)

    def test_a_target_that_does_not_beat_is_refused(self):
        instance = self.a_dead_host()
        self.known.store.commit([], [ports.Delete(records.ALIVE + 'h2')])
        with self.assertRaisesRegex(ports.Refused, 'not up'):
            self.cloud.evacuate(instance, 'h2', GivenPermit())

    def test_a_target_whose_uri_has_parameters_is_refused(self):
        instance = self.a_dead_host()
        inventory = records.decode(model.Inventory, self.inventory_of('h2'))
        for uri in (f'{inventory.management_uri}?command=/bin/true', 'qemu:///system', 'nonsense'):
            self.known.store.commit([], [ports.Put(records.INVENTORY + 'h2', records.encode(
                dataclasses.replace(inventory, management_uri=uri)))])
            with self.assertRaisesRegex(ports.Refused, 'URI of a libvirt'):
                self.cloud.evacuate(instance, 'h2', GivenPermit())

    def test_one_that_somebody_migrated_belongs_to_the_host_that_tells_of_it_last(self):
        instance = self.a_dead_host()
        self.cloud.evacuate(instance, 'h2', GivenPermit())
        self.known.agents['h2'].publish()
        told = records.encode(records.DomainRecord('web', records.Power.ON, '<domain/>'))
        self.known.store.commit([], [
            ports.Put(f'{records.DOMAIN}h9/{instance}', told)])
        self.assertEqual('h2', self.cloud.server(instance).host, 'h2 beats, and tells of it')
        self.known.agents['h2'].local.remove_domains([instance], GivenPermit())
        self.known.agents['h2'].publish()
        self.known.store.commit([], [
            ports.Put(records.INVENTORY + 'h3', self.inventory_of('h2').replace('"h2"', '"h3"')),
            ports.Put(f'{records.DOMAIN}h3/{instance}', told)])
        self.assertEqual('h3', self.cloud.server(instance).host)
        self.assertEqual([], self.uuids('h2'))

    def rewrite(self, instance, old, new):
        """Have h1 tell another definition of it: h1 is in the hands of a thief."""
        key = f'{records.DOMAIN}h1/{instance}'
        told = records.decode(records.DomainRecord, self.known.store.read(key).get(key).value)
        self.assertIn(old, told.xml)
        self.known.store.commit([], [ports.Put(key, records.encode(
            dataclasses.replace(told, xml=told.xml.replace(old, new, 1))))])

    def test_what_reaches_for_the_other_host_is_not_started(self):
        for what, why in (
                ("<disk type='file' device='disk'><source file='/etc/shadow'/>"
                 "<target dev='vda' bus='virtio'/></disk>", '/etc/shadow'),
                ("<disk type='network' device='disk'><source protocol='rbd' name='vms/other'>"
                 "<host name='192.0.2.1'/></source><target dev='vda'/></disk>", 'vms/other'),
                ("<filesystem type='mount'><source dir='/'/><target dir='x'/></filesystem>",
                 'filesystem'),
                ("<hostdev mode='subsystem' type='usb'><source/></hostdev>", 'hostdev')):
            with self.subTest(why):
                self.known.fresh()
                instance = self.a_dead_host()
                self.rewrite(instance, '<devices>', f'<devices>{what}')
                with self.assertRaisesRegex(ports.Refused, why):
                    self.cloud.evacuate(instance, 'h2', GivenPermit())
                self.assertEqual([], self.known.running('h2'))
                self.take_back('h1')

    def test_it_is_not_given_more_room_than_was_looked_for(self):
        instance = self.a_dead_host()
        self.rewrite(instance, '>16384</memory>', '>99999999</memory>')
        with self.assertRaisesRegex(ports.Refused, 'memory'):
            self.cloud.evacuate(instance, 'h2', GivenPermit())

    def test_an_emulator_of_the_former_host_is_none_of_the_other(self):
        instance = self.a_dead_host()
        self.rewrite(instance, '<emulator>/', '<emulator>/nowhere/')
        self.cloud.evacuate(instance, 'h2', GivenPermit())
        self.assertEqual([instance], self.known.running('h2'))

    def test_nobody_is_started_on_a_disk_that_another_instance_has(self):
        victim = self.an_instance_on('h2')
        image = model.Image('f', 'vms', 'of-the-victim', 'rbd_header.1')
        self.tell_of(victim, 'h2', image)
        instance = self.a_dead_host()
        self.tell_of(instance, 'h1', image)
        with self.assertRaisesRegex(ports.Refused, 'of-the-victim is a disk of .* on h2'):
            self.cloud.evacuate(instance, 'h2', GivenPermit())
        self.assertNotIn(instance, self.known.running('h2'))

    def an_instance_on(self, host):
        instance = str(uuid.uuid4())
        self.known.start_on(host, instance)
        self.known.agents[host].publish()
        return instance

    def tell_of(self, instance, host, image):
        """Have the host's inventory name an image of the instance."""
        told = records.decode(model.Inventory, self.inventory_of(host))
        self.known.store.commit([], [ports.Put(records.INVENTORY + host, records.encode(
            dataclasses.replace(told, instances=tuple(
                dataclasses.replace(one, images=(image,)) if one.uuid == instance else one
                for one in told.instances))))])

    def test_one_without_a_definition_is_listed_and_refused_with_the_reason(self):
        instance = self.a_dead_host()
        key = f'{records.DOMAIN}h1/{instance}'
        self.known.store.commit([], [ports.Delete(key)])
        self.assertEqual([instance], self.uuids('h1'))
        with self.assertRaisesRegex(ports.Refused, 'has not told of its definition'):
            self.cloud.evacuate(instance, 'h2', GivenPermit())

    def inventory_of(self, host):
        return self.known.store.read(records.INVENTORY + host).entries[
            records.INVENTORY + host].value

    def test_one_that_moved_and_was_undefined_is_gone_whatever_its_dead_host_told(self):
        instance = self.a_dead_host()
        self.cloud.evacuate(instance, 'h2', GivenPermit())
        agent = self.known.agents['h2']
        agent.publish()
        agent.local.remove_domains([instance], GivenPermit())
        agent.publish()
        self.assertIn(f'h1/{instance}', self.known.store.read(records.DOMAIN).under(records.DOMAIN))
        self.assertEqual((None, [], []), (self.cloud.server(instance), self.uuids('h1'),
                                          self.uuids('h2')))
        with self.assertRaisesRegex(ports.Refused, 'no host tells'):
            self.cloud.evacuate(instance, 'h3', GivenPermit())
        self.known.start_on('h2', instance)
        agent.publish()
        self.assertEqual('h2', self.cloud.server(instance).host)

    def test_nothing_is_kept_of_a_move_once_its_source_has_been_admitted(self):
        kept = self.a_dead_host()
        self.cloud.evacuate(kept, 'h2', GivenPermit())
        self.assertEqual([kept], self.decided())
        self.take_back('h1')
        self.known.agents['h1'].local.remove_domains([kept], GivenPermit())
        self.known.agents['h1'].publish()
        self.cloud.force_down('h1', False, GivenPermit())
        self.assertEqual([kept], self.decided(), 'h2 has not told of it')
        self.known.agents['h2'].publish()
        self.cloud.force_down('h1', False, GivenPermit())
        self.assertEqual([], self.decided())
        self.assertEqual('h2', self.cloud.server(kept).host)

    def test_nothing_is_kept_of_a_moved_one_that_is_gone_once_its_source_has_been_admitted(self):
        instance = self.a_dead_host()
        self.cloud.evacuate(instance, 'h2', GivenPermit())
        self.known.agents['h2'].publish()
        self.take_back('h1')
        self.assertEqual('h2', self.cloud.server(instance).host)
        self.world.delete(instance)
        self.assertIsNone(self.cloud.server(instance))
        self.cloud.force_down('h1', False, GivenPermit())
        self.assertEqual([], self.decided())
        self.assertEqual([], list(self.known.store.read(records.DOMAIN).entries))

    def decided(self):
        return list(self.known.store.read(records.SERVER).under(records.SERVER))

    def test_a_locked_host_takes_nothing(self):
        instance = self.a_dead_host()
        self.cloud.evacuate(instance, 'h2', GivenPermit())
        self.known.store.commit([], [ports.Delete(f'{records.DOMAIN}h1/{instance}'),
                                     ports.Put(records.LOCK + 'h1', records.encode(
                                         records.Lock('k', 'noon', True, 'r')))])
        self.take_back('h1')
        self.known.start_on('h1', instance)
        self.known.agents['h1'].publish()
        self.assertEqual('h2', self.cloud.server(instance).host)

    def test_a_locked_host_forgets_nothing(self):
        instance = self.an_instance()
        lock = records.LOCK + 'h1'
        self.known.store.commit([], [ports.Put(lock, records.encode(
            records.Lock('k', 'noon', True, 'r')))])
        self.known.machines.virsh('h1', 'destroy', instance)
        self.known.machines.virsh('h1', 'undefine', instance)
        self.known.agents['h1'].publish()
        self.assertEqual(instance, self.cloud.server(instance).uuid)
        self.known.store.commit([], [ports.Delete(lock)])
        self.known.agents['h1'].publish()
        self.assertIsNone(self.cloud.server(instance))

    def test_a_state_that_was_set_holds_until_the_host_tells_of_it_again(self):
        instance = self.an_instance()
        self.known.machines.virsh('h1', 'suspend', instance)
        self.known.agents['h1'].publish()
        self.assertEqual('paused', self.cloud.server(instance).vm_state)
        self.cloud.reset_state(instance, 'active', GivenPermit())
        self.assertEqual('active', self.cloud.server(instance).vm_state)
        self.known.machines.virsh('h1', 'resume', instance)
        self.known.agents['h1'].publish()
        self.known.machines.virsh('h1', 'suspend', instance)
        self.known.agents['h1'].publish()
        self.assertEqual('paused', self.cloud.server(instance).vm_state)


class InventoryUsageTest(OnRealHosts, UsageSuite, unittest.TestCase):

    def make_usage(self):
        return InventoryUsage(self.known.store)

    def test_a_core_is_lent_several_times_and_memory_once(self):
        before = InventoryUsage(self.known.store, core_ratio=1.0, reserved_memory_mb=0).usage()
        after = InventoryUsage(self.known.store, core_ratio=4.0, reserved_memory_mb=100).usage()
        self.assertEqual(before['h1'].cores * 4, after['h1'].cores)
        self.assertEqual(before['h1'].memory_mb - 100, after['h1'].memory_mb)


if __name__ == '__main__':
    unittest.main()
