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

"""The API as an operator has it: uWSGI over TLS, a Keystone, an etcd that knows its users.

Whoever asks has a token of that Keystone, and finds the API by its catalogue.  To etcd the API
shows its own certificate, so whatever is tried here is done with its role alone.  Nova is one that
knows two hosts and one instance.
"""

import concurrent.futures
import contextlib
import importlib.util
import json
import os
import socket
import subprocess
import sys
import tempfile
import threading
import time
import unittest

import openstack
from openstack import exceptions as sdk_errors
from werkzeug import serving

from kaopu_ha import access, ports, records
from kaopu_ha.core import model
from kaopu_ha.drivers.etcd import store as etcd
from tests import api_single, etcd_cluster, keystone_single

TENANT, INSTANCE = 'tenant', 'c342c3dc-1fc7-4abc-98b8-01cc3da07165'
_CHILD_SECONDS = 50
_CONF = """\
[DEFAULT]
host = api
[store]
endpoints = {etcd}
ca = {ca}
cert = {pair.cert}
key = {pair.key}
timeout = 2
[nova]
auth_type = password
auth_url = {keystone}
username = kaopu
password = {password}
project_name = service
user_domain_name = Default
project_domain_name = Default
region_name = RegionOne
[keystone_authtoken]
auth_type = password
auth_url = {keystone}
www_authenticate_uri = {keystone}
# Nobody answers there: then every token is checked anew.
memcached_servers = 127.0.0.1:9
username = kaopu-ha
password = {password}
project_name = service
user_domain_name = Default
project_domain_name = Default
"""


def missing():
    """What this machine lacks; empty if nothing."""
    if not api_single.is_possible() or not keystone_single.is_possible():
        return 'no uWSGI or no Keystone is installed'
    return etcd_cluster.missing()


def free_port():
    with socket.create_server(('127.0.0.1', 0)) as server:
        return server.getsockname()[1]


class Nova:
    """Two hosts, and an instance of the tenant; no more is asked."""

    def __init__(self, cleanup):
        self.project = ''
        self._server = serving.make_server('127.0.0.1', 0, self._answered, threaded=True,
                                           request_handler=Quiet)
        cleanup(self._server.server_close)
        cleanup(self._server.shutdown)
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        self.url = f'http://127.0.0.1:{self._server.server_port}/v2.1'

    def _answered(self, environ, start):
        body = json.dumps(self._told(environ['PATH_INFO'].rstrip('/'))).encode()
        start('200 OK', [('Content-Type', 'application/json')])
        return [body]

    def _told(self, path):
        if path.endswith('/os-services'):
            return {'services': [{'id': host, 'binary': 'nova-compute', 'host': host, 'state': 'up',
                                  'status': 'enabled', 'forced_down': False}
                                 for host in ('c1', 'c2')]}
        if path.endswith('/servers/detail'):
            return {'servers': [{
                'id': INSTANCE, 'name': 'web', 'OS-EXT-SRV-ATTR:host': 'c1',
                'OS-EXT-STS:vm_state': 'active', 'OS-EXT-STS:task_state': None,
                'OS-EXT-STS:power_state': 1, 'OS-EXT-SRV-ATTR:instance_name': 'instance-1',
                'tenant_id': self.project, 'flavor': {'vcpus': 1, 'ram': 64, 'extra_specs': {}}}]}
        return {'version': {'id': 'v2.1', 'status': 'CURRENT', 'version': '2.100',
                            'min_version': '2.1', 'links': [{'rel': 'self', 'href': self.url}]}}


class Quiet(serving.WSGIRequestHandler):
    """Prints nothing of what it is asked."""

    def log_request(self, *words):
        """Say nothing."""


@unittest.skipIf(missing(), missing())
class ServedCase(unittest.TestCase):
    """All of it once, for all tests: each has names and hosts' states of its own."""

    _held = None

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        if ServedCase._held is None:
            ServedCase._held = True
            unittest.addModuleCleanup(setattr, ServedCase, '_held', None)
            ServedCase._begin()

    @staticmethod
    def _begin():
        cls, cleanup = ServedCase, unittest.addModuleCleanup
        cls.keystone = keystone_single.Keystone(cleanup, free_port())
        cls.etcd = etcd_cluster.EtcdCluster(size=1, tls=True)
        cleanup(cls.etcd.cleanUp)
        cls.etcd.setUp()
        cls.authority = cls.etcd.authority
        root = cls.a_store('root')
        root.allow(access.accounts(['c1', 'c2']))
        root.enforce()
        root.close()
        cls.api = api_single.Api(cleanup, _CONF.format(
            etcd=cls.etcd.url(0), ca=cls.authority.ca, pair=cls.authority.issue(access.API),
            keystone=cls.keystone.url, password=keystone_single.PASSWORD), free_port(),
            cls.authority.issue('api', ['127.0.0.1']), cls.authority.ca)
        cls.nova = Nova(cleanup)
        cls.keystone.wait()
        cls._people()
        cls.api.wait()

    @classmethod
    def _people(cls):
        keystone = cls.keystone
        keystone.user('kaopu-ha', 'service', 'service')
        keystone.user('kaopu', 'service', 'admin')
        cls.nova.project = keystone.user('alice', TENANT, 'member')
        keystone.user('auditor', 'admin', 'reader', system=True)
        for kind, url in (('instance-ha', f'{cls.api.url}/v1'), ('compute', cls.nova.url)):
            service = keystone.made('service', name=kind, type=kind)
            for interface in ('public', 'internal'):
                keystone.made('endpoint', service_id=service, interface=interface, url=url,
                              region_id='RegionOne')
        cls.admin = keystone.token()

    @classmethod
    def a_store(cls, name):
        """The store as whoever has this certificate sees it."""
        pair = cls.authority.issue(name)
        return etcd.EtcdStore([cls.etcd.url(0)], ca=cls.authority.ca, cert=pair.cert,
                              key=pair.key, timeout=3.0)

    def told(self, code, method, path, body=None, token=None, **headers):
        """What is in the answer, which has this code."""
        found = self.api.ask(method, path, self.admin if token is None else token, body, **headers)
        self.assertEqual(code, found.status_code, (method, path, found.text))
        return found.json() if found.content else None

    def a_segment(self, name, *hosts):
        """A segment with these hosts."""
        made = self.told(201, 'POST', '/v1/segments', {'segment': {
            'name': name, 'recovery_method': 'auto', 'service_type': 'compute'}})['segment']
        self.addCleanup(self.told, 204, 'DELETE', f'/v1/segments/{made["uuid"]}')
        for host in hosts:
            self.told(201, 'POST', f'/v1/segments/{made["uuid"]}/hosts', {'host': {
                'name': host, 'type': 'COMPUTE', 'control_attributes': 'SSH'}})
        return made


def environment(**more):
    """Of a program that a person or a monitor runs; the word is in no command line."""
    return {**os.environ, 'OS_CLIENT_CONFIG_FILE': os.devnull, 'OS_USERNAME': 'admin',
            'OS_AUTH_URL': ServedCase.keystone.url, 'OS_PASSWORD': keystone_single.PASSWORD,
            'OS_PROJECT_NAME': 'admin', 'OS_USER_DOMAIN_NAME': 'Default',
            'OS_PROJECT_DOMAIN_NAME': 'Default', 'OS_IDENTITY_API_VERSION': '3',
            'OS_CACERT': ServedCase.authority.ca, **more}


class TestAsked(ServedCase):
    """By HTTP, as anybody may."""

    def test_who_has_no_token_is_told_the_versions_and_nothing_else(self):
        for path in ('/', '/v1', '/v2', '/healthcheck', '/v2/openapi.json'):
            self.assertEqual(200, self.api.ask('GET', path).status_code, path)
        for path in ('/v1/segments', '/v2/hosts', '/v2/instances'):
            for token in ('', 'none-such', self.admin[:-4] + 'AAAA'):
                self.assertEqual(401, self.api.ask('GET', path, token).status_code, path)
        link = self.told(200, 'GET', '/', token='')['versions'][0]['links'][0]['href']
        self.assertTrue(link.startswith(self.api.url), link)

    def test_a_tenant_sees_his_own_and_who_audits_sees_all_and_changes_nothing(self):
        alice = self.keystone.token('alice', TENANT)
        found = self.told(200, 'GET', '/v2/instances', token=alice)['instances']
        self.assertEqual([INSTANCE], [one['instance'] for one in found])
        self.assertNotIn('c1', json.dumps(found))
        auditor = self.keystone.token('auditor', system=True)
        body = {'segment': {'name': 'x', 'recovery_method': 'auto', 'service_type': 'x'}}
        for path in ('/v1/segments', '/v1/notifications', '/v2/hosts', '/v2/protection'):
            self.told(403, 'GET', path, token=alice)
            self.told(200, 'GET', path, token=auditor)
        for token, code in ((alice, 403), (auditor, 403), ('', 401), ('none-such', 401)):
            self.told(code, 'POST', '/v1/segments', body, token=token)
            self.told(code, 'POST', '/v2/brake/release', {'why': 'x' * 60000}, token=token)
        self.assertEqual(413, self.api.ask('POST', '/v2/brake/release', self.admin,
                                           {'why': 'x' * 900000}).status_code)

    def a_known_host(self):
        """Somebody told of c2, so that it can be held; it is released in the end."""
        with contextlib.closing(self.a_store(access.SERVICE)) as store:
            store.commit([], [ports.Put(records.INVENTORY + 'c2', records.encode(model.Inventory(
                'c2', 'u', 'b', 'qemu+tls://c2/system', ())))])
        self.addCleanup(self.told, 200, 'POST', '/v2/hosts/c2/release', {})

    def test_a_hold_is_in_the_store_and_in_the_news_of_who_waits(self):
        self.a_known_host()
        cursor = self.told(200, 'GET', '/v2/news')['cursor']
        with concurrent.futures.ThreadPoolExecutor(1) as pool:
            waits = pool.submit(self.told, 200, 'GET', f'/v2/news?since={cursor}&wait=20')
            time.sleep(0.5)
            self.assertFalse(waits.done())
            self.told(200, 'POST', '/v2/hosts/c2/hold', {'why': 'a new disk'})
            found = waits.result(20)['news']
        self.assertEqual([('c2', 'on hold by user admin by the API: a new disk')],
                         [(one['host'], one['text']) for one in found])

    def test_many_viewers_leave_threads_for_others(self):
        """Of a process with eight threads four may be held by who waits for news."""
        self.a_known_host()
        cursor = self.told(200, 'GET', '/v2/news')['cursor']
        with concurrent.futures.ThreadPoolExecutor(12) as pool:
            asked = [pool.submit(self.told, 200, 'GET', f'/v2/news?since={cursor}&wait=30')
                     for _ in range(12)]
            ended = concurrent.futures.as_completed(asked, 25)
            at_once = [next(ended).result() for _ in range(8)]
            self.told(200, 'GET', '/v1/segments')
            self.assertEqual(4, sum(not one.done() for one in asked))
            self.told(200, 'POST', '/v2/hosts/c2/hold', {'why': 'a new disk'})
            self.assertEqual([[]] * 8, [one['news'] for one in at_once])
            self.assertEqual([['c2']] * 4, [[line['host'] for line in one.result()['news']]
                                            for one in ended])

    def test_without_etcd_it_says_so_and_then_goes_on(self):
        made = self.a_segment('kept')
        self.etcd.freeze(0)
        thawed = self.etcd.thaw
        self.addCleanup(thawed, 0)
        body = {'segment': {'name': 'lost', 'recovery_method': 'auto', 'service_type': 'x'}}
        for method, given in (('GET', None), ('POST', body)):
            found = self.told(503, method, '/v1/segments', given)['serviceUnavailable']['message']
            self.assertIn('no member of etcd answered', found)
            self.assertIn('Nothing was changed. Try again.', found)
        self.assertIn('etcd', json.dumps(self.told(503, 'GET', '/v2/hosts')))
        self.assertEqual(200, self.api.ask('GET', '/healthcheck').status_code)
        thawed(0)
        found = self.told(200, 'GET', '/v1/segments')['segments']
        self.assertEqual([made['uuid']], [one['uuid'] for one in found])
        self.a_segment('lost')
        self.assertNotIn(keystone_single.PASSWORD, self.api.log)
        self.assertNotIn(self.admin, self.api.log)


class TestOthers(ServedCase):
    """Clients of Masakari's as they are on PyPI, and the command of ours; by the catalogue."""

    def test_openstacksdk(self):
        cloud = openstack.connect(
            load_yaml_config=False, load_envvars=False, cacert=self.authority.ca, auth={
                'auth_url': self.keystone.url, 'username': 'admin', 'project_name': 'admin',
                'password': keystone_single.PASSWORD, 'user_domain_name': 'Default',
                'project_domain_name': 'Default'})
        self.addCleanup(cloud.session.session.close)
        self.addCleanup(cloud.close)
        proxy = cloud.instance_ha
        made = proxy.create_segment(name='of-sdk', recovery_method='auto', service_type='compute')
        self.addCleanup(proxy.delete_segment, made.uuid)
        host = proxy.create_host(made.uuid, name='c1', type='COMPUTE', control_attributes='SSH')
        self.assertRaises(sdk_errors.BadRequestException, proxy.create_host, made.uuid,
                          name='c9', type='COMPUTE', control_attributes='SSH')
        self.assertEqual(['c1'], [one.name for one in proxy.hosts(made.uuid)])
        proxy.update_host(host.uuid, segment_id=made.uuid, on_maintenance=True)
        self.assertEqual('user admin by the API', self.told(200, 'GET', '/v2/hosts/c1')['host'][
            'setting']['who'])
        proxy.update_host(host.uuid, segment_id=made.uuid, on_maintenance=False)

    @unittest.skipIf(importlib.util.find_spec('masakariclient') is None
                     or importlib.util.find_spec('openstackclient') is None,
                     'not installed: python-masakariclient, python-openstackclient')
    def test_the_command_openstack_with_masakaris_words_and_ours(self):
        with Shell() as shell:
            made = shell.run('segment', 'create', 'of-osc', 'auto', 'compute', '-f', 'json')
            self.addCleanup(self.told, 204, 'DELETE', f'/v1/segments/{made["uuid"]}')
            shell.run('segment', 'host', 'create', 'c2', 'COMPUTE', 'SSH', 'of-osc', '-f', 'json')
            self.assertEqual(['c2'], [one['name'] for one in shell.run(
                'segment', 'host', 'list', 'of-osc', '-f', 'json')])
            self.assertIn('of-osc', [one['name'] for one in shell.run(
                'segment', 'list', '-f', 'json')])
            shell.run('segment', 'host', 'update', 'of-osc', 'c2', '--reserved', 'True', '-f',
                      'json')
            self.assertEqual([], shell.run('ha', 'case', 'list', '-f', 'json'))
            self.assertIsInstance(shell.run('ha', 'host', 'list', '-f', 'json'), list)

    @unittest.skipIf(importlib.util.find_spec('masakarimonitors') is None,
                     'not installed: masakari-monitors (pip install --no-deps is enough)')
    def test_a_monitor_is_heard_once(self):
        self.a_segment('of-monitors', 'c1')
        self.addCleanup(self._forget_notifications)
        event = {'notification': {
            'type': 'COMPUTE_HOST', 'hostname': 'c1', 'generated_time': '2026-11-28T11:59:00',
            'payload': {'event': 'STOPPED', 'cluster_status': 'OFFLINE', 'host_status': 'NORMAL'}}}
        with tempfile.NamedTemporaryFile('w', suffix='.conf') as file:
            file.write(f'[api]\nauth_type = password\nauth_url = {self.keystone.url}\n'
                       f'username = admin\npassword = {keystone_single.PASSWORD}\n'
                       'project_name = admin\nuser_domain_name = Default\n'
                       'project_domain_name = Default\nregion = RegionOne\n'
                       f'cafile = {self.authority.ca}\n')
            file.flush()
            for _ in range(2):
                done = subprocess.run(
                    [sys.executable, '-W', 'ignore', '-c', _MONITOR, file.name, json.dumps(event)],
                    capture_output=True, text=True, check=False, timeout=_CHILD_SECONDS)
                self.assertEqual(0, done.returncode, done.stderr)
        found = self.told(200, 'GET', '/v1/notifications')['notifications']
        self.assertEqual(['new'], [one['status'] for one in found], done.stdout + done.stderr)

    def _forget_notifications(self):
        """No controller runs that would see to them, and an open one keeps its host."""
        with contextlib.closing(self.a_store(access.SERVICE)) as store:
            there = store.read(records.NOTIFICATION).entries
            store.commit([], [ports.Delete(key) for key in there])


class TestEnd(ServedCase):

    def test_it_ends_at_once_while_somebody_waits_for_news(self):
        port = free_port()
        again = api_single.Api(self.addCleanup, _CONF.format(
            etcd=self.etcd.url(0), ca=self.authority.ca, pair=self.authority.issue(access.API),
            keystone=self.keystone.url, password=keystone_single.PASSWORD), port,
            self.authority.issue('api', ['127.0.0.1']), self.authority.ca)
        again.wait()
        cursor = again.ask('GET', '/v2/news', self.admin).json()['cursor']
        with concurrent.futures.ThreadPoolExecutor(1) as pool:
            pool.submit(again.ask, 'GET', f'/v2/news?since={cursor}&wait=30', self.admin)
            time.sleep(1)
            began = time.monotonic()
            again.close()
            self.assertLess(time.monotonic() - began, 15)


# Loaded once: the command takes seconds for that.
_SHELL = '''
import contextlib, io, json, sys
from openstackclient import shell
for line in sys.stdin:
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        code = shell.main(json.loads(line))
    print(json.dumps([code, out.getvalue(), err.getvalue()]), flush=True)
'''
# In a process of its own: it brings green threads with it.
_MONITOR = '''
import json, sys
from masakarimonitors.ha import masakari
masakari.CONF([], project="masakarimonitors", default_config_files=[sys.argv[1]])
masakari.SendNotification().send_notification(1, 0, json.loads(sys.argv[2]))
'''


class Shell:
    """``openstack ...``, as a person types it."""

    def __enter__(self):
        self._child = subprocess.Popen(
            [sys.executable, '-W', 'ignore', '-c', _SHELL], stdin=subprocess.PIPE,
            stdout=subprocess.PIPE, text=True, env=environment())
        self._timer = threading.Timer(_CHILD_SECONDS, self._child.kill)
        self._timer.start()
        return self

    def run(self, *words):
        """What the command says, in JSON."""
        print(json.dumps(words), file=self._child.stdin, flush=True)
        ended, said, wrong = json.loads(self._child.stdout.readline())
        assert ended == 0, wrong
        return json.loads(said)

    def __exit__(self, *_):
        self._timer.cancel()
        self._child.stdin.close()
        self._child.wait(_CHILD_SECONDS)
        self._child.stdout.close()


if __name__ == '__main__':
    unittest.main()
