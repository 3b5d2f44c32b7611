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

"""Logins: of clouds.yaml, by password, by application credential."""

import os
import pathlib
import tempfile
import unittest
from unittest import mock

from keystoneauth1.identity import generic, v3
from oslo_config import cfg

from kaopu_ha import conf as options
from kaopu_ha import ports
from kaopu_ha.conf.errors import ConfigError
from kaopu_ha.drivers.openstack import api as openstack_api
from kaopu_ha.drivers.openstack import clouds as openstack_clouds

CLOUDS = """
clouds:
  plain:
    auth: {auth_url: http://k/v3, username: kaopu, project_name: service,
           user_domain_name: Default, project_domain_name: Default}
    region_name: north
    interface: public
    cacert: /etc/ssl/ours.pem
  credential:
    auth_type: v3applicationcredential
    auth: {auth_url: http://k/v3, application_credential_id: a-1,
           application_credential_secret: hidden}
    verify: false
"""
SECURE = """
clouds:
  plain:
    auth: {password: hidden}
"""


class CloudsCase(unittest.TestCase):

    def setUp(self):
        super().setUp()
        folder = pathlib.Path(self.enterContext(tempfile.TemporaryDirectory()))
        (folder / 'clouds.yaml').write_text(CLOUDS)
        (folder / 'secure.yaml').write_text(SECURE)
        self.enterContext(mock.patch.dict(os.environ, {
            'OS_CLIENT_CONFIG_FILE': str(folder / 'clouds.yaml'),
            'OS_CLIENT_SECURE_FILE': str(folder / 'secure.yaml')}))


class CloudsTest(CloudsCase):

    def test_a_login_with_its_secret_its_region_and_its_certificate(self):
        self.assertEqual({
            'auth_type': 'password', 'auth_url': 'http://k/v3', 'username': 'kaopu',
            'password': 'hidden', 'project_name': 'service', 'user_domain_name': 'Default',
            'project_domain_name': 'Default', 'region_name': 'north', 'interface': 'public',
            'cafile': '/etc/ssl/ours.pem'}, openstack_clouds.expanded({'cloud': 'plain'}))

    def test_an_application_credential(self):
        self.assertEqual({
            'auth_type': 'v3applicationcredential', 'auth_url': 'http://k/v3',
            'application_credential_id': 'a-1', 'application_credential_secret': 'hidden',
            'interface': 'public', 'insecure': 'true'},
            openstack_clouds.expanded({'cloud': 'credential'}))

    def test_what_the_configuration_says_goes_first(self):
        found = openstack_clouds.expanded({'cloud': 'plain', 'interface': 'admin'})
        self.assertEqual('admin', found['interface'])

    def test_without_a_cloud_nothing_is_read(self):
        self.assertEqual({'username': 'u'}, openstack_clouds.expanded({'username': 'u'}))

    def test_a_cloud_that_is_not_there_is_named(self):
        with self.assertRaisesRegex(ports.PortError, 'nowhere'):
            openstack_clouds.expanded({'cloud': 'nowhere'})


class WiringTest(CloudsCase):
    """From the configuration to the plugin."""

    def conf(self, **values):
        conf = cfg.ConfigOpts()
        options.register(conf)
        conf([], project='kaopu-ha', default_config_files=[], default_config_dirs=[])
        for name, value in values.items():
            conf.set_override(name, value, 'nova')
        return conf

    def plugin(self, **values):
        auth = openstack_clouds.login(self.conf(**values))
        api = openstack_api.Api(auth, 'compute', '2.94', 10.0)
        return api._connection.session.auth

    def test_each_login_has_its_plugin(self):
        self.assertIsInstance(self.plugin(cloud='plain'), generic.Password)
        self.assertIsInstance(self.plugin(cloud='credential'), v3.ApplicationCredential)
        self.assertIsInstance(self.plugin(
            auth_url='http://k/v3', username='kaopu', password='p', project_name='service'),
            generic.Password)
        self.assertIsInstance(self.plugin(
            auth_type='v3password', auth_url='http://k/v3', username='kaopu', password='p',
            user_domain_name='Default'), v3.Password)
        self.assertIsInstance(self.plugin(
            auth_type='v3applicationcredential', auth_url='http://k/v3', project_name='service',
            application_credential_id='a', application_credential_secret='s'),
            v3.ApplicationCredential)

    def test_a_login_that_lacks_something_is_told_in_keystones_words(self):
        with self.assertRaisesRegex(ports.PortError, 'user_domain'):
            self.plugin(auth_type='v3password', auth_url='http://k/v3', username='kaopu',
                        password='p')

    def test_the_clouds_own_interface_counts_unless_one_is_set(self):
        self.assertEqual('public', openstack_clouds.login(self.conf(cloud='plain'))['interface'])
        self.assertEqual('internal', openstack_clouds.login(
            self.conf(cloud='plain', interface='internal'))['interface'])

    def test_a_cloud_that_is_not_there_is_a_wrong_configuration(self):
        with self.assertRaisesRegex(ConfigError, r'\[nova\] cloud: .*nowhere'):
            openstack_clouds.login(self.conf(cloud='nowhere'))
