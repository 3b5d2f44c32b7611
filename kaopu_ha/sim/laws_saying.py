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
"""A person's word takes the place of what nobody could ask, and of nothing else.

From what people truly said in the false world, and of which case.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from kaopu_ha import ports, records
from kaopu_ha.core import notifications
from kaopu_ha.core.model import Case, Stage, Verdict
from kaopu_ha.core.segments import Notification
from kaopu_ha.sim.world import World, case_of

Say = Callable[[str, str], None]


def is_said_off(world: World, host: str) -> bool:
    """True if people said of this very case that its host is off, and it was not heard of since."""
    entry = world.etcd.entries.get(records.CASE + host)
    return entry is not None and world.said_off.get(host) == entry.created


class Said:
    """No word counts once its host was heard of, nor against a live client of nobody.

    Nor that of a notification, where those are trusted.
    """

    def __init__(self, world: World, say: Say) -> None:
        self._world, self._say = world, say
        # Hosts of which a notification says that they are dead, and which were not heard of since.
        self._notified: set[str] = set()

    def committed(self, who: str, writes: Sequence[ports.Put | ports.Delete],
                  before: Mapping[str, ports.Entry]) -> None:
        """Something was committed: look at each case that a look was written into."""
        for write in writes:
            if isinstance(write, ports.Delete):
                self._notified.discard(write.key.removeprefix(records.CASE))
            elif write.key.startswith(records.NOTIFICATION) and who == 'people' and (
                    self._world.setup.times.rules.trust_notifications):
                one = records.decode(Notification, write.value)
                self._notified |= {one.host} if notifications.is_call(one) else set()
            elif (isinstance(write, ports.Put) and write.key.startswith(records.CASE)
                    and who.startswith('controller')):
                entry = before.get(write.key)
                self._judged(case_of(write.value), case_of(entry.value) if entry else None)

    def _judged(self, case: Case, was: Case | None) -> None:
        if case.verdict is Verdict.ALIVE:
            self._world.said_off.pop(case.host, None)
            self._notified.discard(case.host)
            if case.word is not None:
                self._say('life ends a word', f'{case.host} was heard of, and the word that it is '
                                              f'off is kept')
        entry = self._world.etcd.entries.get(records.CASE + case.host)
        if case.host in self._notified and entry is not None:
            self._world.said_off[case.host] = entry.created
        condemned = case.stage is Stage.CONFIRMED and (
            was is not None and was.stage is not Stage.CONFIRMED)
        if condemned and case.rounds[-1].strangers:
            self._say('no word against a live client', f'{case.host} was condemned, and '
                      f'{case.rounds[-1].strangers[0]} lives on its images')
