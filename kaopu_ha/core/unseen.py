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
"""What ran on a host and its agent does not tell of, for that was dead when it came.

Nobody knew its disks, so it was in the plan of a recovery and could not be moved: it is started
where it was, once that is back.  If the host is lost before that, it was on all the same.
"""

from __future__ import annotations

from collections.abc import Iterable
import dataclasses

from kaopu_ha.core import restart
from kaopu_ha.core.model import Case, Evacuation, Instance, Inventory, Phase, Power


def to_start(case: Case, inventory: Inventory, moves: Iterable[Evacuation],
             before: restart.Restart | None, at: str, by: str) -> restart.Restart | None:
    """The record for what is started in place when the host is admitted; None if nothing is.

    Who was not booted since has it running still.
    """
    if inventory.boot_id == case.boot_id:
        return None
    unseen = {move.instance for move in moves if move.recovery == case.recovery
              and move.phase is Phase.NOT_RECOVERABLE and not move.images
              and move.power is not Power.OFF}
    lies_here = tuple(sorted(one.uuid for one in inventory.instances if one.uuid in unseen
                             and one.power is Power.OFF and not one.local_disks))
    return restart.opened(dataclasses.replace(inventory, interrupted=lies_here), before, at, by)


def with_unsettled(inventory: Inventory, before: restart.Restart | None) -> Inventory:
    """What the host had on, with what is still to be started there: that was on, and is off.

    Its agent does not know of what came while it was dead.  What that never told of has no image
    that could be asked.
    """
    unsettled = before.unsettled if before else ()
    if not unsettled:
        return inventory
    known = {instance.uuid for instance in inventory.instances}
    untold = [Instance(start.instance, start.name, Power.OFF, untold=True)
              for start in unsettled if start.instance not in known]
    interrupted = {*inventory.interrupted, *(start.instance for start in unsettled)}
    return dataclasses.replace(inventory, instances=(*inventory.instances, *untold),
                               interrupted=tuple(sorted(interrupted)))
