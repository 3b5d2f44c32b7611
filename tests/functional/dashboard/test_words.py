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

"""The panels' words: each text is in each catalog, and a page is in the viewer's language."""

import json
import pathlib
import subprocess
import unittest

import yaml

from kaopu_ha.api.policies import base, v2
from kaopu_ha.api.v2.instances import Protected, WhyNot
from kaopu_ha.core.model import Phase, RecoveryStage, Sign, Stage, Verdict
from kaopu_ha.core.protection import Reason
from kaopu_ha.core.wishes import WishState, WishVerb
from tests import horizon_single
from tests.functional.dashboard import scene
from tests.functional.dashboard.scene import DashboardCase

PACKAGE = scene.ROOT / 'dashboard/kaopu_ha_dashboard'
_CODE = """\
import json
from django.conf import settings
settings.configure()
from kaopu_ha_dashboard import words
print(json.dumps({name: list(table) for name, table in vars(words).items() if name.isupper()}))
"""


def run(*command):
    """What Horizon's Python says, with the dashboard at hand."""
    return subprocess.run([str(horizon_single.PYTHON), '-W', 'ignore', *command], timeout=120,
                          cwd=scene.ROOT / 'dashboard', text=True, check=False,
                          capture_output=True)


@unittest.skipUnless(scene.is_possible(), 'there is no whole Horizon here')
class TestCatalogs(unittest.TestCase):

    maxDiff = None

    def test_every_text_is_in_every_catalog_and_both_are_compiled(self):
        found = run('-m', 'kaopu_ha_dashboard.test.catalogs', '--check')
        self.assertEqual((0, ''), (found.returncode, found.stdout + found.stderr))

    def test_every_word_of_the_api_has_one_of_the_viewers(self):
        known = {name: set(words) for name, words in json.loads(
            run('-c', _CODE).stdout).items()}
        for name, words in (
                ('SIGNS', [*Sign, '']), ('VERDICTS', Verdict), ('PHASES', Phase),
                ('STAGES', [*Stage, *RecoveryStage, '']), ('REASONS', Reason),
                ('PROTECTED', Protected), ('WHY_NOT', WhyNot), ('ASKED', WishVerb),
                ('ANSWERS', WishState)):
            self.assertEqual({getattr(word, 'value', word) for word in words}, known[name], name)


class TestPolicies(unittest.TestCase):

    def test_the_dashboards_are_the_apis(self):
        """Else a button is shown that is refused, or hidden from who may press it."""
        path = pathlib.Path(PACKAGE, 'conf/default_policies/kaopu_ha.yaml')
        shown = {rule['name']: rule['check_str'] for rule in yaml.safe_load(path.read_text())}
        asked = {rule.name: rule.check_str for rule in (*base.RULES, *v2.RULES)}
        self.assertEqual({name: asked.get(name) for name in shown}, shown)
        self.assertLessEqual({rule.name for rule in v2.RULES}, set(shown))


class TestLanguages(DashboardCase):

    def test_a_page_is_in_the_viewers_language(self):
        for language, words in (('zh-hans', ('已确认宕机', '重新接纳', '管理网', '已知')),
                                ('en', ('confirmed dead', 'Take back', 'Management'))):
            self.ada.cookies.set('horizon_language', language)
            found = self.seen('admin/ha_hosts/')
            for word in words:
                self.assertIn(word, found)

    def test_the_picture_and_the_messages_are_too(self):
        self.ada.cookies.set('horizon_language', 'zh-hans')
        self.assertIn('5 分 7 秒：已锁定', self.seen('admin/ha_incidents/c1/'))
        found = self.ada.get(f'{self.runtime.url}/admin/ha_hosts/news/', timeout=60).json()
        self.assertIn('已确认宕机', found['messages'][0][1])
