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

"""Which microversion a request means; and what the API tells of its versions."""

from __future__ import annotations

from collections.abc import Mapping
import re
from typing import Any

import microversion_parse

from kaopu_ha.api.faults import Fault, bad

SERVICE_TYPE = 'instance-ha'
HEADER = 'OpenStack-API-Version'
Version = tuple[int, int]

MINIMUM: Version = (1, 0)
MAXIMUM: Version = (1, 3)
# What each brought; vmoves were documented with 1.3, and always answered.
WITH_DETAILS: Version = (1, 1)
WITH_ENABLED: Version = (1, 2)

_FORM = re.compile(r'^[1-9]\d*\.([1-9]\d*|0)$')
_UPDATED = '2016-07-01T11:33:21Z'


def told(version: Version) -> str:
    """As it is written."""
    return f'{version[0]}.{version[1]}'


def asked(headers: Mapping[str, str]) -> Version:
    """The version of the request; 1.0 if it names none for this service.

    Raises Fault: 400 for what is no version, 406 for one that is not ours.
    """
    text = microversion_parse.get_version(
        {name.lower(): value for name, value in headers.items()}, SERVICE_TYPE)
    if text is None:
        return MINIMUM
    if text == 'latest':
        return MAXIMUM
    if not _FORM.match(text):
        raise bad(f'API Version String {text} is of invalid format. Must be of format '
                  f'MajorNum.MinorNum.')
    major, _, minor = text.partition('.')
    # Of a number of a thousand digits nobody needs to know more than that it is too high.
    found = (int(major[:9]), int(minor[:9]))
    if not MINIMUM <= found <= MAXIMUM:
        raise Fault(406, f'Version {text} is not supported by the API. Minimum is '
                         f'{told(MINIMUM)} and maximum is {told(MAXIMUM)}.')
    return found


def listed(base: str) -> dict[str, Any]:
    """What is at the root."""
    return {'versions': [_version(base), _version_2(base)]}


def shown(base: str) -> dict[str, Any]:
    """What is at ``/v1``."""
    one = _version(base)
    one['links'].append({'rel': 'describedby', 'type': 'text/html',
                         'href': 'https://docs.openstack.org/'})
    one['media-types'] = _media_types()
    return {'version': one}


def shown_v2(base: str) -> dict[str, Any]:
    """What is at ``/v2``: our own resources, which have one version."""
    one = _version_2(base)
    one['links'].append({'rel': 'describedby', 'type': 'application/json',
                         'href': f'{base}/v2/openapi.json'})
    one['media-types'] = [{'base': 'application/json', 'type': 'application/json'}]
    return {'version': one}


def choices(base: str, path: str) -> dict[str, Any]:
    """Where a path that has no version may be meant."""
    return {'choices': [{
        'id': 'v1.0', 'status': 'CURRENT',
        'links': [{'rel': 'self', 'href': f'{base}/v1{path}'}], 'media-types': _media_types()}]}


def _version(base: str) -> dict[str, Any]:
    return {'id': 'v1.0', 'status': 'CURRENT', 'version': told(MAXIMUM),
            'min_version': told(MINIMUM), 'updated': _UPDATED,
            'links': [{'rel': 'self', 'href': f'{base}/v1/'}]}


def _version_2(base: str) -> dict[str, Any]:
    return {'id': 'v2.0', 'status': 'SUPPORTED', 'version': '', 'min_version': '',
            'updated': '2026-11-28T00:00:00Z', 'links': [{'rel': 'self', 'href': f'{base}/v2/'}]}


def _media_types() -> list[dict[str, str]]:
    return [{'base': 'application/json',
             'type': 'application/vnd.openstack.masakari+json;version=1'}]
