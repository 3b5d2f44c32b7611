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

"""The bodies of notifications: the outer one, and the payload of each kind."""

from __future__ import annotations

from collections.abc import Mapping

from kaopu_ha.api.schemas.types import Schema, body
from kaopu_ha.api.versions import Version
from kaopu_ha.core.segments import NotificationKind

_TEXT: Schema = {'type': 'string', 'minLength': 1, 'maxLength': 255}
_EVENT: Schema = {'type': 'string', 'enum': ['STARTED', 'STOPPED']}


def create(version: Version) -> Schema:
    """A new notification; its payload is checked by its kind, later."""
    properties: dict[str, Schema] = {
        'type': {'type': 'string', 'enum': tuple(kind.value for kind in NotificationKind)},
        'hostname': {'type': 'string', 'minLength': 1, 'maxLength': 255,
                     'pattern': '^[a-zA-Z0-9-._]*$'},
        'generated_time': {'type': 'string', 'format': 'date-time'},
        'payload': {'type': 'object', 'additionalProperties': False, 'patternProperties': {
            '^[a-zA-Z0-9-_:. ]{1,255}$': {'type': 'string', 'maxLength': 255}}}}
    return body('notification', properties, tuple(properties))


def _payload(properties: Mapping[str, Schema], *required: str) -> Schema:
    return {'type': 'object', 'properties': properties, 'required': list(required),
            'additionalProperties': False}


PAYLOADS: Mapping[NotificationKind, Schema] = {
    NotificationKind.COMPUTE_HOST: _payload({
        'event': _EVENT,
        'cluster_status': {'type': 'string', 'enum': ['ONLINE', 'OFFLINE']},
        'host_status': {'type': 'string', 'enum': ['NORMAL', 'UNKNOWN']}}, 'event'),
    NotificationKind.PROCESS: _payload({
        'process_name': {'type': 'string', 'minLength': 1, 'maxLength': 4096},
        'event': _EVENT}, 'process_name', 'event'),
    NotificationKind.VM: _payload({
        'instance_uuid': {'type': 'string', 'format': 'uuid'},
        'event': _TEXT, 'vir_domain_event': _TEXT},
        'instance_uuid', 'event', 'vir_domain_event')}
