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

"""The records of one snapshot, decoded: what a turn looks at."""

from __future__ import annotations

from collections.abc import Callable

from kaopu_ha import ports, records
from kaopu_ha.core.news import Fact, News

# What a controller reads each turn, in one linearizable read.
RANGES = (records.ALIVE, records.DEATH, records.LOCK, records.CASE, records.INVENTORY,
          records.HOST, records.BRAKE, records.STORM, records.RETURNED, records.FRESH,
          records.EVENT, records.RESTART, records.TOOL)
# How hosts are grouped into segments: what a plan reads, besides.
SEGMENTS = (records.SEGMENT, records.SEGMENT_HOST, records.TAKING)


class CloudView(records.View):
    """One snapshot.  A record that can't be read is told and left out: its host is not acted on."""

    def __init__(self, snapshot: ports.Snapshot, tell: Callable[[News], None]) -> None:
        super().__init__(snapshot)
        self._tell = tell
        self.unreadable: set[str] = set()

    def _failed(self, name: str, failure: str) -> None:
        if name:
            self.unreadable.add(name)
        self._tell(News(Fact.RECORD, name, failure))
