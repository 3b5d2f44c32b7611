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

"""What people mend by hand, as the manual has it (*At night*): see ``words``."""

from __future__ import annotations

from collections.abc import Sequence
import contextlib

from kaopu_ha import ports
from kaopu_ha.sim.healed import for_people, in_the_way, left_on, still_accepted, to_reboot
from kaopu_ha.sim.nova import SimServer
from kaopu_ha.sim.sentences import Vocabulary
from kaopu_ha.sim.words_cloud import reboot
from kaopu_ha.sim.world import World

WORDS = Vocabulary()


@WORDS.take('people mend by hand what has to be')
def _by_hand(world: World) -> None:
    """They end what runs where Nova does not show it, and undefine what is in the way.

    What runs where Nova shows it, and was fenced there, they reboot.  A record of a call that is
    lost they end in Nova.
    """
    for row in to_reboot(world):
        reboot(world, row.name)
    for item in for_people(world):
        row = world.nova.rows[item.instance]
        places = world.writing_on(row)
        for host in places or left_on(world, item) or in_the_way(world, item):
            world.machines[host].remove(row.uuid)
        for record in still_accepted(world, item):
            record.status = 'error'
        if places and row.host != item.source:
            _move(world, row, places)


def _move(world: World, row: SimServer, places: Sequence[str]) -> None:
    """Have Nova move it from where it shows it; where it was is what Kaopu HA moves by itself."""
    if not world.confirmed(row.host):
        reboot(world, row.name)
        return
    row.reset('active')
    with contextlib.suppress(ports.Refused):
        world.nova.evacuate_for_a_person(row, places[0])
