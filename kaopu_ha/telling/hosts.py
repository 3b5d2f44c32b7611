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

"""The hosts, as they and the leader told of them."""

from __future__ import annotations

from typing import Any

from kaopu_ha import records
from kaopu_ha.core import model
from kaopu_ha.core.model import Power, Sign
from kaopu_ha.telling.picture import Picture


def summary(found: Picture, host: str) -> dict[str, Any]:
    """What a host is in short."""
    inventory, case = found.inventories.get(host), found.cases.get(host)
    instances = inventory.instances if inventory else ()
    return {'host': host, 'beat': found.beats_now(host), 'case': case.stage.value if case else '',
            'hold': host in found.held, 'locked': host in found.locks,
            # What a host told of its storage while it beat says nothing of now.
            'storage': _worst(inventory) if found.beats_now(host) else '',
            'boot_id': inventory.boot_id if inventory else '',
            'instances': {power.value: sum(item.power is power for item in instances)
                          for power in Power}}


def _worst(inventory: model.Inventory | None) -> str:
    signs = set(inventory.storage.values()) if inventory else set()
    worst = next((sign for sign in (Sign.SILENCE, Sign.UNKNOWN, Sign.LIFE) if sign in signs), None)
    return worst.value if worst else ''


def everything(found: Picture, host: str) -> dict[str, Any]:
    """Its records, under their names; None where there is none."""
    return {'host': host, **{name: _plain(kept.get(host)) for name, kept in (
        ('beat', found.beats), ('inventory', found.inventories), ('setting', found.settings),
        ('case', found.cases), ('death', found.deaths), ('lock', found.locks),
        ('fresh', found.fresh), ('live_use', found.live))},
            'returns': [records.plain(one) for name, one in sorted(found.returns.items())
                        if name.partition('/')[0] == host],
        'unreadable': sorted(key for key in found.unreadable if key.endswith('/' + host))}


def _plain(record: Any) -> Any:
    return None if record is None else records.plain(record)
