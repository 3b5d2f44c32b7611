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

"""At which addresses an agent finds its own guests' clients, and what it makes nothing of."""

import dataclasses
import unittest

from kaopu_ha import ports
from kaopu_ha.agent.clients import OwnClients
from kaopu_ha.core import model
from kaopu_ha.core.model import Power
from tests.unit.agent.case import ScriptedStorage, domain

OLD, NEW, OTHER = '10.0.0.1:0/5', '10.0.0.7:0/6', '10.0.0.2:0/7'


class OwnClientsCase(unittest.TestCase):

    def setUp(self):
        super().setUp()
        self.time = 100.0
        self.storage = ScriptedStorage(self)
        self.ours = None
        self.own = OwnClients(self.storage, clock=lambda: self.time,
                              may_be_ours=lambda address: self.ours in (None, address))

    def watch(self, name, *addresses):
        self.storage.watchers[f'{name}_disk'] = addresses

    def look(self, *domains, after=2.0):
        self.time += after
        self.own.look(domains, lambda one: [
            model.Image('ceph-1', disk.pool, disk.image, self.storage.ids[disk.image])
            for disk in one.disks])
        return self.own.addresses

    def test_a_client_is_the_guests_if_it_ran_before_and_after(self):
        self.watch('one', OLD)
        self.assertEqual((), self.look(domain('one')))
        self.assertFalse(self.own.complete)
        self.assertEqual(('10.0.0.1',), self.look(domain('one')))
        self.assertTrue(self.own.complete)

    def test_one_that_left_meanwhile_makes_no_claim_to_the_address_it_went_to(self):
        self.watch('one', OTHER)
        self.look(domain('one'))
        for after in (domain('one', Power.OFF, ''), domain('one', run='2')):
            self.assertEqual((), self.look(after))

    def test_where_it_can_be_none_of_ours_nothing_is_claimed_until_it_can(self):
        self.watch('one', OTHER)
        self.ours = '10.0.0.1'
        for _ in range(5):
            self.assertEqual((), self.look(domain('one'), after=60.0))
        self.assertFalse(self.own.complete)
        self.watch('one', OLD)
        for _ in range(2):
            self.look(domain('one'), after=600.0)
        self.assertEqual(('10.0.0.1',), self.look(domain('one')))

    def test_of_two_clients_none_is_claimed(self):
        self.watch('one', OLD, OTHER)
        for _ in range(5):
            self.assertEqual((), self.look(domain('one')))
        self.watch('one', OLD)
        self.look(domain('one'), after=600.0)
        self.assertEqual(('10.0.0.1',), self.look(domain('one')))

    def test_of_a_shared_volume_the_siblings_host_is_not_claimed_while_our_own_client_is_slow(self):
        self.watch('one', OLD, OTHER)
        self.storage.silent = {OLD}
        for _ in range(5):
            self.assertEqual((), self.look(domain('one'), after=60.0))
        self.assertFalse(self.own.complete)

    def test_a_guest_that_shares_a_volume_is_known_by_its_other_disk(self):
        self.watch('one', OLD)
        self.watch('shared', OLD, OTHER)
        both = dataclasses.replace(domain('one'), disks=(
            *domain('one').disks, ports.Disk('volumes', 'shared_disk', ())))
        self.look(both)
        self.assertEqual(('10.0.0.1',), self.look(both))
        self.assertTrue(self.own.complete)

    def test_a_guest_that_has_nothing_but_a_shared_volume_is_not_known(self):
        self.watch('one', OLD, OTHER)
        for _ in range(5):
            self.look(domain('one'), after=60.0)
        self.assertFalse(self.own.complete)

    def test_a_disk_that_may_be_shared_is_not_asked_about_at_all(self):
        self.watch('shared', OTHER)
        alone = dataclasses.replace(domain('one'), disks=(
            ports.Disk('volumes', 'shared_disk', (), shared=True),))
        for _ in range(5):
            self.assertEqual((), self.look(alone, after=60.0))
        self.assertEqual([], self.storage.asked)
        self.assertFalse(self.own.complete)

    def test_the_other_disk_of_a_guest_that_shares_one_speaks_for_it(self):
        self.watch('one', OLD)
        self.watch('shared', OTHER)
        both = dataclasses.replace(domain('one'), disks=(
            *domain('one').disks, ports.Disk('volumes', 'shared_disk', (), shared=True)))
        self.look(both)
        self.assertEqual(('10.0.0.1',), self.look(both))
        self.assertTrue(self.own.complete)

    def test_a_paused_guest_is_believed_when_it_was_seen_twice(self):
        self.watch('one', OTHER)
        paused = domain('one', Power.PAUSED)
        self.look(paused)
        self.watch('one', OLD)
        self.assertEqual((), self.look(paused))
        self.look(paused, after=5.0)
        self.assertEqual((), self.look(paused))
        self.look(paused, after=9.0)
        self.assertEqual(('10.0.0.1',), self.look(paused))

    def test_one_that_was_paused_when_it_was_asked_about_is_not_believed_at_once(self):
        self.watch('one', OTHER)
        self.look(domain('one', Power.PAUSED))
        self.watch('one', OTHER, OLD)
        for _ in range(5):
            self.assertEqual((), self.look(domain('one'), after=60.0))
        self.watch('one', OLD)
        self.look(domain('one'), after=600.0)
        self.assertEqual(('10.0.0.1',), self.look(domain('one')))

    def test_of_one_that_is_being_started_nothing_is_concluded_however_long_it_takes(self):
        self.watch('one', OTHER)
        for _ in range(5):
            self.assertEqual((), self.look(domain('one', Power.PAUSED, ''), after=60.0))
        self.assertEqual([], self.storage.asked)
        self.watch('one', OLD)
        self.look(domain('one'))
        self.assertEqual(('10.0.0.1',), self.look(domain('one')))

    def test_an_address_is_kept_as_long_as_such_a_guest_runs(self):
        self.watch('one', OLD)
        self.watch('two', NEW)
        self.look(domain('one'), domain('two'))
        self.assertEqual(('10.0.0.1', '10.0.0.7'), self.look(domain('one'), domain('two')))
        self.assertEqual(('10.0.0.7',), self.look(domain('two'), domain('one', Power.OFF, '')))

    def test_what_is_known_is_not_asked_again(self):
        self.watch('one', OLD)
        for _ in range(9):
            self.look(domain('one'), after=100.0)
        self.assertEqual([('one_disk',)], self.storage.asked)

    def test_what_could_not_be_concluded_is_asked_after_growing_pauses(self):
        self.storage.away, asked = True, []
        self.storage.takes = 0.0
        ask = self.storage.clients

        def clients(images, limit):
            asked.append(self.time)
            return ask(images, limit)
        self.storage.clients = clients
        for _ in range(100):
            self.look(domain('one'))
        self.assertEqual([0.0, 4.0, 12.0, 28.0, 60.0, 124.0],
                         [at - asked[0] for at in asked])
        self.assertIsInstance(self.own.addresses, tuple)

    def test_all_that_is_due_is_asked_at_once(self):
        self.watch('one', OLD)
        self.watch('two', OLD)
        self.look(domain('one'), domain('two'))
        self.assertEqual([('one_disk', 'two_disk')], self.storage.asked)
        self.assertIsInstance(self.storage, ports.StorageReader)
