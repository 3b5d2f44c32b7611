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

from dataclasses import dataclass
from typing import Any

from kaopu_ha import records
from kaopu_ha.core import model
from kaopu_ha.core.model import Case, Network, Power, Rules, Sign, Stage
from kaopu_ha.telling import wording
from kaopu_ha.telling.picture import Picture

BEAT = 'etcd'


@dataclass(frozen=True)
class Light:
    """What one of the three networks says of a host, as far as it is known.

    ``sign``: ``life``, ``silence``, ``unknown``, or '' where nobody asked, for nobody had a reason
    to.  ``seconds``: how long ago it was so, 0 for what is so now; None where that is not known.
    ``rule``: by which rule of the evidence.
    """

    network: str
    sign: str
    seconds: float | None
    rule: str


def lights(found: Picture, host: str, now: str) -> tuple[Light, ...]:
    """The beat, then the networks that are asked; ``now``: the time, as records carry it."""
    case, beats = found.cases.get(host), found.beats_now(host)
    beat = Light(BEAT, Sign.LIFE.value, 0.0, '') if beats else Light(
        BEAT, Sign.SILENCE.value, wording.between(case.beat_at, now) if case else None, '')
    asked = case.rounds[-1] if case and case.rounds else None
    return (beat, *(_asked(network, asked, now) or _told(found, host, network)
                    for network in Network))


def _asked(network: Network, asked: model.Round | None, now: str) -> Light | None:
    """What it said in the last round, if there was one and it was asked in it."""
    said = next((one for one in asked.evidence if one.network is network), None) if asked else None
    if asked is None or said is None:
        return None
    return Light(network.value, said.sign.value, wording.between(asked.at, now), said.rule)


def _told(found: Picture, host: str, network: Network) -> Light:
    """What the host itself tells, while it beats: of its storage only."""
    sign = _worst(found.inventories.get(host)) if (
        network is Network.STORAGE and found.beats_now(host)) else ''
    return Light(network.value, sign, 0.0 if sign else None, '')


def waits(case: Case, rules: Rules) -> float | None:
    """The seconds of silence that the stage of a case takes; None where it waits for no time."""
    return {Stage.DYING: rules.death_wait(case.kernel_answered),
            Stage.LOCKED: rules.lock_wait(case.kernel_answered)}.get(case.stage)


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
