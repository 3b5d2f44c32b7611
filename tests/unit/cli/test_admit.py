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


"""``kaopu-ha host admit``, with a leader played by the test; against a real store."""

import dataclasses
import threading
import time

from kaopu_ha import records
from kaopu_ha.core import model
from kaopu_ha.core.model import Stage
from kaopu_ha.core.requests import RequestState, RequestVerb
from tests.unit.cli import scene

KEY = records.REQUEST + 'admit-c1'


class Admit(scene.Scene):

    def setUp(self):
        super().setUp()
        self.a_dead_host(model.RecoveryStage.FINISHED)

    def later(self, act):
        """Do something as soon as the request is there."""
        def run():
            while self.get(records.Request, KEY) is None:
                time.sleep(0.05)
            act()
        thread = threading.Thread(target=run)
        self.addCleanup(thread.join)
        thread.start()

    def answered(self, state, answer):
        request = self.get(records.Request, KEY)
        self.put(KEY, dataclasses.replace(request, state=RequestState(state), answer=answer))

    def test_without_waiting_it_only_asks(self):
        self.assertEqual('Asked to admit c1.\n', self.shown('host', 'admit', 'c1', '--no-wait'))
        request = self.get(records.Request, KEY)
        self.assertEqual((RequestVerb.ADMIT, 'c1', RequestState.ASKED),
                         (request.verb, request.host, request.state))

    def test_a_second_request_is_refused_while_one_is_under_way(self):
        self.shown('host', 'admit', 'c1', '--no-wait')
        self.assertIn('that is under way', self.refused('host', 'admit', 'c1'))

    def test_a_request_that_was_refused_may_be_made_again(self):
        self.shown('host', 'admit', 'c1', '--no-wait')
        self.answered('refused', 'its libvirt does not answer')
        self.shown('host', 'admit', 'c1', '--no-wait')
        self.assertIs(RequestState.ASKED, self.get(records.Request, KEY).state)

    def test_its_steps_are_shown_and_it_ends_when_the_case_is_closed(self):
        progress = model.AdmitProgress('ann@m1', steps=('nova-compute restarted',),
                                       waiting_for='Nova does not answer')
        admitting = dataclasses.replace(scene.a_case(stage=Stage.CONFIRMED), admit=progress,
                                        stage=Stage.ADMITTING)
        done = dataclasses.replace(
            admitting, stage=Stage.CLOSED, admit=dataclasses.replace(
                progress, steps=('nova-compute restarted', 'lock deleted'), waiting_for=''))

        def leader():
            self.there_is(admitting)
            time.sleep(1.2)
            self.put(records.CLOSED + 'c1/0000000000000099', done)
            self.delete(records.CASE + 'c1')
            self.answered('done', 'admitted')

        self.later(leader)
        self.assertEqual(
            ['Asked to admit c1.', '  done: nova-compute restarted',
             '  waits: Nova does not answer', '  done: lock deleted',
             'c1 is admitted: it may receive instances again.'],
            self.shown('host', 'admit', 'c1').splitlines())

    def test_a_refusal_is_said_with_its_reason_and_fails(self):
        self.later(lambda: self.answered('refused', 'its libvirt does not answer (mute)'))
        code, _, err = self.run_command('host', 'admit', 'c1')
        self.assertEqual((1, 'The admission of c1 was refused: its libvirt does not answer (mute)'
                          '\n'), (code, err))

    def test_for_machines_it_answers_once_in_the_end(self):
        self.later(lambda: self.answered('done', 'admitted'))
        shown = self.shown_json('host', 'admit', 'c1')
        self.assertEqual('done', shown['request']['state'])

    def test_after_its_time_it_says_that_the_admission_goes_on(self):
        code, _, err = self.run_command('host', 'admit', 'c1', '--timeout', '0.6')
        self.assertEqual(1, code)
        self.assertIn('is not admitted yet after 0.6 s; the admission goes on', err)

    def test_without_a_leader_it_says_so(self):
        self.delete(records.LEADER)
        self.assertIn('Nobody leads now', self.shown('host', 'admit', 'c1', '--no-wait'))

    def test_a_host_that_is_not_confirmed_dead_is_refused_at_once(self):
        self.there_is(scene.a_case('c2', Stage.DYING))
        self.assertIn('not confirmed dead; its case is dying', self.refused('host', 'admit', 'c2'))
        self.assertIn('it has no open case', self.refused('host', 'admit', 'c3'))
        self.assertIn('no such host is known', self.refused('host', 'admit', 'c9'))
