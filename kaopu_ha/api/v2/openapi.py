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

"""The document of our own resources, OpenAPI 3.1: made of what they are checked by."""

from __future__ import annotations

from collections.abc import Mapping
import functools
import re
from typing import Any

from kaopu_ha import records
from kaopu_ha.api import faults
from kaopu_ha.api.v2.declared import NAME, PAGE, OwnAction
from kaopu_ha.api.v2.routes import PREFIX, ROUTES

_IDS = re.compile(r'<([a-z]+)>')
_SECURITY = 'token'
VERSION = '2.0'
_ERRORS: Mapping[int, str] = {
    400: 'Something in the request is wrong: the message says what.',
    401: 'There is no token, or none that is valid.',
    403: 'The policy does not allow it.',
    404: 'There is nothing of that name.',
    405: 'There is no such method here.',
    409: 'It can\'t be as things are: the message says why. Nothing was changed.',
    413: 'The body is too large.',
    415: 'The body is no JSON.',
    503: 'The store, or Nova, does not answer. Nothing was changed, if the message says nothing '
         'else.'}


@functools.lru_cache(maxsize=16)
def document(base: str) -> Mapping[str, Any]:
    """The document; ``base``: the URL in front of the versions.  Made once: nobody changes it."""
    components: dict[str, Any] = {}
    paths = {_IDS.sub(r'{\1}', path): {
        method.lower(): _operation(path, method, action, components)
        for method, action in methods.items()} for path, methods in ROUTES.items()}
    return {
        'openapi': '3.1.0',
        'info': {'title': 'Kaopu HA', 'version': VERSION, 'summary': 'Hosts, cases, recoveries.',
                 'license': {'name': 'Apache-2.0', 'identifier': 'Apache-2.0'}},
        'servers': [{'url': f'{base}{PREFIX}'}],
        'security': [{_SECURITY: []}],
        'paths': paths,
        'components': {
            'securitySchemes': {_SECURITY: {
                'type': 'apiKey', 'in': 'header', 'name': 'X-Auth-Token',
                'description': 'A token of Keystone.'}},
            'responses': {str(code): _error(code, text) for code, text in _ERRORS.items()},
            'schemas': dict(sorted(components.items()))}}


def _operation(path: str, method: str, action: OwnAction,
               components: dict[str, Any]) -> dict[str, Any]:
    ids = _IDS.findall(path)
    found: dict[str, Any] = {
        'operationId': action.rule.removeprefix('kaopu_ha:v2:').replace(':', '_'),
        'summary': action.text.partition('. ')[0].rstrip('.'), 'description': action.text,
        'tags': [path.split('/')[1]],
        'x-policy': action.rule,
        'parameters': [*(_id(name) for name in ids), *(
            {'name': each.name, 'in': 'query', 'description': each.text, 'schema': each.schema}
            for each in action.query)],
        'responses': {
            str(action.code): {'description': 'It could be done.', 'content': {
                'application/json': {'schema': records.shape(action.gives, components)}}},
            **{str(code): {'$ref': f'#/components/responses/{code}'}
               for code in _codes(ids, method, action)}}}
    if action.takes is not None:
        found['requestBody'] = {'required': True, 'content': {
            'application/json': {'schema': action.takes}}}
    return found


def _codes(ids: list[str], method: str, action: OwnAction) -> list[int]:
    """The errors that there may be."""
    taking = {413} | ({415} if action.takes is not None else set()) if method == 'POST' else set()
    writing = {409} if method == 'POST' or action.query[:1] == PAGE[:1] else set()
    return sorted({400, 401, 403, 503} | ({404} if ids else set()) | writing | taking)


def _id(name: str) -> dict[str, Any]:
    return {'name': name, 'in': 'path', 'required': True, 'schema': NAME,
            'description': f'The {name}.'}


def _error(code: int, text: str) -> dict[str, Any]:
    one = {'type': 'object', 'required': ['code', 'message'],
           'properties': {'code': {'type': 'integer', 'const': code},
                          'message': {'type': 'string'}}}
    # Who has no token is answered by Keystone's middleware, in its words.
    key = 'error' if code == 401 else faults.KEYS[code]
    return {'description': text, 'content': {'application/json': {'schema': {
        'type': 'object', 'required': [key], 'properties': {key: one}}}}}
