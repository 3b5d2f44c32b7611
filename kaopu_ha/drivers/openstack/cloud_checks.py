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

"""What can be asked of Nova before it is needed: login, rights, names.

Whether the role may evacuate is asked with a server that there is and a target that there is not:
Nova looks at the policy first, then for the target, and refuses.  Its source would have to be down
besides, or Nova would refuse that too.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
import functools
from typing import Any

from kaopu_ha import checkup, ports
from kaopu_ha.core import checkup_hosts, noting, texts
from kaopu_ha.core.checkup import Finding, Seen, good, weak, wrong
from kaopu_ha.drivers.openstack import api as openstack_api
from kaopu_ha.drivers.openstack import calls as openstack_calls
from kaopu_ha.drivers.openstack import checks as openstack_checks
from kaopu_ha.drivers.openstack.checks import NOBODY, AllowedCall, RefusedCall

_NOBODYS_HOST = 'kaopu-ha-doctor.invalid'
_POLICY = 'nova-policy.yaml'
_HOST = 'OS-EXT-SRV-ATTR:host'
_GUESSED = 'some instances are sent where Nova does not let them, and lose time'
_NOT_MOVED = 'a dead host is fenced, and nothing of it is moved'

_WANTED: Sequence[AllowedCall | RefusedCall] = (
    AllowedCall('list compute services', '/os-services', {'binary': 'nova-compute'}, _NOT_MOVED),
    AllowedCall('list the servers of all projects', '/servers/detail',
                {'all_tenants': 'true', 'limit': '1'}, _NOT_MOVED),
    AllowedCall('list the servers of a host', '/servers/detail',
                {'all_tenants': 'true', 'host': _NOBODYS_HOST, 'limit': '1'}, _NOT_MOVED),
    AllowedCall('list migrations', '/os-migrations', {'host': _NOBODYS_HOST, 'limit': '1'},
                'what became of a move is not known: it is told as waiting, and never as done'),
    AllowedCall('list aggregates', '/os-aggregates', {}, _GUESSED),
    AllowedCall('list the server groups of all projects', '/os-server-groups',
                {'all_projects': 'true', 'limit': '1'}, _GUESSED),
    RefusedCall('force a compute service down', 'PUT', f'/os-services/{NOBODY}',
                {'forced_down': True},
                _NOT_MOVED, (404,)),
)
# With options only, so no file of ours gives the role what they need.
_ADDED = f'{_POLICY}, with role:kaopu_ha added to os_compute_api:'
_JOIN = RefusedCall('add a host to an aggregate', 'POST', f'/os-aggregates/{2**31 - 1}/action',
                    {'add_host': {'host': _NOBODYS_HOST}},
                    'reserved hosts are taken without the aggregates of the lost host', (404,))
# Nova looks at the role, then finds that path and body name different items.
_NOTE = ('write into a server\'s metadata', '/servers/{uuid}/metadata/' + noting.KEY,
         {'meta': {'kaopu_ha.doctor': ''}},
         'who has a server that is moved does not find that at the server')
_OF_PLACEMENT: Sequence[AllowedCall | RefusedCall] = (
    AllowedCall('read allocations', f'/allocations/{NOBODY}', {},
                'what a host that was taken back still has set aside is not known'),
    # Without what a consumer has to have: nothing is written.
    RefusedCall('change allocations', 'PUT', f'/allocations/{NOBODY}', {},
                'room on hosts that were taken back stays set aside for what is elsewhere', (400,)),
)


@dataclass(frozen=True)
class OptionalRights:
    """What is asked of Nova only by an option: to add hosts to aggregates, to note moves."""

    joins: bool = False
    notes: bool = False


NO_MORE_RIGHTS = OptionalRights()


def checks(nova: openstack_api.Api, placement: openstack_api.Api, auth: Mapping[str, str],
           seen: Seen, wanted: OptionalRights = NO_MORE_RIGHTS) -> tuple[checkup.Check, ...]:
    """Login, rights and names; each is asked by itself."""
    def made(name: str, ask: Any, *given: Any) -> checkup.Check:
        return checkup.Check(name, functools.partial(_translated, ask, *given), _NOT_MOVED)

    return (made('login and catalog', _entrance, nova, auth),
            made('rights', _rights, nova, wanted),
            made('a server, and its evacuation refused', _of_a_server, nova, wanted),
            made('allocations', _allocations, placement),
            made('names of hosts', _names, nova, seen))


def _translated(ask: Any, *given: Any) -> list[Finding]:
    *its, limit = given
    try:
        found: list[Finding] = openstack_api.within(limit, functools.partial(ask, *its))
        return found
    except ports.PortError as failure:
        return [openstack_checks.unreached(failure, 'Nova', _NOT_MOVED)]


# ---------------------------------------------------------------- one by one


def _entrance(nova: openstack_api.Api, auth: Mapping[str, str]) -> list[Finding]:
    endpoint = nova.access()['endpoint']
    regions = nova.regions()
    if len(regions) > 1 and not auth.get('region_name'):
        return [wrong('Keystone\'s catalog', f'it has Nova in {texts.few(regions)}, and [nova] '
                                             f'region_name is not set',
                      'the hosts of another region may be asked for: nothing of ours is found',
                      'set [nova] region_name')]
    return [*openstack_checks.clock(nova, 'Nova', '/os-services'),
            good('Nova', f'we can log in; it is at {endpoint}')]


def _rights(nova: openstack_calls.ServiceClient, wanted: OptionalRights) -> list[Finding]:
    found = openstack_checks.asked(nova, 'Nova', _POLICY, _WANTED)
    if wanted.joins:
        found += openstack_checks.asked(nova, 'Nova', f'{_ADDED}os-aggregates:add_host,', [_JOIN])
    return found or [
        good('Nova', 'our role may list servers, services and migrations, and force services down')]


def _allocations(placement: openstack_calls.ServiceClient) -> list[Finding]:
    return openstack_checks.asked(placement, 'Placement', 'placement-policy.yaml',
                                  _OF_PLACEMENT) or [
        good('Placement', 'our role may read and change allocations')]


def _of_a_server(nova: openstack_calls.ServiceClient, wanted: OptionalRights) -> list[Finding]:
    servers = nova.get('/servers/detail', all_tenants='true', limit='1')['servers']
    if not servers:
        return [weak('Nova', 'whether our role may evacuate is not known: there is no server to '
                             'try it with', _NOT_MOVED, 'ask again when there is one')]
    uuid = servers[0]['id']
    found = openstack_checks.asked(nova, 'Nova', _POLICY, [
        AllowedCall('list what was asked for a server', f'/servers/{uuid}/os-instance-actions',
                    {'limit': '1'},
                    'what its user stopped is not told from what died with its host')])
    if wanted.notes:
        what, path, body, lost = _NOTE
        found += openstack_checks.asked(nova, 'Nova', f'{_ADDED}server-metadata:update,', [
            RefusedCall(what, 'PUT', path.format(uuid=uuid), body, lost, (400,))])
    if _HOST not in servers[0]:
        found.append(wrong('Nova', 'our role is not shown on which host a server is', _NOT_MOVED,
                           _admin()))
    return [*found, *_evacuation(nova, uuid)]


def _evacuation(nova: openstack_calls.ServiceClient, uuid: str) -> list[Finding]:
    answer = nova.rehearse('POST', f'/servers/{uuid}/action', {'evacuate': {'host': _NOBODYS_HOST}})
    why = openstack_calls.reason(answer)
    if answer.status_code == 404 and _NOBODYS_HOST in why:
        return [good('Nova', 'our role may evacuate: it was asked to, to a host that there is not')]
    if answer.status_code == 404:
        return [wrong('Nova', f'our role may list a server of another project, and not get it: '
                              f'{why}', _NOT_MOVED, _admin())]
    if answer.status_code == 403:
        return [wrong('Nova', f'our role may not evacuate: {why}', _NOT_MOVED, _admin())]
    return [weak('Nova', f'whether our role may evacuate is not known: {why}', _NOT_MOVED,
                 'look into Nova\'s log')]


def _admin() -> str:
    return f'give the user the role admin, or a role of its own what {_POLICY} has'


def _names(nova: openstack_calls.ServiceClient, seen: Seen) -> list[Finding]:
    services = nova.get('/os-services', binary='nova-compute')['services']
    found = checkup_hosts.names(seen, [one['host'] for one in services])
    hidden = sorted(one['host'] for one in services if 'id' not in one)
    if hidden:
        found.append(wrong('Nova', f'the cell of {texts.few(hidden)} does not answer',
                           'what of these hosts dies is not moved until it does',
                           'nova-status; look at the cell\'s database'))
    forced = sorted(one['host'] for one in services if one.get('forced_down')
                    and one['host'] in seen.living)
    if forced:
        found.append(weak(texts.few(forced), 'it lives, and Nova has its compute service forced '
                                             'down',
                          'it is no target: there is less room than there seems',
                          'if nobody wants that: openstack compute service set --up HOST '
                          'nova-compute'))
    return found
