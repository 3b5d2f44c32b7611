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

"""Placement tells how full hosts are.

``GET /allocation_candidates?resources=VCPU:1`` gives capacity and use of every host with a core
to spare in one answer (203 hosts: 0.05 s; two calls for each host took 3.5 s).  It leaves out the
hosts that have none: these are no targets now, and are asked one by one only so that people are
told what they lack.  That ends in time, however many they are: who was not asked by then is left
out, and the others are known.  A service of several nodes of which none has a core to spare is one
of bare metal (hundreds of nodes): it is no target, and nobody asks about each of them.

What is counted is what each provider itself holds.  An evacuated instance keeps its allocation on
the dead source until that is back and cleaned up, besides the one on its target: two in all, but
one on each host, so a target's figures are right, and a dead host seems as full as it was.

Providers bear the names of hypervisors, which need not be those of the compute services: Nova
tells which is whose, by UUID.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
import logging
import time
from typing import Any

from kaopu_ha import checkup, ports
from kaopu_ha.core import model
from kaopu_ha.core.checkup import Seen
from kaopu_ha.drivers import openstack_api, openstack_calls, openstack_hosts
from kaopu_ha.drivers.usage import placement_checks

LOG = logging.getLogger(__name__)

MICROVERSION = '1.29'

# The first with the provider's UUID as id.  From 2.88 on Nova asks every host for its uptime,
# and waits a minute for one that died unnoticed.
HYPERVISORS = '2.53'

# For all that are asked one by one together: far below the limit, for the rest takes time, too.
_ONE_BY_ONE_SHARE = 0.2
_NO_ROOM = model.Usage(cores=0, cores_used=0, memory_mb=0, memory_mb_used=0)


class PlacementUsage(ports.UsageSource, checkup.Checkable):
    """Cores (VCPU, not dedicated ones) and memory of every host, with its allocation ratios.

    ``auth`` as for the cloud driver ``nova``, with which it shares its session.
    """

    def __init__(self, auth: Mapping[str, str], *, limit: float = 10.0) -> None:
        self._nova = openstack_api.Api(auth, 'compute', HYPERVISORS, limit)
        self._placement = openstack_api.Api(auth, 'placement', MICROVERSION, limit)
        self._limit = limit

    def usage(self) -> Mapping[str, model.Usage]:
        """Usage by the host's name in Nova's services."""
        return openstack_api.within(self._limit, self._usage)

    def checks(self, seen: Seen) -> tuple[checkup.Check, ...]:
        """What our role lets us ask, and whether every host is known there."""
        return placement_checks.checks(self._placement, self.usage, seen)

    # ------------------------------------------------------------ private

    def _usage(self) -> dict[str, model.Usage]:
        with openstack_calls.translated('usage'):
            hosts = openstack_hosts.hosts(self._nova)
            spare = self._placement.get(
                '/allocation_candidates', resources='VCPU:1')['provider_summaries']
            until = time.monotonic() + self._limit * _ONE_BY_ONE_SHARE
            found = {host: self._of_host(uuids, spare, until)
                     for host, uuids in _by_host(hosts).items()}
            if hosts and not any(found.values()):
                raise ports.PortError('Placement knows none of the hypervisors of Nova')
            # Those that Placement does not know (yet) are left out.
            return {host: told for host, told in found.items() if told is not None}

    def _of_host(self, uuids: Sequence[str], spare: Mapping[str, Any],
                 until: float) -> model.Usage | None:
        """Of several nodes the roomiest: what is moved there must fit into one."""
        if len(uuids) == 1:
            return self._provider_or_none(uuids[0], spare, until)
        told = [self._provider_or_none(uuid, spare, until) for uuid in uuids if uuid in spare]
        return max(filter(None, told), key=_room, default=_NO_ROOM)

    def _provider_or_none(self, uuid: str, spare: Mapping[str, Any],
                          until: float) -> model.Usage | None:
        """One odd provider is no target, nor one for which no time is left; the others are what
        they are.
        """
        try:
            if uuid in spare:
                return _summary(spare[uuid]['resources'])
            return self._full(uuid) if time.monotonic() < until else None
        except (ports.PortError, LookupError, TypeError, ValueError, AttributeError) as failure:
            LOG.warning('Placement tells nothing usable of provider %s: %r', uuid, failure)
            return None

    def _full(self, uuid: str) -> model.Usage | None:
        """What a provider has that has no core to spare, or none at all."""
        answer = self._placement.read(f'/resource_providers/{uuid}/inventories')
        if answer.status_code == 404 and 'errors' in answer.json():
            return None
        if answer.status_code != 200:
            raise ports.PortError(f'inventories of {uuid}: {openstack_calls.reason(answer)}')
        inventories = answer.json()['inventories']
        if 'VCPU' not in inventories:
            # Bare metal, or dedicated cores only: what is used of the rest makes it no target.
            return _NO_ROOM
        used = self._placement.get(f'/resource_providers/{uuid}/usages')['usages']
        return _counted(inventories, used)


def _by_host(hosts: Mapping[str, str]) -> dict[str, list[str]]:
    """The nodes of each compute service, both in order."""
    found: dict[str, list[str]] = {}
    for uuid, host in sorted(hosts.items(), key=lambda each: (each[1], each[0])):
        found.setdefault(host, []).append(uuid)
    return found


def _room(usage: model.Usage) -> tuple[float, float]:
    return usage.cores - usage.cores_used, usage.memory_mb - usage.memory_mb_used


def _summary(resources: Mapping[str, Any]) -> model.Usage:
    """From a summary, in which the capacity has the ratio applied already."""
    cores, memory = resources['VCPU'], resources.get('MEMORY_MB', {'capacity': 0, 'used': 0})
    return model.Usage(
        cores=cores['capacity'], cores_used=cores['used'],
        memory_mb=memory['capacity'], memory_mb_used=memory['used'])


def _counted(inventories: Mapping[str, Any], used: Mapping[str, int]) -> model.Usage:
    """From the inventories and usages of one provider."""
    return model.Usage(
        cores=_capacity(inventories.get('VCPU')), cores_used=used.get('VCPU', 0),
        memory_mb=_capacity(inventories.get('MEMORY_MB')),
        memory_mb_used=used.get('MEMORY_MB', 0))


def _capacity(inventory: Mapping[str, Any] | None) -> float:
    """Rounded down, as Placement does."""
    if inventory is None:
        return 0
    return int((inventory['total'] - inventory['reserved']) * inventory['allocation_ratio'])
