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
"""The nova-compute of targets hangs while they receive."""

import time

from tests.trials import base

HANGS_SECONDS = 200


class TestHungTarget(base.LongTrial):

    def test_nova_is_called_once_though_the_target_hangs_for_minutes(self):
        on = self.on('c1')
        diary = self.diary(on)
        for host in ('c2', 'c3'):
            self.cloud.freeze(f'compute:{host}')
        self.tell('nova-compute of c2 and c3 is frozen')
        self.cloud.power_off('c1')
        frozen = time.monotonic()
        self.tell('c1 has no power')
        self.wait('the last call', lambda: {
            uuid for uuid in on if len(self.evacuations(uuid)) == 1} == set(on))
        self.tell(self.said('status'))
        while time.monotonic() < frozen + HANGS_SECONDS:
            time.sleep(5)
        self.tell(self.said('status'))
        self.tell(self.said('explain', 'c1'))
        for host in ('c2', 'c3'):
            self.cloud.thaw(f'compute:{host}')
        self.tell('they go on')
        self.wait_finished('c1')
        self.tell('the recovery of c1 is finished')
        self.judge()
        diary.close()
        told = self.said('explain', 'c1')
        self.tell(told)
        self.assert_moved_once('c1', on, {'c2', 'c3'})
