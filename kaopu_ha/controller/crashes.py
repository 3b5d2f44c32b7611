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

"""Guests that crashed, as the records have it: who was to be started for that lately.

Under leases, as the returns of a host are: a lease that is lost has one start more made, and hurts
nobody.  ``core.crashes`` decides.
"""

from __future__ import annotations

from collections.abc import Mapping
import math

from kaopu_ha import ports, records
from kaopu_ha.controller.term import Term
from kaopu_ha.controller.told import tells
from kaopu_ha.controller.world import CloudView
from kaopu_ha.core import crashes, model
from kaopu_ha.core.crashes import Opened


def seen(world: CloudView, host: str, term: Term, rules: model.Rules) -> Opened | None:
    """What the host's agent tells, if that is so now; None if there is nothing new of it."""
    inventory = world.inventories[host]
    if not (inventory.crashed or inventory.stuck or inventory.hung) or not tells(world, host) or (
            _unreadable(world, host)):
        return None
    return crashes.seen(inventory, world.restarts.get(host), _lately(world), term.now(), term.name,
                        rules)


def called(world: CloudView, host: str, instance: str, term: Term,
           rules: model.Rules) -> Opened | None:
    """What is to be started for a notification; None if it is already, or its host is gone."""
    if host not in world.inventories or _unreadable(world, host):
        return None
    return crashes.called(world.inventories[host], world.restarts.get(host), instance,
                          _lately(world), term.now(), term.name, rules)


def counted(store: ports.Store, world: CloudView, opened: Opened, at: str,
            rules: model.Rules) -> list[ports.Put]:
    """The writes by which each of them counts for an hour.  Raises PortError."""
    if not opened.begun:
        return []
    value = records.encode(records.Crashed(at, opened.record.host))
    lease = store.grant(math.ceil(rules.crash_seconds))
    return [ports.Put(f'{records.CRASHED}{uuid}/{world.snapshot.revision:016d}', value, lease)
            for uuid in opened.begun]


def _lately(world: CloudView) -> Mapping[str, int]:
    found: dict[str, int] = {}
    for name in world.snapshot.under(records.CRASHED):
        uuid = name.partition('/')[0]
        found[uuid] = found.get(uuid, 0) + 1
    return found


def _unreadable(world: CloudView, host: str) -> bool:
    """True if there is a record of starts that a newer release wrote: it is not written over."""
    return world.has(records.RESTART + host) and host not in world.restarts
