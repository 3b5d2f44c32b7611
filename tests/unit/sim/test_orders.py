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

"""Orders that grow, and a no that is asked again: played in the whole false cloud."""

import logging
import unittest

import fixtures

from kaopu_ha.sim import blocklist, story
from tests.unit.sim import virtual_address

DIES = '''
title: a host dies
hosts: c1 c2 c3 c4
instances:
  web: c1
  db: c3
story:
'''


def setUpModule():
    # What the program logs of a world in trouble is no news here.
    logging.disable(logging.CRITICAL)


def tearDownModule():
    logging.disable(logging.NOTSET)


class Played(unittest.TestCase):

    def play(self, *lines, prepare=lambda world: None):
        self.world = None

        def prepared(world):
            self.world = world
            prepare(world)
        played = story.play(story.read(DIES + ''.join(f'  - {line}\n' for line in lines)), prepared)
        self.assertEqual([], list(played.wrong), played.log)
        return played.log

    def put(self, owner, name, value):
        patch = fixtures.MonkeyPatch(f'{owner.__module__}.{owner.__name__}.{name}', value)
        patch.setUp()
        self.addCleanup(patch.cleanUp)

    def listed(self, ip):
        return [entry for cluster in self.world.clusters.values() for entry in cluster.blocklist
                if entry.startswith(ip)]


class TestNoIsAskedAgain(Played):

    def forbid(self, since, until):
        def forbidden(fence, order, limit):
            fence._reach(order, limit)
            barred = since <= fence.kernel.now < until
            return {'10.91.0.11': 'an active manager of Ceph is there'} if barred else {}
        self.put(blocklist.SimBlocklist, 'forbidden', forbidden)

    def fails_over(self, world):
        """Tell the laws of it, as of whatever happens."""
        world.kernel.at(70.0, lambda: world.happens('the manager fails over'))

    def test_a_manager_that_fails_over_later_lets_the_recovery_go_on_by_itself(self):
        self.forbid(0, 70)
        log = self.play('20 power off c1',
                        '100 expect web runs elsewhere', '120 power on c1', '180 admit c1',
                        '300 expect c1 beats', '300 end', prepare=self.fails_over)
        self.assertLess(log.index('fence waits'), log.index('fence proven'))
        self.assertIn('it may not be fenced yet: 10.91.0.11: an active manager', log)
        self.assertEqual([], self.listed('10.91.0.11:0/0'))

    def test_a_virtual_address_that_moved_ends_nothing_and_its_new_holder_keeps_its_own(self):
        virtual_address.moves(self)
        self.play('20 power off c1', '100 expect web runs elsewhere', '100 end')
        # The dead host claimed it first, and clients of its may come up there.
        self.assertTrue(self.listed(f'{virtual_address.VIRTUAL}:0/0'))
        self.assertTrue(self.listed('10.91.0.11:0/0'))
        self.assertEqual([], self.listed('10.91.0.12:0/0'))


class TestClaims(Played):

    def test_a_thief_who_claims_everything_holds_no_recovery_up(self):
        self.play('25 c4 is stolen by one who writes addresses', '45 power off c1',
                  '100 expect web runs elsewhere', '100 end')
        self.assertTrue(self.listed('10.91.0.11:0/0'))

    def test_when_he_dies_himself_nobody_else_is_fenced(self):
        self.play('25 c4 is stolen by one who writes addresses', '45 power off c4', '100 end')
        self.assertEqual([], [each for each in self.listed('10.91.0.1') if '0.14' not in each])


class TestClientsOfNobody(Played):

    def test_one_that_is_listed_and_silent_is_cut_by_its_nonce(self):
        log = self.play('20 c1 is renumbered to 10.91.4.9', '20.1 reboot web', '27.5 cut c1 both',
                        '75 mend c1 both', '90 expect web runs elsewhere', '90 end',
                        prepare=lambda world: self.mute(world))
        self.assertIn('confirmed dead', log)
        self.assertTrue(self.listed('10.91.4.9:0/'))

    def mute(self, world):
        """Its agent stands still: it has no time to tell of its address."""
        world.kernel.at(19.9, world.agents['c1'].freeze)


class TestOutside(Played):

    def test_a_host_seen_in_no_client_network_waits_until_people_name_that(self):
        log = self.play('2 c1 is renumbered to 10.92.0.5', '3 reboot web', '30 power off c1',
                        '90 people name the client network 10.92.0.0/16',
                        '150 expect web runs elsewhere', '150 end')
        self.assertIn('10.92.0.5: it is in no client network', log)
        self.assertLess(log.index('people name'), log.index('fence proven'))
        self.assertTrue(self.listed('10.92.0.5:0/0'))


class TestOrdersGrow(Played):

    def test_a_fenced_host_that_comes_back_at_another_address_is_fenced_there_too(self):
        def prepare(world):
            def renumber():
                world.machines['c1'].address = '10.91.0.77'
            world.kernel.at(50.0, renumber)
        log = self.play('20 power off c1', '60 power on c1', '90 end', prepare=prepare)
        self.assertTrue(self.listed('10.91.0.77:0/0'))
        self.assertTrue(self.listed('10.91.0.11:0/0'))
        self.assertIn('fence grows: it has other addresses', log)

    def test_it_is_admitted_and_then_none_of_them_is_listed(self):
        def prepare(world):
            def renumber():
                world.machines['c1'].address = '10.91.0.77'
            world.kernel.at(50.0, renumber)
        self.play('20 power off c1', '60 power on c1', '100 admit c1', '200 expect c1 beats',
                  '200 end', prepare=prepare)
        self.assertEqual([], self.listed('10.91.0.77:0/0') + self.listed('10.91.0.11:0/0'))


class TestAlone(Played):

    def test_a_driver_that_breaks_over_one_host_stops_no_other_recovery(self):
        real = blocklist.SimBlocklist.fence

        def fence(fence, order, permit):
            if '10.91.0.11:0/0' in order.addresses:
                raise ValueError('nonsense')
            return real(fence, order, permit)
        self.put(blocklist.SimBlocklist, 'fence', fence)
        log = self.play('20 power off c1', '60 power off c3', '70 release the brake',
                        '150 expect db runs elsewhere', '150 end')
        self.assertIn('c1: host passed over: its recovery failed, and the other hosts go on', log)
        self.assertIn('ValueError: nonsense', log)
