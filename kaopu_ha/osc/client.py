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

"""Asks our own API, and says in words what it refuses."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any
from urllib import parse

from keystoneauth1 import adapter
from osc_lib import exceptions


class ApiClient:
    """The API behind a session of Keystone's."""

    def __init__(self, session: Any, endpoint: str) -> None:
        self._api = adapter.Adapter(session, service_type='instance-ha',
                                    endpoint_override=endpoint)

    def get(self, path: str, query: Mapping[str, Any] | None = None) -> Any:
        """What is answered.  Raises CommandError with what it says instead."""
        return _found(self._api.get(_url(path, query), raise_exc=False))

    def post(self, path: str, body: Mapping[str, Any] | None = None) -> Any:
        """The same of something that is asked for."""
        return _found(self._api.post(path, json=body or {}, raise_exc=False))

    def every(self, noun: str, query: Mapping[str, Any] | None = None) -> Iterator[dict[str, Any]]:
        """The rows of all pages of a list."""
        path = _url(f'/{noun}', query)
        while path:
            found = self.get(path)
            yield from found[noun]
            path = next((f'/{noun}{link["href"]}' for link in found.get(f'{noun}_links', ())
                         if link['rel'] == 'next'), '')


def name(text: str) -> str:
    """A name as a part of a path."""
    return parse.quote(text, safe='')


def _url(path: str, query: Mapping[str, Any] | None) -> str:
    given = {key: str(value).lower() if isinstance(value, bool) else value
             for key, value in (query or {}).items() if value not in (None, '', False)}
    return f'{path}?{parse.urlencode(given)}' if given else path


def _found(response: Any) -> Any:
    try:
        found = response.json()
    except ValueError:
        raise exceptions.CommandError(f'The API answered {response.status_code} and no JSON: is '
                                      'it Kaopu HA\'s?') from None
    if response.status_code < 300:
        return found
    for fault in found.values() if isinstance(found, dict) else ():
        if isinstance(fault, dict) and 'message' in fault:
            raise exceptions.CommandError(str(fault['message']))
    raise exceptions.CommandError(f'The API answered {response.status_code}: is there Kaopu HA\'s, '
                                  'with version 2?')
