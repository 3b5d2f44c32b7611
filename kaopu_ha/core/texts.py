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

"""Texts of others, cut to a size that records can bear.

What a project calls its server may be 255 signs of which each takes twelve bytes in a record: three
hundred such names would be more than etcd takes in one transaction, and the host of these servers
could never be confirmed.
"""

from __future__ import annotations

from collections.abc import Iterable

NAME_BYTES_MAX = 128
LINE_BYTES_MAX = 512
# In one sentence.
NAMES_MAX = 10

_CUT = '...'
_LAST_OF_TWO_BYTES = 0xffff


def bounded(text: str, bytes_max: int = NAME_BYTES_MAX) -> str:
    """The text, or its beginning and three dots: as JSON it takes no more than these bytes."""
    if len(text) <= bytes_max // 12:
        return text
    room = bytes_max
    for place, sign in enumerate(text):
        room -= _bytes(sign)
        if room < 0:
            return _cut(text[:place], bytes_max)
    return text


def few(names: Iterable[str], names_max: int = NAMES_MAX) -> str:
    """The first of the names, and how many more there are."""
    listed = list(names)
    more = len(listed) - names_max
    return ', '.join(listed[:names_max]) + (f' and {more} more' if more > 0 else '')


def _cut(text: str, bytes_max: int) -> str:
    taken = sum(map(_bytes, text))
    while text and taken + len(_CUT) > bytes_max:
        taken -= _bytes(text[-1])
        text = text[:-1]
    return text + _CUT


def _bytes(sign: str) -> int:
    """What one sign takes in a record: JSON writes all but ASCII as one or two escapes."""
    if ' ' <= sign <= '~':
        return 2 if sign in '"\\' else 1
    return 6 if ord(sign) <= _LAST_OF_TWO_BYTES else 12
