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
"""The request to resume what is stuck against a real etcd, with a scripted host."""

from kaopu_ha import ports, records
from kaopu_ha.agent import requests
from kaopu_ha.core.requests import RequestState, RequestVerb
from tests.unit.agent import case
from tests.unit.agent.case import HOST, domain

KEY = records.request_to(HOST, RequestVerb.RESUME_DOMAINS)
ONE, TWO = domain('one').uuid, domain('two').uuid


class ResumingTest(case.AgentCase):

    def setUp(self):
        super().setUp()
        self.local = case.ScriptedHost()
        self.beats()
        self.runner = requests.RequestRunner(
            self.env(self.local), case.ScriptedStorage(self), restart_compute=())

    def beats(self, boot_id='boot-1'):
        self.put(records.ALIVE + HOST, records.Beat(case.UUID, boot_id))

    def ask(self, *given, **changes):
        self.put(KEY, records.Request(**{
            'verb': RequestVerb.RESUME_DOMAINS, 'host': HOST, 'who': 'k1', 'at': 'noon',
            'given': given or (ONE, '7'), 'boot_id': 'boot-1'} | changes))

    def turn(self):
        """One turn; state and answer of the request after it."""
        self.runner.turn()
        request = records.decode(records.Request, self.entry(KEY).value)
        return request.state.value, request.answer

    def test_what_is_stuck_is_resumed_in_the_run_that_is_meant_and_that_is_told(self):
        self.ask(ONE, '7', TWO, '8')
        self.assertEqual(('done', f'resumed {", ".join(sorted((ONE, TWO)))}'), self.turn())
        self.assertEqual([{ONE: '7', TWO: '8'}], self.local.resumed)
        self.assertEqual('info', self.told[-1][0])
        self.turn()
        self.assertEqual(1, len(self.local.resumed))

    def test_what_an_io_error_pauses_again_failed(self):
        self.local.paused_again = 'an I/O error paused it again'
        self.ask()
        self.assertEqual(('failed', f'{ONE}: an I/O error paused it again'), self.turn())

    def test_a_libvirt_that_fails_is_answered_with_its_reason(self):
        def resume(runs, permit):
            raise ports.PortError('libvirt is mute')
        self.local.resume_domains = resume
        self.ask()
        self.assertEqual(('failed', 'libvirt is mute'), self.turn())

    def test_nothing_is_resumed_while_the_host_is_locked(self):
        for permanent in (False, True):
            self.lock(permanent)
            self.ask()
            self.assertEqual(('asked', ''), self.turn())
        self.assertEqual([], self.local.resumed)

    def test_nothing_is_resumed_without_its_own_beat(self):
        self.ask()
        self.delete(records.ALIVE + HOST)
        self.assertEqual(('asked', ''), self.turn())
        self.beats('boot-0')
        self.assertEqual(('asked', ''), self.turn())
        self.assertEqual([], self.local.resumed)

    def test_nothing_is_resumed_if_lock_beat_or_question_change_while_the_agent_sleeps(self):
        def anew():
            self.delete(records.ALIVE + HOST)
            self.beats()
        resume = self.local.resume_domains
        for change in (lambda: self.lock(False), anew, lambda: self.ask(TWO, '8')):
            def meanwhile(runs, permit, change=change):
                change()
                return resume(runs, permit)
            self.local.resume_domains = meanwhile
            self.ask()
            self.assertEqual(('asked', ''), self.turn())
            self.unlock()
        self.assertEqual([], self.local.resumed)

    def test_what_was_asked_of_another_boot_is_refused(self):
        self.ask(boot_id='boot-0')
        self.assertEqual(('refused', 'it was asked of boot boot-0'), self.turn())

    def test_what_nobody_can_mean_is_left_alone(self):
        for changes in ({'host': 'c9'}, {'given': (ONE,)}, {'state': RequestState.DONE},
                        {'verb': RequestVerb.REMOVE_DOMAINS}):
            self.ask(**changes)
            self.turn()
        self.store.commit([], [ports.Put(KEY, 'x')])
        self.runner.turn()
        self.assertEqual(([], ''), (self.local.resumed, self.runner.trouble))

    def test_the_answer_lasts_no_longer_than_the_question(self):
        lease = self.store.grant(60)
        self.store.commit([], [ports.Put(KEY, records.encode(records.Request(
            RequestVerb.RESUME_DOMAINS, HOST, 'k1', 'noon', (ONE, '7'), boot_id='boot-1')), lease)])
        self.assertEqual('done', self.turn()[0])
        self.assertEqual(lease, self.entry(KEY).lease)
