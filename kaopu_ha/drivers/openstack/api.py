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

"""OpenStack's APIs through one Keystone session per process.

openstacksdk gives the session and an adapter for each service; the calls are plain requests with a
named microversion, since its resource calls negotiate a newer one and retry as the configuration
pleases.  All children of a process act with its token: each token costs Keystone more processor
time than the act itself costs Nova (eight workers' children with tokens of their own cost five
seconds of it when a host died, just when it was needed).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
import functools
import threading
import time
from typing import Any, TypeVar, cast

from keystoneauth1 import exceptions as keystone_errors
from keystoneauth1 import loading
from openstack import connection
from openstack import exceptions as sdk_errors

from kaopu_ha import ports
from kaopu_ha.drivers import aside
from kaopu_ha.drivers.openstack import calls as openstack_calls

# Reads that hang at one time, each in a thread that can't be ended before its socket gives up.
_HANGING_MAX = 16

_NAMES = {'compute': 'Nova', 'placement': 'Placement'}

Result = TypeVar('Result')


class Api(openstack_calls.ServiceClient):
    """One service, with the process's own token."""

    def __init__(self, auth: Mapping[str, str], service: str, microversion: str,
                 limit: float) -> None:
        super().__init__(service, microversion, limit)
        self._interface = auth.get('interface', 'public')
        self._connection = _connection(tuple(sorted(auth.items())), limit)

    def access(self, renewed: bool = False) -> dict[str, str]:
        """A good token and the service's endpoint, to be handed to a child.  PortError."""
        with openstack_calls.translated(f'{self._service} endpoint'):
            if renewed:
                self._adapter.invalidate()
            token, endpoint = self._adapter.get_token(), self._adapter.get_endpoint()
            if not token or not endpoint:
                raise ports.PortError(f'no endpoint of {self._service} in the catalog')
            return {'token': token, 'endpoint': endpoint}

    def regions(self) -> tuple[str, ...]:
        """The regions in which the catalog has this service for our interface.  PortError."""
        with openstack_calls.translated('Keystone\'s catalog'):
            session, auth = self._connection.session, cast(Any, self._connection.session.auth)
            catalog = auth.get_access(session).service_catalog
            found = catalog.get_endpoints(service_type=self._service,
                                          interface=self._interface)
            return tuple(sorted({each.get('region') or '' for its in found.values()
                                 for each in its}))

    def newest(self, *wanted: str) -> str:
        """The first of these microversions that the service has; the last one if it won't say."""
        try:
            most = self._adapter.get_endpoint_data().max_microversion
        except (keystone_errors.ClientException, sdk_errors.SDKException, AttributeError):
            most = None
        return next((one for one in wanted if most is not None
                     and tuple(map(int, one.split('.'))) <= tuple(most)), wanted[-1])

    @property
    def _adapter(self) -> Any:
        try:
            return getattr(self._connection, self._service)
        except keystone_errors.EndpointNotFound:
            # The catalog comes with the token and is kept as long: ask for both afresh next time.
            self._connection.session.invalidate()
            raise
        except sdk_errors.SDKException as failure:
            # Its own words are of proxies and discovery, and of no use at night.
            name = _NAMES.get(self._service, self._service)
            raise ports.PortError(f'{name} does not answer at its endpoint, or Keystone\'s catalog '
                                  f'has none for it ([nova] region_name, interface)') from failure


def within(limit: float, work: Callable[[], Result]) -> Result:
    """Give what ``work`` gives, by the limit, whatever it hangs in; PortError if it is late.

    A read that hangs past it is left to its thread, which ends when its socket does.
    """
    until = time.monotonic() + limit
    if not _hanging.acquire(timeout=limit):
        raise ports.PortError(f'{_HANGING_MAX} earlier calls hang')
    asked = aside.Aside(lambda: _counted(work), 'openstack-api')
    if not asked.ended(max(until - time.monotonic(), 0.0)):
        raise ports.PortError(f'no answer within {limit:.1f} s')
    return asked.result()


# ---------------------------------------------------------------- private

_hanging = threading.BoundedSemaphore(_HANGING_MAX)


def _counted(work: Callable[[], Result]) -> Result:
    try:
        return work()
    finally:
        _hanging.release()


@functools.cache
def _connection(auth: tuple[tuple[str, str], ...], limit: float) -> connection.Connection:
    given = dict(auth)
    plugin: Any = loading.get_plugin_loader(given.get('auth_type') or 'password')
    known = {option.dest for option in plugin.get_options()}
    try:
        login = plugin.load_from_options(
            **{key: value for key, value in given.items() if key in known})
    except keystone_errors.ClientException as failure:
        raise ports.PortError(str(failure)) from failure
    session = openstack_calls.session(given, limit, login)
    # Strict: otherwise a service that the catalog lacks once is taken as lacking for ever.
    return connection.Connection(session=session, region_name=given.get('region_name'),
                                 interface=given.get('interface', 'public'), strict_proxies=True)
