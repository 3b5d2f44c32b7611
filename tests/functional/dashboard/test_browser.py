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

"""The panels in a real browser: they live, keep still while nobody looks, and are for everybody."""

import dataclasses

from kaopu_ha import ports, records
from kaopu_ha.core.model import Phase, Stage
from tests.functional.dashboard.browser import BrowserCase, Keys
from tests.unit.api.own import DB, OTHERS, told

PAGES = ('admin/ha_hosts/', 'admin/ha_incidents/', 'admin/ha_incidents/c1/',
         'admin/ha_recoveries/', 'admin/ha_recoveries/c1/', 'admin/ha_protection/')
MINE = 'project/ha_instances/'
_ASKED = """return performance.getEntriesByType('resource').filter(
    e => /news\\/|part=1/.test(e.name)).map(e => e.startTime);"""

_SHEETS = 'return Array.from(document.styleSheets, one => one.href).join()'


class TestDoor(BrowserCase):

    def test_who_logs_in_by_the_form_is_shown_what_is_so_and_the_panels(self):
        message = self.runtime.messages / 'kaopu-ha-brake.json'
        self.addCleanup(message.unlink)
        message.write_text('{"level": "error", "message": "The brake is on."}')
        self.log_in('ada', 'ada')
        # Not where Horizon leads to: that wants services which are not here.
        self.open('admin/ha_hosts/')
        self.until(lambda: 'The brake is on.' in self.text('.messages'), 'no message')
        self.assertIn('confirmed dead', self.text('tr[data-object-id=c1]'))


class TestLife(BrowserCase):

    def test_a_host_that_dies_is_seen_without_a_click(self):
        self.behind.commit([], [ports.Delete(records.CASE + 'c1')])
        self.enter('ada')
        self.open('admin/ha_hosts/')
        self.script('window.stillHere = true')
        self.assertNotIn('suspected', self.text())
        self.behind.commit([], [ports.Delete(records.ALIVE + 'c3')])
        self.put(records.CASE + 'c3', told.a_case('c3', stage=Stage.SUSPECTED))
        self.until(lambda: 'suspected' in self.text(), 'the host is not suspected')
        self.assertIn('silence', self.text('tr[data-object-id=c3]'))
        self.until(lambda: 'No beat' in self.text('.messages'), 'no message')
        self.put(records.CASE + 'c3', told.a_case('c3', stage=Stage.DYING, waited=10.0))
        bar = self.until(lambda: self.find('tr[data-object-id=c3] [role=progressbar]'), 'no bar')
        before = float(bar.get_attribute('data-kaopu-ha-waited'))
        self.until(lambda: float(self.find('tr[data-object-id=c3] [role=progressbar]')
                                 .get_attribute('data-kaopu-ha-waited')) > before, 'it stands')
        self.put(records.CASE + 'c3', told.a_case('c3', stage=Stage.CONFIRMED))
        self.until(lambda: 'confirmed dead' in self.text('tr[data-object-id=c3]'), 'it lives')
        self.assertTrue(self.script('return window.stillHere'))

    def test_the_message_leads_to_the_incident(self):
        self.enter('ada')
        self.open('admin/ha_protection/')
        self.until(lambda: 'Confirmed dead' in self.text('.messages'), 'no message')
        self.find('.messages a[href*=ha_incidents]').click()
        self.until(lambda: 'Step by step' in self.text(), 'no incident')

    def test_there_is_one_question_a_second_at_most(self):
        self.put(records.CASE + 'c3', told.a_case('c3'))
        self.enter('ada')
        self.open('admin/ha_hosts/')
        asked = self.until(lambda: len(found := self.script(_ASKED)) > 5 and found, 'nothing asked')
        self.assertGreater(min(later - one for one, later in zip(
            asked, asked[1:], strict=False)), 950)

    def test_nobody_asks_while_the_tab_is_hidden(self):
        self.put(records.CASE + 'c3', told.a_case('c3'))
        self.enter('ada')
        self.open('admin/ha_hosts/')
        self.until(lambda: self.script(_ASKED), 'nothing asked')
        self.script("Object.defineProperty(document, 'hidden', {get: () => true, "
                    "configurable: true})")
        self.driver.execute_async_script('setTimeout(arguments[0], 1500)')
        before = self.script(_ASKED)
        self.driver.execute_async_script('setTimeout(arguments[0], 6000)')
        self.assertEqual(before, self.script(_ASKED))
        self.script("delete document.hidden; document.dispatchEvent(new Event('visibilitychange'))")
        self.until(lambda: len(self.script(_ASKED)) > len(before), 'it sleeps on')

    def test_a_page_that_nobody_keeps_up_says_so_until_it_is_kept_up_again(self):
        self.put(records.CASE + 'c3', told.a_case('c3'))
        self.enter('ada')
        self.open('admin/ha_hosts/')
        kept = self.driver.get_cookies()
        self.assertNotIn('Nothing was heard since', self.text())
        self.driver.delete_all_cookies()
        self.until(lambda: 'Nothing was heard since' in self.text(), 'it looks fresh')
        self.assertRegex(self.find('.kaopu-ha-stale time').text, '[0-9]:[0-9]')
        self.assert_accessible()
        for cookie in kept:
            self.driver.add_cookie(cookie)
        self.until(lambda: 'Nothing was heard since' not in self.text(), 'it stays so', 120)

    def test_what_has_the_focus_keeps_it_while_the_page_lives(self):
        self.put(records.CASE + 'c3', told.a_case('c3'))
        self.enter('ada')
        self.open('admin/ha_hosts/')
        self.script("document.querySelector('tr[data-object-id=c1] a').focus();"
                    "window.first = document.querySelector('.kaopu-ha')")
        self.until(lambda: self.script(
            "return window.first !== document.querySelector('.kaopu-ha')"), 'it does not live')
        self.assertEqual('c1', self.script('return document.activeElement.textContent').strip())


class TestKeyboard(BrowserCase):

    def test_a_reason_is_given_by_the_keyboard_alone(self):
        self.put(records.CASE + 'c1', told.a_case(stage=Stage.CONFIRMED))
        self.enter('ada')
        self.open('admin/ha_recoveries/c1/')
        self.script(f"document.querySelector('tr[data-object-id=\"{DB}\"] a.ajax-modal').focus()")
        self.press(Keys.ENTER)
        field = self.until(lambda: self.find('.modal.in #id_why'), 'no dialog')
        self.until(field.is_displayed, 'no field')
        self.assert_accessible('.modal.in .modal-body')
        self.script('arguments[0].focus()', field)
        self.press('there is room again')
        self.press(Keys.ENTER)
        self.until(lambda: 'is asked to be tried again' in self.text('.messages'), 'not asked')
        self.assertIn('there is room again', self.until(
            lambda: [value for key, value in self.kept().items()
                     if key.startswith(records.WISH)], 'nothing is kept')[0])

    def press(self, keys):
        """Keys, wherever the focus is."""
        self.driver.switch_to.active_element.send_keys(keys)


class TestEverybody(BrowserCase):
    """In both of Horizon's themes; what is theirs around our part is theirs."""

    def see(self, name, *paths):
        """Each page, and what axe says of our part of it."""
        self.there_is_a_storm()
        self.put(records.CASE + 'c3', told.a_case('c3', waited=40.0))
        self.moved(told.an_evacuation(DB, 'db-1', Phase.MOVING, 'c3'), OTHERS)
        sheets = {}
        for theme in ('default', 'material'):
            self.enter(name, theme)
            for path in paths:
                with self.subTest(path=path, theme=theme):
                    self.open(path)
                    sheets[theme] = self.script(_SHEETS)
                    self.assert_accessible()

        self.assertNotEqual(sheets['default'], sheets['material'])

    def test_administrators_pages(self):
        self.see('ada', *PAGES)

    def test_a_projects_page(self):
        self.see('tom', MINE)


class TestPictures(BrowserCase):
    """What the operator's guide shows."""

    def test_each_page_is_drawn(self):
        self.time = told.at(7, 5)
        self.put(records.CASE + 'c1', dataclasses.replace(
            told.a_case(stage=Stage.CONFIRMED), beat_at=told.at(0, 50)))
        self.put(records.CASE + 'c3', told.a_case('c3', waited=100.0, beat_at=told.at(0, 57)))
        self.behind.commit([], [ports.Delete(records.ALIVE + 'c3')])
        self.enter('ada')
        self.open(PAGES[5])
        self.until(lambda: 'No beat' in self.text('.messages'), 'no message')
        self.picture('messages')
        for name, path in (('hosts', PAGES[0]), ('incident', PAGES[2]), ('recovery', PAGES[4])):
            self.open(path)
            self.until(lambda: self.find('.kaopu-ha').is_displayed(), path)
            self.picture(name)
        self.driver.delete_all_cookies()
        self.enter('tom')
        self.open(MINE)
        self.assertIn('web-1', self.text())
        self.picture('project')
