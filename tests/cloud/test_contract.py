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

"""The drivers nova and placement keep their contracts on the real Nova."""

import json
import os
import pathlib
import subprocess
import tempfile

import testtools

from tests.cloud import base

_ROOT = pathlib.Path(__file__).parents[2]


class TestNova(base.Trial):

    def setUp(self) -> None:
        testtools.TestCase.setUp(self)
        self.cloud.reset()

    def test_the_drivers_of_nova_and_placement_keep_their_contracts(self):
        given = self.cloud.environment()
        names = ('auth_url', 'username', 'password', 'project_name', 'user_domain_name',
                 'project_domain_name', 'region_name')
        world = {'auth': {name: given[f'OS_{name.upper()}'] for name in names},
                 'hosts': self.cloud.layout.hosts, 'image': 'writer', 'flavor': 'tiny'}
        handle, path = tempfile.mkstemp(prefix='cloud-', suffix='.json')
        self.addCleanup(os.unlink, path)
        with os.fdopen(handle, 'w') as file:
            json.dump(world, file)
        done = subprocess.run(
            self.cloud.command('ctl', [self.cloud.layout.kaopu_bin('python'), '-m', 'unittest',
                                       'tests.functional.test_cloud_nova']),
            env=given | {'KAOPU_TEST_CLOUD': path, 'PYTHONPATH': str(_ROOT)}, cwd=_ROOT,
            capture_output=True, text=True, check=False, timeout=600)
        self.assertEqual(0, done.returncode, done.stderr[-4000:])
        self.assertRegex(done.stderr, r'Ran 23 tests')
