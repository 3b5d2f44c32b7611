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

"""``kaopu-ha-status upgrade check`` against a real store with records in it."""

import contextlib
import io
import json
import pathlib
import subprocess
import sys
from unittest import mock

from kaopu_ha import ports, records, wiring
from kaopu_ha.cmd import status
from kaopu_ha.core.model import RecoveryStage
from tests.unit.cli import scene


class UpgradeCheckTest(scene.Scene):

    def setUp(self):
        super().setUp()
        folder = self.config.parent
        (folder / 'ceph.conf').write_text('[global]\nfsid = x\n')
        self.config.write_text(scene.CONF.format(endpoint=self.etcd.endpoint, folder=folder))

    def check(self, code):
        """The results by check; the exit code must be this."""
        out = io.StringIO()
        with contextlib.redirect_stdout(out):
            self.assertEqual(code, status.main(
                ['--config-file', str(self.config), 'upgrade', 'check', '--json']))
        self.assertNotIn('hidden-word', out.getvalue())
        checks = json.loads(out.getvalue())['checks']
        return {one['check']: (one['result'], one['details'] or '') for one in checks}

    def change(self, before, after):
        text = self.config.read_text()
        self.assertIn(before, text)
        self.config.write_text(text.replace(before, after))

    def assert_alone(self, results, name, code, words):
        """Nothing but this check has found anything."""
        self.assertEqual(code, results[name][0])
        self.assertIn(words, results[name][1])
        self.assertEqual({name}, {each for each, (found, _) in results.items() if found})

    def test_a_cloud_that_is_well_may_be_upgraded(self):
        self.a_dead_host(stage=RecoveryStage.FINISHED)
        results = self.check(0)
        self.assertEqual(['Configuration', 'Drivers', 'API', 'Store', 'Records', 'Processes',
                          'Recoveries'], list(results))
        self.assertIn('12 records', results['Store'][1])

    def test_a_store_without_a_record_may_be_upgraded(self):
        self.check(0)

    def test_the_store_is_read_by_the_driver_that_is_named(self):
        self.change('[store]', '[store]\ndriver = etcd3')
        self.beats('c1')
        self.assertEqual((0, '1 records'), self.check(0)['Store'])
        self.change('127.0.0.1', 'https://127.0.0.1')
        self.assertIn('set [store] ca, or driver = etcd', self.check(2)['Store'][1])

    def test_a_configuration_that_this_release_refuses_is_a_failure(self):
        for after, words in (('[detection]\nbeat_ttl = 1\n[ceph]', 'beat_ttl'),
                             ('[detection]\npace = fast\nbeat_interval = 2\n[ceph]',
                              '3 x 2 s > beat_ttl')):
            self.change('[ceph]', after)
            self.assert_alone(self.check(2), 'Configuration', 2, words)
            self.change(after, '[ceph]')
        self.change('client_networks', '#')
        self.assert_alone(self.check(2), 'Configuration', 2, 'client_networks is empty')

    def test_a_driver_that_is_not_there_is_a_failure(self):
        self.change('[ceph]', '[usage]\ndriver = crystal_ball\n[ceph]')
        results = self.check(2)
        self.assert_alone(results, 'Drivers', 2, 'no usage driver "crystal_ball"; there is: ')

    def test_an_api_that_is_not_configured_here_is_not_looked_at(self):
        self.assertEqual((0, 'not configured here'), self.check(0)['API'])

    def test_an_api_that_would_not_start_is_a_failure(self):
        section = '[keystone_authtoken]\nauth_type = password\nauth_url = http://k/v3\n'
        self.change('[ceph]', f'{section}[ceph]')
        self.assert_alone(self.check(2), 'API', 2, 'www_authenticate_uri is not set')
        whole = f'{section}www_authenticate_uri = http://k/v3\nusername = u\npassword = p\n'
        self.change(section, whole)
        self.assertEqual((0, ''), self.check(0)['API'])
        # One file may be on machines on which no API is served.
        self.addCleanup(setattr, wiring, 'api', vars(wiring).pop('api'))
        with mock.patch.dict(sys.modules, {'kaopu_ha.wiring.api': None}):
            self.assert_alone(self.check(1), 'API', 1, 'pip install "kaopu-ha[api]"')

    def test_a_store_that_does_not_answer_is_a_failure_and_the_rest_is_not_looked_at(self):
        self.change(self.etcd.endpoint, '127.0.0.1:9')
        results = self.check(2)
        self.assertIn('no member of etcd answered', results['Store'][1])
        for name in ('Records', 'Processes', 'Recoveries'):
            self.assertEqual((1, 'Not looked at: the store was not read.'), results[name])

    def test_records_of_a_newer_release_are_a_failure(self):
        self.a_dead_host(stage=RecoveryStage.FINISHED)
        self.store.commit([], [ports.Put(records.CASE + 'c1', json.dumps(
            {'schema': records.SCHEMA + 1, 'whatever': 1}))])
        self.assert_alone(self.check(2), 'Records', 2, 'this is a step back')

    def test_what_is_no_record_is_a_failure_that_names_the_key(self):
        self.store.commit([], [ports.Put(records.HOST + 'c7', 'scribbled')])
        self.assert_alone(self.check(2), 'Records', 2, records.HOST + 'c7')

    def test_processes_with_older_records_are_a_failure(self):
        self.there_leads()
        self.beats(*(f'c{number}' for number in range(1, 8)))
        with mock.patch.object(records, 'SCHEMA', records.SCHEMA + 1):
            self.assert_alone(self.check(2), 'Processes', 2,
                              '8 of a release with older records are at work: agent c1, agent c2')

    def test_a_recovery_under_way_is_a_warning(self):
        self.a_dead_host()
        self.assert_alone(self.check(1), 'Recoveries', 1, 'Under way for c1.')

    def test_the_command_shows_a_table_and_names_a_file_that_is_not_there(self):
        command = [sys.executable, '-m', 'kaopu_ha.cmd.status', '--config-file']
        done = subprocess.run([*command, str(self.config), 'upgrade', 'check'], text=True,
                              capture_output=True, timeout=60, check=False)
        self.assertEqual((0, ''), (done.returncode, done.stderr))
        self.assertIn('Check: Records', done.stdout)
        absent = str(pathlib.Path(self.config.parent, 'nowhere.conf'))
        done = subprocess.run([*command, absent, 'upgrade', 'check'], text=True,
                              capture_output=True, timeout=60, check=False)
        self.assertEqual(255, done.returncode)
        self.assertIn('nowhere.conf', done.stderr)
        self.assertEqual(1, done.stderr.count('\n'))
