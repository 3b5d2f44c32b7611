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

"""The plan made the plain way: every host is looked at for every instance.

What ``planning.planned`` does sooner, with ``core.shortlist``.  It chooses the same.
"""

import dataclasses

from kaopu_ha.core import demands, model, placing, planning, policy, selection
from kaopu_ha.core.model import Phase
from kaopu_ha.core.placing import EVERYWHERE


def choose(item, candidates, reach=EVERYWHERE):
    """The target, with what is doubtful about it; or '' and why there is none."""
    reasons = {one.host: selection.why_not(one, item, reach) for one in candidates}
    core_class = item.demand.core_class if item.demand else demands.ANY_CORES
    ranked = sorted(
        selection.rank({one.host: one.usage for one in candidates
                        if one.usage is not None and not reasons[one.host]}, core_class),
        key=lambda host: (bool(reach.doubts(host)), reach.dislikes(host)))
    if ranked and (not reach.doubts(ranked[0]) or reach.guesses_left):
        return ranked[0], reach.doubts(ranked[0])
    reasons |= {host: reach.doubts(host) for host in ranked}
    return '', placing.NoTarget([
        placing.RefusedHost(one.host, reasons[one.host], one.service.zone if one.service else '',
                            selection.free(one.usage, core_class))
        for one in sorted(candidates, key=lambda one: one.host)
        if one.host != item.source], item.demand).sentence('', {})


def choose_in_turn(item, candidates, reach, rings):
    """The same, in one circle after the other; and whether that host is to be taken first."""
    for ring in rings:
        target, doubt = choose(item, candidates, dataclasses.replace(reach, circle=ring.circle))
        if target:
            return target, doubt, ring.reserved
    return '', '', False


def placed(candidates, target, item):
    """The candidates after the instance was placed."""
    return tuple(dataclasses.replace(one, usage=selection.with_all(one.usage, (item,)))
                 if one.host == target and one.usage is not None else one for one in candidates)


def arrived(candidates, item):
    """The candidates after it came there lately: not measured yet."""
    return tuple(dataclasses.replace(one, usage=selection.with_all(one.usage, (), (item,)))
                 if one.host == item.target and one.usage is not None else one
                 for one in candidates)


def begun(candidates, moves):
    """The candidates with what comes to them, and what came lately in what is not over."""
    found = tuple(candidates)
    for item in moves:
        if selection.comes(item):
            found = placed(found, item.target, item)
    going_on = {item.recovery for item in moves if not item.phase.ended}
    for item in moves:
        if item.phase is Phase.DONE and item.recovery in going_on:
            found = arrived(found, item)
    return found


def _key(item):
    return item.recovery, item.instance


class Stays:
    """Whether targets still are some."""

    def __init__(self, hosts):
        self._hosts = hosts

    def may_stay(self, item):
        host = self._hosts.get(item.target)
        return host is not None and not selection.why_not(
            dataclasses.replace(host, usage=model.Usage(1e9, 0, 1e12, 0)), item)


def planned(evacuations, seen, rules, dead=()):
    """What ``planning.planned`` gives."""
    before = tuple(policy.in_order(evacuations))
    seen = dataclasses.replace(
        seen, candidates=selection.as_taken(
            seen.candidates, seen.grouping.reserved, seen.places, rules))
    hosts = {one.host: one for one in seen.candidates}
    stays = Stays(hosts)
    now = {_key(item): planning._turned_back(item, seen, rules, dead, stays)
           for item in before}
    busy, turns, nowhere = {}, {}, []
    going = [item for item in now.values() if selection.comes(item) and not item.set_aside]
    for item in going:
        busy[item.target] = busy.get(item.target, 0) + 1
    _, ground = selection.begun(seen.candidates, seen.places, now.values(), (), seen.grouping)
    candidates, in_all = begun(seen.candidates, list(now.values())), len(going)
    for current in _in_turns([item for item in now.values() if item.phase is Phase.WAITING
                              and not planning._rests(item, seen, rules)], going):
        item, key = current, _key(current)
        reach = ground.reach(current)
        target, doubt, reserved = choose_in_turn(current, candidates, reach,
                                                 ground.circles.rings(current))
        if not target:
            nowhere.append((key, reach, ''))
            continue
        candidates = placed(candidates, target, current)
        ground.placed(current.instance, target)
        if reserved:
            ground.circles.claim(target, current.recovery)
            now[key] = dataclasses.replace(current, reserve=target, row='', reason=(
                f'{target} is taken for it, which is reserved'))
        elif in_all >= rules.in_all_max or busy.get(target, 0) >= rules.per_target_max:
            nowhere.append((key, reach, target))
            turns.setdefault(item.recovery, item.priority)
        elif turns.get(item.recovery, item.priority) is not item.priority:
            now[key] = _waits(current, 'its turn comes: more important ones wait for theirs', seen,
                              rules, reach)
        else:
            busy[target] = busy.get(target, 0) + 1
            in_all += 1
            now[key] = planning._goes(current, target, doubt, seen, hosts[target].usage)
    for key, reach, target in nowhere:
        if reach.circle is not None:
            reach = dataclasses.replace(reach, circle=ground.circles.whole(now[key]))
        where = '' if in_all >= rules.in_all_max else f' to {target}'
        reason = (f'its turn comes: enough is moving{where}' if target
                  else choose(now[key], candidates, reach)[1])
        now[key] = _waits(now[key], reason, seen, rules, reach)
    return tuple(now[_key(item)] for item in before
                 if now[_key(item)] != item)


def _in_turns(left, going):
    """Of the most important class that is left the next one is of whoever has least so far."""
    has = [item.recovery for item in going]
    while left:
        item = min(left, key=lambda each: (each.priority.rank, has.count(each.recovery)))
        left.remove(item)
        has.append(item.recovery)
        yield item


def _waits(item, reason, seen, rules, reach):
    tried = {*item.passed_over, *reach.learnt}
    anew = dataclasses.replace(item, passed_over=())
    others = {one.host for one in seen.candidates
              if reach.circle is None or not reach.circle.bars(one.host)} - {item.source}
    if tried and (others <= tried or choose(
            anew, seen.candidates, dataclasses.replace(reach, learnt=frozenset()))[0]):
        return planning._round_ended(
            item, seen, rules, f'every other host was tried; last: {placing.last(item, reach)}')
    return dataclasses.replace(item, reason=reason, row='', reserve='')
