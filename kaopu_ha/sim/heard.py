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

"""When each key of the store was heard of last, and whether that lasted."""

from __future__ import annotations

from collections.abc import Iterable


class Heard:
    """Of each key: when it was put last, or its lease renewed; when it came, after how long."""

    def __init__(self) -> None:
        self._at: dict[str, float] = {}
        self._came: dict[str, tuple[float, float]] = {}

    def put(self, key: str, now: float, *, new: bool) -> None:
        """Somebody put it; ``new`` if it was not there."""
        if new:
            self._came[key] = now, self._at.get(key, now)
        self._at[key] = now

    def renewed(self, keys: Iterable[str], now: float) -> None:
        """Their lease was renewed."""
        self._at.update(dict.fromkeys(keys, now))

    def lasting(self, key: str, until: float, seconds: float) -> float:
        """When it was heard of last, by ``until``: in a time that lasted for so many seconds at
        least, if it was there before at all.
        """
        heard = min(until, self._at.get(key, until))
        came, before = self._came.get(key, (heard, heard))
        return heard if heard - came >= seconds else min(heard, before)
