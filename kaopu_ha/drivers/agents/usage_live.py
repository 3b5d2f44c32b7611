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

"""Live use, as the agents measure it: hosts are ranked by it, and filled by what is set aside.

What is set aside comes from Placement, or without OpenStack from the inventories.  A figure counts
while its host renews it and beats; a host without one ranks behind all that have one.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Self

from oslo_config import cfg

from kaopu_ha import checkup, ports, records
from kaopu_ha.conf import nova as conf_nova
from kaopu_ha.conf import usage as conf_usage
from kaopu_ha.core import live, model, texts
from kaopu_ha.core.checkup import Finding, Seen, good, unasked, weak
from kaopu_ha.drivers.agents.usage import InventoryUsage

_RANKED_LAST = 'it is ranked behind all others, however much room it has'


class AgentUsage(ports.UsageSource, checkup.Checkable):
    """What is set aside, by the source that is given, with the live use from the store."""

    options = {conf_usage.GROUP: conf_usage.OPTS, conf_nova.GROUP: conf_nova.OPTS}

    @classmethod
    def from_conf(cls, conf: cfg.ConfigOpts, store: ports.Store) -> Self:
        """Made as configured.  Raises ConfigError."""
        room: ports.UsageSource
        if conf.cloud.driver == 'libvirt':
            room = InventoryUsage.from_conf(conf, store)
        else:
            # Loaded when needed only: a process without OpenStack has none of it.
            from kaopu_ha.drivers.openstack.usage import PlacementUsage
            room = PlacementUsage.from_conf(conf, store)
        # Not conf.usage: oslo.config has a usage of its own.
        return cls(store, room, weight=conf[conf_usage.GROUP].live_weight)

    def __init__(self, store: ports.Store, room: ports.UsageSource, *, weight: float = 1.0
                 ) -> None:
        self._store, self._room, self._weight = store, room, weight

    def usage(self) -> Mapping[str, model.Usage]:
        """Usage by host, each with its live use where that counts."""
        room = self._room.usage()
        told = records.live_use(self._store.read(records.USE, records.ALIVE))
        return live.joined(room, told, self._weight)

    def checks(self, seen: Seen) -> tuple[checkup.Check, ...]:
        """What the other source has to ask, and whether every host tells of its use."""
        of_room = self._room.checks(seen) if isinstance(self._room, checkup.Checkable) else ()
        return (*of_room, checkup.Check('live use of every host', lambda _: self._told(seen),
                                        _RANKED_LAST))

    def _told(self, seen: Seen) -> list[Finding]:
        try:
            told = records.live_use(self._store.read(records.USE, records.ALIVE))
        except ports.PortError as failure:
            return [unasked('live use', str(failure), _RANKED_LAST, 'look at [store]')]
        silent = sorted(set(seen.living) - set(told))
        if silent:
            return [weak(texts.few(silent), 'its agent tells no live use', _RANKED_LAST,
                         'look into the log of its agent; one of an older release tells none')]
        return [good('live use', f'{len(told)} hosts tell of it')]
