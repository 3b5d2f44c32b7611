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

"""One real Redis for tests."""

import pathlib
import shutil
import socket
import subprocess
import tempfile
import time


def missing():
    """Why no Redis can be started, '' where it can."""
    return '' if shutil.which('redis-server') else 'redis-server is not installed'


class Redis:
    """A Redis at ``url`` until ``close``; it writes down every change, as one for work does."""

    def __init__(self):
        self._folder = pathlib.Path(tempfile.mkdtemp(prefix='redis-'))
        with socket.create_server(('127.0.0.1', 0)) as server:
            self._port = server.getsockname()[1]
        self.url = f'redis://127.0.0.1:{self._port}/0'
        self._process = None
        self.start()

    def start(self):
        """Start it, with what it held; returns when it answers."""
        self._process = subprocess.Popen(
            ['redis-server', '--bind', '127.0.0.1', '--port', str(self._port), '--dir',
             str(self._folder), '--appendonly', 'yes', '--appendfsync', 'always', '--save', ''],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        deadline = time.monotonic() + 20
        while not self._answers():
            if time.monotonic() > deadline or self._process.poll() is not None:
                raise RuntimeError('redis-server does not start')
            time.sleep(0.05)

    def kill(self):
        """End it without notice."""
        self._process.kill()
        self._process.wait()

    def close(self):
        """End it."""
        self.kill()
        shutil.rmtree(self._folder)

    def _answers(self):
        try:
            with socket.create_connection(('127.0.0.1', self._port), 1) as client:
                client.sendall(b'PING\r\n')
                return client.recv(16).startswith(b'+PONG')
        except OSError:
            return False
