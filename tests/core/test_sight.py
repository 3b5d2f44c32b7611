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

"""Who sees more of the hosts in doubt, and so is to lead."""

import dataclasses
import unittest

from kaopu_ha.core import sight
from kaopu_ha.core.model import Answer, Evidence, Network, Sign
from kaopu_ha.core.sight import Sight
from tests.core.values import DISK

LIFE, SILENCE, UNKNOWN = Sign.LIFE, Sign.SILENCE, Sign.UNKNOWN


def a_sight(*signs):
    """Of hosts c1, c2 ...: the signs of management and storage of each."""
    return sight.seen({f'c{number + 1}': {
        network: Evidence(network, sign, 'why')
        for network, sign in zip(Network, pair, strict=True)} for number, pair in enumerate(signs)})


def storage_of_c1(*, unasked=()):
    """What is seen of a host on whose disk a client of nobody lives."""
    came = Answer('vms/disk', 'a client of nobody', UNKNOWN)
    found = Evidence(Network.STORAGE, UNKNOWN, 'why', answers=(came,), unasked=unasked)
    return sight.seen({'c1': {Network.MANAGEMENT: Evidence(Network.MANAGEMENT, LIFE, 'why'),
                              Network.STORAGE: found}}).storage


class TestSight(unittest.TestCase):

    def test_silence_is_seen_and_unknown_is_not(self):
        self.assertEqual(Sight(('c1', 'c2'), ('c1',), ('c2',)),
                         a_sight((SILENCE, UNKNOWN), (UNKNOWN, LIFE)))

    def test_who_asked_of_every_disk_saw_also_what_is_no_sign(self):
        self.assertEqual(('c1',), storage_of_c1())
        self.assertEqual((), storage_of_c1(unasked=(DISK,)))

    def test_a_network_that_says_something_of_one_host_is_not_dark(self):
        self.assertEqual((), sight.blind(a_sight((SILENCE, UNKNOWN), (UNKNOWN, LIFE))))
        self.assertEqual((Network.STORAGE.value,), sight.blind(a_sight((SILENCE, UNKNOWN))))
        self.assertEqual((), sight.blind(Sight()))

    def test_the_blind_gives_way_to_who_sees(self):
        mine, other = a_sight((SILENCE, UNKNOWN)), a_sight((SILENCE, SILENCE))
        self.assertEqual('two', sight.better(mine, {'one': mine, 'two': other}))
        self.assertEqual('', sight.better(other, {'one': mine}))

    def test_nobody_gives_way_to_who_sees_less_on_the_other_network(self):
        mine, other = a_sight((SILENCE, UNKNOWN)), a_sight((UNKNOWN, SILENCE))
        self.assertEqual('', sight.better(mine, {'two': other}))
        self.assertEqual('', sight.better(other, {'one': mine}))

    def test_nobody_gives_way_while_nobody_sees(self):
        mine = a_sight((SILENCE, UNKNOWN))
        self.assertEqual('', sight.better(mine, {'two': mine}))

    def test_only_hosts_that_both_asked_about_are_compared(self):
        mine, other = Sight(('c1',), ('c1',), ()), Sight(('c2',), ('c2',), ('c2',))
        self.assertEqual('', sight.better(mine, {'two': other}))


class TestFences(unittest.TestCase):

    def a_sight(self, *answers, storage=SILENCE):
        said = {Network.MANAGEMENT: Evidence(Network.MANAGEMENT, SILENCE, 'why'),
                Network.STORAGE: Evidence(Network.STORAGE, storage, 'why')}
        hosts = {f'c{number + 1}': answer for number, answer in enumerate(answers)}
        return sight.seen(dict.fromkeys(hosts, said), hosts)

    def test_who_cannot_fence_gives_way_to_who_can(self):
        mine, other = self.a_sight(False), self.a_sight(True)
        self.assertEqual('two', sight.better(mine, {'two': other}))
        self.assertEqual('', sight.better(other, {'two': mine}))
        self.assertIn('fence', sight.lacks(mine))

    def test_not_to_who_does_not_see(self):
        other = self.a_sight(True, storage=UNKNOWN)
        self.assertEqual('', sight.better(self.a_sight(False), {'two': other}))

    def test_nobody_gives_way_while_nobody_can_fence(self):
        self.assertEqual('', sight.better(self.a_sight(False), {'two': self.a_sight(False)}))

    def test_a_fence_that_answers_for_one_host_is_none_that_hangs(self):
        self.assertEqual('', sight.better(self.a_sight(False, True),
                                          {'two': self.a_sight(True, True)}))

    def test_an_older_controller_asks_no_fence_and_is_given_no_way_to(self):
        older = dataclasses.replace(self.a_sight(True), fences_asked=(), fences=())
        self.assertEqual('', sight.better(self.a_sight(False), {'two': older}))
        self.assertEqual('', sight.better(older, {'two': self.a_sight(True)}))
