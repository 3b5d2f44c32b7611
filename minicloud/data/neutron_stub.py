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

"""A stub of the network API: just enough for instances without networks.

Nova asks for a network endpoint even with `networks: none`. Every collection is empty and
nothing is kept.
"""

import json

COLLECTIONS = {
    'agents',
    'bindings',
    'extensions',
    'floatingips',
    'network-ip-availabilities',
    'networks',
    'ports',
    'quotas',
    'routers',
    'security-group-rules',
    'security-groups',
    'segments',
    'subnets',
}


def application(environ, start_response):
    """Answer one request."""
    status, body = _answer(environ)
    data = json.dumps(body).encode()
    headers = [('Content-Type', 'application/json'), ('Content-Length', str(len(data)))]
    start_response(status, headers)
    return [data]


def _answer(environ):
    path = environ['PATH_INFO'].rstrip('/')
    name = path.split('/')[-1]
    if path == '':
        links = [{'rel': 'self', 'href': f'http://{environ["HTTP_HOST"]}/v2.0/'}]
        return '200 OK', {'versions': [{'id': 'v2.0', 'status': 'CURRENT', 'links': links}]}
    if path == '/v2.0':
        return '200 OK', {'resources': []}
    if environ['REQUEST_METHOD'] == 'GET' and name in COLLECTIONS:
        return '200 OK', {name.replace('-', '_'): []}
    return '404 Not Found', {'NeutronError': {'type': 'NotFound', 'message': path, 'detail': ''}}
