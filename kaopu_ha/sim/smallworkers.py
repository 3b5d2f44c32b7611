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

"""The two workers of the small world, one small step at a time.

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
from kaopu_ha.sim.smallworld import (
    ADDRESSES,
    CALLS_MAX,
    IDLE,
    IMAGE,
    INSTANCE,
    RULES,
    Hand,
    Law,
    Move,
    Small,
    Weak,
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


def _holds(small: Small, who: int, hand: Hand) -> Small:
    return small._replace(workers=replaced(small.workers, who, hand))


# ---------------------------------------------------------------- the claim


def claim_moves(small: Small, weak: Weak) -> Iterator[Move]:
    """The claim is taken, and lapses at any time under a worker that does not notice."""
    first, other = small.workers
    if small.claimed:
        lost = first if weak.permit or first.kind not in ('permitted', 'resetting') else IDLE
        lapsed = small._replace(claimed=False, workers=(lost, other))
        yield Move('the claim lapses', touched(lapsed, 'claimed'))
    elif small.evacuation is not None and small.evacuation.phase in _OPEN:
        taken = small._replace(claimed=True)
        if first.kind == 'idle':
            yield Move('a worker takes the claim', touched(taken, 'claimed'))
        if other.kind == 'idle' and first != other:
            yield Move('another worker takes the claim', touched(
                taken._replace(workers=(other, first)), 'claimed'))


# ---------------------------------------------------------------- a worker


def worker_moves(small: Small, weak: Weak, who: int) -> Iterator[Move]:
    """What a worker may do next."""
    hand = small.workers[who]
    if hand.kind == 'idle':
        if small.claimed and who == 0:
            yield from _looks(small)
    elif hand.kind in ('call', 'reset'):
        yield _permitted(small, weak, who, hand)
    elif hand.kind == 'permitted':
        yield from _calls(small, weak, who, hand)
    elif hand.kind == 'resetting':
        host, _, _ = small.server
        yield Move(f'{_NAMES[who]} resets the state in Nova',
                   _holds(small, who, IDLE)._replace(server=(host, 'active', '')))
    else:
        yield _committed(small, weak, who, hand)


def _may_go_on(small: Small) -> bool:
    """Claim, case, proof and stage let the evacuation go on."""
    return (small.claimed and small.proof and small.evacuation is not None
            and small.evacuation.phase in _OPEN
            and small.case is not None and small.case.stage is Stage.CONFIRMED
            and small.recovery is not None
            and small.recovery.stage.moving)


def _looks(small: Small) -> Iterator[Move]:
    item = small.evacuation
    if item is None or not _may_go_on(small):
        return
    found: dict[Hand, str] = {}
    for seconds in (0.0, _LATE):
        for seen in _seen(small, item, seconds):
            decision = attempt.advance(item, seen, RULES)
            hand = _hand(item, seen, decision)
            if hand is not None:
                found.setdefault(hand, decision.act.value)
    for hand, told in found.items():
        yield Move(f'{_NAMES[0]} looks, and decides: {told} ({item.target})',
                   _holds(small, 0, hand))


def _seen(small: Small, item: model.Evacuation, seconds: float) -> Iterator[attempt.Seen]:
    """Every look that is possible now: Nova's answer, and those of the networks if they matter."""
    # That a nova-compute which is seen up has no message before it is not relied upon here, nor
    # that it soon writes down what runs.
    seen = attempt.Seen(server(small), migrations(small), seconds, up_seconds=seconds,
                        runs_seconds=seconds)
    if not attempt.must_ask(item, seen.server, seconds, RULES):
        yield seen
        return
    domains = (INSTANCE,) if item.target in small.copies else ()
    for contact in (Contact.ANSWERED, Contact.NOTHING):
        for images in (image_answer(small), model.ImageAnswer(IMAGE, error='no answer')):
            yield dataclasses.replace(
                seen, libvirt=model.LibvirtAnswer(contact, f'uuid of {item.target}', domains,
                                                    running=domains),
                images=(images,), target_addresses=(ADDRESSES[item.target],),
                target_uuid=f'uuid of {item.target}',
                known=Known({ip: frozenset([host]) for host, ip in ADDRESSES.items()}))


def _hand(item: model.Evacuation, seen: attempt.Seen, decision: attempt.Decision) -> Hand | None:
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
        return Hand('attempt', writes=(('evacuation', item),), target='' if there else item.target)
    if decision.act is Act.CALL:
        return Hand('call', writes=(('evacuation', item),), target=item.target)
    if decision.act is Act.RESET:
        return Hand('reset')
    return _note(item, _ENDS[decision.act])


def _note(item: model.Evacuation, phase: Phase) -> Hand:
    return Hand('note', writes=(('evacuation', plain(evacuation.went(item, phase, '', '', ''))),))


def _committed(small: Small, weak: Weak, who: int, hand: Hand) -> Move:
    name, after = _NAMES[who], _holds(small, who, IDLE)
    if not weak.compare and (hand.stale or who or not small.claimed):
        return Move(f'{name} commits, and is refused', after)
    after = applied(after, hand.writes)
    item: model.Evacuation = dict(hand.writes)['evacuation']
    if hand.kind == 'attempt' and hand.target:
        after = _holds(after, who, hand._replace(kind='call', stale=False))
    ended = item.phase not in _OPEN and who == 0
    if ended and small.claimed:
        after = touched(after._replace(claimed=False), 'claimed')
    return Move(f'{name} commits: {item.phase.value} {item.target}', after)


# ---------------------------------------------------------------- acts


def _permitted(small: Small, weak: Weak, who: int, hand: Hand) -> Move:
    name = _NAMES[who]
    lost = hand.stale or who or not small.claimed or not small.proof
    if not weak.permit and lost:
        return Move(f'{name} may not act: claim, proof or record changed', _holds(small, who, IDLE))
    kind = 'permitted' if hand.kind == 'call' else 'resetting'
    return Move(f'{name} has a permit to act', _holds(small, who, hand._replace(kind=kind)))


def _calls(small: Small, weak: Weak, who: int, hand: Hand) -> Iterator[Move]:
    """The call reaches Nova, some time after the permit was found to hold."""
    item: model.Evacuation = dict(hand.writes)['evacuation']
    name, law = _NAMES[who], _broken(small, weak, hand)
    if len(small.migrations) < CALLS_MAX:
        taken = called(_holds(small, who, _note(item, Phase.MOVING)._replace(stale=hand.stale)),
                       hand.target)
        yield Move(f'{name}: Nova takes the call to {hand.target}', taken, law)
    refused = _note(item, Phase.REFUSED)._replace(stale=hand.stale)
    if item.phase is Phase.MOVING and not weak.refusal:
        # What is refused is the repetition: the call before it may be under way still.
        refused = IDLE
    yield Move(f'{name}: Nova refuses the call to {hand.target}', _holds(small, who, refused),
               law)


def _broken(small: Small, weak: Weak, hand: Hand) -> Law | None:
    """The laws of a call to Nova."""
    confirmed = small.case is not None and small.case.stage is Stage.CONFIRMED
    # Without a fence the believed one does, so that the search goes on to what comes of it.
    if not confirmed or not (small.fenced or weak.fence):
        return Law.CALL
    running = {target for target, _ in small.jobs} | small.copies
    return Law.ONE_TARGET if running - {hand.target} else None
