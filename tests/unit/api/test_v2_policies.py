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

"""Who may do what with our own resources: every route, as every role."""

import pathlib
import tempfile

from oslo_policy import opts as policy_options

from kaopu_ha import ports
from kaopu_ha.api.policies import v2
from kaopu_ha.api.v2.routes import ROUTES
from tests.unit.api.own import WEB, OwnCase
from tests.unit.api.scene import ADMIN, MEMBER, NOBODY, PROJECT, READER

CLOUD_READER, SYSTEM, FOREIGN = 'cloud-reader-token', 'system-token', 'foreign-token'
IDS = {'<host>': 'c1', '<recovery>': 'c1', '<instance>': 'db-1'}
OF_PROJECTS = ('/instances', '/instances/<instance>')


def asked(path):
    """The path, with names of what is there."""
    for part, ident in (IDS | {'<instance>': WEB} if path in OF_PROJECTS else IDS).items():
        path = path.replace(part, ident)
    return f'/v2{path}'


def body(endpoint):
    """What it takes."""
    if endpoint.takes is None:
        return None
    return {'why': 'it burnt', **({'because': 'destroyed'}
                                  if 'because' in endpoint.takes['properties'] else {})}


class TestEveryRoute(OwnCase):

    def setUp(self):
        super().setUp()
        self.of_system('reader', CLOUD_READER)
        self.of_system('member', SYSTEM)
        self.keystone.add_token_data(FOREIGN, user_id='f', user_name='f', project_id='f' * 32,
                                     role_list=['member', 'reader'])

    def of_system(self, role, token):
        """A token with a role on the whole cloud, and no project."""
        self.keystone.add_token_data(token, user_id='id-of-system', user_name='system',
                                     role_list=[role])
        self.keystone._token_data[token].set_system_scope()

    def routes(self):
        """Each path with its method and what is said of it."""
        return [(path, method, endpoint) for path, methods in ROUTES.items()
                for method, endpoint in methods.items()]

    def test_each_route_is_open_to_whom_its_rule_names_and_to_nobody_else(self):
        before = dict(self.etcd.entries)
        for path, method, endpoint in self.routes():
            reads, own = method == 'GET', path in OF_PROJECTS
            for token, may in ((None, None), (NOBODY, False), (MEMBER, own), (READER, own),
                               (FOREIGN, own), (SYSTEM, False), (CLOUD_READER, reads),
                               (ADMIN, True)):
                self.etcd.entries.update(before)
                code = self.ask(method, asked(path), body(endpoint), token=token).status_code
                with self.subTest(path=path, method=method, token=token):
                    if may is None:
                        self.assertEqual(401, code)
                    elif may and (token, own) == (CLOUD_READER, True):
                        self.assertEqual(400, code)    # It has no project.
                    elif may and (token, path) == (FOREIGN, '/instances/<instance>'):
                        self.assertEqual(404, code)
                    elif may:
                        self.assertIn(code, (200, 202), path)
                    else:
                        self.assertEqual(403, code)

    def test_every_rule_is_of_a_route_and_names_it(self):
        rules = {rule.name: rule for rule in v2.RULES if rule.name.startswith('kaopu_ha:')}
        self.assertEqual({endpoint.rule for _, _, endpoint in self.routes()}, set(rules))
        for path, method, endpoint in self.routes():
            self.assertEqual(
                [{'method': method, 'path': '/v2' + path.replace('<', '{').replace('>', '}')}],
                rules[endpoint.rule].operations)

    def test_nothing_is_changed_or_told_for_who_may_not(self):
        before = self.kept()
        for token in (NOBODY, MEMBER, FOREIGN, SYSTEM):
            for path, method, endpoint in self.routes():
                if path not in OF_PROJECTS:
                    found = self.ask(method, asked(path), body(endpoint), token=token)
                    for word in ('web-1', 'ctl-1', '10.91', 'silent'):
                        self.assertNotIn(word, found.text)
        self.assertEqual(before, self.kept())

    def test_who_may_not_is_told_so_before_anything_else(self):
        for path, text in (('/v2/hosts?nonsense=1', None), ('/v2/hosts/c9', None),
                           ('/v2/brake/release', '{'), ('/v2/recoveries/c9/end', '[]')):
            method = 'GET' if text is None else 'POST'
            self.told(403, method, path, token=MEMBER, text=text)

    def test_a_foreign_project_sees_nothing_of_this_one(self):
        found = self.told(200, 'GET', '/v2/instances', token=FOREIGN)
        self.assertEqual({'instances': []}, found)

    def test_an_expired_token_is_no_token(self):
        self.keystone.add_token_data('old', expires='2020-01-01T00:00:00.000000Z', user_id='u',
                                     project_id=PROJECT, role_list=['admin'])
        self.assertEqual(401, self.ask('GET', '/v2/hosts', token='old').status_code)

    def test_a_file_overrides_what_is_in_the_code(self):
        with tempfile.TemporaryDirectory() as folder:
            path = pathlib.Path(folder, 'policy.yaml')
            path.write_text('"kaopu_ha:v2:hosts:list": "role:member"\n')
            conf = self.configured()
            policy_options.set_defaults(conf, policy_file=str(path))
            self.client = self.made(conf)
            self.told(200, 'GET', '/v2/hosts', token=MEMBER)
            self.told(403, 'GET', '/v2/brake', token=MEMBER)


class TestStoreAway(OwnCase):

    def test_every_route_says_so_and_changes_nothing(self):
        before = self.kept()
        self.etcd.away = True
        for path, methods in ROUTES.items():
            for method, endpoint in methods.items():
                found = self.told(503, method, asked(path), body(endpoint))
                self.assertIn('Nothing was changed', found['serviceUnavailable']['message'])
        self.etcd.away = False
        self.assertEqual(before, self.kept())

    def test_a_write_whose_answer_was_lost_says_so(self):
        commit = self.behind.commit

        def lost(compares, writes):
            commit(compares, writes)
            raise ports.OutcomeUnknown('etcd did not answer')
        self.behind.commit = lost
        found = self.told(503, 'POST', '/v2/hosts/c2/hold', {'why': 'x'})['serviceUnavailable']
        self.assertIn('look before you ask again', found['message'])
        self.behind.commit = commit
        self.assertTrue(self.told(200, 'GET', '/v2/hosts')['hosts'][1]['hold'])
