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

"""What a host's agent told, and whether that is so now."""

from __future__ import annotations

from kaopu_ha.controller.world import CloudView
from kaopu_ha.core import model


def tells(world: CloudView, host: str) -> bool:
    """True if what the host's agent told is so now."""
    return is_back(world, host) and not world.beats[host].behind


def is_back(world: CloudView, host: str) -> bool:
    """True if the host beats with the boot that its inventory is of, and no case is open on it."""
    beat = world.beats.get(host)
    return beat is not None and beat.boot_id == world.inventories[host].boot_id and (
        host not in world.cases)


def images_of(world: CloudView, host: str, instance: str) -> tuple[model.Image, ...] | None:
    """Its disks as its host tells of them, or any other; None if nobody does."""
    hosts = (host, *sorted(world.inventories.keys() - {host}))
    return next((one.images for each in hosts for one in world.inventories[each].instances
                 if one.uuid == instance), None)
