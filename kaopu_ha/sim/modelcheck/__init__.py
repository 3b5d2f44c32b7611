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

"""The model check: every state that the model world can come to, and the laws in each of them.

::

    python -m kaopu_ha.sim.modelcheck

Each search is breadth-first, so what it finds is a shortest story.  One is complete, over the
program as it is; the others each take something away, and must find how a law breaks then.
``doc/source/reference/modelcheck.rst`` says what is modelled and what is not.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
import functools
import itertools
import sys
import time

from kaopu_ha.core import model
from kaopu_ha.sim.modelcheck.controllers import ORDER, controller_moves, leadership_moves
from kaopu_ha.sim.modelcheck.people import people_moves
from kaopu_ha.sim.modelcheck.workers import claim_moves, worker_moves
from kaopu_ha.sim.modelcheck.world import (
    IDLE,
    INVENTORY,
    SOURCE,
    TARGETS,
    Ablation,
    Host,
    Law,
    Move,
    Pending,
    State,
    canonical,
    host_moves,
    nova_moves,
    rounds,
    writes,
)

# A host whose instance lives, seen by nobody; and one that is confirmed, fenced and proven.
DARK = State(host=Host.DARK, beat=False)
PROVEN = State(
    host=Host.DEAD, runs=False, beat=False, fenced=True, proof=True, lock='permanent',
    case=model.Case(SOURCE, model.Stage.CONFIRMED, boot_id=INVENTORY.boot_id, recovery='r'),
    recovery=model.Recovery('r', SOURCE, model.RecoveryStage.PROVEN, orders=(ORDER,), checked=True,
                            instances=INVENTORY.instances, forced_by_us=True), forced=True)
# The instance comes to that host by a live migration that was under way when it was fenced.
LATE = PROVEN._replace(
    server=(TARGETS[0], 'active', 'migrating'), copies=frozenset({TARGETS[0]}), coming=True,
    recovery=model.Recovery('r', SOURCE, model.RecoveryStage.PROVEN, orders=(ORDER,), checked=True,
                            forced_by_us=True))
# A former leader was stopped in the middle of a silent look; the host has shown life since.
STOPPED = DARK._replace(
    case=model.Case(SOURCE, model.Stage.SUSPECTED, boot_id=INVENTORY.boot_id),
    controllers=(IDLE, next(Pending('asked', item, item.verdict, outlived=True)
                            for item, _ in rounds(DARK, Ablation())
                            if item.verdict is model.Verdict.DEAD)))


@dataclass(frozen=True)
class Variant:
    """A search: what is taken away, which law must break, and from where it goes.

    In a ``calm`` one host and store stay as they are: what breaks needs nothing of them.
    ``people``: what comes of it if they may ask for the instance at any time.
    """

    name: str
    ablation: Ablation
    law: Law | None = None
    start: State = State()
    calm: bool = False
    people: Callable[[State], Iterator[Move]] | None = None


MAIN = Variant('the program as it is', Ablation())
ARRIVAL = Variant('the program as it is, while an instance comes to the fenced host', Ablation(),
                  start=LATE)
PEOPLE = Variant('the program as it is, while people retry and give up, from a proven fence',
                 Ablation(), start=PROVEN, calm=True, people=people_moves)
WHOLE = (MAIN, ARRIVAL, PEOPLE)
VARIANTS = (
    Variant('without a fence', Ablation(fence=True), Law.ONE_WRITER),
    Variant('without compare-and-swap, from a dark host', Ablation(compare=True), Law.ADMIT, DARK,
            calm=True),
    Variant('without compare-and-swap, in commits and permits, from a proven fence',
            Ablation(compare=True, permit=True), Law.ONE_TARGET, PROVEN, calm=True),
    Variant('without permits, from a proven fence', Ablation(permit=True), Law.ONE_TARGET, PROVEN,
            calm=True),
    Variant('with UNKNOWN counted as SILENCE', Ablation(unknown=True), Law.SILENCE),
    Variant('with an epoch that is read at the commit, from a former leader stopped in its look',
            Ablation(term=True), Law.LAST_LOOK, STOPPED, calm=True),
    Variant('with a round that is older than a beat, from a dark host', Ablation(slow=True),
            Law.LAST_LOOK, DARK),
    Variant('with a refused repetition that ends the attempt, from a proven fence',
            Ablation(refusal=True), Law.ONE_TARGET, PROVEN, calm=True),
    Variant('with a give-up of what was called for, from a proven fence', Ablation(), Law.GIVEN_UP,
            PROVEN, calm=True, people=functools.partial(people_moves, blindly=True)),
)


@dataclass(frozen=True)
class SearchResult:
    """What a search came to: its size, and the law that broke with its shortest story.

    ``reached``: the stages and phases that were come to, so that "nothing broke" says something.
    """

    states: int
    transitions: int
    depth: int
    reached: tuple[str, ...] = ()
    law: Law | None = None
    story: tuple[str, ...] = ()


def search(variant: Variant) -> SearchResult:
    """Visit every state, or stop at the first in which the variant's law (or any) is broken.

    A step that breaks another law than the variant's is not gone on from.
    """
    parents: dict[State, tuple[State, str] | None] = {variant.start: None}
    frontier, transitions = [variant.start], 0
    for depth in itertools.count():
        following: list[State] = []
        for state in frontier:
            for move in moves(state, variant):
                transitions += 1
                after = canonical(move.after, variant.ablation)
                law = move.broken or broken(after)
                if law is not None:
                    if variant.law in (None, law):
                        story = (*_story(parents, state), move.text)
                        return SearchResult(len(parents), transitions, depth + 1, _reached(parents),
                                            law,
                                            story)
                    continue
                known = len(parents)
                parents.setdefault(after, (state, move.text))
                if len(parents) > known:
                    following.append(after)
        if not following:
            return SearchResult(len(parents), transitions, depth, _reached(parents))
        frontier = following
    raise AssertionError('a finite world has an end')


def moves(state: State, variant: Variant) -> Iterator[Move]:
    """Every step that anybody may take next."""
    ablation = variant.ablation
    if not variant.calm:
        yield from host_moves(state, ablation)
    yield from leadership_moves(state, ablation)
    for who in (0, 1):
        yield from controller_moves(state, ablation, who)
    if variant.people:
        yield from variant.people(state)
    yield from claim_moves(state, ablation)
    for who in (0, 1):
        yield from worker_moves(state, ablation, who)
    yield from nova_moves(state)


def broken(state: State) -> Law | None:
    """The law that the state itself breaks."""
    if writes(state) + len(state.copies) > 1:
        return Law.ONE_WRITER
    given_up = state.evacuation is not None and state.evacuation.given_up
    return Law.GIVEN_UP if given_up and state.jobs else None


def _reached(states: Iterable[State]) -> tuple[str, ...]:
    cases = {state.case.stage for state in states if state.case}
    recoveries = {state.recovery.stage for state in states if state.recovery}
    phases = {state.evacuation.phase for state in states if state.evacuation}
    return (*(item.value for item in model.Stage if item in cases),
            *(item.value for item in model.RecoveryStage if item in recoveries),
            *(item.value for item in model.Phase if item in phases))


def _story(parents: dict[State, tuple[State, str] | None], state: State) -> tuple[str, ...]:
    lines = []
    parent = parents[state]
    while parent is not None:
        before, text = parent
        lines.append(text)
        parent = parents[before]
    return tuple(reversed(lines))


def main() -> int:
    """Run every search and print what it found; 0 if all is as it must be."""
    wrong = 0
    for variant in (*WHOLE, *VARIANTS):
        began = time.process_time()
        found = search(variant)
        wrong += found.law is not variant.law
        print(f'{variant.name}: {found.states:,} states, {found.transitions:,} transitions, '
              f'depth {found.depth}, {time.process_time() - began:.1f} s of CPU')
        print(f'  broken in {len(found.story)} steps: {found.law.value}' if found.law
              else f'  no law is broken; reached: {", ".join(found.reached)}')
        for number, line in enumerate(found.story, 1):
            print(f'  {number:4}  {line}')
        print(flush=True)
    return min(wrong, 1)


if __name__ == '__main__':
    sys.exit(main())
