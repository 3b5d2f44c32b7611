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

"""Which ended recoveries are kept: the newest of each host, and what an admission has to know.

Every turn reads them all, so they must not grow with the years.
"""

from __future__ import annotations

from kaopu_ha import records
from kaopu_ha.controller.world import CloudView
from kaopu_ha.core import model


def outlived(world: CloudView) -> tuple[str, ...]:
    """Recoveries of hosts that have a newer one: each host had been admitted in between."""
    born = {name: entry.created
            for name, entry in world.snapshot.under(records.RECOVERY).items()}
    newest: dict[str, str] = {}
    known = world.every(model.Recovery, records.RECOVERY)
    for name in sorted(known, key=lambda name: born[name]):
        newest[known[name].host] = name
    return tuple(name for name, recovery in known.items()
                 if newest[recovery.host] != name and not in_use(world, recovery))


def in_use(world: CloudView, recovery: model.Recovery) -> bool:
    """True if a host is confirmed on which something of this recovery may be left.

    Its own host; or a target that died since: its admission learns from the attempts what has to be
    removed before it may write again.  What can't be read may say so.
    """
    prefix = f'{records.EVACUATION}{recovery.id}/'
    moved = world.every(model.Evacuation, prefix)
    if len(moved) < len(world.snapshot.under(prefix)):
        return True
    targets = {attempt.target for item in moved.values() for attempt in item.attempts}
    return any(case.recovery == recovery.id or case.host in targets
               for case in world.cases.values() if case.recovery)


def keys(world: CloudView, recovery: str) -> tuple[str, ...]:
    """All keys of a recovery: its evacuations, its proof, its notes, and at last its own."""
    prefix = f'{records.EVACUATION}{recovery}/'
    return (*(prefix + rest for rest in world.snapshot.under(prefix)),
            records.PROOF + recovery, records.NOTES + recovery, records.RECOVERY + recovery)
