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

"""The fence of a recovery: ordered, cut, read back, kept; and a person's word where it can't hold.

``core.recovery`` asks it before anything else.
"""

from __future__ import annotations

from collections.abc import Sequence
import dataclasses

from kaopu_ha.core import fencing, model, roads
from kaopu_ha.core.kept import is_open, was_proven
from kaopu_ha.core.model import Recovery, RecoveryStage
from kaopu_ha.core.news import Fact, News
from kaopu_ha.core.recovering import Act, Decision, Seen, go, waits

# ---------------------------------------------------------------- a person's word


def by_word(recovery: Recovery) -> bool:
    """True if a person's word stands for the fence where that does not hold."""
    return recovery.word is not None and is_open(recovery)


def doubted(recovery: Recovery, seen: Seen) -> Decision | None:
    """The word ends when its host is heard of: by what it tells, or by its libvirt."""
    if recovery.word is None or not is_open(recovery):
        return None
    heard = 'its agent has told of it since' if (
        seen.inventory_revision > recovery.word.inventory) else ''
    if not heard and not (seen.marked and seen.fresh):
        if seen.answers is None:
            return Decision(Act.ASK_HOST, recovery)
        heard = 'its libvirt answers' if seen.answers else ''
    if not heard:
        return None
    text = f'{recovery.word.text}, but {heard}: that word counts no more'
    step = model.Step(seen.at, seen.by, roads.WORD_ENDED, text)
    after = dataclasses.replace(recovery, word=None, history=(*recovery.history, step))
    return Decision(Act.COMMIT, after, news=(News(Fact.WORD_ENDED, recovery.host, text),),
                    unproven=True)


# ---------------------------------------------------------------- the fence


def ordered(recovery: Recovery, seen: Seen) -> Decision | None:
    """The orders before the fence: what came to the host is added; what was held is asked again.

    None if they are as they may be now.  What is added ends the proof, until it is read back.
    """
    orders = fencing.grown(recovery.orders, seen.wanted)
    if orders != recovery.orders:
        return _changed(recovery, dataclasses.replace(recovery, orders=orders, checked=False))
    if seen.unfenced:
        return None
    more = fencing.beyond(orders, seen.wanted)
    if more and not by_word(recovery):
        return _waits_beyond(recovery, seen, more)
    claimed = fencing.neighbours(recovery, seen.claimed, seen.claims, seen.dead)
    if recovery.checked and not (_is_time(recovery, seen)
                                 and fencing.may_go_on(recovery.orders, claimed)):
        return None
    if seen.forbidden is None:
        return Decision(Act.ASK_FORBIDDEN, recovery)
    cut = recovery.stage is not RecoveryStage.FENCING
    found = [fencing.settled(order, claimed, seen.forbidden, cut) for order in recovery.orders]
    reasons = tuple(sorted({reason for _, reasons in found for reason in reasons}))
    # What came to an order that was cut must be cut as well before anything else is moved.
    lacks = any(order.addresses and fencing.may_go_on([order], claimed) for order, _ in found)
    after = dataclasses.replace(recovery, orders=tuple(order for order, _ in found),
                                refused=reasons, checked=not (cut and lacks))
    if after != recovery:
        return _changed(recovery, after)
    if after.checked or by_word(recovery):
        return None
    still = _still_cut(recovery, seen) if cut else None
    return still or waits(recovery, f'it may not be fenced yet: {"; ".join(reasons)}',
                          Fact.FENCE_WAITS)


def _still_cut(recovery: Recovery, seen: Seen) -> Decision | None:
    """What was cut stays cut while more of it is held: read back, and cut again if it is gone."""
    if not any(order.addresses for order in recovery.orders):
        return None
    if seen.proofs is None:
        return Decision(Act.READ_BACK, recovery)
    if fencing.missing(recovery.orders, seen.proofs) and not seen.cut:
        return Decision(Act.FENCE, recovery)
    return None


def _waits_beyond(recovery: Recovery, seen: Seen, more: Sequence[str]) -> Decision:
    """Where it may be is not fenced any more, and will not be: end the proof, and tell."""
    reason = (f'it has had more than {fencing.ADDRESSES_MAX} addresses since it was confirmed: at '
              f'{more[0]} it is not fenced')
    told = waits(recovery, reason, Fact.FENCE_WAITS)
    return dataclasses.replace(told, act=Act.COMMIT, unproven=True) if seen.marked else told


def _is_time(recovery: Recovery, seen: Seen) -> bool:
    return recovery.stage is RecoveryStage.FENCING or not (seen.marked and seen.fresh)


def _changed(before: Recovery, after: Recovery) -> Decision:
    """Write the orders that changed.  If more is to be cut now, the proof ends with it."""
    news = tuple(News(Fact.NOT_FENCED, after.host, reason) for reason in after.refused
                 if reason not in before.refused)
    if after.orders == before.orders or before.stage is RecoveryStage.FENCING:
        return Decision(Act.COMMIT, after, news=news)
    came = sorted(fencing.addresses_of(after.orders) - fencing.addresses_of(before.orders))
    if came:
        news += (News(Fact.FENCE_GROWS, after.host, f'it has other addresses than when it was '
                      f'confirmed: {", ".join(came)} is to be fenced, too'),)
    return Decision(Act.COMMIT, after, news=news, unproven=True)


def cutting(recovery: Recovery, seen: Seen) -> Decision:
    """FENCING: cut, until it holds or a person's word stands for it."""
    if seen.proofs is None and not seen.unfenced and any(
            order.addresses for order in recovery.orders):
        return Decision(Act.FENCE, recovery)
    lacking = seen.unfenced or fencing.missing(recovery.orders, seen.proofs or ())
    if not seen.unfenced and seen.proofs is None and recovery.refused:
        lacking = f'it may not be fenced yet: {"; ".join(recovery.refused)}'
    if not lacking:
        news = News(Fact.PROVEN, recovery.host, 'every address is fenced and was read back')
        reason = 'the fence was read back'
    elif recovery.word is not None:
        reason = f'{recovery.word.text}; the fence does not hold: {lacking}'
        news = News(Fact.PROVEN, recovery.host, reason)
    else:
        return waits(recovery, lacking, Fact.FENCE_WAITS)
    return dataclasses.replace(go(recovery, RecoveryStage.PROVEN, seen, reason, news),
                               proven=True)


def kept(recovery: Recovery, seen: Seen) -> Decision | None:
    """The fence first: read back, and cut again if it is gone.  None: it was just seen to hold, or
    a person's word stands for it.
    """
    if seen.marked and seen.fresh:
        return None
    if seen.proofs is None and not seen.unfenced:
        return Decision(Act.READ_BACK, recovery)
    lacking = seen.unfenced or fencing.missing(recovery.orders, seen.proofs or ())
    if not lacking:
        return Decision(Act.MARK, recovery)
    if seen.marked and not by_word(recovery):
        news = () if is_known_to_fail(recovery) else (_doubt(recovery.host, lacking, seen),)
        return Decision(Act.UNMARK, recovery, news=news)
    if not seen.cut and not seen.unfenced and any(order.addresses for order in recovery.orders):
        return Decision(Act.FENCE, recovery)
    if by_word(recovery):
        return Decision(Act.MARK, recovery)
    return waits_for_it(recovery, f'the fence does not hold: {lacking}')


def _doubt(host: str, lacking: str, seen: Seen) -> News:
    """That a proven fence is gone; or only that nobody can say, which is no word of the fence."""
    if any(proof.gone for proof in seen.proofs or ()):
        return News(Fact.REFENCED, host, f'its fence does not hold ({lacking}): cut again')
    return News(Fact.FENCE_WAITS, host, f'nobody can say whether its fence still holds '
                                        f'({lacking}): nothing more moves until it was read back')


def waits_for_it(recovery: Recovery, reason: str) -> Decision:
    """Wait for the fence, and tell, unless a person has answered that it does not hold."""
    decision = waits(recovery, reason, Fact.FENCE_WAITS)
    return dataclasses.replace(decision, news=()) if is_known_to_fail(recovery) else decision


def is_known_to_fail(recovery: Recovery) -> bool:
    """True of what is finished by a person's word, or was ended before its fence has held."""
    return not is_open(recovery) and (recovery.word is not None or not was_proven(recovery))
