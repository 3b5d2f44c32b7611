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

"""What every part of an agent needs: whose host it is, and by what it reaches the world."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
import datetime
import time

from kaopu_ha import ports
from kaopu_ha.core.news import Fact, News


def now() -> str:
    """The time for people, to the second."""
    return datetime.datetime.now(datetime.UTC).isoformat(timespec='seconds')


@dataclass(frozen=True)
class HostRuntime:
    """The host of an agent.  ``clock`` is monotonic and decides; ``now`` is the time for people.

    ``ask_limit``: the seconds that one question to libvirt or to the storage may take.
    """

    host: str
    store: ports.Store
    local: ports.LocalHost
    tell: Callable[[News], None]
    clock: Callable[[], float] = time.monotonic
    now: Callable[[], str] = now
    ask_limit: float = 4.0

    def say(self, fact: Fact, text: str) -> None:
        """Tell one news of this host."""
        self.tell(News(fact, self.host, text))
