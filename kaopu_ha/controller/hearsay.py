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

"""Follows each notification to what came of it.  ``core.notifications`` decides."""

from __future__ import annotations

from collections.abc import Mapping

from kaopu_ha import ports, records
from kaopu_ha.controller.term import Term
from kaopu_ha.controller.world import CloudView
from kaopu_ha.core import model, notifications
from kaopu_ha.core.segments import Notification
from kaopu_ha.runtime import Runtime

# What is looked at besides what a leader reads anyway.
RANGES = (records.NOTIFICATION, records.SEGMENT, records.RECOVERY, records.EVACUATION)


class Hearsay:
    """A part of the answerer's turn."""

    def __init__(self, store: ports.Store, term: Term, env: Runtime) -> None:
        self._store, self._term, self._rules, self._clock = store, term, env.rules, env.clock
        # Since when each host is seen to beat, by notification.
        self._beating: dict[str, float] = {}

    def forget(self) -> None:
        """What was seen in another term says nothing."""
        self._beating = {}

    @staticmethod
    def waiting(world: CloudView) -> dict[str, dict[str, Notification]]:
        """What has not ended: by host, then by uuid, the oldest first."""
        found: dict[str, dict[str, Notification]] = {}
        for one in sorted(world.notifications.values(), key=lambda one: one.number):
            if not one.status.ended:
                found.setdefault(one.host, {})[one.uuid] = one
        return found

    def follow(self, world: CloudView, waiting: Mapping[str, Notification]) -> None:
        """Write down what is new of these, which are about one host."""
        for one in waiting.values():
            after = notifications.advance(one, self._seen(world, one), self._rules)
            if after is not one:
                key = records.NOTIFICATION + one.uuid
                self._store.commit(
                    [*self._term.compares(), *world.compare(key, records.CASE + one.host)],
                    [ports.Put(key, records.encode(after))])
            if after.status.ended:
                self._beating.pop(one.uuid, None)

    def _seen(self, world: CloudView, one: Notification) -> notifications.Seen:
        case, segment = world.cases.get(one.host), world.segments.get(one.segment)
        recovery = one.recovery or (case.recovery if case is not None else '')
        prefix = f'{records.EVACUATION}{recovery}/'
        beats = world.beats_truly(one.host)
        if not beats:
            self._beating.pop(one.uuid, None)
        since = self._beating.setdefault(one.uuid, self._clock()) if beats else self._clock()
        return notifications.Seen(
            _as_kept(self._term.now()), enabled=segment is not None and segment.enabled,
            known=world.has(records.INVENTORY + one.host), held=one.host in world.held,
            beats=beats, beating_seconds=self._clock() - since, case=case,
            recovery=world.every(model.Recovery, records.RECOVERY).get(recovery),
            moves=tuple(world.every(model.Evacuation, prefix).values()) if recovery else ())


def _as_kept(at: str) -> str:
    """A time of ours, in UTC, as the API's records have it: without a zone, cut to seconds."""
    return f'{at[:19]}.000000'
