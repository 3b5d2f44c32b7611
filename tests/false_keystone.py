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

"""A Keystone that knows a few users: as much of its API as a login of Horizon asks for."""

import json
import uuid

from werkzeug.wrappers import Request, Response

REGION = 'RegionOne'
DOMAIN = {'id': 'default', 'name': 'Default'}
_FAR = '2099-01-01T00:00:00.000000Z'


class FalseKeystone:
    """A WSGI application.

    ``users``: the token that each user gets for his project, with his roles there; the password is
    the name.  ``project``: its id.  ``catalog``: URLs by service type.
    """

    def __init__(self, users, project):
        self.users, self.project, self.catalog = users, project, {}
        # A token that is of no project yet, with its user.
        self._unscoped = {}

    @Request.application
    def __call__(self, request):
        path = request.path.removeprefix('/v3')
        if path == '/auth/tokens' and request.method == 'POST':
            return self._token(request)
        if path == '/auth/projects' or path.endswith('/projects'):
            return _told({'projects': [{
                'id': self.project, 'name': 'demo', 'enabled': True, 'domain_id': 'default',
                'links': {}}], 'links': {}})
        if path in ('', '/'):
            return _told({'version': {
                'id': 'v3.14', 'status': 'stable', 'links': [
                    {'rel': 'self', 'href': request.base_url}], 'media-types': []}})
        return _told({'error': {'code': 404, 'message': path, 'title': 'Not Found'}}, 404)

    def _token(self, request):
        asked = json.loads(request.data)['auth']
        identity = asked['identity']
        if 'password' in identity['methods']:
            user = identity['password']['user']
            if user['name'] not in self.users or user['password'] != user['name']:
                return _told({'error': {'code': 401, 'message': 'no', 'title': 'No'}}, 401)
            name = user['name']
        else:
            name = self._whose(identity['token']['id'])
        if 'project' in asked.get('scope', {}):
            token, roles = self.users[name]
            return _token(token, self._body(name, roles))
        if 'domain' in asked.get('scope', {}):
            return _told({'error': {'code': 401, 'message': 'no', 'title': 'No'}}, 401)
        token = uuid.uuid4().hex
        self._unscoped[token] = name
        return _token(token, self._body(name, None))

    def _whose(self, token):
        return self._unscoped.get(token) or next(
            name for name, (its, _) in self.users.items() if its == token)

    def _body(self, name, roles):
        body = {'methods': ['password'], 'expires_at': _FAR,
                'issued_at': '2026-01-01T00:00:00.000000Z', 'audit_ids': [name],
                'user': {'id': f'id-of-{name}', 'name': name, 'domain': DOMAIN,
                         'password_expires_at': None}}
        if roles is not None:
            body |= {'project': {'id': self.project, 'name': 'demo', 'domain': DOMAIN},
                     'roles': [{'id': role, 'name': role} for role in roles],
                     'catalog': [_service(kind, url) for kind, url in self.catalog.items()]}
        return {'token': body}


def _service(kind, url):
    return {'id': kind, 'type': kind, 'name': kind, 'endpoints': [
        {'id': f'{kind}-{interface}', 'interface': interface, 'region': REGION,
         'region_id': REGION, 'url': url} for interface in ('public', 'internal', 'admin')]}


def _token(token, body):
    return _told(body, 201, {'X-Subject-Token': token})


def _told(body, code=200, headers=None):
    return Response(json.dumps(body), code, headers, mimetype='application/json')
