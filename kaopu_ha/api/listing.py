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

"""Limit, marker, sorting and filters: the same of every list.

A list has no link to its next page: a client makes that of the id of its last row.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from oslo_utils import strutils

from kaopu_ha.api.call import Query
from kaopu_ha.api.faults import bad, bad_input

Row = Mapping[str, Any]

_ORDERS = ('asc', 'desc')
# A list sorted by more keys than this has been meant as something else.
_KEYS_MAX = 10


def page(rows: Sequence[Row], kept: Sequence[Row], query: Query, rows_max: int,
         columns: Sequence[str], uuid: str = 'uuid') -> list[Row]:
    """The part of the ``kept`` rows that the query asks for, in its order.

    ``rows``: all of them, for a marker may be one that the filters leave out.  ``columns``: what
    may be sorted by.  ``uuid``: the column besides ``id`` that names a row.  Raises Fault 400.
    """
    limit = _limit(query, rows_max)
    _number(query, 'page_size')
    keys = _sort_keys(query, columns)
    marker = query.get('marker')
    if marker is None:
        return _sorted(kept, keys)[:limit]
    last = next((row for row in rows if marker in (str(row['id']), row[uuid])), None)
    if last is None:
        raise bad(f'Marker {marker} could not be found.')
    ordered = _sorted([last, *(row for row in kept if row['id'] != last['id'])], keys)
    after = next(place for place, row in enumerate(ordered) if row is last) + 1
    return ordered[after:after + limit]


def same(rows: Sequence[Row], query: Query, *names: str) -> list[Row]:
    """Those that have exactly these values, where the query names one."""
    wanted = {name: query.get(name) for name in names if query.get(name) is not None}
    return [row for row in rows if all(row[name] == value for name, value in wanted.items())]


def alike(rows: Sequence[Row], query: Query, name: str) -> list[Row]:
    """Those with this truth, where the query names one; a word for neither is on no row."""
    text = query.get(name)
    if text is None:
        return list(rows)
    wanted = strutils.bool_from_string(text, default=None)
    return [row for row in rows if row[name] is wanted]


def strictly(rows: Sequence[Row], query: Query, name: str) -> list[Row]:
    """The same; a word for neither is refused.  Raises Fault 400."""
    text = query.get(name)
    if text is None:
        return list(rows)
    try:
        wanted = strutils.bool_from_string(text, strict=True)
    except ValueError as failure:
        raise bad(f'Invalid value for {name}: {failure}') from failure
    return [row for row in rows if row[name] is wanted]


# ---------------------------------------------------------------- private


def _number(query: Query, name: str) -> int | None:
    text = query.get(name)
    if text is None:
        return None
    try:
        # Python refuses to read thousands of digits, too.
        found = int(text)
    except ValueError:
        raise bad_input(f'{name} must be an integer') from None
    if found < 0:
        raise bad_input(f'{name} must be >= 0')
    return found


def _limit(query: Query, rows_max: int) -> int:
    found = _number(query, 'limit')
    return rows_max if found is None else min(found, rows_max)


def _sort_keys(query: Query, columns: Sequence[str]) -> list[tuple[str, bool]]:
    """The keys in order, each with whether it goes down."""
    keys, orders = query.getlist('sort_key'), query.getlist('sort_dir')
    keys = keys or ['created_at']
    if any(order not in _ORDERS for order in orders):
        raise bad_input('Unknown sort direction, must be \'asc\' or \'desc\'')
    if len(orders) > len(keys):
        raise bad_input('Sort direction size exceeds sort key size')
    if len(keys) > _KEYS_MAX:
        raise bad_input(f'more than {_KEYS_MAX} sort keys')
    for key in keys:
        if key not in columns:
            raise bad(f'Sort key supplied is invalid: {key}')
    first = orders[0] if orders else 'desc'
    orders = orders + [first] * (len(keys) - len(orders))
    found = [(key, order == 'desc') for key, order in zip(keys, orders, strict=True)]
    return found + [(key, first == 'desc') for key in ('created_at', 'id') if key not in keys]


def _sorted(rows: Sequence[Row], keys: Sequence[tuple[str, bool]]) -> list[Row]:
    found = list(rows)
    for key, down in reversed(keys):
        # What is not there comes first, as in a database.
        found.sort(key=lambda row: (row[key] is not None, row[key] if row[key] is not None else 0),
                   reverse=down)
    return found
