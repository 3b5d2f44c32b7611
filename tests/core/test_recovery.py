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

"""The road of a recovery: what is asked, done and written in each stage, and in which order."""

import dataclasses
import unittest

from kaopu_ha.core import fencing, model, recovery, roads
from kaopu_ha.core.model import Phase, RecoveryStage, Stage
from kaopu_ha.core.news import Fact
from kaopu_ha.core.recovery import Act, Seen
from tests.core.values import (
    AT,
    BY,
    DATA,
    DISK,
    a_candidate,
    a_case,
    a_recovery,
    a_server,
    a_service,
    an_evacuation,
    an_instance,
    an_inventory,
    rules,
    under_way,
)

ORDER = model.FenceOrder('ceph_blocklist', DISK.cluster, ('10.1.0.1:0/0',))
HOLDS = (model.Proof('ceph_blocklist', DISK.cluster, True, ''),)
GONE = (model.Proof('ceph_blocklist', DISK.cluster, False, '10.1.0.1 is not listed', True),)
RULES = rules()
FENCING, PROVEN = RecoveryStage.FENCING, RecoveryStage.PROVEN
PLANNED, EVACUATING = RecoveryStage.PLANNED, RecoveryStage.EVACUATING
FINISHED = RecoveryStage.FINISHED


def at(stage, **changes):
    return a_recovery(**{'stage': stage, 'orders': (ORDER,), 'checked': True} | changes)


def look(**changes):
    """A look at a host that is confirmed, whose fence was seen to hold a moment ago."""
    seen = Seen(AT, BY, 5, case=a_case(Stage.CONFIRMED, recovery='c1-7'),
                inventory=an_inventory(), claimed={'10.1.0.1': {'c1'}}, marked=True, fresh=True)
    return dataclasses.replace(seen, **changes)


def listed(*servers, **changes):
    """A look at a host that is forced down, with what Nova has on it and where it may go."""
    services = {'c1': a_service('c1', forced_down=True)}
    return look(**{'services': services, 'servers': servers, 'candidates': (a_candidate('c2'),)}
                | changes)


def advance(item, seen):
    return recovery.advance(item, seen, RULES)


class TheFence(unittest.TestCase):

    def test_what_may_not_be_cut_is_asked_before_anything_is_cut(self):
        self.assertIs(Act.ASK_FORBIDDEN, advance(at(FENCING, checked=False), look()).act)

    def test_what_may_not_be_cut_is_left_out_and_told(self):
        found = advance(at(FENCING, checked=False), look(forbidden={'10.1.0.1': 'a monitor'}))
        self.assertIs(Act.COMMIT, found.act)
        self.assertTrue(found.recovery.checked)
        self.assertEqual(((),), tuple(order.addresses for order in found.recovery.orders))
        self.assertEqual([Fact.NOT_FENCED], [item.fact for item in found.news])

    def test_it_is_cut_only_once_that_was_written(self):
        self.assertIs(Act.FENCE, advance(at(FENCING), look()).act)

    def test_only_what_was_read_back_is_proven_and_the_proof_comes_with_the_stage(self):
        found = advance(at(FENCING), look(cut=True, proofs=HOLDS))
        self.assertIs(Act.COMMIT, found.act)
        self.assertIs(PROVEN, found.recovery.stage)
        self.assertTrue(found.proven)

    def test_what_is_lacking_is_waited_for_and_told_once(self):
        found = advance(at(FENCING), look(cut=True, proofs=GONE))
        self.assertIs(Act.WAIT, found.act)
        self.assertEqual([Fact.FENCE_WAITS], [item.fact for item in found.news])
        again = advance(found.recovery, look(cut=True, proofs=GONE))
        self.assertEqual((Act.REST, ()), (again.act, again.news))

    def test_behind_it_the_fence_comes_first_in_every_stage(self):
        for stage in (PROVEN, PLANNED, EVACUATING, FINISHED):
            for old in ({'marked': False}, {'fresh': False}):
                with self.subTest(stage=stage, old=old):
                    self.assertIs(Act.READ_BACK, advance(at(stage), look(**old)).act)
                    found = advance(at(stage), look(proofs=HOLDS, **old))
                    self.assertIs(Act.MARK, found.act)

    def test_a_fence_that_nobody_can_read_back_ends_the_proof_and_is_not_told_to_be_gone(self):
        silent = (model.Proof('ceph_blocklist', DISK.cluster, False, 'no OSD answered'),)
        found = advance(at(EVACUATING), look(fresh=False, proofs=silent))
        self.assertIs(Act.UNMARK, found.act)
        self.assertEqual([Fact.FENCE_WAITS], [item.fact for item in found.news])
        self.assertIn('nobody can say', found.news[0].text)

    def test_a_fence_that_is_gone_ends_the_proof_then_is_cut_again(self):
        seen = look(fresh=False, proofs=GONE)
        found = advance(at(EVACUATING), seen)
        self.assertIs(Act.UNMARK, found.act)
        self.assertEqual([Fact.REFENCED], [item.fact for item in found.news])
        seen = dataclasses.replace(seen, marked=False)
        self.assertIs(Act.FENCE, advance(at(EVACUATING), seen).act)
        cut = dataclasses.replace(seen, cut=True)
        self.assertIs(Act.MARK, advance(at(EVACUATING), dataclasses.replace(
            cut, proofs=HOLDS)).act)
        self.assertIs(Act.WAIT, advance(at(EVACUATING), cut).act)

    def test_a_failure_waits_for_what_failed(self):
        for act, fact in ((Act.FENCE, Fact.FENCE_WAITS), (Act.LIST, Fact.CLOUD_AWAY)):
            found = recovery.failed(at(PROVEN), act, 'no answer')
            self.assertEqual([fact], [item.fact for item in found.news])
            self.assertEqual('no answer', found.recovery.waiting_for)


class APersonsWord(unittest.TestCase):

    WORD = model.Word('ann@m1', AT, 'I pulled its plugs', inventory=7)

    def said(self, stage, **changes):
        return at(stage, word=self.WORD, **changes)

    def heard(self, **changes):
        return look(**{'answers': False, 'inventory_revision': 7, 'marked': False,
                       'fresh': False} | changes)

    def test_its_libvirt_is_asked_before_the_word_counts(self):
        for stage in (FENCING, PROVEN, EVACUATING):
            self.assertIs(Act.ASK_HOST, advance(self.said(stage), self.heard(answers=None)).act)

    def test_where_the_fence_does_not_hold_the_word_takes_the_place_of_the_proof(self):
        self.assertIs(Act.FENCE, advance(self.said(FENCING), self.heard()).act)
        for lacks in ({'proofs': GONE, 'cut': True}, {'unfenced': 'permission denied'}):
            found = advance(self.said(FENCING), self.heard(**lacks))
            self.assertEqual((Act.COMMIT, PROVEN, True), (
                found.act, found.recovery.stage, found.proven))
            self.assertIn('ann@m1 says that it is switched off (I pulled its plugs)',
                          found.recovery.history[-1].reason)
            kept = advance(self.said(EVACUATING), self.heard(**lacks))
            self.assertIs(Act.MARK, kept.act)

    def test_no_address_need_be_known(self):
        none = self.said(FENCING, orders=())
        self.assertIs(PROVEN, advance(none, self.heard()).recovery.stage)
        self.assertEqual({'ceph-1'}, fencing.safe_clusters(none))
        self.assertEqual(frozenset(), fencing.safe_clusters(at(FENCING, orders=())))

    def test_the_word_counts_no_more_once_the_host_is_heard_of(self):
        for stage in (FENCING, PROVEN, PLANNED, EVACUATING):
            for signs in ({'answers': True}, {'inventory_revision': 8}):
                found = advance(self.said(stage), self.heard(unfenced='no', **signs))
                self.assertEqual((Act.COMMIT, None, True, False), (
                    found.act, found.recovery.word, found.unproven, found.proven))
                self.assertIs(stage, found.recovery.stage)
                self.assertEqual([Fact.WORD_ENDED], [item.fact for item in found.news])

    def test_what_it_tells_ends_the_word_even_while_the_proof_is_fresh(self):
        found = advance(self.said(EVACUATING), self.heard(
            marked=True, fresh=True, inventory_revision=8))
        self.assertIsNone(found.recovery.word)

    def test_a_failed_act_of_the_fence_ends_the_turn_only_without_a_word(self):
        seen = self.heard()
        for act in (Act.ASK_FORBIDDEN, Act.FENCE, Act.READ_BACK):
            self.assertIsNone(recovery.goes_on(at(FENCING), seen, act, 'denied'))
            self.assertEqual('denied', recovery.goes_on(self.said(FENCING), seen, act,
                                                        'denied').unfenced)
        self.assertIsNone(recovery.goes_on(self.said(PROVEN), seen, Act.FORCE_DOWN, 'away'))

    def test_a_host_that_is_switched_off_may_still_take_up_what_came_to_it(self):
        self.assertEqual(frozenset(), recovery.dead_hosts([self.said(PLANNED)]))
        gone = dataclasses.replace(self.WORD, destroyed=True)
        self.assertEqual({'c1'}, recovery.dead_hosts([at(PLANNED, word=gone)]))

    def test_what_is_over_needs_no_fence(self):
        seen = look(marked=False, fresh=False, unfenced='denied',
                    evacuations=(under_way(Phase.DONE),))
        self.assertIs(FINISHED, advance(at(EVACUATING), seen).recovery.stage)
        still = dataclasses.replace(seen, evacuations=(under_way(),))
        self.assertIs(Act.WAIT, advance(at(EVACUATING), still).act)


class WhatIsAskedOfTheMoves(unittest.TestCase):
    """What a look is asked for each recovery is found once for all of them."""

    ITEMS = (an_evacuation('i1'), an_evacuation('i2', Phase.QUEUED, target='c2'),
             an_evacuation('i3', Phase.DONE, recovery='c9-3', target='c2'))

    def test_those_of_a_recovery_and_those_to_a_host(self):
        moves = recovery.MovesSeen(self.ITEMS)
        self.assertEqual(([*self.ITEMS[:2]], [self.ITEMS[2]], []), tuple(
            list(moves.of(name)) for name in ('c1-7', 'c9-3', 'c8-1')))
        self.assertEqual(([*self.ITEMS[1:]], []), tuple(
            list(moves.to(host)) for host in ('c2', 'c3')))

    def test_what_stands_as_before_is_the_very_same(self):
        before = recovery.MovesSeen(self.ITEMS)
        self.assertIs(before, recovery.MovesSeen(self.ITEMS).after(before))
        called = dataclasses.replace(self.ITEMS[1], phase=Phase.CALLING)
        moves = recovery.MovesSeen((self.ITEMS[0], called, self.ITEMS[2])).after(before)
        self.assertIs(before.open, moves.open)
        self.assertIs(Phase.CALLING, moves.of('c1-7')[1].phase)

    def test_what_stands_otherwise_is_not(self):
        before = recovery.MovesSeen(self.ITEMS)
        for changes in ({'phase': Phase.DONE}, {'target': 'c3'}, {'phase': Phase.REFUSED}):
            now = dataclasses.replace(self.ITEMS[1], **changes)
            moves = recovery.MovesSeen((self.ITEMS[0], now, self.ITEMS[2])).after(before)
            self.assertNotEqual(before.open, moves.open, changes)


class BeforeThePlan(unittest.TestCase):

    def test_that_it_is_we_who_force_it_down_is_written_before(self):
        seen = look(services={'c1': a_service('c1')})
        found = advance(at(PROVEN), seen)
        self.assertIs(Act.COMMIT, found.act)
        self.assertTrue(found.recovery.forced_by_us)
        self.assertIs(PROVEN, found.recovery.stage)
        self.assertIs(Act.FORCE_DOWN, advance(found.recovery, seen).act)
        forced = dataclasses.replace(seen, forced=True)
        self.assertIs(Act.LIST, advance(found.recovery, forced).act)

    def test_what_a_person_forced_down_is_not_ours(self):
        found = advance(at(PROVEN), listed(a_server()))
        self.assertFalse(found.recovery.forced_by_us)

    def test_a_host_that_nova_does_not_know_is_listed_all_the_same(self):
        self.assertIs(Act.LIST, advance(at(PROVEN), look(services={})).act)

    def test_the_plan_comes_with_the_stage(self):
        found = advance(at(PROVEN), listed(a_server()))
        self.assertIs(PLANNED, found.recovery.stage)
        self.assertEqual([('i1', Phase.QUEUED, 'c2')], [
            (item.instance, item.phase, item.target) for item in found.evacuations])

    def test_nothing_is_planned_before_those_that_live_were_heard_of(self):
        # The store is back: who died while it was away beats there as long as a lease lasts.
        for seconds, act in ((0.0, Act.REST), (RULES.beat_ttl, Act.REST),
                             (RULES.beat_ttl + 1.0, Act.COMMIT)):
            self.assertIs(act, advance(at(PROVEN), listed(a_server(), answering=seconds)).act)

    def test_what_stays_is_told_with_the_plan(self):
        found = advance(at(PROVEN, orders=(dataclasses.replace(ORDER, addresses=()),)),
                        listed(a_server()))
        self.assertEqual(['i1'], [item.instance for item in found.news[0].outcomes])


class TheMoves(unittest.TestCase):

    def test_what_is_under_way_is_left_to_the_workers(self):
        item = under_way()
        self.assertIs(Act.REST, advance(at(EVACUATING), look(evacuations=(item,))).act)
        self.assertIs(EVACUATING, advance(at(PLANNED), look(
            evacuations=(item,))).recovery.stage)

    def test_what_has_no_target_is_planned_again_but_not_all_the_time(self):
        seen = look(evacuations=(an_evacuation(),))
        self.assertIs(Act.ASK_TARGETS, advance(at(PLANNED), seen).act)
        found = advance(at(PLANNED), dataclasses.replace(seen, candidates=(a_candidate('c2'),)))
        self.assertEqual((Act.REPLAN, ['c2']), (
            found.act, [item.target for item in found.evacuations]))
        for seconds, act in ((0.0, Act.REST), (4.9, Act.REST), (5.0, Act.ASK_TARGETS)):
            before = dataclasses.replace(seen, planned=(recovery.standing(seen), seconds))
            self.assertIs(act, advance(at(PLANNED), before).act)

    def test_nothing_is_planned_again_before_those_that_live_were_heard_of(self):
        seen = look(evacuations=(an_evacuation(),), answering=RULES.beat_ttl)
        self.assertIs(Act.REST, advance(at(PLANNED), seen).act)
        heard = dataclasses.replace(seen, answering=RULES.beat_ttl + 1.0)
        self.assertIs(Act.ASK_TARGETS, advance(at(PLANNED), heard).act)

    def test_news_of_any_host_are_reason_to_plan_at_once(self):
        seen = look(evacuations=(an_evacuation(),))
        before = dataclasses.replace(seen, planned=(recovery.standing(seen), 0.0), told=9)
        self.assertIs(Act.ASK_TARGETS, advance(at(PLANNED), before).act)

    def again(self, seconds=1.0, **changes):
        """A plan of two, of whom one may go, so many seconds after a whole one."""
        before = (frozenset(), 0, 'other moves')
        seen = look(evacuations=(an_evacuation('i1'), an_evacuation('i2')),
                    candidates=(a_candidate('c2'),), planned=(before, seconds), **changes)
        return recovery.advance(at(PLANNED), seen, dataclasses.replace(RULES, in_all_max=1))

    def test_after_moves_alone_those_behind_the_last_that_may_go_are_left_as_they_are(self):
        for changes, told in (({}, ['i1']), ({'told': 9}, ['i1', 'i2']),
                              ({'dead': frozenset({'c7'})}, ['i1', 'i2'])):
            found = self.again(**changes)
            self.assertEqual((Act.REPLAN, told == ['i1', 'i2'], told), (
                found.act, found.plan.whole, [item.instance for item in found.evacuations]))

    def test_what_was_planned_in_this_look_for_all_is_taken_unless_all_are_to_be_looked_at(self):
        moves = tuple(an_evacuation(name, Phase.QUEUED, recovery=name, target='c2')
                      for name in ('c1-7', 'c9-3'))
        for whole, seconds, act in ((False, 1.0, Act.REPLAN), (False, 5.0, Act.ASK_TARGETS),
                                    (True, 5.0, Act.REPLAN)):
            seen = look(evacuations=(an_evacuation(),), plan=recovery.Plan(moves, whole),
                        planned=((frozenset(), 0, 'other moves'), seconds))
            found = advance(at(PLANNED), seen)
            self.assertEqual((act, moves[:1] if act is Act.REPLAN else ()),
                             (found.act, found.evacuations))

    def test_what_waits_for_the_fence_of_a_cluster_at_another_host_takes_no_turn(self):
        seen = look(evacuations=(an_evacuation(), an_evacuation('i9', recovery='c9-3')),
                    candidates=(a_candidate('c2'),))
        few = dataclasses.replace(RULES, in_all_max=1)
        for safe, told in (({'c9-3': frozenset()}, 1), ({'c9-3': frozenset({'ceph-1'})}, 2)):
            found = recovery.advance(at(PLANNED), dataclasses.replace(seen, safe=safe), few)
            self.assertEqual(told, len(found.plan.changed))

    def test_those_behind_are_told_why_after_a_while_whatever_goes_on(self):
        self.assertEqual([False, True], [self.again(seconds).plan.whole for seconds in (4.9, 5.0)])

    def test_what_goes_to_a_host_that_died_gets_another_target(self):
        seen = look(evacuations=(under_way(),), dead=frozenset({'c1', 'c2'}),
                    candidates=(a_candidate('c2'), a_candidate('c3')))
        found = advance(at(EVACUATING), seen)
        self.assertIs(Act.REPLAN, found.act)
        self.assertEqual(['c3'], [item.target for item in found.evacuations])

    def test_the_moves_of_others_are_theirs(self):
        other = dataclasses.replace(an_evacuation('i2'), recovery='c9-1', source='c9')
        seen = look(evacuations=(an_evacuation(), other), candidates=(a_candidate('c2'),))
        found = advance(at(PLANNED), seen)
        self.assertEqual(['i1'], [item.instance for item in found.evacuations])

    def test_a_host_in_fencing_is_no_dead_target_yet(self):
        self.assertEqual(frozenset({'c2'}), recovery.dead_hosts(
            [at(FENCING), dataclasses.replace(at(PROVEN), host='c2')]))


class TheEnd(unittest.TestCase):

    def test_it_is_finished_when_every_move_has_ended(self):
        done = under_way(Phase.DONE)
        found = advance(at(EVACUATING), look(evacuations=(done,)))
        self.assertEqual((Act.COMMIT, FINISHED), (found.act, found.recovery.stage))
        for phase in Phase:
            if not phase.ended:
                open_still = under_way(phase, instance='i2')
                found = advance(at(EVACUATING), look(evacuations=(done, open_still)))
                self.assertIsNot(FINISHED, found.recovery.stage)

    def test_what_came_since_the_plan_is_moved_before(self):
        came = an_inventory(instances=(an_instance(), an_instance('i2')))
        seen = look(evacuations=(under_way(Phase.DONE),), inventory=came)
        self.assertIs(Act.LIST, advance(at(EVACUATING), seen).act)
        seen = dataclasses.replace(seen, servers=(a_server('i2'),), candidates=())
        found = advance(at(EVACUATING), seen)
        self.assertEqual((Act.COMMIT, ['i2'], EVACUATING), (
            found.act, [item.instance for item in found.evacuations], found.recovery.stage))
        gone = advance(at(EVACUATING), dataclasses.replace(seen, servers=()))
        self.assertIs(FINISHED, gone.recovery.stage)

    def test_a_finished_one_keeps_its_fence_and_does_nothing_else(self):
        done = (under_way(Phase.DONE),)
        self.assertIs(Act.REST, advance(at(FINISHED), look(evacuations=done)).act)
        self.assertFalse(recovery.is_open(at(FINISHED)))
        self.assertIs(Act.READ_BACK, advance(at(FINISHED), look(fresh=False)).act)

    def test_what_nova_shows_there_only_after_the_end_is_moved_too(self):
        # It had come by a live migration, of which its source had still to tell Nova.
        untold = dataclasses.replace(an_instance('i2', images=()), untold=True)
        for item, inventory, phase in (
                (at(FINISHED), an_inventory(instances=(an_instance(), an_instance('i2'))),
                 Phase.WAITING),
                (at(FINISHED, instances=(an_instance(), untold)), an_inventory(),
                 Phase.NOT_RECOVERABLE)):
            seen = look(evacuations=(under_way(Phase.DONE),), inventory=inventory)
            self.assertIs(Act.LIST, advance(item, seen).act)
            not_yet = dataclasses.replace(seen, planned=((), 59.0))
            self.assertIs(Act.REST, advance(item, not_yet).act)
            listed_now = dataclasses.replace(not_yet, servers=(), candidates=())
            self.assertIs(Act.REST, advance(item, listed_now).act)
            found = advance(item, dataclasses.replace(listed_now, servers=(a_server('i2'),)))
            self.assertEqual((Act.COMMIT, EVACUATING, [('i2', phase)]), (
                found.act, found.recovery.stage,
                [(move.instance, move.phase) for move in found.evacuations]))

    def test_what_was_ended_before_its_plan_asks_nova_for_nothing_more(self):
        ended = at(FINISHED, history=(model.Step(AT, BY, FENCING.value, 'it is confirmed dead'),))
        self.assertIs(Act.REST, advance(ended, look()).act)

    def test_a_nova_that_is_away_is_no_trouble_of_a_finished_one(self):
        self.assertIs(Act.REST, recovery.failed(at(FINISHED), Act.LIST, '503').act)
        self.assertIs(Act.WAIT, recovery.failed(at(PROVEN), Act.LIST, '503').act)

    def test_the_fence_is_kept_until_it_is_taken_back_on_purpose(self):
        item = at(FINISHED)
        admitting = a_case(Stage.ADMITTING, recovery='c1-7', admit=model.AdmitProgress('joe'))
        unfenced = dataclasses.replace(admitting, admit=model.AdmitProgress('joe', unfenced=True))
        for case, kept in ((None, False), (a_case(Stage.CONFIRMED, recovery='c1-7'), True),
                           (a_case(Stage.CONFIRMED, recovery='c1-9'), False),
                           (admitting, True), (unfenced, False)):
            self.assertIs(kept, recovery.keeps_its_fence(case, item))


class TheOrdersGrow(unittest.TestCase):

    MORE = dataclasses.replace(ORDER, addresses=('10.1.0.1:0/0', '10.1.0.7:0/0'))

    def come(self, stage, **changes):
        return advance(at(stage), look(wanted=(self.MORE,), **changes))

    def test_what_came_is_written_and_the_proof_ends_with_it(self):
        for stage in (PROVEN, PLANNED, EVACUATING, FINISHED):
            found = self.come(stage)
            self.assertEqual((Act.COMMIT, True, False), (
                found.act, found.unproven, found.recovery.checked))
            self.assertEqual(('10.1.0.7:0/0',), found.recovery.orders[0].held)
            self.assertEqual([Fact.FENCE_GROWS], [item.fact for item in found.news])
            self.assertIs(stage, found.recovery.stage)

    def test_then_it_is_asked_whether_it_may_be_cut_then_it_is_cut_then_proven(self):
        item, seen = self.come(EVACUATING).recovery, look(wanted=(self.MORE,), marked=False,
                                                          fresh=False)
        self.assertIs(Act.ASK_FORBIDDEN, advance(item, seen).act)
        found = advance(item, dataclasses.replace(seen, forbidden={}))
        self.assertEqual((self.MORE,), found.recovery.orders)
        self.assertTrue(found.recovery.checked and found.unproven)
        self.assertIs(Act.READ_BACK, advance(found.recovery, seen).act)
        self.assertIs(Act.FENCE, advance(found.recovery, dataclasses.replace(
            seen, proofs=GONE)).act)

    def test_while_what_came_may_not_be_cut_there_is_no_proof(self):
        item, seen = self.come(EVACUATING).recovery, look(
            wanted=(self.MORE,), marked=False, fresh=False,
            forbidden={'10.1.0.7': 'a monitor of Ceph is there'})
        first = advance(item, seen)
        self.assertEqual((Act.COMMIT, False), (first.act, first.recovery.checked))
        self.assertEqual([Fact.NOT_FENCED], [each.fact for each in first.news])
        for proofs in (HOLDS, GONE):
            self.assertIs(Act.WAIT, advance(first.recovery, dataclasses.replace(
                seen, proofs=proofs, cut=True)).act)
        self.assertIs(Act.ASK_FORBIDDEN, advance(first.recovery, dataclasses.replace(
            seen, forbidden=None)).act)
        later = advance(first.recovery, dataclasses.replace(seen, forbidden={}))
        self.assertEqual((self.MORE,), later.recovery.orders)

    def test_while_more_of_it_is_held_what_was_cut_is_kept_and_what_may_be_is_cut(self):
        more = dataclasses.replace(ORDER, addresses=(
            '10.1.0.1:0/0', '10.1.0.7:0/0', '10.1.0.8:0/0'), clients=('10.9.0.9:0/4',))
        monitor = {'10.1.0.7': 'a monitor of Ceph is there'}
        for stage in (PROVEN, PLANNED, EVACUATING, FINISHED):
            seen = look(wanted=(more,), marked=False, fresh=False, forbidden=monitor)
            grown = advance(at(stage), look(wanted=(more,))).recovery
            item = advance(grown, seen).recovery
            order = item.orders[0]
            self.assertEqual((('10.1.0.1:0/0', '10.1.0.8:0/0'), ('10.1.0.7:0/0',)),
                             (order.addresses, order.held))
            self.assertIn('10.9.0.9:0/4', order.clients)
            self.assertIs(Act.READ_BACK, advance(item, seen).act)
            self.assertIs(Act.FENCE, advance(item, dataclasses.replace(seen, proofs=GONE)).act)
            # It holds, as far as it goes, and proves nothing.
            self.assertIs(Act.WAIT, advance(item, dataclasses.replace(seen, proofs=HOLDS)).act)

    def test_what_a_neighbour_claims_is_left_to_it_and_asked_again_when_it_does_not(self):
        claimed = {'10.1.0.1': {'c1'}, '10.1.0.7': {'c1', 'c2'}}
        item = self.come(FINISHED).recovery
        found = advance(item, look(wanted=(self.MORE,), claimed=claimed, forbidden={}))
        self.assertEqual((('10.1.0.1:0/0',), ('10.1.0.7:0/0',)), (
            found.recovery.orders[0].addresses, found.recovery.orders[0].held))
        self.assertTrue(found.recovery.checked)
        old = look(wanted=(self.MORE,), claimed=claimed, fresh=False)
        self.assertIs(Act.READ_BACK, advance(found.recovery, old).act)
        gone = dataclasses.replace(old, claimed={'10.1.0.7': {'c1'}})
        self.assertIs(Act.ASK_FORBIDDEN, advance(found.recovery, gone).act)
        fenced = dataclasses.replace(old, dead=frozenset({'c1', 'c2'}))
        self.assertIs(Act.ASK_FORBIDDEN, advance(found.recovery, fenced).act)

    def test_orders_never_shrink(self):
        less = dataclasses.replace(ORDER, addresses=('10.1.0.9:0/0',))
        found = advance(at(FINISHED), look(wanted=(less,)))
        self.assertIn('10.1.0.1:0/0', found.recovery.orders[0].addresses)
        done = (under_way(Phase.DONE),)
        self.assertIs(Act.REST, advance(at(FINISHED), look(wanted=(), evacuations=done)).act)

    def test_a_no_in_fencing_is_asked_again_every_turn(self):
        seen = look(forbidden={'10.1.0.1': 'an active manager of Ceph is there'})
        found = advance(at(FENCING, checked=False), seen)
        self.assertIs(Act.WAIT, advance(found.recovery, seen).act)
        self.assertIs(Act.ASK_FORBIDDEN, advance(found.recovery, look()).act)
        again = advance(found.recovery, look(forbidden={}))
        self.assertEqual((ORDER,), again.recovery.orders)
        self.assertEqual((), again.recovery.refused)

    def test_an_order_that_an_older_release_emptied_is_filled_again(self):
        emptied = at(FENCING, orders=(dataclasses.replace(ORDER, addresses=()),),
                     refused=('10.1.0.1: why',))
        found = advance(emptied, look(wanted=(ORDER,)))
        self.assertEqual(('10.1.0.1:0/0',), found.recovery.orders[0].held)
        again = advance(found.recovery, look(wanted=(ORDER,), forbidden={}))
        self.assertEqual((ORDER,), again.recovery.orders)

    def test_what_waits_for_the_fence_of_one_cluster_is_planned_when_it_comes(self):
        other = model.FenceOrder('ceph_blocklist', 'ceph-2', (), held=('10.1.0.1:0/0',))
        item = at(PROVEN, orders=(ORDER, other), instances=(
            an_instance(), an_instance('i2', images=(DATA,))))
        found = advance(item, listed(a_server(), a_server('i2')))
        self.assertEqual({'i1': Phase.QUEUED, 'i2': Phase.WAITING}, {
            each.instance: each.phase for each in found.evacuations})
        waits = tuple(each for each in found.evacuations if each.instance == 'i2')
        self.assertIs(Act.REST, advance(found.recovery, look(evacuations=waits)).act)
        fenced = dataclasses.replace(found.recovery, orders=(
            ORDER, dataclasses.replace(other, addresses=other.held, held=())))
        self.assertIs(Act.ASK_TARGETS, advance(fenced, look(evacuations=waits)).act)


class TheRoads(unittest.TestCase):

    def test_a_recovery_never_goes_back_nor_over_its_proof(self):
        order = list(RecoveryStage)
        for before, after in roads.RECOVERY.items():
            if before is not RecoveryStage.FINISHED:
                self.assertTrue(all(order.index(stage) > order.index(before) for stage in after))
        # What a person asks for again stands on the proof that was kept.
        self.assertEqual({EVACUATING, FENCING}, roads.RECOVERY[FINISHED])
        self.assertEqual({PROVEN, FINISHED}, roads.RECOVERY[FENCING])

    def test_confirmed_is_come_to_from_the_last_look_and_left_by_people(self):
        # From ADMITTING only while it is fenced: it died again.
        self.assertEqual([Stage.LAST_LOOK, Stage.ADMITTING], [stage for stage in Stage
                                                              if Stage.CONFIRMED in
                                                              roads.CASE[stage]])
        self.assertEqual({Stage.ADMITTING, Stage.CLOSED}, roads.CASE[Stage.CONFIRMED])

    def test_every_stage_has_its_row_and_what_is_in_no_row_is_refused(self):
        self.assertEqual(set(Stage), set(roads.CASE))
        self.assertEqual(set(RecoveryStage), set(roads.RECOVERY))
        self.assertEqual(set(Phase), set(roads.EVACUATION))
        self.assertRaises(AssertionError, roads.step_of_case, a_case(Stage.CONFIRMED),
                          Stage.SUSPECTED, AT, BY, 'life')
        self.assertRaises(AssertionError, roads.step_of_recovery, at(FENCING), PLANNED, AT, BY, '')
        for phase in Phase:
            self.assertRaises(AssertionError, roads.step_of_evacuation,
                              under_way(Phase.DONE), phase, AT, BY, '')

    def test_what_was_called_is_never_queued_again_and_what_was_not_is_never_done(self):
        for phase in (Phase.CALLING, Phase.MOVING):
            self.assertNotIn(Phase.QUEUED, roads.EVACUATION[phase])
        self.assertEqual([Phase.CALLING, Phase.MOVING], [
            phase for phase in Phase if Phase.DONE in roads.EVACUATION[phase]])
        self.assertEqual([Phase.WAITING], [
            phase for phase in Phase if Phase.QUEUED in roads.EVACUATION[phase]])

    def test_people_alone_lead_out_of_an_end(self):
        for phase in Phase:
            if phase.ended:
                self.assertLessEqual(roads.EVACUATION[phase], {Phase.WAITING, phase})
