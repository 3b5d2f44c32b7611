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

"""Why nothing may be started in place now, as the records have it."""

from __future__ import annotations

from kaopu_ha.controller.told import is_back
from kaopu_ha.controller.world import CloudView


def barred(world: CloudView, host: str) -> str:
    """Why nothing may be started on the host now; empty if it may."""
    if host in world.held:
        return 'its host is on hold'
    beat = world.beats.get(host)
    if beat is not None and beat.behind:
        return f'what its host tells is old: {beat.behind}'
    if world.inventories[host].leaving:
        return 'its host is being shut down'
    if not is_back(world, host):
        case = world.cases.get(host)
        return f'there is a case on its host: {case.stage.value}' if case else \
            'its host does not beat'
    return ''


def moving(world: CloudView, instance: str) -> str:
    """Why a move may bring the instance up elsewhere; empty if there is none.

    With what the move waits for: that is what somebody has to mend who looks at this host.
    """
    item = world.under_way(instance)
    return ': '.join(filter(None, (f'it is under way from {item.source}', item.phase.value,
                                   item.reason))) if item else ''
