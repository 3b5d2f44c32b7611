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


class TestDeadTarget(base.LongTrial):

    def test_each_is_counted_once_and_nova_calms_down_after_both_admissions(self):
        on = [uuid for host in ('c1', 'c2') for uuid in self.on(host)]
        diary = self.diary(on)
        under_way = self.lose_target()
        self.wait_finished('c2')
        self.tell('the recovery of c2 is finished')
        self.wait_finished('c1')
        self.tell('the recovery of c1 is finished')
        self.judge()
        for host in ('c1', 'c2'):
            self.cloud.power_on(host)
            self.tell(f'{host} has power')
        for host in ('c1', 'c2'):
            self.admit(host)
        # A nova-compute that was away takes up its old messages some seconds after its start.
        time.sleep(30)
        self.wait('Nova and Placement to calm down', lambda: self._calm(on), 120)
        time.sleep(60)
        self.assertTrue(self._calm(on))
        self.tell(self.said('status'))
        diary.close()
        self.judge()
        self.assertLessEqual(set(under_way), set(self.on('c1')))

    def _calm(self, uuids: list[str]) -> bool:
        """Each is active on the last host, without a task, and counted there alone."""
        servers = [self.server(uuid) for uuid in uuids]
        return all((one['status'], one['OS-EXT-STS:task_state']) == ('ACTIVE', None)
                   for one in servers) and all(
                       list(self.allocations(uuid)) == ['c3'] for uuid in uuids)
