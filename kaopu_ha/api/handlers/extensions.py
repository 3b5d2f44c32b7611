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

"""Extensions: what parts the API has, as clients of long ago asked."""

from __future__ import annotations

from typing import Any

from kaopu_ha.api.call import Call, Response
from kaopu_ha.api.faults import missing
from kaopu_ha.api.policies import rule

_NAMES = {'extensions': ('Extensions', 'What parts the API has.'),
          'notifications': ('Notifications', 'What others say of hosts.'),
          'os-hosts': ('Hosts', 'The hosts of a segment.'),
          'segments': ('Segments', 'Hosts that are recovered in one way.'),
          'versions': ('Versions', 'The versions of the API.'),
          'vmoves': ('vmoves', 'The moves of instances.')}


def index(call: Call) -> Response:
    """List those that who asks may discover."""
    return Response(200, {'extensions': [_shown(alias) for alias in _seen(call)]})


def show(call: Call, alias: str) -> Response:
    """Show one of them."""
    if alias not in _seen(call):
        raise missing(f'No extension with alias {alias}.')
    return Response(200, {'extension': _shown(alias)})


def _seen(call: Call) -> list[str]:
    return [alias for alias in sorted(_NAMES)
            if call.service.allows(rule(alias, 'discoverable'), call.creds)]


def _shown(alias: str) -> dict[str, Any]:
    name, description = _NAMES[alias]
    return {'name': name, 'alias': alias, 'description': description, 'namespace': '',
            'updated': '', 'links': []}
