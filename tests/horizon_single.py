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

"""Horizon's own code for messages at login, in a process of its own, where one is installed.

It reads the folder and renders its template as at a login, once for each that is asked for.  No
Keystone and no server is needed: what is tried are Horizon's files, by Horizon's code.

``tools/run-tests install`` puts it where the mini cloud has its own.
"""

from collections.abc import Callable
import json
import pathlib
import subprocess
import sys

from minicloud import layout

_SCRIPT = """\
import importlib.util, json, os, sys
from django.conf import settings
from horizon import defaults

settings.configure(
    SECRET_KEY='x' * 60, USE_I18N=False, HORIZON_CONFIG={},
    INSTALLED_APPS=['django.contrib.messages'],
    SESSION_ENGINE='django.contrib.sessions.backends.signed_cookies',
    MESSAGE_STORAGE='django.contrib.messages.storage.session.SessionStorage',
    # The one template and its filter: all others want what is not needed here.
    TEMPLATES=[{'BACKEND': 'django.template.backends.django.DjangoTemplates',
                'DIRS': [os.path.dirname(importlib.util.find_spec('horizon').origin)
                         + '/templates'],
                'OPTIONS': {'libraries': {'splitfilter': 'horizon.templatetags.splitfilter'}}}],
    **{name: value for name, value in vars(defaults).items() if name.isupper()})
import django
django.setup()
from django.contrib.messages import get_messages
from django.contrib.messages.storage import default_storage
from django.contrib.sessions.backends.signed_cookies import SessionStore
from django.template.loader import render_to_string
from django.test import RequestFactory
from horizon import notifications

SLOW = []
real = notifications._get_processed_messages

def read(path):
    found = real(path)
    for after in SLOW:
        after()
    return found
notifications._get_processed_messages = read

def a_request(session):
    request = RequestFactory().get('/')
    request.session = session
    request._messages = default_storage(request)
    return request

print('ready', flush=True)
for line in sys.stdin:
    folder, copies = json.loads(line)
    # What comes into the folder when Horizon has read it, and did not look at its time yet.
    SLOW[:] = [lambda: [os.rename(*pair) for pair in copies]]
    first = a_request(SessionStore())
    notifications.process_message_notification(first, folder)
    response = type('Response', (), {})()
    first._messages.update(response)
    # The page after the redirect: the messages went through the session.
    second = a_request(SessionStore(first.session.session_key))
    second.session.update(json.loads(json.dumps(dict(first.session))))
    print(json.dumps(render_to_string('horizon/_messages.html',
                                      {'messages': get_messages(second)})), flush=True)
"""


PYTHON = layout.Layout.from_environment().root / 'venv-horizon/bin/python'


def is_possible() -> bool:
    """True where a Horizon is installed."""
    return PYTHON.exists()


class Horizon:
    """Logs in again and again, until ``close``."""

    def __init__(self, cleanup: Callable[[Callable[[], None]], object]) -> None:
        self._process = subprocess.Popen(
            [str(PYTHON), '-c', _SCRIPT], text=True, stdin=subprocess.PIPE,
            stdout=subprocess.PIPE, stderr=sys.stderr, env={})
        cleanup(self.close)
        assert self._process.stdout.readline() == 'ready\n'

    def login(self, folder: pathlib.Path, *came: tuple[pathlib.Path, pathlib.Path]) -> str:
        """The HTML of the message area after a login; ``came``: files moved in just after reading.
        """
        asked = [str(folder), [[str(path) for path in pair] for pair in came]]
        self._process.stdin.write(json.dumps(asked) + '\n')
        self._process.stdin.flush()
        return json.loads(self._process.stdout.readline())

    def close(self) -> None:
        """End it."""
        self._process.kill()
        self._process.communicate()
