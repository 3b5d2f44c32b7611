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

"""What ``kaopu-ha secure ceph`` prints; the caps themselves are tried by the contract suites."""

import pathlib
import shlex
import tempfile
import unittest

from oslo_config import cfg

from kaopu_ha import conf as options
from kaopu_ha.cli import secure
from kaopu_ha.conf import ceph
from tests.unit.cli import scene


class SecureCeph(scene.Commands):

    def setUp(self):
        super().setUp()
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.config = pathlib.Path(folder.name) / 'kaopu-ha.conf'

    def printed(self, text):
        """User and caps of each command, with the words before ``auth``."""
        self.config.write_text(f'[ceph]\n{text}\n')
        for line in self.shown_json('secure', 'ceph')['commands']:
            words = shlex.split(line)
            at = words.index('auth')
            self.assertEqual('get-or-create', words[at + 1])
            caps = dict(zip(words[at + 3::2], words[at + 4::2], strict=True))
            yield words[:at], words[at + 2].removeprefix('client.'), caps

    def test_the_users_are_those_that_the_suites_use(self):
        found = {user: caps for _, user, caps in self.printed('pools = vms')}
        self.assertEqual(secure.users(['vms']), found)

    def test_each_cluster_gets_users_for_its_own_pool(self):
        found = list(self.printed('conf = /a.conf, /b.conf\npools = one, two'))
        self.assertEqual(6, len(found))
        for words, _, caps in found:
            self.assertIn('pool=one' if words == ['ceph', '-c', '/a.conf'] else 'pool=two',
                          caps['osd'])

    def test_the_users_of_a_cluster_may_read_in_all_of_its_pools(self):
        for _words, _user, caps in self.printed('pools = vms, volumes, ssd/tenant1'):
            for words in ('pool=vms object_prefix', 'pool=volumes object_prefix',
                          'pool=ssd namespace=tenant1 object_prefix'):
                self.assertIn(f'allow r {words} rbd_header', caps['osd'])

    def test_of_several_clusters_each_has_pools_of_its_own(self):
        found = {(words[-1], user): caps['osd'] for words, user, caps in self.printed(
            'conf = /a.conf, /b.conf\npools = vms volumes, ssd')}
        self.assertEqual('allow r pool=vms object_prefix rbd_header, '
                         'allow r pool=volumes object_prefix rbd_header',
                         found['/a.conf', 'kaopu-ask'])
        self.assertEqual('allow r pool=ssd object_prefix rbd_header',
                         found['/b.conf', 'kaopu-ask'])

    def test_pools_that_fit_no_clusters_are_refused(self):
        self.config.write_text('[ceph]\nconf = a, b, c\npools = one, two\n')
        self.assertIn('[ceph]', self.refused('secure', 'ceph'))

    def test_people_read_where_the_keys_belong(self):
        self.config.write_text('[ceph]\npools = vms\n')
        self.assertIn('kaopu-fence to controllers only', self.shown('secure', 'ceph'))


class FenceUser(unittest.TestCase):

    def access(self, **fence):
        with tempfile.TemporaryDirectory() as folder:
            path = pathlib.Path(folder, 'ceph.conf')
            path.write_text('[global]\nfsid = f\n')
            conf = cfg.ConfigOpts()
            options.register(conf)
            conf([], project='kaopu-ha', default_config_files=[], default_config_dirs=[])
            conf.set_override('conf', [str(path)], 'ceph')
            conf.set_override('keyring', '/asks', 'ceph')
            for name, value in fence.items():
                conf.set_override(name, value, 'fence')
            return tuple((made['user'], made['keyring']) for made in (
                ceph.access(conf)['f'], ceph.access(conf, fence=True)['f']))

    def test_the_fence_has_the_user_of_the_probe_unless_it_has_its_own(self):
        self.assertEqual((('kaopu', '/asks'), ('kaopu', '/asks')), self.access())
        self.assertEqual((('kaopu', '/asks'), ('kaopu-fence', '')), self.access(user='kaopu-fence'))
        self.assertEqual((('kaopu', '/asks'), ('kaopu-fence', '/cuts')),
                         self.access(user='kaopu-fence', keyring='/cuts'))


if __name__ == '__main__':
    unittest.main()
