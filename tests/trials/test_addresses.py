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


class TestAddresses(base.LongTrial):

    def test_no_host_that_works_is_condemned_and_nobody_writes_twice(self):
        self._a_second_address()
        self._no_address_for_some_seconds()
        self._another_address()

    def _a_second_address(self):
        self.cloud.renumber('c1', 'beside')
        self.tell('c1 has a second address')
        self._wait_told(OWN, OTHER)
        self.assertNotIn('not protected', self.said('status'))
        self.cloud.cut('c1', 'mgmt')
        self.wait('rounds that show life', lambda: self.rounds('c1', 'alive') >= 4)
        self.cloud.mend('c1')
        self.wait('its beat', lambda: not self.case('c1'))
        self.cloud.renumber('c1', 'back')
        self.judge()

    def _no_address_for_some_seconds(self):
        self.cloud.renumber('c1', 'none')
        time.sleep(5)
        self.assertIn(OWN, self._told())
        self.cloud.cut('c1', 'mgmt')
        self.cloud.renumber('c1', 'back')
        self.wait('rounds that show life', lambda: self.rounds('c1', 'alive') >= 4)
        self.cloud.mend('c1')
        self.wait('its beat', lambda: not self.case('c1'))
        self.judge()

    def _another_address(self):
        """Its guests hang, for their connections keep the old address: told, then moved safely."""
        on = self.on('c1')
        self.cloud.renumber('c1', 'away')
        self.tell('c1 has another address')
        self._wait_told(OWN, OTHER)
        self.wait('that it is not protected', lambda: 'c1 is not protected' in self.said('status'))
        self.tell(self.said('status'))
        self.cloud.cut('c1', 'mgmt')
        self.tell('its management cable is cut')
        self.wait_finished('c1')
        self.tell('the recovery of c1 is finished')
        listed = self.cloud.run_on('ctl', 'ceph', 'osd', 'blocklist', 'ls')
        for address in (OWN, OTHER):
            self.assertIn(f'{address}:0/0', listed)
        # The old guests connect anew, from the other address, and are known by their own.
        self.cloud.run_on('c1', 'ss', '-K', 'src', OWN)
        time.sleep(30)
        self.judge()
        self.assert_moved_once('c1', on, {'c2', 'c3'})
        self.cloud.renumber('c1', 'back')
        self.cloud.mend('c1')
        self.admit('c1')
        self.judge()

    def _told(self) -> list[str]:
        return self.records('inventory/')['c1']['storage_addresses']

    def _wait_told(self, *addresses: str) -> None:
        self.wait('these addresses in the inventory', lambda: set(addresses) <= set(self._told()))
