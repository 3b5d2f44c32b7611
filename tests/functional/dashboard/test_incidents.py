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

"""The panel of incidents: a case as a picture, and in words."""

from kaopu_ha import records
from kaopu_ha.core.model import Stage, Step
from tests.functional.dashboard.scene import DashboardCase
from tests.unit.api.own import told

LIST, OF_C1 = 'admin/ha_incidents/', 'admin/ha_incidents/c1/'


class TestIncidents(DashboardCase):

    def test_open_cases_come_before_those_that_were_closed(self):
        self.closed('c3', 7)
        self.assertRegex(self.seen(LIST), r'c1 confirmed dead .* c3 closed ')

    def test_each_instance_has_a_line_of_the_picture(self):
        found = self.part(OF_C1)
        for lane in ('c1', 'Rounds of questions', 'Fence and recovery', 'db-1', 'web-1'):
            self.assertIn(f'<title>{lane}</title>', found)
        self.assertIn('class="bar bar-dying"', found)
        self.assertIn('class="bar bar-fencing"', found)

    def test_a_bar_without_room_for_its_word_is_named_below(self):
        found = self.part(OF_C1)
        for word in ('locked', 'last look', 'fence proven'):
            self.assertRegex(found, f'</svg> {word}</li>')

    def test_who_does_not_see_the_picture_reads_it(self):
        found = self.seen(OF_C1)
        self.assertIn('c1: suspected at 0 s, dying at 6 s, locked at 5 min 7 s', found)
        self.assertIn('web-1: waiting for a target at 5 min 47 s', found)

    def test_why_is_told_step_by_step_with_the_evidence(self):
        found = self.seen(OF_C1)
        self.assertIn('00:01:08 6 s ctl-1 asked both networks about it', found)
        self.assertIn('storage says SILENCE: no client of the host acknowledged', found)
        self.assertIn('web-1 was moved to c2 in 1 attempt', found)

    def test_a_case_that_was_closed_before_has_its_own_page(self):
        self.closed('c1', 7)
        self.closed('c1', 8)
        self.assertIn('href="?back=1"', self.part(OF_C1))
        self.assertIn('its beat is back (8)', self.seen(OF_C1 + '?back=1'))
        self.assertIn('href="?back=2"', self.part(OF_C1 + '?back=1'))
        self.assertIn('its beat is back (7)', self.seen(OF_C1 + '?back=2'))
        self.assertNotIn('?back=3', self.part(OF_C1 + '?back=2'))

    def test_the_list_leads_to_each_of_them(self):
        self.closed('c3', 7)
        self.closed('c3', 8, minute=40)
        found = self.part(LIST)
        for back, at in ((1, '(8)'), (2, '(7)')):
            self.assertIn(f'/admin/ha_incidents/c3/?back={back}', found)
            self.assertIn(at, self.seen(f'admin/ha_incidents/c3/?back={back}'))

    def test_whatever_stands_in_a_record_is_text(self):
        case = told.a_case('c2', stage=Stage.SUSPECTED, more=(
            Step(told.at(1, 5), 'ctl-1', 'dying', '<script>alert(1)</script>'),))
        self.put(records.CASE + 'c2', case)
        for path in (LIST, 'admin/ha_incidents/c2/'):
            found = self.page(path)
            self.assertIn('&lt;script&gt;alert(1)', found)
            self.assertNotIn('<script>alert(1)', found)

    def test_a_back_that_is_no_number_is_the_open_case(self):
        for back in ('x', '-1', '0', ''):
            self.assertIn('confirmed dead', self.seen(f'{OF_C1}?back={back}'))
        self.assertIn('The service says:', self.seen(f'{OF_C1}?back=99'))
