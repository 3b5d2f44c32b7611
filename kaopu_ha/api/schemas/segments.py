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

"""The bodies of segments."""

from __future__ import annotations

from kaopu_ha.api.schemas.types import BOOLEAN, DESCRIPTION, NAME, Schema, body
from kaopu_ha.api.versions import WITH_ENABLED, Version
from kaopu_ha.core.segments import RecoveryMethod

_PROPERTIES: dict[str, Schema] = {
    'name': NAME, 'description': DESCRIPTION,
    'recovery_method': {'enum': [method.value for method in RecoveryMethod]},
    'service_type': NAME}


def create(version: Version) -> Schema:
    """A new segment."""
    return body('segment', _properties(version), ('name', 'recovery_method', 'service_type'))


def update(version: Version) -> Schema:
    """What is to be changed of one."""
    return body('segment', _properties(version), any_of=True)


def _properties(version: Version) -> dict[str, Schema]:
    return _PROPERTIES | ({'enabled': BOOLEAN} if version >= WITH_ENABLED else {})
