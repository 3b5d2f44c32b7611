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

"""The two workers of the model world, one small step at a time.

Who has the claim, if it is taken, is the first of them.  A call to Nova is two steps: its permit
holds; it reaches Nova, any time later.  Assumed, as the permit's deadline has it: the second step
comes while the claim is held, or not at all.
"""

from __future__ import annotations

from collections.abc import Iterator
import dataclasses

from kaopu_ha.core import attempt, evacuation, model
from kaopu_ha.core.addresses import Known
from kaopu_ha.core.attempt import Act
from kaopu_ha.core.model import Contact, Phase, Stage
from kaopu_ha.sim.modelcheck.world import (
    ADDRESSES,
    CALLS_MAX,
    IDLE,
    IMAGE,
    INSTANCE,
    RULES,
    Ablation,
    Law,
    Move,
    Pending,
    State,
    applied,
    called,
    image_answer,
    migrations,
    plain,
    replaced,
    server,
    touched,
)

_NAMES = ('the worker with the claim', 'the other worker')
_LATE = 1000.0
_OPEN = (Phase.QUEUED, Phase.CALLING, Phase.MOVING)
_ENDS = {Act.DONE: Phase.DONE, Act.LEFT: Phase.LEFT, Act.REFUSED: Phase.REFUSED,
         Act.FAILED: Phase.FAILED, Act.MOVING: Phase.MOVING}


def _holds(state: State, who: int, pending: Pending) -> State:
    return state._replace(workers=replaced(state.workers, who, pending))


# ---------------------------------------------------------------- the claim


def claim_moves(state: State, ablation: Ablation) -> Iterator[Move]:
    """The claim is taken, and lapses at any time under a worker that does not notice."""
    first, other = state.workers
    if state.claimed:
        lost = first if ablation.permit or first.kind not in ('permitted', 'resetting') else IDLE
        lapsed = state._replace(claimed=False, workers=(lost, other))
        yield Move('the claim lapses', touched(lapsed, 'claimed'))
    elif state.evacuation is not None and state.evacuation.phase in _OPEN:
        taken = state._replace(claimed=True)
        if first.kind == 'idle':
            yield Move('a worker takes the claim', touched(taken, 'claimed'))
        if other.kind == 'idle' and first != other:
            yield Move('another worker takes the claim', touched(
                taken._replace(workers=(other, first)), 'claimed'))


# ---------------------------------------------------------------- a worker


def worker_moves(state: State, ablation: Ablation, who: int) -> Iterator[Move]:
    """What a worker may do next."""
    pending = state.workers[who]
    if pending.kind == 'idle':
        if state.claimed and who == 0:
            yield from _looks(state)
    elif pending.kind in ('call', 'reset'):
        yield _permitted(state, ablation, who, pending)
    elif pending.kind == 'permitted':
        yield from _calls(state, ablation, who, pending)
    elif pending.kind == 'resetting':
        host, _, _ = state.server
        yield Move(f'{_NAMES[who]} resets the state in Nova',
                   _holds(state, who, IDLE)._replace(server=(host, 'active', '')))
    else:
        yield _committed(state, ablation, who, pending)


def _may_go_on(state: State) -> bool:
    """Claim, case, proof and stage let the evacuation go on."""
    return (state.claimed and state.proof and state.evacuation is not None
            and state.evacuation.phase in _OPEN
            and state.case is not None and state.case.stage is Stage.CONFIRMED
            and state.recovery is not None
            and state.recovery.stage.moving)


def _looks(state: State) -> Iterator[Move]:
    item = state.evacuation
    if item is None or not _may_go_on(state):
        return
    found: dict[Pending, str] = {}
    for seconds in (0.0, _LATE):
        for seen in _seen(state, item, seconds):
            decision = attempt.advance(item, seen, RULES)
            pending = _pending(item, seen, decision)
            if pending is not None:
                found.setdefault(pending, decision.act.value)
    for pending, told in found.items():
        yield Move(f'{_NAMES[0]} looks, and decides: {told} ({item.target})',
                   _holds(state, 0, pending))


def _seen(state: State, item: model.Evacuation, seconds: float) -> Iterator[attempt.Seen]:
    """Every look that is possible now: Nova's answer, and those of the networks if they matter."""
    # That a nova-compute which is seen up has no message before it is not relied upon here, nor
    # that it soon writes down what runs.
    seen = attempt.Seen(server(state), migrations(state), seconds, up_seconds=seconds,
                        runs_seconds=seconds)
    if not attempt.must_ask(item, seen.server, seconds, RULES):
        yield seen
        return
    domains = (INSTANCE,) if item.target in state.copies else ()
    for contact in (Contact.ANSWERED, Contact.NOTHING):
        for images in (image_answer(state), model.ImageAnswer(IMAGE, error='no answer')):
            yield dataclasses.replace(
                seen, libvirt=model.LibvirtAnswer(contact, f'uuid of {item.target}', domains,
                                                    running=domains),
                images=(images,), target_addresses=(ADDRESSES[item.target],),
                target_uuid=f'uuid of {item.target}',
                known=Known({ip: frozenset([host]) for host, ip in ADDRESSES.items()}))


def _pending(item: model.Evacuation, seen: attempt.Seen,
             decision: attempt.Decision) -> Pending | None:
    if decision.act is Act.WAIT:
        return None
    if decision.act is Act.COMMIT:
        known = tuple(migration.id for migration in seen.migrations)
        made = model.Attempt(len(item.attempts) + 1, item.target, epoch=item.epoch,
                             seen_before=known)
        item = plain(evacuation.went(dataclasses.replace(item, attempts=(*item.attempts, made)),
                                     Phase.CALLING, '', '', ''))
        # What is there already is not called: the next look finds it.
        there = seen.server is not None and seen.server.host == item.target
        return Pending('attempt', writes=(('evacuation', item),),
                       target='' if there else item.target)
    if decision.act is Act.CALL:
        return Pending('call', writes=(('evacuation', item),), target=item.target)
    if decision.act in (Act.RESET, Act.SHOW):
        return Pending('reset')
    return _note(item, _ENDS[decision.act])


def _note(item: model.Evacuation, phase: Phase) -> Pending:
    return Pending('note',
                   writes=(('evacuation', plain(evacuation.went(item, phase, '', '', ''))),))


def _committed(state: State, ablation: Ablation, who: int, pending: Pending) -> Move:
    name, after = _NAMES[who], _holds(state, who, IDLE)
    if not ablation.compare and (pending.stale or who or not state.claimed):
        return Move(f'{name} commits, and is refused', after)
    after = applied(after, pending.writes)
    item: model.Evacuation = dict(pending.writes)['evacuation']
    if pending.kind == 'attempt' and pending.target:
        after = _holds(after, who, pending._replace(kind='call', stale=False))
    ended = item.phase not in _OPEN and who == 0
    if ended and state.claimed:
        after = touched(after._replace(claimed=False), 'claimed')
    return Move(f'{name} commits: {item.phase.value} {item.target}', after)


# ---------------------------------------------------------------- acts


def _permitted(state: State, ablation: Ablation, who: int, pending: Pending) -> Move:
    name = _NAMES[who]
    lost = pending.stale or who or not state.claimed or not state.proof
    if not ablation.permit and lost:
        return Move(f'{name} may not act: claim, proof or record changed', _holds(state, who, IDLE))
    kind = 'permitted' if pending.kind == 'call' else 'resetting'
    return Move(f'{name} has a permit to act', _holds(state, who, pending._replace(kind=kind)))


def _calls(state: State, ablation: Ablation, who: int, pending: Pending) -> Iterator[Move]:
    """The call reaches Nova, some time after the permit was found to hold."""
    item: model.Evacuation = dict(pending.writes)['evacuation']
    name, law = _NAMES[who], _broken(state, ablation, pending)
    if len(state.migrations) < CALLS_MAX:
        taken = called(_holds(state, who, _note(item, Phase.MOVING)._replace(stale=pending.stale)),
                       pending.target)
        yield Move(f'{name}: Nova takes the call to {pending.target}', taken, law)
    refused = _note(item, Phase.REFUSED)._replace(stale=pending.stale)
    if item.phase is Phase.MOVING and not ablation.refusal:
        # What is refused is the repetition: the call before it may be under way still.
        refused = IDLE
    yield Move(f'{name}: Nova refuses the call to {pending.target}', _holds(state, who, refused),
               law)


def _broken(state: State, ablation: Ablation, pending: Pending) -> Law | None:
    """The laws of a call to Nova."""
    confirmed = state.case is not None and state.case.stage is Stage.CONFIRMED
    # Without a fence the believed one does, so that the search goes on to what comes of it.
    if not confirmed or not (state.fenced or ablation.fence):
        return Law.CALL
    running = {target for target, _ in state.jobs} | state.copies
    return Law.ONE_TARGET if running - {pending.target} else None
