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

"""The inventory against a real etcd, with a scripted host and storage."""

import dataclasses

from kaopu_ha import ports, records
from kaopu_ha.agent import inventory
from kaopu_ha.agent.storage import CephCluster
from kaopu_ha.core import model
from kaopu_ha.core.model import Image, Power, Sign
from tests.unit.agent import case
from tests.unit.agent.case import FSID, HOST, OTHER_UUID, UUID, domain

KEY = records.INVENTORY + HOST
ONE = Image(FSID, 'vms', 'one_disk', 'rbd_header.1')


class InventoryTest(case.AgentCase):

    def setUp(self):
        super().setUp()
        self.local = case.ScriptedHost()
        self.storage = case.ScriptedStorage(self)
        self.local.domains = (domain(),)
        self.publisher = self.a_publisher()

    def a_publisher(self, **other):
        env = self.env(self.local, now=lambda: f'second {self.time:.0f}')
        return inventory.InventoryPublisher(env, self.storage, **{
            'management_uri': 'qemu+tcp://c1/system', 'client_networks': ('10.0.0.0/24',),
            'interval': 2.0} | other)

    def turn(self, publisher=None):
        """One turn; what is published after it."""
        (publisher or self.publisher).turn()
        entry = self.entry(KEY)
        return entry and records.decode(model.Inventory, entry.value)

    def later(self, seconds=11.0):
        self.time += seconds
        return self.turn()

    def test_a_host_tells_all_of_itself(self):
        self.assertEqual(
            model.Inventory(
                host=HOST, host_uuid=UUID, boot_id='boot-1', management_uri='qemu+tcp://c1/system',
                storage_addresses=('10.0.0.1',), storage={FSID: Sign.LIFE}, cores=8,
                memory_mb=4096, instances=(
                    model.Instance(domain().uuid, 'one', Power.ON, (ONE,)),),
                domains=(domain().uuid,), compute_started='boot-1/7'),
            self.turn())
        self.assertEqual([], self.told)

    def test_what_did_not_change_is_not_written_again(self):
        self.turn()
        before = self.entry(KEY)
        for _ in range(3):
            self.later()
        self.assertEqual(before, self.entry(KEY))

    def test_a_new_agent_of_the_same_host_writes_nothing_if_nothing_changed(self):
        self.turn()
        before = self.entry(KEY)
        self.turn(self.a_publisher())
        self.assertEqual(before, self.entry(KEY))

    def test_a_change_of_power_is_published(self):
        self.turn()
        self.local.domains = (domain(power=Power.OFF, run=''),)
        self.assertIs(Power.OFF, self.later().instances[0].power)

    def test_a_guest_that_crashed_is_told_until_it_is_on(self):
        crashed = domain(power=Power.OFF, run='', crashed=True)
        self.turn()
        self.local.domains = (crashed,)
        self.assertEqual((crashed.uuid,), self.later().crashed)
        # Nobody knows while libvirt is mute.
        self.local.mute = True
        self.assertEqual((), self.later().crashed)
        self.local.mute, self.local.domains = False, (domain(),)
        self.assertEqual((), self.later().crashed)

    def test_a_guest_that_is_stuck_is_told_also_while_libvirt_is_mute(self):
        stuck = domain(power=Power.PAUSED, stuck=True, hung=True, run='7')
        self.local.domains = (stuck,)
        self.assertEqual((stuck.uuid,), self.turn().stuck)
        self.local.mute = True
        self.assertEqual((stuck.uuid,), self.later().stuck)
        self.assertEqual(({stuck.uuid: '7'}, (stuck.uuid,)),
                         (self.later().stuck_runs, self.later().hung))
        # Nor is it well because its agent is a new one, but by a boot.
        self.assertEqual((stuck.uuid,), self.turn(self.a_publisher()).stuck)
        self.local.boot = 'boot-2'
        self.assertEqual((), self.turn(self.a_publisher()).stuck)

    def test_a_guest_that_goes_on_is_stuck_no_more(self):
        self.local.domains = (domain(power=Power.PAUSED, stuck=True),)
        self.turn()
        self.local.domains = (domain(),)
        self.assertEqual((), self.later().stuck)

    def test_a_nova_compute_that_does_not_run_is_told_after_a_minute_until_it_does(self):
        self.turn()
        self.local.compute = ''
        self.assertFalse(self.later().compute_gone)
        self.assertFalse(self.later(59).compute_gone)
        self.assertTrue(self.later(2).compute_gone)
        # A new agent need not wait for it.
        self.assertTrue(self.turn(self.a_publisher()).compute_gone)
        self.local.compute = 'boot-1/9'
        self.assertFalse(self.later().compute_gone)
        self.local.compute = ''
        self.assertFalse(self.later().compute_gone)

    def test_where_there_is_to_be_none_or_the_system_goes_down_it_is_not_missed(self):
        self.local.compute = ''
        self.publisher = self.a_publisher(has_compute=False)
        self.turn()
        self.assertFalse(self.later(100).compute_gone)
        self.publisher = self.a_publisher()
        self.turn()
        self.assertTrue(self.later(100).compute_gone)
        self.local.stops, self.local.domains = True, (domain(power=Power.OFF, run=''),)
        self.assertFalse(self.later().compute_gone)

    def test_what_ends_with_its_system_has_not_crashed(self):
        self.turn()
        self.local.stops = True
        self.local.domains = (domain(power=Power.OFF, run='', crashed=True),)
        told = self.later()
        self.assertEqual((True, ()), (told.leaving, told.crashed))

    def test_the_inventory_of_another_machine_is_left_alone_and_told(self):
        self.put(KEY, model.Inventory(HOST, OTHER_UUID, 'b', 'uri'))
        self.assertEqual(OTHER_UUID, self.turn().host_uuid)
        self.later()
        self.assertEqual(['warning'], [level for level, _ in self.told])
        self.assertIn('kaopu-ha host forget c1', self.told[0][1])

    def test_an_inventory_that_cannot_be_read_is_written_anew_also_in_between(self):
        for junk in ('[[[', '{"schema": 99}'):
            self.store.commit([], [ports.Put(KEY, junk)])
            self.assertEqual('', self.later(61.0).note)

    def test_a_host_that_was_forgotten_by_mistake_is_published_again(self):
        self.turn()
        self.delete(KEY)
        self.assertIsNotNone(self.later(61.0))

    def test_a_locked_host_publishes(self):
        self.lock()
        self.assertIsNotNone(self.turn())

    def test_a_mute_libvirt_leaves_the_instances_as_they_were_and_is_noted(self):
        before = self.turn()
        self.local.mute = True
        after = self.later()
        self.assertEqual(before.instances, after.instances)
        self.assertEqual('libvirt has not answered since second 1011', after.note)
        self.assertEqual(after, self.later())
        self.local.mute = False
        self.assertEqual(before, self.later())
        self.assertEqual(['warning', 'info'], [level for level, _ in self.told])

    def test_what_is_older_than_its_nova_compute_is_told_with_that(self):
        left = domain('two', Power.OFF, '', left=True)
        self.local.domains = (domain(), left)
        told = self.turn()
        self.assertEqual(('boot-1/7', (left.uuid,)), (told.compute_started, told.left_defined))
        self.local.domains = (domain(), dataclasses.replace(left, left=False))
        self.assertEqual((), self.later().left_defined)

    def test_while_libvirt_is_mute_nothing_is_known_to_be_older(self):
        self.local.domains = (domain('two', Power.OFF, '', left=True),)
        self.assertEqual(1, len(self.turn().left_defined))
        self.local.mute = True
        self.assertEqual((), self.later().left_defined)
        self.assertEqual((), self.turn(self.a_publisher()).left_defined)

    def test_an_agent_that_starts_with_a_mute_libvirt_keeps_what_was_published(self):
        before = self.turn()
        self.local.mute = True
        self.assertEqual(before.instances, self.turn(self.a_publisher()).instances)

    def test_a_storage_that_is_away_is_silence_and_keeps_the_images(self):
        before = self.turn()
        self.storage.away = True
        after = self.later()
        self.assertEqual({FSID: Sign.SILENCE}, after.storage)
        self.assertEqual(before.instances, after.instances)

    def test_an_agent_that_starts_without_storage_keeps_the_published_images(self):
        before = self.turn()
        self.storage.away = True
        after = self.turn(self.a_publisher())
        self.assertEqual(before.instances, after.instances)
        self.assertEqual({FSID: Sign.SILENCE}, after.storage)

    def test_a_read_that_fails_at_once_is_no_silence(self):
        self.turn()
        self.storage.away, self.storage.takes = True, 0.0
        self.assertEqual({FSID: Sign.UNKNOWN}, self.later().storage)

    def test_a_host_without_instances_shows_life_of_its_storage(self):
        self.local.domains = ()
        self.assertEqual({FSID: Sign.LIFE}, self.turn().storage)

    def test_an_image_that_is_gone_does_not_hide_the_life_of_the_storage(self):
        self.turn()
        self.storage.ids = {}
        self.assertEqual({FSID: Sign.LIFE}, self.later().storage)

    def test_the_ids_of_images_are_read_once(self):
        for _ in range(3):
            self.later()
        self.assertEqual(1, self.storage.looked_up.count(('one_disk',)))

    def test_an_instance_that_was_rebuilt_has_a_new_image_of_the_old_name(self):
        self.turn()
        self.storage.ids['one_disk'] = 'rbd_header.9'
        self.local.domains = (domain(run='2'),)
        self.assertEqual('rbd_header.9', self.later(1.0).instances[0].images[0].header)

    def test_an_image_whose_id_is_not_known_is_listed_without_it(self):
        self.storage.ids = {}
        self.assertEqual((Image(FSID, 'vms', 'one_disk', ''),), self.turn().instances[0].images)

    def test_a_disk_whose_cluster_was_never_known_holds_its_instance_back(self):
        self.storage.away = True
        instance = self.turn().instances[0]
        self.assertEqual(((), 1), (instance.images, len(instance.local_disks)))

    def test_of_several_clusters_the_monitors_tell_whose_a_disk_is(self):
        clusters = (CephCluster('other', monitors=('10.9.9.9',)),
                    CephCluster(FSID, monitors=('10.0.0.9',)))
        published = self.turn(self.a_publisher(clusters=clusters))
        self.assertEqual((ONE,), published.instances[0].images)
        self.local.domains = (domain(disks=(ports.Disk('vms', 'one_disk', ('10.7.7.7',)),)),)
        published = self.turn(self.a_publisher(clusters=clusters))
        self.assertEqual((), published.instances[0].images)

    def test_a_pool_that_may_not_be_read_is_told_once_while_the_host_lives(self):
        self.storage.barred = ('volumes',)
        self.local.domains = (domain(), domain('two', disks=(
            ports.Disk('volumes', 'volume-1', ()),)))
        for _ in range(3):
            published = self.later()
        self.assertEqual('', published.instances[1].images[0].header)
        ((level, text),) = self.told
        self.assertEqual('warning', level)
        self.assertIn(f'in pool volumes of cluster {FSID}: Operation not permitted', text)
        self.assertIn('[ceph] pools', text)
        self.storage.barred = ()
        self.later()
        self.assertEqual('info', self.told[-1][0])

    def test_a_pool_that_is_not_read_for_another_reason_is_told_if_that_lasts(self):
        self.storage.barred, self.storage.why = ('volumes',), 'timed out'
        self.local.domains = (domain('two', disks=(ports.Disk('volumes', 'volume-1', ()),)),)
        self.turn()
        for _ in range(3):
            self.assertEqual([], self.told)
            self.later()
        self.assertEqual(['warning'], [level for level, _ in self.told])

    def test_a_disk_of_another_cluster_is_not_taken_to_be_on_the_only_one(self):
        self.storage.mons = ('10.0.0.9',)
        self.assertEqual((ONE,), self.turn().instances[0].images)
        self.local.domains = (domain(disks=(ports.Disk('vms', 'one_disk', ('10.7.7.7',)),)),)
        told = self.later().instances[0]
        self.assertEqual(((), (
            'rbd:vms/one_disk (on no cluster of [ceph] conf: its monitors are 10.7.7.7)',)),
            (told.images, told.local_disks))

    def test_an_interface_that_lost_its_address_does_not_unmake_the_fence(self):
        self.turn()
        self.local.own = ()
        self.assertEqual(('10.0.0.1',), self.later().storage_addresses)

    def test_local_disks_are_listed(self):
        self.local.domains = (domain(local_disks=('/var/lib/x/disk',)),)
        self.assertEqual(('/var/lib/x/disk',), self.turn().instances[0].local_disks)

    def test_a_store_that_is_away_is_told_once_and_when_back(self):
        self.turn()
        self.local.domains = ()
        self.etcd.freeze()
        self.addCleanup(self.etcd.thaw)
        self.publisher.turn()
        self.publisher.turn()
        self.etcd.thaw()
        # A write that was under way may still come, and cost a turn.
        for _ in range(9):
            after = self.later()
        self.assertEqual((), after.instances)
        self.assertEqual(['warning', 'info'], [level for level, _ in self.told])
