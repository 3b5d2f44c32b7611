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
"""Hosts that come back before anybody condemned them, and hosts that stop in good order."""

import time

from tests.trials import base


class TestReboots(base.LongTrial):

    def test_what_was_on_runs_again_in_place_and_a_long_one_is_moved(self):
        self._booted_after_seven_seconds()
        self._booted_after_eighteen_seconds()

    def _booted_after_seven_seconds(self):
        on, off = self.on('c1'), self.role('off', 'c1')
        diary = self.diary([*on, off])
        self.cloud.power_off('c1')
        self.tell('c1 has no power')
        time.sleep(7)
        self.cloud.power_on('c1')
        self.tell('c1 has power')
        record = self.wait('a record of what is started again', lambda: self.restart('c1'))
        self.tell(f'{[(one["name"], one["phase"]) for one in record["starts"]]}')
        self.tell(self.said('status'))
        self.wait_restarted('c1', dict.fromkeys(on, 'runs') | {off: 'left'})
        self.tell('everything runs again')
        self.tell(self.said('explain', 'c1'))
        self.tell(self.said('status'))
        diary.close()
        self.judge()
        self.assert_nobody_moved()
        self.assertEqual('SHUTOFF', self.server(off)['status'])

    def _booted_after_eighteen_seconds(self):
        on = self.on('c2')
        diary = self.diary(on)
        self.cloud.power_off('c2')
        self.tell('c2 has no power')
        time.sleep(18)
        self.cloud.power_on('c2')
        self.tell('c2 has power')
        self.wait('its instances to run', lambda: all(
            self.server(uuid)['status'] == 'ACTIVE' for uuid in on)
            and (self.recovery('c2').get('stage') == 'finished' or not self.case('c2')))
        self.tell(self.said('explain', 'c2'))
        self.tell(self.said('status'))
        self.judge()
        if self.recovery('c2'):
            self.assert_moved_once('c2', on, {'c1', 'c3'})
            self.admit('c2')
        diary.close()
        self.judge()


class TestGoodOrder(base.LongTrial):

    def test_a_planned_reboot_moves_nobody_and_a_shutdown_without_return_does(self):
        self._planned_reboot()
        self._no_return()

    def _planned_reboot(self):
        on, off = self.on('c1'), self.role('off', 'c1')
        diary = self.diary([*on, off])
        self.tell('c1 is told to shut down')
        self.cloud.shut_down('c1')
        self.tell(f'c1 has no power; leaving: {self.records("inventory/")["c1"].get("leaving")}')
        time.sleep(40)
        self.tell(self.said('status'))
        self.assertNotIn('death', str(self.case('c1').get('stage')))
        self.cloud.power_on('c1')
        self.tell('c1 has power')
        self.wait_restarted('c1', dict.fromkeys(on, 'runs'))
        self.tell('everything runs again')
        self.tell(self.said('explain', 'c1'))
        diary.close()
        self.judge()
        self.assert_nobody_moved()
        self.assertEqual('SHUTOFF', self.server(off)['status'])

    def _no_return(self):
        on = self.on('c2')
        diary = self.diary(on)
        self.cloud.shut_down('c2')
        self.tell('c2 is shut down')
        self.tell(self.said('status'))
        self.wait('its case', lambda: self.case('c2'))
        self.tell(self.said('status'))
        self.wait_finished('c2')
        self.tell('the recovery of c2 is finished')
        self.tell(self.said('explain', 'c2'))
        diary.close()
        self.judge()
        self.assert_moved_once('c2', on, {'c1', 'c3'})
        self.cloud.power_on('c2')
        self.admit('c2')
