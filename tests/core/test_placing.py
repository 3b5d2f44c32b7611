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

"""Zones, groups, aggregates, dedicated cores, and refusals that are learnt."""

import dataclasses
import unittest

from kaopu_ha import records
from kaopu_ha.core import demands, evacuation, model, placing, planning, refusals, selection
from kaopu_ha.core.demands import Aggregate, Amount, Demand, Group, Offer, Part, Places
from kaopu_ha.core.model import Phase
from kaopu_ha.core.refusals import Meaning
from tests.core.values import AT, BY, a_candidate, a_service, a_usage, an_evacuation

RULES = model.Rules()
SMALL = Demand((Part('', (Amount('MEMORY_MB', 2048), Amount('VCPU', 2))),))
PINNED = dataclasses.replace(SMALL, zone='az1')
DEDICATED = Demand((Part('', (Amount('MEMORY_MB', 2048), Amount('PCPU', 4))),))
NO_HOST = 'No valid host was found. There are not enough hosts available.'
ZONES = {'c2': 'az1', 'c3': 'az2', 'c4': 'az2'}


def a_host(host, zone='', **changes):
    return a_candidate(host, service=a_service(host, zone=zone), **changes)


def a_cloud(**usages):
    """c2 is in az1 and the fullest; c3 and c4 are in az2."""
    found = {'c2': a_usage(cores_used=20), 'c3': a_usage(cores_used=4),
             'c4': a_usage(cores_used=2)} | usages
    return tuple(a_host(host, ZONES[host], usage=usage) for host, usage in found.items())


def an_item(instance='i1', demand=SMALL, phase=Phase.WAITING, **changes):
    return an_evacuation(instance, phase=phase, **{'demand': demand} | changes)


def refused(instance='i1', target='c4', demand=SMALL, reason=NO_HOST, row=refusals.NO_HOST,
            **changes):
    return an_item(instance, demand, Phase.REFUSED, target=target, reason=reason, row=row,
                   **changes)


def planned(*moves, candidates=None, places=demands.NOWHERE_SAID, rested=None):
    """Every evacuation after one plan, by its instance."""
    seen = evacuation.Seen(AT, BY, 5, candidates or a_cloud(), rested, places)
    changed = {item.instance: item for item in planning.planned(moves, seen, RULES)}
    return {item.instance: changed.get(item.instance, item) for item in moves}


def targets(*moves, **given):
    return {name: item.target for name, item in planned(*moves, **given).items()}


class Zones(unittest.TestCase):

    def test_one_that_is_pinned_stays_in_its_zone_however_empty_the_others_are(self):
        self.assertEqual({'i1': 'c2'}, targets(an_item(demand=PINNED)))

    def test_one_that_is_not_goes_to_the_least_used(self):
        self.assertEqual({'i1': 'c4'}, targets(an_item()))

    def test_a_host_of_which_no_zone_is_told_may_be_in_it(self):
        candidates = (a_host('c2', '', usage=a_usage(cores_used=9)),)
        self.assertEqual({'i1': 'c2'}, targets(an_item(demand=PINNED), candidates=candidates))

    def test_where_nova_does_not_tell_of_pins_its_zone_comes_first_and_the_others_after(self):
        near = dataclasses.replace(SMALL, near='az1')
        self.assertEqual({'i1': 'c2'}, targets(an_item(demand=near)))
        full = a_cloud(c2=a_usage(cores_used=32))
        item = planned(an_item(demand=near), candidates=full)['i1']
        self.assertEqual('c4', item.target)
        self.assertIn('it is in zone az2', item.history[-1].reason)

    def test_no_place_is_told_by_zone(self):
        full = a_cloud(c2=a_usage(cores_used=31), c3=a_usage(cores_used=2))
        item = planned(an_item(demand=PINNED), candidates=full)['i1']
        self.assertEqual('in zone az1: c2: it has no cores left; not in its zone: 2 hosts in az2, '
                         'with 60 cores free', item.reason)


class DedicatedCores(unittest.TestCase):
    """The hosts of c2 are all dedicated, c3 has both kinds, c4 has shared ones only."""

    def cloud(self, **usages):
        rooms = (model.Room('PCPU', 8, 6),)
        return a_cloud(**{
            'c2': model.Usage(64, 4, 65536, 512, rooms=(), dedicated=True),
            'c3': dataclasses.replace(a_usage(), rooms=rooms),
            'c4': dataclasses.replace(a_usage(), rooms=())} | usages)

    def test_one_with_dedicated_cores_has_room_where_there_are_some(self):
        self.assertEqual({'i1': 'c2'}, targets(an_item(demand=DEDICATED), candidates=self.cloud()))

    def test_one_with_shared_cores_has_none_there(self):
        c2 = self.cloud()[0]
        self.assertEqual('it has no cores left', selection.why_not(c2, an_item()))

    def test_one_of_which_nobody_knows_more_than_a_number_of_cores_may_be_there(self):
        self.assertEqual('', selection.fits(self.cloud()[0].usage, an_item(demand=None, cores=4)))

    def test_a_batch_fills_them_and_no_more(self):
        small = self.cloud(c2=model.Usage(12, 4, 65536, 512, rooms=(), dedicated=True))
        found = planned(*(an_item(f'i{number}', DEDICATED) for number in range(3)),
                        candidates=small)
        self.assertEqual(['c2', 'c2', ''], [item.target for item in found.values()])
        self.assertEqual('c2, c3, c4: it has no dedicated cores left', found['i2'].reason)

    def test_the_rank_goes_by_the_use_of_the_cores_that_are_asked_for(self):
        rooms = (model.Room('PCPU', 64, 1),)
        emptier = self.cloud(c3=dataclasses.replace(a_usage(cores_used=30), rooms=rooms))
        self.assertEqual({'i1': 'c3'}, targets(an_item(demand=DEDICATED), candidates=emptier))

    def test_where_the_usage_driver_tells_of_none_there_may_be_some(self):
        self.assertEqual('', selection.fits(a_usage(), an_item(demand=DEDICATED)))

    def test_in_a_zone_that_is_full_the_free_ones_elsewhere_are_told(self):
        full = self.cloud(c2=model.Usage(64, 64, 65536, 512, rooms=(), dedicated=True),
                          c3=model.Usage(64, 4, 65536, 512, rooms=(), dedicated=True))
        item = planned(an_item(demand=dataclasses.replace(DEDICATED, zone='az1')),
                       candidates=full)['i1']
        self.assertEqual('in zone az1: c2: it has no dedicated cores left; not in its zone: '
                         '2 hosts in az2, with 60 dedicated cores free', item.reason)


class Groups(unittest.TestCase):

    def places(self, policy, *members, most=1, **homes):
        return Places(groups=(Group('g', 'db', policy, frozenset(members), most),), homes=homes)

    def test_one_that_is_kept_apart_goes_where_none_of_its_group_is(self):
        places = self.places('anti-affinity', 'i1', 'i2', 'i3', i2='c4', i3='c1')
        self.assertEqual({'i1': 'c3'}, targets(an_item(), places=places))

    def test_two_of_a_group_that_move_at_once_go_to_two_hosts(self):
        places = self.places('anti-affinity', 'i1', 'i2', i1='c1', i2='c1')
        self.assertEqual({'i1': 'c4', 'i2': 'c3'},
                         targets(an_item(), an_item('i2'), places=places))

    def test_so_many_may_be_on_one_host_as_the_group_says(self):
        places = self.places('anti-affinity', 'i1', 'i2', 'i3', most=2, i2='c4')
        self.assertEqual({'i1': 'c4', 'i3': 'c3'},
                         targets(an_item(), an_item('i3'), places=places))

    def test_one_that_another_recovery_moved_counts_where_it_is(self):
        places = self.places('anti-affinity', 'i1', 'i2', i2='c9')
        moved = an_item('i2', phase=Phase.DONE, target='c4', recovery='c9-3', source='c9')
        self.assertEqual('c3', targets(an_item(), moved, places=places)['i1'])

    def test_one_that_failed_on_its_way_does_not(self):
        places = self.places('anti-affinity', 'i1', 'i2', i2='c9')
        lost = an_item('i2', phase=Phase.FAILED, target='c4', recovery='c9-3', source='c9')
        self.assertEqual('c4', targets(an_item(), lost, places=places)['i1'])

    def test_without_another_host_it_waits_and_says_why(self):
        places = self.places('anti-affinity', 'i1', 'i2', i2='c4')
        item = planned(an_item(), places=places, candidates=a_cloud()[2:])['i1']
        self.assertEqual(('', 'c4: its group db keeps it apart from what is there'),
                         (item.target, item.reason))

    def test_a_wish_to_be_apart_only_changes_the_order(self):
        places = self.places('soft-anti-affinity', 'i1', 'i2', i2='c4')
        self.assertEqual({'i1': 'c3'}, targets(an_item(), places=places))
        self.assertEqual({'i1': 'c4'},
                         targets(an_item(), places=places, candidates=a_cloud()[2:]))

    def test_one_that_is_to_be_with_others_goes_where_they_are(self):
        for policy in ('affinity', 'soft-affinity'):
            places = self.places(policy, 'i1', 'i2', i2='c2')
            self.assertEqual({'i1': 'c2'}, targets(an_item(), places=places), policy)


class Aggregates(unittest.TestCase):

    def of(self, **metadata):
        return Places(aggregates=(Aggregate('own', frozenset({'c4'}), metadata),))

    def test_hosts_that_are_set_aside_for_others_come_after_the_rest(self):
        mine = dataclasses.replace(SMALL, project='p')
        fast = dataclasses.replace(SMALL, parts=(
            dataclasses.replace(SMALL.parts[0], required=('CUSTOM_FAST',)),))
        # metadata of the aggregate of c4, the emptiest -> the demand -> the target
        table = [({'filter_tenant_id': 'gold'}, mine, 'c3'),
                 ({'filter_tenant_id1': 'gold', 'filter_tenant_id2': 'p'}, mine, 'c4'),
                 ({'filter_tenant_id': 'gold, p'}, mine, 'c4'),
                 ({'trait:CUSTOM_FAST': 'required'}, mine, 'c3'),
                 ({'trait:CUSTOM_FAST': 'required'}, fast, 'c4'),
                 ({'ssd': 'true'}, dataclasses.replace(SMALL, specs=('ssd=true',)), 'c4'),
                 ({'ssd': 'no'}, dataclasses.replace(SMALL, specs=('ssd=<or> no <or> x',)), 'c4'),
                 ({'other': 'words'}, mine, 'c4')]
        for metadata, demand, target in table:
            with self.subTest(metadata=metadata):
                self.assertEqual({'i1': target}, targets(an_item(demand=demand),
                                                         places=self.of(**metadata)))

    def test_a_project_with_hosts_of_its_own_goes_there(self):
        places = Places(aggregates=(Aggregate('own', frozenset({'c2'}),
                                              {'filter_tenant_id': 'p'}),))
        self.assertEqual({'i1': 'c2'}, targets(
            an_item(demand=dataclasses.replace(SMALL, project='p')), places=places))

    def test_where_there_is_no_other_one_is_tried_for_nova_may_not_mind(self):
        item = planned(an_item(demand=dataclasses.replace(SMALL, project='p')),
                       places=self.of(filter_tenant_id='gold'), candidates=a_cloud()[2:])['i1']
        self.assertEqual('c4', item.target)
        self.assertIn('set aside for other projects', item.history[-1].reason)


class Offers(unittest.TestCase):

    def places(self, *hosts, whole=True):
        return Places({SMALL: Offer(frozenset(hosts), whole)})

    def test_of_those_that_placement_offers_the_least_used_is_taken(self):
        self.assertEqual({'i1': 'c3'}, targets(an_item(), places=self.places('c2', 'c3')))

    def test_a_kind_of_which_nothing_is_known_goes_by_room(self):
        self.assertEqual({'i1': 'c4'}, targets(an_item(), places=Places()))

    def test_what_a_cut_off_list_does_not_name_comes_after_the_rest(self):
        cut = self.places('c2', whole=False)
        self.assertEqual({'i1': 'c2'}, targets(an_item(), places=cut))
        self.assertEqual({'i1': 'c4'}, targets(an_item(), places=cut, candidates=a_cloud()[1:]))

    def test_what_is_not_offered_is_tried_a_few_times_and_then_waits_for_a_pause(self):
        # Our question is a guess at Nova's: it may be stricter.
        hosts = tuple(a_host(f'd{number}') for number in range(9))
        moves, asked = (an_item('i1'), an_item('i2')), []
        for _ in range(9):
            found = planned(*moves, candidates=hosts, places=self.places('x'))
            asked += [item.target for item in found.values() if item.target]
            moves = tuple(refused(name, item.target, passed_over=item.passed_over,
                                  refused=item.refused, rounds=item.rounds) if item.target
                          else item for name, item in found.items())
            if all(item.rounds for item in found.values()):
                break
        # Two went at once before the first was learnt.
        self.assertLessEqual(len(asked), placing.GUESSES_MAX + 1)
        self.assertEqual(sorted(set(asked)), sorted(asked))
        self.assertEqual({1}, {item.rounds for item in moves})


class Learning(unittest.TestCase):

    def test_a_refusal_holds_for_the_whole_kind(self):
        self.assertEqual({'i1': 'c3', 'i2': 'c3'}, targets(refused('i1'), an_item('i2')))

    def test_not_for_another_kind_or_another_recovery(self):
        others = an_item('i2', DEDICATED), an_item('i3', recovery='c7-1', source='c7')
        self.assertEqual({'i1': 'c3', 'i2': 'c4', 'i3': 'c4'},
                         targets(refused('i1'), *others))

    def test_one_that_a_group_holds_to_is_refused_for_itself(self):
        places = Places(groups=(Group('g', 'db', 'anti-affinity', frozenset({'i1', 'x'})),))
        self.assertEqual('c4', targets(refused('i1'), an_item('i2'), places=places)['i2'])

    def test_it_costs_none_of_the_few_targets_of_a_round(self):
        item = refused(failures=2)
        self.assertEqual(('c3', 2), (planned(item)['i1'].target, planned(item)['i1'].failures))

    def test_when_none_is_left_there_is_a_pause_and_then_all_are_asked_again(self):
        item = planned(refused('i1', 'c4', passed_over=('c2', 'c3'), refused=('c2', 'c3')))['i1']
        self.assertEqual((1, (), (), Phase.WAITING),
                         (item.rounds, item.refused, item.passed_over, item.phase))
        rests = {evacuation.rest(item): 29.0}
        self.assertEqual('', planned(item, rested=rests)['i1'].target)
        rests = {evacuation.rest(item): 30.0}
        self.assertEqual('c4', planned(item, rested=rests)['i1'].target)

    def test_those_of_the_kind_have_the_pause_with_it(self):
        found = planned(refused('i1', 'c4', passed_over=('c2', 'c3'), refused=('c2', 'c3')),
                        an_item('i2'))
        self.assertEqual([1, 1], [item.rounds for item in found.values()])
        self.assertIn('Nova let none of its kind on c2, c3, c4', found['i2'].reason)

    def test_what_one_learnt_ends_with_the_round_of_another(self):
        # The call of the first does not end for long: the others do not wait for that.
        first = an_item('i1', phase=Phase.MOVING, target='c3', refused=('c4',))
        self.assertEqual('c3', targets(first, an_item('i2'))['i2'])
        self.assertEqual('c4', targets(first, an_item('i2', rounds=1))['i2'])
        again = dataclasses.replace(first, rounds=1)
        self.assertEqual('c3', targets(again, an_item('i2', rounds=1))['i2'])

    def test_it_ends_after_the_time_for_it(self):
        item = refused('i1', 'c4', passed_over=('c2', 'c3'), refused=('c2', 'c3'), rounds=12)
        self.assertEqual(Phase.FAILED, planned(item)['i1'].phase)

    def test_each_answer_of_nova_means_what_the_table_says(self):
        server = 'c342c3dc-1fc7-4abc-98b8-01cc3da07165'
        # what Nova said -> what it means
        table = [
            (NO_HOST, Meaning.NOT_HERE),
            ('Compute host c2 not found. (HTTP 404)', Meaning.NOT_HERE),
            (f'Build of instance {server} aborted: Insufficient compute resources: Requested '
             f'instance NUMA topology cannot fit the given host NUMA topology.', Meaning.NOT_HERE),
            ('Build of instance x aborted: Anti-affinity instance group policy was violated',
             Meaning.NOT_HERE),
            (f"Cannot 'evacuate' instance {server} while it is in task_state rebuilding "
             f"(HTTP 409)", Meaning.NOWHERE),
            ('Compute service of c1 is still in use. (HTTP 400)', Meaning.NOWHERE),
            ('Feature not supported with instances that have shares. (HTTP 409)', Meaning.NOWHERE),
            ('Failed to allocate the network(s), not rescheduling.', Meaning.HOST_FAILED),
            ('', Meaning.HOST_FAILED)]
        for said, means in table:
            self.assertEqual(means, refusals.meaning(said), said)
        self.assertEqual(Meaning.NOT_HERE, refusals.meaning('whatever', refusals.NO_HOST))

    def test_what_another_host_would_say_too_is_not_asked_of_another_host(self):
        item = planned(refused(reason='Compute service of c1 is still in use.', row=''),
                       rested={})['i1']
        self.assertEqual(('', 1), (item.target, item.rounds))
        self.assertIn('no other host would help', item.reason)


class Telling(unittest.TestCase):

    def test_a_thousand_hosts_are_told_in_a_line(self):
        hosts = tuple(a_host(f'd{number:04}', usage=a_usage(cores_used=32 - number % 2))
                      for number in range(1000))
        reason = planned(an_item(), candidates=hosts)['i1'].reason
        self.assertEqual('d0000, d0001, d0002 and 997 more: it has no cores left', reason)

    def test_reasons_that_only_one_host_has_are_not_all_told(self):
        hosts = tuple(a_host(f'd{number:04}', note=f'trouble {number}') for number in range(1000))
        reason = planned(an_item(), candidates=hosts)['i1'].reason
        self.assertLess(len(reason), 300)
        self.assertTrue(reason.endswith('994 hosts more, each for a reason of its own'), reason)


class Records(unittest.TestCase):

    def test_a_demand_is_kept_and_read_again(self):
        item = an_item(demand=dataclasses.replace(PINNED, specs=('a=b',)), refused=('c3',))
        self.assertEqual(item, records.decode(model.Evacuation, records.encode(item)))

    def test_an_older_record_has_none(self):
        old = records.encode(an_item()).replace('"refused":[],', '')
        found = records.decode(model.Evacuation, old)
        self.assertEqual((SMALL, ()), (found.demand, found.refused))
        self.assertIsNone(records.decode(model.Evacuation, records.encode(
            an_item(demand=None))).demand)


if __name__ == '__main__':
    unittest.main()
