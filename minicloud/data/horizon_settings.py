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

"""Horizon's settings: as it comes, with its plug-ins, for who ``HORIZON_VALUES`` says.

That names a file of minicloud/horizon.py.  What a plug-in brings for the folders of Horizon is
taken from where it lies, as if an operator had copied it: the environment stays as pip made it.
"""

import importlib.util
import json
import os
import pathlib

import openstack_dashboard.local.enabled as _local

_VALUES = json.loads(pathlib.Path(os.environ['HORIZON_VALUES']).read_text())
_PLUGINS = [pathlib.Path(importlib.util.find_spec(package).origin).parent / folder
            for package, folder in _VALUES['plugins'].items()]
_local.__path__.extend(str(place / 'enabled') for place in _PLUGINS)

from openstack_dashboard.settings import *  # noqa: E402,F403

for _place in _PLUGINS:
    for _path in sorted((_place / 'local_settings.d').glob('_*.py')):
        exec(_path.read_text())  # noqa: S102
    # What it names without its folder would lie in Horizon's.
    for _service, _name in POLICY_FILES.items():  # noqa: F405
        if (_place.parent / 'conf' / _name).exists():
            POLICY_FILES[_service] = str(_place.parent / 'conf' / _name)  # noqa: F405

ALLOWED_HOSTS = _VALUES['addresses']
SECRET_KEY = pathlib.Path(_VALUES['secret']).read_text()
OPENSTACK_KEYSTONE_URL = _VALUES['keystone']
OPENSTACK_SSL_CACERT = _VALUES['authority']
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = _VALUES['is_secure']
SESSION_ENGINE = 'django.contrib.sessions.backends.signed_cookies'
SESSION_COOKIE_MAX_SIZE = None
MESSAGES_PATH = _VALUES['messages']
STATIC_ROOT = _VALUES['static']
# Each theme's files are made when somebody first asks for them: Horizon makes them beforehand in
# threads, which do not know for which theme.  Without its name in their key one's are the other's.
COMPRESS_CACHE_KEY_FUNCTION = 'horizon_settings.themed'
DEBUG = False
# There are more of these files than it keeps by default, and each page would make them anew.
CACHES = {'default': {'BACKEND': 'django.core.cache.backends.locmem.LocMemCache',
                      'OPTIONS': {'MAX_ENTRIES': 10000}}}
LOGGING = {'version': 1, 'disable_existing_loggers': False,
           'handlers': {'console': {'class': 'logging.StreamHandler'}},
           'root': {'level': 'WARNING', 'handlers': ['console']}}


def themed(key):
    """A key of what is compressed, of the viewer's theme."""
    from horizon.utils import scss_filter
    return f'{scss_filter.theme()}.{key}'
