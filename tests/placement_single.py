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

"""A real Placement for a test, where one is installed: on a file, for whoever names his role.

Whom the token names is who has that one role; so the policy file is tried by Placement itself.
"""

from collections.abc import Callable
import contextlib
import json
import pathlib
import shutil
import subprocess
import tempfile
import urllib.request

from minicloud import layout

ROOT = pathlib.Path(__file__).resolve().parents[1]
PYTHON = layout.Layout.from_environment().venv_cloud / 'bin/python'
_SERVER = """\
from wsgiref import simple_server
from placement.wsgi import api

class Quiet(simple_server.WSGIRequestHandler):
    def log_message(self, *_):
        pass

def as_role(environ, start):
    environ['HTTP_X_ROLES'] = environ.get('HTTP_X_AUTH_TOKEN', '')
    return api.application(environ, start)

server = simple_server.make_server('127.0.0.1', 0, as_role, handler_class=Quiet)
print('port', server.server_port, flush=True)
server.serve_forever()
"""
_CONF = """\
[api]
auth_strategy = noauth2
[placement_database]
connection = sqlite:///{folder}/placement.db
sync_on_startup = True
[oslo_policy]
policy_file = {policy}
"""


def is_possible() -> bool:
    """True where a Placement can be started."""
    return PYTHON.exists()


class Placement:
    """Placement at ``url`` until ``close``, with the program's policy file."""

    def __init__(self, cleanup: Callable[[Callable[[], None]], object]) -> None:
        self._folder = pathlib.Path(tempfile.mkdtemp(prefix='placement-'))
        (self._folder / 'placement.conf').write_text(_CONF.format(
            folder=self._folder, policy=ROOT / 'etc/kaopu-ha/placement-policy.yaml'))
        self._process = subprocess.Popen(
            [str(PYTHON), '-c', _SERVER], text=True, stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
            env={'OS_PLACEMENT_CONFIG_DIR': str(self._folder)})
        cleanup(self.close)
        port = next(line.split()[1] for line in self._process.stdout if line.startswith('port '))
        self.url = f'http://127.0.0.1:{port}'

    def call(self, method: str, path: str, body: object = None) -> dict:
        """What an administrator does."""
        data = None if body is None else json.dumps(body).encode()
        asked = urllib.request.Request(
            self.url + path, method=method, data=data, headers={
                'X-Auth-Token': 'admin', 'Content-Type': 'application/json',
                'OpenStack-API-Version': 'placement 1.39'})
        with contextlib.closing(urllib.request.urlopen(asked, timeout=30)) as answer:
            return json.loads(answer.read() or b'{}')

    def close(self) -> None:
        """End it."""
        self._process.kill()
        self._process.communicate()
        shutil.rmtree(self._folder, ignore_errors=True)
