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

"""The OpenStack APIs over plain HTTP, from within the ctl network, without any SDK."""

import http.client
import json
import ssl
import threading
import time
from typing import Any

from . import network
from .layout import PORTS, Layout, address
from .shell import CloudError

CINDER_MICROVERSION = '3.70'
NOVA_MICROVERSION = '2.94'  # from 2.95 on an evacuated instance ends shut off


class Refused(CloudError):
    """The service answered, with an error."""

    def __init__(self, what: str, status: int, body: str) -> None:
        super().__init__(f'{what}: {status} {body[:500]}')
        self.status = status


class Rest:
    """The administrator's calls; one token, taken at the first call. Threads may share it."""

    def __init__(self, layout: Layout) -> None:
        self._layout = layout
        self._token = ''
        self._token_until = 0.0
        self._lock = threading.Lock()

    def keystone(self, method: str, path: str, body: Any = None) -> Any:
        """Call the identity API; path without /v3."""
        return self._json('keystone', method, f'/v3{path}', body)

    def nova(self, method: str, path: str, body: Any = None) -> Any:
        """Call the compute API; path without /v2.1."""
        headers = {'OpenStack-API-Version': f'compute {NOVA_MICROVERSION}'}
        return self._json('nova', method, f'/v2.1{path}', body, headers)

    def glance(self, method: str, path: str, body: Any = None) -> Any:
        """Call the image API; path without /v2. Bytes are sent as they are."""
        kind = 'application/openstack-images-v2.1-json-patch'
        headers = {'Content-Type': kind} if method == 'PATCH' else {}
        return self._json('glance', method, f'/v2{path}', body, headers)

    def cinder(self, method: str, path: str, body: Any = None) -> Any:
        """Call the volume API; path without /v3."""
        headers = {'OpenStack-API-Version': f'volume {CINDER_MICROVERSION}'}
        return self._json('cinder', method, f'/v3{path}', body, headers)

    def placement(self, method: str, path: str, body: Any = None) -> Any:
        """Call the placement API."""
        headers = {'OpenStack-API-Version': 'placement 1.39'}
        return self._json('placement', method, path, body, headers)

    def _json(
        self, service: str, method: str, path: str, body: Any, more: dict[str, str] | None = None
    ) -> Any:
        headers = {'X-Auth-Token': self._fresh_token(), **(more or {})}
        _, text = self._call(service, method, path, body, headers)
        return json.loads(text) if text else None

    def _call(
        self, service: str, method: str, path: str, body: Any, headers: dict[str, str]
    ) -> tuple[dict[str, str], str]:
        if isinstance(body, bytes):
            headers['Content-Type'] = 'application/octet-stream'
        elif body is not None:
            headers.setdefault('Content-Type', 'application/json')
            body = json.dumps(body)
        ip, port = address('ctl'), PORTS[service]
        connection = http.client.HTTPConnection(ip, port, timeout=120)
        connection.sock = network.connect('ctl', ip, port, 120)
        try:
            connection.request(method, path, body, headers)
            answer = connection.getresponse()
            text = answer.read().decode()
        except http.client.HTTPException as trouble:
            raise OSError(f'{service} broke off: {trouble!r}') from trouble
        finally:
            connection.close()
        if answer.status >= 400:
            raise Refused(f'{method} {service} {path}', answer.status, text)
        return dict(answer.getheaders()), text

    def _fresh_token(self) -> str:
        with self._lock:
            if time.monotonic() > self._token_until:
                self._token = self._take_token()
                self._token_until = time.monotonic() + 3600
            return self._token

    def _take_token(self) -> str:
        default = {'id': 'default'}
        user = {'name': 'admin', 'domain': default, 'password': self._layout.password()}
        identity = {'methods': ['password'], 'password': {'user': user}}
        scope = {'project': {'name': 'admin', 'domain': default}}
        body = {'auth': {'identity': identity, 'scope': scope}}
        headers, _ = self._call('keystone', 'POST', '/v3/auth/tokens', body, {})
        return next(value for name, value in headers.items() if name.lower() == 'x-subject-token')


def answers(service: str, trusting: ssl.SSLContext | None = None) -> bool:
    """Tell whether a service answers a request at its root, with any status but an error.

    `trusting`: what it is checked by, if it speaks TLS.
    """
    ip, port = address('ctl'), PORTS[service]
    connection = http.client.HTTPConnection(ip, port, timeout=60)
    try:
        connection.sock = network.connect('ctl', ip, port, 60)
        if trusting:
            connection.sock = trusting.wrap_socket(connection.sock, server_hostname=ip)
        connection.request('GET', '/')
        return connection.getresponse().status < 500
    except http.client.HTTPException as trouble:
        raise OSError(f'{service} broke off: {trouble!r}') from trouble
    finally:
        connection.close()
