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

"""What a worker has at hand: the evacuations that it has claimed, as it read them last."""

from __future__ import annotations

import concurrent.futures
import dataclasses
from dataclasses import dataclass
import math

from kaopu_ha import ports
from kaopu_ha.core import model
from kaopu_ha.core.model import Evacuation
from kaopu_ha.worker.looker import CallTimes


@dataclass
class Task:
    """An evacuation that this worker has claimed.

    ``since``: when it first saw the present attempt, or gave up to wait for Nova's answer;
    ``began``: when it claimed it; ``troubled``: since when each of its steps has failed.
    ``step``: the step under way, ``due`` when the next one may begin, ``asked`` when Nova was.
    """

    key: str
    claim: ports.Compare
    attempt: int = -1
    since: float = 0.0
    over: bool = False
    step: concurrent.futures.Future[Exception | None] | None = None
    due: float = 0.0
    asked: float = -math.inf
    began: float = 0.0
    troubled: float | None = None
    times: CallTimes = dataclasses.field(default_factory=CallTimes)


@dataclass(frozen=True)
class TaskRecord:
    """The evacuation as read, and the conditions under which it may go on.

    Without a proof it is only looked at: nothing is called for, or reset to be called; Nova is told
    what runs on its target.  ``orders``: by which its source is fenced, as they were proven.
    """

    item: Evacuation
    proven: bool
    compares: tuple[ports.Compare, ...]
    inventory: model.Inventory | None
    case: model.Case | None = None
    source_returned: bool = False
    orders: tuple[model.FenceOrder, ...] = ()
