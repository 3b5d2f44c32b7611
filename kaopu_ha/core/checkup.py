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

"""What ``kaopu-ha doctor`` finds before an incident, and what it knows when it asks.

A finding says what is so, what would happen in a failure, and what to do: whoever reads it has to
know no code.  It never holds a secret.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
import enum

from kaopu_ha.core import model


class Severity(enum.Enum):
    """How bad it is: WRONG costs instances or a verdict, WEAK a margin, GOOD nothing."""

    WRONG = 'wrong'
    WEAK = 'weak'
    GOOD = 'good'


# The sides that need nobody's answer.
HERE = frozenset({'this machine', 'hosts'})
_ORDER = (Severity.WRONG, Severity.WEAK, Severity.GOOD)


@dataclass(frozen=True)
class Finding:
    """What was found of one subject (a user, a host, a member).

    ``failure``: what would happen when something fails; ``advice``: what to do.  ``side``: whom
    the check asked; who runs it fills that in.  ``asked``: False if it could not be asked.
    """

    severity: Severity
    subject: str
    found: str
    failure: str = ''
    advice: str = ''
    side: str = ''
    asked: bool = True


@dataclass(frozen=True)
class Seen:
    """What is known before anybody else is asked: from the store, and from the configuration.

    ``beats``: the lease of each host's beat.  ``pools``: those of each cluster, by fsid.
    ``beat_ttl``: what the configuration of this machine has.
    """

    inventories: Mapping[str, model.Inventory] = field(default_factory=dict)
    beats: Mapping[str, int] = field(default_factory=dict)
    cases: Mapping[str, model.Case] = field(default_factory=dict)
    recoveries: Mapping[str, model.Recovery] = field(default_factory=dict)
    pools: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    beat_ttl: int = 0

    @property
    def living(self) -> Mapping[str, model.Inventory]:
        """The hosts that beat and on which no case is open."""
        return {host: inventory for host, inventory in self.inventories.items()
                if host in self.beats and host not in self.cases}


def good(subject: str, found: str) -> Finding:
    """A finding that is as it should be."""
    return Finding(Severity.GOOD, subject, found)


def weak(subject: str, found: str, failure: str, advice: str) -> Finding:
    """A finding that costs a margin."""
    return Finding(Severity.WEAK, subject, found, failure, advice)


def wrong(subject: str, found: str, failure: str, advice: str) -> Finding:
    """A finding that costs instances, or a verdict."""
    return Finding(Severity.WRONG, subject, found, failure, advice)


def unasked(subject: str, why: str, failure: str, advice: str) -> Finding:
    """It could not be asked: what it would have told is not known."""
    return Finding(Severity.WRONG, subject, f'it could not be asked: {why}', failure, advice,
                   asked=False)


def merged(findings: Iterable[Finding]) -> list[Finding]:
    """What could not be asked of one subject, once: the first tells why, and how many more."""
    found: list[Finding] = []
    more: dict[tuple[str, str], int] = {}
    for one in findings:
        key = one.side, one.subject
        if one.asked or key not in more:
            found.append(one)
        if not one.asked:
            more[key] = more.get(key, -1) + 1
    return [replace(one, found=f'{one.found}; {more[one.side, one.subject]} more likewise')
            if not one.asked and more[one.side, one.subject] else one for one in found]


def in_order(findings: Iterable[Finding]) -> list[Finding]:
    """The worst first; by side and subject within."""
    return sorted(findings, key=lambda one: (_ORDER.index(one.severity), one.side, one.subject,
                                             one.found))


def exit_code(findings: Iterable[Finding]) -> int:
    """0: nothing is wrong; 1: something is; 2: nobody could be asked."""
    everything = list(findings)
    found = [one for one in everything if one.side not in HERE]
    if not any(one.asked for one in found):
        return 2
    return 1 if any(one.severity is Severity.WRONG for one in everything) else 0
