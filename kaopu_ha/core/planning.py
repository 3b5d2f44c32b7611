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

"""Who of those that wait goes now, and where to: the leader's plan.

::

    turned back    what was refused, or is on its way to a host that died, waits again
    placed         in the order of turns each has the least used host that may take it, in thought
    goes           if no more than a few are moving, to that host and in all; else it waits
    told           why it waits: for its turn, for room, or for a reserved host that is taken for it

Nothing is kept from one plan to the next: it is made of what is read.  What makes it quick is that
little is looked at.  Once as many move as may move in all nobody else goes, whatever stands behind;
so a plan that follows a change of moves alone ends there, and what it would tell those that still
wait is left to the next whole one (``Rules.plan_seconds``).
"""

from __future__ import annotations

import collections
from collections.abc import Collection, Iterable, Sequence
import dataclasses
import operator

from kaopu_ha.core import model, placing, policy, refusals, selection
from kaopu_ha.core.evacuation import Seen, rest, went
from kaopu_ha.core.model import Evacuation, Phase
from kaopu_ha.core.refusals import Meaning
from kaopu_ha.core.shortlist import Shortlist

_WAITS = Phase.WAITING


def planned(evacuations: Iterable[Evacuation], seen: Seen, rules: model.Rules,
            dead: Collection[str] = (), soon: Sequence[Evacuation] = ()
            ) -> tuple[Evacuation, ...]:
    """The evacuations of all recoveries with targets for those that may go on; changed ones only.

    ``dead``: targets that are confirmed and fenced themselves; what was on its way there starts
    again.  At most ``per_target_max`` go to one target at a time, ``in_all_max`` in all; what was
    put aside, because it only waits, takes no place.  Room is looked for in the order of priority,
    of one class for a host's after another's in turn, and while one waits for its turn the less
    important ones of its host do, too.  ``soon``: what comes to be planned in a moment: in its turn
    a place is left free for it.
    """
    plan = _Plan(tuple(evacuations), seen, rules, dead)
    plan.place(soon, whole=True)
    plan.tell()
    return plan.changed()


def planned_again(evacuations: Iterable[Evacuation], seen: Seen, rules: model.Rules,
                  dead: Collection[str] = (), soon: Sequence[Evacuation] = ()
                  ) -> tuple[tuple[Evacuation, ...], bool]:
    """The same where nothing but moves has changed since the last plan: as many go, and as far.

    But who comes behind the last of ``in_all_max`` is not looked at: then it is no whole plan
    (False).
    """
    plan = _Plan(tuple(evacuations), seen, rules, dead)
    plan.place(soon, whole=False)
    plan.tell()
    return plan.changed(), plan.is_whole


class _Plan:
    """A plan while it is made: how each stands before it, and now."""

    def __init__(self, before: Sequence[Evacuation], seen: Seen, rules: model.Rules,
                 dead: Collection[str]) -> None:
        self._before, self._seen, self._rules = before, seen, rules
        # The hosts as they are, with nothing placed on them.
        hosts = seen.candidates
        if seen.grouping.reserved:
            hosts = selection.as_taken(hosts, seen.grouping.reserved, seen.places, rules)
        self._unplaced = Shortlist(hosts)
        self._now, self._going = list(before), list[Evacuation]()
        # Who waits now, by its number, and all that counts for where they may go.
        self._waiting, counts, going_on = list[int](), list[Evacuation](), set[str]()
        for number, item in enumerate(before):
            if item.phase is not _WAITS and not item.phase.ended:
                item = self._now[number] = _turned_back(item, seen, rules, dead, self._unplaced)
            if item.phase is not _WAITS:
                counts.append(item)
                if selection.comes(item) and not item.set_aside:
                    self._going.append(item)
                continue
            going_on.add(item.recovery)
            if item.refused:
                counts.append(item)
            if not item.rounds or not _rests(item, seen, rules):
                self._waiting.append(number)
        candidates, self._ground = selection.begun(hosts, seen.places, counts, going_on,
                                                   seen.grouping)
        self._shortlist = Shortlist(candidates, self._unplaced)
        self._in_all, self.is_whole = len(self._going), True
        # Who waits, by its number: what speaks against hosts, and for whose sake if a host is left.
        self._held_back: list[tuple[int, placing.Objections, str]] = []
        # And the reserved hosts that some of them wait for.
        self._reserves: dict[int, str] = {}

    def place(self, soon: Sequence[Evacuation], *, whole: bool) -> None:
        """Let go who may, in the order of turns; ``whole``: look at the others, too."""
        rules, turns = self._rules, dict[str, policy.Priority]()
        waiting = [self._now[number] for number in self._waiting]
        busy = collections.Counter(item.target for item in self._going)
        has = collections.Counter(item.recovery for item in self._going)
        for place in policy.in_turns([*waiting, *soon], _recovery, has):
            if self._is_full and not whole:
                self.is_whole = False
                return
            if place >= len(waiting):
                self._in_all += not self._is_full
                continue
            number, current = self._waiting[place], waiting[place]
            reach = self._ground.reach(current)
            target, doubt, reserved = self._choose(current, reach)
            if not target:
                self._held_back.append((number, reach, ''))
                continue
            self._shortlist.place(current, target)
            self._ground.placed(current.instance, target)
            if reserved:
                self._ground.circles.claim(target, current.recovery)
                self._reserves[number] = target
            elif self._is_full or busy[target] >= rules.per_target_max:
                self._held_back.append((number, reach, f'enough is moving to {target}'))
                turns.setdefault(current.recovery, current.priority)
            elif turns.get(current.recovery, current.priority) is not current.priority:
                self._held_back.append((number, reach, 'more important ones wait for theirs'))
            else:
                busy[target] += 1
                self._in_all += 1
                self._now[number] = _goes(current, target, doubt, self._seen,
                                          self._unplaced.usage(target))

    def _choose(self, item: Evacuation, reach: placing.Objections) -> tuple[str, str, bool]:
        """Its target, with what is doubtful about it, and whether that is to be taken first."""
        if reach.circle is None:
            return *self._shortlist.choose(item, reach), False
        for ring in self._ground.circles.rings(item):
            target, doubt = self._shortlist.choose(
                item, dataclasses.replace(reach, circle=ring.circle))
            if target:
                return target, doubt, ring.reserved
        return '', '', False

    @property
    def _is_full(self) -> bool:
        return self._in_all >= self._rules.in_all_max

    def tell(self) -> None:
        """Say why they wait: last, so that it stays true, for all that has a place is placed.

        Who waits for the whole is told no target: it would be another one at each plan.
        """
        for number, host in self._reserves.items():
            self._now[number] = _awaits(self._now[number], host)
        for number, reach, turn in self._held_back:
            item = self._now[number]
            if turn.startswith('enough') and self._is_full:
                turn = 'enough is moving'
            if reach.circle is not None:
                # Of what is taken for others by now it is told, too.
                reach = dataclasses.replace(reach, circle=self._ground.circles.whole(item))
            reason = f'its turn comes: {turn}' if turn else self._shortlist.why_none(item, reach)
            self._now[number] = self._waits(item, reason, reach)

    def changed(self) -> tuple[Evacuation, ...]:
        """Those that are not as they were before, the most important ones first."""
        return tuple(policy.in_order(new for item, new in zip(self._before, self._now, strict=True)
                                     if new is not item
                                     and (new.phase is not item.phase or new != item)))

    def _waits(self, item: Evacuation, reason: str, reach: placing.Objections) -> Evacuation:
        """Without a target; its round ends if none is left that was not tried."""
        tried = {item.source, *item.passed_over, *reach.learnt}
        if (item.passed_over or reach.learnt) and (
                self._unplaced.all_within(tried, reach.circle) or self._unplaced.choose(
                    dataclasses.replace(item, passed_over=()),
                    dataclasses.replace(reach, learnt=frozenset()))[0]):
            last = placing.last(item, reach)
            return _round_ended(item, self._seen, self._rules,
                                f'every other host was tried; last: {last}')
        return _awaits(item, '', reason)


def _awaits(item: Evacuation, reserve: str, reason: str = '') -> Evacuation:
    """It waits: for a reserved host, or for what the reason says."""
    reason = reason or f'{reserve} is taken for it, which is reserved'
    if (item.reason, item.row, item.reserve) == (reason, '', reserve):
        return item
    return item.replace(reason=reason, row='', reserve=reserve)


_recovery = operator.attrgetter('recovery')


def _rests(item: Evacuation, seen: Seen, rules: model.Rules) -> bool:
    """True while the pause behind its last round is not over; a new leader begins it again."""
    if not item.rounds or item.passed_over or item.failures or seen.rested is None:
        return False
    return seen.rested.get(rest(item), 0.0) < rules.pause(item.rounds)


def _round_ended(item: Evacuation, seen: Seen, rules: model.Rules, reason: str) -> Evacuation:
    """Nobody took it: try all of them again after a pause, or give up when pauses were enough."""
    served = sum(rules.pause(number + 1) for number in range(item.rounds))
    if served >= rules.give_up_seconds:
        return went(item, Phase.FAILED, seen.at, seen.by, reason)
    item = dataclasses.replace(item, passed_over=(), refused=(), failures=0,
                               rounds=item.rounds + 1, reserve='')
    return went(item, Phase.WAITING, seen.at, seen.by,
                f'{reason}; tried again after {rules.pause(item.rounds):g} s')


def _goes(item: Evacuation, target: str, doubt: str, seen: Seen,
          usage: model.Usage | None) -> Evacuation:
    though = f', of those that are left: {doubt}' if doubt else ''
    return went(item, Phase.QUEUED, seen.at, seen.by,
                f'to {target}, the least used that may{selection.figures(usage)}{though}',
                target=target, epoch=seen.epoch, reserve='')


def _turned_back(item: Evacuation, seen: Seen, rules: model.Rules,
                 dead: Collection[str], unplaced: Shortlist) -> Evacuation:
    """REFUSED, or on its way to a dead target: wait for a new target, or give up."""
    if selection.comes(item) and item.target in dead:
        reason, failed, meaning = f'its target {item.target} died', False, Meaning.HOST_FAILED
    elif item.phase is Phase.QUEUED and not (
            unplaced.may_stay(item) and seen.grouping.admits(item)):
        return went(dataclasses.replace(item, target=''), Phase.WAITING, seen.at, seen.by,
                    f'{item.target} is no target any more')
    elif item.phase is not Phase.REFUSED:
        return item
    else:
        reason, meaning = item.reason, refusals.meaning(item.reason, item.row)
        failed = meaning is not Meaning.NOT_HERE
    tried = tuple(sorted({*item.tried, item.target} - {''}))
    passed = tuple(sorted({*item.passed_over, item.target} - {''}))
    refused = {*item.refused, item.target} if meaning is Meaning.NOT_HERE else item.refused
    item = dataclasses.replace(item, tried=tried, target='', reason=reason, passed_over=passed,
                               refused=tuple(sorted(refused)), failures=item.failures + failed)
    if meaning is Meaning.NOWHERE:
        return _round_ended(item, seen, rules, f'no other host would help; last: {reason}')
    if item.failures >= rules.attempts_max:
        return _round_ended(item, seen, rules,
                            f'{item.failures} targets were tried; last: {reason}')
    return went(item, Phase.WAITING, seen.at, seen.by, reason)
