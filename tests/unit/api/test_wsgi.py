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

"""The application as a WSGI server loads it: from a configuration file, asking nobody."""

import os
import pathlib
import subprocess
import sys
import tempfile
import unittest

from kaopu_ha.conf.errors import ConfigError
from kaopu_ha.wiring import api as wiring_api
from tests.unit.api.scene import ApiCase

ROOT = pathlib.Path(__file__).resolve().parents[3]
_SECONDS = 120
_CODE = '''
from werkzeug.test import Client
from kaopu_ha.wsgi.api import application
client = Client(application)
for path in ('/', '/v1', '/healthcheck', '/v1/segments'):
    print(path, client.get(path).status_code)
'''
_FILE = '''
[DEFAULT]
host = api-1
[store]
endpoints = 127.0.0.1:1
[nova]
auth_url = http://127.0.0.1:1/v3
username = kaopu-ha
password = secret
[keystone_authtoken]
auth_type = password
auth_url = http://127.0.0.1:1/v3
www_authenticate_uri = http://127.0.0.1:1/v3
username = kaopu-ha
password = secret
[oslo_middleware]
enable_proxy_headers_parsing = true
[oslo_policy]
policy_file = /nowhere/policy.yaml
'''


class TestApplication(unittest.TestCase):

    def loaded(self, text, code=_CODE):
        """What a process says that loads it with these files."""
        with tempfile.TemporaryDirectory() as folder:
            names = []
            for number, part in enumerate(text.split('---')):
                path = pathlib.Path(folder, f'{number}.conf')
                path.write_text(part)
                path.chmod(0o600)
                names.append(str(path))
            return subprocess.run(
                [sys.executable, '-c', code], capture_output=True, text=True, check=False,
                timeout=_SECONDS, cwd=ROOT, env={
                    **os.environ, 'OS_KAOPU_HA_CONFIG_FILES': ';'.join(names),
                    'PYTHONPATH': str(ROOT)})

    def test_it_is_made_of_several_files_while_everybody_else_is_away(self):
        head, _, tail = _FILE.partition('[keystone_authtoken]')
        found = self.loaded(f'{head}---[keystone_authtoken]{tail}')
        self.assertEqual(
            ['/ 200', '/v1 200', '/healthcheck 200', '/v1/segments 401'],
            [line for line in found.stdout.splitlines() if line.startswith('/')], found.stderr)

    def test_a_misspelled_option_of_its_own_is_refused(self):
        found = self.loaded(f'{_FILE}---[api]\nrow_max = 7\n[oslo_policy]\npolicy_fil = x')
        self.assertIn('[api] row_max in ', found.stderr)
        self.assertIn('[oslo_policy] policy_fil in ', found.stderr)

    def test_without_its_packages_it_says_which(self):
        found = self.loaded(_FILE, f'import sys; sys.modules["flask"] = None\n{_CODE}')
        # By then what ends the process is logged.
        said = found.stdout + found.stderr
        self.assertIn('the API can\'t be loaded: ', said)
        self.assertIn('pip install "kaopu-ha[api]"', said)


class TestWithoutKeystone(ApiCase):

    def test_it_is_refused_in_words(self):
        for name in ('www_authenticate_uri', 'auth_type'):
            conf = self.configured()
            conf.set_override('driver', 'libvirt', 'cloud')
            conf.set_override('auth_type', 'none', 'keystone_authtoken')
            conf.set_override(name, None, 'keystone_authtoken')
            with self.assertRaisesRegex(ConfigError, f'{name} is not set'):
                wiring_api.application(conf)

    def test_a_login_that_lacks_something_is_refused_in_words(self):
        conf = self.configured()
        conf.set_override('driver', 'libvirt', 'cloud')
        conf.set_override('auth_type', 'password', 'keystone_authtoken')
        with self.assertRaisesRegex(ConfigError, r'were not given: auth_url\. Look at \[keystone'):
            wiring_api.application(conf)
