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

"""What is told in the message area: each message once for each viewer, and none that is over."""

import concurrent.futures
import dataclasses
import datetime
import time

from kaopu_ha import ports, records
from kaopu_ha.core import protection
from kaopu_ha.core.model import Phase, Stage, Step
from tests.functional.dashboard.scene import DashboardCase
from tests.unit.api.own import MAIL, WEB, told

ADMINS, PROJECTS = 'admin/ha_hosts/news/', 'project/ha_instances/news/'
JUDGED = 'No beat, and it is judged whether really dead:'
DEAD = 'Confirmed dead, and instances are moved elsewhere:'


def lately(minutes):
    """A time so many minutes ago, as records carry it."""
    return (datetime.datetime.now(datetime.UTC) - datetime.timedelta(minutes=minutes)).isoformat()


class NewsCase(DashboardCase):

    def setUp(self):
        super().setUp()
        # What is so in the cloud of all tests is heard already where that is not meant.
        self.behind.commit([], [ports.Delete(records.UNPROTECTED)])

    def answer(self, session, place, since=None):
        """What a script is answered."""
        found = session.get(f'{self.runtime.url}/{place}', timeout=60, allow_redirects=False,
                            params={} if since is None else {'since': since})
        self.assertEqual(200, found.status_code, found.text[-500:])
        return found.json()

    def heard(self, session, place, since=None):
        """The messages: levels, and texts without links."""
        return [(level, text.partition(' <a')[0])
                for level, text in self.answer(session, place, since)['messages']]


class TestSessions(NewsCase):

    def test_only_what_a_person_asks_puts_off_the_end_of_the_session(self):
        for session, news, page in ((self.ada, ADMINS, 'admin/ha_hosts/'),
                                    (self.tom, PROJECTS, 'project/ha_instances/')):
            for place, is_put_off in ((page, True), (f'{page}?part=1', False), (news, False)):
                with self.subTest(place=place):
                    found = session.get(f'{self.runtime.url}/{place}', timeout=60)
                    self.assertEqual(200, found.status_code, found.text[-500:])
                    self.assertEqual(is_put_off, 'sessionid' in found.cookies)

    def test_an_answer_that_comes_late_brings_back_nobody_who_logged_out(self):
        cursor = self.answer(self.ada, ADMINS)['cursor']
        with concurrent.futures.ThreadPoolExecutor(1) as pool:
            asked = pool.submit(self.ada.get, f'{self.runtime.url}/{ADMINS}', timeout=60,
                                params={'since': cursor})
            time.sleep(1.0)
            self.assertEqual(302, self.send('auth/logout/')[0])
            self.put(records.CASE + 'c3', told.a_case('c3', stage=Stage.SUSPECTED))
            self.assertTrue(asked.result(60).json()['changed'])
        found = self.ada.get(f'{self.runtime.url}/admin/ha_hosts/', timeout=60)
        self.assertIn('/auth/login/', found.url)


class TestAdministrators(NewsCase):

    def test_each_viewer_hears_each_message_once(self):
        found = self.heard(self.ada, ADMINS)
        self.assertIn(('error', f'{DEAD} c1.'), found)
        self.assertIn(('error', 'Instances that only you can bring back, of: c1.'), found)
        self.assertEqual([], self.heard(self.ada, ADMINS))
        self.assertEqual(found, self.heard(self.login('ada'), ADMINS))

    def test_a_message_leads_to_the_incident(self):
        found = self.answer(self.ada, ADMINS)['messages']
        self.assertTrue(any('href="/admin/ha_incidents/c1/"' in text for _, text in found))

    def test_who_logs_in_again_does_not_hear_it_again(self):
        self.heard(self.ada, ADMINS)
        cookie = self.ada.cookies['kaopu_ha_heard']
        again = self.login('ada')
        again.cookies.set('kaopu_ha_heard', cookie)
        self.assertEqual([], self.heard(again, ADMINS))

    def test_another_person_at_the_same_browser_hears_what_is_his(self):
        self.heard(self.ada, ADMINS)
        self.tom.cookies.set('kaopu_ha_heard', self.ada.cookies['kaopu_ha_heard'])
        self.moved(told.an_evacuation(MAIL, 'mail-1', Phase.MOVING, 'c3'))
        self.assertEqual([('warning', 'Down, and being started again: mail-1.')],
                         self.heard(self.tom, PROJECTS))

    def test_a_host_that_falls_silent_later_is_told_of_later(self):
        self.heard(self.ada, ADMINS)
        self.put(records.CASE + 'c3', told.a_case('c3', stage=Stage.SUSPECTED))
        self.assertEqual([('warning', f'{JUDGED} c3.')], self.heard(self.ada, ADMINS))
        self.put(records.CASE + 'c3', told.a_case('c3', stage=Stage.DYING))
        self.assertEqual([], self.heard(self.ada, ADMINS))

    def test_of_a_second_case_of_a_host_is_told_again(self):
        self.put(records.CASE + 'c3', told.a_case('c3', stage=Stage.SUSPECTED))
        self.heard(self.ada, ADMINS)
        later = Step(told.at(50), 'ctl-1', 'suspected', 'its beat is gone')
        self.put(records.CASE + 'c3', dataclasses.replace(
            told.a_case('c3', stage=Stage.SUSPECTED), history=(later,)))
        self.assertEqual([('warning', f'{JUDGED} c3.')], self.heard(self.ada, ADMINS))

    def test_of_many_there_is_one_message(self):
        for number in range(10, 30):
            self.put(f'{records.CASE}c{number}', told.a_case(f'c{number}'))
        found = self.heard(self.ada, ADMINS)
        self.assertIn(('warning', f'{JUDGED} c10, c11, c12 and 17 more.'), found)
        self.put(f'{records.CASE}c30', told.a_case('c30'))
        self.assertEqual([], self.heard(self.ada, ADMINS))

    def test_the_brake_is_told_of(self):
        self.there_is_a_storm()
        self.assertIn(('error', 'Too many are silent at once, and the brake holds: c2, c3.'),
                      self.heard(self.ada, ADMINS))

    def test_a_question_waits_for_news_and_is_answered_when_there_are_some(self):
        cursor = self.answer(self.ada, ADMINS)['cursor']
        with concurrent.futures.ThreadPoolExecutor(1) as others:
            began = time.monotonic()
            waits = others.submit(self.answer, self.ada, ADMINS, cursor)
            time.sleep(1.5)
            self.assertFalse(waits.done())
            self.put(records.CASE + 'c3', told.a_case('c3', stage=Stage.SUSPECTED))
            found = waits.result()
        self.assertLess(time.monotonic() - began, 15)
        self.assertEqual((True, 1), (found['changed'], found['again']))
        self.assertIn('c3', found['messages'][0][1])

    def test_only_a_few_wait_and_the_others_come_again(self):
        sessions = [self.login('ada') for _ in range(3)]
        cursors = [self.answer(session, ADMINS)['cursor'] for session in sessions]
        with concurrent.futures.ThreadPoolExecutor(3) as others:
            waits = [others.submit(self.answer, session, ADMINS, cursor)
                     for session, cursor in zip(sessions, cursors, strict=True)]
            done, _ = concurrent.futures.wait(
                waits, 15, concurrent.futures.FIRST_COMPLETED)
            self.assertEqual([(False, 5)], [
                (one.result()['changed'], one.result()['again']) for one in done])
            self.put(records.CASE + 'c3', told.a_case('c3', stage=Stage.SUSPECTED))

    def test_while_the_service_is_away_nobody_is_told_so_on_each_page(self):
        self.ada.get(self.runtime.url)
        self.runtime.behind.is_away = True
        found = self.answer(self.ada, ADMINS)
        self.assertEqual(([], False, 60), (found['messages'], found['changed'], found['again']))

    def test_a_cookie_that_somebody_made_up_is_none(self):
        self.ada.cookies.set('kaopu_ha_heard', 'x' * 500)
        self.assertTrue(self.heard(self.ada, ADMINS))


class TestProjects(NewsCase):

    def test_what_was_moved_lately_is_told_and_what_was_moved_long_ago_is_not(self):
        self.assertEqual([], self.heard(self.tom, PROJECTS))
        self.moved(dataclasses.replace(told.an_evacuation(WEB, 'web-1'), history=(
            Step(lately(5), 'ctl-1', 'done', 'active'),)))
        self.assertEqual([('info', 'Was down, and runs again: web-1.')],
                         self.heard(self.tom, PROJECTS))
        self.assertEqual([], self.heard(self.tom, PROJECTS))

    def test_what_would_not_come_back_is_told_once(self):
        self.put(records.UNPROTECTED, records.UnprotectedList((
            protection.Unprotected('c2', protection.Reason.LOCAL_DISK, 'x', ('web-1',)),),
            1, 'ctl-1', told.at(8)))
        self.assertEqual([('warning', 'Would not come back if what they run on died: web-1.')],
                         self.heard(self.tom, PROJECTS))
        self.assertEqual([], self.heard(self.tom, PROJECTS))

    def test_a_project_hears_nothing_of_hosts(self):
        self.there_is_a_storm()
        found = self.answer(self.tom, PROJECTS)
        self.assertNotIn('cursor', found)
        self.assertEqual([], found['messages'])
        self.page(ADMINS, self.tom, code=403)

    def test_a_name_is_text(self):
        self.cloud.its = ()
        self.moved(told.an_evacuation(MAIL, '<b>mail</b>', Phase.MOVING, 'c3'))
        found = self.answer(self.tom, PROJECTS)['messages']
        self.assertIn('&lt;b&gt;mail&lt;/b&gt;', found[0][1])
