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

"""Usage from what the hosts themselves tell: where there is no Placement.

Used is what their domains that are on are given.  A core is lent several times, memory once: a host
that has too little of that kills guests.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Self

from oslo_config import cfg

from kaopu_ha import ports, records
from kaopu_ha.conf import usage as conf_usage
from kaopu_ha.core import model
from kaopu_ha.core.model import Power


class InventoryUsage(ports.UsageSource):
    """Cores and memory of every inventory in the store."""

    options = {conf_usage.GROUP: conf_usage.OPTS}

    @classmethod
    def from_conf(cls, conf: cfg.ConfigOpts, store: ports.Store) -> Self:
        """Made as configured."""
        # Not conf.usage: oslo.config has a usage of its own.
        group = conf[conf_usage.GROUP]
        return cls(store, core_ratio=group.core_ratio, reserved_memory_mb=group.reserved_memory_mb)

    def __init__(self, store: ports.Store, *, core_ratio: float = 4.0,
                 reserved_memory_mb: int = 512) -> None:
        self._store, self._ratio, self._reserved = store, core_ratio, reserved_memory_mb

    def usage(self) -> Mapping[str, model.Usage]:
        """Usage by host, as its agent told last."""
        seen = self._store.read(records.INVENTORY)
        told = records.readable(model.Inventory, seen.under(records.INVENTORY))
        # A host tells of itself only: one that speaks in another's name is no target.
        return {host: self._usage(each) for host, each in told.items() if each.host == host}

    def _usage(self, inventory: model.Inventory) -> model.Usage:
        on = [each for each in inventory.instances if each.power is not Power.OFF]
        return model.Usage(
            cores=inventory.cores * self._ratio, cores_used=sum(each.cores for each in on),
            memory_mb=max(inventory.memory_mb - self._reserved, 0),
            memory_mb_used=sum(each.memory_mb for each in on))
