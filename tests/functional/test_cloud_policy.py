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

"""The policy files of the role ``kaopu_ha``, by Nova's and Placement's own rules."""

import functools
import json
import pathlib
import subprocess
import unittest

from minicloud import layout

SERVICES = ('nova', 'cinder', 'placement')
ROOT = pathlib.Path(__file__).resolve().parents[2]
PYTHON = layout.Layout.from_environment().venv_cloud / 'bin/python'
TOOL = ROOT / 'tools/cloud_policy.py'
NOWHERE = '/nonexistent'

# What the drivers do with an instance of anybody's, in the words of the rules.
NOVA = {'os_compute_api:' + name for name in (
    'os-admin-actions:reset_state', 'os-evacuate', 'os-extended-server-attributes',
    'os-hypervisors:list-detail', 'os-migrations:index', 'os-migrations:index:all_projects',
    'os-migrations:index:host', 'os-services:list', 'os-services:update',
    'os-instance-actions:list', 'servers:allow_all_filters', 'servers:detail',
    'servers:detail:get_all_tenants', 'servers:reboot', 'servers:show', 'servers:start',
    'os-aggregates:index', 'servers:show:flavor-extra-specs',
    'os-server-groups:index', 'os-server-groups:index:all_projects')}
CINDER = {'volume:' + name for name in (
    'attachment_complete', 'attachment_create', 'attachment_delete', 'attachment_update', 'get',
    'multiattach_bootable_volume')} | {'volume_extension:volume_encryption_metadata'}
PLACEMENT = {'placement:' + name for name in (
    'allocation_candidates:list', 'allocations:list', 'allocations:update',
    'resource_providers:inventories:list', 'resource_providers:show',
    'resource_providers:usages')}


def run(*words):
    done = subprocess.run([str(PYTHON), str(TOOL), *words], capture_output=True, text=True,
                          timeout=120)
    assert not done.returncode, done.stderr
    return done.stdout


@functools.cache
def allowed(service, file, *roles):
    return {tuple(one) for one in json.loads(run('allowed', service, str(file), *roles))}


def file(service):
    return ROOT / f'etc/kaopu-ha/{service}-policy.yaml'


@unittest.skipUnless(PYTHON.exists(), 'there is no Nova to ask: tools/minicloud install')
class CloudPolicyTest(unittest.TestCase):

    maxDiff = None

    def test_the_role_may_do_what_is_needed_and_nothing_else(self):
        for service, needed in (('nova', NOVA), ('cinder', CINDER), ('placement', PLACEMENT)):
            anybody = allowed(service, NOWHERE, 'nobody')
            self.assertEqual({(rule, whose) for rule in needed for whose in ('own', 'other')},
                             allowed(service, file(service), 'kaopu_ha') - anybody)

    def test_without_the_file_the_role_may_do_nothing(self):
        for service in SERVICES:
            self.assertEqual(allowed(service, NOWHERE, 'nobody'),
                             allowed(service, NOWHERE, 'kaopu_ha'))

    def test_others_may_do_what_they_could(self):
        for service in SERVICES:
            for roles in (['admin'], ['service'], ['reader'], ['manager', 'member', 'reader']):
                self.assertEqual(allowed(service, NOWHERE, *roles),
                                 allowed(service, file(service), *roles), (service, roles))

    def test_the_files_are_those_of_the_installed_services(self):
        for service in SERVICES:
            self.assertEqual(run('print', service), file(service).read_text())


if __name__ == '__main__':
    unittest.main()
