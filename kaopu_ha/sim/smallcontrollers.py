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

from kaopu_ha.core import detection, evacuation, model, recovery, selection
from kaopu_ha.core.model import Network, RecoveryStage, Sign, Stage
from kaopu_ha.core.recovery import Act, Decision, Seen
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


def leadership_moves(small: Small, weak: Weak) -> Iterator[Move]:
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
    elif hand.kind in ('cut', 'force'):
        yield _permitted(small, weak, who, hand)
    elif hand.kind == 'cutting':
        cut = _holds(small, who, hand._replace(kind='read back'))
        text = 'believes that it fences' if weak.fence else 'fences'
        yield Move(f'{_NAMES[who]} {text} the host', cut._replace(fenced=not weak.fence))
    elif hand.kind == 'read back':
        yield _read_back(small, weak, who, hand)
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
            yield Move(f'{name} asks: libvirt {found.of(Network.MANAGEMENT).sign.value}'
                       f'{" (its kernel answers)" if found.kernel_answers else ""}, '
                       f'storage {found.of(Network.STORAGE).sign.value}', _holds(small, who, hand))
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
        opened = model.Recovery('r', SOURCE, RecoveryStage.FENCING, orders=(ORDER,),
                                instances=evacuation.powered(INVENTORY, None))
        after = dataclasses.replace(after, recovery='r')
        return (('case', after), ('lock', 'permanent'), ('recovery', opened)), 'confirmed dead'
    text = f'{stage.value}, silent for {after.waited:g}'
    return (('case', after), *_keys(decision)), text


def _keys(decision: detection.Decision) -> Writes:
    there: dict[detection.Key, tuple[bool, str]] = {
        detection.Key.WRITE: (True, 'lease'), detection.Key.DELETE: (False, '')}
    return (*((('death', there[decision.death][0]),) if decision.death in there else ()),
            *((('lock', there[decision.lock][1]),) if decision.lock in there else ()))


def plain_case(case: model.Case) -> model.Case:
    """The case without what grows for ever and decides nothing."""
    return dataclasses.replace(case, rounds=(), history=(), verdict=model.Verdict.UNDECIDED)


# ---------------------------------------------------------------- a controller's commit


def _committed(small: Small, weak: Weak, who: int, hand: Hand) -> Move:
    name = _NAMES[who]
    after = _holds(small, who, IDLE)
    if not weak.compare and (hand.stale or who):
        return Move(f'{name} commits, and is refused', after)
    if hand.kind == 'list':
        # The stage comes in a transaction of its own, after what it is about.
        after = applied(after, hand.writes[:1])
        return Move(f'{name} commits: {_told(hand.writes[:1])}', _holds(
            after, who, hand._replace(kind='recover', writes=hand.writes[1:])))
    after = applied(after, hand.writes)
    if hand.kind == 'judge':
        if hand.verdict is model.Verdict.ALIVE:
            after = outlived(after)
        if who == 0:
            after = after._replace(silent=hand.verdict is model.Verdict.DEAD)
    return Move(f'{name} commits: {_told(hand.writes)}', after, _broken(small.case, hand, after))


def _told(writes: Writes) -> str:
    told = []
    for key, value in writes:
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

# Acts that only ask: what comes is what is true at that moment.
_ASKS = (Act.ASK_FORBIDDEN, Act.READ_BACK, Act.ASK_SERVICES, Act.LIST, Act.ASK_TARGETS)


def _recovers(small: Small, weak: Weak, who: int, item: model.Recovery) -> Iterator[Move]:
    """One look at the recovery, and what ``core.recovery`` makes of it, up to its first deed."""
    # All that a look at a recovery can see: much else changes while this stays as it is.
    looked = Small(case=small.case, recovery=item, evacuation=small.evacuation, proof=small.proof,
                   fenced=small.fenced or weak.fence, server=small.server, forced=small.forced,
                   coming=small.coming)
    for hand, text, law in decided(looked):
        yield Move(f'{_NAMES[who]} {text}', _holds(small, who, hand), law)


@functools.cache
def decided(small: Small) -> tuple[tuple[Hand, str, Law | None], ...]:
    """Everything that may come of a look at the recovery, each of it once."""
    item = small.recovery
    assert item is not None
    found: dict[Hand, tuple[str, Law | None]] = {}
    for text, candidates in _candidates():
        for seen in _looks_at(small):
            for decision in _decisions(small, item, seen, candidates):
                hand = _hand(item, decision)
                if hand is not None:
                    found.setdefault(hand, (_says(decision, text), _hasty(small, decision)))
    return tuple((hand, *told) for hand, told in found.items())


def _looks_at(small: Small) -> Iterator[Seen]:
    """The store as it is; read back a moment ago or not; a plan is due or not."""
    case = small.case
    items = () if small.evacuation is None else (small.evacuation,)
    inventory = dataclasses.replace(INVENTORY, instances=()) if small.coming else INVENTORY
    for fresh in (True, False) if small.proof else (False,):
        seen = Seen('', '', 1, case=case, inventory=inventory, evacuations=items,
                    claimed={ADDRESSES[SOURCE]: (SOURCE,)}, marked=small.proof, fresh=fresh)
        yield seen
        if small.evacuation is not None:
            yield dataclasses.replace(seen, planned=(recovery.standing(seen), 0.0))


def _decisions(small: Small, item: model.Recovery, seen: Seen,
               candidates: tuple[selection.Candidate, ...]) -> Iterator[Decision]:
    """What is decided when all that is asked for was answered.

    A new proof is shown by a commit of its own, and the turn goes on.
    """
    while True:
        decision = recovery.advance(item, seen, RULES)
        if decision.act is Act.MARK:
            if not seen.marked:
                yield decision
            seen = dataclasses.replace(seen, marked=True, fresh=True)
        elif decision.act in _ASKS:
            seen = _answered(small, decision.act, seen, candidates)
        else:
            yield decision
            return


def _answered(small: Small, act: Act, seen: Seen,
              candidates: tuple[selection.Candidate, ...]) -> Seen:
    if act is Act.ASK_FORBIDDEN:
        return dataclasses.replace(seen, forbidden={})
    if act is Act.READ_BACK:
        return dataclasses.replace(seen, proofs=_proofs(small.fenced))
    if act is Act.ASK_SERVICES:
        service = model.ComputeService(SOURCE, SOURCE, True, False, small.forced)
        return dataclasses.replace(seen, services={SOURCE: service})
    if act is Act.LIST:
        seen = dataclasses.replace(seen, servers=(server(small),)
                                   if small.server[0] == SOURCE else ())
    return dataclasses.replace(seen, candidates=candidates)


def _proofs(fenced: bool) -> tuple[model.Proof, ...]:
    """The fence as it is read back."""
    return (model.Proof(ORDER.fence, ORDER.cluster, fenced, ''),)


def _hand(item: model.Recovery, decision: Decision) -> Hand | None:
    """What the controller holds after its look: a deed, or what it would commit."""
    if decision.act in (Act.MARK, Act.UNMARK):
        return Hand('mark', writes=(('proof', decision.act is Act.MARK),))
    if decision.act is Act.FENCE:
        return Hand('cut')
    if decision.act is Act.FORCE_DOWN:
        return Hand('force')
    if decision.act is Act.COMMIT:
        written: list[tuple[str, object]] = [
            ('evacuation', plain(move)) for move in decision.evacuations]
        # Many of them are written in several transactions, the last of them with the stage.
        kind = 'list' if written and decision.recovery != item else 'recover'
        if decision.recovery != item:
            written.append(('recovery', _plain_recovery(decision.recovery)))
        if decision.proven:
            written.append(('proof', True))
        return Hand(kind, writes=tuple(written))
    if decision.act is Act.REPLAN:
        changed = [plain(move) for move in decision.evacuations]
        return Hand('replan', writes=(('evacuation', changed[0]),)) if changed else None
    return None


def _plain_recovery(item: model.Recovery) -> model.Recovery:
    """The recovery without its texts and its history, which decide nothing."""
    return dataclasses.replace(item, history=(), waiting_for='', refused=())


def _says(decision: Decision, text: str) -> str:
    planned = [f'{move.phase.value} {move.target}'.strip() for move in decision.evacuations]
    if planned:
        return f'looks, and plans{text}: {", ".join(planned)}'
    return f'looks, and decides: {decision.act.value} ({decision.recovery.stage.value})'


def _hasty(small: Small, decision: Decision) -> Law | None:
    """The laws of a recovery that goes on: what must have been true when it was looked at."""
    stage = decision.recovery.stage
    if decision.act is Act.FORCE_DOWN and not decision.recovery.forced_by_us:
        return Law.FORCED
    if decision.act is not Act.COMMIT:
        return None
    if stage.planned and not small.forced:
        return Law.FORCED
    came = not small.coming and small.server[0] == SOURCE
    settled = small.evacuation.phase.ended if small.evacuation else not came
    return Law.FORGOTTEN if stage.finished and not settled else None


# ---------------------------------------------------------------- the deeds of a recovery


def _permitted(small: Small, weak: Weak, who: int, hand: Hand) -> Move:
    """Leave for an act outside of the store, if leadership and record are as they were read."""
    name, deed = _NAMES[who], 'fence' if hand.kind == 'cut' else 'force its service down'
    if not weak.permit and (hand.stale or who):
        return Move(f'{name} may not {deed}: leadership or record changed',
                    _holds(small, who, IDLE))
    if hand.kind == 'force':
        return Move(f'{name} forces the service down',
                    _holds(small, who, IDLE)._replace(forced=True))
    return Move(f'{name} has a permit to fence', _holds(small, who, hand._replace(kind='cutting')))


def _read_back(small: Small, weak: Weak, who: int, hand: Hand) -> Move:
    """What is decided on what the clusters say right after the cut."""
    item, name = small.recovery, _NAMES[who]
    assert item is not None
    seen = dataclasses.replace(next(_looks_at(small)), cut=True, marked=False,
                               proofs=_proofs(small.fenced or weak.fence))
    decision = recovery.advance(item, seen, RULES)
    held = _hand(item, decision)
    if held is None:
        return Move(f'{name} reads back: the fence does not hold', _holds(small, who, IDLE))
    return Move(f'{name} reads the fence back',
                _holds(small, who, held._replace(stale=hand.stale)))


@functools.cache
def _candidates() -> tuple[tuple[str, tuple[selection.Candidate, ...]], ...]:
    """Two looks at the other hosts: both may be targets, or the first is suspected itself."""
    return tuple((text, tuple(selection.Candidate(
        host, beat=True, held=False, suspected=suspected and host == TARGETS[0], locked=False,
        flapping=False, storage={CLUSTER: Sign.LIFE},
        service=model.ComputeService(host, host, True, True, False),
        usage=model.Usage(8, number, 8192, 1024 * number))
        for number, host in enumerate(TARGETS)))
        for text, suspected in (('', False), (f', {TARGETS[0]} suspected', True)))
