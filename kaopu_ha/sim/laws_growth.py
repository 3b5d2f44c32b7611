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

"""12. What is stored for a host is bounded, and nothing is written that says nothing.

From what was committed alone: the size of each record, the number of keys that there are for a
host, and whether a record that is written again differs in more than counts and times.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
import json
from typing import Any

from kaopu_ha import ports, records
from kaopu_ha.sim.world import World

Writes = Sequence[ports.Put | ports.Delete]
Before = Mapping[str, ports.Entry]

LAW = 'what is stored is bounded'

# A false host has some instances only: what is told of it is far below what etcd takes.
_RECORD_BYTES_MAX = 64 * 1024
# Kept of a host for explain.
_CLOSED_MAX = 20
# Between two records of a case that differ in counts and times only.
_AGAIN_SECONDS = 25.0
_QUIET = (records.INVENTORY, records.RECOVERY, records.EVACUATION, records.CLOSED, records.HOST,
          records.SERVER, records.SERVICE, records.DOMAIN)


class Growth:
    """Looks at every commit of the program's own processes."""

    def __init__(self, world: World, say: Callable[[str, str], None]) -> None:
        self._world, self._say = world, say
        self._written: dict[str, float] = {}
        world.etcd.refused = self._refused

    def committed(self, who: str, writes: Writes, before: Before) -> None:
        """Something was committed."""
        if not who.startswith(('agent', 'controller', 'worker')):
            return
        for write in writes:
            if isinstance(write, ports.Put):
                self._put(who, write, before.get(write.key), alone=len(writes) == 1)

    def _put(self, who: str, write: ports.Put, before: ports.Entry | None, *,
             alone: bool) -> None:
        if len(write.value) > _RECORD_BYTES_MAX:
            self._say(LAW, f'{who} wrote {len(write.value)} bytes to {write.key}')
        if write.key.startswith(_QUIET) and before is not None and before.value == write.value:
            self._say(LAW, f'{who} wrote {write.key} again as it was')
        if write.key.startswith(records.CASE):
            self._case(who, write, before, alone=alone)
        if write.key.startswith(records.CLOSED):
            self._closed(write.key)

    def _case(self, who: str, write: ports.Put, before: ports.Entry | None, *,
              alone: bool) -> None:
        now, last = self._world.kernel.now, self._written.get(write.key)
        self._written[write.key] = now
        # Beside another key it may be as it was: a clock that etcd lost is written again with it.
        if before is None or last is None or now - last >= _AGAIN_SECONDS or not alone:
            return
        if _timeless(before.value) == _timeless(write.value):
            self._say(LAW, f'{who} wrote {write.key} again after {now - last:.1f} s, and only '
                           f'counts and times are new')

    def _closed(self, key: str) -> None:
        archive = key.rpartition('/')[0] + '/'
        kept = sum(1 for each in self._world.etcd.entries if each.startswith(archive))
        if kept > _CLOSED_MAX:
            self._say(LAW, f'{kept} keys are under {archive}')

    def _refused(self, who: str, why: str) -> None:
        if who.startswith(('agent', 'controller', 'worker')):
            self._say(LAW, f'{who} asked etcd for more than it takes: {why}')


def _timeless(text: str) -> Any:
    try:
        data = json.loads(text)
        for item in data.get('rounds', ()):
            for name in ('at', 'by', 'count'):
                item.pop(name, None)
    except (ValueError, AttributeError, RecursionError):
        return text
    return data
