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

"""A secure cloud (``tools/minicloud up --secure``): what a host can do with all that it has."""

import unittest

from tests.cloud import base
from tests.cloud.base import Cloud, demo, secure

HOST, OTHER = 'c1', 'c2'
ETC = '/etc/kaopu-ha'
# One of each kind that a host's user must not write, of another host or of its own.
OF_OTHERS = (
    'leader', 'controller/x', 'brake', 'storm', 'unprotected', 'lock/' + HOST, 'claims/' + HOST,
    'fresh/' + HOST, 'tool/10.91.0.12', 'recovery/x', 'evacuation/x/y', 'claim/x', 'proof/x',
    'server/x', 'event/instance/x', 'request/admit-' + HOST, f'request/{OTHER}/read-storage',
    *(f'{kind}/{OTHER}' for kind in ('alive', 'inventory', 'case', 'death', 'lock', 'host',
                                     'claims', 'restart', 'fresh', 'service', 'event/host')),
    *(f'{kind}/{OTHER}/1' for kind in ('closed', 'returned', 'domain')))


class SecureTest(unittest.TestCase):

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.cloud = Cloud()
        if not secure.is_on(cls.cloud.layout):
            raise unittest.SkipTest('this cloud was not made by: tools/minicloud up --secure')
        cls.cloud.up(3, 'fast', openstack=True)
        cls.cloud.reset()
        demo.wait_beating(cls.cloud)

    def etcd(self, *words):
        """What etcd answers to the host's own certificate."""
        plain = secure.etcdctl(self.cloud.layout)
        argv = [*plain[:plain.index('--cacert')], '--cacert', f'{ETC}/ca.pem', '--cert',
                f'{ETC}/etcd.pem', '--key', f'{ETC}/etcd.key', *words]
        return self.cloud.run_on(HOST, 'sh', '-c', '"$@" 2>&1 || true', 'sh', *argv)

    def test_a_host_touches_its_own_keys_only(self):
        own = base.ROOT + 'alive/' + HOST
        self.assertIn(own, self.etcd('get', own))
        for key in OF_OTHERS:
            for words in (['put', base.ROOT + key, 'x'], ['del', base.ROOT + key]):
                self.assertIn('permission denied', self.etcd(*words), (key, words))
        self.assertIn('permission denied', self.etcd('get', '--prefix', base.ROOT))

    def test_a_host_cannot_fence(self):
        said = self.cloud.run_on(
            HOST, 'sh', '-c', '"$@" 2>&1 || true', 'sh', 'ceph', '-n', 'client.kaopu-agent',
            '--keyring', f'{ETC}/agent.keyring', '--connect-timeout', '20', 'osd', 'blocklist',
            'add', '10.91.0.12:0/0')
        self.assertIn('EACCES', said)

    def test_a_host_takes_nobody_off_the_blocklist_with_the_key_of_its_guests(self):
        self.cloud.run_on('ctl', 'ceph', 'osd', 'blocklist', 'add', '10.91.0.99:0/0', '300')
        said = self.cloud.run_on(
            HOST, 'sh', '-c', '"$@" 2>&1 || true', 'sh', 'ceph', '-n', 'client.nova', '--keyring',
            '/etc/ceph/ceph.client.nova.keyring', '--connect-timeout', '20', 'osd', 'blocklist',
            'rm', '10.91.0.99:0/0')
        self.assertIn('EACCES', said)
        self.cloud.run_on('ctl', 'ceph', 'osd', 'blocklist', 'rm', '10.91.0.99:0/0')

    def test_a_host_asks_no_other_hosts_libvirt(self):
        said = self.cloud.run_on(HOST, 'sh', '-c', '"$@" 2>&1 || true', 'sh', 'virsh', '-c',
                                 'qemu+tls://10.90.0.12/system', 'list', '--all')
        self.assertIn('rror', said)
        self.assertNotIn('State', said)

    def test_a_host_knows_no_password_and_no_key_of_others(self):
        found = self.cloud.run_on(HOST, 'ls', '-R', ETC, '/etc/ceph')
        for name in ('fence', 'kaopu-ask', 'admin', 'root'):
            self.assertNotIn(name, found)
        self.assertNotIn('[nova]', self.cloud.run_on(HOST, 'cat', f'{ETC}/kaopu-ha.conf'))


if __name__ == '__main__':
    unittest.main()
