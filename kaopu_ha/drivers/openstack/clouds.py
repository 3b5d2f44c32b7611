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

"""The login that clouds.yaml has for a cloud, in the words of keystoneauth.

openstacksdk reads the files (and secure.yaml, and what vendors it knows), as for any client.
"""

from __future__ import annotations

from collections.abc import Mapping

from keystoneauth1 import exceptions as keystone_errors
from openstack import config as clouds
from openstack import exceptions as sdk_errors
from oslo_config import cfg
import yaml

from kaopu_ha import ports
from kaopu_ha.conf import nova as conf_nova
from kaopu_ha.conf.errors import ConfigError


def login(conf: cfg.ConfigOpts) -> dict[str, str]:
    """How this configuration logs in.  Holds secrets: never log it.  Raises ConfigError."""
    given = conf_nova.auth(conf)
    try:
        return expanded(given) if 'cloud' in given else given
    except ports.PortError as failure:
        raise ConfigError(f'[nova] cloud: {failure}') from failure


def expanded(auth: Mapping[str, str]) -> dict[str, str]:
    """These options, with what the cloud has that they name; they go before its own.

    Raises PortError if there is no such cloud, or if it can't be read.
    """
    name = auth.get('cloud', '')
    rest = {key: value for key, value in auth.items() if key != 'cloud'}
    return _of_cloud(name, rest.get('region_name')) | rest if name else rest


def _of_cloud(name: str, region_name: str | None) -> dict[str, str]:
    try:
        region = clouds.OpenStackConfig().get_one(cloud=name, region_name=region_name)
        verify, certificate = region.get_requests_verify_args()
    except (sdk_errors.SDKException, keystone_errors.ClientException, yaml.YAMLError,
            OSError) as failure:
        raise ports.PortError(' '.join(str(failure).split())) from failure
    made = {key: str(value) for key, value in region.config.get('auth', {}).items()
            if value is not None}
    made['auth_type'] = str(region.config.get('auth_type') or 'password')
    made['interface'] = str(region.config.get('interface') or 'public')
    if region.region_name:
        made['region_name'] = str(region.region_name)
    if isinstance(verify, str):
        made['cafile'] = verify
    elif not verify:
        made['insecure'] = 'true'
    if isinstance(certificate, tuple):
        made['certfile'], made['keyfile'] = certificate
    elif certificate:
        made['certfile'] = certificate
    return made
