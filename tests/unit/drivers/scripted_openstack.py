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


"""A Keystone, Nova and Placement that answer by script, over real sockets.

It keeps what it was asked, so that a test can tell what was really sent, and how often.
"""

import http.server
import json
import socket
import threading
import urllib.parse

CUT = object()      # the whole request is read, then the connection is closed without a word


class Hold:
    """Answer nothing until the test lets go."""

    def __init__(self):
        self.reached, self.released = threading.Event(), threading.Event()


class Asked:
    """One request as it arrived."""

    def __init__(self, method, path, query, headers, body):
        self.method, self.path, self.query = method, path, query
        self.headers, self.body = headers, body

    @property
    def microversion(self):
        return self.headers.get('OpenStack-API-Version')


class Cloud:
    """``script[method, path]`` is a list of answers: (status, body), CUT or a Hold.

    The last one is given again and again; a request that is not in the script is a 404 that is not
    Nova's.  ``keystone`` is the same for tokens.
    """

    def __init__(self):
        self.script, self.asked, self.tokens = {}, [], 0
        self.keystone, self.compute, self.has_catalog = None, '', True
        self.placement, self.subject, self.most = '', 'token-{number}', '2.100'
        self._sockets, self._holds = set(), []
        self._server = http.server.ThreadingHTTPServer(('127.0.0.1', 0), _handler(self))
        self._server.daemon_threads = True
        self.url = f'http://127.0.0.1:{self._server.server_port}'
        threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()

    @property
    def auth(self):
        return {'auth_url': f'{self.url}/v3', 'username': 'kaopu', 'password': 'hush-hush',
                'project_name': 'service', 'user_domain_name': 'Default',
                'project_domain_name': 'Default', 'region_name': 'here'}

    def answers(self, method, path, *answers):
        self.script[method, path] = list(answers)
        self._holds += [one for one in answers if isinstance(one, Hold)]

    def sent(self, method):
        """What was sent to Nova or Placement by this method."""
        return [one for one in self.asked if one.method == method]

    def cut_idle(self):
        """Close every connection from this side, as a server does with idle ones."""
        for one in list(self._sockets):
            one.shutdown(socket.SHUT_RDWR)

    def stop(self):
        """Listen no more; connections end, new ones are refused."""
        for hold in self._holds:
            hold.released.set()
        self._server.shutdown()
        self._server.server_close()
        self.cut_idle()

    def next_answer(self, asked):
        self.asked.append(asked)
        answers = self.script.get((asked.method, asked.path), [(404, None)])
        return answers.pop(0) if len(answers) > 1 else answers[0]

    def token(self):
        self.tokens += 1
        placement = self.placement or f'{self.url}/placement'
        return {'token': {
            'expires_at': '2099-01-01T00:00:00.000000Z', 'issued_at': '2026-01-01T00:00:00.000000Z',
            'methods': ['password'], 'user': {'id': 'u', 'name': 'kaopu', 'domain': {'id': 'd'}},
            'project': {'id': 'p', 'name': 'service', 'domain': {'id': 'd'}},
            'catalog': [_service('compute', self.compute or f'{self.url}/compute/v2.1'),
                        _service('placement', placement)] * self.has_catalog}}

    def discovery(self, path):
        """The version documents that keystoneauth asks for."""
        link = [{'rel': 'self', 'href': f'{self.url}{path}'}]
        return {
            '/v3': {'version': {'id': 'v3.14', 'status': 'stable', 'links': link}},
            '/compute/v2.1': {'version': {'id': 'v2.1', 'status': 'CURRENT', 'version': self.most,
                                          'min_version': '2.1', 'links': link}},
            '/placement': {'versions': [{'id': 'v1.0', 'max_version': '1.39', 'min_version': '1.0',
                                         'status': 'CURRENT', 'links': link}]}}.get(path)


def _service(kind, url):
    return {'type': kind, 'name': kind, 'id': kind, 'endpoints': [
        {'id': kind, 'interface': 'public', 'region': 'here', 'region_id': 'here', 'url': url}]}


def _handler(cloud):

    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = 'HTTP/1.1'

        def setup(self):
            super().setup()
            cloud._sockets.add(self.connection)

        def finish(self):
            cloud._sockets.discard(self.connection)
            super().finish()

        def do_any(self):
            body = self.rfile.read(int(self.headers.get('Content-Length') or 0))
            path, _, query = self.path.partition('?')
            if path == '/v3/auth/tokens':
                self._give(cloud.keystone or (201, cloud.token()))
            elif cloud.discovery(path.rstrip('/')):
                self._give((200, cloud.discovery(path.rstrip('/'))))
            else:
                for prefix in ('/compute/v2.1', '/placement'):
                    path = path.removeprefix(prefix)
                self._give(cloud.next_answer(Asked(
                    self.command, path, dict(urllib.parse.parse_qsl(query)), self.headers,
                    json.loads(body or 'null'))))

        do_GET = do_POST = do_PUT = do_any  # noqa: N815  the names that http.server looks for

        def _give(self, answer):
            if isinstance(answer, Hold):
                answer.reached.set()
                answer.released.wait(30)
                answer = CUT
            if answer is CUT:
                self.close_connection = True
                return
            status, given = answer
            text = b'<html>a proxy</html>' if given is None else json.dumps(given).encode()
            self.send_response(status)
            self.send_header('Content-Length', str(len(text)))
            self.send_header('Content-Type', 'text/html' if given is None else 'application/json')
            if self.path == '/v3/auth/tokens':
                self.send_header('X-Subject-Token', cloud.subject.format(number=cloud.tokens))
            if 300 <= status < 400:
                self.send_header('Location', f'{cloud.url}/compute/v2.1/elsewhere')
            self.end_headers()
            self.wfile.write(text)

        def log_message(self, *_):
            pass

    return Handler
