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

"""Whether the nova-compute of a host runs: a level, as all that an agent tells.

(That its libvirt does not answer the beat says, and that the inventory is not kept up.)
"""

from __future__ import annotations

from collections.abc import Callable

from kaopu_ha.core import model

# A restart takes seconds, and an upgrade by a package manager hardly longer.
_GONE_SECONDS = 60.0


class ComputeWatch:
    """Remembers since when nova-compute is not seen.  For one thread."""

    def __init__(self, clock: Callable[[], float], *, is_expected: bool) -> None:
        """Take whether the host is to have one: without OpenStack there is none."""
        self._clock, self._is_expected = clock, is_expected
        self._since: float | None = None

    def is_gone(self, started: str, former: model.Inventory | None) -> bool:
        """True if it has not run for a minute.  ``started``: when it was, '' if it does not run.

        What was told before goes on, also if this agent has just begun.
        """
        if started or not self._is_expected:
            self._since = None
            return False
        if self._since is None:
            self._since = self._clock()
        return (former is not None and former.compute_gone) or (
            self._clock() - self._since >= _GONE_SECONDS)
