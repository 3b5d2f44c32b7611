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
"""The addresses of a storage link change under guests, then the management cable goes."""

import time

from tests.trials import base

OWN, OTHER = '10.91.0.11', '10.91.0.111'


class TestAddresses(base.Trial):

    def test_nobody_is_condemned_and_nobody_writes_twice(self):
        self._a_second_address()
        self._no_address_for_some_seconds()
        self._another_address()

    def _a_second_address(self):
        self.cloud.renumber('c1', 'beside')
        self.tell('c1 has a second address')
        self.wait('both addresses in the inventory', lambda: {OWN, OTHER} <= set(
            self.records('inventory/')['c1']['storage_addresses']))
        self.tell(f'status: {self.said("status")}')
        self.cloud.cut('c1', 'mgmt')
        self.wait('rounds that show life', lambda: self.rounds('c1', 'alive') >= 4)
        self.cloud.mend('c1')
        self.wait('its beat', lambda: not self.case('c1'))
        self.cloud.renumber('c1', 'back')
        self.judge()

    def _no_address_for_some_seconds(self):
        self.cloud.renumber('c1', 'none')
        time.sleep(5)
        self.tell(f'without an address it tells {self._told()}')
        self.cloud.cut('c1', 'mgmt')
        self.cloud.renumber('c1', 'back')
        self.wait('rounds that show life', lambda: self.rounds('c1', 'alive') >= 4)
        self.cloud.mend('c1')
        self.wait('its beat', lambda: not self.case('c1'))
        self.judge()

    def _another_address(self):
        self.cloud.renumber('c1', 'away')
        self.tell('c1 has another address')
        for _ in range(12):
            time.sleep(5)
            self.tell(f'it tells {self._told()}')
        self.tell(f'status: {self.said("status")}')
        self.cloud.cut('c1', 'mgmt')
        self.tell('its management cable is cut')
        for _ in range(12):
            time.sleep(5)
            self.tell(f'{self.case("c1").get("stage")} {self.recovery("c1").get("stage")}')
        self.tell(self.said('explain', 'c1'))
        self.tell(self.cloud.run_on('ctl', 'ceph', 'osd', 'blocklist', 'ls'))
        self.tell(self.cloud.run_on('c1', 'sh', '-c', f'ss -tnp src {OWN}; ss -K src {OWN}'))
        self.tell('the old connections are broken')
        for _ in range(6):
            time.sleep(5)
            for one in self.cloud.judge(2):
                if self.before[one.expected.uuid].host == 'c1':
                    self.tell(f'{one.expected.name} on {one.expected.host}: {one.verdict} '
                              f'{one.reasons} writers {one.writers}')
        self.judge()

    def _told(self):
        found = self.records('inventory/')['c1']
        return found['storage_addresses'], found['storage']
