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

"""First contact: whatever is wrong with a configuration is told in one line, before a start."""

import contextlib
import io
import pathlib
import subprocess
import sys
import tempfile
import unittest

from kaopu_ha import wiring
from kaopu_ha.cli import shell
from kaopu_ha.cmd import process, status
from tests import pki

PROGRAMS = ('agent', 'controller', 'worker')
DAEMONS = frozenset(PROGRAMS)
ALL = DAEMONS | {'kaopu-ha'}
CALLERS = frozenset({'controller', 'worker'})

GOOD = """
[DEFAULT]
host = c1
[store]
endpoints = 127.0.0.1:9
timeout = 0.5
[ceph]
conf = {folder}/ceph.conf
client_networks = 10.2.0.0/24
[agent]
state_path = {folder}
[nova]
auth_url = http://127.0.0.1:9/v3
username = kaopu
password = hidden-word
"""
TLS = 'endpoints = https://127.0.0.1:9\nca = {folder}/ca.pem\n'

# What is written instead of what, who must refuse it, and the words of the refusal.
ONE_LINE = {
    'a certificate without its key': (
        'timeout = 0.5', TLS + 'cert = {folder}/c1.crt', ALL,
        '[store] cert is set, but key is not'),
    'a key without its certificate': (
        'timeout = 0.5', TLS + 'key = {folder}/c1.key', ALL, '[store] key is set, but cert is not'),
    'a certificate of nobody who asks for TLS': (
        'timeout = 0.5', 'cert = {folder}/c1.crt\nkey = {folder}/c1.key', ALL,
        '[store] cert is set, but nothing asks for TLS'),
    'an authority that is not there': (
        'timeout = 0.5', 'ca = {folder}/nowhere.pem', ALL,
        '[store] ca: {folder}/nowhere.pem is not there'),
    'an authority that is a folder': (
        'timeout = 0.5', 'ca = {folder}', ALL, '[store] ca: {folder} is a folder'),
    'an authority that is no PEM': (
        'timeout = 0.5', 'ca = {folder}/ceph.conf', ALL,
        '[store] ca: {folder}/ceph.conf can\'t be used'),
    'an authority with rubbish between the lines of a certificate': (
        'timeout = 0.5', 'ca = {folder}/rubbish.pem', ALL, '[store] ca: {folder}/rubbish.pem'),
    'a certificate that is a key': (
        'timeout = 0.5', TLS + 'cert = {folder}/c1.key\nkey = {folder}/c1.key', ALL,
        '[store] cert: {folder}/c1.key can\'t be used'),
    'a key that is a certificate': (
        'timeout = 0.5', TLS + 'cert = {folder}/c1.crt\nkey = {folder}/c1.crt', ALL,
        '[store] key: {folder}/c1.crt can\'t be used'),
    'the key of another certificate': (
        'timeout = 0.5', TLS + 'cert = {folder}/c1.crt\nkey = {folder}/c2.key', ALL,
        '{folder}/c2.key is not the key of the certificate'),
    'http and https': (
        '127.0.0.1:9\n', 'http://127.0.0.1:9,https://127.0.0.1:10\n', ALL,
        '[store] endpoints: some begin with http:// and some with https://'),
    'http with an authority': (
        'endpoints = 127.0.0.1:9', 'endpoints = http://127.0.0.1:9\nca = {folder}/ca.pem', ALL,
        '[store] ca is set, but endpoints begin with http://'),
    'an endpoint without a port': (
        '127.0.0.1:9\n', 'etcd1\n', ALL, '[store] endpoints: etcd1 has no port: write etcd1:2379'),
    'a URL without a port': (
        '127.0.0.1:9\n', 'http://etcd1/\n', ALL, 'http://etcd1/ has no port'),
    'a port that is none': ('127.0.0.1:9\n', 'etcd1:port\n', ALL, 'etcd1:port is no host:port'),
    'a port that can\'t be': ('127.0.0.1:9\n', 'etcd1:99999\n', ALL, 'is no host:port'),
    'an address without brackets': ('127.0.0.1:9\n', '2001:db8::1:2379\n', ALL, 'in brackets'),
    'another way to etcd': (
        '127.0.0.1:9\n', 'ftp://etcd1:2379\n', ALL, 'has no scheme that etcd speaks'),
    'a path behind it': ('127.0.0.1:9\n', 'http://etcd1:2379/v3\n', ALL, 'is no host:port'),
    'a password in it': (
        '127.0.0.1:9\n', 'http://u:hidden-word@etcd1:2379\n', ALL, '[store] endpoints: one has a '),
    'no endpoint': ('endpoints = 127.0.0.1:9', 'endpoints =', ALL, '[store] endpoints is empty'),
    'a misspelled option': (
        'timeout = 0.5', 'tiemout = 0.5', ALL,
        '[store] tiemout in {folder}/kaopu-ha.conf is no option, timeout is'),
    'a misspelled section': (
        '[store]', '[stor]', ALL, '[stor] in {folder}/kaopu-ha.conf is read by nobody, [store] is'),
    'an option with dashes': (
        'client_networks', 'client-networks', ALL, '[ceph] client-networks in {folder}'),
    'an option in another section': (
        'timeout = 0.5', 'pace = fast', ALL, '[detection] has such an option'),
    'a misspelled option of a library': ('host = c1', 'host = c1\ndebgu = true', DAEMONS,
                                         '[DEFAULT] debgu in {folder}/kaopu-ha.conf is no option'),
    'a section of nobody': (
        '[ceph]', '[crystal_ball]\n[ceph]', ALL,
        '[crystal_ball] in {folder}/kaopu-ha.conf is read by nobody'),
    'a value of another kind': ('timeout = 0.5', 'timeout = soon', ALL, '[store] timeout: '),
    'a line that is no option': ('timeout = 0.5', 'timeout hidden-word', ALL,
                                 '{folder}/kaopu-ha.conf is no configuration (line 6: No '),
    'a keyring that is not there': (
        '[ceph]', '[ceph]\nkeyring = {folder}/nowhere.keyring', DAEMONS,
        '[ceph] keyring: {folder}/nowhere.keyring is not there'),
    'a keyring of somebody else': (
        '[ceph]', '[ceph]\nkeyring = {folder}/other.keyring', DAEMONS,
        '[ceph] keyring: {folder}/other.keyring has no key of client.kaopu'),
    'a fence\'s keyring without its user': (
        '[ceph]', '[fence]\nkeyring = {folder}/other.keyring\n[ceph]', frozenset({'controller'}),
        '[fence] keyring is set, but user is not'),
    'Nova\'s authority that is not there': (
        '[nova]', '[nova]\ncafile = {folder}/nowhere.pem', CALLERS, '[nova] cafile: {folder}/no'),
    'Nova\'s key without a certificate': (
        '[nova]', '[nova]\nkeyfile = {folder}/c1.key', CALLERS,
        '[nova] keyfile is set, but certfile is not'),
    'a certificate for Nova that brings no key': (
        '[nova]', '[nova]\ncertfile = {folder}/c1.crt', CALLERS, '[nova] keyfile: {folder}/c1.crt'),
    'Keystone without a scheme': (
        'http://127.0.0.1:9/v3', 'keystone:5000/v3', CALLERS, '[nova] auth_url: keystone:5000/v3'),
    'an anchor without a port': (
        '[ceph]', '[libvirt]\nanchors = 192.0.2.1\n[ceph]', CALLERS,
        '[libvirt] anchors: 192.0.2.1 is no host:port'),
    'a management network that is none': (
        '[ceph]', '[libvirt]\nmanagement_networks = 192.0.2.1/24\n[ceph]', CALLERS,
        '[libvirt] management_networks: 192.0.2.1/24'),
    'libvirt\'s certificate that is not there': (
        '[ceph]', '[libvirt]\npki_path = {folder}\n[ceph]', CALLERS,
        '[libvirt] pki_path: {folder}/cacert.pem is not there'),
    'a webhook\'s authority that is not there': (
        '[ceph]', '[notifier]\ndrivers = log,webhook\nwebhook_ca = {folder}/nowhere.pem\n[ceph]',
        CALLERS, '[notifier] webhook_ca: {folder}/nowhere.pem is not there'),
}


class FirstContact(unittest.TestCase):

    maxDiff = None

    def setUp(self):
        super().setUp()
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)
        authority = pki.Authority(self.folder)
        authority.issue('c1')
        authority.issue('c2')
        (self.folder / 'ceph.conf').write_text('[global]\nfsid = x\n')
        (self.folder / 'other.keyring').write_text('[client.admin]\n\tkey = AQ==\n')
        (self.folder / 'rubbish.pem').write_text(
            '-----BEGIN CERTIFICATE-----\nrubbish\n-----END CERTIFICATE-----\n')
        self.conf = self.folder / 'kaopu-ha.conf'
        self.write(GOOD)

    def write(self, text):
        self.conf.write_text(text.replace('{folder}', str(self.folder)))
        self.conf.chmod(0o640)

    def told(self, program, *words):
        """The exit code and the error stream of a program that must not start."""
        def make(conf):
            self.fail(f'{program} starts')
        err = io.StringIO()
        words = ['--config-file', str(self.conf), *words]
        with contextlib.redirect_stderr(err), contextlib.redirect_stdout(io.StringIO()):
            code = (shell.Shell(stdout=io.StringIO(), stderr=err).run([*words, 'status'])
                    if program == 'kaopu-ha' else
                    process.main(f'kaopu-ha-{program}', make, words))
        return code, err.getvalue()

    def assert_one_line(self, words, program, *arguments):
        code, told = self.told(program, *arguments)
        self.assertIn(words, told)
        self.assertEqual((2, 1), (code, told.count('\n')), told)
        self.assertNotIn('hidden-word', told)


class TestRefusals(FirstContact):

    def test_each_is_told_in_one_line_that_names_the_option(self):
        for name, (before, after, programs, words) in ONE_LINE.items():
            self.assertEqual(1, GOOD.count(before), name)
            self.write(GOOD.replace(before, after))
            for program in sorted(programs):
                with self.subTest(name, program=program):
                    self.assert_one_line(words.replace('{folder}', str(self.folder)), program)

    def test_the_good_one_is_good(self):
        for program in PROGRAMS:
            process.configure(f'kaopu-ha-{program}', ['--config-file', str(self.conf)])

    def test_no_refusal_for_what_has_its_reasons(self):
        for before, after in (
                ('[store]', '[STORE]'),
                ('timeout = 0.5', TLS), ('timeout = 0.5', 'ca = {folder}/ca.pem'),
                ('timeout = 0.5', TLS + 'cert = {folder}/c1.crt\nkey = {folder}/c1.key'),
                ('127.0.0.1:9\n', 'HTTP://127.0.0.1:9/ , [::1]:9,etcd_1:2379\n'),
                ('[ceph]', '[oslo_messaging_rabbit]\nrabbit_quorum_queue = true\n[ceph]'),
                ('host = c1', 'host = c1\nrpc_response_timeout = 5\nuse_journal = false'),
                ('[ceph]', '[metrics]\n[ceph]'),
                ('[ceph]', '[ceph]\nkeyring = /nowhere/$$cluster.keyring'),
                ('[ceph]', '[ceph]\nuser = admin\nkeyring = {folder}/other.keyring')):
            self.assertEqual(1, GOOD.count(before), before)
            self.write(GOOD.replace(before, after))
            for program in PROGRAMS:
                with self.subTest(after, program=program):
                    process.configure(f'kaopu-ha-{program}', ['--config-file', str(self.conf)])


class TestTheProcesses(FirstContact):
    """As they are run: with what the interpreter and libraries say on the error stream."""

    def run_it(self, *words):
        done = subprocess.run([sys.executable, '-m', *words], capture_output=True, text=True,
                              timeout=60)
        self.assertEqual((2, '', 1), (done.returncode, done.stdout, done.stderr.count('\n')),
                         done.stderr)
        return done.stderr

    def test_one_line_is_all(self):
        for before, after, words in (
                ('timeout = 0.5', 'tiemout = 0.5', 'tiemout in '),
                ('timeout = 0.5', TLS + 'cert = {folder}/c1.crt', '[store] cert is set, but key')):
            self.write(GOOD.replace(before, after))
            given = ('--config-file', str(self.conf))
            for program in PROGRAMS:
                with self.subTest(words, program=program):
                    self.assertIn(words, self.run_it(f'kaopu_ha.cmd.{program}', *given))
            with self.subTest(words, program='kaopu-ha'):
                self.assertIn(words, self.run_it('kaopu_ha.cli.shell', *given, 'status'))


    def test_nor_more_of_what_is_found_when_it_is_put_together(self):
        for before, after, words in (
                ('{folder}/ceph.conf', '{folder}/nowhere.conf',
                 '[ceph] conf: {folder}/nowhere.conf is not there: name the file that is'),
                ('[ceph]', '[fence]\ndrivers = hope\n[ceph]',
                 '[fence] drivers: there is no fence driver "hope"; there is: ceph_blocklist'),
                ('[ceph]', '[usage]\ndriver = hope\n[ceph]',
                 '[usage] driver: there is no usage driver "hope"; there is: agent, '),
                ('[ceph]', '[queue]\ndriver = oslo_messaging\n[ceph]',
                 '[queue] transport_url is not set'),
                ('10.2.0.0/24', '10.2.0.1/24', '[ceph] client_networks: 10.2.0.1/24')):
            self.assertEqual(1, GOOD.count(before), before)
            self.write(GOOD.replace(before, after))
            with self.subTest(words):
                self.assertIn(words.replace('{folder}', str(self.folder)), self.run_it(
                    'kaopu_ha.cmd.controller', '--config-file', str(self.conf)))


class TestFilesThatCanNotBeRead(FirstContact):

    def test_a_file_that_is_not_utf_8(self):
        self.conf.write_bytes(self.conf.read_bytes().replace(b'hidden-word', b'gr\xfc\xdfe'))
        for program in ALL:
            with self.subTest(program):
                self.assert_one_line(f'{self.conf} is not in UTF-8 (near line 15)', program)

    def test_a_file_with_a_byte_order_mark(self):
        self.conf.write_text('\ufeff[store]\nendpoints = 127.0.0.1:9\n')
        for program in ALL:
            with self.subTest(program):
                self.assert_one_line('it begins with a byte order mark', program)

    def test_a_folder_and_nothing(self):
        for program in ALL:
            with self.subTest(program):
                self.conf = self.folder
                self.assert_one_line(f'{self.folder} is a folder', program)
                self.conf = self.folder / 'nowhere.conf'
                self.assert_one_line('nowhere.conf', program)


class TestUpgradeCheck(FirstContact):

    def test_it_tells_of_what_would_not_start(self):
        for before, after, words in (
                ('timeout = 0.5', 'tiemout = 0.5', 'tiemout in '),
                ('timeout = 0.5', TLS + 'key = {folder}/c1.key', 'cert is not'),
                ('{folder}/ceph.conf', '{folder}/other.keyring', 'has no fsid'),
                ('[nova]', '[nova]\ncafile = {folder}/nowhere.pem', '[nova] cafile: ')):
            self.write(GOOD.replace(before, after))
            out = io.StringIO()
            with contextlib.redirect_stdout(out):
                self.assertEqual(2, status.main(
                    ['--config-file', str(self.conf), 'upgrade', 'check', '--json']))
            self.assertIn(words, out.getvalue())

    def test_a_file_that_is_not_utf_8_is_told_in_a_line(self):
        self.conf.write_bytes(b'[store]\nuser = gr\xfc\xdfe\n')
        err = io.StringIO()
        with contextlib.redirect_stderr(err):
            self.assertEqual(255, status.main(
                ['--config-file', str(self.conf), 'upgrade', 'check']))
        self.assertIn('is not in UTF-8', err.getvalue())
        self.assertEqual(1, err.getvalue().count('\n'))


class TestTheValidatorAgrees(FirstContact):

    def test_what_is_refused_as_misspelled_it_refuses_too(self):
        # Our own list of sections and options comes from where oslo.config's validator has it.
        for before, after in (('timeout', 'tiemout'), ('[store]', '[stor]'), ('', '')):
            self.write(GOOD.replace(before, after))
            good = self.validated()
            conf = self.read()
            self.assertEqual(good, not list(wiring.spelling.misspelled(conf)), after)

    def validated(self):
        from oslo_config import cfg, validator
        conf = cfg.ConfigOpts()
        validator._register_cli_opts(conf)
        conf(['--namespace', 'kaopu_ha', '--namespace', 'oslo.log', '--input-file',
              str(self.conf)], default_config_files=[], default_config_dirs=[])
        with self.assertLogs(level='DEBUG') as logs:
            logs.records.append(None)
            return validator._validate(conf) == 0

    def read(self):
        from oslo_config import cfg

        from kaopu_ha import conf as options
        conf = cfg.ConfigOpts()
        options.register(conf)
        conf([], default_config_files=[str(self.conf)], default_config_dirs=[])
        return conf
