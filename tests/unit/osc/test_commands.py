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

"""``openstack ha ...`` against the API, behind a real WSGI server; one in the real program."""

import argparse
import configparser
import importlib
import importlib.util
import io
import json
import os
import pathlib
import subprocess
import sys
import threading
import types
import unittest

from keystoneauth1 import session as keystone_session
from keystoneauth1 import token_endpoint
from osc_lib import exceptions
from werkzeug import serving

from kaopu_ha import ports, records
from kaopu_ha.osc import plugin
from kaopu_ha.osc.client import ApiClient
from tests.unit.api.own import OwnCase
from tests.unit.api.scene import ADMIN, MEMBER
from tests.unit.api.test_clients import Quiet

ROOT = pathlib.Path(__file__).resolve().parents[3]
_SECONDS = 120
_GROUP = 'openstack.kaopu_ha.v2'


def points(group):
    """The entry points of a group, as they are written."""
    setup = configparser.ConfigParser(interpolation=None)
    setup.read(ROOT / 'setup.cfg')
    return dict(line.split(' = ') for line in setup['entry_points'][group].strip().splitlines())


class CommandCase(OwnCase):

    def setUp(self):
        super().setUp()
        server = serving.make_server('127.0.0.1', 0, lambda *words: self.application(*words),
                                     request_handler=Quiet)
        self.addCleanup(server.server_close)
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        self.addCleanup(thread.join)
        self.addCleanup(server.shutdown)
        self.url = f'http://127.0.0.1:{server.server_port}/v1'
        self.session = keystone_session.Session(token_endpoint.Token(self.url, ADMIN))
        self.addCleanup(self.session.session.close)

    def run_it(self, command, *words, token=ADMIN):
        """What the command returns, or writes."""
        module, _, name = points(_GROUP)[command].partition(':')
        manager = types.SimpleNamespace(session=self.session, interface='public',
                                        region_name='here')
        self.session.auth.token = token
        manager.kaopu_ha = plugin.make_client(manager)
        app = types.SimpleNamespace(client_manager=manager, stdout=io.StringIO())
        made = getattr(importlib.import_module(module), name)(app, argparse.Namespace())
        found = made.take_action(made.get_parser(command).parse_args(list(words)))
        return app.stdout.getvalue() if found is None else found

    def listed(self, command, *words, **more):
        """The rows of a list, each by its columns."""
        heading, rows = self.run_it(command, *words, **more)
        return [dict(zip(heading, map(_plain, row), strict=True)) for row in rows]

    def shown(self, command, *words):
        """One thing by its facts."""
        return dict(zip(*(map(_plain, part) for part in self.run_it(command, *words)),
                        strict=True))


class TestCommands(CommandCase):

    def test_hosts(self):
        found = self.listed('ha_host_list')
        self.assertEqual(['c1', 'c2', 'c3', 'c4'], [one['host'] for one in found])
        self.assertEqual('c1', self.shown('ha_host_show', 'c1')['host'])
        self.assertEqual('it smokes', self.shown('ha_host_hold', 'c2', '--why', 'it smokes')[
            'setting']['why'])
        self.assertTrue(self.shown('ha_host_release', 'c2')['changed'])
        self.assertEqual('asked', self.shown('ha_host_admit', 'c1')['state'])

    def test_all_pages_of_a_list_are_read(self):
        for number in range(5):
            self.closed('c2', number)
        client = ApiClient(self.session, plugin.endpoint(self.url))
        found = list(client.every('cases', {'closed': True, 'limit': 2}))
        self.assertEqual(['c1', *(f'c2/{number}' for number in range(1, 6))],
                         [one['id'] for one in found])

    def test_cases_and_what_happened_as_the_other_command_tells_it(self):
        self.assertEqual(['c1'], [one['host'] for one in self.listed('ha_case_list')])
        self.closed('c2', 1)
        self.assertEqual(['c2'], [one['host'] for one in self.listed(
            'ha_case_list', '--closed', '--host', 'c2')])
        self.assertEqual('closed', self.shown('ha_case_show', 'c2', '--back', '1')['stage'])
        lines = self.run_it('ha_explain', 'c1').splitlines()
        self.assertEqual('The case on c1 was opened at 2026-11-24 00:01:02 UTC; the host is '
                         'confirmed dead.', lines[0])
        self.assertIn('              qemu+tls://c1/system: nothing: timed out', lines)
        self.assertIn('00:06:45  ctl-1 began recovery c1-1234', '\n'.join(lines))

    def test_recoveries_and_what_people_ask(self):
        (row,) = self.listed('ha_recovery_list')
        self.assertEqual(('c1-1234', 2), (row['id'], row['ended']))
        self.assertEqual(2, len(self.shown('ha_recovery_show', 'c1')['evacuations']))
        for command, subject, more in (
                ('ha_recovery_retry', 'db-1', ()), ('ha_recovery_give-up', 'db-1', ()),
                ('ha_recovery_end', 'c1', ()), ('ha_recovery_go-on', 'c1', ('--destroyed',))):
            found = self.shown(command, subject, '--why', 'it burnt', *more)
            self.assertEqual((True, 'asked', 'it burnt'),
                             (found['changed'], found['state'], found['why']))

    def test_protection_instances_and_the_brake(self):
        self.assertEqual(['c3', 'c4'], [one['host'] for one in self.listed('ha_protection')])
        self.assertEqual(['c4'], [one['host'] for one in self.listed(
            'ha_protection', '--reason', 'no storage address')])
        self.assertEqual({'web-1': 'yes', 'mail-1': 'no'}, {
            one['name']: one['protected']
            for one in self.listed('ha_instance_list', token=MEMBER)})
        self.assertFalse(self.shown('ha_brake_show')['storm'])
        self.there_is_a_storm()
        for host in ('c2', 'c3'):
            self.behind.commit([], [ports.Delete(records.ALIVE + host)])
        self.assertTrue(self.shown('ha_brake_release', '--why', 'they burn')['changed'])

    def test_a_refusal_is_said_in_its_words(self):
        for command, words, text, token in (
                ('ha_host_show', ('c9',), 'Known hosts: c1', ADMIN),
                ('ha_host_admit', ('c2',), 'there is nothing to admit', ADMIN),
                ('ha_host_list', (), "Policy doesn't allow kaopu_ha:v2:hosts:list", MEMBER)):
            with self.assertRaisesRegex(exceptions.CommandError, text):
                self.listed(command, *words, token=token)

    def test_who_is_not_ours_is_told_so(self):
        client = ApiClient(self.session, self.url + '/nowhere')
        self.assertRaises(exceptions.CommandError, client.get, '/hosts')

    def test_lists_are_on_a_line_for_people_and_whole_for_programs(self):
        heading, rows = self.run_it('ha_protection')
        cell = next(iter(rows))[heading.index('instances')]
        self.assertEqual(('db-1', ['db-1']), (cell.human_readable(), cell.machine_readable()))

    def test_every_command_is_there_and_says_what_it_does(self):
        for command, place in points(_GROUP).items():
            module, _, name = place.partition(':')
            with self.subTest(command):
                self.assertTrue(getattr(importlib.import_module(module), name).__doc__)


class TestWhereItIs(unittest.TestCase):

    def test_it_is_beside_masakaris(self):
        for found in ('http://a:15868/v1', 'http://a:15868/v1/', 'http://a:15868',
                      'http://a:15868/v1/0123456789abcdef', 'http://a:15868/v1.3'):
            self.assertEqual('http://a:15868/v2', plugin.endpoint(found))
        self.assertEqual('https://c/instance-ha/v2', plugin.endpoint('https://c/instance-ha/v1'))

    def test_a_catalog_without_it_is_told(self):
        session = types.SimpleNamespace(get_endpoint=lambda **words: None)
        with self.assertRaisesRegex(RuntimeError, 'no service instance-ha'):
            plugin.make_client(types.SimpleNamespace(session=session, interface='x',
                                                     region_name='y'))


@unittest.skipIf(importlib.util.find_spec('openstackclient') is None,
                 'not installed: python-openstackclient')
class TestTheProgram(CommandCase):

    def test_a_person_types_it(self):
        done = subprocess.run(
            [sys.executable, '-W', 'ignore', '-m', 'openstackclient.shell', '--os-auth-type',
             'admin_token', '--os-endpoint', self.url, '--os-token', ADMIN, 'ha', 'host', 'list',
             '-f', 'json'], capture_output=True, text=True, check=False, timeout=_SECONDS,
            env={**os.environ, 'OS_CLIENT_CONFIG_FILE': os.devnull})
        self.assertEqual(0, done.returncode, done.stderr)
        self.assertEqual(['c1', 'c2', 'c3', 'c4'], [one['host'] for one in json.loads(done.stdout)])


def _plain(cell):
    return cell.machine_readable() if hasattr(cell, 'machine_readable') else cell
