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

"""Tells what is found anew in every turn once, and then every hour while it lasts."""

from __future__ import annotations

from collections.abc import Callable, Collection
import threading

from kaopu_ha.core.news import Fact, News

AGAIN_SECONDS = 3600.0
_KEPT_MAX = 1000
_STANDING = frozenset({Fact.RECORD})


class Repeated:
    """Passes news on.  Safe for threads."""

    def __init__(self, tell: Callable[[News], None], clock: Callable[[], float],
                 standing: Collection[Fact] = _STANDING) -> None:
        self._tell, self._clock, self._standing = tell, clock, standing
        self._lock = threading.Lock()
        self._told: dict[News, float] = {}

    def __call__(self, news: News) -> None:
        """Tell it, unless it is of what stands, and was told less than an hour ago."""
        if news.fact not in self._standing or self._is_due(news):
            self._tell(news)

    def _is_due(self, news: News) -> bool:
        now = self._clock()
        with self._lock:
            # The oldest come first: each is put in again at the end.
            while self._told and now - next(iter(self._told.values())) >= AGAIN_SECONDS:
                del self._told[next(iter(self._told))]
            if news in self._told:
                return False
            if len(self._told) >= _KEPT_MAX:
                del self._told[next(iter(self._told))]
            self._told[news] = now
            return True
