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

"""Guests that crash: what is taken out of the rules is found by their stories, and what may come
in between is played once each.
"""

import logging
import unittest

from kaopu_ha.controller import crashes as counting
from kaopu_ha.core import crashes, notified, restart
from kaopu_ha.sim import scenarios, story
from tests.unit.sim.mutants import put

SAID, STARTED, DIES = ('said-of-guests-and-processes', 'guests-that-crash-are-started',
                       'crashed-just-before-its-host')


def setUpModule():
    # What the program logs of a world in trouble is no news here.
    logging.disable(logging.CRITICAL)


def tearDownModule():
    logging.disable(logging.NOTSET)


class Mutants(unittest.TestCase):

    def finds(self, name, law, *mutants):
        for each in mutants:
            each.setUp()
            self.addCleanup(each.cleanUp)
        self.assertIn(law, ''.join(story.play(story.read(scenarios.text(name))).wrong))

    def test_who_crashed_is_not_counted(self):
        self.finds(STARTED, 'not again and again', put(
            counting, 'counted', lambda store, world, opened, at, rules: []))

    def test_what_was_counted_is_not_looked_at(self):
        self.finds(STARTED, 'not again and again', put(counting, '_lately', lambda world: {}))

    def test_what_is_to_be_told_is_started(self):
        def called(inventory, before, lately, at, by, rules):
            uuids = [uuid for uuid in inventory.crashed if uuid not in restart.stays_off(before)]
            return crashes._opened(inventory, before, uuids, lately, False, at, by, rules)
        self.finds(DIES, 'a crash is left where nobody asked', put(crashes, 'seen', called))

    def test_what_was_only_told_of_is_left_when_its_host_dies(self):
        self.finds(DIES, 'web runs elsewhere', put(restart, 'OF_A_PERSON', frozenset()))

    def test_what_is_said_of_a_guest_is_not_acted_on(self):
        self.finds(SAID, 'web runs on c1', put(
            crashes, 'called', lambda inventory, before, instance, lately, at, by, rules: None))

    def test_what_is_said_is_believed_while_its_host_says_otherwise(self):
        def on(seen, rules):
            return notified.Followed(notified.NotificationStatus.RUNNING, 'as it was said', True)
        self.finds(SAID, 'what was said of c1 is ignored', put(notified, '_of_guest', on))

    def test_a_host_with_many_is_not_told_of(self):
        self.finds(STARTED, 'is something wrong with the host', put(
            crashes, '_many', lambda inventory, before, record, new: ()))


class Lives(unittest.TestCase):
    """What may come in between, each once."""

    def play(self, *lines, crashed='start', instances='web: c1, db: c1'):
        played = story.play(story.read(
            f'title: a case\npace: fast\ncrashed: {crashed}\ninstances: {{{instances}}}\nstory:\n'
            + ''.join(f'  - {line}\n' for line in lines)))
        self.assertEqual((), played.wrong, played.log)
        return played

    def test_its_host_is_on_hold(self):
        self.play('5 hold c1', '10 the guest of web crashes', '100 expect web is off',
                  '100 release c1', '140 expect web runs on c1', '140 end')

    def test_its_host_dies_before_it_is_started(self):
        self.play('10 the guest of web crashes', '12 power off c1', '120 expect web runs elsewhere',
                  '120 expect db runs elsewhere', '120 end')

    def test_its_host_is_booted_before_it_is_started(self):
        self.play('10 the guest of web crashes', '12 power off c1', '14 power on c1',
                  '100 expect every instance runs where it was', '100 end')

    def test_its_nova_compute_is_away(self):
        self.play('5 nova-compute of c1 dies', '10 the guest of web crashes',
                  '120 expect web is off', '120 nova-compute of c1 starts',
                  '200 expect web runs on c1', '200 end')

    def test_nova_is_away(self):
        self.play('9 Nova goes away', '10 the guest of web crashes', '100 Nova comes back',
                  '200 expect web runs on c1', '200 end')

    def test_its_user_stops_it_before_it_is_started(self):
        self.play('10 the guest of web crashes', '12 stop web', '100 expect web is off', '100 end')

    def test_its_user_starts_it_first(self):
        self.play('10 the guest of web crashes', '27 boot web', '60 expect web runs on c1',
                  '60 end')

    def test_the_leader_is_killed_where_it_was_to_start_it(self):
        self.play('10 the guest of web crashes', '12 kill the leader',
                  '100 expect web runs on c1', '100 end')

    def test_the_agent_is_dead_and_nobody_acts_on_what_it_told_before(self):
        played = self.play('5 kill agent-c1', '10 the guest of web crashes',
                           '11 somebody says that the guest of web crashed',
                           '100 expect web is off', '100 start agent-c1',
                           '180 expect web runs on c1', '180 end')
        self.assertNotIn('confirmed', played.log)

    def test_it_opted_out(self):
        self.play('5 mark web by metadata HA_Enabled=no', '10 the guest of web crashes',
                  '100 expect web is off',
                  '100 expect it was told that it opted out', '100 end')

    def test_the_operator_leaves_it(self):
        played = self.play('10 the guest of web crashes', '100 expect web is off', '100 end',
                           crashed='leave')
        self.assertNotIn('guest crashed', played.log)

    def test_it_crashes_while_it_is_being_migrated(self):
        for at in (11, 13, 16, 19):
            played = self.play('10 migrate web to c2', f'{at} the guest of web crashes',
                               '120 end', instances='web: c1')
            row = played.world.row('web')
            self.assertEqual([row.host], played.world.writing_on(row), (at, played.log))

    def test_a_late_word_starts_nothing_that_its_user_stopped(self):
        self.play('10 guests do not start on c1', '10 the guest of web crashes',
                  '30 stop web', '40 guests start on c1',
                  '41 somebody says that the guest of web crashed', '120 expect web is off',
                  '120 end')

    def test_several_say_it_at_once(self):
        played = self.play(*(f'10.{number} somebody says that the guest of {name} crashed'
                             for number, name in enumerate(('web', 'db', 'web', 'db'))),
                           '10 the guest of web crashes', '10 the guest of db crashes',
                           '100 expect every instance runs where it was',
                           '100 expect Nova was asked 1 times to start web', '100 end',
                           crashed='tell')
        self.assertEqual(2, played.log.count('instance runs again'))


if __name__ == '__main__':
    unittest.main()
