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

"""Clients of Masakari's, as they are on PyPI, against the API behind a real WSGI server."""

import importlib.util
import json
import os
import subprocess
import sys
import tempfile
import threading
import unittest

from keystoneauth1 import session as keystone_session
from keystoneauth1 import token_endpoint
from openstack import connection
from openstack import exceptions as sdk_errors
from werkzeug import serving

from tests.unit.api.scene import ADMIN, PROJECT, ApiCase, said

_SECONDS = 120


class Quiet(serving.WSGIRequestHandler):
    """Prints nothing of what it is asked."""

    def log_request(self, *words):
        """Say nothing."""


class ServedCase(ApiCase):

    def setUp(self):
        super().setUp()
        self.asked = []
        server = serving.make_server('127.0.0.1', 0, self.noting, request_handler=Quiet)
        self.addCleanup(server.server_close)
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        self.addCleanup(thread.join)
        self.addCleanup(server.shutdown)
        self.url = f'http://127.0.0.1:{server.server_port}/v1'

    def noting(self, environ, start):
        """The application, and what it was asked."""
        self.asked.append((environ['REQUEST_METHOD'], environ['PATH_INFO'],
                           environ.get('HTTP_OPENSTACK_API_VERSION')))
        return self.application(environ, start)


class TestOpenstackSdk(ServedCase):

    def setUp(self):
        super().setUp()
        self.addCleanup(self.close)
        self.session = keystone_session.Session(token_endpoint.Token(self.url, ADMIN))
        self.cloud = connection.Connection(session=self.session)
        self.ha = self.cloud.instance_ha

    def close(self):
        """Give its connections back."""
        self.cloud.close()
        self.session.session.close()

    def test_segments(self):
        made = self.ha.create_segment(name='rack', recovery_method='auto', service_type='compute')
        self.assertEqual((1, 'rack', True), (made.id, made.name, made.is_enabled))
        self.assertEqual(made.uuid, self.ha.get_segment(made.uuid).uuid)
        changed = self.ha.update_segment(made.uuid, description='x', is_enabled=False)
        self.assertEqual(('x', False), (changed.description, changed.is_enabled))
        for number in range(4):
            self.ha.create_segment(name=f's{number}', recovery_method='auto', service_type='x')
        self.assertEqual(['s3', 's2', 's1', 's0', 'rack'],
                         [one.name for one in self.ha.segments(limit=2)])
        self.assertEqual(['rack'], [one.name for one in self.ha.segments(enabled=False)])
        self.ha.delete_segment(made.uuid)
        self.ha.delete_segment(made.uuid, ignore_missing=True)
        self.assertRaises(sdk_errors.NotFoundException, self.ha.get_segment, made.uuid)
        self.assertIn('instance-ha 1.2', {version for _, _, version in self.asked})

    def test_hosts(self):
        rack = self.ha.create_segment(name='rack', recovery_method='auto', service_type='compute')
        made = self.ha.create_host(rack.uuid, name='c1', type='COMPUTE', control_attributes='SSH')
        self.assertEqual(('c1', False, rack.uuid), (made.name, made.on_maintenance,
                                                    made.failover_segment_id))
        changed = self.ha.update_host(made.uuid, segment_id=rack.uuid, on_maintenance=True)
        self.assertTrue(changed.on_maintenance)
        self.assertEqual(['c1'], [one.name for one in self.ha.hosts(
            rack.uuid, on_maintenance=True, reserved=False)])
        self.assertEqual(made.uuid, self.ha.get_host(made.uuid, rack.uuid).uuid)
        self.ha.delete_host(made.uuid, rack.uuid)
        self.ha.delete_host(made.uuid, rack.uuid, ignore_missing=True)
        # Of a whole segment the client sends the number, and Masakari finds none of it.
        self.assertEqual([], list(self.ha.hosts(rack)))

    def test_notifications_and_moves(self):
        rack = self.ha.create_segment(name='rack', recovery_method='auto', service_type='compute')
        self.ha.create_host(rack.uuid, name='c1', type='COMPUTE', control_attributes='SSH')
        words = said()['notification']
        made = self.ha.create_notification(**words)
        self.assertEqual(('new', 'COMPUTE_HOST'), (made.status, made.type))
        self.assertRaises(sdk_errors.ConflictException, self.ha.create_notification, **words)
        self.assertEqual([made.notification_uuid], [
            one.notification_uuid for one in self.ha.notifications(type='COMPUTE_HOST')])
        shown = self.ha.get_notification(made.notification_uuid)
        self.assertEqual(words['payload'], shown.payload)
        self.assertEqual([], list(self.ha.vmoves(made.notification_uuid)))


# Loaded once: the command takes seconds for that.
CHILD = '''
import contextlib, io, json, sys
from openstackclient import shell
for line in sys.stdin:
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        code = shell.main(json.loads(line))
    print(json.dumps([code, out.getvalue(), err.getvalue()]), flush=True)
'''


@unittest.skipIf(importlib.util.find_spec('masakariclient') is None
                 or importlib.util.find_spec('openstackclient') is None,
                 'not installed: python-masakariclient, python-openstackclient')
class TestMasakariclient(ServedCase):
    """``openstack segment ...``, as a person types it."""

    def setUp(self):
        super().setUp()
        self.child = subprocess.Popen(
            [sys.executable, '-c', CHILD], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            text=True, env={**os.environ, 'OS_CLIENT_CONFIG_FILE': os.devnull})
        self.addCleanup(self.child.stdout.close)
        self.addCleanup(self.child.wait, _SECONDS)
        self.addCleanup(self.child.stdin.close)
        timer = threading.Timer(_SECONDS, self.child.kill)
        timer.start()
        self.addCleanup(timer.cancel)

    def run_it(self, *words, code=0):
        """What the command says, in JSON if it is asked for that."""
        self.child.stdin.write(json.dumps([
            '--os-auth-type', 'admin_token', '--os-endpoint', self.url, '--os-token', ADMIN,
            *words]) + '\n')
        self.child.stdin.flush()
        ended, said_, wrong = json.loads(self.child.stdout.readline())
        self.assertEqual(code, ended, wrong)
        return json.loads(said_) if '-f' in words else wrong

    def test_the_road_from_a_segment_to_a_notification(self):
        made = self.run_it('segment', 'create', 'rack', 'auto', 'compute', '-f', 'json')
        self.assertEqual('rack', made['name'])
        self.run_it('segment', 'update', 'rack', '--name', 'row')
        self.assertEqual(['row'], [one['name'] for one in self.run_it(
            'segment', 'list', '-f', 'json', '--sort', 'name:asc')])
        self.run_it('segment', 'host', 'create', 'c1', 'COMPUTE', 'SSH', 'row')
        self.run_it('segment', 'host', 'update', 'row', 'c1', '--reserved', 'True')
        shown = self.run_it('segment', 'host', 'show', 'row', 'c1', '-f', 'json')
        self.assertEqual((True, False), (shown['reserved'], shown['on_maintenance']))
        words = said()['notification']
        sent = self.run_it('notification', 'create', words['type'], words['hostname'],
                           words['generated_time'], json.dumps(words['payload']), '-f', 'json')
        self.assertEqual('new', sent['status'])
        uuid = sent['notification_uuid']
        self.assertEqual(uuid, self.run_it('notification', 'show', uuid, '-f', 'json')[
            'notification_uuid'])
        self.assertEqual([], self.run_it('notification', 'vmove', 'list', uuid, '-f', 'json'))
        self.assertIn('in-use', self.run_it('segment', 'host', 'delete', 'row', 'c1', code=1))


# In a process of its own: it brings green threads with it.
MONITOR = '''
import json, sys
from masakarimonitors.ha import masakari
masakari.CONF([], project="masakarimonitors", default_config_files=[sys.argv[1]])
masakari.SendNotification().send_notification(1, 0, json.loads(sys.argv[2]))
'''


@unittest.skipIf(importlib.util.find_spec('masakarimonitors') is None,
                 'not installed: masakari-monitors (pip install --no-deps is enough)')
class TestMasakariMonitors(ServedCase):
    """What each of its monitors sends a notification by."""

    def send(self, event):
        """Have it sent, and what the sender said of it."""
        with tempfile.NamedTemporaryFile('w', suffix='.conf') as file:
            file.write(f'[api]\nauth_type = admin_token\nendpoint = {self.url}\ntoken = {ADMIN}\n')
            file.flush()
            done = subprocess.run([sys.executable, '-W', 'ignore', '-c', MONITOR, file.name,
                                   json.dumps(event)], capture_output=True, text=True, check=False,
                                  timeout=_SECONDS)
        self.assertEqual(0, done.returncode, done.stderr)
        return done.stdout + done.stderr

    def test_what_it_says_is_kept_once(self):
        self.a_host(self.a_segment())
        self.send(said())
        self.asked.clear()
        self.send(said())
        posts = [path for method, path, _ in self.asked if method == 'POST']
        self.assertEqual(1, len(posts), 'a refusal is final for it')
        found = self.told(200, 'GET', f'/v1/{PROJECT}/notifications')['notifications']
        self.assertEqual(['new'], [one['status'] for one in found])
        self.etcd.away = True
        self.asked.clear()
        self.send(said(at='2026-11-28T10:00:00'))
        posts = [path for method, path, _ in self.asked if method == 'POST']
        self.assertEqual(2, len(posts), 'what may pass is tried again')
