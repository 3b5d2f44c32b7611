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

"""The two controllers of the small world, one small step at a time.

Each step is a look, a commit, or an act, as in ``controller``; between two steps of one, all others
may take any number of theirs.  What is decided is decided by the core.  Who leads is the first of
the two: leadership moves by an exchange of them, and neither notices.
"""

from __future__ import annotations

from collections.abc import Iterator
import dataclasses
import functools

from kaopu_ha.core import detection, evacuation, fencing, model, selection
from kaopu_ha.core.model import Phase, RecoveryStage, Sign, Stage
from kaopu_ha.sim.smallworld import (
    ADDRESSES,
    CLUSTER,
    IDLE,
    INVENTORY,
    RULES,
    SOURCE,
    TARGETS,
    Hand,
    Law,
    Move,
    Small,
    Weak,
    Writes,
    applied,
    outlived,
    plain,
    replaced,
    rounds,
    server,
)

_NAMES = ('the leader', 'the other controller')
ORDER = model.FenceOrder('ceph_blocklist', CLUSTER, (f'{ADDRESSES[SOURCE]}:0/0',))


def _holds(small: Small, who: int, hand: Hand) -> Small:
    return small._replace(controllers=replaced(small.controllers, who, hand))


# ---------------------------------------------------------------- leadership


def office_moves(small: Small, weak: Weak) -> Iterator[Move]:
    """Leadership moves at any time, unnoticed.  An act under a permit of it then never happens."""
    old, new = small.controllers
    if not weak.permit and old.kind == 'cutting':
        old = IDLE
    yield Move('leadership moves, and the old leader does not notice',
               small._replace(controllers=(new, old), silent=False))


# ---------------------------------------------------------------- a controller


def controller_moves(small: Small, weak: Weak, who: int) -> Iterator[Move]:
    """What a controller may do next."""
    hand = small.controllers[who]
    if hand.kind == 'idle':
        yield from _looks(small, weak, who)
    elif hand.kind == 'asked':
        yield _judged(small, who, hand)
    elif hand.kind == 'cut':
        yield _cut_permitted(small, weak, who, hand)
    elif hand.kind == 'cutting':
        cut = _holds(small, who, hand._replace(kind='read back'))
        text = 'believes that it fences' if weak.fence else 'fences'
        yield Move(f'{_NAMES[who]} {text} the host', cut._replace(fenced=not weak.fence))
    elif hand.kind == 'read back':
        yield _proven(small, weak, who, hand)
    else:
        yield _committed(small, weak, who, hand)


def _looks(small: Small, weak: Weak, who: int) -> Iterator[Move]:
    name, case = _NAMES[who], small.case
    if case is None:
        if not small.beat:
            opened = plain_case(detection.opened(INVENTORY, detection.Seen('', '', beat=False)))
            yield _decided(small, who, 'judge', (('case', opened),),
                           f'{name} sees no beat, and would open a case')
        return
    if case.stage in detection.JUDGING:
        if small.beat:
            yield _judged(small, who, IDLE)
            return
        for found, lively in rounds(small, weak):
            hand = Hand('asked', found, found.verdict, lively=lively)
            yield Move(f'{name} asks: libvirt {found.management.sign.value}'
                       f'{" (its kernel answers)" if found.management.kernel_answers else ""}, '
                       f'storage {found.storage.sign.value}', _holds(small, who, hand))
        return
    if small.recovery is not None:
        yield from _recovers(small, weak, who, small.recovery)


def _decided(small: Small, who: int, kind: str, written: Writes, text: str) -> Move:
    return Move(text, _holds(small, who, Hand(kind, writes=written)))


def _judged(small: Small, who: int, hand: Hand) -> Move:
    """Read once more, and decide: the round is older than what is read."""
    case, name = small.case, _NAMES[who]
    if case is None or case.stage not in detection.JUDGING:
        return Move(f'{name} reads: nothing is to be judged any more', _holds(small, who, IDLE))
    since = RULES.look_interval if small.silent and who == 0 else 0.0
    written, stage = _decision(case, small.beat, hand.round, since, small.death,
                               bool(small.lock))
    decided = Hand('judge', None, hand.verdict, written)
    if any(key == 'recovery' for key, _ in written):
        decided = decided._replace(outlived=hand.outlived, lively=hand.lively)
    return Move(f'{name} reads, and decides: {stage}', _holds(small, who, decided))


@functools.cache
def _decision(case: model.Case, beat: bool, found: model.Round | None, since: float, death: bool,
              lock: bool) -> tuple[Writes, str]:
    seen = detection.Seen('', '', beat=beat, round=found, since_last=since, death=death, lock=lock,
                          inventory=INVENTORY)
    decision = detection.advance(case, seen, RULES)
    after, stage = plain_case(decision.case), decision.case.stage
    if stage is Stage.CLOSED:
        return (('case', None), *_keys(decision)), 'closed, its beat is back'
    if decision.confirm:
        recovery = model.Recovery('r', SOURCE, RecoveryStage.FENCING, orders=(ORDER,),
                                  instances=evacuation.powered(INVENTORY, None))
        after = dataclasses.replace(after, recovery='r')
        return (('case', after), ('lock', 'permanent'), ('recovery', recovery)), 'confirmed dead'
    text = f'{stage.value}, silent for {after.waited:g}'
    return (('case', after), *_keys(decision)), text


def _keys(decision: detection.Decision) -> Writes:
    there: dict[detection.Key, tuple[bool, str]] = {
        detection.Key.WRITE: (True, 'lease'), detection.Key.DELETE: (False, '')}
    return (*((('death', there[decision.death][0]),) if decision.death in there else ()),
            *((('lock', there[decision.lock][1]),) if decision.lock in there else ()))


def plain_case(case: model.Case) -> model.Case:
    """The case without what grows for ever and decides nothing."""
    return dataclasses.replace(case, rounds=(), road=(), verdict=model.Verdict.UNDECIDED)


# ---------------------------------------------------------------- a controller's commit


def _committed(small: Small, weak: Weak, who: int, hand: Hand) -> Move:
    name = _NAMES[who]
    after = _holds(small, who, IDLE)
    if not weak.compare and (hand.stale or who):
        return Move(f'{name} commits, and is refused', after)
    after = applied(after, hand.writes)
    if hand.kind == 'list' and small.recovery is not None:
        planned = dataclasses.replace(small.recovery, stage=RecoveryStage.PLANNED)
        after = _holds(after, who, Hand('recover', writes=(('recovery', planned),),
                                        stale=hand.stale))
    if hand.kind == 'judge':
        if hand.verdict is model.Verdict.ALIVE:
            after = outlived(after)
        if who == 0:
            after = after._replace(silent=hand.verdict is model.Verdict.DEAD)
    return Move(f'{name} commits: {_told(hand)}', after, _broken(small.case, hand, after))


def _told(hand: Hand) -> str:
    told = []
    for key, value in hand.writes:
        state = getattr(value, 'stage', None) or getattr(value, 'phase', None)
        there = {True: 'written', False: 'deleted', '': 'deleted', None: 'closed'}
        told.append(f'{key} {state.value if state else there.get(value, value)}')
    return ', '.join(told)


def _broken(before: model.Case | None, hand: Hand, after: Small) -> Law | None:
    """The laws of a change of stage."""
    now = after.case.stage if after.case else None
    if before is not None and before.stage is Stage.CONFIRMED:
        return None if now is Stage.CONFIRMED else Law.ADMIT
    if now is Stage.CONFIRMED:
        if hand.outlived:
            return Law.LAST_LOOK
        if hand.lively:
            return Law.SILENCE
    return None


# ---------------------------------------------------------------- a recovery, step by step


def _recovers(small: Small, weak: Weak, who: int, recovery: model.Recovery) -> Iterator[Move]:
    name = _NAMES[who]
    if recovery.stage is RecoveryStage.FENCING:
        if recovery.checked:
            yield Move(f'{name} reads: the host is to be fenced', _holds(small, who, Hand('cut')))
            return
        orders, _ = fencing.admissible(recovery.orders, {ADDRESSES[SOURCE]: (SOURCE,)}, {})
        checked = dataclasses.replace(recovery, orders=orders, checked=True)
        yield _decided(small, who, 'recover', (('recovery', checked),),
                       f'{name} reads: the order of the fence may be carried out')
        return
    if fencing.missing(recovery.orders, _proofs(small, weak)):
        return
    if not small.proof:
        yield _decided(small, who, 'mark', (('proof', True),), f'{name} reads the fence back')
    if recovery.stage is RecoveryStage.PROVEN:
        yield from _lists(small, who, recovery)
    elif recovery.stage in (RecoveryStage.PLANNED, RecoveryStage.EVACUATING):
        yield from _moves_on(small, who, recovery)


def _proofs(small: Small, weak: Weak) -> tuple[model.Proof, ...]:
    """The fence as it is read back; without a fence, the search has it believed."""
    return (model.Proof(ORDER.fence, ORDER.cluster, small.fenced or weak.fence, ''),)


def _cut_permitted(small: Small, weak: Weak, who: int, hand: Hand) -> Move:
    if not weak.permit and (hand.stale or who):
        return Move(f'{_NAMES[who]} may not fence: leadership or record changed',
                    _holds(small, who, IDLE))
    return Move(f'{_NAMES[who]} has a permit to fence',
                _holds(small, who, hand._replace(kind='cutting')))


def _proven(small: Small, weak: Weak, who: int, hand: Hand) -> Move:
    recovery = small.recovery
    if recovery is None or fencing.missing(recovery.orders, _proofs(small, weak)):
        return Move(f'{_NAMES[who]} reads back: the fence does not hold', _holds(small, who, IDLE))
    proven = dataclasses.replace(recovery, stage=RecoveryStage.PROVEN)
    written = (('recovery', proven), ('proof', True))
    return Move(f'{_NAMES[who]} reads the fence back', _holds(
        small, who, hand._replace(kind='recover', writes=written)))


def _lists(small: Small, who: int, recovery: model.Recovery) -> Iterator[Move]:
    fenced = fencing.fenced_clusters(recovery.orders)
    servers = [server(small)] if small.server[0] == SOURCE else []
    for text, seen in _seen():
        made = evacuation.listed(recovery, servers, fenced, seen)
        item = next(iter((*evacuation.planned(made, seen, RULES), *made)), None)
        if item is not None:
            yield _decided(small, who, 'list', (('evacuation', plain(item)),),
                           f'{_NAMES[who]} lists and plans{text}: to {item.target or "nowhere"}')


def _moves_on(small: Small, who: int, recovery: model.Recovery) -> Iterator[Move]:
    item, name = small.evacuation, _NAMES[who]
    if item is None or item.phase.ended:
        ended = dataclasses.replace(recovery, stage=RecoveryStage.FINISHED)
        yield _decided(small, who, 'recover', (('recovery', ended),), f'{name} reads: all ended')
        return
    if item.phase in (Phase.WAITING, Phase.REFUSED):
        for text, seen in _seen():
            for changed in evacuation.planned([item], seen, RULES):
                if plain(changed) != item:
                    yield _decided(small, who, 'replan', (('evacuation', plain(changed)),),
                                   f'{name} plans again{text}: {changed.phase.value} '
                                   f'{changed.target}')
    if recovery.stage is RecoveryStage.PLANNED and item.attempts:
        going = dataclasses.replace(recovery, stage=RecoveryStage.EVACUATING)
        yield _decided(small, who, 'recover', (('recovery', going),), f'{name} reads: it goes on')


@functools.cache
def _seen() -> tuple[tuple[str, evacuation.Seen], ...]:
    """Two looks at the other hosts: both may be targets, or the first is suspected itself."""
    found = []
    for text, suspected in (('', False), (f', {TARGETS[0]} suspected', True)):
        candidates = tuple(selection.Candidate(
            host, beat=True, held=False, suspected=suspected and host == TARGETS[0], locked=False,
            flapping=False, storage={CLUSTER: Sign.LIFE},
            service=model.ComputeService(host, host, True, True, False),
            usage=model.Usage(8, number, 8192, 1024 * number))
            for number, host in enumerate(TARGETS))
        found.append((text, evacuation.Seen('', '', 1, candidates)))
    return tuple(found)
