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

"""What people do after a run, and how long it may take until all is well."""

from __future__ import annotations

from collections.abc import Iterator

from kaopu_ha.core.model import Evacuation
from kaopu_ha.sim import words
from kaopu_ha.sim.checkers import Violation
from kaopu_ha.sim.healed import for_people, to_reboot, unhealed
from kaopu_ha.sim.story import Event, Played

_HEALED_SECONDS = 240.0
_CALM_STEP = 5.0
_ASK_AGAIN_SECONDS = 60.0
_ADMIT = 'admit every confirmed host'
_BY_HAND = 'people mend by hand what has to be'


def heal(played: Played, by_hand: list[Event]) -> tuple[str, ...]:
    """Let the world go on until it is healed; what is not healed in time.

    What is left to people then they mend ``by_hand``, and it has to be well after that, too.  An
    admission that was refused they ask for again while anything is amiss: what it waited for is
    over by then.
    """
    world, limit = played.world, played.world.kernel.now + _HEALED_SECONDS
    asked_at, mended = world.kernel.now, False

    def do(what: str) -> None:
        by_hand.append(Event(world.kernel.now, what))
        words.happen(world, what)
    while world.kernel.now < limit:
        world.run(world.kernel.now + _CALM_STEP)
        if world.stop():
            return tuple(str(each) for each in played.checkers.found)
        if unhealed(world):
            if world.kernel.now - asked_at >= _ASK_AGAIN_SECONDS:
                asked_at = world.kernel.now
                do(_ADMIT)
            continue
        if not for_people(world) and not to_reboot(world):
            return ()
        if not mended:
            limit, mended = world.kernel.now + _HEALED_SECONDS, True
        do(_BY_HAND)
    return tuple(str(Violation(world.kernel.now, 'what can run runs', each))
                 for each in (unhealed(world) or map(_still, for_people(world))))


def healing(at: float) -> Iterator[Event]:
    """What people do in the end, as the manual tells them."""
    yield Event(at, 'mend everything')
    for later in (1.0, 12.0, 24.0, 36.0, 50.0, 65.0):
        yield Event(at + later, 'release the brake')
    for later in (5.0, 25.0, 45.0):
        yield Event(at + later, 'people say what is off and not judged')
    for later in (8.0, 30.0, 55.0, 66.5):
        yield Event(at + later, 'people end what can never be fenced')
    for later in (15.0, 40.0, 66.0):
        yield Event(at + later, _ADMIT)


def _still(item: Evacuation) -> str:
    return f'{item.name} was mended by hand, and is {item.phase.value}: {item.reason}'
