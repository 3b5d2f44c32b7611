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

"""Horizon's panels of hosts, recoveries and protection, with the real API behind them."""

import re

from kaopu_ha import ports, records
from kaopu_ha.core.model import Phase, Stage
from kaopu_ha.core.wishes import Wish
from tests.functional.dashboard.scene import DashboardCase
from tests.unit.api.own import DB, OTHERS, told
from tests.unit.api.scene import ADMIN

HOSTS, RECOVERIES, PROTECTION = 'admin/ha_hosts/', 'admin/ha_recoveries/', 'admin/ha_protection/'
INCIDENTS, INSTANCES = 'admin/ha_incidents/', 'project/ha_instances/'
EVERY = (HOSTS, RECOVERIES, RECOVERIES + 'c1/', PROTECTION, INCIDENTS, INCIDENTS + 'c1/', INSTANCES)


def rows(part):
    """The texts of the rows of a table, by their ids."""
    return {found[1]: ' '.join(re.sub(r'<[^>]*>', ' ', found[2]).split()) for found in re.finditer(
        r'data-object-id="([^"]*)"(.*?)</tr>', part, re.DOTALL)}


class TestHosts(DashboardCase):

    def test_who_is_not_well_comes_first_with_three_lights_in_words(self):
        self.time = told.at(1, 20)
        found = rows(self.part(HOSTS))
        self.assertEqual(['c1', 'c2', 'c3', 'c4'], list(found))
        self.assertIn('silence silence 12 s silence 12 s confirmed dead', found['c1'])
        self.assertIn('life not asked life well', found['c2'])

    def test_the_sums_of_all_are_above(self):
        found = self.seen(HOSTS)
        self.assertIn('4 known 3 well 0 judged 1 confirmed dead 0 without a beat', found)
        self.assertIn('2 not protected', found)

    def test_a_wait_is_a_bar_with_its_seconds(self):
        waits = self.service.rules.death_wait(False)
        self.put(records.CASE + 'c2', told.a_case('c2', waited=waits / 4))
        found = self.part(HOSTS)
        self.assertIn('aria-valuenow="25"', found)
        self.assertIn('Seconds of silence waited of c2', found)
        self.assertIn('data-kaopu-ha-part="2"', found)    # It is looked at more often.

    def test_a_hold_keeps_the_reason_with_the_name_of_who_asked(self):
        self.assertIn('Reason', self.seen(HOSTS + 'hold/c2/'))
        code, _ = self.send(HOSTS + 'hold/c2/', why='it smokes')
        self.assertEqual(302, code)
        kept = records.View(self.behind.read(records.PREFIX)).one(
            records.HostSetting, records.HOST + 'c2')
        self.assertEqual((True, 'it smokes', f'user {ADMIN} by the API'),
                         (kept.hold, kept.why, kept.who))
        self.assertIn('on hold', rows(self.part(HOSTS))['c2'])
        self.assertIn('c2 is on hold.', self.page(HOSTS))

    def test_without_a_reason_nothing_is_asked(self):
        before = self.kept()
        for why in ('', '   ', 'two\nlines', 'x' * 256):
            code, found = self.send(HOSTS + 'hold/c2/', why=why)
            self.assertEqual((200, True), (code, 'Hold c2' in found), why)
        self.assertEqual(before, self.kept())

    def test_a_refusal_is_told_in_the_services_words_and_the_dialog_stays(self):
        code, found = self.send(HOSTS + 'admit/c2/')
        self.assertEqual(200, code)
        self.assertRegex(found, 'The service says: .*c2')

    def test_a_host_is_released_and_another_one_asked_to_be_taken_back(self):
        self.send(HOSTS + 'hold/c2/', why='it smokes')
        self.assertEqual(302, self.send(HOSTS + 'release/c2/')[0])
        self.assertNotIn('on hold', rows(self.part(HOSTS))['c2'])
        self.assertEqual(302, self.send(HOSTS + 'admit/c1/')[0])
        self.assertIn(records.admit_request('c1'), self.kept())

    def test_the_brake_is_told_of_and_is_released_by_a_word(self):
        self.assertNotIn('brake', self.seen(HOSTS))
        self.there_is_a_storm()
        self.assertIn('The brake is on.', self.seen(HOSTS))
        self.assertEqual(302, self.send(HOSTS + 'brake/release/', why='no power')[0])
        self.assertIn(records.BRAKE, self.kept())


class TestRecoveries(DashboardCase):

    def test_a_list_says_how_many_are_over_and_how_many_failed(self):
        self.assertIn('moving 2 of 2 1 failed', rows(self.part(RECOVERIES))['c1-1234'])

    def test_one_has_each_instance_with_what_may_be_asked(self):
        found = rows(self.part(RECOVERIES + 'c1-1234/'))
        self.assertIn('failed c3 3 3 were tried on c3 Try again Give up', found[DB])
        self.assertEqual(2, len(found))

    def wish(self):
        """The one thing that was asked."""
        (key,) = (key for key in self.kept() if key.startswith(records.WISH))
        return records.View(self.behind.read(records.PREFIX)).one(Wish, key)

    def test_what_is_asked_of_an_instance_is_kept_with_its_reason(self):
        self.assertIn('Try db-1 again', self.seen(f'{RECOVERIES}retry/{DB}/?name=db-1'))
        self.assertEqual(302, self.send(f'{RECOVERIES}retry/{DB}/', why='there is room')[0])
        kept = self.wish()
        self.assertEqual((DB, 'retry', 'there is room'),
                         (kept.instance, kept.verb.value, kept.why))
        self.assertIn('there is room', self.seen(RECOVERIES + 'c1/'))

    def test_a_persons_word_says_what_was_seen(self):
        self.assertEqual(200, self.send(RECOVERIES + 'go-on/c1/', why='I was there')[0])
        self.assertEqual(302, self.send(RECOVERIES + 'go-on/c1/', why='I was there',
                                        because='switched off')[0])
        self.assertEqual('go on', self.wish().verb.value)

    def test_who_asks_twice_is_told_that_it_was_asked(self):
        for _ in range(2):
            self.assertEqual(302, self.send(RECOVERIES + 'end/c1/', why='too late')[0])
        self.assertIn('nothing was changed', self.page(RECOVERIES))

    def test_what_was_given_up_says_by_whom(self):
        self.moved(told.an_evacuation(DB, 'db-1', Phase.FAILED, 'c3', given_up='joe'), OTHERS)
        self.assertIn('given up by joe', rows(self.part(RECOVERIES + 'c1/'))[DB])


class TestProtection(DashboardCase):

    def test_it_lists_what_would_not_come_back_and_why(self):
        found = self.part(PROTECTION)
        self.assertIn('c3 Local disk db-1 db-1: a disk on c3 alone', rows(found)['0'])
        self.assertIn('The whole host', rows(found)['1'])
        self.assertIn('lang="en"', found)

    def test_it_lists_that_of_one_host(self):
        self.assertEqual(1, len(rows(self.part(PROTECTION + '?host=c4'))))

    def test_it_says_if_nobody_has_looked(self):
        self.behind.commit([], [ports.Delete(records.UNPROTECTED)])
        self.assertIn('No leader has looked yet', self.seen(PROTECTION))


class TestWhatCantBeShown(DashboardCase):
    """A page says why in words, and is a page."""

    def test_the_service_is_away(self):
        self.ada.get(self.runtime.url)
        self.runtime.behind.is_away = True
        for path in EVERY:
            self.assertIn('The service answered 502', self.seen(path), path)
            self.page(path)

    def test_nobody_listens_there(self):
        self.addCleanup(self.runtime.keystone.catalog.update, dict(self.runtime.keystone.catalog))
        self.runtime.keystone.catalog['instance-ha'] = 'http://127.0.0.1:9/v1'
        for path in EVERY:
            self.assertIn('does not answer', self.seen(path), path)

    def test_etcd_is_away(self):
        self.etcd.away = True
        for path in EVERY:
            self.assertIn('The service says:', self.seen(path), path)

    def test_the_token_is_taken_no_more(self):
        self.ada.get(self.runtime.url)
        self.keystone._token_data.clear()
        for path in EVERY:
            self.assertIn('log in again', self.seen(path), path)

    def test_there_is_none_of_that_name(self):
        for path in (RECOVERIES + 'c9/', INCIDENTS + 'c9/'):
            self.assertIn('The service says:', self.seen(path))

    def test_what_is_asked_of_a_service_that_is_away_stays_in_the_dialog(self):
        self.ada.get(self.runtime.url)
        self.runtime.behind.is_away = True
        code, found = self.send(HOSTS + 'hold/c2/', why='it smokes')
        self.assertEqual((200, True), (code, 'The service answered 502' in found))

    def test_a_person_of_a_project_is_shown_no_panel_of_administrators(self):
        for path in EVERY[:-1]:
            self.page(path, self.tom, code=403)
        self.page(INSTANCES, self.tom)

    def test_without_the_service_in_the_catalog_there_is_no_panel(self):
        self.addCleanup(self.runtime.keystone.catalog.update, dict(self.runtime.keystone.catalog))
        del self.runtime.keystone.catalog['instance-ha']
        self.page(HOSTS, code=403)


class TestOrder(DashboardCase):

    def test_of_a_thousand_hosts_those_are_shown_that_are_not_well(self):
        for number in range(1000):
            host = f'h{number:03}'
            self.put(records.INVENTORY + host, told.an_inventory(host, instances=()))
            self.put(records.ALIVE + host, records.Beat('uuid', host, '1.0'))
        self.put(records.CASE + 'h777', told.a_case('h777', stage=Stage.SUSPECTED))
        found = self.part(HOSTS)
        self.assertEqual(['h777', 'c1'], list(rows(found))[:2])
        self.assertEqual(200, len(rows(found)))
        self.assertIn('804 more hosts are not shown.', found)
        self.assertIn('data-kaopu-ha-least="6"', found)
        self.assertEqual(1004, len(rows(self.part(HOSTS + '?all=1'))))

    def test_a_case_that_is_judged_comes_before_one_that_is_confirmed(self):
        self.put(records.CASE + 'c3', told.a_case('c3', stage=Stage.SUSPECTED))
        self.assertEqual(['c3', 'c1'], list(rows(self.part(HOSTS)))[:2])
