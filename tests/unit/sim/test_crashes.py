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

from kaopu_ha import records
from kaopu_ha.agent import processes, requests, resuming
from kaopu_ha.controller import bars, resumes
from kaopu_ha.controller import crashes as counting
from kaopu_ha.core import crashes, notified, restart
from kaopu_ha.sim import scenarios, story
from kaopu_ha.testing.local import TimedPermit
from tests.unit.sim.mutants import InStories, put

SAID, STARTED, DIES = ('said-of-guests-and-processes', 'guests-that-crash-are-started',
                       'crashed-just-before-its-host')
STUCK, RESUMED, REBOOTED, CONDEMNED = (
    'paused-by-an-io-error', 'an-io-error-and-its-host-resumes', 'resumed-in-vain-and-rebooted',
    'condemned-before-it-resumed')
HANGS, ENDS = 'a-watchdog-pauses-guests', 'nova-compute-ends-and-nobody-says-so'


def setUpModule():
    # What the program logs of a world in trouble is no news here.
    logging.disable(logging.CRITICAL)


def tearDownModule():
    logging.disable(logging.NOTSET)


class Mutants(InStories):

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

    def test_what_is_stuck_counts_as_on(self):
        rows = tuple((name, (lambda start, seen, rules: seen.power is not None
                             and seen.power is not restart.model.Power.OFF)
                      if name == 'it is on' else applies, then)
                     for name, applies, then in restart._ROWS)
        self.finds(RESUMED, 'web is not stuck: it is', put(restart, '_ROWS', rows))

    def without(self, *names):
        return put(restart, '_ROWS', tuple(row for row in restart._ROWS if row[0] not in names))

    def test_what_is_only_to_be_resumed_is_rebooted(self):
        self.finds(RESUMED, 'what is resumed keeps its memory', self.without(
            'it may be resumed', 'nobody reboots it'))

    def test_it_is_resumed_for_ever(self):
        rows = tuple((name, (lambda start, seen, rules: seen.stuck) if name == 'it may be resumed'
                      else applies, then) for name, applies, then in restart._ROWS)
        self.finds(REBOOTED, 'Nova was asked 1 times to start web', put(restart, '_ROWS', rows))

    def test_what_gets_stuck_again_is_the_same_matter(self):
        self.finds(REBOOTED, 'not again and again', self.without('it got stuck again'))

    def test_it_is_resumed_while_its_host_is_on_hold(self):
        self.finds(RESUMED, 'mail is stuck: it is not', put(
            bars, 'barred', lambda world, host: ''))

    def test_what_is_resumed_is_not_asked_for(self):
        self.finds(RESUMED, 'mail is not stuck', put(
            resumes, 'asked', lambda store, inventory, decisions, at, by, rules: []))

    def test_an_agent_resumes_though_its_host_is_condemned(self):
        def look(resumer, seen):
            entry = seen.get(resumer.key)
            if entry is not None:
                request = records.record(records.Request, entry)
                resumer._local.resume_domains(dict(zip(
                    request.given[::2], request.given[1::2], strict=True)), TimedPermit())
        self.finds(CONDEMNED, 'the condemned resume nothing',
                   put(requests.RequestRunner, '_permanent', lambda runner, seen: None),
                   put(resuming.Resumer, 'look', look))

    def test_what_is_stuck_is_rebooted_unasked(self):
        def called(inventory, before, lately, at, by, rules):
            return crashes._opened(inventory, before, inventory.stuck, lately, False, at, by, rules)
        self.finds(STUCK, 'a crash is left where nobody asked', put(crashes, 'seen', called))

    def test_what_hung_counts_as_on(self):
        rows = tuple((name, (lambda start, seen, rules: seen.power is not None
                             and seen.power is not restart.model.Power.OFF)
                      if name == 'it is on' else applies, then)
                     for name, applies, then in restart._ROWS)
        self.finds(HANGS, 'Nova was asked 1 times to start web', put(restart, '_ROWS', rows))

    def test_what_hung_is_rebooted_though_nobody_wants_that(self):
        def seen(inventory, before, lately, at, by, rules):
            return crashes._opened(inventory, before, inventory.hung, lately, False, at, by, rules)
        played = story.play(story.read(scenarios.text(HANGS).replace('hung: reboot', 'hung: tell')))
        self.assertIn('Nova was asked 1 times to start web: it was 0', ''.join(played.wrong))
        self.finds(HANGS, 'a crash is left where nobody asked', put(crashes, 'seen', seen),
                   change=lambda text: text.replace('hung: reboot', 'hung: tell'))

    def test_a_nova_compute_that_is_gone_is_not_seen(self):
        self.finds(ENDS, 'nova-compute not running', put(
            processes.ComputeWatch, 'is_gone', lambda watch, started, former: False))

    def test_a_host_with_many_is_not_told_of(self):
        self.finds(STARTED, 'is something wrong with the host', put(
            crashes, '_many', lambda inventory, before, record, new: ()))


class Lives(unittest.TestCase):
    """Plays what may come in between, each once."""

    def play(self, *lines, crashed='start', instances='web: c1, db: c1'):
        played = story.play(story.read(
            f'title: a case\npace: fast\ncrashed: {crashed}\ninstances: {{{instances}}}\nstory:\n'
            + ''.join(f'  - {line}\n' for line in lines)))
        self.assertEqual((), played.wrong, played.log)
        return played


class Crashed(Lives):
    """Guests that crash, where the operator has them started."""

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


class Stuck(Lives):
    """The same of guests that an I/O error pauses, where the operator has them resumed."""

    def play(self, *lines, stuck='resume', instances='web: c1, db: c1'):
        return super().play(*lines, crashed=f'tell\nstuck: {stuck}', instances=instances)

    def test_it_is_resumed_once_its_host_reaches_its_storage(self):
        for stuck in ('resume', 'reboot'):
            played = self.play(
                '10 cluster a hangs', '20 an I/O error pauses web', '100 expect web is stuck',
                '100 cluster a goes on', '200 expect Nova was asked 0 times to start web',
                '200 expect web is not stuck', '200 end', stuck=stuck)
            self.assertEqual(1, played.log.count('guest stuck: web'))

    def test_one_that_gets_stuck_again_and_again_is_left_to_a_person_and_that_is_told_once(self):
        played = self.play(*(f'{at} an I/O error pauses web' for at in (10, 100, 200, 300)),
                           '400 expect web is stuck', '400 end')
        self.assertEqual(3, played.log.count('done: resumed web-0'))
        self.assertEqual(1, played.log.count('instance not started again'))

    def test_what_a_person_resumes_is_not_resumed_again(self):
        played = self.play('10 an I/O error pauses web', '25 a person resumes web',
                           '100 expect it was told that somebody else started it', '100 end')
        self.assertNotIn('resume domains', played.log)

    def test_by_default_nobody_touches_it(self):
        played = self.play('10 an I/O error pauses web', '100 expect it was told that virsh resume',
                           '100 expect web is stuck', '100 end', stuck='tell')
        self.assertNotIn('instance runs again', played.log)

    def test_its_host_dies_before_it_is_resumed(self):
        for at in (12, 39, 41):
            self.play('10 an I/O error pauses web', f'{at} power off c1',
                      '150 expect web runs elsewhere', '150 expect db runs elsewhere', '150 end')

    def test_its_host_is_cut_off_where_it_is_asked(self):
        for at in (39, 39.9, 40.2, 40.6):
            self.play('10 an I/O error pauses web', f'{at} cut c1 management',
                      '150 mend c1 management',
                      '300 expect web is not stuck', '300 end')

    def test_its_user_stops_it_before_it_is_resumed(self):
        self.play('10 an I/O error pauses web', '30 stop web', '150 expect web is off', '150 end')

    def test_several_of_one_host(self):
        played = self.play('10 an I/O error pauses web', '15 an I/O error pauses db',
                           '150 expect web is not stuck', '150 expect db is not stuck', '150 end')
        self.assertEqual(1, played.log.count('resumed web-0'))

    def test_the_leader_is_killed_where_it_asks(self):
        for at in (39, 40.1, 41):
            self.play('10 an I/O error pauses web', f'{at} kill the leader',
                      '200 expect web is not stuck', '200 end')

    def test_its_agent_is_killed_where_it_is_asked(self):
        for at in (39, 40, 40.3):
            self.play('10 an I/O error pauses web', f'{at} kill agent-c1', '60 start agent-c1',
                      '300 expect web is not stuck', '300 end')

    def test_it_gets_stuck_while_it_is_being_migrated(self):
        for at in (11, 14):
            played = self.play('10 migrate web to c2', f'{at} an I/O error pauses web',
                               '120 end', instances='web: c1')
            row = played.world.row('web')
            self.assertEqual([row.host], played.world.writing_on(row), (at, played.log))


if __name__ == '__main__':
    unittest.main()
