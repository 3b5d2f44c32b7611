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

"""A real Keystone for a test, where one is installed: on a file, with users, roles and a catalogue.

Its own commands make the database, the keys and the administrator; all of it takes some seconds.
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

PYTHON = layout.Layout.from_environment().venv_cloud / 'bin/python'
PASSWORD = 'secret-word'
# Its modules are loaded once; each of its commands, which may end the process, runs in a child.
_SERVER = """\
import os, sys
from keystone.cmd import cli
from wsgiref import simple_server

conf, port = sys.argv[1:]
owner = ['--keystone-user', 'root', '--keystone-group', 'root']
for words in (['db_sync'], ['fernet_setup', *owner], ['credential_setup', *owner], ['bootstrap']):
    child = os.fork()
    if not child:
        cli.main(['keystone-manage', '--config-file', conf, *words], None)
        os._exit(0)
    if os.waitpid(child, 0)[1]:
        sys.exit(f'keystone-manage {words[0]} failed')
sys.argv[1:] = []
from keystone.wsgi import api

class Quiet(simple_server.WSGIRequestHandler):
    def log_message(self, *_):
        pass

server = simple_server.make_server('127.0.0.1', int(port), api.application, handler_class=Quiet)
print('serves', flush=True)
server.serve_forever()
"""
_CONF = """\
[DEFAULT]
use_stderr = true
[database]
connection = sqlite:///{folder}/keystone.db
[identity]
password_hash_rounds = 4
[fernet_tokens]
key_repository = {folder}/fernet
[credential]
key_repository = {folder}/credential
[oslo_messaging_notifications]
driver = noop
"""
_DEFAULT = {'id': 'default'}


def is_possible() -> bool:
    """True where a Keystone can be started."""
    return PYTHON.exists()


class Keystone:
    """Keystone at ``url`` until ``close``; the administrator is ``admin``."""

    def __init__(self, cleanup: Callable[[Callable[[], None]], object], port: int) -> None:
        self._folder = pathlib.Path(tempfile.mkdtemp(prefix='keystone-'))
        cleanup(lambda: shutil.rmtree(self._folder, ignore_errors=True))
        self.url = f'http://127.0.0.1:{port}/v3'
        conf = self._folder / 'keystone.conf'
        conf.write_text(_CONF.format(folder=self._folder))
        for keys in ('fernet', 'credential'):
            (self._folder / keys).mkdir(mode=0o700)
        with (self._folder / 'log').open('wb') as log:
            self._process = subprocess.Popen(
                [str(PYTHON), '-c', _SERVER, str(conf), str(port)], text=True,
                stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=log, env={
                    'OS_BOOTSTRAP_PASSWORD': PASSWORD, 'OS_BOOTSTRAP_PUBLIC_URL': self.url,
                    'OS_BOOTSTRAP_INTERNAL_URL': self.url,
                    'OS_BOOTSTRAP_REGION_ID': 'RegionOne',
                    'OS_KEYSTONE_CONFIG_DIR': str(self._folder)})
        cleanup(self.close)
        self._token = ''

    def wait(self) -> None:
        """Until it serves."""
        if not any(line == 'serves\n' for line in self._process.stdout):
            raise AssertionError((self._folder / 'log').read_text()[-3000:])

    def token(self, user: str = 'admin', project: str = 'admin', system: bool = False) -> str:
        """A new token of a user of ours, for a project or for the whole system."""
        scope = {'system': {'all': True}} if system else {
            'project': {'name': project, 'domain': _DEFAULT}}
        headers, _ = self._ask('POST', '/auth/tokens', {'auth': {
            'identity': {'methods': ['password'], 'password': {'user': {
                'name': user, 'domain': _DEFAULT, 'password': PASSWORD}}}, 'scope': scope}}, '')
        return headers['X-Subject-Token']

    def call(self, method: str, path: str, body: object = None) -> dict:
        """What an administrator does."""
        self._token = self._token or self.token()
        return self._ask(method, path, body, self._token)[1]

    def made(self, kind: str, **wanted: object) -> str:
        """Make a project, user, service ... and tell its id."""
        return self.call('POST', f'/{kind}s', {kind: wanted})[kind]['id']

    def user(self, name: str, project: str, *roles: str, system: bool = False) -> str:
        """Make a user with roles in a project, or in the whole system; the id of the project."""
        own = {one['name']: one['id'] for one in self.call('GET', '/roles')['roles']}
        projects = {one['name']: one['id'] for one in self.call('GET', '/projects')['projects']}
        place = projects.get(project) or self.made('project', name=project, domain_id='default')
        made = self.made('user', name=name, domain_id='default', password=PASSWORD)
        for role in roles:
            self.call('PUT', f'/{"system" if system else f"projects/{place}"}/users/{made}/'
                             f'roles/{own[role]}')
        return place

    def close(self) -> None:
        """End it."""
        self._process.kill()
        self._process.communicate()

    def _ask(self, method: str, path: str, body: object, token: str) -> tuple[dict, dict]:
        data = None if body is None else json.dumps(body).encode()
        asked = urllib.request.Request(self.url + path, method=method, data=data, headers={
            'X-Auth-Token': token, 'Content-Type': 'application/json'})
        with contextlib.closing(urllib.request.urlopen(asked, timeout=30)) as answer:
            return dict(answer.headers), json.loads(answer.read() or b'{}')
