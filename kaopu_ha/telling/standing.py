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

"""How things stand in the store, as numbers: read by a controller when its metrics are scraped.

Every controller says whether it leads; the rest is said by the leader alone, so that a sum over
controllers counts each case once.
"""

from __future__ import annotations

import collections
from collections.abc import Callable, Collection, Iterable, Mapping
import enum
import functools
from typing import TypeVar

from kaopu_ha import ports, records
from kaopu_ha.core import brake, model, protection, waiting
from kaopu_ha.core.aftercare import Aftercare
from kaopu_ha.core.model import Phase, RecoveryStage, Stage
from kaopu_ha.core.restart import Restart

T = TypeVar('T')
Labels = tuple[tuple[str, str], ...]
Values = Mapping[str, Mapping[Labels, float]]

HELPS = {
    'store_up': '1 if the store answered this scrape.',
    'leader': '1 if this controller leads.',
    'hosts': 'Hosts that have published an inventory.',
    'hosts_beating': 'Of these, the hosts that beat.',
    'hosts_held': 'Hosts that people hold.',
    'brake_on': '1 in a storm and in the cooldown after it.',
    'brake_holds': 'Silent hosts that are not condemned, for the brake is on.',
    'cases': 'Open cases, by stage.',
    'recoveries_open': 'Recoveries that have not finished, by stage.',
    'evacuations_open': 'Moves that have not ended, by phase.',
    'queue_depth': 'Moves that have a target and that no worker has claimed.',
    'unprotected': 'What could not be judged or fenced rightly if its host died, or would not come '
                   'back, by reason.',
    'store_bytes': 'The database of the store, as the member that was asked has it: file, used of '
                   'it, quota.',
    'waiting': 'Hosts and instances that are open and wait, by kind; people are reminded of them.',
}

_RANGES = (records.LEADER, records.CASE, records.RECOVERY, records.EVACUATION, records.CLAIM,
           records.STORM, records.INVENTORY, records.ALIVE, records.HOST, records.RESTART,
           records.UNPROTECTED, records.AFTERCARE)
_TAKEABLE = (Phase.QUEUED, Phase.CALLING, Phase.MOVING)


def reader(store: ports.Store, name: str) -> Callable[[], Values]:
    """What reads the numbers for the controller of this name; raises nothing."""
    return functools.partial(_read, store, name)


def _read(store: ports.Store, name: str) -> Values:
    try:
        leads = _leads(store.read(records.LEADER), name)
        seen = store.read(*_RANGES) if leads else None
        sizes = store.sizes() if leads else {}
    except ports.PortError:
        return {'store_up': {(): 0.0}, 'leader': {(): 0.0}}
    told: dict[str, Mapping[Labels, float]] = {'store_up': {(): 1.0}, 'leader': {(): float(leads)}}
    if sizes:
        told['store_bytes'] = {(('kind', kind),): float(size) for kind, size in sizes.items()}
    return told if seen is None else {**told, **numbers(seen)}


def _leads(seen: ports.Snapshot, name: str) -> bool:
    leader = records.View(seen).one(records.Leader, records.LEADER)
    return leader is not None and leader.name == name


def numbers(seen: ports.Snapshot) -> Values:
    """The numbers of one snapshot; a record that can't be read is not counted."""
    by_host = _all(model.Case, seen, records.CASE)
    cases = by_host.values()
    recoveries = _all(model.Recovery, seen, records.RECOVERY)
    moves = _all(model.Evacuation, seen, records.EVACUATION).values()
    settings = _all(records.HostSetting, seen, records.HOST)
    held = {host for host, one in settings.items() if one.hold}
    claimed = set(seen.under(records.CLAIM))
    storm = _all(brake.Storm, seen, records.STORM).get('', brake.Storm())
    known, beating = seen.under(records.INVENTORY), seen.under(records.ALIVE)
    free = [one for one in moves if one.phase in _TAKEABLE and one.instance not in claimed]
    opened = waiting.waiting(cases, recoveries, moves, held=held, claimed=claimed,
                             restarts=_all(Restart, seen, records.RESTART).values(),
                             cared=_all(Aftercare, seen, records.AFTERCARE).values())
    return {
        'hosts': {(): len(known)},
        'hosts_beating': {(): len(set(known) & set(beating))},
        'hosts_held': {(): len(held)},
        'brake_on': {(): float(storm.on)},
        'brake_holds': {(): len(storm.braked)},
        'cases': _counted('stage', (one.stage for one in cases), set(Stage) - {Stage.CLOSED}),
        'recoveries_open': _counted('stage', (one.stage for one in recoveries.values()),
                                    {one for one in RecoveryStage if not one.finished}),
        'evacuations_open': _counted('phase', (one.phase for one in moves),
                                     {phase for phase in Phase if not phase.ended}),
        'queue_depth': {(): len(free)},
        'unprotected': _counted('reason', _unprotected(seen, by_host), set(protection.Reason)),
        'waiting': _counted('kind', (one.kind for one in opened), set(waiting.Kind)),
    }


def _counted(label: str, found: Iterable[enum.Enum],
             wanted: Collection[enum.Enum]) -> dict[Labels, float]:
    """How often each of the wanted values was found, 0 included."""
    counts = collections.Counter(found)
    return {((label, value.name.lower()),): counts[value]
            for value in sorted(wanted, key=lambda value: value.name)}


def _unprotected(seen: ports.Snapshot,
                 cases: Mapping[str, model.Case]) -> list[protection.Reason]:
    view = records.View(seen)
    told = view.unprotected
    if told is None and view.has(records.UNPROTECTED):
        return []
    return [item.reason for item in protection.still_to_be_judged(
        told.items if told else (), cases)]


def _all(kind: type[T], seen: ports.Snapshot, prefix: str) -> dict[str, T]:
    """The records under a prefix, by the rest of their keys."""
    return records.View(seen).every(kind, prefix)
