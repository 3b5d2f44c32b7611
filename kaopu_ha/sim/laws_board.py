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

"""11, of what is shown: whoever logs in to Horizon is shown what is so, and nothing that is over.

From what stands in the store, and not from the program's own messages: who is confirmed, whether
the brake is on, and whether anything waits at all.  Of each controller that goes on, leader or not.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
import re

from kaopu_ha import records
from kaopu_ha.core import brake, detection, texts
from kaopu_ha.core.aftercare import Aftercare
from kaopu_ha.core.board import BoardMessage, MessageKind
from kaopu_ha.core.model import Case, Evacuation, Phase, Recovery, Stage
from kaopu_ha.core.restart import Restart
from kaopu_ha.sim.board import Folder
from kaopu_ha.sim.daemon import Daemon
from kaopu_ha.sim.network import reaches
from kaopu_ha.sim.world import World

Say = Callable[[str, str], None]
So = Mapping[MessageKind, Sequence[str] | None]

_TICK_SECONDS = 1.0
# A turn is due every five seconds; it reads, and what it reads may be a moment old.
_SHOWN_SECONDS = 12.0
# A minute without the store, and one try that waits for its answer.
_UNKNOWN_SECONDS = 75.0


class OnBoards:
    """Looks at every folder, as somebody who logs in does."""

    def __init__(self, world: World, say: Say) -> None:
        self._world, self._say = world, say
        # Since when each folder is not as it should be.
        self._wrong: dict[str, float] = {}
        # Since when each controller has been as it is: with the store, or without.
        self._since: dict[str, tuple[bool, float]] = {}
        if world.setup.horizon:
            self._tick()

    def _tick(self) -> None:
        world, now = self._world, self._world.kernel.now
        so = {} if world.spoiled else dict(self._so())
        for each in world.controllers:
            folder = world.folders.by_role.get(each.role)
            if folder is None or not self._is_able(each, folder) or world.spoiled:
                self._wrong.pop(each.role, None)
                self._since.pop(each.role, None)
                continue
            why = self._why_wrong(each, folder, so)
            since = self._wrong[each.role] = self._wrong.get(each.role, now) if why else now
            if now - since > _SHOWN_SECONDS:
                self._say('what is shown is so', f'in the folder of {each.role}: {why}')
        world.kernel.after(_TICK_SECONDS, self._tick)

    def _is_able(self, one: Daemon, folder: Folder) -> bool:
        """True while it goes on, can write there, and the store does not lose its answers."""
        return (one.goes_on and one.name not in self._world.hangs.since
                and not (folder.away or folder.hangs or self._world.etcd.lost_answers))

    def _why_wrong(self, one: Daemon, folder: Folder, so: So) -> str:
        """Why it is not as it should be, by what this controller can know; '' if it is."""
        now, etcd = self._world.kernel.now, self._world.etcd
        reads = not etcd.away and reaches(one.node, etcd.node, 'management')
        before, since = self._since.get(one.role, (reads, now))
        since = since if before == reads else now
        self._since[one.role] = reads, since
        if not reads:
            is_unknown = now - max(since, one.since) > _UNKNOWN_SECONDS
            return ('it shows what nobody can know there' if is_unknown
                    and {*folder.messages} != {MessageKind.STORE} else '')
        if MessageKind.STORE in folder.messages:
            return 'it says that the store is away'
        return next(filter(None, (_why_not(kind, folder.messages.get(kind), hosts)
                                  for kind, hosts in so.items())), '')

    def _so(self) -> Iterator[tuple[MessageKind, Sequence[str] | None]]:
        """What has to be shown of each kind, of which hosts; () of whomever, None: nothing."""
        world = self._world
        storm = world.record(brake.Storm, records.STORM)
        yield MessageKind.BRAKE, storm.braked if storm is not None and storm.on else None
        cases = world.every(Case, records.CASE)
        dead = [case.host for case in cases if case.stage is Stage.CONFIRMED]
        yield MessageKind.CONFIRMED, dead or None
        waits, lost = self._open(cases)
        # In between it is shown once it has waited for long enough.
        if lost or not waits:
            yield MessageKind.WAITS, () if lost else None

    def _open(self, cases: list[Case]) -> tuple[bool, bool]:
        """Whether anything is open at all, and whether something does not run for good."""
        world = self._world
        dead = {case.recovery for case in cases
                if case.stage in (Stage.CONFIRMED, Stage.ADMITTING)}
        moves = [item for item in world.every(Evacuation, records.EVACUATION)
                 if item.recovery in dead and not item.given_up]
        lost = any(item.phase in (Phase.FAILED, Phase.NOT_RECOVERABLE) for item in moves)
        waits = lost or any(case.stage in detection.JUDGING or case.stage is Stage.ADMITTING
                            for case in cases)
        waits = waits or any(not item.phase.ended for item in moves)
        waits = waits or any(one.id in dead and not one.stage.finished
                             for one in world.every(Recovery, records.RECOVERY))
        waits = waits or any(one.unsettled for one in world.every(Restart, records.RESTART))
        waits = waits or any(one.wrong for one in world.every(Aftercare, records.AFTERCARE))
        return waits, lost


def _why_not(kind: MessageKind, shown: BoardMessage | None, hosts: Sequence[str] | None) -> str:
    if shown is None:
        return '' if hosts is None else f'{kind.value} is not shown'
    if hosts is None:
        return f'it shows what is over: {shown.text}'
    named = re.search(r'\(([^)]*)\)', shown.text)
    wanted = texts.few(sorted(hosts))
    return '' if not hosts or named and named.group(1) == wanted else (
        f'it shows others than {wanted}: {shown.text}')
