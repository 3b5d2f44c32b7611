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

"""How a reserved host becomes a target: people keep it empty and disabled until it is needed.

::

    ASKED ---------> ENABLED -----> READY           a target for all from now on, reserved no more
      ^ Nova is asked   | Nova shows it so
      |                 v
      +---------- FAILED    the next reserved host is asked; this one again if there is no other

The plan says who waits for which (``Evacuation.reserve``, ``core.circles``); of each recovery one
is taken at a time, so that none is taken that need not be.  What is written is written before the
call, and a leader that takes over looks at Nova first.  Once Nova was asked there is no way back: a
host that is enabled and still reserved would be nobody's.

If the rules say so it is added to the aggregates of the lost host before it is enabled, so that
Nova's scheduler never sees it anywhere else.  What Nova refuses is told, and it is taken without; a
host that is not let into the zone is not taken, for the plan counted on that.  It is taken out of
none: what is in an aggregate was put there by people, or is a target.
"""

from __future__ import annotations

import collections
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
import dataclasses
from dataclasses import dataclass
import enum

from kaopu_ha.core import model, roads, texts
from kaopu_ha.core.circles import Grouping
from kaopu_ha.core.demands import Aggregate
from kaopu_ha.core.news import Fact, News
from kaopu_ha.core.segments import Joining, Taking, TakingStage

_REFUSED_BYTES_MAX = 160


class Act(enum.Enum):
    """What the leader does now.  ``ASK`` is followed by another look."""

    ASK = 'ask for the compute services'
    JOIN = 'write that Nova is called, then have it added to an aggregate'
    ENABLE = 'write that Nova is called, then have it enabled'
    COMMIT = 'write it'
    READY = 'write it, and that the host is reserved no more'
    FORGET = 'delete it'
    REST = 'nothing'


@dataclass(frozen=True)
class Seen:
    """What a leader saw of a reserved host.

    ``awaited_by``: a recovery of which an instance waits for it, '' if none does.  ``reserved``:
    its segment has it so.  ``recovery``: that for which it is taken, None if it is gone.  ``lost``:
    why it is no target whatever Nova says.  ``services``: Nova's, None if they were not asked for.
    ``aggregates``: the same, asked for with them; ``unread``: why they could not be read.
    ``seconds`` passed in its stage, and ``since_call`` since its last call, as this leader counts:
    late is possible, early is not.
    """

    at: str
    by: str
    awaited_by: str = ''
    reserved: bool = True
    recovery: model.Recovery | None = None
    lost: str = ''
    services: Mapping[str, model.ComputeService] | None = None
    aggregates: Sequence[Aggregate] = ()
    unread: str = ''
    seconds: float = 0.0
    since_call: float = 0.0


@dataclass(frozen=True)
class Decision:
    """The taking as it is to be written, the act, and what is told once it is written.

    ``aggregate``: the name of that which it is to be added to.
    """

    taking: Taking
    act: Act
    news: tuple[News, ...] = ()
    aggregate: str = ''


_Applies = Callable[[Taking, Seen, model.Rules], bool]
_Then = Callable[[Taking, Seen, model.Rules], Decision]
_Row = tuple[str, _Applies, _Then]


def wanted(moves: Iterable[model.Evacuation], grouping: Grouping) -> Mapping[str, str]:
    """The recoveries for which a reserved host is to be taken now, by that host.

    Of several that are waited for, the one for which most wait; none for whose segment takes none,
    or has one on its way already.
    """
    waiting: dict[str, collections.Counter[str]] = {}
    for item in awaiting(moves):
        segment = grouping.segment_of.get(item.source, '')
        if (item.reserve in grouping.reserved and grouping.takes(segment)
                and grouping.segment_of.get(item.reserve) == segment):
            waiting.setdefault(item.recovery, collections.Counter())[item.reserve] += 1
    busy = {one.recovery for one in grouping.taken.values() if one.under_way}
    found: dict[str, str] = {}
    for recovery in sorted(waiting.keys() - busy):
        free = [host for host in waiting[recovery] if host not in {*grouping.taken, *found}]
        if free:
            found[min(free, key=lambda host: (-waiting[recovery][host], host))] = recovery
    return found


def awaiting(moves: Iterable[model.Evacuation]) -> Collection[model.Evacuation]:
    """Those that wait for a reserved host."""
    return [item for item in moves if item.reserve and item.phase is model.Phase.WAITING]


def awaited_by(host: str, moves: Iterable[model.Evacuation], grouping: Grouping) -> str:
    """The recovery for which it is to go on, or to be tried again; '' if there is none.

    One that has another host on its way waits for that one first.
    """
    busy = {one.recovery for one in grouping.taken.values() if one.under_way and one.host != host}
    return min((item.recovery for item in awaiting(moves)
                if item.reserve == host and item.recovery not in busy), default='')


def opened(host: str, recovery: str, segment: str, seen: Seen) -> Decision:
    """The record of a host that is to be taken."""
    text = f'recovery {recovery} needs it'
    one = Taking(host, recovery, segment, TakingStage.ASKED, history=(
        model.Step(seen.at, seen.by, TakingStage.ASKED.value, text),))
    return Decision(one, Act.COMMIT, (News(Fact.TAKES, host, text),))


def advance(one: Taking, seen: Seen, rules: model.Rules) -> Decision:
    """The next step of one host.  Asked twice, it gives the same."""
    for _name, applies, then in _ROWS:
        if applies(one, seen, rules):
            return then(one, seen, rules)
    raise AssertionError('the last row applies always')


def waits(one: Taking, reason: str) -> Decision:
    """What it waits for, written once."""
    if one.waiting_for == reason:
        return Decision(one, Act.REST)
    return Decision(dataclasses.replace(one, waiting_for=reason), Act.COMMIT)


def refused(one: Taking, aggregate: str, why: str) -> Taking:
    """The taking after Nova refused to add it there: it is not asked to again."""
    return dataclasses.replace(one, joins=tuple(
        dataclasses.replace(each, refused=texts.bounded(why, _REFUSED_BYTES_MAX))
        if each.aggregate == aggregate else each for each in one.joins))


# ---------------------------------------------------------------- the rows, first match counts


def _rests(one: Taking, seen: Seen, rules: model.Rules) -> Decision:
    return Decision(one, Act.REST)


def _forgotten(one: Taking, seen: Seen, rules: model.Rules) -> Decision:
    return Decision(one, Act.FORGET)


def _asks(one: Taking, seen: Seen, rules: model.Rules) -> Decision:
    return Decision(one, Act.ASK)


def _fails(one: Taking, seen: Seen, rules: model.Rules) -> Decision:
    outside = _outside(one, seen, rules)
    why = seen.lost or outside or (f'{one.waiting_for or "Nova does not show it enabled"} after '
                                   f'{rules.attempt_limit:g} s')
    yet = '' if outside else '; Nova may enable this one yet'
    failed = dataclasses.replace(one, failures=one.failures + 1)
    return Decision(
        _go(failed, TakingStage.FAILED, seen, why), Act.COMMIT,
        (News(Fact.NOT_TAKEN, one.host, f'{why}; the next reserved host is asked, if there is one'
                                        f'{yet}'),))


def _tries_again(one: Taking, seen: Seen, rules: model.Rules) -> Decision:
    text = f'once more: recovery {seen.awaited_by} needs it, and no other one is left'
    again = dataclasses.replace(one, recovery=seen.awaited_by, joins=())
    return Decision(_go(again, TakingStage.ASKED, seen, text), Act.COMMIT,
                    (News(Fact.TAKES, one.host, text),))


def _waits(one: Taking, seen: Seen, rules: model.Rules) -> Decision:
    return waits(one, _not_up(one, seen))


def _enabled(one: Taking, seen: Seen, rules: model.Rules) -> Decision:
    text = 'Nova shows it enabled' if one.calls else 'somebody else had it enabled'
    return Decision(_go(one, TakingStage.ENABLED, seen, text), Act.COMMIT)


def _disabled(one: Taking, seen: Seen, rules: model.Rules) -> Decision:
    return Decision(_go(one, TakingStage.ASKED, seen, 'somebody disabled it again'), Act.COMMIT)


def _ready(one: Taking, seen: Seen, rules: model.Rules) -> Decision:
    joined = _of_joins(one, seen)
    return Decision(
        _go(one, TakingStage.READY, seen, f'it is enabled, and a target from now on{joined}'),
        Act.READY,
        (News(Fact.TAKEN, one.host, f'it is enabled, and a target from now on; its segment has it '
                                    f'as reserved no more (taken for recovery {one.recovery})'
                                    f'{joined}'),))


def _unread(one: Taking, seen: Seen, rules: model.Rules) -> Decision:
    return waits(one, f'the aggregates can\'t be read: {seen.unread}')


def _joins(one: Taking, seen: Seen, rules: model.Rules) -> Decision:
    name = _to_join(one, seen, rules)[0].name
    now = dataclasses.replace(_joining(one, name), calls=_joining(one, name).calls + 1)
    others = [each for each in one.joins if each.aggregate != name]
    return Decision(dataclasses.replace(one, joins=(*others, now), waiting_for=''), Act.JOIN,
                    aggregate=name)


def _calls(one: Taking, seen: Seen, rules: model.Rules) -> Decision:
    return Decision(dataclasses.replace(one, calls=one.calls + 1, waiting_for=''), Act.ENABLE)


_ROWS: tuple[_Row, ...] = (
    ('it is a target, and reserved once more', lambda one, seen, rules: seen.reserved
     and one.stage is TakingStage.READY, _forgotten),
    ('it is a target, and its recovery is gone', lambda one, seen, rules: seen.recovery is None
     and one.stage is TakingStage.READY, _forgotten),
    ('it is a target', lambda one, seen, rules: one.stage is TakingStage.READY, _rests),
    ('it is reserved no more', lambda one, seen, rules: not seen.reserved, _forgotten),
    ('its recovery is over, and Nova was not asked', lambda one, seen, rules: (
        seen.recovery is None or seen.recovery.stage.finished)
        and (one.stage is TakingStage.FAILED or _untouched(one)), _forgotten),
    ('it failed, and is awaited', lambda one, seen, rules: one.stage is TakingStage.FAILED
     and bool(seen.awaited_by) and not seen.lost
     and seen.seconds >= rules.pause(one.failures), _tries_again),
    ('it failed', lambda one, seen, rules: one.stage is TakingStage.FAILED, _rests),
    ('nobody waits for it, and Nova was not asked', lambda one, seen, rules: (
        not seen.awaited_by and _untouched(one)), _forgotten),
    ('it is lost', lambda one, seen, rules: bool(seen.lost), _fails),
    ('Nova is to be asked', lambda one, seen, rules: seen.services is None, _asks),
    ('its aggregates are not known', lambda one, seen, rules: _is_to_join(one, seen)
     and bool(seen.unread) and seen.seconds < rules.attempt_limit * rules.patience_share, _unread),
    ('it is not let into its zone', lambda one, seen, rules: _is_to_join(one, seen)
     and bool(_outside(one, seen, rules)), _fails),
    ('its pause before it is added', lambda one, seen, rules: _is_to_join(one, seen)
     and _must_pause(one, seen, rules), _rests),
    ('it is to be in an aggregate', lambda one, seen, rules: _is_to_join(one, seen)
     and bool(_to_join(one, seen, rules)), _joins),
    ('it is enabled', lambda one, seen, rules: one.stage is TakingStage.ASKED
     and not _not_up(one, seen) and _is_enabled(one, seen), _enabled),
    ('it is enabled, as it was', lambda one, seen, rules: one.stage is TakingStage.ENABLED
     and not _not_up(one, seen) and _is_enabled(one, seen), _ready),
    ('its time is over', lambda one, seen, rules: seen.seconds >= rules.attempt_limit, _fails),
    ('its nova-compute is away', lambda one, seen, rules: bool(_not_up(one, seen)), _waits),
    ('somebody disabled it', lambda one, seen, rules: one.stage is TakingStage.ENABLED, _disabled),
    ('its pause', lambda one, seen, rules: seen.since_call < rules.restart_pause(one.calls),
     _rests),
    ('it is to be enabled', lambda one, seen, rules: True, _calls),
)


def _untouched(one: Taking) -> bool:
    """True if nothing was asked of Nova for it."""
    return one.stage is TakingStage.ASKED and not one.calls


def _not_up(one: Taking, seen: Seen) -> str:
    """Why its service would be no target's, were it enabled; empty if it would."""
    service = (seen.services or {}).get(one.host)
    if service is None:
        return 'Nova has no compute service of it'
    if service.forced_down:
        return 'its compute service is forced down'
    return '' if service.up else 'its compute service is not up'


def _is_enabled(one: Taking, seen: Seen) -> bool:
    return (seen.services or {})[one.host].enabled


def _is_to_join(one: Taking, seen: Seen) -> bool:
    """True while it is added to aggregates: before it is enabled, if it would be a target then."""
    return one.stage is TakingStage.ASKED and not _not_up(one, seen)


def _lacking(one: Taking, seen: Seen) -> list[Aggregate]:
    """The aggregates of the lost host that it is not in, by name."""
    lost = seen.recovery.host if seen.recovery is not None else ''
    return sorted((each for each in seen.aggregates
                   if lost in each.hosts and one.host not in each.hosts),
                  key=lambda each: each.name)


def _to_join(one: Taking, seen: Seen, rules: model.Rules) -> list[Aggregate]:
    """Those of which Nova may still be asked to add it to."""
    return [each for each in _lacking(one, seen) if not _joining(one, each.name).refused
            and _joining(one, each.name).calls < rules.joins_max]


def _must_pause(one: Taking, seen: Seen, rules: model.Rules) -> bool:
    """True while a call may still show: nothing is known of the first one's outcome."""
    next_ones = _to_join(one, seen, rules)
    calls = _joining(one, next_ones[0].name).calls if next_ones else 0
    return seen.since_call < rules.restart_pause(calls)


def _outside(one: Taking, seen: Seen, rules: model.Rules) -> str:
    """Why it is in no zone, though the lost host is in one; empty if that may still come."""
    zones = [each for each in _lacking(one, seen) if each.zone
             and each not in _to_join(one, seen, rules)]
    if not zones or any(each.zone and one.host in each.hosts for each in seen.aggregates):
        return ''
    return f'Nova did not add it to {zones[0].name}, the aggregate of zone {zones[0].zone}' + (
        _why(_joining(one, zones[0].name)))


def _of_joins(one: Taking, seen: Seen) -> str:
    """What became of its aggregates, for people; empty if it was to be added to none."""
    lacking = {each.name for each in _lacking(one, seen)}
    told = [f'added to {texts.few(names)}' for names in [
        sorted(each.aggregate for each in one.joins if each.aggregate not in lacking)] if names]
    told += [f'not added to {each.aggregate}{_why(each)}' for each in one.joins
             if each.aggregate in lacking]
    if seen.unread:
        told.append(f'the aggregates of the lost host can\'t be read: {seen.unread}')
    return ''.join(f'; {each}' for each in told)


def _why(one: Joining) -> str:
    return f': {one.refused or f"it is not in it after {one.calls} calls"}'


def _joining(one: Taking, aggregate: str) -> Joining:
    return next((each for each in one.joins if each.aggregate == aggregate), Joining(aggregate))


def _go(one: Taking, stage: TakingStage, seen: Seen, reason: str) -> Taking:
    return roads.step_of_taking(one, stage, seen.at, seen.by, reason)
