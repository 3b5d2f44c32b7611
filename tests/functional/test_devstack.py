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
"""DevStack's phases with real Ceph, etcd and libvirtd, and what they configure at work.

Keystone's side is checked on the real cloud (tests/cloud/test_devstack.py); here is written down
what DevStack's functions ask the client of OpenStack for.
"""

import configparser
import contextlib
import json
import os
import pathlib
import pwd
import shutil
import stat
import subprocess
import tempfile
import unittest

import requests

from kaopu_ha import access
from kaopu_ha.drivers.etcd import store as etcd
from tests import ceph_cluster, devstack, etcd_single, libvirtd_single

USER = 'kaopustack'
STACK_USER = 'nobody'
# As devstack-plugin-ceph makes the user that Nova has.
NOVA_CAPS = {'mgr': 'allow rw', 'mon': 'allow r',
             'osd': 'allow class-read object_prefix rbd_children, allow rwx pool=vms'}


def missing():
    """What this machine lacks; empty if nothing."""
    if devstack.missing():
        return devstack.missing()
    if not etcd_single.is_possible() or not libvirtd_single.is_possible():
        return 'etcd or libvirtd is not installed'
    return ceph_cluster.missing()


class TestScripts(unittest.TestCase):

    SCRIPTS = ('devstack/plugin.sh', 'devstack/settings', 'tests/devstack/phase',
               'tests/devstack/bin/openstack', 'tests/devstack/bin/sudo')

    def assert_clean(self, *words):
        if not shutil.which(words[0]):
            self.skipTest(f'{words[0]} is not installed')
        done = subprocess.run([*words, *self.SCRIPTS], cwd=devstack.ROOT, capture_output=True,
                              text=True, check=False)
        self.assertEqual((0, ''), (done.returncode, done.stdout))

    def test_shellcheck_finds_nothing(self):
        self.assert_clean('shellcheck', '-x')

    def test_bashate_finds_nothing(self):
        self.assert_clean('bashate')


@unittest.skipIf(devstack.missing(), devstack.missing())
class TestHorizon(unittest.TestCase):
    """What is configured for Horizon needs no Ceph."""

    def configured(self, services, *then):
        """The machine after so much of the plugin was done there."""
        folder = tempfile.mkdtemp(prefix='devstack-')
        self.addCleanup(shutil.rmtree, folder)
        made = devstack.Stack(folder, services, user=STACK_USER)
        self.addCleanup(made.close)
        made.path('dest/horizon/openstack_dashboard/local/local_settings.d').mkdir(parents=True)
        done = subprocess.run(
            ['bash', '-c', '\n'.join((
                'source $DEVSTACK_DIR/functions', 'source $TOP_DIR/stackrc', 'set -o errexit',
                'SERVICE_HOST=127.0.0.1', 'source $DEST/kaopu-ha/devstack/settings',
                'source $DEST/kaopu-ha/devstack/plugin.sh', 'mkdir -p $KAOPU_HA_CONF_DIR',
                'touch $KAOPU_HA_CONF', *then))],
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False, timeout=60,
            env={**os.environ, 'DEVSTACK_DIR': str(devstack.directory()), 'TOP_DIR': folder,
                 'SYSTEMD_DIR': str(made.path('units')),
                 'PATH': f'{made.path("bin")}:{os.environ["PATH"]}'})
        self.assertEqual(0, done.returncode, done.stdout)
        snippets = made.path('dest/horizon/openstack_dashboard/local/local_settings.d')
        conf = configparser.ConfigParser(interpolation=None)
        conf.read(made.path('etc/kaopu-ha/kaopu-ha.conf'))
        return made, [each.read_text() for each in snippets.iterdir()], conf

    def test_horizon_and_controller_are_told_of_one_folder(self):
        twice = ['_configure_kaopu_ha_horizon'] * 2
        made, snippets, conf = self.configured('n-api,horizon', *twice)
        folder = made.path('data/kaopu-ha-messages')
        self.assertEqual([f"MESSAGES_PATH = '{folder}'\n"], snippets)
        self.assertEqual({'drivers': 'log,horizon', 'horizon_path': str(folder),
                          'horizon_names_hosts': 'True'}, dict(conf['notifier']))
        seen = folder.stat()
        self.assertEqual((0o755, pwd.getpwnam(STACK_USER).pw_uid),
                         (stat.S_IMODE(seen.st_mode), seen.st_uid))

    def panels(self, made):
        """What of the panels lies in Horizon."""
        place = made.path('dest/horizon/openstack_dashboard/local')
        return sorted(each.relative_to(place).as_posix() for each in place.rglob('_*.py'))

    def test_the_panels_are_put_into_horizon_and_taken_out_again(self):
        told = 'pip_install() { echo "pip install $*"; }'
        made, _, _ = self.configured(
            'n-api,horizon', told, 'mkdir -p $DEST/horizon/openstack_dashboard/local/enabled',
            '_install_kaopu_ha_panels')
        package = devstack.ROOT / 'dashboard/kaopu_ha_dashboard'
        wanted = sorted(each.relative_to(package).as_posix() for folder in (
            'enabled', 'local_settings.d') for each in (package / folder).glob('_[0-9]*.py'))
        self.assertEqual(wanted, self.panels(made))
        self.assertEqual(7, len(wanted))
        made, _, _ = self.configured(
            'n-api,horizon', told, 'mkdir -p $DEST/horizon/openstack_dashboard/local/enabled',
            '_install_kaopu_ha_panels', '_remove_kaopu_ha_panels')
        self.assertEqual([], self.panels(made))

    def test_nothing_is_configured_where_one_of_them_does_not_run(self):
        for services in ('n-api', 'n-cpu,horizon'):
            made, snippets, conf = self.configured(services, '_configure_kaopu_ha_horizon')
            self.assertEqual([], snippets)
            self.assertNotIn('notifier', conf)
            self.assertFalse(made.path('data/kaopu-ha-messages').exists())

    def test_a_horizon_that_is_taken_away_takes_its_setting_along(self):
        _, snippets, _ = self.configured('n-api,horizon', '_configure_kaopu_ha_horizon',
                                         'disable_service horizon', '_configure_kaopu_ha_horizon')
        self.assertEqual([], snippets)

    def test_to_clean_up_leaves_nothing(self):
        made, snippets, _ = self.configured('n-api,horizon', '_configure_kaopu_ha_horizon',
                                            '_kaopu_ha_ceph() { true; }', 'cleanup_kaopu_ha')
        self.assertEqual([], snippets)
        self.assertFalse(made.path('data/kaopu-ha-messages').exists())


@unittest.skipIf(missing(), missing())
class TestPhases(unittest.TestCase):

    @classmethod
    def setUpClass(cls):
        cls.ceph = ceph_cluster.shared()
        with cls.ceph.inside('eye'):
            cls.etcd = etcd_single.until(cls.addClassCleanup)
        cls.libvirtd = libvirtd_single.Libvirtd()
        cls.addClassCleanup(cls.libvirtd.close)

    def stack(self, services='n-api,n-cpu', localrc='', nova='[libvirt]\nrbd_user = nova\n'):
        """A machine at the address of the node `eye`, with DevStack's Ceph and Nova configured."""
        folder = tempfile.mkdtemp(prefix='devstack-')
        self.addCleanup(shutil.rmtree, folder)
        pathlib.Path(folder).chmod(0o755)
        made = devstack.Stack(folder, services, user=STACK_USER)
        self.addCleanup(made.close)
        shutil.copy(self.ceph.access('kaopu')['conf'], made.path('etc/ceph/ceph.conf'))
        made.path('etc/nova/nova.conf').write_text(f'[DEFAULT]\nhost = h7\n{nova}')
        made.local_conf(
            f'HOST_IP={self.ceph.addresses["eye"]}\nSERVICE_HOST=127.0.0.1\n'
            f'SERVICE_PASSWORD="s3cret&1"\nKAOPU_HA_USER={USER}\n'
            f'KAOPU_HA_ETCD={self.etcd.endpoint}\nCINDER_CEPH_USER=cinder\n{localrc}',
            f'[agent]\nlibvirt_uri = {self.libvirtd.uri}\n')
        caps = [word for pair in NOVA_CAPS.items() for word in pair]
        for user in ('nova', 'cinder'):
            self.ceph.ceph('auth', 'get-or-create', f'client.{user}')
            self.ceph.ceph('auth', 'caps', f'client.{user}', *caps)
        return made

    def run_phase(self, made, *phase, **options):
        with self.ceph.inside('eye'):
            return made.run(*phase, **options)

    def caps(self, user):
        return json.loads(self.ceph.ceph('auth', 'get', f'client.{user}', '-f', 'json'))[0]['caps']

    def conf(self, made):
        read = configparser.ConfigParser(interpolation=None)
        read.read(made.path('etc/kaopu-ha/kaopu-ha.conf'))
        return read

    def assert_private(self, path):
        seen = path.stat()
        self.assertEqual(0o640, stat.S_IMODE(seen.st_mode), path)
        self.assertEqual(pwd.getpwnam(STACK_USER).pw_uid, seen.st_uid, path)

    def ha(self, made, *words):
        with self.ceph.inside('eye'):
            return json.loads(subprocess.run(
                [made.path('venv/bin/kaopu-ha'), '--config-file',
                 made.path('etc/kaopu-ha/kaopu-ha.conf'), *words, '--json'],
                check=True, capture_output=True, text=True).stdout)

    def test_a_whole_life_each_phase_twice(self):
        made = self.stack()
        made.make_venv()
        for _ in range(2):
            made.install()
        self.assertTrue(made.path('venv/bin/kaopu-ha-agent').exists())
        for _ in range(2):
            self.run_phase(made, 'stack', 'post-config')
        self.check_configuration(made)
        self.check_users(made)
        for _ in range(2):
            self.run_phase(made, 'stack', 'extra')
        self.check_processes(made)
        self.check_etcd_roles()
        for _ in range(2):
            self.run_phase(made, 'unstack')
        self.check_stopped(made)
        self.run_phase(made, 'stack', 'extra')
        self.run_phase(made, 'unstack')
        for _ in range(2):
            self.run_phase(made, 'clean')
        self.check_clean(made)

    def check_configuration(self, made):
        conf = self.conf(made)
        self.assert_private(made.path('etc/kaopu-ha/kaopu-ha.conf'))
        self.assertEqual('h7', conf['DEFAULT']['host'])
        self.assertEqual('fast', conf['detection']['pace'])
        self.assertEqual(self.etcd.endpoint, conf['store']['endpoints'])
        self.assertEqual('10.77.0.0/24', conf['ceph']['client_networks'])
        self.assertEqual('s3cret&1', conf['nova']['password'])
        self.assertEqual(USER, conf['nova']['username'])
        self.assertEqual('qemu+tcp://10.77.0.10/system', conf['agent']['management_uri'])
        self.assertEqual(('kaopu-ha', 's3cret&1'), (
            conf['keystone_authtoken']['username'], conf['keystone_authtoken']['password']))
        self.assert_private(made.path('etc/kaopu-ha/api-uwsgi.ini'))
        self.assertEqual(self.libvirtd.uri, conf['agent']['libvirt_uri'])

    def check_users(self, made):
        self.assertEqual({'mon': 'allow r, allow command "osd blocklist"', 'osd': ', '.join(
            f'allow r pool={pool} object_prefix {prefix}' for pool in ('vms', 'volumes')
            for prefix in ('rbd_header', 'rbd_id'))}, self.caps(USER))
        self.assert_private(made.path(f'etc/ceph/ceph.client.{USER}.keyring'))
        for user in ('nova', 'cinder'):
            self.assertEqual({**NOVA_CAPS, 'mon': 'allow r, profile rbd'}, self.caps(user))
        asked = '\n'.join(made.calls('openstack'))
        self.assertIn(f'user create {USER} --password s3cret&1 --domain=Default --or-show', asked)
        for role in ('service', 'admin'):
            self.assertIn(f'role add {role} --user {USER} --project service', asked)
        self.assertIn('role add service --user kaopu-ha --project service', asked)
        self.assertNotIn('role add admin --user kaopu-ha ', asked)
        self.assertIn('endpoint create instance-ha public http://127.0.0.1:15868/v1 '
                      '--region RegionOne', asked)
        self.assertIn('ListenStream=\nListenStream=10.77.0.10:16509\n', made.path(
            'units/libvirtd-tcp.socket.d/kaopu-ha.conf').read_text())
        self.assertEqual('log_level = 3\n#kaopu-ha auth_tcp = "sasl"\n'
                         'auth_tcp = "none"  # kaopu-ha\n',
                         made.path('etc/libvirt/libvirtd.conf').read_text())

    def check_processes(self, made):
        self.assertEqual(1, self.ha(made, 'status')['hosts']['beating'])
        host = self.ha(made, 'host', 'show', 'h7')
        self.assertEqual('qemu+tcp://10.77.0.10/system', host['inventory']['management_uri'])
        # Read from Ceph with the keyring and the caps that the plugin made.
        self.assertEqual({self.ceph.fsid: 'life'}, host['inventory']['storage'])
        self.assertEqual(['10.77.0.10'], host['inventory']['storage_addresses'])
        for name in ('agent', 'controller', 'worker'):
            unit = made.path(f'units/devstack@kaopu-ha-{name}.service').read_text()
            self.assertIn('Restart = always', unit)
            self.assertIn(f'User = {"root" if name == "agent" else STACK_USER}', unit)
            log = made.log(f'kaopu-ha-{name}')
            self.assertEqual(1, log.count(f'kaopu-ha-{name} 0.0.1 starts on h7'), log)
            self.assertNotIn('s3cret', log)
        self.check_api(made)

    def check_api(self, made):
        """It is served by DevStack's own unit, and wants a token."""
        unit = made.path('units/devstack@kaopu-ha-api.service').read_text()
        self.assertIn('Type = notify', unit)
        self.assertIn(f'User = {STACK_USER}', unit)
        for path, code in (('/healthcheck', 200), ('/v2/openapi.json', 200), ('/v1/segments', 401)):
            with self.ceph.inside('eye'):
                self.assertEqual(code, requests.get(f'http://127.0.0.1:15868{path}',
                                                    timeout=60).status_code, path)
        self.assertNotIn('s3cret', made.log('kaopu-ha-api'))

    def check_etcd_roles(self):
        """Users and roles are those that the program would make."""
        with self.ceph.inside('eye'), contextlib.closing(
                etcd.EtcdStore([self.etcd.endpoint])) as store:
            self.assertEqual((), store.allow(access.accounts(['h7'])))

    def check_stopped(self, made):
        with self.ceph.inside('eye'), self.assertRaises(requests.ConnectionError):
            requests.get('http://127.0.0.1:15868', timeout=60)
        for name in ('agent', 'controller', 'worker'):
            self.assertIn(f'kaopu-ha-{name} ends', made.log(f'kaopu-ha-{name}'))
        self.assertTrue(made.path('etc/kaopu-ha/kaopu-ha.conf').exists())

    def check_clean(self, made):
        self.assertEqual([], list(made.path('units').iterdir()))
        self.assertFalse(made.path('etc/kaopu-ha').exists())
        self.assertFalse(made.path('data/kaopu-ha').exists())
        self.assertEqual(['ceph.conf'], [each.name for each in made.path('etc/ceph').iterdir()])
        self.assertNotIn(USER, self.ceph.ceph('auth', 'ls'))
        self.assertEqual('log_level = 3\nauth_tcp = "sasl"\n',
                         made.path('etc/libvirt/libvirtd.conf').read_text())

    def test_a_compute_host_makes_no_users_and_wants_the_keyring(self):
        made = self.stack(services='n-cpu')
        said = self.run_phase(made, 'stack', 'post-config', check=False)
        self.assertIn(f'ceph.client.{USER}.keyring here from the controller', said)
        self.assertEqual([], made.calls('openstack'))
        made.path(f'etc/ceph/ceph.client.{USER}.keyring').write_text('')
        self.run_phase(made, 'stack', 'post-config')
        self.assertIn('restart libvirtd-tcp.socket', made.calls('systemctl'))

    def test_what_local_conf_says_is_taken(self):
        made = self.stack(services='n-api', localrc='''
            KAOPU_HA_PACE=patent
            KAOPU_HA_CEPH_NETWORKS=10.1.0.0/24,10.2.0.0/24
            KAOPU_HA_ANCHORS=10.77.0.1:22
            KAOPU_HA_LIBVIRT_TCP=False
            disable_service kaopu-ha-worker kaopu-ha-api'''.replace(' ' * 12, ''), nova='')
        said = self.run_phase(made, 'stack', 'post-config')
        conf = self.conf(made)
        self.assertEqual('patent', conf['detection']['pace'])
        self.assertEqual('10.1.0.0/24,10.2.0.0/24', conf['ceph']['client_networks'])
        self.assertEqual('10.77.0.1:22', conf['libvirt']['anchors'])
        self.assertNotIn('management_uri', conf['agent'])
        self.assertIn('WARNING: nova.conf has no rbd_user', said)
        self.assertEqual([], made.calls('systemctl'))
        self.assertNotIn('keystone_authtoken', conf)
        self.assertNotIn('instance-ha', '\n'.join(made.calls('openstack')))
        self.assertFalse(made.path('etc/kaopu-ha/api-uwsgi.ini').exists())

    def test_a_user_with_another_password_is_told_of(self):
        said = self.run_phase(self.stack(localrc='SERVICE_PASSWORD=former'), 'stack', 'post-config',
                              check=False)
        self.assertIn(f"{USER} can't log in with SERVICE_PASSWORD", said)

    def test_a_host_whose_network_is_not_known_is_not_configured(self):
        made = self.stack(localrc='HOST_IP=10.78.0.1')
        said = self.run_phase(made, 'stack', 'post-config', check=False)
        self.assertIn('No interface has 10.78.0.1: set KAOPU_HA_CEPH_NETWORKS', said)
        self.assertEqual([], made.calls('openstack'))

    def test_nothing_is_done_where_nothing_of_it_is_enabled(self):
        made = self.stack(services='q-agt')
        for phase in (('stack', 'post-config'), ('stack', 'extra'), ('unstack',), ('clean',)):
            self.run_phase(made, *phase)
        self.assertEqual([], made.calls('systemctl') + made.calls('openstack'))

    def test_devstack_installs_the_packages_that_pip_does_not(self):
        packages = self.stack().run('packages').split()
        self.assertLessEqual({'ceph-common', 'libvirt-dev'}, set(packages))

    def test_a_secret_is_not_in_what_stack_prints(self):
        made = self.stack()
        said = self.run_phase(made, 'stack', 'post-config')
        keyring = made.path(f'etc/ceph/ceph.client.{USER}.keyring').read_text()
        key = keyring.partition('key = ')[2].split()[0]
        self.assertNotIn(key, said)
        self.assertNotIn('s3cret', said)
