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

import dataclasses
import unittest

from kaopu_ha.core import fencing, model
from kaopu_ha.core.model import Phase, Power, Sign
from tests.core.values import (
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


class TakenBack(unittest.TestCase):
    """What is removed when a host is admitted."""

    def test_all_of_the_order(self):
        order = an_order('10.0.0.1:0/0', clients=('10.0.0.1:0/7',))
        self.assertEqual(order, fencing.taken_back(order, ()))

    def test_also_what_was_cut_and_is_held_since(self):
        cut = an_order('10.0.0.1:0/0', clients=('10.0.0.1:0/7',))
        more = an_order('10.0.0.1:0/0', '10.0.0.2:0/0')
        held, reasons = fencing.settled(fencing.grown([cut], [more])[0], {},
                                        {'10.0.0.2': 'a monitor is there'}, cut=False)
        self.assertEqual(((), 1), (held.addresses, len(reasons)))
        back = fencing.taken_back(held, ())
        self.assertLessEqual(set(cut.addresses), set(back.addresses))

    def test_not_a_client_at_an_address_that_is_not_the_hosts_or_that_another_has_too(self):
        # order: addresses, held, clients -> removed of the clients, what stays cut
        for addresses, held, clients, back, stays in (
                (('10.0.0.1:0/0',), (), ('10.0.0.1:0/7', '10.0.0.9:0/8'),
                 ('10.0.0.1:0/7',), ('10.0.0.9:0/8',)),
                (('10.0.0.1:0/0',), ('10.0.0.2:0/0',), ('10.0.0.2:0/7',), (), ('10.0.0.2:0/7',)),
                ((), ('10.0.0.1:0/0',), ('10.0.0.1:0/7',), (), ('10.0.0.1:0/7',)),
                (('[fd00::1]:0/0',), (), ('[fd00::1]:0/7',), ('[fd00::1]:0/7',), ())):
            with self.subTest(addresses=addresses, held=held, clients=clients):
                order = dataclasses.replace(an_order(*addresses, clients=clients), held=held)
                found = fencing.taken_back(order, ())
                self.assertEqual((back, stays), (found.clients, fencing.stays_cut([order], ())))

    def test_not_what_another_host_is_cut_off_by(self):
        order = an_order('10.0.0.1:0/0', '10.0.0.2:0/0', clients=('10.0.0.1:0/7', '10.0.0.1:0/8'))
        other = an_order('10.0.0.2:0/0', clients=('10.0.0.1:0/8',))
        self.assertEqual(an_order('10.0.0.1:0/0', clients=('10.0.0.1:0/7',)),
                         fencing.taken_back(order, [other]))

    def test_what_another_order_only_holds_keeps_nobody_away(self):
        order = an_order('10.0.0.1:0/0')
        other = dataclasses.replace(an_order(), held=order.addresses)
        self.assertEqual(order, fencing.taken_back(order, [other]))

    def test_what_is_cut_elsewhere_is_another_matter(self):
        order = an_order('10.0.0.1:0/0')
        for other in (an_order('10.0.0.1:0/0', cluster='ceph-2'),
                      an_order('10.0.0.1:0/0', fence='another')):
            self.assertEqual(order, fencing.taken_back(order, [other]))


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


class Settled(unittest.TestCase):

    MONITOR = {'10.1.0.1': 'a monitor of Ceph is there'}

    def settled(self, order, claimed=None, forbidden=None, cut=False):
        order, reasons = fencing.settled(order, claimed or {}, forbidden or {}, cut)
        return order, sorted(reasons)

    def test_an_order_with_nothing_against_it_stays_as_it_is(self):
        order = an_order('10.1.0.1:0/0', clients=('10.1.0.1:0/5',))
        self.assertEqual((order, []), self.settled(order))

    def test_an_address_that_a_neighbour_claims_is_held_but_the_known_clients_there_are_cut(self):
        order = an_order('10.1.0.1:0/0', '10.1.0.9:0/0', clients=('10.1.0.1:0/5', '10.1.0.9:0/7'))
        found, reasons = self.settled(order, {'10.1.0.9': {'c2'}})
        self.assertEqual((('10.1.0.1:0/0',), ('10.1.0.1:0/5', '10.1.0.9:0/7'), ('10.1.0.9:0/0',)),
                         (found.addresses, found.clients, found.held))
        self.assertEqual(['10.1.0.9: it is claimed by c2, too: only its known clients are cut '
                          'there'], reasons)

    def test_where_a_neighbour_claims_every_address_all_of_it_is_held(self):
        order = an_order('[fd00::1]:0/0', clients=('[fd00::1]:0/5',))
        found, reasons = self.settled(order, {'fd00::1': {'c2', 'c3'}})
        self.assertEqual((an_order(), order), (dataclasses.replace(
            found, held=(), held_clients=()), fencing.whole(found)))
        self.assertEqual(['fd00::1: it is claimed by c2 and c3, too'], reasons)

    def test_an_order_with_the_address_of_a_monitor_is_held_as_a_whole(self):
        order = an_order('10.1.0.1:0/0', '10.1.0.9:0/0', clients=('10.1.0.1:0/5',))
        found, reasons = self.settled(order, {}, self.MONITOR)
        self.assertEqual(((), (), order), (found.addresses, found.clients, fencing.whole(found)))
        self.assertEqual(['10.1.0.1: a monitor of Ceph is there'], reasons)
        self.assertEqual((order, []), self.settled(found))

    def test_what_was_cut_stays_cut_whoever_comes_there(self):
        order = an_order('10.1.0.1:0/0')
        self.assertEqual((order, []), self.settled(order, {'10.1.0.1': {'c2'}}, self.MONITOR,
                                                   cut=True))

    def test_what_came_to_a_cut_order_and_may_not_be_cut_changes_nothing_of_what_is(self):
        order = dataclasses.replace(an_order('10.1.0.9:0/0'), held=('10.1.0.1:0/0',))
        self.assertEqual((order, ['10.1.0.1: a monitor of Ceph is there']),
                         self.settled(order, {}, self.MONITOR, cut=True))

    def test_it_is_asked_again_but_not_while_a_neighbour_has_it(self):
        held = dataclasses.replace(an_order('10.1.0.1:0/0'), held=('10.1.0.9:0/0',))
        self.assertFalse(fencing.may_go_on([held], {'10.1.0.9': {'c2'}}))
        self.assertTrue(fencing.may_go_on([held], {}))
        self.assertFalse(fencing.may_go_on([an_order('10.1.0.1:0/0')], {}))
        self.assertTrue(fencing.may_go_on([dataclasses.replace(
            an_order(), held=('10.1.0.9:0/0',))], {'10.1.0.9': {'c2'}}))


class Neighbours(unittest.TestCase):

    def test_a_fenced_host_is_one_only_if_it_claimed_the_address_first(self):
        recovery = model.Recovery('c3-1', 'c3', model.RecoveryStage.FENCING,
                                  orders=(an_order('10.1.0.1:0/0'),))
        claimed = {'10.1.0.1': {'c1', 'c3'}}
        # claims, dead -> who must not be hurt
        first, later = ({'c1': {'10.1.0.1': at}, 'c3': {'10.1.0.1': 20}} for at in (5, 40))
        table = [(first, {'c1'}, {'c1'}), (first, (), {'c1'}), (later, (), None),
                 (later, {'c1'}, None), ({}, (), {'c1'}), ({}, {'c1'}, None)]
        for claims, dead, hurt in table:
            with self.subTest(claims=claims, dead=dead):
                self.assertEqual(hurt, fencing.neighbours(recovery, claimed, claims,
                                                          dead).get('10.1.0.1'))


class Bounded(unittest.TestCase):

    def test_an_order_does_not_grow_without_end_and_what_is_beyond_is_told(self):
        orders = [an_order('10.1.0.1:0/0')]
        for number in range(2 * fencing.ADDRESSES_MAX):
            wanted = [an_order(f'10.2.{number // 256}.{number % 256}:0/0')]
            orders = fencing.grown(orders, wanted)
        self.assertEqual(fencing.ADDRESSES_MAX, len(fencing.whole(orders[0]).addresses))
        self.assertEqual(wanted[0].addresses, fencing.beyond(orders, wanted))
        self.assertEqual((), fencing.beyond(orders, [an_order('10.1.0.1:0/0')]))

    def test_a_client_alone_is_cut_wherever_it_is(self):
        order = dataclasses.replace(an_order('10.1.0.1:0/0'), held_clients=('10.9.0.1:0/5',))
        found, reasons = fencing.settled(order, {}, {'10.9.0.1': 'a monitor is there'}, cut=True)
        self.assertEqual((('10.9.0.1:0/5',), frozenset()), (found.clients, reasons))


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
