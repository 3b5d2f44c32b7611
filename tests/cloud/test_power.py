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
"""A host loses its power, and the leader dies in the middle of it."""

import time

from tests.cloud import base


class TestPower(base.Trial):

    def test_a_dead_host_heals_once_the_monitors_answer_though_the_leader_dies_then(self):
        def kill_the_leader():
            self.killed = self.records('')['leader']['name']
            self.cloud.kill(f'controller:{self.killed.partition("/")[0][-1]}')

        frozen = base.Watch(self.cloud, 'case/', '"stage":"locked"',
                            lambda: self.cloud.freeze('ceph:mon'))
        self.addCleanup(frozen.close)
        self.addCleanup(self.cloud.start, 'ceph:mon')
        proven = base.Watch(self.cloud, 'recovery/', '"stage":"proven"', kill_the_leader)
        self.addCleanup(proven.close)
        on = self.on('c1')
        off = self.role('off', 'c1')
        self.cloud.power_off('c1')
        self.assert_nothing_moves_without_monitors()
        self.cloud.thaw('ceph:mon')
        recovery = self.wait_finished('c1')

        self.assertTrue(proven.seen.is_set())
        leader = self.records('')['leader']['name']
        self.assertNotEqual(self.killed, leader)
        self.assertIn(self.killed, [step['by'] for step in recovery['road']])
        self.assertEqual(leader, recovery['road'][-1]['by'])
        self.judge()
        self.assert_moved_once('c1', on, {'c2', 'c3'})
        self.assertEqual('c1', self.host_of(off))
        self.assertEqual([], self.evacuations(off))
        told = self.ha('explain', 'c1')
        self.assertEqual(0, told.returncode, told.stderr)
        self.assertIn('confirmed', told.stdout.lower())

    def assert_nothing_moves_without_monitors(self):
        waiting = self.wait('a fence that waits', lambda: (
            found := self.recovery('c1')) and found['waiting_for'] and found)
        self.assertEqual('fencing', waiting['stage'])
        self.assertIn(waiting['waiting_for'][:20], self.ha('explain', 'c1').stdout)
        time.sleep(10)
        self.assertEqual('fencing', self.recovery('c1')['stage'])
        self.assert_nobody_moved()
