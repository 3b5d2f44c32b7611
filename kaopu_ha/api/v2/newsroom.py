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

"""The latest news of the records, kept for who comes again with a cursor.

A thread looks at the mirror twice a second, tells what differs from its look before, and keeps
that with its revision: ``telling.story`` has the words, as for ``kaopu-ha watch``.  A cursor is a
revision of the store, so one that another process gave counts here, too.  What changes and changes
back between two looks is not told.
"""

from __future__ import annotations

import collections
from collections.abc import Callable, Iterator
import dataclasses
from dataclasses import dataclass
import itertools
import logging
import threading
import time

from kaopu_ha import records
from kaopu_ha.api.books import Books
from kaopu_ha.api.faults import Fault
from kaopu_ha.telling import story
from kaopu_ha.telling.story import Line

LOG = logging.getLogger(__name__)

# What hosts' agents may fill is not followed: what people asked for an admission is in its case.
RANGES = tuple(place for place in story.RANGES if place != records.REQUEST)

WAIT_SECONDS_MAX = 30
_LOOK_SECONDS = 0.5
_KEPT_MAX = 10_000
# If nobody asked for so long, nobody looks.
_IDLE_SECONDS = 600.0


@dataclass(frozen=True)
class NewsLine:
    """One fact.  ``cursor``: the revision at which it was written; ``at``: when it was so."""

    cursor: int
    at: str
    kind: str
    host: str
    instance: str
    level: str
    text: str


@dataclass(frozen=True)
class NewsPage:
    """What is new.  ``cursor``: where to go on.  ``lost``: why news before these may lack, or ''.

    ``more``: there are further ones already.
    """

    news: tuple[NewsLine, ...]
    cursor: int
    lost: str = ''
    more: bool = False


class Newsroom:
    """Keeps the latest news.  For any number of threads, of which ``waiting_max`` wait."""

    def __init__(self, books: Books, now: Callable[[], str], waiting_max: int,
                 clock: Callable[[], float] = time.monotonic) -> None:
        self._books, self._now, self._clock = books, now, clock
        self._places = threading.BoundedSemaphore(waiting_max)
        self._changed = threading.Condition()
        self._lines: collections.deque[NewsLine] = collections.deque()
        self._seen: records.View | None = None
        # Everything after this revision, up to that of the last look, is in ``_lines``.
        self._begun = 0
        self._asked = -_IDLE_SECONDS
        self._looks = False

    def since(self, cursor: int | None, limit: int, seconds: float,
              wanted: Callable[[NewsLine], bool]) -> NewsPage:
        """What is wanted of the news after a cursor; waits for one if there is none.

        Without a cursor nothing but the one to begin with.  Raises Fault 503 if the store does not
        answer.
        """
        self._see_to_looks()
        self.look()
        if cursor is None:
            return NewsPage((), self._revision)
        end = self._clock() + seconds
        page = self._page(cursor, limit, wanted)
        if page.news or page.lost or seconds <= 0 or not self._places.acquire(blocking=False):
            return page
        try:
            return self._awaited(page, limit, end, wanted)
        finally:
            self._places.release()

    def look(self) -> None:
        """Look once, and keep what is new.  Raises Fault 503 if the store does not answer."""
        known = self._revision
        view = self._books.view(*RANGES)
        with self._changed:
            before = self._seen
            if view.snapshot.revision < known:
                # No look is older than the ones that ended before it: the store was put back.
                self._lines.clear()
                before = None
            if before is not None and view.snapshot.revision <= before.snapshot.revision:
                return
            self._seen = view
            if before is None:
                self._begun = view.snapshot.revision
                return
            self._lines.extend(_differences(before, view, self._now()))
            while len(self._lines) > _KEPT_MAX:
                self._begun = self._lines.popleft().cursor
            self._changed.notify_all()

    # ------------------------------------------------------------ private

    @property
    def _revision(self) -> int:
        return self._seen.snapshot.revision if self._seen is not None else 0

    def _page(self, cursor: int, limit: int, wanted: Callable[[NewsLine], bool]) -> NewsPage:
        """What is wanted of what is kept; those of one revision stay together."""
        with self._changed:
            revision, lost = self._revision, ''
            if cursor < self._begun:
                lost = f'What was new after {cursor} is kept from {self._begun} on only.'
            elif cursor > revision:
                lost = (f'The store is at {revision}: it was put back to what it was once, or the '
                        'cursor is of another one.')
                return NewsPage((), revision, lost)
            new = itertools.takewhile(lambda line: line.cursor > cursor, reversed(self._lines))
            found = [line for line in new if wanted(line)][::-1]
        end = limit
        while end < len(found) and found[end].cursor == found[end - 1].cursor:
            end += 1
        more = len(found) > end
        return NewsPage(tuple(found[:end]), found[end - 1].cursor if more else revision, lost,
                        more)

    def _awaited(self, page: NewsPage, limit: int, end: float,
                 wanted: Callable[[NewsLine], bool]) -> NewsPage:
        """The first page that is not empty, or the empty one of the end."""
        while not page.news and not page.lost:
            left = end - self._clock()
            if left <= 0:
                break
            with self._changed:
                if self._revision == page.cursor:
                    self._changed.wait(min(left, 1.0))
            self._asked = self._clock()
            page = self._page(page.cursor, limit, wanted)
        return page

    def _see_to_looks(self) -> None:
        """Have a thread look from now on, until nobody has asked for long."""
        with self._changed:
            self._asked = self._clock()
            if self._looks:
                return
            self._looks = True
        threading.Thread(target=self._go_on_looking, name='news', daemon=True).start()

    def _go_on_looking(self) -> None:
        while not self._ended():
            try:
                self.look()
            except Fault as failure:
                LOG.info('no news: %s', failure)
            except Exception:
                LOG.exception('no news')
            time.sleep(_LOOK_SECONDS)

    def _ended(self) -> bool:
        """True, and all is forgotten, if nobody has asked for long."""
        with self._changed:
            if self._clock() - self._asked < _IDLE_SECONDS:
                return False
            self._looks, self._seen = False, None
            self._lines.clear()
            return True


def _differences(before: records.View, after: records.View, now: str) -> Iterator[NewsLine]:
    """What changed between two looks, in the order in which it was written."""
    keys = [(after.modified(place + rest) or after.snapshot.revision, place + rest)
            for place in RANGES for rest in after.changed_since(before, place)]
    cases = after.cases
    for revision, key in sorted(keys):
        for line in story.told(_text(before, key), _text(after, key), key):
            yield _kept(story.calmed(line, cases), revision, now)


def _text(view: records.View, key: str) -> str | None:
    entry = view.snapshot.get(key)
    return None if entry is None else entry.value


def _kept(line: Line, cursor: int, now: str) -> NewsLine:
    fields = dataclasses.asdict(line)
    return NewsLine(**{**fields, 'cursor': cursor, 'at': line.at or now})
