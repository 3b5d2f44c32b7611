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

"""What several schemas are made of."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

Schema = Mapping[str, Any]

NAME: Schema = {'type': 'string', 'minLength': 1, 'maxLength': 255, 'format': 'name'}
DESCRIPTION: Schema = {'type': ['string', 'null'], 'minLength': 0, 'format': 'description'}
# Words for true and false that clients send; a number is none.
BOOLEAN: Schema = {'type': ['boolean', 'string'], 'enum': [
    True, 'True', 'TRUE', 'true', '1', 'ON', 'On', 'on', 'YES', 'Yes', 'yes',
    False, 'False', 'FALSE', 'false', '0', 'OFF', 'Off', 'off', 'NO', 'No', 'no']}


def body(noun: str, properties: Mapping[str, Schema], required: tuple[str, ...] = (),
         any_of: bool = False) -> Schema:
    """A body with one object under its noun; ``any_of``: with one of its properties at least."""
    inner: dict[str, Any] = {'type': 'object', 'properties': properties,
                             'additionalProperties': False}
    if required:
        inner['required'] = list(required)
    if any_of:
        inner['anyOf'] = [{'required': [name]} for name in properties]
    return {'type': 'object', 'properties': {noun: inner}, 'required': [noun],
            'additionalProperties': False}
