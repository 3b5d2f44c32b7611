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

"""Horizon in the mini cloud: what it is told, how it is served, and what comes and goes with it."""

import json
from pathlib import Path
import socket
import socketserver
import threading
import unittest
from unittest import mock

from minicloud import cli, cloud, faults, forward, horizon, install, kaopu, machines, secure
from minicloud.shell import CloudError
from tests.unit.minicloud.test_api import ApiCase


class TestTurnedOn(ApiCase):

    def test_it_comes_once_and_stays_until_the_data_is_removed(self):
        self.assertEqual([True, False], [horizon.turn_on(self.layout) for _ in range(2)])
        self.assertTrue(self.layout.has_horizon)
        with mock.patch.object(cloud.Cloud, '_down', lambda _: None):
            cloud.Cloud(self.layout).destroy()
        self.assertFalse(self.layout.has_horizon)

    def test_a_cloud_without_openstack_has_none(self):
        for asked, kind in ((None, 'without'), (False, 'with'), (False, 'without')):
            self.layout.set_setting('openstack', kind)
            with self.assertRaisesRegex(CloudError, 'Horizon needs Keystone'):
                horizon.turn_on(self.layout, asked)
        self.assertTrue(horizon.turn_on(self.layout, True))
        self.assertFalse(self.layout.has_horizon)    # It is bare until the change is made.

    def test_the_controllers_that_run_learn_of_it(self):
        ended = []
        with mock.patch.multiple(cloud.Cloud, install=lambda _: None, _up_openstack=lambda _: None,
                                 _end=lambda _, node, names: ended.extend(names)), \
                mock.patch.multiple(cloud.network, build=lambda _: None), \
                mock.patch.object(kaopu, '_exists', return_value=True), \
                mock.patch.object(machines, 'recorded_daemons', lambda *_: ['controller1']):
            for _ in range(2):
                cloud.Cloud(self.layout).up(with_horizon=True)
        self.assertEqual(['controller1'], ended)
        self.assertIn('controller1', self.launched)

    def test_one_controller_keeps_the_messages_that_horizon_shows(self):
        kaopu.write_control_confs(self.layout)
        self.assertNotIn('notifier', self.conf('controller1'))
        horizon.turn_on(self.layout)
        kaopu.write_control_confs(self.layout)
        found = dict(self.conf('controller1')['notifier'])
        self.assertEqual(('log, horizon', str(horizon.site(self.layout).messages)),
                         (found['drivers'], found['horizon_path']))
        self.assertTrue(Path(found['horizon_path']).is_dir())
        self.assertNotIn('notifier', self.conf('controller2'))


class TestServed(ApiCase):

    def served(self):
        """The command, and what its settings read."""
        self.assertTrue(faults.start(self.layout, 'ctl:horizon'))
        argv, env = self.launched['horizon']
        return ' '.join(argv), json.loads(Path(env['HORIZON_VALUES']).read_text())

    def test_it_is_served_in_its_environment_with_what_browsers_load(self):
        command, told = self.served()
        root = self.layout.root
        self.assertTrue(command.startswith(
            f'{root}/venv-cloud/bin/uwsgi --http-socket 10.90.0.10:8080 '), command)
        self.assertIn(f'--venv {root}/venv-horizon --static-map /static={root}/venv-horizon/'
                      f'static', command)
        self.assertEqual('http://10.90.0.10:5000/v3', told['keystone'])
        self.assertEqual((None, False), (told['authority'], told['is_secure']))
        self.assertIn('127.0.0.1', told['addresses'])

    def test_on_a_secure_cloud_it_is_served_over_tls_and_checks_the_api(self):
        secure.turn_on(self.layout)
        command, told = self.served()
        pki = self.layout.root / 'control/pki'
        self.assertIn(f'--https-socket 10.90.0.10:8080,{pki}/horizon.pem,{pki}/horizon.key ',
                      command)
        self.assertEqual((f'{pki}/ca.pem', True), (told['authority'], told['is_secure']))
        self.assertEqual('https://10.90.0.10:8080/',
                         secure.endpoint(self.layout, 'horizon', '/'))

    def test_its_secret_is_its_own_outlives_it_and_is_in_no_command(self):
        command, told = self.served()
        secret = Path(told['secret'])
        kept = secret.read_text()
        self.assertEqual((0o600, 64), (secret.stat().st_mode & 0o777, len(kept)))
        self.served()
        self.assertEqual(kept, secret.read_text())
        self.assertNotIn(kept, command + json.dumps(told))

    def test_a_person_is_told_where_and_where_the_password_is_not_the_password(self):
        self.layout.password()
        for said in (horizon.how_to_look(self.layout), horizon.how_to_look(self.layout, 8080)):
            self.assertIn(f'{self.layout.control}/secret', said)
            self.assertNotIn(self.layout.password(), said)
        self.assertIn('http://127.0.0.1:8080/', said)
        secure.issue(self.layout, 'x')    # There is data now, and no way to a secure one.
        self.layout.set_setting('secure', 'yes')
        self.assertIn('https://127.0.0.1:8080/', horizon.how_to_look(self.layout, 8080))

    def test_who_has_none_can_browse_nothing(self):
        with self.assertRaisesRegex(CloudError, '--with-horizon'):
            cloud.Cloud(self.layout).browse()


class TestInstalled(ApiCase):

    def installed(self, with_horizon=True):
        """What was done, each with a text of what it depends on."""
        done = {}
        with mock.patch.object(install, '_done',
                               lambda _, name, inputs, work: done.update({name: inputs})):
            cloud.Cloud(self.layout).install(with_horizon)
        return done

    def test_it_is_installed_where_it_is_wanted(self):
        names = {'venv-horizon', 'horizon-static'}
        self.assertFalse(names & self.installed(False).keys())
        self.assertTrue(names <= self.installed().keys())
        horizon.turn_on(self.layout)
        self.assertTrue(names <= self.installed(False).keys())

    def test_what_browsers_load_is_made_anew_when_the_panels_changed(self):
        before = self.installed()
        with mock.patch.object(Path, 'read_text', lambda path: path.name):
            found = self.installed()['horizon-static']
        self.assertIn('live.js', found)
        self.assertIn('kaopu_ha.scss', found)
        self.assertTrue(before['horizon-static'].startswith(before['venv-horizon']))
        self.assertTrue('masakari-dashboard==' in before['venv-horizon'])


class Echo(socketserver.BaseRequestHandler):
    """Says what it heard when the other side has ended."""

    def handle(self):
        heard = b''
        while data := self.request.recv(1000):
            heard += data
        self.request.sendall(heard[::-1])


class TestForwarded(unittest.TestCase):

    def test_bytes_go_both_ways_until_both_sides_have_ended(self):
        with socketserver.TCPServer(('127.0.0.1', 0), Echo) as server:
            threading.Thread(target=server.serve_forever, daemon=True).start()
            self.addCleanup(server.shutdown)
            with forward.forwarded(lambda: socket.create_connection(server.server_address)) as port:
                for said in (b'abc', b'x' * 300_000 + b'y'):
                    with socket.create_connection(('127.0.0.1', port), 20) as mine:
                        mine.sendall(said)
                        mine.shutdown(socket.SHUT_WR)
                        heard = b''.join(iter(lambda: mine.recv(65536), b''))
                    self.assertEqual(said[::-1], heard)

    def test_nobody_behind_it_ends_the_connection(self):
        def nobody():
            raise ConnectionRefusedError
        with forward.forwarded(nobody) as port, socket.create_connection(
                ('127.0.0.1', port), 20) as mine:
            self.assertEqual(b'', mine.recv(1))


class TestVerbs(ApiCase):

    def test_up_and_install_take_the_word(self):
        done = []
        with mock.patch.multiple(cloud.Cloud, up=lambda _, *args, **options: done.append(options),
                                 install=lambda _, wanted: done.append(wanted)), \
                mock.patch.object(cli.os, 'geteuid', lambda: 0):
            for words in (['up', '--with-horizon'], ['up'], ['install', '--with-horizon'],
                          ['install']):
                self.assertEqual(0, cli.main(words))
        self.assertEqual([True, False], [one['with_horizon'] for one in done[:2]])
        self.assertEqual([True, False], done[2:])
