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

"""What became of the instances of a host that was confirmed dead, in steps with sentences."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

from kaopu_ha import records
from kaopu_ha.core import attempt, model, policy
from kaopu_ha.core.model import Evacuation, FenceOrder, Phase, Power, Recovery, RecoveryStage
from kaopu_ha.core.wishes import Wish
from kaopu_ha.telling import wording
from kaopu_ha.telling.picture import Picture
from kaopu_ha.telling.steps import Below, InstanceTold, RecoveryTold, Told


def in_order(found: Picture) -> list[Recovery]:
    """All recoveries, newest last."""
    return sorted(found.recoveries.values(), key=lambda item: (
        item.history[0].at if item.history else '', item.id))


def everything(found: Picture, item: Recovery) -> dict[str, Any]:
    """Its records: itself, its proof, its moves with their attempts, and what people asked."""
    proof = found.proofs.get(item.id)
    return {'recovery': records.plain(item), 'proof': proof and records.plain(proof),
            'evacuations': [records.plain(each) for each in found.evacuations(item.id)],
            'wishes': [records.plain(each) for each in found.asked(item.id)]}


def steps_told(done: Recovery) -> Iterator[Told]:
    """The steps of a recovery as a whole."""
    for step in done.history:
        tell = _RECOVERED.get(step.stage)
        yield Told(step.at, 'recovery', tell(done, step) if tell else
                   f'The recovery is {step.stage}: {step.reason}.', step.by, step.stage,
                   reason=step.reason, row=step.row)


def order_text(order: FenceOrder) -> str:
    """What an order cuts off."""
    addresses = ', '.join(order.addresses) or 'no address'
    clients = f' and {wording.number(len(order.clients), "known client")}' if order.clients else ''
    return f'{order.fence} on cluster {order.cluster}: {addresses}{clients}'


def _began(done: Recovery, step: model.Step) -> str:
    orders = '; '.join(order_text(order) for order in done.orders) or 'nothing'
    return f'{step.by} began recovery {done.id}. To be cut off: {orders}.'


def _proven(done: Recovery, step: model.Step) -> str:
    how = 'is proven' if done.word is None else 'counts as proven'
    return f'The fence {how}: {step.reason}.'


def _planned(done: Recovery, step: model.Step) -> str:
    forced = ' (Nova\'s service was forced down by us)' if done.forced_by_us else ''
    return f'Its instances are planned{forced}: {step.reason}.'


_RECOVERED: dict[str, Callable[[Recovery, model.Step], str]] = {
    RecoveryStage.FENCING.value: _began, RecoveryStage.PROVEN.value: _proven,
    RecoveryStage.PLANNED.value: _planned}


def recovery_told(found: Picture, done: Recovery) -> RecoveryTold:
    """What became of its instances, and what people asked of it."""
    items = found.evacuations(done.id)
    return RecoveryTold(done.id, done.stage.value, tuple(instance_told(item) for item in items),
                        tuple(_notes(done, planned=bool(items))), asked_told(found.asked(done.id)))


def _notes(done: Recovery, *, planned: bool) -> Iterator[str]:
    if not planned:
        on = [item.name for item in done.instances if item.power is not Power.OFF]
        yield f'Its instances that were on: {", ".join(on) or "none"}. None is planned yet.'
    for reason in done.refused:
        yield f'Not fenced: {reason}.'
    if done.waiting_for:
        yield f'The recovery waits: {done.waiting_for}.'


def instance_told(item: Evacuation) -> InstanceTold:
    """What became of an instance."""
    return InstanceTold(item.instance, item.name, item.phase.value, item.target, fate(item),
                        (*_marks(item), *_why(item)), tuple(_steps(item)))


def _steps(item: Evacuation) -> Iterator[Told]:
    for step in item.history:
        because = f': {step.reason}' if step.reason else ''
        row = f'; row "{step.row}"' if step.row else ''
        yield Told(step.at, 'move', f'{step.stage}{because} (by {step.by}{row})', step.by,
                   step.stage, reason=step.reason, row=step.row)


def span(item: Evacuation) -> float | None:
    """Seconds from the first step of an evacuation to its end, or to now."""
    if not item.history:
        return None
    end = item.history[-1].at if item.phase.ended else wording.now()
    return wording.between(item.history[0].at, end)


def fate(item: Evacuation) -> str:
    """What became of an instance, in the rest of a sentence that begins with its name."""
    tries = f' in {wording.number(len(item.attempts), "attempt")}{_calls(item)}' \
        if item.attempts else ''
    took = wording.seconds(span(item))
    if item.phase is Phase.DONE:
        return f'was moved to {item.target}{tries}, {took} after it was planned.'
    if item.phase is Phase.LEFT:
        return f'was left where it is: {item.reason or "was powered off"}.'
    if item.phase in (Phase.FAILED, Phase.NOT_RECOVERABLE):
        return f'was NOT moved{tries}: {item.phase.value}: {item.reason or "no reason given"}.'
    target = f', target {item.target}' if item.target else ''
    return f'is {item.phase.value} for {took}{target}.'


def _marks(item: Evacuation) -> Iterator[Below]:
    """What was said of it by marks, where that made a difference."""
    if item.marked:
        yield Below(1, f'its priority is {item.priority.value}: {item.marked}')
    for mark in item.wrong_marks:
        yield Below(1, f'its mark is not understood, and left nothing behind: {mark}')
    if item.row == policy.ROW:
        yield Below(1, f'to move it all the same: kaopu-ha recovery retry {item.name} --why ...')


def _why(item: Evacuation) -> Iterator[Below]:
    """What the row that gave its reason was decided by, and what would have changed it."""
    why = attempt.why(item)
    if why is None:
        return
    yield Below(1, f'row "{why.row}", for: {"; ".join(why.so) or "no row before it was so"}')
    if why.behind:
        yield Below(2, f'if {", or ".join(why.behind)}: what the rows behind it say')
    for act, row, lacked in why.instead:
        yield Below(2, f'if {", and ".join(lacked)}: {act} (row "{row}")')


def _calls(item: Evacuation) -> str:
    """How often Nova was called, where that is another number than that of the attempts."""
    calls = sum(attempt.calls for attempt in item.attempts)
    return f' ({wording.number(calls, "call")})' if calls > len(item.attempts) else ''


def asked_told(asked: Iterable[Wish]) -> tuple[Told, ...]:
    """What people asked, and what came of it."""
    return tuple(_wish(wish) for wish in asked)


def _wish(wish: Wish) -> Told:
    about = f' {wish.name}' if wish.name else ''
    came = f'{wish.state.value}: {wish.answer}' if wish.answer else 'not answered yet'
    return Told(wish.at, 'asked', f'{wish.who} asked to {wish.verb.value}{about} ({wish.why}): '
                f'{came}', wish.who, wish.state.value, reason=wish.why)
