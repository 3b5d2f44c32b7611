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

"""Of whom it is said that he is surely dead: each condition, one taken away at a time."""

import dataclasses
import unittest

from kaopu_ha.core import surely_dead
from kaopu_ha.core.model import FenceOrder, Phase, Power, RecoveryStage, Step
from kaopu_ha.core.proofs import Word
from tests.core.values import (
    AT,
    BY,
    DISK,
    a_case,
    a_recovery,
    a_round,
    a_server,
    an_evacuation,
    an_instance,
    undecided,
)

PROVEN = '2026-01-01T00:05:35+00:00'
HISTORY = (Step(AT, BY, RecoveryStage.FENCING.value, ''),
           Step(PROVEN, BY, RecoveryStage.PROVEN.value, 'every address is fenced'))
ORDER = FenceOrder('ceph_blocklist', DISK.cluster, ('10.1.0.1:0/0',))


def told(*, instance=None, server=None, move=None, case=None, **changes):
    """What is told of the one instance that was on the host."""
    one = an_instance() if instance is None else instance
    given = {'stage': RecoveryStage.PROVEN, 'instances': (one,), 'history': HISTORY,
             'orders': (ORDER,)} | changes
    return surely_dead.certain(a_recovery(**given), [a_server() if server is None else server],
                          [an_evacuation() if move is None else move], case)


class Certain(unittest.TestCase):

    def test_what_was_on_with_its_disks_fenced_by_a_proof(self):
        (one,) = told()
        self.assertEqual(('i1', 'c1', PROVEN, True),
                         (one.instance, one.source, one.fenced_at, one.is_moved))

    def test_it_is_told_whether_it_comes_back_by_itself(self):
        for phase, is_moved in ((Phase.WAITING, True), (Phase.QUEUED, True), (Phase.LEFT, False),
                                (Phase.NOT_RECOVERABLE, False)):
            (one,) = told(move=an_evacuation('i1', phase))
            self.assertIs(is_moved, one.is_moved, phase)

    def test_whom_it_concerns(self):
        (one,) = told(move=an_evacuation(project='p1', opted_in=True, name='node-1'))
        self.assertEqual(('node-1', 'p1', True), (one.name, one.project, one.opted_in))

    def test_the_latest_proof_counts(self):
        later = dataclasses.replace(HISTORY[1], at='2026-01-01T00:06:00+00:00')
        (one,) = told(history=(*HISTORY, HISTORY[0], later))
        self.assertEqual(later.at, one.fenced_at)


class NotCertain(unittest.TestCase):

    def nothing(self, **changes):
        self.assertEqual((), told(**changes))

    def test_without_a_proof(self):
        self.nothing(history=HISTORY[:1])

    def test_by_a_persons_word(self):
        self.nothing(word=Word('joe', AT, 'it is off'))

    def test_of_a_host_that_was_confirmed_by_a_word_while_a_network_did_not_say(self):
        self.nothing(case=a_case(rounds=(a_round(), undecided())))
        self.assertTrue(told(case=a_case(rounds=(undecided(), a_round()))))

    def test_with_a_disk_where_the_host_is_not_fenced(self):
        other = dataclasses.replace(DISK, cluster='another')
        self.nothing(instance=an_instance(images=(DISK, other)))
        self.nothing(orders=(dataclasses.replace(ORDER, addresses=(), held=('10.1.0.1:0/0',)),))
        self.nothing(orders=(dataclasses.replace(ORDER, held=('10.1.0.9:0/0',)),))
        self.nothing(orders=(dataclasses.replace(ORDER, held_clients=('10.1.0.9:0/7',)),))
        self.nothing(orders=())

    def test_with_a_disk_of_its_host_or_with_none_that_is_known(self):
        self.nothing(instance=an_instance(local_disks=('/var/lib/vda',)))
        self.nothing(instance=an_instance(images=()))
        self.nothing(instance=an_instance(images=(dataclasses.replace(DISK, header=''),)))

    def test_what_was_off_and_what_its_host_never_told_of(self):
        self.nothing(instance=an_instance(power=Power.OFF))
        self.nothing(move=an_evacuation(power=Power.OFF))
        self.nothing(instances=())

    def test_what_nova_has_in_hand_or_elsewhere(self):
        for task in ('migrating', 'resize_migrating', 'rebuilding'):
            self.nothing(server=a_server(task_state=task))
        for state in ('resized', 'error', 'stopped', 'building', 'shelved_offloaded'):
            self.nothing(server=a_server(vm_state=state))
        self.nothing(server=a_server('another'))


if __name__ == '__main__':
    unittest.main()
