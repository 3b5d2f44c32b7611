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
"""What people may ask of a recovery, and when; an answer is whole, and the same if asked twice."""

import dataclasses
import unittest

from kaopu_ha.core import model, policy, recovery, restart, roads, waiting, wishes
from kaopu_ha.core.model import Phase, RecoveryStage, Stage
from kaopu_ha.core.news import Fact
from kaopu_ha.core.wishes import Wish, WishState, WishVerb
from tests.core import values

OPEN = (Phase.WAITING, Phase.QUEUED, Phase.REFUSED)
CALLED = (Phase.CALLING, Phase.MOVING)


def a_wish(verb=WishVerb.GIVE_UP, **changes):
    named = {} if verb in (WishVerb.END, WishVerb.GO_ON) else {'instance': 'i1', 'name': 'web'}
    return Wish(verb, 'c1', 'ann@admin1', values.AT, 'its owner is told',
                **{'recovery': 'c1-7'} | named | changes)


def a_look(*moves, stage=RecoveryStage.EVACUATING, case=Stage.CONFIRMED, **changes):
    return dataclasses.replace(wishes.Seen(
        values.AT, values.BY, case=values.a_case(case, recovery='c1-7'),
        recovery=values.a_recovery(stage=stage), evacuations=moves), **changes)


def a_move(phase, **changes):
    given = {'reason': 'some reason'} | changes
    if phase in (*CALLED, Phase.DONE, Phase.REFUSED):
        return values.under_way(phase, **given)
    return values.an_evacuation(phase=phase, **given)


def answered(verb, *moves, **look):
    return wishes.answered(a_wish(verb), a_look(*moves, **look), values.rules())


class Refusals:
    """For a test case: what is refused changes nothing, and says why."""

    def refused(self, answer):
        self.assertIs(WishState.REFUSED, answer.wish.state)
        self.assertTrue(answer.wish.answer)
        self.assertEqual((None, (), None, ()), (answer.recovery, answer.evacuations, answer.restart,
                                                answer.withdrawn))
        self.assertEqual([Fact.WISH_REFUSED], [item.fact for item in answer.news])
        return answer.wish.answer


class TestWhatThePolicyLeft(unittest.TestCase):

    def test_a_person_who_asks_for_it_by_name_has_it_moved(self):
        found = values.a_recovery(stage=RecoveryStage.FINISHED, orders=(an_order(),))
        answer = answered(WishVerb.RETRY, a_move(Phase.LEFT, row=policy.ROW), recovery=found)
        [anew] = answer.evacuations
        self.assertEqual((WishState.DONE, Phase.WAITING, ''),
                         (answer.wish.state, anew.phase, anew.row))

    def test_not_what_was_off(self):
        self.assertIs(WishState.REFUSED, answered(WishVerb.RETRY, a_move(Phase.LEFT)).wish.state)


class TestGiveUp(Refusals, unittest.TestCase):

    def test_what_waits_has_failed_with_the_reason_of_the_person(self):
        for phase in OPEN:
            answer = answered(WishVerb.GIVE_UP, a_move(phase))
            [item] = answer.evacuations
            self.assertEqual((WishState.DONE, Phase.FAILED, 'ann@admin1', ''), (
                answer.wish.state, item.phase, item.given_up, item.target), phase)
            self.assertEqual('given up by ann@admin1: its owner is told', item.reason)
            self.assertEqual(['failed'], [one.result for one in answer.news[0].outcomes])

    def test_a_call_that_may_still_begin_is_never_given_up(self):
        for phase in CALLED:
            self.assertIn('may still begin',
                          self.refused(answered(WishVerb.GIVE_UP, a_move(phase))))

    def test_what_failed_is_kept_as_it_was_and_nobody_is_reminded_of_it(self):
        for phase in (Phase.FAILED, Phase.NOT_RECOVERABLE):
            answer = answered(WishVerb.GIVE_UP, a_move(phase))
            [item] = answer.evacuations
            self.assertIs(phase, item.phase)
            self.assertIn('some reason', item.reason)
            self.assertEqual((), answer.news[0].outcomes, 'its end was told before')
            case = values.a_case(Stage.CONFIRMED, recovery='c1-7')
            found = values.a_recovery(stage=RecoveryStage.FINISHED)
            self.assertEqual((), waiting.waiting([case], {'c1-7': found}, [item]))
            self.assertEqual(1, len(waiting.waiting([case], {'c1-7': found}, [a_move(phase)])))

    def test_what_is_over_is_not_given_up(self):
        for phase in (Phase.DONE, Phase.LEFT):
            self.assertIn(phase.value, self.refused(answered(WishVerb.GIVE_UP, a_move(phase))))

    def test_asked_twice_it_says_so_and_changes_nothing(self):
        [item] = answered(WishVerb.GIVE_UP, a_move(Phase.WAITING)).evacuations
        again = answered(WishVerb.GIVE_UP, item)
        self.assertEqual((WishState.DONE, ()), (again.wish.state, again.evacuations))

    def test_a_target_that_refused_just_now_is_kept_as_one_that_was_given_up(self):
        [item] = answered(WishVerb.GIVE_UP, a_move(Phase.REFUSED, tried=('c3',))).evacuations
        self.assertEqual(('c2', 'c3'), item.tried)

    def test_an_instance_of_another_recovery_is_refused(self):
        self.refused(answered(WishVerb.GIVE_UP))

    def test_what_is_not_planned_yet_is_refused_with_what_it_waits_for(self):
        for stage in (RecoveryStage.FENCING, RecoveryStage.PROVEN):
            look = a_look(stage=stage)
            look = dataclasses.replace(look, recovery=dataclasses.replace(
                look.recovery, waiting_for='a monitor is mute'))
            for verb in (WishVerb.RETRY, WishVerb.GIVE_UP):
                reason = self.refused(wishes.answered(a_wish(verb), look, values.rules()))
                self.assertIn('a monitor is mute', reason)
                self.assertIn('recovery go-on or end c1', reason)

    def test_once_the_host_is_admitted_the_recovery_is_over(self):
        for changes in ({'case': None}, {'case': values.a_case(Stage.CONFIRMED, recovery='c1-9')},
                        {'recovery': None}):
            look = dataclasses.replace(a_look(a_move(Phase.FAILED)), **changes)
            for verb in WishVerb:
                self.assertIn('openstack server start', self.refused(
                    wishes.answered(a_wish(verb), look, values.rules())))


class TestRetry(Refusals, unittest.TestCase):

    def test_it_waits_for_a_target_as_if_none_had_been_tried(self):
        for phase in (Phase.WAITING, Phase.REFUSED, Phase.FAILED):
            before = a_move(phase, passed_over=('c2', 'c3'), failures=2, rounds=4,
                            given_up='joe@m1', tried=('c3',))
            [item] = answered(WishVerb.RETRY, before).evacuations
            self.assertEqual((Phase.WAITING, '', (), 0, 0, ''), (
                item.phase, item.target, item.passed_over, item.failures, item.rounds,
                item.given_up), phase)
            self.assertLessEqual({'c3'}, set(item.tried), 'what lies there is not forgotten')
            self.assertEqual(before.attempts, item.attempts)

    def test_a_finished_recovery_is_taken_up_again(self):
        answer = answered(WishVerb.RETRY, a_move(Phase.FAILED), stage=RecoveryStage.FINISHED)
        self.assertIs(RecoveryStage.EVACUATING, answer.recovery.stage)
        self.assertIn('ann@admin1', answer.recovery.history[-1].reason)

    def test_an_open_recovery_stays_as_it_is(self):
        self.assertIsNone(answered(WishVerb.RETRY, a_move(Phase.FAILED)).recovery)

    def test_there_is_no_second_call_before_the_first_one_has_ended(self):
        for phase in CALLED:
            self.assertIn('no second call', self.refused(answered(WishVerb.RETRY, a_move(phase))))

    def test_what_has_a_target_or_is_over_is_refused(self):
        for phase in (Phase.QUEUED, Phase.DONE, Phase.LEFT):
            self.refused(answered(WishVerb.RETRY, a_move(phase)))

    def test_what_was_not_recoverable_is_tried_if_its_disks_may_be_opened_elsewhere(self):
        order = an_order()
        found = values.a_recovery(stage=RecoveryStage.FINISHED, orders=(order,))
        move = a_move(Phase.NOT_RECOVERABLE)
        self.assertIs(Phase.WAITING, answered(
            WishVerb.RETRY, move, recovery=found).evacuations[0].phase)
        for instance in (values.an_instance(local_disks=('swap',)),
                         values.an_instance(images=(values.DATA,)), values.an_instance(images=())):
            other = dataclasses.replace(found, instances=(instance,))
            self.assertIn('it can\'t be moved', self.refused(
                answered(WishVerb.RETRY, move, recovery=other)))

    def test_it_comes_too_late_while_the_host_is_taken_back(self):
        self.assertIn('being taken back', self.refused(
            answered(WishVerb.RETRY, a_move(Phase.FAILED), case=Stage.ADMITTING)))

    def test_it_withdraws_an_end_that_waits(self):
        end = a_wish(WishVerb.END, answer='it waits')
        answer = answered(WishVerb.RETRY, a_move(Phase.FAILED), ends=(end,))
        self.assertEqual([(WishState.REFUSED, WishVerb.END)],
                         [(one.state, one.verb) for one in answer.withdrawn])
        self.assertIn('ann@admin1', answer.withdrawn[0].answer)

    def test_whoever_retries_for_ever_fills_no_record(self):
        item = a_move(Phase.FAILED)
        for _ in range(500):
            [item] = answered(WishVerb.RETRY, item).evacuations
            item = dataclasses.replace(item, phase=Phase.FAILED)
        self.assertLess(len(item.history), 100)
        many = dataclasses.replace(item, attempts=a_move(Phase.MOVING).attempts * 300)
        self.assertIn('300 times', self.refused(answered(WishVerb.RETRY, many)))


class TestBeforeThePlan(Refusals, unittest.TestCase):

    def early(self, verb, stage, *moves, **look):
        on = values.an_instance('i2'), values.an_instance('i3', power=model.Power.OFF)
        found = values.a_recovery(stage=stage, instances=(values.an_instance(), *on))
        return answered(verb, *moves, **{'recovery': found} | look)

    def test_an_end_gives_up_what_was_on_and_finishes_it(self):
        for stage in (RecoveryStage.FENCING, RecoveryStage.PROVEN):
            answer = self.early(WishVerb.END, stage)
            self.assertEqual((WishState.DONE, RecoveryStage.FINISHED), (
                answer.wish.state, answer.recovery.stage))
            self.assertEqual([('i1', Phase.FAILED, 'ann@admin1'), ('i2', Phase.FAILED,
                                                                   'ann@admin1')],
                             [(item.instance, item.phase, item.given_up)
                              for item in answer.evacuations])
            self.assertIn('ann@admin1', answer.recovery.history[-1].reason)
            self.assertEqual(frozenset(), recovery.dead_hosts([answer.recovery])
                             if stage is RecoveryStage.FENCING else frozenset())

    def test_an_end_of_many_takes_several_turns_and_finishes_with_the_last(self):
        many = tuple(values.an_instance(f'i{number}') for number in range(100))
        found = values.a_recovery(stage=RecoveryStage.FENCING, instances=many)
        first = answered(WishVerb.END, recovery=found)
        self.assertEqual((WishState.ASKED, None), (first.wish.state, first.recovery))
        last = answered(WishVerb.END, *first.evacuations, recovery=found)
        self.assertEqual((WishState.DONE, 100), (
            last.wish.state, len({*first.evacuations, *last.evacuations})))
        self.assertIs(RecoveryStage.FINISHED, last.recovery.stage)

    def test_what_was_ended_before_its_plan_is_fenced_before_it_is_tried_again(self):
        ended = self.early(WishVerb.END, RecoveryStage.FENCING)
        answer = answered(WishVerb.RETRY, *ended.evacuations, recovery=ended.recovery)
        self.assertIs(RecoveryStage.FENCING, answer.recovery.stage)

    def test_a_word_stands_for_the_fence_and_is_kept_with_who_and_why(self):
        for stage in (RecoveryStage.FENCING, RecoveryStage.PROVEN, RecoveryStage.EVACUATING):
            answer = self.early(WishVerb.GO_ON, stage, inventory_revision=9)
            word = answer.recovery.word
            self.assertEqual((WishState.DONE, 'ann@admin1', 'its owner is told', 9), (
                answer.wish.state, word.who, word.why, word.inventory))
            self.assertIs(stage, answer.recovery.stage)
            self.assertEqual((roads.WORD_GIVEN, word.text), (
                answer.recovery.history[-1].stage, answer.recovery.history[-1].reason))
            self.assertEqual([Fact.WORD_GIVEN], [item.fact for item in answer.news])

    def test_who_said_that_it_is_switched_off_may_say_later_that_it_was_destroyed(self):
        off = values.a_recovery(
            stage=RecoveryStage.FINISHED, word=model.Word('joe', '', 'x'),
            history=(model.Step('', '', RecoveryStage.PROVEN.value, ''),))
        self.assertEqual(frozenset(), recovery.dead_hosts([off]))
        wish = dataclasses.replace(a_wish(WishVerb.GO_ON), destroyed=True)
        for proven in (False, True):
            answer = wishes.answered(wish, a_look(recovery=off, proven=proven), values.rules())
            self.assertEqual((WishState.DONE, True, RecoveryStage.FINISHED), (
                answer.wish.state, answer.recovery.word.destroyed, answer.recovery.stage))
            self.assertEqual({'c1'}, recovery.dead_hosts([answer.recovery]))
            again = a_look(recovery=answer.recovery)
            self.assertIs(WishState.REFUSED,
                          wishes.answered(wish, again, values.rules()).wish.state)
        beats = a_look(recovery=off, beats=True)
        self.assertIs(WishState.REFUSED, wishes.answered(wish, beats, values.rules()).wish.state)

    def test_no_word_is_taken_of_who_beats_or_is_fenced_or_done_with(self):
        for changes, reason in (({'beats': True}, 'c1 beats'), ({'proven': True}, 'read back'),
                                ({'stage': RecoveryStage.FINISHED}, 'is finished'),
                                ({'case': Stage.ADMITTING}, 'being taken back')):
            stage = changes.pop('stage', RecoveryStage.FENCING)
            self.assertIn(reason, self.refused(self.early(WishVerb.GO_ON, stage, **changes)))


class TestEnd(Refusals, unittest.TestCase):

    def test_what_is_not_under_way_is_given_up_and_the_end_waits_for_the_rest(self):
        moves = [a_move(phase, instance=phase.value) for phase in Phase]
        answer = answered(WishVerb.END, *moves)
        self.assertIs(WishState.ASKED, answer.wish.state)
        for phase in CALLED:
            self.assertIn(f'name of {phase.value} ({phase.value} to c2)', answer.wish.answer)
        self.assertEqual({phase.value for phase in (*OPEN, Phase.FAILED, Phase.NOT_RECOVERABLE)},
                         {item.instance for item in answer.evacuations})

    def test_while_it_waits_it_is_the_same_each_time(self):
        look = a_look(a_move(Phase.MOVING))
        first = wishes.answered(a_wish(WishVerb.END), look, values.rules())
        again = wishes.answered(first.wish, look, values.rules())
        self.assertEqual((first.wish, (), ()), (again.wish, again.evacuations, again.news))

    def test_it_is_done_when_all_of_them_have_ended(self):
        first = answered(WishVerb.END, a_move(Phase.WAITING), a_move(Phase.DONE, instance='i2'))
        self.assertEqual((WishState.DONE, [Fact.GIVEN_UP, Fact.ENDED]), (
            first.wish.state, [item.fact for item in first.news]))
        again = answered(WishVerb.END, *first.evacuations, stage=RecoveryStage.FINISHED)
        self.assertEqual((WishState.DONE, ()), (again.wish.state, again.evacuations))

    def test_of_many_so_many_are_written_at_a_time_as_one_transaction_takes(self):
        moves = [a_move(Phase.WAITING, instance=f'i{number}') for number in range(150)]
        answer = answered(WishVerb.END, *moves)
        self.assertEqual((WishState.ASKED, 60), (answer.wish.state, len(answer.evacuations)))

    def test_it_does_not_end_what_it_cannot_read(self):
        answer = answered(WishVerb.END, a_move(Phase.WAITING), unreadable=True)
        self.assertIs(WishState.ASKED, answer.wish.state)
        self.assertIn('can\'t be read', answer.wish.answer)


class TestStartInPlace(Refusals, unittest.TestCase):

    def answered(self, phase, verb=WishVerb.RETRY, boot='boot-2', **rules):
        start = restart.Start('i1', 'web', phase, '5 calls did not start it', 5, values.AT)
        record = restart.Restart('c1', 'boot-2', (start,))
        return wishes.answered(a_wish(verb, recovery='', boot_id=boot), wishes.Seen(
            values.AT, values.BY, restart=record), values.rules(**rules))

    def test_what_failed_or_rests_or_was_waved_off_is_started_again(self):
        for phase in (restart.StartPhase.FAILED, restart.StartPhase.WAITING,
                      restart.StartPhase.WAVED_OFF):
            [start] = self.answered(phase).restart.starts
            self.assertEqual((restart.StartPhase.WAITING, 0), (start.phase, start.calls), phase)

    def test_what_is_being_started_or_runs_or_was_left_is_refused(self):
        for phase in (restart.StartPhase.STARTING, restart.StartPhase.RUNS,
                      restart.StartPhase.LEFT):
            self.refused(self.answered(phase))

    def test_another_boot_is_another_matter(self):
        self.refused(self.answered(restart.StartPhase.FAILED, boot='boot-1'))

    def test_where_people_start_them_the_answer_says_how(self):
        self.assertIn('openstack server start i1',
                      self.refused(self.answered(restart.StartPhase.FAILED, restarts=False)))

    def test_it_is_waved_off_and_not_given_up(self):
        self.assertIn('wave-off c1 web',
                      self.refused(self.answered(restart.StartPhase.FAILED, WishVerb.GIVE_UP)))


class TestTakenUpAgain(unittest.TestCase):
    """A retry may come at the very moment at which the recovery is finished."""

    def test_a_finished_recovery_with_an_open_instance_goes_on(self):
        found = values.a_recovery(stage=RecoveryStage.FINISHED, checked=True)
        seen = recovery.Seen(values.AT, values.BY, 5, marked=True, fresh=True,
                             evacuations=(a_move(Phase.WAITING),))
        decision = recovery.advance(found, seen, values.rules())
        self.assertEqual((recovery.Act.COMMIT, RecoveryStage.EVACUATING),
                         (decision.act, decision.recovery.stage))

    def test_one_whose_instances_have_ended_rests(self):
        found = values.a_recovery(stage=RecoveryStage.FINISHED, checked=True)
        seen = recovery.Seen(values.AT, values.BY, 5, marked=True, fresh=True,
                             evacuations=(a_move(Phase.FAILED),))
        self.assertIs(recovery.Act.REST, recovery.advance(found, seen, values.rules()).act)


class TestTheTable(unittest.TestCase):

    def test_every_phase_has_its_row(self):
        for verb in (WishVerb.RETRY, WishVerb.GIVE_UP):
            for phase in Phase:
                self.assertIn(answered(verb, a_move(phase)).wish.state,
                              (WishState.DONE, WishState.REFUSED), (verb, phase))


def an_order():
    """An order that fences the cluster of the disk."""
    return model.FenceOrder('ceph_blocklist', values.DISK.cluster, ('10.1.0.1:0/0',))


if __name__ == '__main__':
    unittest.main()
