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

"""Asks a service of OpenStack for what the program will need, in ways that can't do anything.

Policies are looked at before what is asked for is looked for.  So a change of something that there
is not is answered by 404 (or 400) where the role may make it, and by 403 where it may not.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
import datetime
from email import utils
from typing import Any

import requests

from kaopu_ha import ports
from kaopu_ha.core import checkup_hosts
from kaopu_ha.core.checkup import Finding, unasked, wrong
from kaopu_ha.drivers.openstack import calls as openstack_calls

# A UUID of nobody.
NOBODY = '00000000-0000-4000-8000-d0c7024a0000'
_FORBIDDEN, _TOO_OLD = (401, 403), 406


@dataclass(frozen=True)
class AllowedCall:
    """Something to be read: the answers that show that the role may, and what is lost if not."""

    what: str
    path: str
    query: dict[str, str]
    lost: str
    good: tuple[int, ...] = (200,)
    microversion: str = ''


@dataclass(frozen=True)
class RefusedCall:
    """Something to be asked for in a way that the service must refuse to do."""

    what: str
    method: str
    path: str
    body: Any
    lost: str
    good: tuple[int, ...]


def asked(api: openstack_calls.ServiceClient, whom: str, policy: str,
          wanted: Sequence[AllowedCall | RefusedCall]) -> list[Finding]:
    """What of it the role may not; nothing where it may all.  PortError if nobody answers.

    ``policy``: the file that gives the role what it needs.
    """
    found = []
    for one in wanted:
        answer = (api.read(one.path, one.microversion, **one.query) if isinstance(one, AllowedCall)
                  else api.rehearse(one.method, one.path, one.body))
        if answer.status_code not in one.good:
            found.append(_judged(one, answer, whom, policy))
    return found


def _judged(one: AllowedCall | RefusedCall, answer: requests.Response, whom: str,
            policy: str) -> Finding:
    why = openstack_calls.reason(answer)
    if answer.status_code in _FORBIDDEN:
        return wrong(whom, f'our role may not {one.what}: {why}', one.lost,
                     f'give the user the role admin, or a role of its own what {policy} has')
    if answer.status_code == _TOO_OLD:
        return wrong(whom, f'it is too old to {one.what} as we ask it: {why}', one.lost,
                     'see the releases that are supported')
    return wrong(whom, f'asked to {one.what} it says what is not understood: {why}', one.lost,
                 f'look into {whom}\'s log')


def clock(api: openstack_calls.ServiceClient, whom: str, path: str) -> list[Finding]:
    """The clock of the machine that answers; it tells whole seconds."""
    told = api.read(path).headers.get('Date', '')
    try:
        theirs = utils.parsedate_to_datetime(told)
        ahead = (theirs - datetime.datetime.now(datetime.UTC)).total_seconds()
    except (TypeError, ValueError):
        return []    # A proxy that tells no date: nothing is known of it.
    return checkup_hosts.clock(f'the machine of {whom}', ahead)


def unreached(failure: ports.PortError, whom: str, lost: str) -> Finding:
    """Nobody answered, or Keystone let us not in."""
    return unasked(whom, str(failure), lost, 'look at [nova] auth_url, its login, region_name and '
                   'interface, and at the catalog (openstack catalog list)')
