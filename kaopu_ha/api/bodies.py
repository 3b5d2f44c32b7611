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

"""What a body must be: JSON Schema, draft 4, with the messages that Masakari's clients know."""

from __future__ import annotations

from collections.abc import Mapping
import re
from typing import Any
import unicodedata
import uuid

import jsonschema
from oslo_utils import timeutils

from kaopu_ha.api.faults import bad

_NAME = ('An invalid \'name\' value was provided. The name must be: printable characters. '
         'Can not start or end with whitespace.')


class InvalidName(ValueError):
    """A name that no name may be."""


def check(schema: Mapping[str, Any], body: Any) -> None:
    """Raise Fault 400, with the first thing that is wrong, if the body is not as the schema says.
    """
    validator = jsonschema.Draft4Validator(schema, format_checker=FORMATS)
    failure = next(iter(validator.iter_errors(body)), None)
    if failure is None:
        return
    if isinstance(failure.cause, InvalidName):
        raise bad(_NAME)
    path = list(failure.path)
    raise bad(f'Invalid input for field/attribute {path[-1]}. Value: {failure.instance}. '
              f'{failure.message}' if path else str(failure.message))


# ---------------------------------------------------------------- formats


def _is_name(value: object) -> bool:
    if not isinstance(value, str):
        return True
    if value != value.strip() or not all(map(_is_printable, value)):
        raise InvalidName(value)
    return True


def _is_description(value: object) -> bool:
    return not isinstance(value, str) or all(
        sign == '\n' or _is_printable(sign) and ord(sign) < 0xffff for sign in value)


def _is_printable(sign: str) -> bool:
    # Half of a character can be in JSON, and in no record.
    return unicodedata.category(sign) not in ('Cc', 'Cs', 'Cn', 'Zl', 'Zp')


def _is_line(value: object) -> bool:
    # The end of a pattern is also in front of a last line break.
    return not isinstance(value, str) or '\n' not in value


def _is_time(value: object) -> bool:
    if isinstance(value, str):
        timeutils.normalize_time(timeutils.parse_isotime(value))
    return True


def _is_uuid(value: object) -> bool:
    if isinstance(value, str):
        # The hyphens may lack, and a URN is no uuid here.
        return bool(re.fullmatch(r'[0-9a-fA-F-]+', value)) and bool(uuid.UUID(value))
    return True


FORMATS = jsonschema.FormatChecker(formats=())
FORMATS.checks('name', raises=InvalidName)(_is_name)
FORMATS.checks('description')(_is_description)
FORMATS.checks('line')(_is_line)
FORMATS.checks('date-time', raises=(ValueError, OverflowError))(_is_time)
FORMATS.checks('uuid', raises=ValueError)(_is_uuid)
