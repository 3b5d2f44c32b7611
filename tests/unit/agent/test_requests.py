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

"""The requests of an admission against a real etcd, with a scripted host and storage."""

from kaopu_ha import ports, records
from kaopu_ha.agent import requests
from kaopu_ha.core.requests import RequestVerb
from tests.unit.agent import case
from tests.unit.agent.case import FSID, HOST, domain

COMMAND = ('systemctl', 'restart', 'nova-compute')
KEY = records.requests_to(HOST) + '7'


class RequestsTest(case.AgentCase):

    def setUp(self):
        super().setUp()
        self.local = case.ScriptedHost()
        self.storage = case.ScriptedStorage(self)
        self.local.domains = (domain('one'), domain('two'))
        self.lock()
        self.runner = self.a_runner()

    def a_runner(self, **other):
        return requests.RequestRunner(self.env(self.local), self.storage,
                                      **{'restart_compute': COMMAND} | other)

    def ask(self, verb, *given, host=HOST, boot_id='boot-1'):
        self.put(KEY,
                 records.Request(RequestVerb(verb), host, 'anna', 'noon', given, boot_id=boot_id))

    def turn(self):
        """One turn; state and answer of the request after it."""
        self.runner.turn()
        request = records.decode(records.Request, self.entry(KEY).value)
        return request.state.value, request.answer

    def test_nova_compute_is_restarted_and_the_new_process_named(self):
        self.ask('restart compute')
        self.assertEqual(('done', 'nova-compute was started at boot-1/8'), self.turn())
        self.assertEqual([COMMAND], self.local.ran)
        self.assertEqual('info', self.told[-1][0])

    def test_a_host_that_has_no_nova_compute_says_so_at_once(self):
        self.runner = self.a_runner(restart_compute=())
        self.ask('restart compute')
        self.assertEqual(('done', 'this host has no nova-compute'), self.turn())
        self.assertEqual([], self.local.ran)

    def test_a_restart_waits_for_the_new_process_and_runs_its_command_once(self):
        self.local.compute_next = ''
        self.ask('restart compute')
        self.assertEqual(('asked', ''), self.turn())
        self.assertEqual(('asked', ''), self.turn())
        self.local.compute = 'boot-1/9'
        self.assertEqual('done', self.turn()[0])
        self.assertEqual([COMMAND], self.local.ran)

    def test_a_restart_that_leaves_the_old_process_running_failed(self):
        self.local.compute_next = self.local.compute
        self.ask('restart compute')
        self.turn()
        self.time += 100
        self.assertEqual(('failed', 'the same nova-compute still runs'), self.turn())

    def test_a_nova_compute_that_is_not_seen_again_failed(self):
        self.local.compute_next = ''
        self.ask('restart compute')
        self.turn()
        self.time += 100
        self.assertEqual('failed', self.turn()[0])

    def test_a_command_that_fails_is_answered_with_its_reason(self):
        def run(command, limit):
            raise ports.PortError('it ended with 5')
        self.local.run = run
        self.ask('restart compute')
        self.assertEqual(('failed', 'it ended with 5'), self.turn())

    def test_a_failed_request_may_be_asked_again(self):
        self.test_a_restart_that_leaves_the_old_process_running_failed()
        self.local.compute_next = 'boot-1/9'
        self.ask('restart compute')
        self.assertEqual('done', self.turn()[0])

    def test_domains_that_exist_are_removed_and_the_others_named(self):
        one, absent = domain('one').uuid, '99999999-0000-4000-8000-000000000000'
        self.ask('remove domains', one, absent)
        self.assertEqual(('done', f'removed {one}; not there: {absent}'), self.turn())
        self.assertEqual([domain('two')], list(self.local.domains))

    def test_a_removal_asked_twice_is_harmless(self):
        one = domain('one').uuid
        for answer in (f'removed {one}', f'not there: {one}'):
            self.ask('remove domains', one)
            self.assertEqual(('done', answer), self.turn())

    def test_no_domain_is_removed_if_the_lock_goes_while_the_agent_sleeps(self):
        remove = self.local.remove_domains

        def sleep_then_remove(uuids, permit):
            self.unlock()
            return remove(uuids, permit)
        self.local.remove_domains = sleep_then_remove
        self.ask('remove domains', domain('one').uuid)
        self.assertEqual(('asked', ''), self.turn())
        self.assertEqual([], self.local.removed)

    def test_no_domain_is_removed_if_the_request_changes_while_the_agent_sleeps(self):
        remove = self.local.remove_domains

        def sleep_then_remove(uuids, permit):
            self.ask('remove domains', 'another')
            return remove(uuids, permit)
        self.local.remove_domains = sleep_then_remove
        self.ask('remove domains', domain('one').uuid)
        self.assertEqual(('asked', ''), self.turn())
        self.assertEqual([], self.local.removed)

    def test_the_headers_that_are_given_are_read(self):
        self.ask('read storage', FSID, 'vms', 'rbd_header.1', FSID, 'vms', 'rbd_header.2')
        self.assertEqual(('done', 'the storage answered 2 reads'), self.turn())
        self.assertEqual(['rbd_header.1', 'rbd_header.2'], self.storage.touched)

    def test_a_header_that_cannot_be_read_fails_with_the_reason(self):
        self.ask('read storage', FSID, 'vms', 'rbd_header.404')
        self.assertEqual(('failed', 'there is no such object'), self.turn())

    def test_a_storage_without_images_to_read_is_read_all_the_same(self):
        self.ask('read storage')
        self.assertEqual(('done', 'the storage answered 1 reads'), self.turn())
        self.storage.away = True
        self.ask('read storage')
        self.assertEqual(('failed', 'the cluster does not answer'), self.turn())

    def test_a_connection_that_the_fence_broke_is_tried_anew(self):
        touch, fails = self.storage.touch, iter([True, False])

        def broken_once(image, limit):
            if next(fails):
                raise ports.PortError('blocklisted')
            touch(image, limit)
        self.storage.touch = broken_once
        self.ask('read storage', FSID, 'vms', 'rbd_header.1')
        self.assertEqual('done', self.turn()[0])

    def test_a_host_that_is_not_confirmed_does_nothing(self):
        for lock in (self.unlock, lambda: self.lock(permanent=False)):
            lock()
            self.ask('restart compute')
            self.assertEqual(('asked', ''), self.turn())
        self.assertEqual([], self.local.ran)

    def test_a_request_of_another_boot_is_refused(self):
        self.ask('restart compute', boot_id='boot-0')
        self.assertEqual('refused', self.turn()[0])
        self.assertEqual([], self.local.ran)

    def test_a_request_of_any_boot_is_carried_out(self):
        self.ask('restart compute', boot_id='')
        self.assertEqual('done', self.turn()[0])

    def test_requests_to_others_are_left_alone(self):
        for verb, host in (('restart compute', 'c2'), ('admit', HOST)):
            self.ask(verb, host=host)
            self.assertEqual(('asked', ''), self.turn())

    def test_a_request_that_nobody_can_read_does_not_stop_the_others(self):
        self.store.commit([], [ports.Put(records.requests_to(HOST) + '1', 'x')])
        self.ask('restart compute')
        self.assertEqual('done', self.turn()[0])

    def test_a_store_that_is_away_is_told_once_and_when_back(self):
        self.etcd.freeze()
        self.addCleanup(self.etcd.thaw)
        self.runner.turn()
        self.runner.turn()
        self.etcd.thaw()
        self.runner.turn()
        self.assertEqual(['warning', 'info'], [level for level, _ in self.told])
