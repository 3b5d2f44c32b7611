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

"""How ``openstack`` finds the API: by the catalog's entry of Masakari's, which has its version."""

from __future__ import annotations

import argparse
import re
from typing import Any

from kaopu_ha.osc.client import ApiClient

API_NAME = 'kaopu_ha'
API_VERSION_OPTION = 'os_kaopu_ha_api_version'
API_VERSIONS = ('2',)
DEFAULT_API_VERSION = '2'
SERVICE_TYPE = 'instance-ha'

# A catalog may have the version there, and the project behind it.
_VERSION = re.compile(r'/v[0-9][0-9.]*(/[^/]*)?/?$')


def make_client(instance: Any) -> ApiClient:
    """The client of a command."""
    found = instance.session.get_endpoint(
        service_type=SERVICE_TYPE, interface=instance.interface,
        region_name=instance.region_name)
    if not found:
        raise RuntimeError(f'The catalog has no service {SERVICE_TYPE}: see the operator\'s guide, '
                           '"Serve Masakari\'s API"')
    return ApiClient(instance.session, endpoint(found))


def endpoint(found: str) -> str:
    """Where our own resources are, by what the catalog says of Masakari's."""
    return _VERSION.sub('', found.rstrip('/')) + f'/v{DEFAULT_API_VERSION}'


def build_option_parser(parser: argparse.ArgumentParser) -> argparse.ArgumentParser:
    """There is one version, and so no option."""
    return parser
