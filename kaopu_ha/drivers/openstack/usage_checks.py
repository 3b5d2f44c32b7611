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

"""What can be asked of Placement before room is looked for."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
import functools
from typing import Any

from kaopu_ha import checkup, ports
from kaopu_ha.core import texts
from kaopu_ha.core.checkup import Finding, Seen, good, wrong
from kaopu_ha.drivers.openstack import api as openstack_api
from kaopu_ha.drivers.openstack import calls as openstack_calls
from kaopu_ha.drivers.openstack import checks as openstack_checks
from kaopu_ha.drivers.openstack.checks import NOBODY, AllowedCall, RefusedCall

_NO_ROOM = 'no host is known to have room, and nothing is moved'

_WANTED: Sequence[AllowedCall | RefusedCall] = (
    AllowedCall('ask for hosts with room', '/allocation_candidates',
                {'resources': 'VCPU:1', 'limit': '1'}, _NO_ROOM),
    AllowedCall('read what a host has', f'/resource_providers/{NOBODY}/inventories', {}, _NO_ROOM,
                good=(404,)),
    AllowedCall('read what of a host is used', f'/resource_providers/{NOBODY}/usages', {}, _NO_ROOM,
                good=(404,)),
)


def checks(placement: openstack_api.Api, usage: Callable[[], Mapping[str, Any]],
           seen: Seen) -> tuple[checkup.Check, ...]:
    """Rights, and hosts."""
    return (checkup.Check('rights', functools.partial(_rights, placement), _NO_ROOM),
            checkup.Check('room of every host', functools.partial(_hosts, usage, seen), _NO_ROOM))


def _rights(placement: openstack_calls.ServiceClient, limit: float) -> list[Finding]:
    def ask() -> list[Finding]:
        return [*openstack_checks.asked(placement, 'Placement', 'placement-policy.yaml', _WANTED),
                *openstack_checks.clock(placement, 'Placement', '/')]
    try:
        return openstack_api.within(limit, ask) or [
            good('Placement', 'our role may ask for room')]
    except ports.PortError as failure:
        return [openstack_checks.unreached(failure, 'Placement', _NO_ROOM)]


def _hosts(usage: Callable[[], Mapping[str, Any]], seen: Seen, limit: float) -> list[Finding]:
    del limit    # Each call has its own.
    try:
        known = usage()
    except ports.PortError as failure:
        return [openstack_checks.unreached(failure, 'Placement', _NO_ROOM)]
    unknown = sorted(set(seen.living) - set(known))
    if unknown:
        return [wrong(texts.few(unknown), 'Placement does not tell what room it has',
                      'it is no target', 'openstack resource provider list; look into the log of '
                                         'its nova-compute')]
    return [good('Placement', f'it tells the room of {len(known)} hosts')]
