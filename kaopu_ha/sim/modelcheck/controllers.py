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

"""The two controllers of the model world, one small step at a time.

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
from kaopu_ha.sim.modelcheck.world import (
    ADDRESSES,
    CLUSTER,
    IDLE,
    INVENTORY,
    RULES,
    SOURCE,
    TARGETS,
    Ablation,
    Law,
    Move,
    Pending,
    State,
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


def _holds(state: State, who: int, pending: Pending) -> State:
    return state._replace(controllers=replaced(state.controllers, who, pending))


# ---------------------------------------------------------------- leadership


def leadership_moves(state: State, ablation: Ablation) -> Iterator[Move]:
    """Leadership moves at any time, unnoticed.  An act under a permit of it then never happens."""
    old, new = state.controllers
    if not ablation.permit and old.kind == 'cutting':
        old = IDLE
    yield Move('leadership moves, and the old leader does not notice',
               state._replace(controllers=(new, old), silent=False))


# ---------------------------------------------------------------- a controller


def controller_moves(state: State, ablation: Ablation, who: int) -> Iterator[Move]:
    """What a controller may do next."""
    pending = state.controllers[who]
    if pending.kind == 'idle':
        yield from _looks(state, ablation, who)
    elif pending.kind == 'asked':
        yield _judged(state, who, pending)
    elif pending.kind in ('cut', 'force'):
        yield _permitted(state, ablation, who, pending)
    elif pending.kind == 'cutting':
        cut = _holds(state, who, pending._replace(kind='read back'))
        text = 'believes that it fences' if ablation.fence else 'fences'
        yield Move(f'{_NAMES[who]} {text} the host', cut._replace(fenced=not ablation.fence))
    elif pending.kind == 'read back':
        yield _read_back(state, ablation, who, pending)
    else:
        yield _committed(state, ablation, who, pending)


def _looks(state: State, ablation: Ablation, who: int) -> Iterator[Move]:
    name, case = _NAMES[who], state.case
    if case is None:
        if not state.beat:
            opened = plain_case(detection.opened(INVENTORY, detection.Seen('', '', beat=False)))
            yield _decided(state, who, 'judge', (('case', opened),),
                           f'{name} sees no beat, and would open a case')
        return
    if case.stage in detection.JUDGING:
        if state.beat:
            yield _judged(state, who, IDLE)
            return
        for found, lively in rounds(state, ablation):
            pending = Pending('asked', found, found.verdict, lively=lively)
            yield Move(f'{name} asks: libvirt {found.of(Network.MANAGEMENT).sign.value}'
                       f'{" (its kernel answers)" if found.kernel_answers else ""}, '
                       f'storage {found.of(Network.STORAGE).sign.value}',
                       _holds(state, who, pending))
        return
    if state.recovery is not None:
        yield from _recovers(state, ablation, who, state.recovery)


def _decided(state: State, who: int, kind: str, written: Writes, text: str) -> Move:
    return Move(text, _holds(state, who, Pending(kind, writes=written)))


def _judged(state: State, who: int, pending: Pending) -> Move:
    """Read once more, and decide: the round is older than what is read."""
    case, name = state.case, _NAMES[who]
    if case is None or case.stage not in detection.JUDGING:
        return Move(f'{name} reads: nothing is to be judged any more', _holds(state, who, IDLE))
    since = RULES.look_interval if state.silent and who == 0 else 0.0
    written, stage = _decision(case, state.beat, pending.round, since, state.death,
                               bool(state.lock))
    decided = Pending('judge', None, pending.verdict, written)
    if any(key == 'recovery' for key, _ in written):
        decided = decided._replace(outlived=pending.outlived, lively=pending.lively)
    return Move(f'{name} reads, and decides: {stage}', _holds(state, who, decided))


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


def _committed(state: State, ablation: Ablation, who: int, pending: Pending) -> Move:
    name = _NAMES[who]
    after = _holds(state, who, IDLE)
    if not ablation.compare and (pending.stale or who):
        return Move(f'{name} commits, and is refused', after)
    if pending.kind == 'list':
        # The stage comes in a transaction of its own, after what it is about.
        after = applied(after, pending.writes[:1])
        return Move(f'{name} commits: {_told(pending.writes[:1])}', _holds(
            after, who, pending._replace(kind='recover', writes=pending.writes[1:])))
    after = applied(after, pending.writes)
    if pending.kind == 'judge':
        if pending.verdict is model.Verdict.ALIVE:
            after = outlived(after)
        if who == 0:
            after = after._replace(silent=pending.verdict is model.Verdict.DEAD)
    return Move(f'{name} commits: {_told(pending.writes)}', after,
                _broken(state.case, pending, after))


def _told(writes: Writes) -> str:
    told = []
    for key, value in writes:
        stands = getattr(value, 'stage', None) or getattr(value, 'phase', None)
        there = {True: 'written', False: 'deleted', '': 'deleted', None: 'closed'}
        told.append(f'{key} {stands.value if stands else there.get(value, value)}')
    return ', '.join(told)


def _broken(before: model.Case | None, pending: Pending, after: State) -> Law | None:
    """The laws of a change of stage."""
    now = after.case.stage if after.case else None
    if before is not None and before.stage is Stage.CONFIRMED:
        return None if now is Stage.CONFIRMED else Law.ADMIT
    if now is Stage.CONFIRMED:
        if pending.outlived:
            return Law.LAST_LOOK
        if pending.lively:
            return Law.SILENCE
    return None


# ---------------------------------------------------------------- a recovery, step by step

# Acts that only ask: what comes is what is true at that moment.
_ASKS = (Act.ASK_FORBIDDEN, Act.READ_BACK, Act.ASK_SERVICES, Act.LIST, Act.ASK_TARGETS)


def _recovers(state: State, ablation: Ablation, who: int, item: model.Recovery) -> Iterator[Move]:
    """One look at the recovery, and what ``core.recovery`` makes of it, up to its first deed."""
    # All that a look at a recovery can see: much else changes while this stays as it is.
    looked = State(case=state.case, recovery=item, evacuation=state.evacuation, proof=state.proof,
                   fenced=state.fenced or ablation.fence, server=state.server, forced=state.forced,
                   coming=state.coming)
    for pending, text, law in decided(looked):
        yield Move(f'{_NAMES[who]} {text}', _holds(state, who, pending), law)


@functools.cache
def decided(state: State) -> tuple[tuple[Pending, str, Law | None], ...]:
    """Everything that may come of a look at the recovery, each of it once."""
    item = state.recovery
    assert item is not None
    found: dict[Pending, tuple[str, Law | None]] = {}
    for text, candidates in _candidates():
        for seen in _looks_at(state):
            for decision in _decisions(state, item, seen, candidates):
                pending = _pending(item, decision)
                if pending is not None:
                    found.setdefault(pending, (_says(decision, text), _hasty(state, decision)))
    return tuple((pending, *told) for pending, told in found.items())


def _looks_at(state: State) -> Iterator[Seen]:
    """The store as it is; read back a moment ago or not; a plan is due or not."""
    case = state.case
    items = () if state.evacuation is None else (state.evacuation,)
    inventory = dataclasses.replace(INVENTORY, instances=()) if state.coming else INVENTORY
    for fresh in (True, False) if state.proof else (False,):
        seen = Seen('', '', 1, case=case, inventory=inventory, evacuations=items,
                    claimed={ADDRESSES[SOURCE]: (SOURCE,)}, marked=state.proof, fresh=fresh)
        yield seen
        if state.evacuation is not None:
            yield dataclasses.replace(seen, planned=(recovery.standing(seen), 0.0))


def _decisions(state: State, item: model.Recovery, seen: Seen,
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
            seen = _answered(state, decision.act, seen, candidates)
        else:
            yield decision
            return


def _answered(state: State, act: Act, seen: Seen,
              candidates: tuple[selection.Candidate, ...]) -> Seen:
    if act is Act.ASK_FORBIDDEN:
        return dataclasses.replace(seen, forbidden={})
    if act is Act.READ_BACK:
        return dataclasses.replace(seen, proofs=_proofs(state.fenced))
    if act is Act.ASK_SERVICES:
        service = model.ComputeService(SOURCE, SOURCE, True, False, state.forced)
        return dataclasses.replace(seen, services={SOURCE: service})
    if act is Act.LIST:
        seen = dataclasses.replace(seen, servers=(server(state),)
                                   if state.server[0] == SOURCE else ())
    return dataclasses.replace(seen, candidates=candidates)


def _proofs(fenced: bool) -> tuple[model.Proof, ...]:
    """The fence as it is read back."""
    return (model.Proof(ORDER.fence, ORDER.cluster, fenced, ''),)


def _pending(item: model.Recovery, decision: Decision) -> Pending | None:
    """What the controller holds after its look: a deed, or what it would commit."""
    if decision.act in (Act.MARK, Act.UNMARK):
        return Pending('mark', writes=(('proof', decision.act is Act.MARK),))
    if decision.act is Act.FENCE:
        return Pending('cut')
    if decision.act is Act.FORCE_DOWN:
        return Pending('force')
    if decision.act is Act.COMMIT:
        written: list[tuple[str, object]] = [
            ('evacuation', plain(move)) for move in decision.evacuations]
        # Many of them are written in several transactions, the last of them with the stage.
        kind = 'list' if written and decision.recovery != item else 'recover'
        if decision.recovery != item:
            written.append(('recovery', _plain_recovery(decision.recovery)))
        if decision.proven:
            written.append(('proof', True))
        return Pending(kind, writes=tuple(written))
    if decision.act is Act.REPLAN:
        changed = [plain(move) for move in decision.evacuations]
        return Pending('replan', writes=(('evacuation', changed[0]),)) if changed else None
    return None


def _plain_recovery(item: model.Recovery) -> model.Recovery:
    """The recovery without its texts and its history, which decide nothing."""
    return dataclasses.replace(item, history=(), waiting_for='', refused=())


def _says(decision: Decision, text: str) -> str:
    planned = [f'{move.phase.value} {move.target}'.strip() for move in decision.evacuations]
    if planned:
        return f'looks, and plans{text}: {", ".join(planned)}'
    return f'looks, and decides: {decision.act.value} ({decision.recovery.stage.value})'


def _hasty(state: State, decision: Decision) -> Law | None:
    """The laws of a recovery that goes on: what must have been true when it was looked at."""
    stage = decision.recovery.stage
    if decision.act is Act.FORCE_DOWN and not decision.recovery.forced_by_us:
        return Law.FORCED
    if decision.act is not Act.COMMIT:
        return None
    if stage.planned and not state.forced:
        return Law.FORCED
    came = not state.coming and state.server[0] == SOURCE
    settled = state.evacuation.phase.ended if state.evacuation else not came
    return Law.FORGOTTEN if stage.finished and not settled else None


# ---------------------------------------------------------------- the deeds of a recovery


def _permitted(state: State, ablation: Ablation, who: int, pending: Pending) -> Move:
    """Leave for an act outside of the store, if leadership and record are as they were read."""
    name, deed = _NAMES[who], 'fence' if pending.kind == 'cut' else 'force its service down'
    if not ablation.permit and (pending.stale or who):
        return Move(f'{name} may not {deed}: leadership or record changed',
                    _holds(state, who, IDLE))
    if pending.kind == 'force':
        return Move(f'{name} forces the service down',
                    _holds(state, who, IDLE)._replace(forced=True))
    return Move(f'{name} has a permit to fence',
                _holds(state, who, pending._replace(kind='cutting')))


def _read_back(state: State, ablation: Ablation, who: int, pending: Pending) -> Move:
    """What is decided on what the clusters say right after the cut."""
    item, name = state.recovery, _NAMES[who]
    assert item is not None
    seen = dataclasses.replace(next(_looks_at(state)), cut=True, marked=False,
                               proofs=_proofs(state.fenced or ablation.fence))
    decision = recovery.advance(item, seen, RULES)
    held = _pending(item, decision)
    if held is None:
        return Move(f'{name} reads back: the fence does not hold', _holds(state, who, IDLE))
    return Move(f'{name} reads the fence back',
                _holds(state, who, held._replace(stale=pending.stale)))


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
