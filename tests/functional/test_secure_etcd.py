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

"""``kaopu-ha secure etcd`` on a real etcd: what it prints, and what it does."""

import pathlib
import shlex
import tempfile
import unittest

from kaopu_ha import access, ports, records
from kaopu_ha.core import model
from kaopu_ha.drivers.etcd import store as etcd
from tests import etcd_cluster
from tests.unit.cli import scene


@unittest.skipIf(etcd_cluster.missing(), etcd_cluster.missing())
class SecureEtcd(scene.Commands):

    def setUp(self):
        super().setUp()
        self.cluster = etcd_cluster.EtcdCluster(size=1, tls=True)
        self.addCleanup(self.cluster.cleanUp)
        self.cluster.setUp()
        self.cluster.show = self.root = self.cluster.authority.issue('root')
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.config = pathlib.Path(folder.name) / 'kaopu-ha.conf'
        self.shows(self.root)

    def shows(self, pair):
        """The command's configuration, with this certificate."""
        self.config.write_text(
            f'[store]\nendpoints = {self.cluster.url(0)}\nca = {self.cluster.authority.ca}\n'
            f'cert = {pair.cert}\nkey = {pair.key}\ntimeout = 2\n')

    def store(self, pair):
        made = etcd.EtcdStore([self.cluster.url(0)], ca=self.cluster.authority.ca,
                              cert=pair.cert, key=pair.key, timeout=2.0)
        self.addCleanup(made.close)
        return made

    def assert_secured(self, *hosts):
        """The accounts are those that the program wants, and nobody else is served."""
        self.assertEqual((), self.store(self.root).allow(access.accounts(hosts)))
        for name in (*hosts, access.READER, access.API):
            kv = self.store(self.cluster.authority.issue(name))
            with self.assertRaisesRegex(ports.StoreError, 'permission denied'):
                kv.commit([], [ports.Put(records.LEADER, '1')])
        stranger = self.store(self.cluster.authority.issue('stranger'))
        self.assertRaises(ports.StoreError, stranger.read, records.LEADER)

    def test_the_printed_commands_do_it(self):
        printed = self.shown('secure', 'etcd', '--hosts', 'c1', 'node 2').splitlines()
        for line in printed:
            if not line.startswith('#'):
                program, *words = shlex.split(line)
                self.assertEqual('etcdctl', program)
                self.cluster.ctl(*words)
        self.assert_secured('c1', 'node 2')

    def test_apply_does_it_and_twice_is_harmless(self):
        self.store(self.root).commit([], [ports.Put(records.INVENTORY + 'c1', records.encode(
            model.Inventory('c1', 'u', 'b', 'qemu+tls://c1/system', ())))])
        told = self.shown('secure', 'etcd', '--apply', '--enable')
        self.assertIn('user c1 added', told)
        self.assertIn('nobody but its users', told)
        self.assertIn('Nothing had to be changed', self.shown('secure', 'etcd', '--apply'))
        self.assertEqual({'changed': [], 'enabled': True},
                         self.shown_json('secure', 'etcd', '--apply', '--enable'))
        self.assert_secured('c1')
        self.shows(self.cluster.authority.issue(access.READER))
        self.shown('status')
        self.assertIn('refuses access', self.refused('secure', 'etcd', '--hosts', 'c2', '--apply'))

    def test_names_that_no_host_may_have_are_refused(self):
        for name in ('root', access.SERVICE, access.API, 'a/b', ''):
            self.assertIn('no host can have', self.refused('secure', 'etcd', '--hosts', name))

    def test_who_could_not_come_in_again_enables_nothing(self):
        self.config.write_text(f'[store]\nendpoints = {self.cluster.url(0)}\n'
                               f'ca = {self.cluster.authority.ca}\n')
        self.assertIn('no cert', self.refused('secure', 'etcd', '--hosts', 'c1', '--apply',
                                              '--enable'))
        self.assertIn('--apply', self.refused('secure', 'etcd', '--enable'))


if __name__ == '__main__':
    unittest.main()
