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

"""What a controller is asked to look ahead by, in the false world.

It draws no lots, and nothing of it hangs: a look ahead changes nothing in a run but what is told.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from kaopu_ha import ports
from kaopu_ha.core import model
from kaopu_ha.programs import controllers
from kaopu_ha.sim.blocklist import SimBlocklist
from kaopu_ha.sim.ceph import Ceph
from kaopu_ha.sim.network import Node
from kaopu_ha.sim.nova import Nova, SimNova

_ANSWER_SECONDS = 0.05


class _Nova(SimNova, ports.UsageSource):
    """The false Nova and Placement, which take the same time for each answer."""

    def usage(self) -> Mapping[str, model.Usage]:
        """As promised."""
        self._go()
        return self.nova.usage()

    def _go(self) -> None:
        self.kernel.sleep(_ANSWER_SECONDS)
        if not self._connected():
            self.kernel.sleep(self._timeout)
            raise ports.PortError('Nova does not answer')
        if self.nova.away:
            raise ports.PortError('503: Nova is away')


def ahead(nova: Nova, clusters: Mapping[str, Ceph], node: Node,
          networks: Sequence[str]) -> controllers.Ahead:
    """What is asked at a machine."""
    asked = _Nova(nova, node)
    return controllers.Ahead(asked, asked, [SimBlocklist(clusters, node, networks)])
