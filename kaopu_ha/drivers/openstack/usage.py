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
to spare in one answer (203 hosts: 0.05 s; two calls for each host took 3.5 s).  If that leaves a
host out, the same is asked for dedicated cores (PCPU).  Who has neither is no target now, and is
asked for itself, one by one, only so that people are told what it lacks.  That ends in time,
however many they are: who was not asked by then is left out, and the others are known.  A service
of several nodes of which none has a core to spare is one of bare metal (hundreds of nodes): it is
no target, and nobody asks about each of them.

What is counted is what each provider itself holds.  An evacuated instance keeps its allocation on
the dead source until that is back and cleaned up, besides the one on its target: two in all, but
one on each host, so a target's figures are right, and a dead host seems as full as it was.

Providers bear the names of hypervisors, which need not be those of the compute services: Nova
tells which is whose, by UUID.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
import logging
import time
from typing import Any, Self

from oslo_config import cfg

from kaopu_ha import checkup, ports
from kaopu_ha.conf import nova as conf_nova
from kaopu_ha.conf.errors import ConfigError
from kaopu_ha.core import model
from kaopu_ha.core.checkup import Seen
from kaopu_ha.core.demands import CORES, DEDICATED_CORES, MEMORY
from kaopu_ha.drivers.openstack import api as openstack_api
from kaopu_ha.drivers.openstack import calls as openstack_calls
from kaopu_ha.drivers.openstack import clouds
from kaopu_ha.drivers.openstack import hosts as openstack_hosts
from kaopu_ha.drivers.openstack import usage_checks as placement_checks

LOG = logging.getLogger(__name__)

MICROVERSION = '1.29'

# The first with the provider's UUID as id.  From 2.88 on Nova asks every host for its uptime,
# and waits a minute for one that died unnoticed.
HYPERVISORS = '2.53'

# For all that are asked one by one together: far below the limit, for the rest takes time, too.
_ONE_BY_ONE_SHARE = 0.2
_NO_ROOM = model.Usage(cores=0, cores_used=0, memory_mb=0, memory_mb_used=0)


@dataclass(frozen=True)
class _Spare:
    """What Placement said of providers with a core to spare, and of the devices in each."""

    summaries: Mapping[str, Any]
    devices: Mapping[str, Sequence[Any]]


class PlacementUsage(ports.UsageSource, checkup.Checkable):
    """Cores, memory and what else every host has, with its allocation ratios.

    ``auth`` as for the cloud driver ``nova``, with which it shares its session.
    """

    options = {conf_nova.GROUP: conf_nova.OPTS}

    @classmethod
    def from_conf(cls, conf: cfg.ConfigOpts, store: ports.Store) -> Self:
        """Made as configured.  Raises ConfigError."""
        if conf.cloud.driver == 'libvirt':
            raise ConfigError('[usage] driver is placement, but [cloud] driver is libvirt: without '
                              'OpenStack set [usage] driver = inventory')
        return cls(clouds.login(conf), limit=conf.nova.timeout)

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
            summaries = self._summaries(CORES)
            by_host = _by_host(hosts)
            if any(len(uuids) == 1 and uuids[0] not in summaries for uuids in by_host.values()):
                summaries = {**self._summaries_of_dedicated(), **summaries}
            spare = _Spare(summaries, _devices(summaries))
            until = time.monotonic() + self._limit * _ONE_BY_ONE_SHARE
            found = {host: self._of_host(uuids, spare, until)
                     for host, uuids in by_host.items()}
            if hosts and not any(found.values()):
                raise ports.PortError('Placement knows none of the hypervisors of Nova')
            # Those that Placement does not know (yet) are left out.
            return {host: told for host, told in found.items() if told is not None}

    def _summaries(self, core_class: str) -> Mapping[str, Any]:
        found: Mapping[str, Any] = self._placement.get(
            '/allocation_candidates', resources=f'{core_class}:1')['provider_summaries']
        return found

    def _summaries_of_dedicated(self) -> Mapping[str, Any]:
        """Without these, the hosts with shared cores are known all the same."""
        try:
            return self._summaries(DEDICATED_CORES)
        except (ports.PortError, LookupError, TypeError) as failure:
            LOG.warning('Placement does not tell of dedicated cores: %s', failure)
            return {}

    def _of_host(self, uuids: Sequence[str], spare: _Spare, until: float) -> model.Usage | None:
        """Of several nodes the roomiest: what is moved there must fit into one."""
        if len(uuids) == 1:
            return self._provider_or_none(uuids[0], spare, until)
        told = [self._provider_or_none(uuid, spare, until) for uuid in uuids
                if uuid in spare.summaries]
        return max(filter(None, told), key=_room, default=_NO_ROOM)

    def _provider_or_none(self, uuid: str, spare: _Spare, until: float) -> model.Usage | None:
        """One odd provider is no target, nor one for which no time is left; the others are what
        they are.
        """
        try:
            if uuid in spare.summaries:
                return _summary(spare.summaries[uuid]['resources'], spare.devices.get(uuid, ()))
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
        if not inventories.keys() & {CORES, DEDICATED_CORES}:
            # Bare metal: what is used of the rest makes it no target.
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


def _devices(spare: Mapping[str, Any]) -> dict[str, list[Any]]:
    """What the providers within a host have, by the host's own; an odd one has nothing."""
    found: dict[str, list[Any]] = {}
    for one in spare.values():
        if isinstance(one, dict) and one.get('parent_provider_uuid') and one.get('resources'):
            found.setdefault(str(one.get('root_provider_uuid')), []).append(one['resources'])
    return found


def _summary(resources: Mapping[str, Any], devices: Sequence[Any]) -> model.Usage:
    """From summaries, in which the capacity has the ratio applied already; with the devices."""
    found: dict[str, tuple[float, float]] = {}
    for each in (resources, *devices):
        for name, room in each.items():
            total, used = found.get(name, (0, 0))
            found[name] = total + room['capacity'], used + room['used']
    return _usage(found)


def _counted(inventories: Mapping[str, Any], used: Mapping[str, int]) -> model.Usage:
    """From the inventories and usages of one provider."""
    return _usage({name: (_capacity(inventory), used.get(name, 0))
                   for name, inventory in inventories.items()})


def _usage(found: Mapping[str, tuple[float, float]]) -> model.Usage:
    """From capacity and use by resource class."""
    dedicated = CORES not in found and DEDICATED_CORES in found
    cores_of = DEDICATED_CORES if dedicated else CORES
    cores, cores_used = found.get(cores_of, (0, 0))
    memory_mb, memory_mb_used = found.get(MEMORY, (0, 0))
    rooms = tuple(model.Room(name, *room) for name, room in sorted(found.items())
                  if name not in (cores_of, MEMORY))
    return model.Usage(cores, cores_used, memory_mb, memory_mb_used, rooms=rooms,
                       dedicated=dedicated)


def _capacity(inventory: Mapping[str, Any] | None) -> float:
    """Rounded down, as Placement does."""
    if inventory is None:
        return 0
    return int((inventory['total'] - inventory['reserved']) * inventory['allocation_ratio'])
