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

"""Which servers a project has: asked of Nova, and known for some seconds."""

from __future__ import annotations

from collections.abc import Callable
import threading

from kaopu_ha import ports
from kaopu_ha.api.books import away
from kaopu_ha.core import model

# A page that is looked at again and again asks Nova no more often.
_KNOWN_SECONDS = 10.0
_KNOWN_MAX = 1000


class Projects:
    """The servers of projects.  For any number of threads."""

    def __init__(self, cloud: ports.Cloud, clock: Callable[[], float]) -> None:
        self._cloud, self._clock = cloud, clock
        self._known: dict[str, tuple[float, tuple[model.Server, ...]]] = {}
        self._mutex = threading.Lock()

    def servers(self, project: str) -> tuple[model.Server, ...]:
        """Those of a project, some seconds old at most.  Raises Fault 503 if Nova does not say."""
        now = self._clock()
        with self._mutex:
            known = self._known.get(project)
        if known is not None and now - known[0] < _KNOWN_SECONDS:
            return known[1]
        try:
            found = self._cloud.servers_of(project)
        except ports.PortError as failure:
            raise away(failure) from failure
        with self._mutex:
            self._known.pop(project, None)
            while len(self._known) >= _KNOWN_MAX:
                del self._known[next(iter(self._known))]
            self._known[project] = now, found
        return found
