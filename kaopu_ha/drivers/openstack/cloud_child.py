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

"""The child that acts upon Nova, with the token that it was handed; each act is sent once.

An act gives True if Nova took it, False if Nova does not take the token: nothing was done then.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
import functools
from typing import Any

from kaopu_ha import ports
from kaopu_ha.drivers import child
from kaopu_ha.drivers.openstack import calls as openstack_calls


class _Acts:

    def __init__(self, nova: openstack_calls.TokenClient,
                 placement: openstack_calls.TokenClient) -> None:
        self._nova, self._placement = nova, placement

    def force_down(self, host: str, down: bool) -> None:
        """A look tells whether anything is to be done."""
        service = self._service(host)
        if service['forced_down'] != down:
            self._nova.act('PUT', f'/os-services/{service["id"]}', {'forced_down': down})

    def enable(self, host: str) -> None:
        """The same; the reason why it was disabled goes with that."""
        service = self._service(host)
        if service['status'] != 'enabled':
            self._nova.act('PUT', f'/os-services/{service["id"]}', {'status': 'enabled'})

    def join(self, host: str, aggregate: str) -> None:
        """A look tells its id, and whether anything is to be done."""
        found = next((one for one in self._nova.get('/os-aggregates')['aggregates']
                      if one['name'] == aggregate), None)
        if found is None:
            raise ports.Refused(f'there is no aggregate {aggregate}')
        if host not in (found['hosts'] or ()):
            self._nova.act('POST', f'/os-aggregates/{found["id"]}/action',
                           {'add_host': {'host': host}})

    def _service(self, host: str) -> dict[str, Any]:
        """Ask for the service by its host."""
        services = self._nova.get('/os-services', binary='nova-compute', host=host)['services']
        service = next((one for one in services if one['host'] == host), None)
        if service is None:
            raise ports.Refused(f'{host} has no nova-compute service')
        if 'id' not in service:
            raise ports.PortError(f'the cell of {host} does not answer')
        found: dict[str, Any] = service
        return found

    def evacuate(self, instance: str, target: str) -> None:
        self._nova.act('POST', f'/servers/{instance}/action', {'evacuate': {'host': target}})

    def reset_state(self, instance: str, state: str) -> None:
        self._nova.act('POST', f'/servers/{instance}/action', {'os-resetState': {'state': state}})

    def start(self, instance: str, anew: bool) -> None:
        self._nova.act('POST', f'/servers/{instance}/action',
                       {'reboot': {'type': 'HARD'}} if anew else {'os-start': None})

    def note(self, instance: str, key: str, text: str) -> None:
        """By the item's own path: a call to set several would be a look and a write."""
        self._nova.act('PUT', f'/servers/{instance}/metadata/{key}', {'meta': {key: text}})

    def release(self, consumer: str, allocations: dict[str, Any]) -> None:
        """The generation in it makes Placement refuse if the consumer was changed meanwhile."""
        self._placement.act('PUT', f'/allocations/{consumer}', allocations)


def handlers(settings: dict[str, Any]) -> Mapping[str, child.Handler]:
    """Make what the parent may ask for, from the settings on the socket."""
    nova = openstack_calls.TokenClient(settings['session'], 'compute', settings['microversion'],
                                       settings['limit'])
    placement = openstack_calls.TokenClient(settings['session'], 'placement',
                                            settings['of_placement'],
                                            settings['limit'])
    acts = _Acts(nova, placement)
    return {'use': nova.use, 'use_placement': placement.use, 'release': _taken(acts.release),
            'force_down': _taken(acts.force_down), 'enable': _taken(acts.enable),
            'join': _taken(acts.join), 'note': _taken(acts.note),
            'evacuate': _taken(acts.evacuate), 'reset_state': _taken(acts.reset_state),
            'start': _taken(acts.start)}


def _taken(act: Callable[..., None]) -> Callable[..., bool]:
    @functools.wraps(act)
    def call(**given: Any) -> bool:
        try:
            act(**given)
        except openstack_calls.Stale:
            return False
        return True
    return call


if __name__ == '__main__':
    child.serve(handlers)
