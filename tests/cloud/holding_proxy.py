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
"""An HTTP proxy that holds every evacuate call until a file named `go` appears.

A call that it has taken is sent on when the time comes, whether its caller still lives or not: as
a load balancer's queue does.  usage: holding_proxy.py ADDRESS PORT FOLDER
"""

import contextlib
import http.server
import pathlib
import sys
import time
import urllib.error
import urllib.request

FOLDER = pathlib.Path(sys.argv[3])
_DROPPED = ('host', 'connection', 'proxy-connection', 'content-length', 'transfer-encoding')


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = 'HTTP/1.1'

    def _forward(self) -> None:
        body = self.rfile.read(int(self.headers.get('Content-Length') or 0))
        if b'"evacuate"' in body:
            (FOLDER / f'held-{time.monotonic_ns()}').touch()
            while not (FOLDER / 'go').exists():
                time.sleep(0.1)
        headers = {name: value for name, value in self.headers.items()
                   if name.lower() not in _DROPPED}
        request = urllib.request.Request(self.path, body or None, headers, method=self.command)
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        try:
            answer = opener.open(request, timeout=60)
        except urllib.error.HTTPError as refusal:
            answer = refusal
        # Whoever asked may be dead by now, and its call was made all the same.
        with answer, contextlib.suppress(BrokenPipeError, ConnectionResetError):
            self._answer(answer.status, answer.headers, answer.read())

    def _answer(self, status: int, headers, body: bytes) -> None:
        self.send_response(status)
        for name, value in headers.items():
            if name.lower() not in _DROPPED:
                self.send_header(name, value)
        self.send_header('Content-Length', str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_GET = do_POST = do_PUT = do_DELETE = _forward

    def log_message(self, *_: object) -> None:
        pass


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True


if __name__ == '__main__':
    with Server((sys.argv[1], int(sys.argv[2])), Handler) as server:
        print('listening', flush=True)
        server.serve_forever()
