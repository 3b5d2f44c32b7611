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

"""Secrets: files that others can read are told of; what is planted turns up nowhere."""

import http.server
import io
import logging
import pathlib
import subprocess
import sys
import tempfile
import threading
import time
import unittest

from oslo_config import cfg

from kaopu_ha import conf as options
from kaopu_ha import records
from kaopu_ha.conf import secrecy
from kaopu_ha.drivers.etcd import store as etcd
from tests import etcd_cluster

# A word in every secret option there is, also in those of parts that come later.
PLANTED = {(group, opt.dest): f'planted-in-{group}-{opt.dest}'
           for group, opts in options.list_opts() for opt in opts if opt.secret}
PROGRAMS = ('agent', 'controller', 'worker')


class FolderCase(unittest.TestCase):

    def setUp(self):
        super().setUp()
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)

    def file(self, name, text, mode):
        path = self.folder / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
        path.chmod(mode)
        return str(path)

    def read(self, *paths):
        conf = cfg.ConfigOpts()
        options.register(conf)
        conf([], project='kaopu-ha', default_config_files=list(paths), default_config_dirs=[])
        return conf


class ExposedTest(FolderCase):

    def exposed(self, *paths):
        return secrecy.exposed(self.read(*paths), options.list_opts())

    def test_a_file_with_a_password_that_others_can_read_is_told(self):
        path = self.file('a.conf', '[nova]\npassword = x\n', 0o644)
        (told,) = self.exposed(path)
        self.assertIn(f'chmod 0640 {path}', told)
        pathlib.Path(path).chmod(0o640)
        self.assertEqual([], self.exposed(path))

    def test_a_file_without_secrets_may_be_read(self):
        self.assertEqual([], self.exposed(self.file('a.conf', '[nova]\nusername = x\n', 0o644)))

    def test_the_file_that_sets_the_secret_is_named(self):
        plain = self.file('a.conf', '[nova]\nusername = x\n', 0o644)
        secret = self.file('b.conf', '[store]\npassword = x\n', 0o604)
        (told,) = self.exposed(plain, secret)
        self.assertIn(secret, told)

    def test_key_files_are_told_of_too(self):
        keys = [self.file(name, 'x', 0o644) for name in (
            'etcd.key', 'ask.keyring', 'fence.keyring', 'nova.key', 'pki/clientkey.pem')]
        path = self.file('a.conf', f'[store]\nkey = {keys[0]}\n[ceph]\nkeyring = {keys[1]}\n'
                         f'[fence]\nkeyring = {keys[2]}\n[nova]\nkeyfile = {keys[3]}\n'
                         f'[libvirt]\npki_path = {self.folder}/pki\n', 0o644)
        told = self.exposed(path)
        self.assertEqual(sorted(keys), sorted(each.split(',')[0].rpartition(' ')[2]
                                              for each in told))

    def test_a_key_that_is_not_there_is_not_told(self):
        self.assertEqual([], self.exposed(self.file('a.conf', '[store]\nkey = /nowhere\n', 0o644)))

    def test_a_process_says_so_when_it_starts(self):
        path = self.file('a.conf', '[nova]\npassword = x\n', 0o644)
        code = ('import sys; from kaopu_ha.cmd import process; '
                'process.configure("kaopu-ha-worker", sys.argv[1:])')
        done = subprocess.run([sys.executable, '-c', code, '--config-file', path], text=True,
                              capture_output=True, timeout=60)
        told = done.stdout + done.stderr
        self.assertEqual((0, 1), (done.returncode, told.count('can read')), told)


class _Keystone(http.server.BaseHTTPRequestHandler):
    """Refuses everybody, and remembers what it was sent."""

    sent = []

    def do_POST(self):
        size = int(self.headers['Content-Length'])
        self.sent.append(self.rfile.read(size).decode())
        self._answer(401, b'{"error": {"code": 401, "message": "no", "title": "Unauthorized"}}')

    def do_GET(self):
        where = f'http://{self.headers["Host"]}/v3/'
        self._answer(200, (f'{{"version": {{"id": "v3.14", "status": "stable", "links": '
                           f'[{{"rel": "self", "href": "{where}"}}]}}}}').encode())

    def log_message(self, *words):
        pass

    def _answer(self, status, body):
        self.send_response(status)
        self.send_header('Content-Type', 'application/json')
        self.send_header('Content-Length', str(len(body)))
        self.end_headers()
        self.wfile.write(body)


@unittest.skipIf(etcd_cluster.missing(), etcd_cluster.missing())
class PlantedTest(FolderCase):
    """The programs at work, with a word in each secret option, and everything told in full."""

    def setUp(self):
        super().setUp()
        self.cluster = etcd_cluster.EtcdCluster(size=1)
        self.addCleanup(self.cluster.cleanUp)
        self.cluster.setUp()
        password = PLANTED['store', 'password']
        for words in ('user add root:root', 'user grant-role root root', f'user add ha:{password}',
                      'role add ha', 'role grant-permission ha readwrite --prefix=true /kaopu-ha/',
                      'user grant-role ha ha', 'auth enable'):
            self.cluster.ctl(*words.split())
        self.keystone = http.server.ThreadingHTTPServer(('127.0.0.1', 0), _Keystone)
        self.addCleanup(self.keystone.server_close)
        self.addCleanup(self.keystone.shutdown)
        threading.Thread(target=self.keystone.serve_forever, daemon=True).start()
        self.file('ceph.conf', '[global]\nfsid = x\nmon_host = 127.0.0.1:9\n', 0o640)
        self.conf = self.file('kaopu-ha.conf', self._text({
            'DEFAULT': {'host': 'c1', 'debug': 'true', 'default_log_levels': ''},
            'store': {'endpoints': self.cluster.endpoint(0), 'user': 'ha'},
            'ceph': {'conf': f'{self.folder}/ceph.conf', 'client_networks': '10.2.0.0/24'},
            'agent': {'state_path': str(self.folder)},
            'nova': {'auth_url': f'http://127.0.0.1:{self.keystone.server_port}/v3',
                     'username': 'kaopu', 'user_domain_name': 'Default'}}), 0o640)

    @staticmethod
    def _text(sections):
        """The configuration, with the words; a URL has one as its password."""
        for (group, name), word in PLANTED.items():
            sections.setdefault(group, {})[name] = (
                f'http://user:{word}@127.0.0.1:9/' if name.endswith('url') else word)
        return ''.join(f'[{group}]\n' + ''.join(f'{name} = {value}\n'
                                                for name, value in given.items())
                       for group, given in sections.items())

    def assert_clean(self, text, where):
        for option, word in PLANTED.items():
            self.assertNotIn(word, text, f'{option} is in {where}')

    def test_no_program_tells_a_secret(self):
        running = [self.started(program) for program in PROGRAMS]
        deadline = time.monotonic() + 20
        while time.monotonic() < deadline and not _Keystone.sent:
            self.look(running)
            time.sleep(0.2)
        # Both were used: the test would see them.
        self.assertIn(PLANTED['nova', 'password'], ''.join(_Keystone.sent))
        kv = etcd.EtcdStore([self.cluster.endpoint(0)], user='ha',
                            password=PLANTED['store', 'password'])
        self.addCleanup(kv.close)
        self.assertIn(records.LEADER, kv.read(records.PREFIX).entries)
        time.sleep(2.0)
        self.look(running)
        values = [entry.value for entry in kv.read(records.PREFIX).entries.values()]
        self.assert_clean(''.join(values), 'the store')
        for process, log in running:
            self.assertIsNone(process.poll(), log.read_text())
            self.assertIn('DEBUG', log.read_text())

    def look(self, running):
        """At the logs, and at the command lines of every process and of its children."""
        for process, log in running:
            self.assert_clean(log.read_text(), log)
            for line in _command_lines(process.pid):
                self.assert_clean(line, 'a command line')

    def started(self, program):
        log = self.folder / f'{program}.log'
        with log.open('w') as out:
            process = subprocess.Popen(
                [sys.executable, '-m', f'kaopu_ha.cmd.{program}', '--config-file', self.conf],
                stdout=out, stderr=out)
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)
        return process, log

    def test_the_command_tells_none(self):
        for words in (['status'], ['--debug', 'status'], ['secure', 'etcd', '--apply'],
                      ['host', 'show', 'c1'], ['--debug', 'doctor', '--limit', '8', '-v']):
            done = subprocess.run(
                [sys.executable, '-m', 'kaopu_ha.cli.shell', '--config-file', self.conf, *words],
                capture_output=True, text=True, timeout=60)
            self.assert_clean(done.stdout + done.stderr, words)
        self.cluster.kill(0)
        done = subprocess.run(
            [sys.executable, '-m', 'kaopu_ha.cli.shell', '--config-file', self.conf, '--debug',
             'status'], capture_output=True, text=True, timeout=60)
        self.assertEqual(1, done.returncode)
        self.assert_clean(done.stdout + done.stderr, 'the error')

    def test_options_that_are_logged_whole_hide_them(self):
        said = io.StringIO()
        log = logging.getLogger('tests.secrets')
        log.addHandler(logging.StreamHandler(said))
        log.setLevel(logging.DEBUG)
        log.propagate = False
        self.read(self.conf).log_opt_values(log, logging.DEBUG)
        self.assertIn('nova.password', said.getvalue())
        self.assert_clean(said.getvalue(), 'the options')


def _command_lines(pid):
    """The command line and the environment of a process and of all below it."""
    try:
        folder = pathlib.Path('/proc', str(pid))
        yield (folder / 'cmdline').read_text()
        yield (folder / 'environ').read_text()
        children = (folder / 'task' / str(pid) / 'children').read_text().split()
    except OSError:
        return
    for child in children:
        yield from _command_lines(child)


if __name__ == '__main__':
    unittest.main()
