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

"""The shape of what people are shown of a record, as JSON Schema: made of its class.

``codec.plain`` makes the values, by the same names.
"""

from __future__ import annotations

from collections.abc import Mapping
import dataclasses
import enum
import types
import typing
from typing import Any

from kaopu_ha.core.signs import Evidence, Network, Round
from kaopu_ha.records.codec import kept_by

# Where one shape is named by another.
PLACE = '#/components/schemas/'

_ATOMS = {str: 'string', int: 'integer', float: 'number', bool: 'boolean'}
# At the end of a name in a mapping: it may lack.
_MAY_LACK = '?'


def shape(kind: Any, components: dict[str, Any]) -> dict[str, Any]:
    """The schema (2020-12) of values of this kind; each dataclass goes to ``components`` once.

    ``kind``: a class, a type as the fields of records have it, a mapping of names to kinds for an
    object of its own, a list of one kind for an array of it, or a schema that is ready.
    """
    if isinstance(kind, Mapping):
        return dict(kind) if _is_ready(kind) else _object(kind, components)
    if isinstance(kind, list):
        return {'type': 'array', 'items': shape(kind[0], components)}
    if kind in _ATOMS:
        return {'type': _ATOMS[kind]}
    if dataclasses.is_dataclass(kind):
        return _of_record(typing.cast(type, kind), components)
    origin, parts = typing.get_origin(kind), typing.get_args(kind)
    if origin is types.UnionType:
        one = next(part for part in parts if part is not type(None))
        return {'anyOf': [shape(one, components), {'type': 'null'}]}
    if origin is tuple:
        return {'type': 'array', 'items': shape(parts[0], components)}
    if origin is dict:
        return {'type': 'object', 'additionalProperties': shape(parts[1], components)}
    if isinstance(kind, type) and issubclass(kind, enum.Enum):
        return {'type': 'string', 'enum': [one.value for one in kind]}
    return {}


def _of_round() -> dict[str, Any]:
    """Its parts as ``Round.as_kept`` has them: two networks by their names, then all others."""
    fields = typing.get_type_hints(Round)
    del fields['evidence']
    return fields | {Network.MANAGEMENT.value: Evidence, Network.STORAGE.value: Evidence,
                     'others?': tuple[Evidence, ...]}


def _is_ready(kind: Mapping[str, Any]) -> bool:
    return any(isinstance(kind.get(name), str) for name in ('type', '$ref')) or 'anyOf' in kind


def _object(kinds: Mapping[str, Any], components: dict[str, Any]) -> dict[str, Any]:
    return {'type': 'object',
            'properties': {name.removesuffix(_MAY_LACK): shape(kind, components)
                           for name, kind in kinds.items()},
            'required': [name for name in kinds if not name.endswith(_MAY_LACK)]}


def _of_record(kind: type, components: dict[str, Any]) -> dict[str, Any]:
    name = kind.__name__
    if name not in components:
        # In time: a record may hold some of its own kind.
        components[name] = {}
        components[name] = _object(_of_round() if kind is Round else {
            kept_by(field): hint for field, hint in typing.get_type_hints(kind).items()},
            components)
    return {'$ref': PLACE + name}
