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

"""A stranger adds a fence driver: the example of the documentation, by two edits.

One file in ``kaopu_ha/drivers`` and one line in ``setup.cfg``; nothing else of the tree is touched.
"""

import contextlib
import http.server
import importlib.metadata
import importlib.util
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import threading
import unittest
from unittest import mock

from kaopu_ha.conf.errors import ConfigError
from kaopu_ha.core import model
from kaopu_ha.testing import fence
from kaopu_ha.wiring import drivers
from tests.unit.test_conf import made

ROOT = pathlib.Path(__file__).resolve().parents[3]
EXAMPLE = ROOT / 'doc/source/reference/examples/switch.py'
LINE = '    switch = kaopu_ha.drivers.switch.fence:Switch\n'
HOST = '10.91.0.1'
# The fast pace is refused without a fence that gives proof.
MAKE = '''
import sys
from oslo_config import cfg
from kaopu_ha import conf as options, wiring
from kaopu_ha.wiring import drivers
conf = cfg.ConfigOpts()
options.register(conf)
conf(['--config-file', sys.argv[1]])
wiring.rules(conf)
print(type(drivers.make(conf, 'fence', 'switch', None)).__module__, conf.detection.pace)
'''


def loaded():
    spec = importlib.util.spec_from_file_location('switch_of_the_documentation', EXAMPLE)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


class _Switch(http.server.BaseHTTPRequestHandler):
    """A switch with a list; one that is away closes the door on everybody."""

    shut: set[str] = set()
    away = False

    def do_GET(self):
        self._answer(' '.join(sorted(self.shut)))

    def do_PUT(self):
        self.shut.add(self.path.rpartition('/')[2])
        self._answer('')

    def do_DELETE(self):
        self.shut.discard(self.path.rpartition('/')[2])
        self._answer('')

    def handle_one_request(self):
        if self.away:
            self.close_connection = True
        else:
            super().handle_one_request()

    def log_message(self, *words):
        pass

    def _answer(self, text):
        self.send_response(200)
        self.send_header('Content-Length', str(len(text)))
        self.end_headers()
        self.wfile.write(text.encode())


class Promises(fence.FenceSuite, unittest.TestCase):
    """The example keeps what a fence promises."""

    cluster = 'cluster'

    def setUp(self):
        super().setUp()
        self.switch = type('Switch', (_Switch,), {'shut': set()})
        server = http.server.ThreadingHTTPServer(('127.0.0.1', 0), self.switch)
        self.addCleanup(server.server_close)
        self.addCleanup(server.shutdown)
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        self.fence = loaded().Switch(f'127.0.0.1:{server.server_port}', [self.cluster])
        self.addCleanup(self.fence.close)

    def host(self):
        return model.Inventory('c1', 'uuid', 'boot', 'qemu+tls://c1/system', (HOST,),
                               {self.cluster: model.Sign.LIFE}, 4, 4096)

    def writes(self):
        return HOST not in self.switch.shut

    newcomer_writes = writes

    def neighbour_writes(self):
        return '10.91.0.2' not in self.switch.shut

    def unreachable(self):
        return mock.patch.object(self.switch, 'away', True)


class TwoEdits(unittest.TestCase):
    """The file and the line, in a copy of the tree."""

    @classmethod
    def setUpClass(cls):
        cls.tree = pathlib.Path(tempfile.mkdtemp(prefix='stranger-'))
        cls.addClassCleanup(shutil.rmtree, cls.tree)
        shutil.copytree(ROOT / 'kaopu_ha', cls.tree / 'kaopu_ha',
                        ignore=shutil.ignore_patterns('__pycache__'))
        for name in ('setup.py', 'setup.cfg', 'README.rst', 'requirements.txt', 'LICENSE'):
            shutil.copy(ROOT / name, cls.tree)
        cls.edit()
        cls.env = {**os.environ, 'PYTHONPATH': os.pathsep.join(
            [str(cls.tree), *filter(None, [os.environ.get('PYTHONPATH')])]),
            'PBR_VERSION': '1.0', 'SKIP_WRITE_GIT_CHANGELOG': '1', 'SKIP_GENERATE_AUTHORS': '1'}
        subprocess.run([sys.executable, 'setup.py', '-q', 'egg_info'], cwd=cls.tree, check=True,
                       env=cls.env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                       timeout=120)

    @classmethod
    def edit(cls):
        folder = cls.tree / 'kaopu_ha/drivers/switch'
        folder.mkdir()
        (folder / '__init__.py').touch()
        shutil.copy(EXAMPLE, folder / 'fence.py')
        setup = cls.tree / 'setup.cfg'
        setup.write_text(setup.read_text().replace('\nkaopu_ha.fence =\n',
                                                   '\nkaopu_ha.fence =\n' + LINE))

    def conf(self, more):
        path = self.tree / 'kaopu-ha.conf'
        path.write_text('[fence]\ndrivers = switch\n[switch]\naddress = switch1:80\n' + more)
        return path

    def run_python(self, *words):
        done = subprocess.run([sys.executable, *words], cwd=self.tree, env=self.env, text=True,
                              capture_output=True, timeout=120)
        self.assertEqual(0, done.returncode, done.stderr)
        return done.stdout

    def test_it_is_listed_chosen_and_explained(self):
        conf = self.conf('')
        found = {one['name']: one for one in json.loads(self.run_python(
            '-m', 'kaopu_ha.cli.shell', '--config-file', str(conf), 'drivers', 'fence', '--json'))}
        switch = found['switch']
        self.assertEqual(
            (True, '', 'Shuts the addresses of a host at a storage switch.'),
            (switch['chosen'], switch['trouble'], switch['summary']))
        self.assertEqual(['[switch] address', '[switch] clusters'],
                         [option['name'] for option in switch['options']])

    def test_a_controller_has_it_made_and_takes_its_proof(self):
        told = self.run_python('-W', 'ignore', '-c', MAKE, str(self.conf(
            '[detection]\npace = fast\n[ceph]\nclient_networks = 10.91.0.0/24\n')))
        self.assertEqual('kaopu_ha.drivers.switch.fence fast\n', told)


class Made(unittest.TestCase):
    """How a driver is made that is none of ours."""

    def make(self, kind, **given):
        with mock.patch.object(drivers, 'load', lambda port, name: kind):
            return drivers.make(made(**given), 'fence', 'stranger', 'store')

    def test_what_it_reads_is_registered_before_it_is_made(self):
        with self.assertRaisesRegex(ConfigError, r'can\'t be made: .*\[switch\] address is not'):
            self.make(loaded().Switch)

    def test_ours_are_made_as_a_strangers(self):
        for port in drivers.CHOSEN_BY:
            for entry in importlib.metadata.entry_points(group=f'kaopu_ha.{port}'):
                with contextlib.suppress(ConfigError):    # Its package need not be installed here.
                    self.assertTrue(hasattr(drivers.load(port, entry.name), 'from_conf'), entry)

    def test_one_of_the_last_release_is_made_and_told(self):
        class Former:
            def __init__(self, conf):
                self.conf = conf

        with self.assertLogs('kaopu_ha.wiring.drivers', 'WARNING') as told:
            former = self.make(Former, worker__concurrency=3)
        self.assertEqual(3, former.conf.worker.concurrency)
        self.assertIn('the next release does not know', told.output[0])
