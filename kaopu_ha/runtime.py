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

"""What a loop runs in, whether on threads and real clocks or in the simulator."""

from __future__ import annotations

from collections.abc import Callable
import concurrent.futures
from dataclasses import dataclass

from kaopu_ha.core.news import News
from kaopu_ha.core.rules import Rules


@dataclass(frozen=True)
class Runtime:
    """What whoever does something needs besides its ports.

    ``name``: of this process; ``clock`` is monotonic and decides; ``now`` is the time for people.
    ``pool`` makes an executor of so many threads, with a name.
    """

    name: str
    clock: Callable[[], float]
    now: Callable[[], str]
    tell: Callable[[News], None]
    pool: Callable[[int, str], concurrent.futures.Executor]
    rules: Rules = Rules()
