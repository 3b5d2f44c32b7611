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

"""A real Horizon with our panels, before the real API of a cloud in which a host died.

Horizon is served as the mini cloud serves its own, once for all tests of a process; the API, a
false Keystone and a false Nova are threads here.  A person logs in by Horizon's own page.
"""

import atexit
import functools
import html
import os
import pathlib
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import time
import unittest

import requests
from werkzeug import serving

from minicloud import horizon
from tests import api_single, false_keystone, horizon_single, pki
from tests.unit.api.own import OwnCase
from tests.unit.api.scene import ADMIN, MEMBER, PROJECT

ROOT = pathlib.Path(__file__).resolve().parents[3]
USERS = {'ada': (ADMIN, ['admin', 'member', 'reader']), 'tom': (MEMBER, ['member', 'reader'])}
_SECONDS = 120
_TAGS = re.compile(r'<[^>]*>')


class _Behind:
    """The application of the test that runs now."""

    application = None
    is_away = False

    def __call__(self, environ, start):
        if self.is_away or self.application is None:
            start('502 Bad Gateway', [('Content-Type', 'text/html')])
            return [b'<h1>Bad Gateway</h1>']
        return self.application(environ, start)


class Silent(serving.WSGIRequestHandler):
    """Logs nothing."""

    def log(self, type, message, *args):
        """No line for a request."""


class Runtime:
    """Keystone, Nova, the API's server and Horizon."""

    def __init__(self):
        self.behind, self.nova = _Behind(), _Behind()
        self.keystone = false_keystone.FalseKeystone(USERS, PROJECT)
        self.api = _served(self.behind)
        identity = _served(self.keystone)
        self.keystone.catalog = {
            'identity': f'{identity}/v3', 'instance-ha': f'{self.api}/v1/%s' % PROJECT,
            'compute': f'{_served(self.nova)}/v2.1'}
        self._serve(f'{identity}/v3')

    def _serve(self, keystone):
        folder = pathlib.Path(tempfile.mkdtemp(prefix='horizon-'))
        self._process = None
        atexit.register(self.close)
        self.log = folder / 'log'
        authority = pki.Authority(folder)
        self._authority, tls = authority.ca, authority.issue('horizon', [horizon.LOOPBACK])
        self.certificate, self.messages = pathlib.Path(tls.cert), folder / 'messages'
        self.messages.mkdir()
        site = horizon.Site(folder, horizon_single.PYTHON.parents[1], keystone,
                            folder / 'static', messages=self.messages,
                            tls=(self.certificate, pathlib.Path(tls.key)))
        site.collect()
        with socket.socket() as found:
            found.bind((horizon.LOOPBACK, 0))
            port = found.getsockname()[1]
        self.url = f'https://{horizon.LOOPBACK}:{port}'
        with self.log.open('w') as log:
            self._process = subprocess.Popen(
                site.argv(str(api_single.PROGRAM), port, ['--no-orphans']), stdout=log, stderr=log,
                start_new_session=True, env={'PATH': os.environ['PATH'], **site.environment()})
        self._await()

    def _await(self):
        end = time.monotonic() + _SECONDS
        while time.monotonic() < end and self._process.poll() is None:
            try:
                if self.session().get(f'{self.url}/auth/login/', timeout=_SECONDS).ok:
                    return
            except requests.ConnectionError:
                time.sleep(0.2)
        raise AssertionError(f'Horizon does not serve: {self.log.read_text()[-3000:]}')

    def session(self):
        """One of somebody who has not logged in yet."""
        found = requests.Session()
        found.verify, found.trust_env = self._authority, False
        return found

    def close(self):
        """End Horizon, and whatever it began."""
        if self._process and self._process.poll() is None:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()
        shutil.rmtree(self.log.parent, ignore_errors=True)


def _served(application):
    """A server in threads of this process, for as long as that lasts; its URL."""
    server = serving.make_server('127.0.0.1', 0, application, threaded=True,
                                 request_handler=Silent)
    threading.Thread(target=server.serve_forever, daemon=True, name='served').start()
    return f'http://127.0.0.1:{server.server_port}'


@functools.cache
def runtime():
    """One for all tests of a process."""
    return Runtime()


def is_possible():
    """True where a whole Horizon is installed, with Masakari's panels, and what serves it."""
    return horizon_single.is_possible() and api_single.is_possible() and bool(list(
        horizon_single.PYTHON.parents[1].glob('lib/python3*/site-packages/masakaridashboard')))


@unittest.skipUnless(is_possible(), 'there is no whole Horizon here')
class DashboardCase(OwnCase):
    """Looks at pages as who logged in by Horizon's own page."""

    def setUp(self):
        super().setUp()
        self.runtime = runtime()
        self.runtime.behind.application, self.runtime.behind.is_away = self.application, False
        self.addCleanup(setattr, self.runtime.behind, 'application', None)

    def login(self, name):
        """A session of this person."""
        session = self.runtime.session()
        url = f'{self.runtime.url}/auth/login/'
        session.get(url, timeout=_SECONDS)
        answer = session.post(url, timeout=_SECONDS, allow_redirects=False, data={
            'username': name, 'password': name, 'region': 'default', 'fake_email': '',
            'csrfmiddlewaretoken': session.cookies['csrftoken']}, headers={'Referer': url})
        self.assertEqual(302, answer.status_code, words(answer.text)[-500:])
        return session

    @functools.cached_property
    def ada(self):
        """The administrator's session."""
        return self.login('ada')

    @functools.cached_property
    def tom(self):
        """That of somebody of a project."""
        return self.login('tom')

    def page(self, path, session=None, code=200):
        """The HTML of a page."""
        found = (session or self.ada).get(f'{self.runtime.url}/{path}', timeout=_SECONDS,
                                          allow_redirects=False)
        self.assertEqual(code, found.status_code, words(found.text)[-2000:])
        return found.text

    def seen(self, path, session=None):
        """The words of the living part of a page."""
        return words(self.part(path, session))

    def part(self, path, session=None):
        """The HTML of that part."""
        return self.page(path + ('&' if '?' in path else '?') + 'part=1', session)

    def send(self, path, session=None, **fields):
        """What is answered to a form that is sent: the code, and its words."""
        session = session or self.ada
        url = f'{self.runtime.url}/{path}'
        found = session.post(url, timeout=_SECONDS, allow_redirects=False, data={
            'csrfmiddlewaretoken': session.cookies['csrftoken'], **fields},
            headers={'Referer': url})
        return found.status_code, words(found.text)


def words(page):
    """The text of HTML, its blanks as one."""
    return ' '.join(html.unescape(_TAGS.sub(' ', page)).split())
