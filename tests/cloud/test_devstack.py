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
"""What DevStack's plugin installs, creates and configures runs a cloud, and recovers a host."""

import concurrent.futures
import json
import os
import pathlib
import secrets
import shutil
import subprocess
import tempfile
import unittest

from tests import devstack
from tests.cloud import base

USER, API_USER = 'kaopu-devstack', 'kaopu-ha-devstack'
# Storage has a network of its own here, so DevStack's local.conf must name it.
LOCALRC = """\
SERVICE_HOST=10.90.0.10
HOST_IP={address}
SERVICE_PASSWORD={password}
KAOPU_HA_USER=kaopu-devstack
KAOPU_HA_API_USER=kaopu-ha-devstack
KAOPU_HA_ETCD=10.90.0.3:2379,10.90.0.4:2379,10.90.0.5:2379
KAOPU_HA_CEPH_NETWORKS=10.91.0.0/24
KAOPU_HA_ANCHORS=10.90.0.10:5000
"""
KEYSTONE = 'http://10.90.0.10:5000/v3'


@unittest.skipIf(devstack.missing(), devstack.missing())
class TestDevstack(base.Trial):

    def setUp(self):
        super().setUp()
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix='devstack-'))
        self.addCleanup(shutil.rmtree, self.folder)
        self.folder.chmod(0o755)
        self.password = secrets.token_hex(8)
        # DevStack's clean leaves it to the end of Keystone's database, which lives on here.
        self.forget_users()
        self.addCleanup(self.forget_users)

    def forget_users(self):
        keystone = self.cloud.rest.keystone
        for name in (USER, API_USER):
            for user in keystone('GET', f'/users?name={name}')['users']:
                keystone('DELETE', f'/users/{user["id"]}')

    def machine(self, node, services):
        """A node of the cloud as a machine of DevStack."""
        made = devstack.Stack(self.folder / node, services, self.cloud.command(node, []),
                              'nobody', KEYSTONE)
        shutil.copy(self.cloud.layout.ceph_etc / 'ceph.conf', made.path('etc/ceph'))
        made.path('etc/nova/nova.conf').write_text(
            ('' if node == 'ctl' else f'[DEFAULT]\nhost = {node}\n')
            + '[libvirt]\nrbd_user = nova\n')
        made.local_conf(LOCALRC.format(password=self.password, address=self.address(node)))
        return made

    @staticmethod
    def address(node):
        return f'10.90.0.{10 if node == "ctl" else 10 + int(node[1:])}'

    def control(self):
        """The machine with the APIs; its functions call the real Keystone and Ceph."""
        made = self.machine('ctl', 'n-api,key')
        self.addCleanup(made.close)
        auth = {'auth_url': KEYSTONE, 'username': 'admin', 'user_domain_name': 'Default',
                'password': self.cloud.layout.password(), 'system_scope': 'all'}
        made.use_openstack(self.cloud.layout.kaopu_bin('openstack'), json.dumps(
            {'clouds': {'devstack-system-admin': {'auth': auth, 'region_name': 'RegionOne'}}}))
        made.make_venv()
        made.install()
        return made

    def compute(self, host, control):
        """A compute host; it has the same programs, and the keyring that the README has copied."""
        made = self.machine(host, 'n-cpu')
        made.path('venv').symlink_to(control.path('venv'))
        keyring = f'etc/ceph/ceph.client.{USER}.keyring'
        shutil.copy(control.path(keyring), made.path(keyring))
        made.run('stack', 'post-config')
        return made

    def test_a_host_recovers_by_what_the_plugin_configures(self):
        control = self.control()
        control.run('stack', 'post-config')
        with concurrent.futures.ThreadPoolExecutor(3) as pool:
            computes = list(pool.map(lambda host: self.compute(host, control),
                                     self.cloud.layout.hosts))
            for number in (1, 2):
                self.cloud.kill(f'controller:{number}')
                self.cloud.kill(f'worker:{number}')
            # The plugin's listens where the cloud's does, and where the catalogue says.
            self.cloud.kill('ctl:api')
            for host in self.cloud.layout.hosts:
                self.cloud.kill(f'agent:{host}')
            list(pool.map(lambda made: made.run('stack', 'extra'), computes))
        control.run('stack', 'extra')
        base.demo.wait_beating(self.cloud)

        on = self.on('c1')
        self.cloud.power_off('c1')
        recovery = self.wait_finished('c1')
        us = os.uname().nodename
        self.assertEqual({us}, {step['by'].partition('/')[0] for step in recovery['road']})
        self.judge()
        self.assert_moved_once('c1', on, {'c2', 'c3'})
        self.check_api()

        for made in (control, *computes[1:]):
            made.run('unstack')
            made.run('clean')
            self.assertFalse(made.path('etc/kaopu-ha').exists())
        self.assertNotIn(USER, self.cloud.run_on('ctl', 'ceph', 'auth', 'ls'))
        self.assertNotIn('leader', self.records(''))

    def check_api(self):
        """It has this Keystone check who asks, and shows what is recorded."""
        done = subprocess.run(
            self.cloud.command('ctl', [self.cloud.layout.kaopu_bin('openstack'), 'ha', 'recovery',
                                       'list', '-f', 'value', '-c', 'host', '-c', 'stage']),
            env=self.cloud.environment(), capture_output=True, text=True, check=False, timeout=120)
        self.assertEqual((0, 'c1 finished\n'), (done.returncode, done.stdout), done.stderr)
