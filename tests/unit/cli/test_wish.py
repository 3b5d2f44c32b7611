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

"""What people ask of recoveries, with the leader that answers; against a real store."""

import contextlib
import dataclasses
import threading
import time

from kaopu_ha import access, ports, records
from kaopu_ha.cli.command import who
from kaopu_ha.controller.answerer import Answerer
from kaopu_ha.controller.leadership import Leadership
from kaopu_ha.core import model, restart
from kaopu_ha.core.model import Phase, RecoveryStage, Sign, Stage, Verdict
from kaopu_ha.core.wishes import Wish, WishState, WishVerb
from tests.unit.cli import scene
from tests.unit.controller.scene import an_env

_WHY = ('--why', 'its owner agrees')


class Led(scene.Scene):

    @contextlib.contextmanager
    def a_leader(self):
        """One that answers in another thread, until the test is through."""
        self.delete(records.LEADER)
        self.news, over = [], threading.Event()
        env = an_env(time.monotonic, self.news.append, name='ctl-1', now=lambda: scene.at(30),
                     rules=model.Rules())
        lead = Leadership(self.store, 60, dataclasses.replace(env, tell=lambda news: None))
        lead.turn()
        answerer = Answerer(self.store, lead, None, env)

        def answers():
            while not over.wait(0.05):
                answerer.turn()
        thread = threading.Thread(target=answers)
        thread.start()
        try:
            yield
        finally:
            over.set()
            thread.join()
            lead.resign()

    def wish(self, key):
        return self.get(Wish, records.WISH + key)

    def move(self, uuid):
        return self.get(model.Evacuation, f'{records.EVACUATION}c1-1234/{uuid}')

    def stage(self):
        return self.get(model.Recovery, records.RECOVERY + 'c1-1234').stage


class Asked(Led):

    # ------------------------------------------------------------ give up

    def test_an_instance_that_waits_is_given_up_with_who_and_why(self):
        self.a_dead_host()
        self.there_is(scene.an_evacuation(phase=Phase.WAITING, reason='no room', attempts=0))
        with self.a_leader():
            self.assertIn('Done: web-1 is given up',
                          self.shown('recovery', 'give-up', 'web-1', *_WHY))
        found = self.move(scene.WEB)
        self.assertEqual((Phase.FAILED, who(), f'given up by {who()}: its owner agrees'),
                         (found.phase, found.given_up, found.reason))
        wish = self.wish(f'give-up/{scene.WEB}')
        self.assertEqual((WishState.DONE, who(), 'its owner agrees'),
                         (wish.state, wish.who, wish.why))
        self.assertNotIn('web-1', self.shown('status'))

    def test_one_that_is_called_for_is_refused_and_stays_as_it_is(self):
        self.a_dead_host()
        self.there_is(scene.an_evacuation(phase=Phase.MOVING))
        before = self.move(scene.WEB)
        with self.a_leader():
            self.assertIn('Refused: it is moving to c2', self.refused(
                'recovery', 'give-up', scene.WEB, *_WHY))
        self.assertEqual(before, self.move(scene.WEB))

    def test_asked_twice_it_does_no_harm(self):
        self.a_dead_host()
        with self.a_leader():
            self.shown('recovery', 'give-up', 'db-1', *_WHY)
            self.assertIn('already', self.shown('recovery', 'give-up', 'db-1', *_WHY))

    def test_it_is_shown_in_explain_and_in_the_recovery(self):
        self.a_dead_host()
        with self.a_leader():
            self.shown('recovery', 'give-up', 'db-1', *_WHY)
        for words in (('explain', 'c1'), ('recovery', 'show', 'c1')):
            told = self.shown(*words)
            self.assertIn('its owner agrees', told)
            self.assertIn('give up db-1', told)
        self.assertEqual('done', self.shown_json('recovery', 'show', 'c1')['wishes'][0]['state'])

    # ------------------------------------------------------------ retry

    def test_what_failed_is_tried_again_in_a_recovery_that_is_taken_up(self):
        self.a_dead_host(RecoveryStage.FINISHED)
        with self.a_leader():
            self.assertIn('Done: db-1 is planned again',
                          self.shown('recovery', 'retry', 'db-1', *_WHY))
        self.assertEqual((Phase.WAITING, RecoveryStage.EVACUATING),
                         (self.move(scene.DB).phase, self.stage()))
        self.assertIn('taken up again', self.shown('explain', 'c1'))

    def test_a_start_in_place_that_failed_is_tried_again(self):
        self.there_is(scene.an_inventory('c1'))
        self.put(records.RESTART + 'c1', restart.Restart('c1', 'boot-2', (
            restart.Start(scene.DB, 'db-1', restart.StartPhase.FAILED, '5 calls', 5, scene.at(1)),
            )))
        with self.a_leader():
            self.shown('recovery', 'retry', 'db-1', *_WHY)
        [start] = self.get(restart.Restart, records.RESTART + 'c1').starts
        self.assertEqual((restart.StartPhase.WAITING, 0), (start.phase, start.calls))

    def test_after_the_admission_it_says_what_to_do_instead(self):
        self.a_dead_host(RecoveryStage.FINISHED)
        self.delete(records.CASE + 'c1')
        self.assertIn('openstack server start db-1',
                      self.refused('recovery', 'retry', 'db-1', *_WHY))

    # ------------------------------------------------------------ end

    def test_an_end_gives_up_what_waits_and_says_what_it_waits_for(self):
        self.a_dead_host()
        self.there_is(scene.an_evacuation(phase=Phase.MOVING),
                      scene.an_evacuation(scene.OLD, 'old-1', Phase.WAITING, '', attempts=0))
        with self.a_leader():
            code, out, err = self.run_command('recovery', 'end', 'c1', *_WHY, '--timeout', '2')
            self.assertEqual(1, code)
            self.assertIn('web-1 (moving to c2)', out)
            self.assertIn('It stays asked', err)
            self.assertIs(Phase.FAILED, self.move(scene.OLD).phase)
            self.there_is(scene.an_evacuation())
            self.assertIn('Done: every instance of it has ended', self.shown(
                'recovery', 'end', 'c1', *_WHY))
        self.assertIs(WishState.DONE, self.wish('end/c1').state)

    def test_a_host_without_a_recovery_is_told_so(self):
        self.there_is(scene.an_inventory('c1'))
        self.assertIn('c1 has no open recovery', self.refused('recovery', 'end', 'c1', *_WHY))
        self.there_is(scene.a_case(stage=Stage.DYING))
        self.assertIn('kaopu-ha host hold c1', self.refused('recovery', 'end', 'c1', *_WHY))
        self.assertIn('Known hosts: c1', self.refused('recovery', 'end', 'c9', *_WHY))

    # ------------------------------------------------------------ all of them

    def test_an_unknown_instance_is_told_so(self):
        self.a_dead_host()
        for verb in ('retry', 'give-up'):
            self.assertIn('No recovery has an instance web-9',
                          self.refused('recovery', verb, 'web-9', *_WHY))

    def test_of_two_with_one_name_the_uuid_is_asked_for(self):
        self.a_dead_host()
        self.there_is(scene.an_evacuation(scene.OLD, 'web-1', Phase.WAITING, '', attempts=0))
        self.assertIn('say the UUID', self.refused('recovery', 'retry', 'web-1', *_WHY))

    def test_without_a_reason_it_is_wrong_usage(self):
        for words in (('retry', 'web-1'), ('give-up', 'web-1'), ('end', 'c1')):
            self.assertEqual(2, self.run_command('recovery', *words)[0])

    def test_nobody_leads_and_nobody_answers(self):
        self.a_dead_host()
        self.delete(records.LEADER)
        code, out, err = self.run_command('recovery', 'end', 'c1', *_WHY, '--timeout', '0.5')
        self.assertEqual(1, code)
        self.assertIn('Nobody leads now', out)
        self.assertIn('no leader has answered', err)

    def test_what_was_asked_ends_by_itself(self):
        self.a_dead_host()
        self.run_command('recovery', 'end', 'c1', *_WHY, '--timeout', '0.1')
        entry = self.store.read(records.WISH).get(records.WISH + 'end/c1')
        self.assertNotEqual(0, entry.lease)
        with self.a_leader():
            self.shown('recovery', 'end', 'c1', *_WHY)
        self.assertEqual(entry.lease, self.store.read(records.WISH).get(
            records.WISH + 'end/c1').lease)


class SaidOff(Led):
    """A host that nobody can judge, and the person who has seen it."""

    def setUp(self):
        super().setUp()
        self.there_is(scene.an_inventory('c1'), scene.a_case(
            stage=Stage.SUSPECTED, verdict=Verdict.UNDECIDED,
            rounds=(scene.a_round(storage=Sign.UNKNOWN, verdict=Verdict.UNDECIDED),)))

    def test_it_is_asked_of_the_case_that_is_open(self):
        with self.a_leader():
            self.assertIn('taken for silent by your word', self.shown(
                'recovery', 'go-on', 'c1', '--switched-off', *_WHY))
        case = self.get(model.Case, records.CASE + 'c1')
        self.assertEqual((who(), 'its owner agrees', Stage.SUSPECTED), (
            case.word.who, case.word.why, case.stage))
        told = self.shown('explain', 'c1')
        self.assertIn('says that it is switched off (its owner agrees)', told)
        self.assertIn('asked to go on', told)
        self.assertNotIn('Admission:', told)

    def test_it_is_refused_while_people_hold_the_host(self):
        self.put(records.HOST + 'c1', records.HostSetting(True, 'joe', scene.at(1), 'mine'))
        with self.a_leader():
            self.assertIn('kaopu-ha host release c1', self.refused(
                'recovery', 'go-on', 'c1', '--destroyed', *_WHY))
        self.assertIsNone(self.get(model.Case, records.CASE + 'c1').word)

    def test_whoever_looks_is_told_the_command(self):
        command = 'kaopu-ha recovery go-on c1 --switched-off'
        self.assertIn(command, self.shown('explain', 'c1'))
        self.assertIn(command, ' '.join(self.shown('status').split()))
        self.assertIn(command, self.refused('host', 'forget', 'c1'))
        self.assertIn('recovery go-on c1 --destroyed',
                      self.refused('host', 'forget', 'c1', '--destroyed'))


class OnlyPeople(scene.Scene):

    def test_no_account_of_a_host_may_read_or_write_what_people_ask(self):
        self.assertFalse([grant for grant in access.agent('c1').grants
                          if records.WISH.startswith(grant.name)
                          or grant.name.startswith(records.WISH)])

    def test_a_wish_under_another_key_than_its_own_is_nobodys(self):
        self.a_dead_host(RecoveryStage.FINISHED)
        stray = Wish(WishVerb.RETRY, 'c1', 'eve@c3', scene.at(9), 'mine', recovery='c1-1234',
                     instance=scene.DB, name='db-1')
        self.store.commit([], [ports.Put(records.WISH + 'end/c1', records.encode(stray))])
        env = an_env(time.monotonic, name='ctl-2', rules=model.Rules())
        lead = Leadership(self.store, 60, env)
        self.delete(records.LEADER)
        lead.turn()
        Answerer(self.store, lead, None, env).turn()
        self.assertIs(WishState.ASKED, self.get(Wish, records.WISH + 'end/c1').state)
