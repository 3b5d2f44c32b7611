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

"""How a reserved host becomes a target: each stage, and what may come in between."""

import dataclasses
import unittest

from kaopu_ha.core import taking
from kaopu_ha.core.demands import Aggregate
from kaopu_ha.core.model import Phase, RecoveryStage
from kaopu_ha.core.news import Fact
from kaopu_ha.core.segments import Joining, RecoveryMethod, Taking, TakingStage
from kaopu_ha.core.taking import Act
from tests.core.test_circles import ANOTHERS, ITS, a_grouping, a_taking
from tests.core.values import AT, BY, a_recovery, a_service, an_evacuation, rules

ASKED, ENABLED, READY, FAILED = TakingStage
DISABLED = {'r1': a_service('r1', enabled=False)}
SHOWN_ENABLED = {'r1': a_service('r1')}


def a_look(**changes):
    """An instance waits for it, and Nova was asked: it is up, and disabled."""
    return dataclasses.replace(taking.Seen(
        AT, BY, awaited_by=ITS, recovery=a_recovery(id=ITS, stage=RecoveryStage.EVACUATING),
        services=DISABLED), **changes)


def advanced(stage=ASKED, *, look=None, given=None, **changes):
    one = dataclasses.replace(Taking('r1', ITS, 's1', stage), **changes)
    return taking.advance(one, look or a_look(), given or rules())


class TheRoad(unittest.TestCase):

    def test_nova_is_asked_before_anything_is_done(self):
        for stage in (ASKED, ENABLED):
            self.assertIs(Act.ASK, advanced(stage, look=a_look(services=None)).act)

    def test_a_disabled_one_is_enabled_and_the_call_is_counted_first(self):
        found = advanced()
        self.assertEqual((Act.ENABLE, ASKED, 1),
                         (found.act, found.taking.stage, found.taking.calls))

    def test_it_is_looked_at_before_the_call_is_repeated(self):
        pause = rules().restart_pause(1)
        self.assertIs(Act.REST, advanced(calls=1, look=a_look(since_call=pause - 1)).act)
        again = advanced(calls=1, look=a_look(since_call=pause))
        self.assertEqual((Act.ENABLE, 2), (again.act, again.taking.calls))

    def test_once_nova_shows_it_enabled_it_is_enabled_then_ready(self):
        found = advanced(calls=1, look=a_look(services=SHOWN_ENABLED))
        self.assertEqual((Act.COMMIT, ENABLED, 0),
                         (found.act, found.taking.stage, found.taking.calls))
        found = advanced(ENABLED, look=a_look(services=SHOWN_ENABLED))
        self.assertEqual((Act.READY, READY), (found.act, found.taking.stage))
        self.assertEqual([Fact.TAKEN], [news.fact for news in found.news])

    def test_one_that_a_person_enabled_meanwhile_is_not_called_for(self):
        found = advanced(look=a_look(services=SHOWN_ENABLED))
        self.assertEqual((Act.COMMIT, ENABLED), (found.act, found.taking.stage))
        self.assertIn('somebody else', found.taking.history[-1].reason)

    def test_one_that_a_person_disabled_again_is_asked_for_anew(self):
        found = advanced(ENABLED)
        self.assertEqual((Act.COMMIT, ASKED), (found.act, found.taking.stage))

    def test_it_is_not_called_for_while_its_service_is_away(self):
        for services, word in (({}, 'no compute service'),
                               ({'r1': a_service('r1', up=False, enabled=False)}, 'not up'),
                               ({'r1': a_service('r1', forced_down=True)}, 'forced down')):
            for stage in (ASKED, ENABLED):
                with self.subTest(word, stage=stage):
                    found = advanced(stage, look=a_look(services=services))
                    self.assertIs(Act.COMMIT, found.act)
                    self.assertIn(word, found.taking.waiting_for)
                    self.assertIs(Act.REST, advanced(
                        stage, look=a_look(services=services),
                        waiting_for=found.taking.waiting_for).act)

    def test_it_is_waited_for_no_longer_than_a_move_is(self):
        limit = rules().attempt_limit
        for services in (DISABLED, {}):
            for stage in (ASKED, ENABLED):
                found = advanced(stage, calls=1, look=a_look(services=services, seconds=limit))
                self.assertEqual((Act.COMMIT, FAILED, 1), (
                    found.act, found.taking.stage, found.taking.failures))
                self.assertEqual([Fact.NOT_TAKEN], [news.fact for news in found.news])

    def test_what_is_shown_enabled_at_last_is_not_too_late(self):
        found = advanced(ENABLED, look=a_look(services=SHOWN_ENABLED, seconds=1e6))
        self.assertIs(READY, found.taking.stage)

    def test_one_that_is_lost_is_given_up_at_once(self):
        for stage in (ASKED, ENABLED):
            found = advanced(stage, calls=1, look=a_look(lost='it is suspected', services=None))
            self.assertIs(FAILED, found.taking.stage)
            self.assertIn('it is suspected', found.news[0].text)

    def test_one_that_failed_is_tried_again_after_a_pause_if_it_is_waited_for(self):
        pause = rules().pause(2)
        at_once = advanced(FAILED, failures=2, look=a_look(seconds=pause - 1))
        self.assertIs(Act.REST, at_once.act)
        found = advanced(FAILED, failures=2, look=a_look(
            seconds=pause, awaited_by=ANOTHERS, services=None))
        self.assertEqual((Act.COMMIT, ASKED, ANOTHERS, 2), (
            found.act, found.taking.stage, found.taking.recovery, found.taking.failures))
        for look in (a_look(seconds=pause, awaited_by=''), a_look(seconds=pause, lost='it is')):
            self.assertIs(Act.REST, advanced(FAILED, failures=2, look=look).act)


class TheAggregatesOfTheLostHost(unittest.TestCase):
    """It is added to each of them before it is enabled, or it is told why it was not."""

    LOST = a_recovery().host
    SSD = Aggregate('ssd', frozenset({LOST, 'c7'}))
    EAST = Aggregate('zone-east', frozenset({LOST}), {'availability_zone': 'east'})
    WEST = Aggregate('zone-west', frozenset({'r1'}), {'availability_zone': 'west'})
    OTHERS = Aggregate('others', frozenset({'c7'}))

    def look(self, *aggregates, **changes):
        return a_look(**{'aggregates': aggregates} | changes)

    def joined(self, *aggregates):
        return [dataclasses.replace(one, hosts=one.hosts | {'r1'}) for one in aggregates]

    def test_it_is_added_to_one_after_the_other_and_each_call_is_counted_first(self):
        look = self.look(self.EAST, self.OTHERS, self.SSD)
        first = advanced(look=look)
        self.assertEqual((Act.JOIN, 'ssd', (Joining('ssd', 1),)),
                         (first.act, first.aggregate, first.taking.joins))
        look = self.look(self.EAST, self.OTHERS, *self.joined(self.SSD))
        then = taking.advance(first.taking, look, rules())
        self.assertEqual((Act.JOIN, 'zone-east', (Joining('ssd', 1), Joining('zone-east', 1))),
                         (then.act, then.aggregate, then.taking.joins))
        look = self.look(self.OTHERS, *self.joined(self.SSD, self.EAST))
        self.assertEqual((Act.ENABLE, 1), (lambda found: (found.act, found.taking.calls))(
            taking.advance(then.taking, look, rules())))

    def test_what_it_is_in_already_is_not_asked_for(self):
        found = advanced(look=self.look(self.OTHERS, *self.joined(self.SSD, self.EAST)))
        self.assertEqual((Act.ENABLE, ()), (found.act, found.taking.joins))

    def test_one_that_somebody_enabled_is_added_all_the_same(self):
        found = advanced(look=self.look(self.SSD, services=SHOWN_ENABLED))
        self.assertIs(Act.JOIN, found.act)

    def test_a_call_of_which_nothing_came_is_repeated_after_a_pause_and_not_for_ever(self):
        for calls in range(1, rules().joins_max):
            one, pause = (Joining('ssd', calls),), rules().restart_pause(calls)
            look = self.look(self.SSD, since_call=pause - 1)
            self.assertIs(Act.REST, advanced(joins=one, look=look).act)
            found = advanced(joins=one, look=self.look(self.SSD, since_call=pause))
            self.assertEqual((Act.JOIN, (Joining('ssd', calls + 1),)),
                             (found.act, found.taking.joins))
        look = self.look(self.SSD, since_call=1e6)
        self.assertIs(Act.ENABLE, advanced(joins=(Joining('ssd', rules().joins_max),),
                                           look=look).act)

    def test_what_nova_refuses_is_not_asked_for_again_and_told_in_the_end(self):
        one = taking.refused(advanced(look=self.look(self.SSD)).taking, 'ssd', 'no (HTTP 403)')
        look = self.look(self.SSD)
        self.assertIs(Act.ENABLE, taking.advance(one, look, rules()).act)
        look = self.look(self.SSD, *self.joined(self.EAST), services=SHOWN_ENABLED)
        ready = advanced(ENABLED, joins=(*one.joins, Joining('zone-east', 1)), look=look)
        self.assertIs(READY, ready.taking.stage)
        for text in (ready.news[0].text, ready.taking.history[-1].reason):
            self.assertTrue(text.endswith('; added to zone-east; not added to ssd: no (HTTP 403)'),
                            text)

    def test_one_that_is_not_let_into_the_zone_is_not_taken(self):
        """The plan counted on that; what is lost without it could go nowhere there."""
        for joins in ((Joining('zone-east', 1, 'no (HTTP 403)'),),
                      (Joining('zone-east', rules().joins_max),)):
            found = advanced(joins=joins, look=self.look(self.EAST, since_call=1e6))
            self.assertEqual((Act.COMMIT, FAILED), (found.act, found.taking.stage))
            self.assertIn('did not add it to zone-east, the aggregate of zone east: ',
                          found.news[0].text)
            self.assertNotIn('yet', found.news[0].text)

    def test_one_in_another_zone_is_taken_for_what_may_leave_its_own(self):
        look = self.look(self.EAST, self.WEST)
        self.assertIs(Act.ENABLE, advanced(
            joins=(Joining('zone-east', 1, 'no (HTTP 409)'),), look=look).act)

    def test_tried_again_it_is_added_anew_for_people_may_have_let_it(self):
        one = (Joining('zone-east', 1, 'no (HTTP 403)'),)
        found = advanced(FAILED, failures=1, joins=one, look=a_look(seconds=1e6, services=None))
        self.assertEqual((ASKED, ()), (found.taking.stage, found.taking.joins))

    def test_aggregates_that_cant_be_read_are_waited_for_a_little_and_then_told(self):
        patience = rules().attempt_limit * rules().patience_share
        found = advanced(look=a_look(unread='Nova is busy', seconds=patience - 1))
        self.assertEqual((Act.COMMIT, 'the aggregates can\'t be read: Nova is busy'),
                         (found.act, found.taking.waiting_for))
        self.assertIs(Act.ENABLE, advanced(look=a_look(
            unread='Nova is busy', seconds=patience)).act)
        ready = advanced(ENABLED, look=a_look(unread='Nova is busy', services=SHOWN_ENABLED))
        self.assertIn('can\'t be read: Nova is busy', ready.news[0].text)

    def test_nobody_is_added_while_its_service_is_away_nor_once_its_recovery_is_gone(self):
        self.assertIs(Act.COMMIT, advanced(look=self.look(self.SSD, services={})).act)
        self.assertIs(Act.ENABLE, advanced(calls=1, look=self.look(
            self.SSD, recovery=None, since_call=1e6)).act)

    def test_what_is_refused_is_kept_within_bounds(self):
        one = taking.refused(Taking('r1', ITS, 's1', ASKED, joins=(Joining('ssd', 1),)), 'ssd',
                             'no' * 9999)
        self.assertLess(len(one.joins[0].refused), 200)


class WhatPeopleDoMeanwhile(unittest.TestCase):

    OVER = a_recovery(id=ITS, stage=RecoveryStage.FINISHED)

    def test_what_nobody_waits_for_is_forgotten_if_nova_was_not_asked(self):
        self.assertIs(Act.FORGET, advanced(look=a_look(awaited_by='')).act)
        for recovery in (None, self.OVER):
            self.assertIs(Act.FORGET, advanced(look=a_look(recovery=recovery)).act)

    def test_what_nova_was_asked_for_becomes_a_target_all_the_same(self):
        """Enabled and still reserved, it were nobody's."""
        for recovery in (None, self.OVER):
            look = a_look(awaited_by='', recovery=recovery, services=SHOWN_ENABLED)
            self.assertIs(ENABLED, advanced(calls=1, look=look).taking.stage)
            self.assertIs(READY, advanced(ENABLED, look=look).taking.stage)

    def test_one_that_a_person_reserves_no_more_is_forgotten(self):
        for stage in (ASKED, ENABLED, FAILED):
            self.assertIs(Act.FORGET, advanced(stage, calls=1, look=a_look(reserved=False)).act)

    def test_a_target_is_kept_until_it_is_reserved_again_or_its_recovery_is_gone(self):
        self.assertIs(Act.REST, advanced(READY, look=a_look(reserved=False)).act)
        self.assertIs(Act.REST, advanced(READY, look=a_look(
            reserved=False, recovery=self.OVER, awaited_by='')).act)
        self.assertIs(Act.FORGET, advanced(READY, look=a_look(reserved=True)).act)
        self.assertIs(Act.FORGET, advanced(READY, look=a_look(reserved=False, recovery=None)).act)

    def test_a_failure_is_forgotten_with_the_recovery(self):
        self.assertIs(Act.REST, advanced(FAILED, look=a_look(awaited_by='')).act)
        for recovery in (None, self.OVER):
            self.assertIs(Act.FORGET, advanced(FAILED, look=a_look(recovery=recovery)).act)


class WhichOne(unittest.TestCase):

    def items(self, **reserves):
        return [an_evacuation(instance, reserve=host) for instance, host in reserves.items()]

    def test_the_one_for_which_most_wait(self):
        moves = self.items(i1='r1', i2='r2', i3='r2')
        self.assertEqual({'r2': ITS}, taking.wanted(moves, a_grouping(RecoveryMethod.RH_PRIORITY)))
        moves = self.items(i1='r2', i2='r1')
        self.assertEqual({'r1': ITS}, taking.wanted(moves, a_grouping(RecoveryMethod.RH_PRIORITY)))

    def test_one_at_a_time_for_each_recovery(self):
        moves = [*self.items(i1='r2'), an_evacuation('i9', reserve='r2', recovery=ANOTHERS,
                                                     source='c2')]
        for stage, expected in ((ASKED, {'r2': ANOTHERS}), (ENABLED, {'r2': ANOTHERS}),
                                (READY, {'r2': ITS}), (FAILED, {'r2': ITS})):
            with self.subTest(stage):
                self.assertEqual(expected, taking.wanted(moves, a_grouping(
                    RecoveryMethod.RH_PRIORITY, taken=(a_taking('r1', stage),))))

    def test_none_that_was_begun_already(self):
        for stage in TakingStage:
            self.assertEqual({}, taking.wanted(self.items(i1='r1'), a_grouping(
                RecoveryMethod.RH_PRIORITY, taken=(a_taking('r1', stage, ANOTHERS),))))

    def test_none_for_which_nobody_waits_any_more(self):
        gone = [an_evacuation('i1', Phase.QUEUED, reserve='r1', target='c2'),
                an_evacuation('i2', Phase.FAILED, reserve='r1')]
        self.assertEqual({}, taking.wanted(gone, a_grouping(RecoveryMethod.RH_PRIORITY)))

    def test_none_of_another_segment_nor_of_one_that_takes_none(self):
        moves = self.items(i1='r1')
        other = [an_evacuation('i1', reserve='r1', source='c3')]
        for items, grouping in (
                (other, a_grouping(RecoveryMethod.RH_PRIORITY)), (moves, a_grouping()),
                (moves, a_grouping(RecoveryMethod.RH_PRIORITY, enabled=False)),
                (moves, a_grouping(RecoveryMethod.RH_PRIORITY, reserved=()))):
            self.assertEqual({}, taking.wanted(items, grouping))

    def test_who_has_another_on_its_way_does_not_await_this_one(self):
        moves, method = self.items(i1='r1'), RecoveryMethod.RESERVED_HOST
        self.assertEqual(ITS, taking.awaited_by('r1', moves, a_grouping(method)))
        self.assertEqual(ITS, taking.awaited_by('r1', moves, a_grouping(
            method, taken=(a_taking('r1', ASKED),))))
        self.assertEqual('', taking.awaited_by('r1', moves, a_grouping(
            method, taken=(a_taking('r2', ASKED),))))

    def test_it_is_told_for_what_it_is_taken(self):
        found = taking.opened('r1', ITS, 's1', a_look())
        self.assertEqual((ASKED, ITS, 's1', 0), (
            found.taking.stage, found.taking.recovery, found.taking.segment, found.taking.calls))
        self.assertEqual([Fact.TAKES], [news.fact for news in found.news])
