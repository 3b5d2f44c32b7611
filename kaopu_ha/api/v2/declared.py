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

"""What is said of each thing that can be asked for: it is checked by it, and documented of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
import re
from typing import Any

import jsonschema

from kaopu_ha.api import bodies
from kaopu_ha.api.call import Query
from kaopu_ha.api.faults import bad

Schema = Mapping[str, Any]

# A word for colleagues: one line, with no blank in front.
WHY: Schema = {'type': 'string', 'minLength': 1, 'maxLength': 255, 'format': 'line',
               'pattern': r'^[^\x00-\x20\x7f][^\x00-\x1f\x7f]*$'}
NAME: Schema = {'type': 'string', 'minLength': 1, 'maxLength': 255}
# Of the hundreds of a list nobody needs to see more at one time.
_LIMIT: Schema = {'type': 'integer', 'minimum': 1, 'maximum': 10000}
_DIGITS = re.compile(r'-?[0-9]{1,18}')
_TRUTHS = {'true': True, 'false': False}


@dataclass(frozen=True)
class Parameter:
    """One that a query may have, with what it is for; its schema has a ``type``."""

    name: str
    schema: Schema
    text: str


@dataclass(frozen=True)
class OwnAction:
    """One thing that can be asked for.

    ``rule``: who may.  ``code`` and ``gives``: what is answered if it could be done; for the shapes
    of it see ``records.shape``.  ``query`` and ``takes``: what may, and must, be sent.
    """

    handle: Callable[..., Mapping[str, Any]]
    rule: str
    gives: Any
    code: int = 200
    query: tuple[Parameter, ...] = ()
    takes: Schema | None = None

    @property
    def text(self) -> str:
        """What it does, in the words of who does it."""
        return ' '.join((self.handle.__doc__ or '').split())


PAGE = (Parameter('limit', _LIMIT, 'So many at most; the operator may allow fewer.'),
        Parameter('marker', NAME, 'The id of the last one that was seen: those after it.'))


def takes(required: Mapping[str, Schema], **others: Schema) -> Schema:
    """The schema of a body with these fields, and no others."""
    return {'type': 'object', 'properties': {**required, **others}, 'required': list(required),
            'additionalProperties': False}


def check_body(schema: Schema, body: Any) -> None:
    """Raise Fault 400, with the first thing that is wrong, if the body is not as the schema says.
    """
    failure = next(iter(_validator(schema).iter_errors(body)), None)
    if failure is not None:
        raise bad(f'{"/".join(map(str, failure.path)) or "the body"}: {_short(failure.message)}')


def checked(parameters: tuple[Parameter, ...], query: Query, names: list[str]) -> dict[str, Any]:
    """The query's values, each as its schema says.  Raises Fault 400."""
    known = {each.name: each for each in parameters}
    found: dict[str, Any] = {}
    for name in names:
        if name not in known:
            raise bad(f'{_short(name)}: there is no such parameter here; there are: '
                      f'{", ".join(known) or "none"}')
        texts = query.getlist(name)
        if len(texts) > 1:
            raise bad(f'{name}: it is given twice')
        value = _meant(known[name].schema, texts[0])
        failure = next(iter(_validator(known[name].schema).iter_errors(value)), None)
        if failure is not None:
            raise bad(f'{name}: {_short(failure.message)}')
        found[name] = value
    return found


def _validator(schema: Schema) -> Any:
    return jsonschema.Draft202012Validator(schema, format_checker=bodies.FORMATS)


def _meant(schema: Schema, text: str) -> Any:
    """The number or the truth that a text is, where that is asked for; else the text."""
    if schema['type'] == 'integer' and _DIGITS.fullmatch(text):
        return int(text)
    if schema['type'] == 'boolean':
        return _TRUTHS.get(text, text)
    return text


def _short(text: str) -> str:
    return text if len(text) <= 200 else f'{text[:200]}...'
