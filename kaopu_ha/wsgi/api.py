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

"""The API for a WSGI server: ``kaopu_ha.wsgi.api:application``.

Its configuration is that of the other processes; ``OS_KAOPU_HA_CONFIG_FILES`` names other files,
with a semicolon between two.
"""

from __future__ import annotations

from collections.abc import Mapping
import os
from typing import Any

from kaopu_ha.cmd import process
from kaopu_ha.conf.errors import ConfigError

FILES = 'OS_KAOPU_HA_CONFIG_FILES'


def made(variables: Mapping[str, str]) -> Any:
    """The application of the configuration that these variables name.  Raises ConfigError."""
    files = [name for name in variables.get(FILES, '').split(';') if name]
    conf = process.configure('kaopu-ha-api', [f'--config-file={name}' for name in files])
    try:
        # Here, and not above: what lacks is told in words.
        from kaopu_ha.wiring import api
    except ImportError as failure:
        raise ConfigError(f'the API can\'t be loaded: {failure}: pip install '
                                  f'"kaopu-ha[api]"') from failure
    return api.application(conf)


application = made(os.environ)
