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

"""Where each instance of a host could go if nothing else of it did, beside where the plan has it.

It is asked as a plan asks (``selection``), among the same candidates, with what is under way
already.  Many instances are alike, and are asked for once.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
import dataclasses
from dataclasses import dataclass

from kaopu_ha.core import demands, model, policy, selection
from kaopu_ha.core.circles import UNGROUPED, Grouping
from kaopu_ha.core.model import Evacuation, Phase
from kaopu_ha.core.placing import Ground, Objections
from kaopu_ha.core.selection import Candidate
from kaopu_ha.core.shortlist import Shortlist

# Of the places of one instance, the best first.
_PLACES_MAX = 3
_ENDLESS_ROOM = model.Usage(1e12, 0.0, 1e15, 0.0)


@dataclass(frozen=True)
class Chance:
    """Where one could go alone, the best first: only hosts of which nothing is doubtful.

    ``lacks_room``: there is none, and would be one, had it room.  ``doubt``: what is doubtful about
    the target that the plan has for it.
    """

    places: tuple[str, ...] = ()
    lacks_room: bool = False
    doubt: str = ''


def of_each(moves: Sequence[Evacuation], candidates: Collection[Candidate],
            places: demands.Places, others: Collection[Evacuation], rules: model.Rules,
            grouping: Grouping = UNGROUPED) -> dict[str, Chance]:
    """The chance of each, by instance; ``others``: what is moved already."""
    if grouping.reserved:
        candidates = selection.as_taken(candidates, grouping.reserved, places, rules)
    now, ground = selection.begun(candidates, places, others, grouping=grouping)
    grouped = {member for group in places.groups for member in group.members}
    kinds = {move.instance: _kind(move, grouped) for move in moves}
    found = {kind: _alone(kind, now, ground.reach(kind)) for kind in set(kinds.values())}
    doubts = _doubts(moves, ground, places)
    return {move.instance: dataclasses.replace(found[kinds[move.instance]],
                                               doubt=doubts.get(move.instance, ''))
            for move in moves}


# ---------------------------------------------------------------- private


def _kind(move: Evacuation, grouped: Collection[str]) -> Evacuation:
    """The move without what makes no difference to where it may go.

    Where one of a group may be depends on where its others are.
    """
    clusters = sorted({image.cluster for image in move.images})
    return dataclasses.replace(
        move, instance=move.instance if move.instance in grouped else '', name='', project='',
        opted_in=False, phase=Phase.WAITING, target='', power=model.Power.ON, epoch=0, history=(),
        reason='', row='', reserve='', marked='', wrong_marks=(), priority=policy.Priority.NORMAL,
        images=tuple(model.Image(cluster, '', '', '') for cluster in clusters))


def _alone(kind: Evacuation, candidates: Collection[Candidate], reach: Objections) -> Chance:
    found = selection.those_that_may(kind, candidates, reach)
    if found:
        return Chance(tuple(found[:_PLACES_MAX]))
    # Of what nobody tells there is enough (``selection.fits``): so the room is endless.
    roomy = [dataclasses.replace(one, usage=_ENDLESS_ROOM) for one in candidates
             if one.usage is not None]
    return Chance((), bool(Shortlist(roomy).choose(kind, reach)[0]))


def _doubts(moves: Iterable[Evacuation], ground: Ground,
            places: demands.Places) -> dict[str, str]:
    """What is doubtful about the targets of those that have one, as the plan placed them: one
    after the other, for each placement changes where the groups are.

    Who has to follow one that goes to a doubtful place is as doubtful.
    """
    together = {member: group.members for group in places.groups
                if group.policy == demands.TOGETHER for member in group.members}
    found: dict[str, str] = {}
    for move in policy.in_order(moves):
        if move.target:
            followed = [found[member] for member in sorted(together.get(move.instance, ()))
                        if member in found]
            doubt = ground.reach(move).doubts(move.target) or next(iter(followed), '')
            if doubt:
                found[move.instance] = doubt
            ground.placed(move.instance, move.target)
    return found
