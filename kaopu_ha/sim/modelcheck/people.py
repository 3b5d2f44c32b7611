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

"""People in the model world: at any time one may ask to retry the instance, or to give it up.

What comes of it is decided by ``core.wishes``, as a look and a commit of the leader.  How often
they ask is bounded: else the world would not be finite.
"""

from __future__ import annotations

from collections.abc import Iterator
import dataclasses
import functools

from kaopu_ha.core import model, wishes
from kaopu_ha.core.wishes import Wish, WishVerb
from kaopu_ha.sim.modelcheck.world import (
    INSTANCE,
    RULES,
    SOURCE,
    Move,
    Pending,
    State,
    Writes,
    plain,
    replaced,
)

ASKED_MAX = 1


def people_moves(state: State, *, blindly: bool = False) -> Iterator[Move]:
    """What the leader, or who takes itself for it, would make of a wish now.

    ``blindly``: it gives up whatever was called for.
    """
    if state.asked >= ASKED_MAX or None in (state.case, state.recovery, state.evacuation):
        return
    for who in (0, 1):
        if state.controllers[who].kind != 'idle':
            continue
        for verb in (WishVerb.RETRY, WishVerb.GIVE_UP):
            looked = State(case=state.case, recovery=state.recovery, evacuation=state.evacuation)
            written = _written(looked, verb, blindly)
            if written:
                pending = Pending('wish', writes=(*written, ('asked', state.asked + 1)))
                yield Move(f'{("the leader", "the other controller")[who]} would {verb.value} the '
                           f'instance, as a person asks',
                           state._replace(controllers=replaced(state.controllers, who, pending)))


@functools.cache
def _written(state: State, verb: WishVerb, blindly: bool) -> Writes:
    """What the answer writes; nothing if it is refused."""
    assert state.evacuation is not None
    item = state.evacuation
    if blindly and item.phase in (model.Phase.CALLING, model.Phase.MOVING):
        item = dataclasses.replace(item, phase=model.Phase.QUEUED)
    answer = wishes.answered(
        Wish(verb, SOURCE, 'a person', '', '', recovery='r', instance=INSTANCE), wishes.Seen(
            '', '', case=state.case, recovery=state.recovery, evacuations=(item,)), RULES)
    written: list[tuple[str, object]] = [('evacuation', plain(move)) for move in answer.evacuations]
    if answer.recovery is not None:
        written.append(('recovery', dataclasses.replace(answer.recovery, history=())))
    return tuple(written)
