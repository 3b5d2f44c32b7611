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

"""An outside act under a permit, as ``drivers.child`` does one.

The deadline is set before the permit is asked; a process that was frozen in between finds it over
when it is thawed, and does nothing.
"""

from __future__ import annotations

from kaopu_ha import ports
from kaopu_ha.sim.kernel import Kernel

# From the permit's yes to the act itself.
_GO_SECONDS = 0.02


class Leave:
    """What a child process does around one act."""

    def __init__(self, kernel: Kernel, permit: ports.Permit) -> None:
        """Set the deadline.  Raises NotPermitted if no time is left."""
        self._kernel, self._permit = kernel, permit
        self.seconds = permit.seconds()
        self._over = kernel.now + self.seconds
        self._over_here, self._act, self._is_late = kernel.clock() + self.seconds, '', False
        if self.seconds <= 0:
            raise ports.NotPermitted('no time is left')

    def take(self, act: str = '') -> None:
        """Ask the permit for the act.  Raises NotPermitted if it does not hold."""
        if not self._permit.holds():
            raise ports.NotPermitted('the permit does not hold any more')
        self._act = act
        self._kernel.about_to_act(act)
        self._kernel.sleep(_GO_SECONDS)
        self.insist()

    def insist(self) -> None:
        """Raises OutcomeUnknown if the deadline is over: the child was ended.

        By its own machine's clocks: where they stood still with it, it acts, too late.
        """
        if self._kernel.clock() > self._over_here:
            raise ports.OutcomeUnknown('it took too long')
        if self._kernel.now > self._over and not self._is_late:
            self._is_late = True
            self._kernel.acted_late(self._act)
