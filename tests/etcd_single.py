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

"""One real etcd for tests that need a store, not a cluster."""

from collections.abc import Callable
import pathlib
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import unittest

from minicloud import etcd, processes


def is_possible() -> bool:
    """True where an etcd can be started."""
    return shutil.which('etcd') is not None


def until(cleanup: Callable[[Callable[[], None]], object]) -> 'Etcd':
    """An etcd for a test: ``cleanup`` (``addCleanup``, ``addClassCleanup``) will close it.

    Skips the test where there is none.
    """
    if not is_possible():
        raise unittest.SkipTest('there is no etcd here')
    server = Etcd()
    cleanup(server.close)
    return server


class Etcd:
    """An etcd of one member at ``endpoint`` until ``close``."""

    def __init__(self) -> None:
        self._folder = pathlib.Path(tempfile.mkdtemp(prefix='etcd-'))
        self._client, peer = _free_port(), _free_port()
        self.endpoint = f'127.0.0.1:{self._client}'
        here, there = f'http://{self.endpoint}', f'http://127.0.0.1:{peer}'
        self._process = subprocess.Popen(
            etcd.argv('default', self._folder / 'data', here, there, {'default': there},
                      {'unsafe-no-fsync': 'true'}),
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self._await()

    def freeze(self) -> None:
        """Stop it: it takes connections, and answers nothing."""
        processes.freeze(self._process.pid)

    def thaw(self) -> None:
        """Let it go on."""
        self._process.send_signal(signal.SIGCONT)

    def close(self) -> None:
        """End it."""
        self._process.kill()
        self._process.wait()
        shutil.rmtree(self._folder)

    def _await(self) -> None:
        deadline = time.monotonic() + 20
        while True:
            try:
                return socket.create_connection(('127.0.0.1', self._client), 1).close()
            except OSError:
                if time.monotonic() > deadline or self._process.poll() is not None:
                    self.close()
                    raise
                time.sleep(0.05)


def _free_port() -> int:
    with socket.create_server(('127.0.0.1', 0)) as server:
        return server.getsockname()[1]
