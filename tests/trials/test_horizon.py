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

"""A host loses its power, and people watch it in Horizon, from the first light to "moved"."""

import secrets
import unittest

from minicloud import horizon
from tests import browser
from tests.cloud import base
from tests.cloud.base import secure

HOSTS, INCIDENT = 'admin/ha_hosts/', 'admin/ha_incidents/c1/'
RECOVERY, MINE = 'admin/ha_recoveries/c1/', 'project/ha_instances/'
TENANT = 'tom'
ROW = 'tr[data-object-id=c1]'
JUDGED = ('suspected', 'dying', 'locked', 'last look')
# Keeps what the row of c1 has said and how many of its lights were out, whenever that changed.
_WATCH = """
window.kaopuSeen = [];
const look = () => {
  const row = document.querySelector(arguments[0]);
  if (!row) { return; }
  const stage = row.querySelector('.kaopu-ha-stage'), seen = window.kaopuSeen;
  const now = [row.querySelectorAll('.kaopu-ha-silence').length,
               stage ? stage.textContent.trim() : ''];
  if (String(seen[seen.length - 1]) !== String(now)) { seen.push(now); }
};
look();
new MutationObserver(look).observe(document.body, {childList: true, subtree: true});
"""


class TestHorizon(browser.Looks, base.Trial):

    horizon = True

    @classmethod
    def setUpClass(cls) -> None:
        if browser.missing():
            raise unittest.SkipTest(browser.missing())
        super().setUpClass()
        tls = secure.served(cls.cloud.layout, horizon.NAME, horizon.LOOPBACK)
        cls.driver = browser.started(tls and tls[0])
        cls.addClassCleanup(cls.driver.quit)
        port = cls.enterClassContext(cls.cloud.browse())
        cls.site = f'http{"s" if tls else ""}://{horizon.LOOPBACK}:{port}'
        cls.pictures = cls.cloud.layout.root / 'pictures'

    def test_a_power_off_is_watched_from_the_first_light_to_moved(self) -> None:
        on = self.on('c1')
        self.log_in('admin', self.cloud.layout.password())
        self.open(HOSTS)
        # Over management nobody asks who beats.
        self.until(lambda: (len(self.lights('life')), self.lights('silence')) == (2, []),
                   'c1 is not well')
        self.script(_WATCH, ROW)
        self.cloud.power_off('c1')
        self.check_the_lights()
        self.check_the_incident()
        self.check_the_moves(on)
        self.check_masakaris_panels()
        self.check_what_the_tenant_sees(on)
        self.judge()
        self.assert_moved_once('c1', on, {'c2', 'c3'})

    # ------------------------------------------------------------ what an administrator sees

    def lights(self, sign: str) -> list:
        """The lights of c1 that say this."""
        return self.find(ROW).find_elements(browser.By.CSS_SELECTOR, f'.kaopu-ha-{sign}')

    def check_the_lights(self) -> None:
        """They go out, the host is judged and then confirmed, on a page that is never loaded anew.
        """
        self.until(lambda: self.lights('silence'), 'no light goes out')
        self.picture(self.pictures, 'judged')
        self.until(lambda: 'confirmed dead' in self.text(ROW), 'it is not confirmed', 120)
        self.until(lambda: 'Confirmed dead' in self.text('.messages'), 'nobody is told')
        self.assertEqual(3, len(self.lights('silence')))
        self.picture(self.pictures, 'confirmed')
        self.assert_accessible()
        seen = self.script('return window.kaopuSeen')
        self.assertEqual(0, seen[0][0], seen)
        confirmed = next(place for place, (_, stage) in enumerate(seen) if 'confirmed' in stage)
        judged = [stage for _, stage in seen[:confirmed] if stage.startswith(JUDGED)]
        self.assertTrue(judged, seen)
        # In the order of its road: none comes back.
        order = [next(place for place, word in enumerate(JUDGED) if stage.startswith(word))
                 for stage in judged]
        self.assertEqual(sorted(order), order, seen)

    def check_the_incident(self) -> None:
        """The timeline, and why in words."""
        self.open(INCIDENT)
        self.until(lambda: self.find('.kaopu-ha-timeline').is_displayed(), 'no timeline')
        self.wait_finished('c1')
        self.until(lambda: self.driver.find_elements(
            browser.By.CSS_SELECTOR, '.kaopu-ha-timeline .bar-evacuating'), 'no move is drawn')
        said = self.text()
        for word in ('Step by step', 'storage', 'fence', 'What became of its instances'):
            self.assertIn(word, said)
        self.assert_accessible()
        self.picture(self.pictures, 'incident')

    def check_the_moves(self, on: list[str]) -> None:
        """Each instance that was on is moved."""
        self.open(RECOVERY)
        for uuid in on:
            self.until(lambda uuid=uuid: 'moved' in self.text(f'tr[data-object-id="{uuid}"]'),
                       f'{self.before[uuid].name} is not moved')
        self.assert_accessible()
        self.picture(self.pictures, 'recovery')

    def check_masakaris_panels(self) -> None:
        """Those of masakari-dashboard stand beside ours and are answered."""
        for panel, title in (('segments', 'Segments'), ('hosts', 'Hosts'),
                             ('notifications', 'Notifications'), ('vmoves', 'VMoves')):
            self.open(f'masakaridashboard/{panel}/')
            self.assertIn(title, self.text('h1'))
            self.assertNotIn('Unable to', self.text('.messages'))

    # ------------------------------------------------------------ what a project's people see

    def check_what_the_tenant_sees(self, on: list[str]) -> None:
        """At login that a host is confirmed; then which of the instances were moved, and for how
        long they were down, and nothing of hosts.
        """
        self.log_in(TENANT, self.a_tenant())
        told = self.text('body')
        self.open(MINE)
        self.assertEqual(TENANT, self.text('.user-name'))
        self.assertIn('confirmed dead', told + self.text('body'))
        for uuid in on:
            name = self.before[uuid].name
            self.until(lambda name=name: f'{name} ' in self.text(), f'{name} is not shown')
        said = self.text()
        self.assertEqual(len(on), said.count('Moved, and runs'), said)
        self.assertEqual(len(on), said.count('It was down for'), said)
        for host in self.cloud.layout.hosts:
            self.assertNotIn(f' {host} ', said)
        self.assert_accessible()
        self.picture(self.pictures, 'project')

    def a_tenant(self) -> str:
        """Have a person of the project that the instances are of; the password."""
        keystone, password = self.cloud.rest.keystone, secrets.token_hex(12)
        (project,) = keystone('GET', '/projects?name=admin')['projects']
        (role,) = keystone('GET', '/roles?name=member')['roles']
        user = {'name': TENANT, 'domain_id': 'default', 'password': password,
                'default_project_id': project['id']}
        for one in keystone('GET', f'/users?name={TENANT}')['users']:
            keystone('DELETE', f'/users/{one["id"]}')
        made = keystone('POST', '/users', {'user': user})['user']
        keystone('PUT', f'/projects/{project["id"]}/users/{made["id"]}/roles/{role["id"]}')
        return password
