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

"""The model check: every state that the small world can come to, and the laws in each of them.

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
from kaopu_ha.sim.smallcontrollers import ORDER, controller_moves, leadership_moves
from kaopu_ha.sim.smallpeople import people_moves
from kaopu_ha.sim.smallworkers import claim_moves, worker_moves
from kaopu_ha.sim.smallworld import (
    IDLE,
    INVENTORY,
    SOURCE,
    TARGETS,
    Hand,
    Host,
    Law,
    Move,
    Small,
    Weak,
    canonical,
    host_moves,
    nova_moves,
    rounds,
    writes,
)

# A host whose instance lives, seen by nobody; and one that is confirmed, fenced and proven.
DARK = Small(host=Host.DARK, beat=False)
PROVEN = Small(
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
    controllers=(IDLE, next(Hand('asked', item, item.verdict, outlived=True)
                            for item, _ in rounds(DARK, Weak())
                            if item.verdict is model.Verdict.DEAD)))


@dataclass(frozen=True)
class Variant:
    """A search: what is taken away, which law must break, and from where it goes.

    In a ``calm`` one host and store stay as they are: what breaks needs nothing of them.
    ``people``: what comes of it if they may ask for the instance at any time.
    """

    name: str
    weak: Weak
    law: Law | None = None
    start: Small = Small()
    calm: bool = False
    people: Callable[[Small], Iterator[Move]] | None = None


MAIN = Variant('the program as it is', Weak())
ARRIVAL = Variant('the program as it is, while an instance comes to the fenced host', Weak(),
                  start=LATE)
PEOPLE = Variant('the program as it is, while people retry and give up, from a proven fence',
                 Weak(), start=PROVEN, calm=True, people=people_moves)
WHOLE = (MAIN, ARRIVAL, PEOPLE)
VARIANTS = (
    Variant('without a fence', Weak(fence=True), Law.ONE_WRITER),
    Variant('without compare-and-swap, from a dark host', Weak(compare=True), Law.ADMIT, DARK,
            calm=True),
    Variant('without compare-and-swap, in commits and permits, from a proven fence',
            Weak(compare=True, permit=True), Law.ONE_TARGET, PROVEN, calm=True),
    Variant('without permits, from a proven fence', Weak(permit=True), Law.ONE_TARGET, PROVEN,
            calm=True),
    Variant('with UNKNOWN counted as SILENCE', Weak(unknown=True), Law.SILENCE),
    Variant('with an epoch that is read at the commit, from a former leader stopped in its look',
            Weak(term=True), Law.LAST_LOOK, STOPPED, calm=True),
    Variant('with a round that is older than a beat, from a dark host', Weak(slow=True),
            Law.LAST_LOOK, DARK),
    Variant('with a refused repetition that ends the attempt, from a proven fence',
            Weak(refusal=True), Law.ONE_TARGET, PROVEN, calm=True),
    Variant('with a give-up of what was called for, from a proven fence', Weak(), Law.GIVEN_UP,
            PROVEN, calm=True, people=functools.partial(people_moves, blindly=True)),
)


@dataclass(frozen=True)
class Found:
    """What a search came to: its size, and the law that broke with its shortest story.

    ``reached``: the stages and phases that were come to, so that "nothing broke" says something.
    """

    states: int
    transitions: int
    depth: int
    reached: tuple[str, ...] = ()
    law: Law | None = None
    story: tuple[str, ...] = ()


def search(variant: Variant) -> Found:
    """Visit every state, or stop at the first in which the variant's law (or any) is broken.

    A step that breaks another law than the variant's is not gone on from.
    """
    parents: dict[Small, tuple[Small, str] | None] = {variant.start: None}
    frontier, transitions = [variant.start], 0
    for depth in itertools.count():
        following: list[Small] = []
        for small in frontier:
            for move in moves(small, variant):
                transitions += 1
                after = canonical(move.after, variant.weak)
                law = move.broken or broken(after)
                if law is not None:
                    if variant.law in (None, law):
                        story = (*_story(parents, small), move.text)
                        return Found(len(parents), transitions, depth + 1, _reached(parents), law,
                                     story)
                    continue
                known = len(parents)
                parents.setdefault(after, (small, move.text))
                if len(parents) > known:
                    following.append(after)
        if not following:
            return Found(len(parents), transitions, depth, _reached(parents))
        frontier = following
    raise AssertionError('a finite world has an end')


def moves(small: Small, variant: Variant) -> Iterator[Move]:
    """Every step that anybody may take next."""
    weak = variant.weak
    if not variant.calm:
        yield from host_moves(small, weak)
    yield from leadership_moves(small, weak)
    for who in (0, 1):
        yield from controller_moves(small, weak, who)
    if variant.people:
        yield from variant.people(small)
    yield from claim_moves(small, weak)
    for who in (0, 1):
        yield from worker_moves(small, weak, who)
    yield from nova_moves(small)


def broken(small: Small) -> Law | None:
    """The law that the state itself breaks."""
    if writes(small) + len(small.copies) > 1:
        return Law.ONE_WRITER
    given_up = small.evacuation is not None and small.evacuation.given_up
    return Law.GIVEN_UP if given_up and small.jobs else None


def _reached(states: Iterable[Small]) -> tuple[str, ...]:
    cases = {small.case.stage for small in states if small.case}
    recoveries = {small.recovery.stage for small in states if small.recovery}
    phases = {small.evacuation.phase for small in states if small.evacuation}
    return (*(item.value for item in model.Stage if item in cases),
            *(item.value for item in model.RecoveryStage if item in recoveries),
            *(item.value for item in model.Phase if item in phases))


def _story(parents: dict[Small, tuple[Small, str] | None], small: Small) -> tuple[str, ...]:
    lines = []
    parent = parents[small]
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
