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

"""What is shown follows from what is so, and says nothing that only operators may know."""

import unittest

from kaopu_ha.core import board
from kaopu_ha.core.board import MessageKind, Seen
from kaopu_ha.core.brake import Storm
from kaopu_ha.core.model import Phase, RecoveryStage, Stage
from kaopu_ha.core.waiting import Kind, Waiting
from tests.core.values import a_case, a_recovery, an_evacuation

CONFIRMED = a_case(Stage.CONFIRMED, recovery='c1-7')


def seen(**changes):
    return Seen(**{'storm': Storm(), 'cases': (), 'recoveries': {}, 'moves': (),
                   'waits': ()} | changes)


def of_recovery(stage, *phases, cases=(CONFIRMED,)):
    """A host is confirmed dead, its recovery is so far, and its moves are in these phases."""
    moves = [an_evacuation(f'i{number}', phase) for number, phase in enumerate(phases)]
    return seen(cases=cases, recoveries={'c1-7': a_recovery(stage=stage)}, moves=moves)


def waits(*kinds, host='c1'):
    return tuple(Waiting(host, kind, 'a secret reason', f'i{number}', 'a secret name')
                 for number, kind in enumerate(kinds))


class Board(unittest.TestCase):

    def shown(self, what, *, names_hosts=False):
        found = board.messages(what, names_hosts=names_hosts)
        return [(one.kind, one.level) for one in found], ' | '.join(one.text for one in found)

    def test_nothing_is_shown_while_all_is_well(self):
        self.assertEqual(([], ''), self.shown(seen(cases=(a_case(),))))

    def test_a_brake_that_holds_hosts_says_how_many(self):
        kinds, text = self.shown(seen(storm=Storm(on=True, braked=('c1', 'c2'))))
        self.assertEqual([(MessageKind.BRAKE, 'error')], kinds)
        self.assertIn('no instance of 2 hosts is moved', text)

    def test_a_brake_in_its_cooldown_is_a_warning(self):
        kinds, text = self.shown(seen(storm=Storm(on=True, calm=3.0)))
        self.assertEqual([(MessageKind.BRAKE, 'warning')], kinds)
        self.assertIn('the brake is on', text)

    def test_a_storm_that_is_over_is_not_shown(self):
        self.assertEqual([], self.shown(seen(storm=Storm(on=False, braked=('c1',))))[0])

    def test_a_confirmed_host_is_an_error_with_its_moves_while_they_go_on(self):
        kinds, text = self.shown(of_recovery(
            RecoveryStage.EVACUATING, Phase.DONE, Phase.MOVING, Phase.FAILED, Phase.LEFT))
        self.assertEqual([(MessageKind.CONFIRMED, 'error')], kinds)
        self.assertIn('1 host is confirmed dead. 1 of 3 instances moved.', text)

    def test_before_there_is_a_plan_no_number_is_shown(self):
        _, text = self.shown(of_recovery(RecoveryStage.FENCING))
        self.assertIn('1 host is confirmed dead. Administrators:', text)

    def test_a_finished_recovery_is_a_warning_until_its_host_is_taken_back(self):
        kinds, text = self.shown(of_recovery(RecoveryStage.FINISHED, Phase.DONE))
        self.assertEqual([(MessageKind.CONFIRMED, 'warning')], kinds)
        self.assertIn('Its recovery has finished', text)
        admitting = (a_case(Stage.ADMITTING, recovery='c1-7'),)
        self.assertEqual([], self.shown(of_recovery(RecoveryStage.FINISHED, cases=admitting))[0])

    def test_of_several_hosts_it_is_an_error_while_one_recovery_goes_on(self):
        what = of_recovery(RecoveryStage.FINISHED, Phase.DONE,
                           cases=(CONFIRMED, a_case(Stage.CONFIRMED, host='c2', recovery='c2-9')))
        kinds, text = self.shown(what)
        self.assertEqual([(MessageKind.CONFIRMED, 'error')], kinds)
        self.assertIn('2 hosts are confirmed dead. 1 of 1 instance moved.', text)

    def test_moves_of_a_former_recovery_do_not_count(self):
        former = an_evacuation('i9', Phase.DONE, recovery='c1-2')
        what = seen(cases=(CONFIRMED,), recoveries={'c1-7': a_recovery()}, moves=(former,))
        self.assertNotIn('moved', self.shown(what)[1])

    def test_what_waits_is_counted_by_its_kind(self):
        kinds, text = self.shown(seen(waits=waits(Kind.CASE, Kind.INSTANCE, Kind.INSTANCE)))
        self.assertEqual([(MessageKind.WAITS, 'warning')], kinds)
        self.assertIn('1 host is not judged; 2 instances are not moved yet', text)

    def test_what_does_not_run_is_an_error(self):
        for kind in (Kind.LOST, Kind.OFF, Kind.RECOVERY):
            with self.subTest(kind):
                self.assertEqual([(MessageKind.WAITS, 'error')],
                                 self.shown(seen(waits=waits(kind)))[0])

    def test_every_kind_of_what_waits_can_be_told(self):
        for kind in Kind:
            for count in (1, 2):
                text = self.shown(seen(waits=waits(*[kind] * count)))[1]
                self.assertIn(f'{count} ', text, kind)
                self.assertNotIn('{}', text)

    def test_hosts_that_the_brake_holds_do_not_wait_twice(self):
        what = seen(storm=Storm(on=True, braked=('c1',)), waits=waits(Kind.CASE))
        self.assertEqual([(MessageKind.BRAKE, 'error')], self.shown(what)[0])
        what = seen(storm=Storm(on=True, braked=('c1',)), waits=waits(Kind.CASE, host='c2'))
        self.assertEqual(2, len(self.shown(what)[0]))

    def test_errors_come_first(self):
        what = seen(storm=Storm(on=True, calm=1.0), waits=waits(Kind.LOST))
        self.assertEqual(['error', 'warning'], [level for _, level in self.shown(what)[0]])


class WhoReads(unittest.TestCase):
    """A tenant reads it, too."""

    WHAT = seen(storm=Storm(on=True, braked=('c4',)), cases=(CONFIRMED,),
                recoveries={'c1-7': a_recovery(refused=('a secret address',))},
                moves=(an_evacuation('i1', Phase.FAILED, reason='a secret reason'),),
                waits=waits(Kind.LOST, host='c5'))

    def test_no_host_is_named_unless_the_operator_wants_it(self):
        text = str(board.messages(self.WHAT, names_hosts=False))
        for host in ('c1', 'c4', 'c5'):
            self.assertNotIn(host, text)

    def test_each_message_names_its_hosts_if_the_operator_wants_it(self):
        found = {one.kind: one.text for one in board.messages(self.WHAT, names_hosts=True)}
        self.assertIn('1 host (c4)', found[MessageKind.BRAKE])
        self.assertIn('1 host (c1) is confirmed', found[MessageKind.CONFIRMED])
        self.assertIn('does not run (c5)', found[MessageKind.WAITS])

    def test_no_instance_no_reason_and_no_address_is_ever_named(self):
        self.assertNotIn('secret', str(board.messages(self.WHAT, names_hosts=True)))

    def test_of_many_hosts_some_are_named_and_the_others_counted(self):
        many = seen(storm=Storm(on=True, braked=tuple(f'c{number:02}' for number in range(30))))
        text = board.messages(many, names_hosts=True)[0].text
        self.assertIn('30 hosts (c00, c01,', text)
        self.assertIn('and 20 more)', text)

    def test_a_long_name_is_cut(self):
        text = board.messages(seen(storm=Storm(on=True, braked=('c' * 5000,))),
                              names_hosts=True)[0].text
        self.assertLess(len(text), 500)


class WithoutStore(unittest.TestCase):

    def test_it_says_that_nobody_knows_and_since_when(self):
        only, = board.without_store('2026-01-01 00:03 UTC')
        self.assertEqual((MessageKind.STORE, 'error'), (only.kind, only.level))
        self.assertIn('since 2026-01-01 00:03 UTC', only.text)


if __name__ == '__main__':
    unittest.main()
