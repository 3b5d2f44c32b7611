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

"""Keeps the boards of this machine right: every controller does so, whether it leads or not.

What stands there follows from the records (``core.board``), so each turn shows all of it anew.  A
board that is away, or hangs, keeps nobody but this loop.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
import datetime
import logging

from kaopu_ha import ports, records
from kaopu_ha.core import board, model, waiting
from kaopu_ha.core.aftercare import Aftercare
from kaopu_ha.core.board import BoardMessage
from kaopu_ha.runtime import Runtime

LOG = logging.getLogger(__name__)

_RANGES = (records.CASE, records.HOST, records.RECOVERY, records.EVACUATION, records.CLAIM,
           records.STORM, records.RESTART, records.AFTERCARE)
_LOOK_SECONDS = 5.0
_SHOW_SECONDS = 5.0
# An election of etcd, or a member that is started again, takes less: what stood then stands on.
_AWAY_SECONDS = 60.0


class BoardKeeper:
    """Shows on each board what is so by the records, and nothing else.

    ``trouble``: why the last turn did not end well; '' if it did.
    """

    def __init__(self, store: ports.Store, boards: Sequence[ports.Board], env: Runtime) -> None:
        self._store, self._boards, self._rules = store, boards, env.rules
        self._clock, self._now = env.clock, env.now
        # Since when the store is away: by the clock, and for people.
        self._away: tuple[float, str] | None = None
        self._troubles: dict[int, str] = {}

    @property
    def trouble(self) -> str:
        """Why a board does not show what it should; '' if all do."""
        return '; '.join(self._troubles.values())

    def turn(self) -> float:
        """Look once; seconds until the next look.  Raises nothing."""
        try:
            view = records.View(self._store.read(*_RANGES))
        except ports.PortError:
            self._show_without_store()
            return _LOOK_SECONDS
        self._away = None
        seen = self._seen(view)
        for number, one in enumerate(self._boards):
            self._show(number, board.messages(seen, names_hosts=one.names_hosts))
        return _LOOK_SECONDS

    # ------------------------------------------------------------ private

    def _show_without_store(self) -> None:
        """What was true a moment ago stays for a while; then it is said that nobody knows."""
        now = self._clock()
        since, told = self._away = self._away or (now, self._now())
        if now - since >= _AWAY_SECONDS:
            for number in range(len(self._boards)):
                self._show(number, board.without_store(_for_people(told)))

    def _show(self, number: int, messages: Sequence[BoardMessage]) -> None:
        before = self._troubles.pop(number, '')
        try:
            self._boards[number].show(messages, _SHOW_SECONDS)
        except ports.PortError as failure:
            self._troubles[number] = str(failure)
            if not before:
                LOG.warning('people are not shown what is so, or are shown what is over: %s '
                            '(this is told once)', failure)
            return
        if before:
            LOG.info('people are shown again what is so')

    def _seen(self, view: records.View) -> board.Seen:
        recoveries = view.every(model.Recovery, records.RECOVERY)
        found = waiting.waiting(
            view.cases.values(), recoveries, view.evacuations, held=view.held,
            claimed=view.snapshot.under(records.CLAIM).keys(), restarts=view.restarts.values(),
            cared=view.every(Aftercare, records.AFTERCARE).values())
        return board.Seen(view.storm, tuple(view.cases.values()), recoveries, view.evacuations,
                          tuple(self._for_long(found)))

    def _for_long(self, found: Sequence[waiting.Waiting]) -> Iterator[waiting.Waiting]:
        """What people are told of by now.

        By the times in the records and our wall clock: nothing is decided by it, and another
        controller, or this one started anew, shows the same.
        """
        now = _moment(self._now())
        for item in found:
            since = _moment(item.since)
            if item.kind in board.AT_ONCE or since is None or now is None or (
                    (now - since).total_seconds() >= self._rules.remind_after):
                yield item


def _moment(told: str) -> datetime.datetime | None:
    try:
        at = datetime.datetime.fromisoformat(told)
    except ValueError:
        return None
    return at if at.tzinfo else None


def _for_people(told: str) -> str:
    at = _moment(told)
    return f'{at.astimezone(datetime.UTC):%Y-%m-%d %H:%M} UTC' if at else told
