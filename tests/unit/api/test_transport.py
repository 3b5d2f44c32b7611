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

"""The same of every request: paths, content types, versions, errors, the order of checks."""

import json
import unittest
from unittest import mock

from keystonemiddleware import auth_token
from werkzeug.test import Client, EnvironBuilder

from kaopu_ha.api import front, routes
from tests.unit.api.scene import ADMIN, MEMBER, PROJECT, UNKNOWN, ApiCase

LINK = {'rel': 'self', 'href': 'http://localhost/v1/'}
VERSION = {'id': 'v1.0', 'status': 'CURRENT', 'version': '1.3', 'min_version': '1.0',
           'updated': '2016-07-01T11:33:21Z'}
# Our own resources: no client takes them for a newer version of Masakari's.
OWN = {'id': 'v2.0', 'status': 'SUPPORTED', 'version': '', 'min_version': '',
       'updated': '2026-11-28T00:00:00Z',
       'links': [{'rel': 'self', 'href': 'http://localhost/v2/'}]}


class TestDiscovery(ApiCase):

    def test_the_versions_are_shown_without_a_token(self):
        self.assertEqual({'versions': [{**VERSION, 'links': [LINK]}, OWN]},
                         self.told(200, 'GET', '/', token=None))
        for path in ('/v1', '/v1/'):
            self.assertEqual({'version': {
                **VERSION, 'links': [LINK, {'rel': 'describedby', 'type': 'text/html',
                                            'href': 'https://docs.openstack.org/'}],
                'media-types': [{'base': 'application/json', 'type':
                                 'application/vnd.openstack.masakari+json;version=1'}]}},
                self.told(200, 'GET', path, token=None))

    def test_the_root_takes_no_notice_of_the_version_that_is_asked_for(self):
        for path in ('/', '/v1'):
            self.told(200, 'GET', path, version='9.9')

    def test_the_links_follow_the_proxy_or_the_configuration(self):
        found = self.told(200, 'GET', '/', headers={'Host': 'api.example.org:15868'})
        self.assertEqual('http://api.example.org:15868/v1/',
                         found['versions'][0]['links'][0]['href'])
        self.client = self.made(self.configured(link_prefix='https://cloud/instance-ha/'))
        found = self.told(200, 'GET', '/v1')
        self.assertEqual('https://cloud/instance-ha/v1/', found['version']['links'][0]['href'])

    def test_a_mount_point_is_in_the_links(self):
        found = self.client.get('/', environ_overrides={'SCRIPT_NAME': '/instance-ha'}).json
        self.assertEqual('http://localhost/instance-ha/v1/',
                         found['versions'][0]['links'][0]['href'])

    def test_versions_can_be_read_and_no_more(self):
        for method in ('POST', 'PUT', 'DELETE', 'PATCH'):
            self.assertEqual(300, self.ask(method, '/').status_code)
            for path in ('/v1', '/v1/'):
                self.assertEqual(404, self.ask(method, path).status_code)

    def test_any_path_without_a_version_has_its_choice(self):
        found = self.told(300, 'GET', '/segments/x', token=None)['choices']
        self.assertEqual(['http://localhost/v1/segments/x'],
                         [link['href'] for choice in found for link in choice['links']])
        self.assertEqual({'id', 'status', 'links', 'media-types'}, set(found[0]))

    def test_the_health_is_told_to_anybody(self):
        found = self.ask('GET', '/healthcheck', token=None)
        self.assertEqual((200, 'OK'), (found.status_code, found.text))
        self.assertTrue(found.headers['Content-Type'].startswith('text/plain'))

    def test_the_health_is_told_while_the_store_is_away(self):
        self.etcd.away = True
        self.assertEqual(200, self.ask('GET', '/healthcheck').status_code)

    def test_a_project_alone_is_no_version(self):
        for path in (f'/v1/{PROJECT}', f'/v1/{PROJECT}/'):
            self.assertEqual(404, self.ask('GET', path).status_code)

    def test_extensions_are_sorted_by_alias(self):
        found = self.told(200, 'GET', '/v1/extensions')['extensions']
        self.assertEqual(['extensions', 'notifications', 'os-hosts', 'segments', 'versions',
                          'vmoves'], [one['alias'] for one in found])
        self.assertEqual({'name': 'Hosts', 'alias': 'os-hosts', 'namespace': '', 'updated': '',
                          'links': [], 'description': 'The hosts of a segment.'},
                         self.told(200, 'GET', '/v1/extensions/os-hosts')['extension'])
        self.told(404, 'GET', '/v1/extensions/ghosts')


class TestVersions(ApiCase):

    def test_each_version_is_taken_and_told(self):
        for asked, told in ((None, '1.0'), ('1.0', '1.0'), ('1.1', '1.1'), ('1.2', '1.2'),
                            ('1.3', '1.3'), ('latest', '1.3')):
            found = self.ask('GET', '/v1/segments', version=asked)
            self.assertEqual((200, f'instance-ha {told}', 'OpenStack-API-Version'), (
                found.status_code, found.headers['OpenStack-API-Version'], found.headers['Vary']))

    def test_a_fault_tells_its_version_too(self):
        found = self.ask('GET', '/v1/segments/x', version='1.2')
        self.assertEqual((404, 'instance-ha 1.2'), (
            found.status_code, found.headers['OpenStack-API-Version']))

    def test_other_services_versions_are_not_ours(self):
        for text in ('masakari 1.3', 'compute 2.90', 'nonsense'):
            found = self.ask('GET', '/v1/segments', headers={'OpenStack-API-Version': text})
            self.assertEqual('instance-ha 1.0', found.headers['OpenStack-API-Version'])
        found = self.ask('GET', '/v1/segments', headers={
            'OpenStack-API-Version': 'compute 2.90, instance-ha 1.2'})
        self.assertEqual('instance-ha 1.2', found.headers['OpenStack-API-Version'])

    def test_one_that_is_not_ours_is_not_acceptable(self):
        for text in ('1.4', '2.0', '1.' + '9' * 5000):
            self.assert_fault(406, 'masakariFault', f'Version {text} is not supported by the API. '
                              'Minimum is 1.0 and maximum is 1.3.', 'GET', '/v1/segments',
                              version=text)

    def test_what_is_no_version_is_a_bad_request_without_a_version(self):
        for text in ('abc', '1', '1.03', '01.2', '1.2.3', '-1.0'):
            self.assert_fault(400, 'badRequest', f'API Version String {text} is of invalid format. '
                              'Must be of format MajorNum.MinorNum.', 'GET', '/v1/segments',
                              version=text)
            self.assertNotIn('OpenStack-API-Version',
                             self.ask('GET', '/v1/segments', version=text).headers)


class TestPaths(ApiCase):

    def test_the_project_in_the_url_is_that_of_the_token(self):
        self.told(200, 'GET', f'/v1/{PROJECT}/segments')
        self.assert_fault(
            400, 'badRequest', f"Malformed request URL: URL's project_id 'abc' doesn't match "
            f"Context's project_id '{PROJECT}'", 'GET', '/v1/abc/segments')
        self.told(404, 'GET', '/v1/nohex/segments')

    def test_a_suffix_is_passed_over(self):
        self.told(200, 'GET', '/v1/segments.json')
        made = self.a_segment()
        self.assertEqual(made, self.told(
            200, 'GET', f'/v1/{PROJECT}/segments/{made["uuid"]}.json')['segment'])

    def test_head_is_a_get_without_its_body(self):
        found = self.ask('HEAD', '/v1/segments')
        self.assertEqual((200, b''), (found.status_code, found.data))

    def test_a_path_that_there_is_not(self):
        for method, path in (('GET', '/v1/zzz'), ('GET', '/v1/segments/a/b'),
                             ('GET', '/v1//segments'), ('GET', '/v1/hosts')):
            self.told(404, method, path)

    def test_a_method_that_nothing_is_done_for(self):
        for path in (f'/v1/notifications/{UNKNOWN}', f'/v1/notifications/{UNKNOWN}/vmoves/x',
                     '/v1/extensions/segments'):
            for method, name in (('DELETE', 'delete'), ('PUT', 'update')):
                self.assert_fault(405, 'badMethod', f"The request method: '{method}' with action: "
                                  f"'{name}' is not allowed on this resource", method, path)
        for method, path, name in (
                ('POST', f'/v1/notifications/{UNKNOWN}/vmoves', 'create'),
                ('GET', '/v1/segments/new', 'new'), ('GET', '/v1/segments/x/edit', 'edit'),
                ('POST', '/v1/segments/x/action', 'action'),
                ('POST', '/v1/notifications/x/action', 'action')):
            self.assert_fault(405, 'badMethod', f"The request method: '{method}' with action: "
                              f"'{name}' is not allowed on this resource", method, path)

    def test_a_method_that_a_path_does_not_know(self):
        for method, path in (('DELETE', '/v1/notifications'), ('PUT', '/v1/segments'),
                             ('PATCH', '/v1/segments'), ('PATCH', f'/v1/segments/{UNKNOWN}')):
            self.told(404, method, path)


class TestBodies(ApiCase):

    def test_content_types(self):
        body = json.dumps({'segment': {}})
        for kind in ('application/json', 'application/json; charset=UTF-8', 'text/plain',
                     'application/vnd.openstack.masakari+json'):
            self.assertEqual(400, self.ask('POST', '/v1/segments', text=body, headers={
                'Content-Type': kind}).status_code)
        for method in ('POST', 'GET'):
            self.assert_fault(415, 'badMediaType', 'Unsupported Content-Type', method,
                              '/v1/segments', headers={'Content-Type': 'application/xml'})

    def test_what_is_accepted(self):
        ours = 'application/vnd.openstack.masakari+json'
        for asked, told in ((None, 'application/json'), ('*/*', 'application/json'),
                            (ours, ours), ('application/xml', 'application/json')):
            found = self.ask('GET', '/v1/segments', headers={'Accept': asked} if asked else {})
            self.assertEqual(told, found.headers['Content-Type'])
        found = self.ask('GET', '/v1/segments/x', headers={'Accept': ours})
        self.assertEqual('application/json; charset=UTF-8', found.headers['Content-Type'])

    def test_the_text_is_pythons_own_and_ascii(self):
        self.a_segment('Köln')
        found = self.ask('GET', '/v1/segments').data
        self.assertIn(b'"name": "K\\u00f6ln", ', found)

    def test_no_json(self):
        for text in (b'{', b'\xff', b'{"segment": NaN}', b'[' * 100000,
                     b'{"segment": {"name": "\\ud800"}}'):
            self.assert_fault(400, 'badRequest', 'Malformed request body', 'POST', '/v1/segments',
                              text=text)

    def test_nothing_at_all(self):
        self.assert_fault(400, 'badRequest', "None is not of type 'object'", 'POST',
                          '/v1/segments')

    def test_too_much(self):
        for path in ('/v1/segments', '/v1/notifications'):
            self.assertEqual(413, self.ask('POST', path, text='x' * 114689).status_code)

    def test_each_answer_has_the_id_of_its_request(self):
        for token, path in ((MEMBER, '/v1/segments'), (None, '/v1/segments'), (None, '/v1/x')):
            self.assertTrue(self.ask('GET', path, token=token).headers[
                'x-openstack-request-id'].startswith('req-'))


class TestOrder(ApiCase):
    """Of two things that are wrong the first one is told."""

    def test_the_checks_come_in_the_order_that_clients_know(self):
        wrong = {'version': '9.9', 'headers': {'Content-Type': 'application/xml'},
                 'path': '/v1/abc/segments/x', 'method': 'PUT', 'text': '{', 'token': MEMBER}
        told = []
        for mended in ({}, {'version': '1.2'}, {'headers': {}}, {'text': '{}'},
                       {'path': '/v1/segments/x'}, {'text': '{"segment": {"name": "a"}}'},
                       {'token': 'admin-token'}):
            wrong |= mended
            words = dict(wrong)
            told.append(self.ask(words.pop('method'), words.pop('path'), **words).status_code)
        self.assertEqual([406, 415, 400, 400, 400, 403, 404], told)

    def test_without_a_token_nothing_else_is_looked_at(self):
        self.assertEqual(401, self.ask('PUT', '/v1/abc/segments/x', text='{', token=None,
                                       version='9.9').status_code)

    def test_a_method_comes_before_the_body(self):
        self.assertEqual(405, self.ask('PUT', f'/v1/notifications/{UNKNOWN}', text='{').status_code)


class TestWithoutMiddleware(ApiCase):

    def test_who_is_nobody_is_not_served(self):
        found = Client(front.application(self.service)).get('/v1/segments')
        self.assertEqual((401, {'unauthorized': {'code': 401, 'message':
                                                 'The token names no user.'}}),
                         (found.status_code, found.json))


class TestFaultsOfOurs(ApiCase):

    def test_a_bug_is_told_to_us_and_not_to_everybody(self):
        def fails():
            raise KeyError('secret')
        self.behind.read = self.store.read = lambda *ranges: fails()
        with self.assertLogs('kaopu_ha.api.front', 'ERROR') as told:
            found = self.told(500, 'GET', '/v1/segments')
        self.assertEqual({'masakariFault': {'code': 500, 'message': found['masakariFault'][
            'message']}}, found)
        self.assertNotIn('secret', found['masakariFault']['message'])
        self.assertIn('secret', told.output[0])


    def test_what_the_middleware_lets_through_is_answered_too(self):
        """A server would hang up without a word."""
        with mock.patch.object(auth_token.AuthProtocol, 'fetch_token',
                               side_effect=KeyError('secret')), \
                self.assertLogs('kaopu_ha.api.deploy', 'ERROR') as told:
            found = self.told(500, 'GET', '/v1/segments')
        self.assertEqual(500, found['masakariFault']['code'])
        self.assertNotIn('secret', found['masakariFault']['message'])
        self.assertIn('secret', told.output[0])


class Sent:
    """What a client sends; who reads beyond it would wait for ever."""

    def __init__(self, length):
        self.left = length

    def read(self, size=-1):
        """As a server gives it: in portions, and not all that was asked for."""
        assert 0 < size <= self.left, 'it would wait'
        given = min(size, 10000)
        self.left -= given
        return b'x' * given


class TestRefusedBodies(ApiCase):

    def left(self, length, **headers):
        """Send so many bytes to be refused; the code, and how many of them nobody has read."""
        sent = Sent(length)
        environ = EnvironBuilder('/v2/brake/release', method='POST',
                                 headers=headers).get_environ()
        environ |= {'CONTENT_LENGTH': str(length), 'wsgi.input': sent}
        codes = []
        for _ in self.application(environ, lambda status, *_: codes.append(int(status[:3]))):
            pass
        return codes[0], sent.left

    def test_who_is_refused_is_heard_to_his_end(self):
        """uWSGI closes a connection with what was not read, and the client sees no answer."""
        for headers, code in (({}, 401), ({'X-Auth-Token': MEMBER}, 403),
                              ({'X-Auth-Token': ADMIN}, 400)):
            self.assertEqual((code, 0), self.left(100000, **headers))

    def test_of_what_is_far_too_large_a_mebibyte_is_taken(self):
        self.assertEqual((413, (1 << 21) - (1 << 20)), self.left(1 << 21, **{
            'X-Auth-Token': ADMIN}))

    def test_one_who_hangs_up_meanwhile_hurts_nobody(self):
        gone = mock.Mock(spec=['read'], read=mock.Mock(side_effect=OSError('reset by peer')))
        environ = EnvironBuilder('/v1/segments', method='POST').get_environ()
        environ |= {'CONTENT_LENGTH': '7', 'wsgi.input': gone}
        codes = []
        self.application(environ, lambda status, *_: codes.append(int(status[:3])))
        self.assertEqual([401], codes)


class TestRoutes(unittest.TestCase):

    def test_every_action_but_none_has_a_rule(self):
        for path, methods in routes.ROUTES.items():
            for method, action in methods.items():
                if action is not None:
                    self.assertTrue(action.rule, (path, method))
                    self.assertEqual(method in ('POST', 'PUT'), action.body is not None)
