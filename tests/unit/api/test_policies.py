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

"""Who may do what: every route, as every role."""

import pathlib
import tempfile

from oslo_policy import opts as policy_options

from kaopu_ha.api import policies
from kaopu_ha.api.routes import ROUTES
from tests.unit.api.scene import ADMIN, MEMBER, NOBODY, PROJECT, READER, STOPPED, ApiCase, said

BODIES = {
    '/segments': {'segment': {'name': 'row', 'recovery_method': 'auto', 'service_type': 'x'}},
    '/segments/<segment>': {'segment': {'description': 'x'}},
    '/segments/<segment>/hosts': {'host': {'name': 'c2', 'type': '', 'control_attributes': ''}},
    '/segments/<segment>/hosts/<host>': {'host': {'reserved': True}},
    '/notifications': said(at='2026-11-28T01:00:00', payload={**STOPPED, 'host_status':
                                                              'UNKNOWN'})}
IDS = {'<segment>': '1', '<host>': '1', '<notification>': '1', '<vmove>': '1',
       '<alias>': 'segments'}
CLOUD_READER, SYSTEM = 'cloud-reader-token', 'system-token'


class TestEveryRoute(ApiCase):

    def setUp(self):
        super().setUp()
        self.keystone.add_token(self.of_system('reader'), CLOUD_READER)
        self.keystone.add_token(self.of_system('member'), SYSTEM)

    def of_system(self, role):
        """A token with a role on the whole cloud, and no project."""
        self.keystone.add_token_data(role, user_id='id-of-system', user_name='system',
                                     role_list=[role])
        token = dict(self.keystone._token_data[role])
        found = type(self.keystone._token_data[role])()
        found.update(token)
        found.set_system_scope()
        return found

    def code(self, path, method, token):
        """The answer's code, of records that are there."""
        for part, ident in IDS.items():
            path = path.replace(part, ident)
        body = BODIES.get(path_of(path)) if method in ('POST', 'PUT') else None
        return self.ask(method, f'/v1{path}', body, token=token).status_code

    def test_each_route_is_open_to_whom_its_rule_names_and_to_nobody_else(self):
        seen = set()
        for path, methods in ROUTES.items():
            for method, action in methods.items():
                if action is None:
                    continue
                seen.add(action.rule)
                self.etcd.entries.clear()
                self.etcd._keys.clear()
                self.etcd.revision += 1
                self.a_host(self.a_segment())
                self.a_notification()
                reads = method == 'GET'
                for token, may in ((None, None), (NOBODY, False), (MEMBER, False),
                                   (READER, False), (SYSTEM, False), (CLOUD_READER, reads),
                                   (ADMIN, True)):
                    code = self.code(path, method, token)
                    with self.subTest(path=path, method=method, token=token):
                        if may is None:
                            self.assertEqual(401, code)
                        elif may:
                            self.assertIn(code, (200, 201, 202, 204, 404, 409))
                        else:
                            self.assertEqual(403, code)
        rules = {rule.name for rule in policies.list_rules() if rule.name.startswith('os_masakari')}
        self.assertEqual(seen, {name for name in rules if not name.endswith(':discoverable')})

    def test_who_may_not_is_told_which_rule_says_so(self):
        self.assert_fault(403, 'forbidden', "Policy doesn't allow os_masakari_api:segments:index "
                          'to be performed.', 'GET', '/v1/segments', token=MEMBER)

    def test_nothing_is_changed_or_told_for_who_may_not(self):
        self.a_host(self.a_segment('secret-name'))
        before = self.kept()
        for path, methods in ROUTES.items():
            for method, action in methods.items():
                if action is not None:
                    for part, ident in IDS.items():
                        path = path.replace(part, ident)
                    found = self.ask(method, f'/v1{path}', BODIES.get(path_of(path)),
                                     token=MEMBER)
                    self.assertNotIn('secret-name', found.text)
        self.assertEqual(before, self.kept())

    def test_an_expired_token_is_no_token(self):
        self.keystone.add_token_data('old', expires='2020-01-01T00:00:00.000000Z', user_id='u',
                                     project_id=PROJECT, role_list=['admin'])
        self.assertEqual(401, self.ask('GET', '/v1/segments', token='old').status_code)

    def test_who_says_who_he_is_is_not_believed(self):
        found = self.ask('GET', '/v1/segments', token=MEMBER, headers={
            'X-Roles': 'admin', 'X-User-Id': 'root', 'X-Identity-Status': 'Confirmed'})
        self.assertEqual(403, found.status_code)

    def test_extensions_are_those_that_one_may_discover(self):
        with tempfile.TemporaryDirectory() as folder:
            path = pathlib.Path(folder, 'policy.yaml')
            path.write_text('"os_masakari_api:extensions:index": "@"\n')
            conf = self.configured()
            policy_options.set_defaults(conf, policy_file=str(path))
            self.client = self.made(conf)
            found = self.told(200, 'GET', '/v1/extensions', token=MEMBER)['extensions']
            self.assertEqual(['versions'], [one['alias'] for one in found])

    def test_a_file_overrides_what_is_in_the_code(self):
        with tempfile.TemporaryDirectory() as folder:
            path = pathlib.Path(folder, 'policy.yaml')
            path.write_text('"os_masakari_api:segments:index": "role:member"\n')
            conf = self.configured()
            policy_options.set_defaults(conf, policy_file=str(path))
            self.client = self.made(conf)
            self.told(200, 'GET', '/v1/segments', token=MEMBER)
            self.told(403, 'GET', '/v1/notifications', token=MEMBER)


def path_of(path):
    """The route of a path with ids in it."""
    parts = path.split('/')
    names = {2: f'<{parts[1][:-1]}>', 4: '<host>'}
    return '/'.join(names.get(place, part) for place, part in enumerate(parts))
