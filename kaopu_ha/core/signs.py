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


"""What a network says of a host, and what a round of that comes to."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
import enum
from typing import Any

from kaopu_ha.core.answers import Image

NOTHING_ON = 'nothing was on: nothing to ask, nothing to move'
NO_IMAGE = 'there is nothing to ask: the host had no image open'
# With these there never will be an answer: such a host says nothing of the others either.
NOTHING_TO_ASK = (NOTHING_ON, NO_IMAGE)


class Sign(enum.Enum):
    """What one network says of a host.  "Nobody answered" and "I could not ask" are two facts."""

    LIFE = 'life'
    SILENCE = 'silence'
    UNKNOWN = 'unknown'


class Verdict(enum.Enum):
    """What one round of evidence says of a host."""

    ALIVE = 'alive'
    DEAD = 'dead'
    UNDECIDED = 'undecided'


class Network(enum.Enum):
    """A network that is asked for signs of life; the third one, etcd, carries the beat."""

    MANAGEMENT = 'management'
    STORAGE = 'storage'


@dataclass(frozen=True)
class Answer:
    """One thing that was asked, and what came back: a line of the evidence table."""

    asked: str
    came: str
    sign: Sign


@dataclass(frozen=True)
class Evidence:
    """What one network says of one host in one round, and the rule that says so.

    ``kernel_answers``: a live kernel refused or accepted a connection; it bars the fast pace.
    ``unasked``: images not asked, and how many more; they hold their own instances back.
    ``elsewhere``: clients of other addresses that have an image open (news, no sign).
    ``strangers``: those of them that live, at addresses of nobody: no SILENCE while one does.
    ``rivals``: clients at addresses of the host that are, or may be, those of another one that
    claims them, too: they are not cut with it.  ``of_others``: those that live at addresses of
    others, one of which tells of its guest with that disk.  A round that is kept is without them.
    ``guests``: the domains that run, as its libvirt told, or None.  Only the case keeps it.
    """

    network: Network
    sign: Sign
    rule: str
    observer: str = ''
    kernel_answers: bool = False
    answers: tuple[Answer, ...] = ()
    unasked: tuple[Image, ...] = ()
    unasked_more: int = 0
    elsewhere: tuple[str, ...] = ()
    clients: tuple[str, ...] = ()
    strangers: tuple[str, ...] = ()
    rivals: tuple[str, ...] = ()
    of_others: tuple[str, ...] = ()
    guests: tuple[str, ...] | None = None


@dataclass(frozen=True)
class Round:
    """One look at a suspect: every network asked at one time, and the verdict.

    ``at``: when it was asked; ``asked_seconds``: within how many the answers came (0: not noted).
    """

    at: str
    by: str
    evidence: tuple[Evidence, ...]
    verdict: Verdict
    rule: str
    count: int = 1
    asked_seconds: float = 0.0

    def of(self, network: Network) -> Evidence:
        """What this network said; that it was not asked, if it was not."""
        return next((one for one in self.evidence if one.network is network),
                    Evidence(network, Sign.UNKNOWN, 'it was not asked'))

    @property
    def face(self) -> tuple[object, ...]:
        """What tells it from another round, but for times and details."""
        return self.verdict, *((one.network, one.sign, one.rule) for one in self.evidence)

    @property
    def kernel_answers(self) -> bool:
        """True if the host's kernel was heard on a network."""
        return any(one.kernel_answers for one in self.evidence)

    @property
    def nothing_to_ask(self) -> bool:
        """True if there is nothing on the host that a network could be asked about."""
        return any(one.rule in NOTHING_TO_ASK for one in self.evidence)

    @property
    def clients(self) -> tuple[str, ...]:
        """The clients of the host that were seen."""
        return tuple(client for one in self.evidence for client in one.clients)

    @property
    def rivals(self) -> tuple[str, ...]:
        """Those that may be another host's."""
        return tuple(client for one in self.evidence for client in one.rivals)

    @property
    def of_others(self) -> tuple[str, ...]:
        """Those that live, and are another host's for sure."""
        return tuple(client for one in self.evidence for client in one.of_others)

    @property
    def strangers(self) -> tuple[str, ...]:
        """Those that live, at addresses of nobody."""
        return tuple(client for one in self.evidence for client in one.strangers)

    # A former release reads two networks by their names, and passes over others (decision 0089).

    def as_kept(self) -> dict[str, Any]:
        """Its parts, as they are kept."""
        by_name = (Network.MANAGEMENT, Network.STORAGE)
        others = tuple(one for one in self.evidence if one.network not in by_name)
        kept = {field.name: getattr(self, field.name) for field in dataclasses.fields(self)}
        del kept['evidence']
        return kept | {network.value: self.of(network) for network in by_name} | (
            {'others': others} if others else {})

    @staticmethod
    def of_kept(kept: dict[str, Any]) -> dict[str, Any]:
        """Its parts, of those that were kept; what a network said that only a newer one asks is
        passed over.
        """
        known = {network.value for network in Network}
        others = [one for one in kept.get('others', ()) if one['network'] in known]
        return kept | {'evidence': [kept['management'], kept['storage'], *others]}
