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

"""Which fences, and what counts as proof."""

import unittest

from kaopu_ha.core import fencing, model
from kaopu_ha.core.model import Phase, Power, Sign
from tests.unit.core.values import (
    DATA,
    DISK,
    a_case,
    a_round,
    an_evacuation,
    an_instance,
    an_inventory,
)


def an_order(*addresses, cluster='ceph-1', clients=(), fence='ceph_blocklist'):
    return model.FenceOrder(fence, cluster, addresses, clients)


def a_proof(cluster='ceph-1', holds=True, reason='', fence='ceph_blocklist'):
    return model.Proof(fence, cluster, holds, reason)


class Clusters(unittest.TestCase):

    def test_every_cluster_with_a_disk_of_the_host_is_fenced(self):
        inventory = an_inventory(instances=[an_instance('i1', images=(DATA,)),
                                            an_instance('i2', images=(DISK,))])
        self.assertEqual(('ceph-1', 'ceph-2'), fencing.clusters(inventory, ()))

    def test_so_is_that_of_an_instance_that_is_off_for_it_may_have_been_started_since(self):
        inventory = an_inventory(instances=[an_instance(power=Power.OFF)])
        self.assertEqual(('ceph-1',), fencing.clusters(inventory, ()))

    def test_so_is_one_that_the_host_reached_without_using_it(self):
        inventory = an_inventory(instances=(), storage={'ceph-9': Sign.SILENCE})
        self.assertEqual(('ceph-9',), fencing.clusters(inventory, ()))

    def test_so_is_that_of_an_attempt_that_names_it_as_its_target(self):
        inventory = an_inventory('c2', instances=())
        # phase, target -> the cluster of the attempt is fenced
        table = [(phase, 'c2', not phase.ended) for phase in Phase]
        table += [(phase, 'c3', False) for phase in Phase]
        for phase, target, fenced in table:
            with self.subTest(phase=phase, target=target):
                coming = [an_evacuation(phase=phase, target=target)]
                self.assertEqual(('ceph-1',) if fenced else (),
                                 fencing.clusters(inventory, coming))

    def test_the_clients_that_any_kept_round_saw_are_known(self):
        case = a_case(rounds=(a_round(clients=('10.1.0.1:0/2', '10.1.0.1:0/1')), a_round(),
                              a_round(clients=('10.1.0.1:0/3', '10.1.0.1:0/1'))))
        self.assertEqual(('10.1.0.1:0/1', '10.1.0.1:0/2', '10.1.0.1:0/3'),
                         fencing.known_clients(case))


class Admissible(unittest.TestCase):

    def test_an_order_with_nothing_against_it_stays_as_it_is(self):
        orders = (an_order('10.1.0.1:0/0', clients=('10.1.0.1:0/5',)),)
        self.assertEqual((orders, ()),
                         fencing.admissible(orders, {'10.1.0.1': {'c1'}}, {}))

    def test_an_order_with_an_address_that_two_hosts_claim_is_not_carried_out_and_told(self):
        orders = [an_order('10.1.0.1:0/0', '10.1.0.9:0/0',
                           clients=('10.1.0.1:0/5', '10.1.0.9:0/7'))]
        kept, refused = fencing.admissible(
            orders, {'10.1.0.1': {'c1'}, '10.1.0.9': {'c2', 'c1'}}, {})
        self.assertEqual((an_order(),), kept)
        self.assertEqual(('10.1.0.9: it is claimed by c1 and c2',), refused)

    def test_an_order_with_the_address_of_a_monitor_is_not_carried_out_and_told(self):
        kept, refused = fencing.admissible(
            [an_order('10.1.0.1:0/0', clients=('10.1.0.1:0/5',))], {},
            {'10.1.0.1': 'a monitor of Ceph is there'})
        self.assertEqual((an_order(),), kept)
        self.assertEqual(('10.1.0.1: a monitor of Ceph is there',), refused)

    def test_an_address_is_spared_on_every_cluster_and_told_once(self):
        kept, refused = fencing.admissible(
            [an_order('10.1.0.1:0/0'), an_order('10.1.0.1:0/0', cluster='ceph-2')], {},
            {'10.1.0.1': 'an active manager of Ceph is there'})
        self.assertEqual((an_order(), an_order(cluster='ceph-2')), kept)
        self.assertEqual(('10.1.0.1: an active manager of Ceph is there',), refused)

    def test_an_address_of_ipv6_is_one_too(self):
        kept, refused = fencing.admissible([an_order('[fd00::1]:0/0')],
                                           {'fd00::1': ['c1', 'c2']}, {})
        self.assertEqual((an_order(),), kept)
        self.assertEqual(('fd00::1: it is claimed by c1 and c2',), refused)


class Proof(unittest.TestCase):

    def test_each_thing_that_is_missing_is_named(self):
        here, there = an_order('10.1.0.1:0/0'), an_order('10.1.0.1:0/0', cluster='ceph-2')
        nothing = 'no address of the host is known that could be fenced'
        # orders, proofs -> what is missing
        table = [
            ([here], [a_proof()], ''),
            ([here, there], [a_proof(), a_proof('ceph-2')], ''),
            ([here], [], 'ceph_blocklist on ceph-1 was not read back'),
            ([here], [a_proof(holds=False, reason='1 entry is missing')],
             'ceph_blocklist on ceph-1: 1 entry is missing'),
            ([here, there], [a_proof()], 'ceph_blocklist on ceph-2 was not read back'),
            ([here, there], [a_proof(), a_proof('ceph-2', False, 'mute')],
             'ceph_blocklist on ceph-2: mute'),
            ([here], [a_proof(fence='power')], 'ceph_blocklist on ceph-1 was not read back'),
            ([], [], nothing),
            ([an_order()], [a_proof()], nothing),
            ([an_order(clients=('10.1.0.1:0/5',))], [a_proof()], nothing),
            ([here, an_order(cluster='ceph-2')], [a_proof()], ''),
        ]
        for orders, proofs, reason in table:
            with self.subTest(orders=orders, proofs=proofs):
                self.assertEqual(reason, fencing.missing(orders, proofs))

    def test_a_cluster_whose_order_has_no_address_never_counts_as_fenced(self):
        orders = [an_order('10.1.0.1:0/0'), an_order(cluster='ceph-2', clients=('10.1.0.1:0/5',))]
        self.assertEqual(frozenset({'ceph-1'}), fencing.fenced_clusters(orders))
