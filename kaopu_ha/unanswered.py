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
"""News of what was committed while the store's answer was lost.

Nobody knows then whether it was committed, so nothing is told.  Whoever has written it looks for it
later: what stands in the record's history is told, once; what can't come any more is forgotten.  A
process that ends meanwhile tells nothing; what is still open is told again by others.
"""

from __future__ import annotations

import collections
from collections.abc import Callable, Iterator, Sequence
import contextlib
from dataclasses import dataclass

from kaopu_ha import ports, records
from kaopu_ha.core import model
from kaopu_ha.core.news import News

_Kind = type[model.Case] | type[model.Recovery] | type[model.Evacuation]


@dataclass(frozen=True)
class _Kept:
    """What is told if the step stands in the record; it was written over this revision of it."""

    key: str
    kind: _Kind
    over: int
    step: model.Step
    news: tuple[News, ...]


class Untold:
    """Keeps news until their commit is seen.  It may be filled by other threads than look."""

    def __init__(self, store: ports.Store, tell: Callable[[News], None]) -> None:
        self._store, self._tell = store, tell
        self._kept: collections.deque[_Kept] = collections.deque()

    @contextlib.contextmanager
    def keeping(self, key: str, over: int, record: model.Case | model.Recovery | model.Evacuation,
                news: Sequence[News]) -> Iterator[None]:
        """Keep the news of a record's last step if the commit within this gets no answer."""
        try:
            yield
        except ports.OutcomeUnknown:
            if news and record.history:
                self._kept.append(_Kept(key, type(record), over, record.history[-1], tuple(news)))
            raise

    @property
    def waits(self) -> bool:
        """True while something is to be looked for."""
        return bool(self._kept)

    def look(self) -> None:
        """Tell what was committed; while the store does not answer, all of it is kept."""
        if not self._kept:
            return
        count = len(self._kept)
        mine = [self._kept.popleft() for _ in range(count)]
        try:
            snapshot = self._store.read(*sorted({one.key for one in mine}))
        except ports.PortError:
            self._kept.extend(mine)
            return
        for one in mine:
            if self._is_open(one, snapshot.get(one.key)):
                self._kept.append(one)

    def _is_open(self, one: _Kept, entry: ports.Entry | None) -> bool:
        """True if it may still be committed; tells what was."""
        if entry is None:
            return False
        if entry.modified <= one.over:
            return True
        try:
            found = records.record(one.kind, entry)
        except records.RecordError:
            return False
        if one.step in found.history:
            for item in one.news:
                self._tell(item)
        return False
