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

"""What is not protected, as the leader wrote it down at its last looks."""

from __future__ import annotations

import collections
from typing import Any

from kaopu_ha.api.policies.v2 import rule
from kaopu_ha.api.v2.declared import NAME, OwnAction, Parameter
from kaopu_ha.api.v2.inquiry import Inquiry, plain
from kaopu_ha.core import protection
from kaopu_ha.core.protection import Reason, Unprotected
from kaopu_ha.telling.picture import Picture

_QUERY = (
    Parameter('host', NAME, 'What is of this host only.'),
    Parameter('instance', NAME, 'What names this instance only, by name or UUID.'),
    Parameter('reason', {'type': 'string', 'enum': [reason.value for reason in Reason]},
              'What is for this reason only.'))
_TOTALS = {'unprotected': int, 'listed': int, 'hosts': int, 'hosts_known': int,
           'reasons': dict[str, int]}


def show(call: Inquiry) -> dict[str, Any]:
    """List what could not be judged or fenced rightly, or would not come back, by host and reason;
    with the sums of all. ``at`` is empty if no leader has looked yet. Of many only the first are
    listed, and of the instances that share a reason the first names.
    """
    found = call.books.picture()
    told = found.unprotected
    items = tuple(protection.still_to_be_judged(told.items if told else (), found.cases))
    totals = {'unprotected': told.count if told else 0, 'listed': len(items),
              'hosts': len({item.host for item in items}), 'hosts_known': len(found.known),
              'reasons': dict(sorted(collections.Counter(
                  item.reason.value for item in items).items()))}
    return {'at': told.at if told else '', 'by': told.by if told else '', 'totals': totals,
            'unprotected': [plain(item) for item in items if _is_wanted(call, found, item)]}


def _is_wanted(call: Inquiry, found: Picture, item: Unprotected) -> bool:
    instance = call.query.get('instance')
    return (call.query.get('host', item.host) == item.host
            and call.query.get('reason', item.reason.value) == item.reason.value
            and (instance is None or not item.instances
                 and _is_on(found, item.host, instance)
                 or found.names.get(instance, instance) in item.instances))


def _is_on(found: Picture, host: str, instance: str) -> bool:
    """True if the host tells of it: what is said of a host is said of each of its instances."""
    inventory = found.inventories.get(host)
    return inventory is not None and any(
        instance in (one.uuid, one.name) for one in inventory.on)


SHOW = OwnAction(show, rule('protection', 'list'), {
    'at': str, 'by': str, 'totals': _TOTALS, 'unprotected': tuple[Unprotected, ...]}, query=_QUERY)
