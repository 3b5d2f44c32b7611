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

"""What is told when it has been open for long enough, and again and again until it is not.

A leader remembers by its monotonic clock.  A new leader counts anew: it tells late, never not at
all.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
import dataclasses
from dataclasses import dataclass
from typing import TypeVar

Key = TypeVar('Key')


@dataclass(frozen=True)
class Open:
    """Since when something is open, in how many looks in a row, and when it was told last."""

    since: float
    looks: int = 1
    told: float | None = None


def reminded(memory: Mapping[Key, Open], found: Iterable[Key], now: float, *,
             ripe: Callable[[Open], bool],
             again_seconds: float) -> tuple[frozenset[Key], dict[Key, Open]]:
    """Of what is open now: what is to be told, and what to remember.

    ``ripe`` says when it is told for the first time.  What is no longer found is forgotten.
    """
    due: set[Key] = set()
    kept: dict[Key, Open] = {}
    for key in dict.fromkeys(found):
        before = memory.get(key)
        one = Open(now) if before is None else dataclasses.replace(before, looks=before.looks + 1)
        if ripe(one) if one.told is None else now - one.told >= again_seconds:
            one = dataclasses.replace(one, told=now)
            due.add(key)
        kept[key] = one
    return frozenset(due), kept
