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

"""The child that acts upon Nova: one session for its life, each act sent once."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from kaopu_ha import ports
from kaopu_ha.drivers import child, openstack_api
from kaopu_ha.drivers.cloud import nova


class _Acts:

    def __init__(self, api: openstack_api.Api) -> None:
        self._api = api

    def force_down(self, host: str, down: bool) -> None:
        """Ask for the service by its host; a look tells whether anything is to be done."""
        services = self._api.get('/os-services', binary='nova-compute', host=host)['services']
        service = next((one for one in services if one['host'] == host), None)
        if service is None:
            raise ports.Refused(f'{host} has no nova-compute service')
        if 'id' not in service:
            raise ports.PortError(f'the cell of {host} does not answer')
        if service['forced_down'] != down:
            self._api.act('PUT', f'/os-services/{service["id"]}', {'forced_down': down})

    def evacuate(self, instance: str, target: str) -> None:
        self._api.act('POST', f'/servers/{instance}/action', {'evacuate': {'host': target}})

    def reset_state(self, instance: str, state: str) -> None:
        self._api.act('POST', f'/servers/{instance}/action', {'os-resetState': {'state': state}})


def handlers(settings: dict[str, Any]) -> Mapping[str, child.Handler]:
    """Make what the parent may ask for, from the settings on the socket."""
    api = openstack_api.Api(settings['auth'], 'compute', nova.MICROVERSION, settings['limit'])
    acts = _Acts(api)
    return {'prepare': api.prepare, 'force_down': acts.force_down, 'evacuate': acts.evacuate,
            'reset_state': acts.reset_state}


if __name__ == '__main__':
    child.serve(handlers)
