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

"""For how long a leader has seen that something is so.

Counted by its own clock and from when it saw it first: late is possible, early is not.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Generic, TypeVar

K = TypeVar('K')


class Lasting(Generic[K]):
    """What was seen last of each key, and since when."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._since: dict[K, tuple[object, float]] = {}

    def seconds(self, key: K, state: object) -> float:
        """For how long the key has been in this state; from now on, if it was in another one."""
        now = self._clock()
        was, since = self._since.get(key, (state, now))
        if was != state:
            since = now
        self._since[key] = state, since
        return now - since

    def forget(self, key: K) -> None:
        """What comes of this key is counted anew."""
        self._since.pop(key, None)

    def keep(self, wanted: Callable[[K], bool]) -> None:
        """Forget all keys but these."""
        self._since = {key: seen for key, seen in self._since.items() if wanted(key)}

    def clear(self) -> None:
        """Forget all: what was seen in another term says nothing."""
        self._since = {}
