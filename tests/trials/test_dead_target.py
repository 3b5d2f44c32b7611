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
"""Two hosts die, the second as the target of the first one's instances; both are admitted."""

import time

from tests.trials import base


class TestDeadTarget(base.Trial):

    def test_each_is_counted_once_and_nova_calms_down_after_both_admissions(self):
        on = [uuid for host in ('c1', 'c2') for uuid in self.on(host)]
        first = self.on('c1')
        diary = self.diary(on)
        self.cloud.freeze('compute:c2')
        self.cloud.power_off('c1')
        self.tell('c1 has no power')
        under_way = self.wait('moves to c2', lambda: [
            key.rpartition('/')[2] for key, one in self.records('evacuation/').items()
            if one['target'] == 'c2' and one['phase'] == 'moving'])
        time.sleep(3)
        self.cloud.power_off('c2')
        self.tell(f'c2 has no power: {[self.name(uuid) for uuid in under_way]} were on their way')
        self.wait_finished('c2')
        self.tell('the recovery of c2 is finished')
        self.wait_finished('c1')
        self.tell('the recovery of c1 is finished')
        self.judge()
        self.tell(self.said('status'))
        for host in ('c1', 'c2'):
            self.cloud.power_on(host)
            self.tell(f'{host} has power')
        for host in ('c1', 'c2'):
            self.admit(host)
        time.sleep(75)
        for uuid in on:
            self.tell(f'{self.name(uuid)}: {self.allocations(uuid)}')
            server = self.server(uuid)
            self.tell(f'{server["status"]} {server["OS-EXT-STS:task_state"]}')
        self.tell(self.said('status'))
        diary.close()
        self.judge()
        for uuid in on:
            self.assertEqual(['c3'], list(self.allocations(uuid)))
            server = self.server(uuid)
            self.assertEqual(('ACTIVE', None), (server['status'], server['OS-EXT-STS:task_state']))
        self.assertTrue(set(under_way) <= set(first))
