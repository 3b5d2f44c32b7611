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

"""Within which hosts instances stay, and which reserved host they wait for: by method and place."""

import dataclasses
import unittest

from kaopu_ha.core import circles, evacuation, planning
from kaopu_ha.core.demands import NOWHERE_SAID, Aggregate, Demand, Places
from kaopu_ha.core.model import Phase
from kaopu_ha.core.segments import (
    RecoveryMethod,
    Segment,
    SegmentHost,
    Taking,
    TakingStage,
)
from tests.core.values import (
    AT,
    BY,
    DATA,
    DISK,
    LIFE,
    a_candidate,
    a_service,
    a_usage,
    an_evacuation,
    rules,
)

FULL = a_usage(cores_used=32.0)
AUTO, RESERVED_HOST, AUTO_PRIORITY, RH_PRIORITY = RecoveryMethod
ITS, ANOTHERS = 'c1-7', 'c9-9'


def a_grouping(method=AUTO, *, reserved=('r1', 'r2'), taken=(), enabled=True):
    """c1, c2, r1 and r2 are in one segment, c3 in another, c4 in none."""
    hosts = {'c1': 's1', 'c2': 's1', 'r1': 's1', 'r2': 's1', 'c3': 's2'}
    return circles.Grouping(hosts, {
        's1': Segment(1, 's1', 'one', 'compute', method, AT, enabled=enabled),
        's2': Segment(2, 's2', 'two', 'compute', AUTO, AT)}, frozenset(reserved),
        {one.host: one for one in taken})


def a_taking(host='r1', stage=TakingStage.READY, recovery=ITS):
    return Taking(host, recovery, 's1', stage)


def a_reserved_host(host, **changes):
    """As people keep it: disabled."""
    return a_candidate(host, **{'service': a_service(host, enabled=False)} | changes)


def hosts(**changes):
    """Every host of the grouping; a keyword says how one differs."""
    made = {host: a_candidate(host) for host in ('c1', 'c2', 'c3', 'c4')}
    made |= {host: a_reserved_host(host) for host in ('r1', 'r2')}
    return tuple(dataclasses.replace(one, **changes.get(host, {})) for host, one in made.items())


def planned(grouping, *items, candidates=None, dead=(), places=NOWHERE_SAID, given=None):
    """What becomes of them in the next plan: the phase, the target, and who is waited for."""
    items = items or (an_evacuation('i1'),)
    look = evacuation.Seen(AT, BY, 5, hosts() if candidates is None else candidates,
                           places=places, grouping=grouping)
    changed = {item.instance: item
               for item in planning.planned(items, look, given or rules(), dead)}
    return [changed.get(item.instance, item) for item in items]


def goes(grouping, *items, **given):
    """Where each goes, or in words which reserved host it waits for, or that it has none."""
    return [item.target or (f'waits for {item.reserve}' if item.reserve else '')
            for item in planned(grouping, *items, **given)]


class EachMethod(unittest.TestCase):
    """What each method does, as the table of the decision record has it."""

    FULL_SEGMENT = {'c2': {'usage': FULL}}
    READY = (a_taking(),)
    BOTH_READY = (a_taking(), a_taking('r2', recovery=ANOTHERS))

    def check(self, method, expected, full=False, taken=(), left=('r1', 'r2'), reserves=None):
        reserved = [host for host in left if host not in [
            one.host for one in taken if one.stage is TakingStage.READY]]
        changes = {one.host: {'service': a_service(one.host)} for one in taken
                   if one.stage is TakingStage.READY}
        changes |= self.FULL_SEGMENT if full else {}
        for host, change in (reserves or {}).items():
            changes[host] = changes.get(host, {}) | change
        found = goes(a_grouping(method, reserved=reserved, taken=taken),
                     candidates=hosts(**changes))
        self.assertEqual([expected], found)

    def test_auto_takes_the_least_used_of_the_segment(self):
        self.check(AUTO, 'c2')

    def test_auto_takes_no_reserved_host_however_full_the_others_are(self):
        self.check(AUTO, '', full=True)

    def test_auto_priority_takes_the_least_used_of_the_segment(self):
        self.check(AUTO_PRIORITY, 'c2')

    def test_auto_priority_waits_for_a_reserved_host_where_no_other_has_room(self):
        self.check(AUTO_PRIORITY, 'waits for r1', full=True)

    def test_auto_priority_waits_for_the_one_that_is_on_its_way(self):
        self.check(AUTO_PRIORITY, 'waits for r2', full=True,
                   taken=(a_taking('r2', TakingStage.ENABLED),))

    def test_auto_priority_goes_to_what_was_taken(self):
        self.check(AUTO_PRIORITY, 'r1', full=True, taken=self.READY)

    def test_auto_priority_asks_for_one_more_only_if_those_that_were_taken_have_no_room(self):
        self.check(AUTO_PRIORITY, 'waits for r2', full=True, taken=self.READY,
                   reserves={'r1': {'usage': FULL}})

    def test_rh_priority_waits_for_a_reserved_host_though_others_have_room(self):
        self.check(RH_PRIORITY, 'waits for r1')

    def test_rh_priority_prefers_what_was_taken_for_it_to_one_that_is_used_less(self):
        self.check(RH_PRIORITY, 'r1', taken=self.READY,
                   reserves={'r1': {'usage': a_usage(cores_used=20.0)}})

    def test_rh_priority_goes_by_rank_when_none_is_left(self):
        self.check(RH_PRIORITY, 'c2', left=())

    def test_rh_priority_goes_by_rank_when_those_that_are_left_have_no_room(self):
        self.check(RH_PRIORITY, 'c2', reserves={'r1': {'usage': FULL}, 'r2': {'usage': FULL}})

    def test_rh_priority_goes_by_rank_when_those_that_are_left_could_not_be_taken(self):
        self.check(RH_PRIORITY, 'c2', taken=(
            a_taking('r1', TakingStage.FAILED), a_taking('r2', TakingStage.FAILED, ANOTHERS)))

    def test_reserved_host_waits_for_one_though_others_have_room(self):
        self.check(RESERVED_HOST, 'waits for r1')

    def test_reserved_host_goes_to_what_was_taken_for_it(self):
        self.check(RESERVED_HOST, 'r1', taken=self.READY)

    def test_reserved_host_takes_its_own_before_it_goes_where_anothers_went(self):
        self.check(RESERVED_HOST, 'waits for r2', taken=(a_taking(recovery=ANOTHERS),))

    def test_reserved_host_goes_where_anothers_went_when_none_is_left(self):
        self.check(RESERVED_HOST, 'r1', taken=(a_taking(recovery=ANOTHERS),), left=('r1',))

    def test_reserved_host_goes_nowhere_else(self):
        self.check(RESERVED_HOST, '', left=())

    def test_reserved_host_waits_for_one_that_could_not_be_taken_when_no_other_is_left(self):
        self.check(RESERVED_HOST, 'waits for r2', left=('r1', 'r2'), taken=(
            a_taking('r1', TakingStage.FAILED),))
        self.check(RESERVED_HOST, 'waits for r1', left=('r1',), taken=(
            a_taking('r1', TakingStage.FAILED),))

    def test_what_is_being_taken_for_another_recovery_is_not_waited_for(self):
        self.check(RESERVED_HOST, 'waits for r2',
                   taken=(a_taking('r1', TakingStage.ASKED, ANOTHERS),))
        self.check(RESERVED_HOST, '', left=('r1',),
                   taken=(a_taking('r1', TakingStage.ASKED, ANOTHERS),))


class TheSegment(unittest.TestCase):

    def test_nobody_leaves_it_whatever_its_method_is(self):
        nowhere = hosts(c2={'beat': False}, r1={'beat': False}, r2={'beat': False})
        for method in RecoveryMethod:
            with self.subTest(method):
                self.assertEqual([''], goes(a_grouping(method), candidates=nowhere))

    def test_who_is_in_none_goes_anywhere_but_to_reserved_hosts(self):
        of_none = an_evacuation('i1', source='c4', recovery=ANOTHERS)
        only = {'c2', 'r1', 'r2', 'c4'}
        there = tuple(one for one in hosts() if one.host in only)
        self.assertEqual(['c2'], goes(a_grouping(), of_none, candidates=there))
        enabled = tuple(a_candidate(host) for host in ('r1', 'r2', 'c4'))
        found = planned(a_grouping(), of_none, candidates=enabled)
        self.assertEqual('r1, r2: it is reserved', found[0].reason)

    def test_it_is_told_who_is_not_in_it_and_who_is_reserved(self):
        full = hosts(c2={'usage': FULL})
        found = planned(a_grouping(AUTO), candidates=full)
        self.assertEqual('c2: it has no cores left; c3, c4: it is not in its segment; '
                         'r1, r2: it is reserved', found[0].reason)

    def test_it_is_told_that_only_reserved_hosts_will_do(self):
        found = planned(a_grouping(RESERVED_HOST, reserved=()))
        self.assertIn('c2: its segment has reserved hosts for this, and it is none',
                      found[0].reason)

    def test_a_disabled_one_restricts_and_takes_none(self):
        for method, expected in ((AUTO, 'c2'), (AUTO_PRIORITY, 'c2'), (RH_PRIORITY, 'c2'),
                                 (RESERVED_HOST, '')):
            with self.subTest(method):
                self.assertEqual([expected], goes(a_grouping(method, enabled=False)))

    def test_one_that_cant_be_read_restricts_and_takes_none(self):
        unread = dataclasses.replace(a_grouping(), segments={})
        self.assertEqual(['c2'], goes(unread))
        self.assertEqual([''], goes(unread, candidates=hosts(c2={'usage': FULL})))

    def test_a_queued_one_whose_target_was_taken_out_of_the_segment_waits_anew(self):
        queued = an_evacuation('i1', Phase.QUEUED, target='c3')
        found = planned(a_grouping(), queued)
        self.assertEqual((Phase.QUEUED, 'c2'), (found[0].phase, found[0].target))
        self.assertIn('c3 is no target any more', [step.reason for step in found[0].history])

    def test_one_that_is_called_for_stays_as_it_is(self):
        moving = an_evacuation('i1', Phase.MOVING, target='c3')
        self.assertEqual([moving], planned(a_grouping(), moving))

    def test_without_segments_nothing_is_restricted(self):
        self.assertEqual(circles.UNGROUPED, circles.grouped({}, (), {}))
        self.assertEqual(['c2'], goes(circles.UNGROUPED))

    def test_it_is_made_of_the_records(self):
        method = Segment(1, 's1', 'one', 'compute', AUTO, AT)
        found = circles.grouped({'s1': method}, [
            SegmentHost(2, 'u2', 'r1', 's1', 'kvm', AT, reserved=True),
            SegmentHost(1, 'u1', 'c1', 's1', 'kvm', AT)], {'r1': a_taking()})
        self.assertEqual(circles.Grouping({'c1': 's1', 'r1': 's1'}, {'s1': method},
                                          frozenset({'r1'}), {'r1': a_taking()}), found)


class WhoWaitsForWhich(unittest.TestCase):

    def test_the_least_used_that_reaches_its_storage(self):
        far = an_evacuation('i1', images=(DISK, DATA))
        reaches = {'storage': {'ceph-1': LIFE, 'ceph-2': LIFE}}
        for wide, busy, expected in (('r1', 'r2', 'r1'), ('r2', 'r1', 'r2')):
            given = hosts(**{'c2': {'usage': FULL}, wide: reaches,
                             busy: {'usage': a_usage(cores_used=1.0)}})
            self.assertEqual([f'waits for {expected}'], goes(
                a_grouping(AUTO_PRIORITY), far, candidates=given))
            self.assertEqual([f'waits for {expected}'], goes(
                a_grouping(AUTO_PRIORITY), candidates=given))

    def test_many_wait_for_as_few_as_have_room_for_them(self):
        three = [an_evacuation(f'i{number}') for number in range(3)]
        given = hosts(c2={'usage': FULL}, r1={'usage': a_usage(cores=4.0)},
                      r2={'usage': a_usage(cores=4.0)})
        found = goes(a_grouping(AUTO_PRIORITY), *three, candidates=given)
        self.assertEqual(['waits for r1', 'waits for r2', 'waits for r1'], found)
        one = hosts(c2={'usage': FULL}, r1={'usage': a_usage(cores=6.0)})
        found = goes(a_grouping(AUTO_PRIORITY, reserved=('r1',)), *three, candidates=one)
        self.assertEqual(['waits for r1'] * 3, found)

    def test_two_recoveries_do_not_wait_for_the_same_one(self):
        both = an_evacuation('i1'), an_evacuation('i2', source='c2', recovery=ANOTHERS)
        found = goes(a_grouping(RESERVED_HOST), *both)
        self.assertEqual({'waits for r1', 'waits for r2'}, set(found))
        found = planned(a_grouping(RESERVED_HOST, reserved=('r1',)), *both)
        self.assertEqual(['r1', ''], [item.reserve for item in found])
        self.assertIn('r1: it is reserved', found[1].reason)

    def test_the_zone_of_one_that_is_put_into_that_of_the_lost_host_speaks_against_nobody(self):
        pinned = an_evacuation('i1', demand=Demand(zone='east'))
        zoned = Aggregate('zone-west', frozenset({'r1'}), {'availability_zone': 'west'})
        reserves = {host: {'service': a_service(host, enabled=False, zone=zone)}
                    for host, zone in (('r1', 'west'), ('r2', 'nova'))}
        group = a_grouping(RESERVED_HOST)
        for joins, expected in ((True, 'waits for r2'), (False, '')):
            self.assertEqual([expected], goes(
                group, pinned, candidates=hosts(**reserves),
                places=Places(aggregates=(zoned,)), given=rules(joins_aggregates=joins)))

    def test_a_lost_one_is_not_waited_for(self):
        for wrong in ({'beat': False}, {'suspected': True}, {'locked': True}, {'held': True},
                      {'service': None}, {'service': a_service('r1', up=False)},
                      {'service': a_service('r1', forced_down=True)}):
            with self.subTest(wrong):
                self.assertEqual(['waits for r2'], goes(
                    a_grouping(RESERVED_HOST), candidates=hosts(r1=wrong)))

    def test_who_has_a_target_waits_for_none_any_more(self):
        waited = an_evacuation('i1', reserve='r1')
        found = planned(a_grouping(AUTO_PRIORITY), waited)
        self.assertEqual(('c2', ''), (found[0].target, found[0].reserve))

    def test_planned_again_it_is_not_written_anew(self):
        first = planned(a_grouping(RESERVED_HOST))
        look = evacuation.Seen(AT, BY, 5, hosts(), grouping=a_grouping(RESERVED_HOST))
        self.assertEqual((), planning.planned(first, look, rules()))

    def test_it_waits_for_no_place_of_its_own(self):
        """Who waits for a reserved host keeps nobody else from going."""
        items = an_evacuation('i1'), an_evacuation('i2', source='c3', recovery=ANOTHERS)
        look = evacuation.Seen(AT, BY, 5, (*hosts(), a_candidate('c5')), grouping=a_grouping(
            RESERVED_HOST))
        in_two = dataclasses.replace(look.grouping, segment_of={
            **look.grouping.segment_of, 'c5': 's2'})
        look = dataclasses.replace(look, grouping=in_two)
        found = {item.instance: (item.target, item.reserve) for item in planning.planned(
            items, look, rules(in_all_max=1))}
        self.assertEqual({'i1': ('', 'r1'), 'i2': ('c5', '')}, found)
