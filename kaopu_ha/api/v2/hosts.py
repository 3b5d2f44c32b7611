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

"""The hosts: what is known of each, and people's word to leave one alone or to take it back."""

from __future__ import annotations

from typing import Any

from kaopu_ha import records
from kaopu_ha.api.policies.v2 import rule
from kaopu_ha.api.v2.declared import PAGE, WHY, OwnAction, takes
from kaopu_ha.api.v2.inquiry import LINKS, Inquiry, plain
from kaopu_ha.core import model
from kaopu_ha.core.live import LiveUse
from kaopu_ha.telling import asking, hosts, named
from kaopu_ha.telling.picture import Picture

_SUMMARY = {'host': str, 'beat': bool, 'case': str, 'hold': bool, 'locked': bool, 'storage': str,
            'boot_id': str, 'instances': {'on': int, 'paused': int, 'off': int},
            'lights': tuple[hosts.Light, ...], 'waited': float | None, 'waits': float | None}
_EVERYTHING = {
    'host': str, 'beat': records.Beat | None, 'inventory': model.Inventory | None,
    'setting': records.HostSetting | None, 'case': model.Case | None, 'death': records.Lock | None,
    'lock': records.Lock | None, 'fresh': records.Returned | None, 'live_use': LiveUse | None,
    'returns': tuple[records.Returned, ...], 'unreadable': tuple[str, ...]}
_SET = {'host': str, 'changed': bool, 'setting': records.HostSetting | None, 'warning': str}


def index(call: Inquiry) -> dict[str, Any]:
    """List the hosts: beat, case, hold, storage, how many instances are on, what each network says.
    ``waits``: the seconds of silence that its case's stage takes, of which ``waited`` are over.
    """
    found = call.books.picture()
    shown, links = call.page('hosts', found.hosts)
    now = call.service.now()
    return {'hosts': [_row(call, found, host, now) for host in shown], **links}


def show(call: Inquiry, host: str) -> dict[str, Any]:
    """Show all that is known of one host: its records."""
    found = call.books.picture(records.USE)
    if host not in found.hosts:
        named.host(found, host)
    return {'host': hosts.everything(found, host)}


def hold(call: Inquiry, host: str) -> dict[str, Any]:
    """Leave a host alone: it is watched, but not condemned, and is no target."""
    found = call.books.picture()
    writing = asking.hold(found, host, call.asker())
    call.write(found, writing)
    return {'host': host, 'changed': True, 'setting': plain(writing.record),
            'warning': asking.too_late(found, host)}


def release(call: Inquiry, host: str) -> dict[str, Any]:
    """End the hold on a host; harmless if there is none."""
    found = call.books.picture()
    writing = asking.release(found, host)
    if writing is not None:
        call.write(found, writing)
    return {'host': host, 'changed': writing is not None, 'setting': None, 'warning': ''}


def admit(call: Inquiry, host: str) -> dict[str, Any]:
    """Ask the leader to take a host back that was confirmed dead and is repaired.

    Its steps are seen in its case.
    """
    found = call.books.picture(keys=[records.admit_request(host)])
    writing = asking.admit(found, host, call.asker())
    call.write(found, writing)
    return {'request': plain(writing.record), 'leads': found.leader is not None}


def _row(call: Inquiry, found: Picture, host: str, now: str) -> dict[str, Any]:
    case = found.cases.get(host)
    return {**hosts.summary(found, host),
            # Nothing in one has to be made plain, and there are three of each host.
            'lights': [vars(one) for one in hosts.lights(found, host, now)],
            'waited': case.waited if case else None,
            'waits': hosts.waits(case, call.rules) if case else None}


INDEX = OwnAction(index, rule('hosts', 'list'), {'hosts': [_SUMMARY], 'hosts_links?': LINKS},
                 query=PAGE)
SHOW = OwnAction(show, rule('hosts', 'show'), {'host': _EVERYTHING})
HOLD = OwnAction(hold, rule('hosts', 'hold'), _SET, takes=takes({'why': WHY}))
RELEASE = OwnAction(release, rule('hosts', 'release'), _SET)
ADMIT = OwnAction(admit, rule('hosts', 'admit'), {'request': records.Request, 'leads': bool},
                 code=202)
