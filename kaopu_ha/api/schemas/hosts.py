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

"""The bodies of hosts in a segment."""

from __future__ import annotations

from kaopu_ha.api.schemas.types import BOOLEAN, DESCRIPTION, NAME, Schema, body
from kaopu_ha.api.versions import Version

_PROPERTIES: dict[str, Schema] = {
    'name': NAME,
    'type': {'type': 'string', 'minLength': 0, 'maxLength': 255, 'pattern': '^[a-zA-Z0-9]*$',
             'format': 'line'},
    'control_attributes': DESCRIPTION, 'reserved': BOOLEAN, 'on_maintenance': BOOLEAN}


def create(version: Version) -> Schema:
    """A new host of a segment."""
    return body('host', _PROPERTIES, ('name', 'type', 'control_attributes'))


def update(version: Version) -> Schema:
    """What is to be changed of one."""
    return body('host', _PROPERTIES, any_of=True)
