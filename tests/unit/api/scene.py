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

"""An API over a false etcd and a false cloud, asked by werkzeug's client as Keystone's users."""

import json
import logging
import unittest

import fixtures
from keystoneauth1 import loading
from keystonemiddleware import fixture as ksm_fixture
from keystonemiddleware import opts as ksm_options
from oslo_config import cfg
from werkzeug.test import Client

from kaopu_ha import conf as options
from kaopu_ha import ports, records
from kaopu_ha.api import books, deploy
from kaopu_ha.api.call import ApiService, Limits
from kaopu_ha.core import model
from kaopu_ha.mirrored import Mirrored
from kaopu_ha.sim.kernel import Kernel
from kaopu_ha.sim.network import Node
from kaopu_ha.sim.store import Etcd, SimStore

# It warns of its cache each time that it is made.
logging.getLogger('keystonemiddleware.auth_token').setLevel(logging.ERROR)

PROJECT = 'abcdef0123456789abcdef0123456789'
ADMIN, READER, MEMBER, NOBODY = 'admin-token', 'reader-token', 'member-token', 'nobody-token'
ROLES = {ADMIN: ['admin', 'member', 'reader'], READER: ['reader'], MEMBER: ['member', 'reader'],
         NOBODY: []}
UNKNOWN = '00000000-0000-4000-8000-000000000000'


class FalseCloud:
    """Compute services by name, and the servers that it is given."""

    def __init__(self, *hosts):
        self.hosts, self.away = set(hosts), False
        self.its, self.asked = (), 0

    def services(self):
        """As a cloud tells them."""
        if self.away:
            raise ports.PortError('Nova does not answer')
        return {host: model.ComputeService(host, '1', True, True, False) for host in self.hosts}

    def servers_of(self, project):
        """Those of a project."""
        self.asked += 1
        if self.away:
            raise ports.PortError('Nova does not answer')
        return tuple(one for one in self.its if one.project == project)


class ApiCase(unittest.TestCase):
    """Asks an API; each test has records of its own."""

    maxDiff = None
    limits = Limits()

    def setUp(self):
        super().setUp()
        self.kernel = Kernel(1)
        self.etcd = Etcd(self.kernel, Node('etcd'))
        self.behind = SimStore(self.etcd, Node('api'))
        self.store = Mirrored(self.behind, *books.FOLLOWED)
        self.addCleanup(self.store.close)
        self.cloud = FalseCloud('c1', 'c2', 'c3')
        self.time = '2026-11-28T12:00:00.123+00:00'
        self.client = self.made(self.configured())

    def configured(self, **values):
        """A configuration as a file would make it."""
        conf = cfg.ConfigOpts()
        options.register(conf)
        for group, opts in ksm_options.list_auth_token_opts():
            conf.register_opts(opts, group)
        loading.register_auth_conf_options(conf, 'keystone_authtoken')
        conf([], project='kaopu-ha', default_config_files=[], default_config_dirs=[])
        conf.set_override('www_authenticate_uri', 'http://keystone/v3', 'keystone_authtoken')
        for name, value in values.items():
            conf.set_override(name, value, 'api')
        return conf

    def made(self, conf):
        """A client of an application of its own."""
        users = fixtures.Fixture()
        users.setUp()
        self.addCleanup(users.cleanUp)
        self.keystone = users.useFixture(ksm_fixture.AuthTokenFixture())
        for token, roles in ROLES.items():
            self.keystone.add_token_data(token, user_id=f'id-of-{token}', user_name=token,
                                         project_id=PROJECT, role_list=roles)
        rules = deploy.enforcer(conf)
        self.service = ApiService(books.Books(self.store), self.cloud, lambda: self.time,
                             deploy.allows(rules), self.limits)
        self.application = deploy.application(conf, self.service)
        return Client(self.application)

    def ask(self, method, path, body=None, *, token=ADMIN, version=None, headers=None, text=None):
        """The answer; a body is sent as JSON."""
        sent = dict(headers or {})
        if token:
            sent['X-Auth-Token'] = token
        if version:
            sent['OpenStack-API-Version'] = f'instance-ha {version}'
        if body is not None:
            text = json.dumps(body)
        if text is not None:
            sent.setdefault('Content-Type', 'application/json')
        return self.client.open(path, method=method, headers=sent, data=text)

    def told(self, code, method, path, body=None, **more):
        """What is in the answer, which has this code."""
        found = self.ask(method, path, body, **more)
        self.assertEqual(code, found.status_code, (method, path, found.text))
        return found.json if found.data else None

    def assert_fault(self, code, key, message, method, path, body=None, **more):
        """The request is refused in these words."""
        self.assertEqual({key: {'code': code, 'message': message}},
                         self.told(code, method, path, body, **more))

    def a_segment(self, name='rack', method='auto', **more):
        """A segment that is there now."""
        version = '1.2' if 'enabled' in more else None
        return self.told(201, 'POST', '/v1/segments', {'segment': {
            'name': name, 'recovery_method': method, 'service_type': 'compute', **more}},
            version=version)['segment']

    def a_host(self, segment, name='c1', **more):
        """A host that is in that segment now."""
        return self.told(201, 'POST', f'/v1/segments/{segment["uuid"]}/hosts', {'host': {
            'name': name, 'type': 'COMPUTE', 'control_attributes': 'SSH', **more}})['host']

    def a_notification(self, name='c1', at='2026-11-28T11:59:00', kind='COMPUTE_HOST',
                       payload=None):
        """A notification that is kept now."""
        return self.told(202, 'POST', '/v1/notifications', said(
            name, at, kind, payload))['notification']

    def put(self, key, record):
        """Write a record, as another program would."""
        self.behind.commit([], [ports.Put(key, records.encode(record))])

    def kept(self):
        """All that is in the store, by key."""
        return {key: entry.value for key, entry in self.etcd.entries.items()}


STOPPED = {'event': 'STOPPED', 'cluster_status': 'OFFLINE', 'host_status': 'NORMAL'}


def said(name='c1', at='2026-11-28T11:59:00', kind='COMPUTE_HOST', payload=None):
    """The body of a notification."""
    return {'notification': {'type': kind, 'hostname': name, 'generated_time': at,
                             'payload': STOPPED if payload is None else payload}}
