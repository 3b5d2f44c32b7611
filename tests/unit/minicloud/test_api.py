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


"""The API in the mini cloud: what it is given, how it is served, and where it is told to be."""

import configparser
import http.server
from pathlib import Path
import socket
import ssl
import tempfile
import threading
import unittest
from unittest import mock

from minicloud import cli, cloud, faults, kaopu, machines, openstack, rest, secure
from minicloud.layout import Layout


class ApiCase(unittest.TestCase):

    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.layout = Layout(Path(folder.name))
        self.launched = {}
        for name, value in (('launch', self.launch), ('daemon_pid', lambda *_: 1)):
            patch = mock.patch.object(machines, name, value)
            patch.start()
            self.addCleanup(patch.stop)

    def launch(self, layout, node, name, argv, env=None):
        """Note it instead."""
        self.launched[name] = (argv, env or {})
        return True

    def conf(self, name=kaopu.API):
        found = configparser.ConfigParser(interpolation=None, default_section='')
        found.read_string(kaopu.conf_path(self.layout, 'ctl', name).read_text())
        return found


class TestConfiguration(ApiCase):

    def test_it_has_no_key_that_asks_or_fences_and_a_login_for_each_purpose(self):
        kaopu.write_control_confs(self.layout)
        conf = self.conf()
        self.assertEqual({'DEFAULT', 'store', 'detection', 'nova', 'keystone_authtoken'},
                         {*conf} - {''})
        self.assertEqual(('kaopu', 'kaopu-ha'), (
            conf['nova']['username'], conf['keystone_authtoken']['username']))
        self.assertEqual('http://10.90.0.10:5000/v3',
                         conf['keystone_authtoken']['www_authenticate_uri'])
        self.assertEqual(dict(self.conf('controller1')['detection']), dict(conf['detection']))

    def test_on_a_secure_cloud_it_shows_etcd_a_certificate_of_its_own(self):
        secure.turn_on(self.layout)
        for name in ('kaopu-ask', 'kaopu-fence'):
            (keyring := secure.keyring_of(self.layout, name)).parent.mkdir(
                parents=True, exist_ok=True)
            keyring.write_text('')
        kaopu.write_control_confs(self.layout)
        conf = self.conf()
        self.assertTrue(conf['store']['cert'].endswith('/kaopu-ha-api.pem'))
        self.assertEqual({'DEFAULT', 'store', 'detection', 'nova', 'keystone_authtoken'},
                         {*conf} - {''})

    def test_its_account_that_checks_tokens_can_do_nothing_else(self):
        for _ in range(2):
            self.assertEqual(['service'], secure.roles(self.layout, 'kaopu-ha'))
            secure.turn_on(self.layout)
        self.assertEqual(['kaopu_ha'], secure.roles(self.layout, 'kaopu'))

    def test_without_openstack_there_is_none(self):
        self.layout.set_setting('openstack', 'without')
        with mock.patch.object(kaopu, '_exists', return_value=True):
            kaopu.start_control(self.layout)
        self.assertEqual(set(kaopu.CONTROL), set(self.launched))
        self.assertFalse(kaopu.conf_path(self.layout, 'ctl', kaopu.API).exists())


class TestServed(ApiCase):

    def served(self):
        """The command and the environment by which it is served."""
        self.assertTrue(faults.start(self.layout, f'ctl:{kaopu.API}'))
        argv, env = self.launched[kaopu.API]
        return ' '.join(argv), env

    def test_it_is_served_in_our_environment_by_one_process_with_threads_to_wait(self):
        command, env = self.served()
        self.assertTrue(command.startswith(
            f'{self.layout.root}/venv-cloud/bin/uwsgi --http-socket 10.90.0.10:15868 '
            f'--module kaopu_ha.wsgi.api:application '), command)
        self.assertIn(f'--processes 1 --threads 8 --venv {self.layout.root}/venv-kaopu', command)
        self.assertEqual({'OS_KAOPU_HA_CONFIG_FILES':
                          f'{self.layout.root}/control/etc/kaopu-ha-api.conf'}, env)

    def test_on_a_secure_cloud_it_is_served_over_tls(self):
        secure.turn_on(self.layout)
        pki = self.layout.root / 'control/pki'
        self.assertIn(f'--https-socket 10.90.0.10:15868,{pki}/instance-ha.pem,'
                      f'{pki}/instance-ha.key ', self.served()[0])

    def test_other_services_are_served_as_they_were(self):
        openstack.start(self.layout, 'glance')
        command = ' '.join(self.launched['glance'][0])
        self.assertIn('--processes 1 --threads 4 --venv '
                      f'{self.layout.root}/venv-cloud --chunked-input-limit 4194304', command)

    def test_who_restarts_ours_restarts_it(self):
        ended = []
        with mock.patch.object(machines, 'recorded_daemons', lambda *_: [kaopu.API, 'keystone']), \
                mock.patch.object(cloud.Cloud, '_end', lambda _, node, names: ended.extend(names)):
            cloud.Cloud(self.layout).set_queue('rq')
        self.assertEqual(['api'], ended)
        self.assertEqual({'api'}, set(self.launched))


class Keystone:
    """Keeps what it is asked to make."""

    def __init__(self):
        self.made = []

    def keystone(self, method, path, body=None):
        if method == 'GET':
            return {path.partition('?')[0].strip('/'): []}
        self.made.append((path, body))
        return {kind: {**one, 'id': f'{kind}-{one.get("name")}'} for kind, one in (
            body or {}).items()}


class TestCatalogue(ApiCase):

    def told(self):
        """Where Keystone is told that it is, by interface, and the roles of its user."""
        keystone = Keystone()
        openstack._catalogue(self.layout, keystone)
        found = {one['endpoint']['interface']: one['endpoint']['url']
                 for path, one in keystone.made if path == '/endpoints'
                 and one['endpoint']['service_id'] == 'service-kaopu-ha'}
        self.assertIn(('/services', {'service': {'name': 'kaopu-ha', 'type': 'instance-ha'}}),
                      keystone.made)
        roles = [path.rpartition('/')[2] for path, _ in keystone.made
                 if '/users/user-kaopu-ha/' in path]
        self.assertEqual(['role-service'], roles)
        return found

    def test_it_is_in_the_catalogue_as_instance_ha(self):
        self.assertEqual(dict.fromkeys(('public', 'internal', 'admin'),
                                       'http://10.90.0.10:15868/v1'), self.told())
        self.assertNotIn('OS_CACERT', openstack.environment(self.layout))

    def test_on_a_secure_cloud_over_tls_and_people_trust_it(self):
        secure.turn_on(self.layout)
        self.assertEqual({'https://10.90.0.10:15868/v1'}, set(self.told().values()))
        self.assertEqual(str(secure.authority(self.layout)),
                         openstack.environment(self.layout)['OS_CACERT'])

    def test_the_command_of_people_is_the_one_that_has_our_plug_in(self):
        seen = []
        made = mock.Mock(layout=self.layout, command=lambda node, argv: argv)
        with mock.patch.object(cli.os, 'execvpe', lambda name, *_: seen.append(name)):
            cli._openstack(made, mock.Mock(args=['ha', 'host', 'list']))
        self.assertEqual([f'{self.layout.root}/venv-kaopu/bin/openstack'], seen)


class Answering(http.server.BaseHTTPRequestHandler):
    """Says so."""

    code = 300

    def do_GET(self):
        """Answer."""
        self.send_response(self.code)
        self.send_header('Content-Length', '0')
        self.end_headers()

    def log_message(self, *_):
        """Say nothing."""


class TestWaited(ApiCase):

    def asked(self, trusting):
        """Whether it answers, as whoever brings the cloud up finds out."""
        with mock.patch.object(rest.network, 'connect', lambda *_: socket.create_connection(
                self.server.server_address)):
            return rest.answers('instance-ha', trusting)

    def serve(self, *tls):
        """Answer at some port, over TLS with a certificate and its key."""
        self.server = http.server.ThreadingHTTPServer(('127.0.0.1', 0), Answering)
        if tls:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(*tls)
            self.server.socket = context.wrap_socket(self.server.socket, server_side=True)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.addCleanup(self.server.server_close)
        self.addCleanup(self.server.shutdown)

    def test_plainly(self):
        self.serve()
        self.assertTrue(self.asked(secure.trusting(self.layout)))

    def test_over_tls_by_its_own_certificate_only(self):
        secure.turn_on(self.layout)
        self.serve(*secure.served(self.layout))
        self.assertTrue(self.asked(secure.trusting(self.layout)))
        self.serve(*secure.issue(self.layout, 'somebody', '10.90.0.99'))
        with self.assertRaises(ssl.SSLCertVerificationError):
            self.asked(secure.trusting(self.layout))


if __name__ == '__main__':
    unittest.main()
