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

"""Zones, groups and what nobody can read, where a sentence in a story would not do."""

import logging
import unittest

from kaopu_ha import records
from kaopu_ha.core.model import Evacuation, Phase
from tests.unit.sim.test_cases import play

TWO_ZONES = ('0 zone az1 has c1 and c2', '0 zone az2 has c3, c4 and c5')


def setUpModule():
    logging.disable(logging.CRITICAL)


def tearDownModule():
    logging.disable(logging.NOTSET)


def moves(played):
    return {item.name: item for item in played.world.every(Evacuation, records.EVACUATION)}


def targets(played, name):
    """Where its attempts went, in their order."""
    return [attempt.target for attempt in moves(played)[name].attempts]


class AZoneOfTwo(unittest.TestCase):
    """Five hosts; those of the other zone are emptier."""

    def play(self, *lines, hosts='c1 c2 c3 c4 c5'):
        return play('web: "c1, 2 cores, 2048 MB", db: "c1, 1 cores", other: "c2, 2 cores"',
                    *lines, '20 power off c1', '300 end', hosts=hosts)

    def test_while_placement_is_away_zones_are_known_all_the_same(self):
        played = self.play(*TWO_ZONES, '0 web is pinned to its zone', '15 Placement goes away')
        self.assertEqual((), played.wrong)
        self.assertEqual(['c2'], targets(played, 'web'))
        told = [line.text for line in played.world.timeline
                if 'not known for the plan' in line.text]
        self.assertEqual(1, len(told), told)

    def test_a_nova_that_tells_of_no_pins_has_them_go_to_their_zone_first(self):
        played = self.play(*TWO_ZONES, '0 Nova does not tell who is pinned to a zone',
                           '0 web is pinned to its zone')
        self.assertEqual(['c2'], targets(played, 'web'))
        self.assertEqual(['c2'], targets(played, 'db'))

    def test_where_that_zone_is_full_a_few_others_are_tried_and_then_it_waits(self):
        played = self.play(*TWO_ZONES, '0 Nova does not tell who is pinned to a zone',
                           '0 web is pinned to its zone', '5 c2 has 2 cores',
                           '0 zone az2 has c6 and c7', hosts='c1 c2 c3 c4 c5 c6 c7')
        web, db = moves(played)['web'], moves(played)['db']
        self.assertEqual(Phase.DONE, db.phase)
        self.assertEqual(Phase.WAITING, web.phase)
        self.assertNotIn('c2', targets(played, 'web'))
        # Five minutes have two or three rounds, of three each.
        self.assertLessEqual(len(web.attempts), 3 * (web.rounds + 1))
        self.assertGreater(web.rounds, 1)


class ATargetThatDoesNotTakeIt(unittest.TestCase):

    def test_it_is_given_up_after_seconds_and_costs_nothing(self):
        def prepare(world):
            taken, real = [], world.nova.lay.parted

            def parted(nova, row, host):
                # Between the scheduler's yes and the target's turn another one came there.
                if nova.computes[host]._process is not None and row.task_state == 'rebuilding' and (
                        len(taken) < 2):
                    taken.append(host)
                    return len(taken) == 2
                return real(nova, row, host)
            world.nova.lay.parted = parted
        played = play('db1: c1, db2: c4', '0 a group keeps db1 and db2 apart', '20 power off c1',
                      '100 expect db1 runs elsewhere', '300 end', hosts='c1 c2 c3 c4',
                      prepare=prepare)
        self.assertEqual((), played.wrong)
        self.assertEqual(['c2', 'c3'], targets(played, 'db1'))
        self.assertEqual(0, moves(played)['db1'].failures)
        refused = next(step for step in moves(played)['db1'].history if step.stage == 'refused')
        self.assertIn('others were there first', refused.reason)


if __name__ == '__main__':
    unittest.main()
