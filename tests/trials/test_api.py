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
"""Masakari's words and ours, as a person types them: a reserved host is taken for a dead one.

All of it goes through the API as the cloud serves it: found by Keystone's catalogue, over TLS where
the cloud is a secure one, by the commands of python-masakariclient and of our own plug-in.
"""

import datetime
import json
import subprocess

from tests.trials import base

DEAD, OTHER, RESERVED = 'c1', 'c2', 'c3'
STOPPED = {'event': 'STOPPED', 'cluster_status': 'OFFLINE', 'host_status': 'NORMAL'}


class TestThroughTheApi(base.LongTrial):

    def boot(self) -> None:
        """The host that dies is full, and the one that is reserved is empty."""
        self.cloud.boot(4, DEAD)
        self.cloud.boot(1, OTHER)

    def test_a_reserved_host_is_taken_and_receives_and_people_see_it(self):
        on, off = self.on(DEAD), self.role('off', DEAD)
        self.prepare()
        self.cloud.power_off(DEAD)
        self.tell(f'{DEAD} has no power')
        ident = self.notify()
        self.wait_finished(DEAD)
        self.tell('the recovery is finished')
        self.check_what_masakari_shows(ident, {*on})
        self.check_what_we_show({*on})
        self.judge()
        self.assert_moved_once(DEAD, on, {RESERVED})
        self.assertEqual(DEAD, self.host_of(off))
        self.assertEqual('enabled', self.service(RESERVED)['status'])
        self.take_back()
        self.judge()

    # ------------------------------------------------------------ what people do

    def prepare(self) -> None:
        """As the page on segments has it."""
        self.openstack('compute', 'service', 'set', '--disable', '--disable-reason', 'reserved',
                       RESERVED, 'nova-compute')
        self.openstack('segment', 'create', 'rack-1', 'reserved_host', 'compute')
        for host, more in ((DEAD, ()), (OTHER, ()), (RESERVED, ('--reserved', 'True'))):
            self.openstack('segment', 'host', 'create', host, 'COMPUTE', 'SSH', 'rack-1', *more)
        self.assertEqual({DEAD: False, OTHER: False, RESERVED: True}, self.reserved())
        self.assertEqual({DEAD, OTHER, RESERVED},
                         {one['host'] for one in self.shown('ha', 'host', 'list')})

    def notify(self) -> str:
        """Say that the host stopped, as a monitor does; the id of the notification."""
        now = datetime.datetime.now(datetime.UTC).strftime('%Y-%m-%dT%H:%M:%S')
        made = self.shown('notification', 'create', 'COMPUTE_HOST', DEAD, now, json.dumps(STOPPED))
        self.tell(f'it was said to have stopped: {made["status"]}')
        return made['notification_uuid']

    def take_back(self) -> None:
        """Switch the dead host on, and ask for its admission until nothing is in its way."""
        self.cloud.power_on(DEAD)

        def admitted() -> bool:
            self.run_it('ha', 'host', 'admit', DEAD)
            return not self.case(DEAD)
        self.wait(f'the admission of {DEAD}', admitted, 300, 5)
        self.tell(f'{DEAD} is back')
        found = {one['name']: one for one in self.shown('segment', 'host', 'list', 'rack-1')}
        self.assertFalse(found[DEAD]['on_maintenance'])

    # ------------------------------------------------------------ what people see

    def check_what_masakari_shows(self, ident: str, moved: set[str]) -> None:
        """The notification has ended well, and its moves are those of what was on."""
        found = self.wait('the notification to end', lambda: (
            one := self.shown('notification', 'show', ident))['status'] not in (
            'new', 'running') and one, 60, 2)
        self.assertEqual('finished', found['status'], found)
        moves = self.shown('notification', 'vmove', 'list', ident)
        self.assertEqual({(uuid, DEAD, RESERVED) for uuid in moved}, {
            (one['server_id'], one['source_host'], one['dest_host']) for one in moves
            if one['status'] == 'succeeded'})
        self.assertEqual({DEAD: False, OTHER: False, RESERVED: False}, self.reserved())
        hosts = {one['name']: one for one in self.shown('segment', 'host', 'list', 'rack-1')}
        self.assertEqual([True, False], [hosts[one]['on_maintenance'] for one in (DEAD, RESERVED)])

    def check_what_we_show(self, moved: set[str]) -> None:
        """The case, the recovery with its moves, and why in words."""
        (case,) = self.shown('ha', 'case', 'list')
        self.assertEqual((DEAD, 'confirmed'), (case['host'], case['stage']))
        found = self.shown('ha', 'recovery', 'show', DEAD)
        self.assertEqual('finished', found['stage'])
        targets = {one['instance']: one['target'] for one in found['evacuations']
                   if one['phase'] == 'done'}
        self.assertEqual(dict.fromkeys(moved, RESERVED), targets)
        told = self.openstack('ha', 'explain', DEAD)
        self.tell(told)
        self.assertEqual(self.said('explain', DEAD).splitlines()[0], told.splitlines()[0])
        self.assertIn(RESERVED, told)

    def reserved(self) -> dict[str, bool]:
        """Which hosts of the segment are reserved."""
        return {one['name']: one['reserved']
                for one in self.shown('segment', 'host', 'list', 'rack-1')}

    def service(self, host: str) -> dict:
        """The host's nova-compute as Nova shows it."""
        path = f'/os-services?binary=nova-compute&host={host}'
        return self.cloud.rest.nova('GET', path)['services'][0]

    # ------------------------------------------------------------ the command

    def shown(self, *words: str):
        """What `openstack` shows, as data."""
        return json.loads(self.openstack(*words, '-f', 'json'))

    def openstack(self, *words: str) -> str:
        """What `openstack` prints; it must end well."""
        done = self.run_it(*words)
        self.assertEqual(0, done.returncode, f'{words}: {done.stdout}{done.stderr}')
        return done.stdout

    def run_it(self, *words: str) -> subprocess.CompletedProcess:
        """Run `openstack` as the administrator does."""
        argv = self.cloud.command('ctl', [self.cloud.layout.kaopu_bin('openstack'), *words])
        return subprocess.run(argv, env=self.cloud.environment(), capture_output=True, text=True,
                              check=False, timeout=120)
