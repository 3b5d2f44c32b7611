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


"""How much a host may say: beyond it, a record is that host's trouble and nobody else's.

What an agent writes is read by everybody, so each text, list and number of it has a most.  The
figures are far above what a real host needs and far below what hurts a reader; they are in one
place, so that who writes more (an agent that cuts, a test that fills up) can ask here.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
import dataclasses
import functools
import ipaddress
import math
from typing import Any

# A whole record, in characters.  etcd takes 1.5 MiB in one request, a confirming transaction too.
RECORD_LENGTH_MAX = 1_000_000
TEXT_LENGTH_MAX = 8192
# A definition of libvirt, which is a text of its own (the agent leaves a longer one out).
DEFINITION_LENGTH_MAX = 262_144
ITEMS_MAX = 4096
ADDRESSES_MAX = 64
# Beyond a number of 64 bits nothing is counted here: cores, megabytes, revisions, seconds.
NUMBER_MAX = 2 ** 63 - 1
# How deep anything may be that JSON says, also what no reader of ours looks at.
NESTED_MAX = 100

_LONG = frozenset({'xml'})
_ADDRESSES = frozenset({'storage_addresses'})
# How deep a record of ours can be; what is deeper was made to be.
_DEPTH_MAX = 12


def excess(record: Any) -> str:
    """What of a record that a host wrote is more than it may say; '' if nothing is."""
    return next(_excesses(record, type(record).__name__, _DEPTH_MAX), '')


def is_address(text: str) -> bool:
    """True if this is an IP address that means the same on every machine: one without a scope."""
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return '%' not in text


def is_countable(number: float) -> bool:
    """True if a number that was read is finite and of a size that something here counts."""
    return math.isfinite(number) if isinstance(number, float) else abs(number) <= NUMBER_MAX


def is_deep(data: Any) -> bool:
    """True if what JSON said is nested deeper than anything may be."""
    level = [data]
    for _ in range(NESTED_MAX):
        level = [part for each in level if isinstance(each, dict | list)
                 for part in (each.values() if isinstance(each, dict) else each)]
    return bool(level)


# ---------------------------------------------------------------- private


def _excesses(value: Any, name: str, depth: int) -> Iterator[str]:
    if depth == 0:
        yield f'{name} is nested too deeply'
    elif isinstance(value, str):
        yield from _text(value, name)
    elif isinstance(value, Mapping):
        yield from _items((*value, *value.values()), name, depth)
    elif isinstance(value, tuple):
        yield from _items(value, name, depth)
    elif dataclasses.is_dataclass(value):
        for field in _names(value.__class__):
            yield from _excesses(getattr(value, field), field, depth - 1)


def _text(value: str, name: str) -> Iterator[str]:
    most = DEFINITION_LENGTH_MAX if name in _LONG else TEXT_LENGTH_MAX
    if len(value) > most:
        yield f'{name} has {len(value)} characters, more than {most}'


def _items(value: tuple[Any, ...], name: str, depth: int) -> Iterator[str]:
    most = ADDRESSES_MAX if name in _ADDRESSES else ITEMS_MAX
    if len(value) > most:
        yield f'{name} has {len(value)} items, more than {most}'
        return
    if name in _ADDRESSES:
        yield from (f'{each[:64]!r} in {name} is no address' for each in value
                    if not is_address(each))
    for each in value:
        yield from _excesses(each, name, depth - 1)


@functools.cache
def _names(kind: Any) -> tuple[str, ...]:
    return tuple(field.name for field in dataclasses.fields(kind))
