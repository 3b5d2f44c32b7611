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

"""Horizon as it comes, with our panels, for a test: Keystone is where the environment says.

``KAOPU_HA_TEST_KEYSTONE``: its URL.  ``KAOPU_HA_TEST_STATIC``: a folder for what is compressed.
The files of ``enabled`` and of ``local_settings.d`` are taken as an operator would put them into
Horizon.
"""

import os
import pathlib

import openstack_dashboard.local.enabled as _local

_HERE = pathlib.Path(__file__).resolve().parents[1]
_local.__path__.append(str(_HERE / 'enabled'))

from openstack_dashboard.settings import *  # noqa: E402,F403

exec((_HERE / 'local_settings.d/_91_kaopu_ha_dashboard.py').read_text())  # noqa: S102

SECRET_KEY = 'for a test ' * 5
DEBUG = False
ALLOWED_HOSTS = ['127.0.0.1']
SESSION_ENGINE = 'django.contrib.sessions.backends.signed_cookies'
SESSION_COOKIE_MAX_SIZE = None
# There are more files to compress than it keeps by default, and each page would compress them anew.
CACHES = {'default': {'BACKEND': 'django.core.cache.backends.locmem.LocMemCache',
                      'OPTIONS': {'MAX_ENTRIES': 10000}}}
# Where nothing is compressed beforehand, what is made for one theme is shown in the other.
COMPRESS_CACHE_KEY_FUNCTION = 'kaopu_ha_dashboard.test.themes.cache_key'
OPENSTACK_KEYSTONE_URL = os.environ['KAOPU_HA_TEST_KEYSTONE']
STATIC_ROOT = os.environ['KAOPU_HA_TEST_STATIC']
LOGGING = {'version': 1, 'disable_existing_loggers': False, 'root': {'level': 'WARNING'}}
