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

"""What is open is listed with its reason, and told until it moves."""

import dataclasses
import unittest

from kaopu_ha.core import waiting
from kaopu_ha.core.model import AdmitProgress, Phase, RecoveryStage, Stage
from kaopu_ha.core.reminding import Open
from kaopu_ha.core.waiting import Kind, Waiting
from tests.core.values import (
    a_case,
    a_recovery,
    an_evacuation,
    rules,
    silent,
    under_way,
)

CONFIRMED = a_case(Stage.CONFIRMED, recovery='c1-7')
MOVING = a_recovery(stage=RecoveryStage.EVACUATING)


def listed(case, *moves, recovery=MOVING, **given):
    found = waiting.waiting([case], {recovery.id: recovery} if recovery else {}, moves, **given)
    return [(item.kind, item.name, item.reason) for item in found]


class OfAHost(unittest.TestCase):

    def test_a_case_that_is_judged_waits_with_the_rule_of_its_last_round(self):
        case = a_case(Stage.DYING, rounds=(silent(),))
        self.assertEqual([(Kind.CASE, '', f'dying: {silent().rule}')], listed(case))

    def test_a_case_that_was_just_opened_waits(self):
        self.assertEqual([(Kind.CASE, '', 'its beat is gone; it was not looked at yet')],
                         listed(a_case()))

    def test_a_host_on_hold_waits_for_those_who_hold_it(self):
        self.assertEqual([], listed(a_case(), held={'c1'}))

    def test_an_admission_waits_for_its_step(self):
        case = a_case(Stage.ADMITTING, recovery='c1-7',
                      admit=AdmitProgress('joe', waiting_for='its beat is awaited'))
        ended = a_recovery(stage=RecoveryStage.FINISHED)
        self.assertEqual([(Kind.ADMISSION, '', 'its beat is awaited')],
                         listed(case, recovery=ended))

    def test_a_confirmed_host_whose_recovery_is_finished_waits_for_nothing_of_ours(self):
        ended = a_recovery(stage=RecoveryStage.FINISHED)
        self.assertEqual([], listed(CONFIRMED, an_evacuation(phase=Phase.DONE), recovery=ended))

    def test_a_recovery_waits_for_what_it_says_or_for_its_next_step(self):
        fencing = a_recovery(stage=RecoveryStage.FENCING, waiting_for='no quorum')
        self.assertEqual([(Kind.RECOVERY, '', 'fencing: no quorum')],
                         listed(CONFIRMED, recovery=fencing))
        self.assertEqual([(Kind.RECOVERY, '', 'proven: its next step')],
                         listed(CONFIRMED, recovery=a_recovery()))

    def test_a_recovery_that_can_not_be_read_is_told(self):
        (_, _, reason), = listed(CONFIRMED, recovery=None)
        self.assertIn('c1-7 is not there', reason)


class OfAnInstance(unittest.TestCase):

    def test_each_phase_that_has_not_ended_is_told_with_its_reason(self):
        for phase in (Phase.WAITING, Phase.CALLING, Phase.MOVING, Phase.REFUSED):
            with self.subTest(phase=phase):
                item = under_way(phase=phase, reason='it has no cores left')
                self.assertEqual([(Kind.INSTANCE, 'name of i1',
                                   f'{phase.value} to c2: it has no cores left')],
                                 listed(CONFIRMED, item))

    def test_a_task_that_nobody_takes_is_told_so(self):
        item = an_evacuation(phase=Phase.QUEUED, target='c2')
        self.assertIn('nobody takes it to c2', listed(CONFIRMED, item)[0][2])
        self.assertNotIn('nobody takes', listed(CONFIRMED, item, claimed={'i1'})[0][2])

    def test_what_is_given_up_is_down_until_the_case_is_over(self):
        for phase in (Phase.FAILED, Phase.NOT_RECOVERABLE):
            item = an_evacuation(phase=phase, reason='on local disk')
            self.assertEqual([(Kind.LOST, 'name of i1', f'{phase.value}: on local disk')],
                             listed(CONFIRMED, item, recovery=a_recovery(
                                 stage=RecoveryStage.FINISHED)))
            self.assertEqual([], listed(a_case(Stage.CLOSED, recovery='c1-7'), item))

    def test_what_was_off_or_moved_is_not_listed(self):
        for phase in (Phase.LEFT, Phase.DONE):
            self.assertEqual([], listed(CONFIRMED, an_evacuation(phase=phase), recovery=a_recovery(
                stage=RecoveryStage.FINISHED)))


class WhenItIsTold(unittest.TestCase):

    RULES = rules(remind_after=600.0, remind_again=3600.0)
    WAITS = Waiting('c1', Kind.INSTANCE, 'waiting: no room', 'i1', 'web')

    def told(self, times, found=(WAITS,), memory=None):
        memory, due = memory or {}, []
        for now in times:
            said = waiting.remind(memory, found, now, self.RULES)
            memory = said.memory
            due.append(len(said.due))
        return due

    def test_it_is_told_after_a_while_and_again_and_again(self):
        self.assertEqual([0, 0, 1, 0, 0, 1, 1],
                         self.told([0.0, 599.0, 600.0, 601.0, 4199.0, 4200.0, 7800.0]))

    def test_another_reason_is_no_new_beginning(self):
        first = waiting.remind({}, [self.WAITS], 0.0, self.RULES)
        changed = dataclasses.replace(self.WAITS, reason='waiting: another')
        (group,), = [waiting.remind(first.memory, [changed], 600.0, self.RULES).due]
        self.assertEqual((changed,), group)

    def test_what_is_over_is_forgotten_and_begins_anew(self):
        memory = waiting.remind({}, [self.WAITS], 0.0, self.RULES).memory
        self.assertEqual({}, waiting.remind(memory, [], 300.0, self.RULES).memory)
        memory = waiting.remind({}, [self.WAITS], 400.0, self.RULES).memory
        self.assertEqual(Open(400.0), memory[self.WAITS.key])

    def test_those_that_wait_for_the_same_are_told_in_one_sentence(self):
        found = [dataclasses.replace(self.WAITS, instance=f'i{number}', name=f'web-{number}')
                 for number in range(12)]
        other = dataclasses.replace(self.WAITS, instance='j', name='db', reason='other')
        memory = waiting.remind({}, [*found, other], 0.0, self.RULES).memory
        same, alone = waiting.remind(memory, [*found, other], 660.0, self.RULES).due
        text = waiting.sentence(same, 660.0)
        self.assertIn('web-0, ', text)
        self.assertIn(' and 2 more: is not moved yet, for 11 min: waiting: no room', text)
        self.assertEqual((other,), alone)

    def test_a_host_is_told_without_names(self):
        self.assertEqual('is not judged for 30 s: why', waiting.sentence(
            (Waiting('c1', Kind.CASE, 'why'),), 30.0))
