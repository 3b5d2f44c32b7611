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

"""Does another controller see what the leader does not?

A network that can't be asked makes every verdict on it UNKNOWN: nobody is condemned, and nobody is
saved.  If the fault is the leader's own (its cable, its keyring), another controller may see.  Nor
does a host come back that its leader can't fence, for its disk hangs, and another one could.  Each
controller tells what it sees of the hosts in doubt; the leader gives way to one that sees more,
and whoever sees less lets the others go first when the leadership is free.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from kaopu_ha.core import detection, model

FENCE = 'fence'
NO_FENCES: Mapping[str, bool] = MappingProxyType({})


@dataclass(frozen=True)
class Sight:
    """What a controller sees of the hosts in doubt: whom it asked, and of whom each network spoke.

    What says that it could not be asked has not spoken; what was asked of every disk has, also if
    the answers are no sign (a client of nobody lives there).
    """

    asked: tuple[str, ...] = ()
    management: tuple[str, ...] = ()
    storage: tuple[str, ...] = ()
    # Of which hosts the fence was asked what it may cut, and of which it answered.
    fences_asked: tuple[str, ...] = ()
    fences: tuple[str, ...] = ()

    def spoke(self, network: model.Network, hosts: Collection[str]) -> int:
        """Of how many of these hosts the network said something."""
        told = {model.Network.MANAGEMENT: self.management, model.Network.STORAGE: self.storage}
        return len(set(told[network]) & set(hosts))


def in_doubt(cases: Iterable[model.Case], beating: Collection[str],
             unproven: Collection[str], rules: model.Rules) -> tuple[str, ...]:
    """The hosts on which a network was UNKNOWN at the last look, or whose fence is not proven."""
    found = [case.host for case in cases if case.host not in beating and (
        _unknown(case) or (case.stage is model.Stage.CONFIRMED and case.recovery in unproven))]
    return tuple(sorted(found)[:rules.doubtful_asked_max])


def _unknown(case: model.Case) -> bool:
    if not case.rounds or case.stage not in detection.JUDGING:
        return False
    last = case.rounds[-1]
    # Where there is nothing to ask about, nobody sees more.
    return not last.nothing_to_ask and any(
        one.sign is model.Sign.UNKNOWN for one in last.evidence)


def seen(said: Mapping[str, Mapping[model.Network, model.Evidence]],
         fences: Mapping[str, bool] = NO_FENCES) -> Sight:
    """What was seen, from what each network said of each host that was asked about.

    ``fences``: whether the fences of those that are to be fenced answered.
    """
    def of(network: model.Network) -> tuple[str, ...]:
        return tuple(sorted(host for host, found in said.items() if _spoke(found[network])))
    answered = tuple(sorted(host for host, answers in fences.items() if answers))
    return Sight(tuple(sorted(said)), of(model.Network.MANAGEMENT), of(model.Network.STORAGE),
                 tuple(sorted(fences)), answered)


def _spoke(found: model.Evidence) -> bool:
    if found.network is model.Network.STORAGE and found.answers and not found.unasked:
        return True
    return found.sign is not model.Sign.UNKNOWN


def blind(mine: Sight) -> tuple[str, ...]:
    """The networks that say nothing of any host that was asked about, and the fence likewise."""
    dark = [network.value for network in model.Network
            if mine.asked and not mine.spoke(network, mine.asked)]
    return (*dark, FENCE) if mine.fences_asked and not mine.fences else tuple(dark)


def better(mine: Sight, others: Mapping[str, Sight]) -> str:
    """Who sees where I see nothing, and no less elsewhere; '' if nobody."""
    for name in sorted(others):
        more = _more(mine, others[name])
        if min(more.values()) >= 0 and any(more[way] > 0 for way in blind(mine)):
            return name
    return ''


def lacks(mine: Sight) -> str:
    """What who gives way lacks, in words that follow the name of the other one."""
    if blind(mine) == (FENCE,):
        return 'can fence hosts that this one can not'
    return 'sees hosts of which a network tells it nothing'


def _more(mine: Sight, other: Sight) -> dict[str, int]:
    """Of how many more of the hosts of which both asked the other one was told something."""
    both = set(mine.asked) & set(other.asked)
    more = {network.value: other.spoke(network, both) - mine.spoke(network, both)
            for network in model.Network}
    fenced = set(mine.fences_asked) & set(other.fences_asked)
    more[FENCE] = len(fenced & set(other.fences)) - len(fenced & set(mine.fences))
    return more
