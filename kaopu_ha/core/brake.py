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

"""Which cases may go on when too many hosts fall silent at once.

If everything looks dead, the fault is more likely ours than theirs: then nobody is condemned,
until fewer are silent or a person releases the brake for exactly those hosts.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable

from kaopu_ha.core import model

_PAST_JUDGING = (model.Stage.CONFIRMED, model.Stage.ADMITTING, model.Stage.CLOSED)


def counted(cases: Iterable[model.Case], held: Collection[str]) -> tuple[str, ...]:
    """The hosts that count for a storm: not ALIVE, not confirmed, not on hold; sorted."""
    return tuple(sorted(case.host for case in cases
                        if case.verdict is not model.Verdict.ALIVE
                        and case.stage not in _PAST_JUDGING
                        and case.host not in held))


def storm(cases: Iterable[model.Case], held: Collection[str], hosts: int,
          rules: model.Rules) -> bool:
    """True if more than ``storm_hosts`` and more than ``storm_share`` of all hosts count."""
    silent = len(counted(cases, held))
    return silent > rules.storm_hosts and silent > rules.storm_share * hosts


def braked(cases: Iterable[model.Case], held: Collection[str], released: Collection[str],
           hosts: int, rules: model.Rules) -> frozenset[str]:
    """The hosts that may not be condemned now."""
    cases = tuple(cases)
    if not storm(cases, held, hosts, rules):
        return frozenset()
    return frozenset(counted(cases, held)) - frozenset(released)
