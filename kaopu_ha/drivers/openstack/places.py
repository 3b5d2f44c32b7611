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

"""Where Nova may put instances: its aggregates and server groups, and what Placement offers.

One question to Placement for each kind of instance, as Nova's scheduler asks it.  Each answer is
for itself: who does not answer, or may not be asked by our role, is named, and the rest is known.

What Nova asks beside the flavor follows from options of its own (``[scheduler]``) that no API
shows; Placement is not asked for that, so it may offer more than Nova takes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
import time
from typing import Any, TypeVar

from kaopu_ha import ports
from kaopu_ha.core import demands
from kaopu_ha.core.demands import Aggregate, Demand, Group, Offer, Part, Places
from kaopu_ha.drivers.openstack import calls as openstack_calls
from kaopu_ha.drivers.openstack import hosts as openstack_hosts

# From 1.33 on a group of resources may bear any name, as a flavor's may.
MICROVERSION = '1.33'
# So many ways are listed for one kind; with devices there are many ways on each host.
OFFERS_MAX = 2000
# People change aggregates and groups now and then, and the lists of all are long.
_KEPT_SECONDS = 60.0
_PAGE = 1000
# For all kinds together; the next plan asks for those that had to wait.
_SHARE = 0.5

T = TypeVar('T')


class PlacesReader:
    """Reads for one cloud driver, and keeps what seldom changes for a minute."""

    def __init__(self, nova: openstack_calls.ServiceClient,
                 placement: openstack_calls.ServiceClient,
                 limit: float) -> None:
        self._nova, self._placement, self._limit = nova, placement, limit
        self._kept: dict[str, tuple[float, Any]] = {}

    def read(self, kinds: Sequence[Demand]) -> Places:
        """All of it, as far as it is told."""
        untold: list[str] = []
        aggregates = self._lately('aggregates', self.aggregates, untold)
        groups = self._lately('server groups', self._groups, untold)
        roots = self._lately('hypervisors', lambda: openstack_hosts.hosts(self._nova), untold)
        offers = self._offers(kinds, roots, untold) if roots else {}
        return Places(offers, tuple(aggregates or ()), tuple(groups or ()), untold=tuple(untold))

    # ------------------------------------------------------------ private

    def _lately(self, name: str, read: Callable[[], T], untold: list[str]) -> T | None:
        """What was read within the last minute, or is read now; None if that fails."""
        now = time.monotonic()
        at, found = self._kept.get(name, (0.0, None))
        if found is not None and now - at < _KEPT_SECONDS:
            kept: T = found
            return kept
        try:
            with openstack_calls.translated(name):
                new = read()
        except ports.PortError as failure:
            untold.append(f'{name}: {failure}')
            return None
        self._kept[name] = now, new
        return new

    def _offers(self, kinds: Sequence[Demand], roots: Mapping[str, str],
                untold: list[str]) -> dict[Demand, Offer]:
        """By kind; those of which Placement is asked the same share one answer."""
        until, found = time.monotonic() + self._limit * _SHARE, dict[Demand, Offer]()
        answers: dict[tuple[tuple[str, str], ...], Offer | None] = {}
        for kind in kinds:
            asked = query(kind)
            if asked not in answers:
                if time.monotonic() > until:
                    break
                answers[asked] = self._offer(asked, roots, untold)
            offer = answers[asked]
            if offer is not None:
                found[kind] = offer
        return found

    def _offer(self, asked: tuple[tuple[str, str], ...], roots: Mapping[str, str],
               untold: list[str]) -> Offer | None:
        if not asked:
            return None
        try:
            with openstack_calls.translated('allocation candidates'):
                answer = self._placement.get('/allocation_candidates', MICROVERSION,
                                             **dict(asked), limit=str(OFFERS_MAX))
                return _offer(answer, roots)
        except ports.PortError as failure:
            untold.append(f'what Placement offers: {failure}')
            return None

    def aggregates(self) -> list[Aggregate]:
        """Those of Nova as they are now, by name.  Raises PortError."""
        with openstack_calls.translated('aggregates'):
            return sorted((Aggregate(str(one['name']), frozenset(map(str, one['hosts'] or ())),
                                     {str(key): str(value)
                                      for key, value in (one['metadata'] or {}).items()})
                           for one in self._nova.get('/os-aggregates')['aggregates']),
                          key=lambda one: one.name)

    def _groups(self) -> list[Group]:
        """Those with members, of all projects; Nova gives no links to further pages."""
        found: list[Group] = []
        until = time.monotonic() + self._limit * _SHARE
        for offset in range(0, 1_000_000, _PAGE):
            page = self._nova.get('/os-server-groups', all_projects='true', limit=str(_PAGE),
                                  offset=str(offset))['server_groups']
            found += [_group(one) for one in page if one['members']]
            if len(page) < _PAGE:
                return found
            if time.monotonic() > until:
                raise ports.PortError(f'more than {len(found)}: too many for the limit')
        return found


def query(kind: Demand) -> tuple[tuple[str, str], ...]:
    """What Placement is asked for a kind of instance; empty if it asks for nothing."""
    found = [pair for part in kind.parts for pair in _asked(part)]
    if sum(bool(part.suffix and part.amounts) for part in kind.parts) > 1:
        found.append(('group_policy', 'isolate' if kind.isolated else 'none'))
    return tuple(found)


# ---------------------------------------------------------------- private


def _asked(part: Part) -> Iterator[tuple[str, str]]:
    """Placement takes no traits of a provider of which nothing is asked for."""
    if part.amounts:
        yield f'resources{part.suffix}', ','.join(
            f'{amount.name}:{amount.number}' for amount in part.amounts)
        traits = [*part.required, *(f'!{name}' for name in part.forbidden)]
        if traits:
            yield f'required{part.suffix}', ','.join(traits)


def _offer(answer: Mapping[str, Any], roots: Mapping[str, str]) -> Offer:
    """The hosts in an answer; a provider that is none of a host is storage that hosts share."""
    summaries, ways = answer['provider_summaries'], answer['allocation_requests']
    providers = {provider for way in ways for provider in way['allocations']}
    tops = {str(summaries[provider]['root_provider_uuid']) for provider in providers}
    return Offer(frozenset(roots[top] for top in tops if top in roots), len(ways) < OFFERS_MAX)


def _group(record: Mapping[str, Any]) -> Group:
    policy = record.get('policy') or (record.get('policies') or [''])[0]
    most = int((record.get('rules') or {}).get('max_server_per_host') or 1)
    return Group(str(record['id']), str(record['name']), str(policy),
                 frozenset(map(str, record['members'])),
                 most if policy == demands.APART else 1)
