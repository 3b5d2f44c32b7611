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

"""The port of drivers that can be asked before an incident, by really trying.

``kaopu-ha doctor`` makes each configured driver and has its checks asked, all at one time.  A check
asks the other side for what the program will need of it, with the users and files that it will
use.  It harms nobody: what it writes it takes back, and what would stay if it were killed ends by
itself within a minute.
"""

from __future__ import annotations

import abc
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from kaopu_ha.core.checkup import Finding, Seen


@dataclass(frozen=True)
class Check:
    """One thing to ask.  ``ask`` takes seconds, and gives what was found: GOOD where all is well.

    ``failure``: what would happen in a failure if this can't be asked at all.
    ``writes``: it has something to take back, and whoever is told to end waits for it.
    ``first`` is asked before that: what it finds stands for all, and nothing is written then; it
    takes nothing back, and nobody waits for its end.
    """

    name: str
    ask: Callable[[float], Iterable[Finding]]
    failure: str = ''
    writes: bool = False
    first: Callable[[float], Iterable[Finding]] | None = None


class Checkable(abc.ABC):
    """A driver that can say, before it is needed, whether it will do."""

    @abc.abstractmethod
    def checks(self, seen: Seen) -> Sequence[Check]:
        """What can be asked of the other side; asks nobody itself."""
