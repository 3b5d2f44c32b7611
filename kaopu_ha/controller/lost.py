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

"""Which hosts are lost for good, and what was on them that no plan has."""

from __future__ import annotations

from collections.abc import Mapping

from kaopu_ha import records
from kaopu_ha.controller.world import CloudView
from kaopu_ha.core import handover, kept, model
from kaopu_ha.core import recovery as road


def lost(world: CloudView, host: str) -> model.Recovery | None:
    """The recovery of a host that is surely cut, if what was on there was planned."""
    case = world.cases.get(host)
    recovery = world.every(model.Recovery, records.RECOVERY).get(case.recovery) if case else None
    return recovery if recovery is not None and kept.is_cut(case, recovery) and (
        kept.was_planned(recovery)) else None


def brought(world: CloudView) -> Mapping[tuple[str, str], str]:
    """What was on hosts that were lost and no plan has, by recovery and instance; and its host."""
    found = {}
    for host in world.cases.keys() & world.inventories.keys():
        recovery = lost(world, host)
        if recovery is None:
            continue
        for uuid in sorted(road.unlisted(recovery, road.Seen(
                '', '', 0, inventory=world.inventories[host], evacuations=world.evacuations))):
            if not handover.is_known(world.restarts.get(host), uuid):
                found[recovery.id, uuid] = host
    return found
