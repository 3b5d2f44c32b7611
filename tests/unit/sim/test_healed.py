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

"""Nothing is excused in the end but what a person has to mend, and by itself only."""

import dataclasses
import logging
import unittest

from kaopu_ha import ports, records
from kaopu_ha.core import restart
from kaopu_ha.core.model import Evacuation, Phase
from kaopu_ha.sim import scenarios, story
from kaopu_ha.sim.healed import for_people, unhealed
from kaopu_ha.sim.healing import heal

STORY = 'late-end-of-a-given-up-attempt-ends-the-next'
BY_HAND = 'its record has to be mended by hand'


class TestHealed(unittest.TestCase):

    def setUp(self):
        logging.disable(logging.CRITICAL)
        self.addCleanup(logging.disable, logging.NOTSET)
        told = story.read(scenarios.text(STORY))
        # Until i2 waits for a person, and nobody has mended anything.
        told = dataclasses.replace(told, end=110.0, events=tuple(
            event for event in told.events if event.at < 110.0))
        self.world = story.play(told).world
        self.addCleanup(self.world.kernel.close)

    def change(self, name, **changes):
        """Have the record of a move say something else."""
        item = next(one for one in self.world.every(Evacuation, records.EVACUATION)
                    if one.name == name)
        self.world.etcd.commit([], [ports.Put(
            f'{records.EVACUATION}{item.recovery}/{item.instance}',
            records.encode(dataclasses.replace(item, **changes)))])

    def test_what_waits_for_a_person_excuses_itself_and_its_recovery(self):
        self.assertEqual(['i2'], [item.name for item in for_people(self.world)])
        self.assertEqual([], unhealed(self.world))

    def test_it_excuses_no_other_move_of_its_recovery(self):
        self.change('i5', phase=Phase.MOVING, reason='Nova failed; is it on c2?')
        self.assertEqual(['i5 is moving: Nova failed; is it on c2?'], unhealed(self.world))

    def test_a_start_in_place_that_waits_for_it_is_excused_and_no_other_one(self):
        rows = [self.world.row(name) for name in ('i2', 'i5')]
        host = next(host for host in self.world.machines if self.world.case(host) is None
                    and host not in [row.host for row in rows])
        self.world.etcd.commit([], [ports.Put(records.RESTART + host, records.encode(
            restart.Restart(host, 'boot', tuple(restart.Start(
                row.uuid, row.name, restart.StartPhase.WAITING, 'under way') for row in rows))))])
        self.assertEqual([f'i5 is still to be started on {host}: waiting: under way'],
                         unhealed(self.world))

    def test_what_is_not_so_excuses_nothing(self):
        self.change('i5', phase=Phase.MOVING, reason=BY_HAND, row='off on its target')
        self.assertEqual([f'i5 is moving: {BY_HAND}'], unhealed(self.world))

    def test_what_an_older_move_ended_with_does_not_say_why_it_is_off_now(self):
        row = self.world.row('i4')
        self.world.machines[row.host].remove(row.uuid)
        off = [f'i4 does not run; Nova: active/ on {row.host}']
        self.assertEqual(off, unhealed(self.world))
        self.change('i4', phase=Phase.FAILED, reason='every other host was tried')
        self.assertEqual([], unhealed(self.world))
        newest = next(one for one in self.world.every(Evacuation, records.EVACUATION)
                      if one.name == 'i4')
        later = dataclasses.replace(newest.history[0], at='2026-01-01T01:00:00.000+00:00')
        again = dataclasses.replace(newest, recovery='a-1', phase=Phase.DONE, reason='active on c2',
                                    history=(later,))
        self.world.etcd.commit([], [ports.Put(f'{records.EVACUATION}a-1/{again.instance}',
                                              records.encode(again))])
        self.assertEqual(off, unhealed(self.world))


HELD = '''
title: Two hosts with one address and one volume, of which one is off
pace: fast
instances: {i2: 'c2, without exclusive-lock', i4: 'c1, without exclusive-lock'}
story:
  - 0 kill agent-c2
  - 1 attach a volume to i2 and i4
  - 5 c1 has the storage address 10.91.0.12 too
  - 47 power off c1
  - 52 start agent-c2
  - 1200 end
'''


class TestHeldByAnother(unittest.TestCase):

    def setUp(self):
        logging.disable(logging.CRITICAL)
        self.addCleanup(logging.disable, logging.NOTSET)
        self.world = story.play(story.read(HELD)).world
        self.addCleanup(self.world.kernel.close)

    def test_who_waits_for_the_client_of_another_is_excused_if_people_were_told(self):
        self.assertFalse(self.world.machines['c1'].node.powered)
        self.assertEqual([], unhealed(self.world))
        self.world.told.clear()
        self.assertEqual(['i4 does not run; Nova: active/ on c1'], unhealed(self.world))


class TestOneOfTwoCallsWasRefused(unittest.TestCase):

    def setUp(self):
        logging.disable(logging.CRITICAL)
        self.addCleanup(logging.disable, logging.NOTSET)
        told = story.read(scenarios.text('one-of-two-calls-was-refused'))
        # Until web waits for a person, and nobody has mended anything.
        told = dataclasses.replace(told, end=400.0, events=tuple(
            event for event in told.events if event.at < 400.0))
        played = story.play(told)
        self.world, self.found = played.world, played.checkers.found
        self.addCleanup(self.world.kernel.close)

    def test_it_excuses_itself_only_if_no_message_is_left(self):
        self.assertEqual(['web'], [item.name for item in for_people(self.world)])
        self.assertEqual([], unhealed(self.world))
        for record in self.world.nova.records:
            record.lies_at = 'c2'
            self.assertEqual([], for_people(self.world))
            self.assertIn('web is moving: Nova refused a call to c2', unhealed(self.world)[0])
            record.lies_at = ''

    def test_one_that_a_person_evacuates_elsewhere_is_not_called_beside_that(self):
        nova, other = self.world.nova, self.world.computes['c3']
        # The message lies there for long, and Nova shows nothing but a task.
        other.freeze(True)
        nova.evacuate_for_a_person(self.world.row('web'), 'c3')
        self.world.run(440.0)
        other.freeze(False)
        self.world.run(540.0)
        self.assertEqual(([], 'c3', 3), (
            self.found, self.world.row('web').host, len(nova.records)))
        self.assertEqual([Phase.LEFT], [
            item.phase for item in self.world.every(Evacuation, records.EVACUATION)])


class TestPeople(unittest.TestCase):

    def test_they_ask_again_for_an_admission_that_was_refused(self):
        logging.disable(logging.CRITICAL)
        self.addCleanup(logging.disable, logging.NOTSET)
        told = story.read(scenarios.text('admitted-once-its-recovery-is-finished'))
        # Until web waits for c1, and nobody asks any more.
        told = dataclasses.replace(told, end=290.0, events=tuple(
            event for event in told.events if event.at < 290.0))
        played, by_hand = story.play(told), []
        self.addCleanup(played.world.kernel.close)
        self.assertIn('web does not run; Nova: active/ on c2', unhealed(played.world))
        self.assertEqual((), heal(played, by_hand))
        self.assertEqual({'admit every confirmed host'}, {event.words for event in by_hand})


if __name__ == '__main__':
    unittest.main()
