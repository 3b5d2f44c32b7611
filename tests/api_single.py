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

"""The API as it is served: by uWSGI, with the command line of the mini cloud, from a file."""

from collections.abc import Callable
import contextlib
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import tempfile
import time

import requests

from minicloud import layout, uwsgi

ROOT = pathlib.Path(__file__).resolve().parents[1]
PROGRAM = layout.Layout.from_environment().venv_cloud / 'bin/uwsgi'
_START_SECONDS, _END_SECONDS = 60, 20


def is_possible() -> bool:
    """True where a uWSGI is installed."""
    return PROGRAM.exists()


class Api:
    """Served at ``url`` until ``close``, over TLS with this certificate and key."""

    def __init__(self, cleanup: Callable[[Callable[[], None]], object], conf: str, port: int,
                 tls: tuple[str, str], authority: str) -> None:
        self._folder = pathlib.Path(tempfile.mkdtemp(prefix='api-'))
        cleanup(lambda: shutil.rmtree(self._folder, ignore_errors=True))
        self.url, self._authority = f'https://127.0.0.1:{port}', authority
        path = self._folder / 'kaopu-ha.conf'
        path.touch(0o600)
        path.write_text(conf)
        command = uwsgi.argv(
            str(PROGRAM), f'127.0.0.1:{port}', 'kaopu_ha.wsgi.api:application',
            pathlib.Path(sys.prefix), 1, 8, tuple(map(pathlib.Path, tls)), ['--no-orphans'])
        with (self._folder / 'log').open('wb') as log:
            self.process = subprocess.Popen(
                # If this process is killed, none of it is left behind.
                ['setpriv', '--pdeathsig', 'KILL', *command], stdin=subprocess.DEVNULL,
                stdout=log, stderr=subprocess.STDOUT, cwd=self._folder, env={
                    **os.environ, 'PYTHONPATH': str(ROOT),
                    'OS_KAOPU_HA_CONFIG_FILES': str(path)})
        cleanup(self.close)

    @property
    def log(self) -> str:
        """What it has printed."""
        return (self._folder / 'log').read_text()

    def wait(self) -> None:
        """Until it answers."""
        deadline = time.monotonic() + _START_SECONDS
        while True:
            with contextlib.suppress(requests.ConnectionError):
                requests.get(self.url, verify=self._authority, timeout=10)
                return
            if time.monotonic() > deadline or self.process.poll() is not None:
                raise AssertionError(self.log[-3000:])
            time.sleep(0.1)

    def ask(self, method: str, path: str, token: str = '', body: object = None,
            **headers: str) -> requests.Response:
        """The answer to one request; nothing is followed or tried again."""
        return requests.request(
            method, self.url + path, json=body, verify=self._authority, timeout=60,
            headers={**headers, **({'X-Auth-Token': token} if token else {})})

    def close(self) -> None:
        """End it as a service manager does."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(_END_SECONDS)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
