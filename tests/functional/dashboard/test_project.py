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

"""What the people of a project see of their own instances."""

from kaopu_ha import ports, records
from kaopu_ha.core import protection
from kaopu_ha.core.model import Phase
from tests.functional.dashboard.scene import DashboardCase
from tests.unit.api.own import DB, MAIL, WEB, a_server, told

MINE = 'project/ha_instances/'


class TestInstances(DashboardCase):

    def seen_by_tom(self):
        """What it says to him."""
        return self.seen(MINE, self.tom)

    def test_it_says_which_was_moved_when_why_and_for_how_long_it_was_down(self):
        self.assertIn('web-1 Yes 2026-11-24 00:01:08 Moved, and runs . What it ran on was lost. '
                      'It was down for 5 min 45 s.', self.seen_by_tom())

    def test_what_would_not_come_back_comes_first_with_the_kind_of_reason(self):
        self.put(records.UNPROTECTED, records.UnprotectedList((
            protection.Unprotected('c2', protection.Reason.LOCAL_DISK, 'web-1: sda', ('web-1',)),),
            1, 'ctl-1', told.at(8)))
        self.assertRegex(self.seen_by_tom(),
                         'web-1 No Its disks: they could not be opened elsewhere .* mail-1 Yes')

    def test_nothing_is_said_of_hosts_and_of_other_projects(self):
        found = self.seen_by_tom()
        for word in ('db-1', 'c1', 'c2', 'c4', 'ctl-1', '10.91'):
            self.assertNotIn(word, found)

    def test_what_is_down_comes_before_all(self):
        self.moved(told.an_evacuation(MAIL, 'mail-1', Phase.MOVING, 'c3'))
        self.assertRegex(self.seen_by_tom(), 'mail-1 .* Under way .* web-1')

    def test_a_project_without_instances_is_told_so(self):
        self.cloud.its = ()
        for uuid in (WEB, DB):
            self.behind.commit([], [ports.Delete(f'{records.EVACUATION}c1-1234/{uuid}')])
        self.behind.commit([], [ports.Delete(records.RESTART + 'c4')])
        self.assertIn('Your project has no instances.', self.seen_by_tom())

    def test_a_name_leads_to_the_instances_own_page_while_it_is_there(self):
        self.cloud.its = (a_server(MAIL, 'mail-1', 'c4'),)
        found = self.part(MINE, self.tom)
        self.assertIn(f'/project/instances/{MAIL}/', found)
        self.assertIn('web-1', found)
        self.assertNotIn(f'/project/instances/{WEB}/', found)
