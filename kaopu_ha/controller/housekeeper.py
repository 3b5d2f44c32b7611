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

"""Removes from the store what is over for long: the leader's housekeeping.

::

    closed/<host>/<n>                  ended more than ``keep_days`` ago
    recovery/<id>, evacuation/<id>/*   likewise, if no admission has to learn from them
    request/admit-<host>               answered so long ago; open, of a host without a case
    request/<host>/*                   of a host that has no case: nobody reads them any more, but
                                       for what it is to resume, which a lease ends
    request/*                          that no program reads as a request: told, too

What is under ``request/`` is read by its names, so many at a time: a host may have written there.

The newest of each host (``history``, ``archive``) are bounded in number already.  What is removed
is removed by its date as people's clocks had it: no decision about a host depends on it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
import datetime
import logging

from kaopu_ha import ports, records
from kaopu_ha.controller import history
from kaopu_ha.controller.leadership import Leadership
from kaopu_ha.controller.term import Term
from kaopu_ha.controller.world import CloudView
from kaopu_ha.core import model, retention, texts
from kaopu_ha.core.keys import portions
from kaopu_ha.core.news import Fact, News
from kaopu_ha.core.requests import RequestState, RequestVerb
from kaopu_ha.core.retention import Over
from kaopu_ha.runtime import Runtime

LOG = logging.getLogger(__name__)

_INTERVAL_SECONDS = 3600.0
_RETRY_SECONDS = 60.0
# After a start others have more to do.
_FIRST_SECONDS = 120.0
_RANGES = (records.CASE, records.CLOSED, records.RECOVERY, records.EVACUATION,
           records.NOTES)
# Of what is under ``request/`` in one look; if there is more, the next look is soon.
_NAMES_MAX = 1000


class Housekeeper:
    """Looks once an hour."""

    def __init__(self, store: ports.Store, leadership: Leadership, env: Runtime) -> None:
        self._store, self._term, self._rules = store, Term(leadership), env.rules
        self._clock, self._now, self._tell = env.clock, env.now, env.tell
        self._due = env.clock() + _FIRST_SECONDS

    def turn(self) -> float:
        """Remove what is outdated, if it is time; seconds until the next turn."""
        left = self._due - self._clock()
        if left > 0 or not self._term.begins():
            return max(left, 1.0)
        self._due = self._clock() + _INTERVAL_SECONDS
        try:
            world = CloudView(self._store.read(*_RANGES), self._tell)
            before = (datetime.datetime.fromisoformat(self._now())
                      - datetime.timedelta(days=self._rules.keep_days)).isoformat()
            self._clean(world, before)
            if self._clean_requests(world, before):
                self._due = self._clock() + _RETRY_SECONDS
        except ports.PortError as failure:
            LOG.debug('what is over stays for now: %s', failure)
            self._due = self._clock() + _RETRY_SECONDS
        return 1.0

    def _clean(self, world: CloudView, before: str) -> None:
        for name in retention.outdated(_recoveries(world), before):
            self._remove(world, history.keys(world, name))
        self._remove(world, retention.outdated(_closed(world), before))

    def _clean_requests(self, world: CloudView, before: str) -> bool:
        """Remove what nobody reads any more; True if there was more than could be looked at."""
        names = self._store.names(records.REQUEST, _NAMES_MAX)
        cases = world.snapshot.under(records.CASE)
        asked = [name for name in names if records.is_request(name)]
        junk = [name for name in names if not records.is_request(name)]
        unread = [name for name in asked if '/' in name and _host_of(name) not in cases
                  and not _is_to_resume(name)]
        peoples = [records.REQUEST + name for name in asked if '/' not in name]
        for some in portions(peoples):
            seen = CloudView(self._store.read(*some), self._tell)
            requests = seen.every(records.Request, records.REQUEST)
            self._remove(seen, retention.outdated(_answered(requests), before))
            # Of a host with a case the admitter tells it, and a newer command may have written it.
            junk += [name for name in seen.unreadable if _host_of(name) not in cases]
            unread += [name for name, request in requests.items()
                       if request.state is RequestState.ASKED and request.host not in cases]
        for some in portions(unread):
            self._remove_unread(some)
        self._remove_junk(junk)
        return len(names) == _NAMES_MAX and bool(unread or junk)

    def _remove_junk(self, names: Sequence[str]) -> None:
        """Delete these whatever they hold, and tell it: none of our programs wrote them."""
        for some in portions(names):
            self._store.commit(self._term.compares(), [
                ports.Delete(records.REQUEST + name) for name in some])
        if names:
            few = texts.few(map(texts.bounded, names))
            self._tell(News(Fact.RECORD, '', f'nobody reads what stood under '
                                             f'{records.REQUEST}, it was removed: {few}'))

    def _remove_unread(self, names: Sequence[str]) -> None:
        """Delete these, unless one of the hosts has a case now: then nothing is, until later."""
        no_case = {records.CASE + _host_of(name) for name in names}
        self._store.commit([*self._term.compares(),
                            *(ports.Compare(key, modified=0) for key in sorted(no_case))],
                           [ports.Delete(records.REQUEST + name) for name in names])

    def _remove(self, world: CloudView, keys: Sequence[str]) -> None:
        """Delete keys that are as they were read; what changed meanwhile is another hour's."""
        for some in portions(keys):
            self._store.commit([*self._term.compares(), *world.compare(*some)],
                               [ports.Delete(key) for key in some])


def _recoveries(world: CloudView) -> Iterator[Over]:
    for name, recovery in world.every(model.Recovery, records.RECOVERY).items():
        if recovery.stage.finished and not history.in_use(world, recovery):
            yield Over(name, recovery.history[-1].at if recovery.history else '')


def _closed(world: CloudView) -> Iterator[Over]:
    for name, case in world.every(model.Case, records.CLOSED).items():
        yield Over(records.CLOSED + name, case.history[-1].at if case.history else '')


def _host_of(name: str) -> str:
    """Of whom something is asked under this name."""
    return name.partition('/')[0] if '/' in name else name.removeprefix(records.ADMIT)


def _is_to_resume(name: str) -> bool:
    return records.REQUEST + name == records.request_to(_host_of(name), RequestVerb.RESUME_DOMAINS)


def _answered(requests: Mapping[str, records.Request]) -> Iterator[Over]:
    for name, request in requests.items():
        if request.state is not RequestState.ASKED:
            yield Over(records.REQUEST + name, request.at)
