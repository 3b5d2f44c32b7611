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


"""The command as a whole: options, failures, exit codes, and how soon it answers."""

import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import unittest

from kaopu_ha.cli import layout, shell
from tests import etcd_single
from tests.unit.cli import scene

# The libraries of drivers that no command uses but to speak with what they are for.
HEAVY = {'kombu', 'libvirt', 'openstack', 'oslo_messaging', 'oslo_service', 'prometheus_client',
         'rados', 'rbd', 'redis', 'rq', 'sqlalchemy'}


def run(*words):
    return subprocess.run([sys.executable, '-m', 'kaopu_ha.cli.shell', *words],
                          capture_output=True, text=True, timeout=60)


class Failures(scene.Scene):

    def test_a_store_that_is_away_is_named_with_its_endpoints(self):
        code, out, err = self.run_command('--endpoints', '127.0.0.1:1,127.0.0.1:2', 'status')
        self.assertEqual((1, ''), (code, out))
        self.assertIn('The store does not answer at 127.0.0.1:1, 127.0.0.1:2:', err)
        self.assertEqual(1, err.count('\n'))

    def test_endpoints_on_the_command_line_win(self):
        self.config.write_text('[store]\nendpoints = 127.0.0.1:1\n')
        self.assertEqual(0, self.run_command('--endpoints', self.etcd.endpoint, 'status')[0])

    def test_a_folder_of_configuration_files_is_read(self):
        self.config.unlink()
        (self.config.parent / '10-store.conf').write_text(
            f'[store]\nendpoints = {self.etcd.endpoint}\n')
        code, _, err = self.run_command('--config-dir', str(self.config.parent), 'status',
                                        config=False)
        self.assertEqual(0, code, err)

    def test_a_configuration_file_that_is_not_there_is_named(self):
        code, _, err = self.run_command('--config-file', '/no/such/file', 'status', config=False)
        self.assertEqual((2, 'The configuration file /no/such/file is not there.\n'), (code, err))

    def test_a_value_that_is_not_allowed_is_named(self):
        self.config.write_text('[store]\ntimeout = soon\n')
        self.assertIn('soon', self.refused('status', code=2))

    def test_a_store_driver_that_does_not_exist_is_named(self):
        self.config.write_text('[store]\ndriver = stone\n')
        self.assertIn('there is no store driver "stone"',
                      self.refused('status', code=2))

    def test_wrong_usage_is_told_apart_from_failure(self):
        for words in ((), ('host',), ('nonsense',), ('status', '--nonsense'), ('host', 'show')):
            with self.subTest(words=words):
                self.assertEqual(2, self.run_command(*words)[0])

    def test_a_command_tells_its_own_options(self):
        code, out, _ = self.run_command('host', 'admit', '--help')
        self.assertIn('--no-wait', out)
        self.assertFalse(code)

    def test_what_is_done_with_a_noun_is_where_the_noun_is(self):
        strange = [name for name, place in shell.COMMANDS.items()
                   if re.split('[.:]', place)[0] != name.split()[0]]
        self.assertEqual([], strange)

    def test_every_command_answers_with_json_when_asked(self):
        for name in shell.COMMANDS:
            with self.subTest(name=name):
                self.assertIn('--json', self.run_command(*name.split(), '--help')[1])

    def test_it_loads_nothing_that_only_the_processes_need(self):
        """What makes an answer late is what is loaded for it, on every machine alike."""
        done = subprocess.run([sys.executable, '-X', 'importtime', '-m', 'kaopu_ha.cli.shell',
                               '--config-file', str(self.config), 'status'],
                              capture_output=True, text=True, timeout=60)
        self.assertEqual(0, done.returncode, done.stderr)
        loaded = {line.rpartition('|')[2].strip()
                  for line in done.stderr.splitlines() if line.startswith('import time:')}
        self.assertIn('kaopu_ha.wiring.drivers', loaded)
        self.assertEqual(set(), {name.partition('.')[0] for name in loaded} & HEAVY)
        self.assertEqual([], [name for name in loaded if name.startswith((
            'kaopu_ha.programs', 'kaopu_ha.controller.', 'kaopu_ha.sim.', 'kaopu_ha.doctor'))])

    @unittest.skipIf(os.geteuid() == 0 and not shutil.which('setpriv'), 'root may read all')
    def test_a_configuration_file_that_may_not_be_read_is_named(self):
        # The folders above it are of root alone: it is the file that must be refused.
        folder = pathlib.Path(tempfile.mkdtemp())
        self.addCleanup(shutil.rmtree, folder)
        folder.chmod(0o755)
        secret = folder / 'kaopu-ha.conf'
        secret.write_text('')
        secret.chmod(0)
        drop = ['setpriv', '--reuid=65534', '--clear-groups'] if os.geteuid() == 0 else []
        done = subprocess.run([*drop, sys.executable, '-m', 'kaopu_ha.cli.shell', '--config-file',
                               str(secret), 'status'], capture_output=True, text=True, timeout=60)
        if 'No module named' in done.stderr or 'Permission denied' in done.stderr:
            self.skipTest('another user may not read this checkout')
        self.assertEqual(2, done.returncode)
        self.assertIn('may not be read by this user', done.stderr)


@unittest.skipUnless(shutil.which('etcdctl'), 'there is no etcdctl here')
class Access(unittest.TestCase):

    def test_a_store_that_refuses_access_is_not_called_away(self):
        etcd = etcd_single.until(self.addCleanup)
        for words in (('user', 'add', 'root:secret'), ('user', 'grant-role', 'root', 'root'),
                      ('auth', 'enable')):
            subprocess.run(['etcdctl', f'--endpoints={etcd.endpoint}', *words], check=True,
                           capture_output=True, env={**os.environ, 'ETCDCTL_API': '3'})
        with tempfile.TemporaryDirectory() as folder:
            for access in ('', 'user = root\npassword = wrong\n'):
                config = pathlib.Path(folder) / 'kaopu-ha.conf'
                config.write_text(f'[store]\nendpoints = {etcd.endpoint}\n{access}')
                done = run('--config-file', str(config), 'status')
                self.assertEqual(1, done.returncode)
                self.assertIn('refuses access', done.stderr)
                self.assertIn('[store]', done.stderr)


class Layout(unittest.TestCase):

    def test_spans_are_said_in_two_units_at_most(self):
        for count, words in ((None, '-'), (0, '0 s'), (59.9, '59 s'), (60, '1 min'),
                             (192, '3 min 12 s'), (18120, '5 h 2 min'), (349200, '4 d 1 h')):
            self.assertEqual(words, layout.seconds(count))

    def test_times_are_utc_whatever_the_zone_of_the_record(self):
        self.assertEqual('23:30:00', layout.clock('2026-11-24T00:30:00+01:00'))
        self.assertEqual('2026-11-23 23:30:00', layout.date_and_clock('2026-11-24T00:30:00+01:00'))

    def test_a_time_that_is_none_is_shown_as_it_is(self):
        self.assertEqual('yesterday', layout.clock('yesterday'))
        self.assertEqual('-', layout.clock(''))

    def test_colours_do_not_move_columns(self):
        red = '\033[31mred\033[0m'
        self.assertEqual(['a    b', f'{red}  x', 'y    z'],
                         layout.table(('a', 'b'), [(red, 'x'), ('y', 'z')]))
