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
"""One cable is cut: a host that lives is not touched."""

import time

from tests.cloud import base


class TestOneCable(base.Trial):

    def test_nobody_moves_when_one_network_is_lost(self):
        deaths = base.Watch(self.cloud, 'death/', '"by"')
        self.addCleanup(deaths.close)
        self._management_is_cut()
        self._storage_is_cut()
        self.assertFalse(deaths.seen.is_set(), deaths.lines)
        self.assert_nobody_moved()
        self._a_host_without_storage_is_no_target()

    def _management_is_cut(self):
        self.cloud.cut('c1', 'mgmt')
        self.wait('five rounds that show life', lambda: self.rounds('c1', 'alive') >= 5)
        item = self.case('c1')['rounds'][-1]
        self.assertEqual(('silence', 'life'),
                         (item['management']['sign'], item['storage']['sign']))
        told = self.ha('explain', 'c1').stdout
        self.assertIn('cut off', told)
        self.cloud.mend('c1')
        self.wait('its beat', lambda: not self.case('c1'))
        self.judge()

    def _storage_is_cut(self):
        self.cloud.cut('c2', 'storage')
        self.wait('its own sign of the storage', lambda: 'life' not in self.records(
            'inventory/')['c2']['storage'].values())
        self.assertIn('c2', self.ha('status').stdout)
        time.sleep(10)
        self.assertEqual({}, self.case('c2'))

    def _a_host_without_storage_is_no_target(self):
        on = self.on('c3')
        self.cloud.power_off('c3')
        self.wait_finished('c3')
        self.cloud.mend('c2')
        self.judge()
        self.assert_moved_once('c3', on, {'c1'})


class TestAgentAndLibvirtd(base.Trial):

    def test_nobody_moves_when_the_agent_dies_then_libvirtd_hangs_then_the_host_is_booted(self):
        self.cloud.kill('agent:c1')
        self.wait('rounds in which libvirt answers', lambda: self.rounds('c1', 'alive') >= 3)
        self.assertEqual('life', self.case('c1')['rounds'][-1]['management']['sign'])
        self.cloud.freeze('libvirtd:c1')
        before = self.rounds('c1', 'alive')
        self.wait('rounds in which only the storage answers', lambda: (
            self.rounds('c1', 'alive') >= before + 4
            and self.case('c1')['rounds'][-1]['management']['sign'] == 'silence'))
        item = self.case('c1')['rounds'][-1]
        self.assertTrue(item['management']['kernel_answers'])
        self.assertEqual('life', item['storage']['sign'])
        self.assertEqual('suspected', self.case('c1')['stage'])
        self.cloud.thaw('libvirtd:c1')
        self.cloud.start('agent:c1')
        self.wait('its beat', lambda: not self.case('c1'))
        self.assert_nobody_moved()
        self.judge()
        self._what_was_on_runs_again_after_a_reboot()

    def _what_was_on_runs_again_after_a_reboot(self):
        on, off = self.on('c1'), self.role('off', 'c1')
        self.cloud.power_off('c1')
        time.sleep(7)
        self.cloud.power_on('c1')
        self.wait_restarted('c1', dict.fromkeys(on, 'runs'))
        self.judge()
        self.assert_nobody_moved()
        self.assertEqual('SHUTOFF', next(one.status for one in self.cloud.instances()
                                         if one.uuid == off))
