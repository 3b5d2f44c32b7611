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

"""What is kept in ``etc/`` for the operators of the API is what the program has."""

import pathlib
import subprocess
import sys
import tempfile
import unittest

from kaopu_ha.api import policies
from kaopu_ha.api.policies import v2

FOLDER = pathlib.Path(__file__).resolve().parents[3] / 'etc/kaopu-ha'


class TestSamples(unittest.TestCase):

    def test_the_committed_sample_of_the_policies_is_what_the_generator_gives(self):
        with tempfile.TemporaryDirectory() as scratch:
            path = pathlib.Path(scratch, 'sample')
            code = ('import sys; from oslo_policy import generator; '
                    'generator.generate_sample(sys.argv[1:])')
            subprocess.run([sys.executable, '-c', code, '--config-file',
                            str(FOLDER / 'policy-generator.conf'), '--output-file', str(path)],
                           check=True, timeout=60, capture_output=True)
            self.assertEqual((FOLDER / 'policy.yaml.sample').read_text(), path.read_text(),
                             'run tox -e genpolicy and commit the sample')

    def test_the_rules_have_the_names_that_masakari_gave_them(self):
        named = {'segments': 'index detail create update delete discoverable',
                 'os-hosts': 'index detail create update delete discoverable',
                 'notifications': 'index detail create discoverable',
                 'vmoves': 'index detail discoverable',
                 'extensions': 'index detail discoverable', 'versions': 'discoverable'}
        self.assertEqual(
            {f'os_masakari_api:{noun}:{action}' for noun, actions in named.items()
             for action in actions.split()}
            | {'context_is_admin', 'admin_or_owner', 'admin_api', 'cloud_reader'},
            {rule.name for rule in policies.list_rules() if rule not in v2.RULES})
