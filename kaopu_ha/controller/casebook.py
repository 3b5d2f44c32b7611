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

"""The open cases as the leader knows them, also where that is not worth a write.

A case in which only counts and times have changed is written now and then (``core.casefile``); in
between the looks count on here.  A new leader begins with what is written: it knows fewer looks,
and nothing that decides.
"""

from __future__ import annotations

from dataclasses import dataclass

from kaopu_ha import records
from kaopu_ha.controller.world import CloudView
from kaopu_ha.core import casefile, detection, model
from kaopu_ha.runtime import Runtime


@dataclass(frozen=True)
class _Unwritten:
    """A case that went on since the record of this revision, and since when."""

    case: model.Case
    modified: int
    since: float


class Casebook:
    """Holds at most one case for each host that has one.  For one thread."""

    def __init__(self, env: Runtime) -> None:
        self._clock, self._rules = env.clock, env.rules
        self._unwritten: dict[str, _Unwritten] = {}

    def newest(self, world: CloudView, case: model.Case) -> model.Case:
        """The case with the looks that were not written, unless somebody wrote it since."""
        kept = self._kept(world, case.host)
        return kept.case if kept else case

    def may_wait(self, world: CloudView, decision: detection.Decision) -> bool:
        """True if the decision changes nothing that is worth a write; then it is kept here."""
        host, quiet = decision.case.host, detection.Key.KEEP
        stored, kept = world.cases.get(host), self._kept(world, host)
        since = kept.since if kept else self._clock()
        if (stored is None or decision.confirm or decision.news
                or (decision.death, decision.lock) != (quiet, quiet)
                or casefile.worth_writing(stored, decision.case, self._clock() - since,
                                       self._rules)):
            self._unwritten.pop(host, None)
            return False
        entry = world.snapshot.entries[records.CASE + host]
        self._unwritten[host] = _Unwritten(decision.case, entry.modified, since)
        return True

    def forget(self) -> None:
        """Know nothing: another may have led meanwhile."""
        self._unwritten.clear()

    def forget_closed(self, world: CloudView) -> None:
        """Keep nothing of hosts that have no case any more."""
        for host in self._unwritten.keys() - world.cases.keys():
            del self._unwritten[host]

    def _kept(self, world: CloudView, host: str) -> _Unwritten | None:
        kept, entry = self._unwritten.get(host), world.snapshot.get(records.CASE + host)
        return kept if kept and entry and kept.modified == entry.modified else None
