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

"""Would it come back if its host died now, where would it go, and if not, why?

::

    silent on both networks   evidence.storage, detection.judged      would it be condemned?
    confirmed                 recovery.advance, act by act, with      would it be fenced?
                              what is so now as the answer to each    what would be moved?
    planned                   planning.planned, core.shortlist         where to?

Nothing is decided here.  The recovery of the day is played with what is so now, by the functions
that will decide on that day: what is foretold can't differ from what is done, unless something
else happens meanwhile.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
import dataclasses
from dataclasses import dataclass, field
import enum

from kaopu_ha.core import (
    addresses,
    chances,
    circles,
    demands,
    detection,
    evacuation,
    evidence,
    fencing,
    model,
    policy,
    recovery,
    restart,
    selection,
    texts,
)
from kaopu_ha.core.chances import Chance
from kaopu_ha.core.model import Evacuation, Phase, Power, Stage
from kaopu_ha.core.protection import Reason, Unprotected
from kaopu_ha.core.recovering import Act
from kaopu_ha.core.recovering import Seen as Recovering

# A recovery that is waited for by nothing is planned after fewer acts.
_ACTS_MAX = 32
# So many go at a time is no matter here: all of them go, one after the other.
_ENOUGH = 1_000_000
# Of why there is no target, which may name each of a thousand hosts.
_REASON_BYTES_MAX = 240

# With these a host is not condemned, not fenced, or not found in Nova, when it dies.
_OF_THE_HOST = (Reason.NO_INVENTORY, Reason.NO_AGENT, Reason.LASTING_BEAT, Reason.NO_SERVICE,
                Reason.NO_ADDRESS, Reason.OUTSIDE, Reason.STRANGER)


class Forecast(enum.Enum):
    """Would it come back?"""

    PROTECTED = 'yes'
    DOUBTFUL = 'doubtful'
    UNPROTECTED = 'no'
    LEFT = 'left alone'
    NOT_KNOWN = 'not known'


@dataclass(frozen=True)
class Prospect:
    """What would become of an instance that is on.

    ``target``: where it would go if its host died now, with all others of that host; ``places``:
    where it could go, the best first.  ``reason`` and ``text``: why it would not come back, or why
    nobody knows whether Nova lets it where it would go.
    """

    host: str
    instance: str
    name: str
    answer: Forecast
    reason: Reason | None = None
    text: str = ''
    target: str = ''
    places: tuple[str, ...] = ()


@dataclass(frozen=True)
class Foreseen:
    """What would become of the instances of these hosts.

    ``told``: what is not protected of them anyway.  ``off``: their instances that are off.
    ``unasked``: why Ceph could not say what must not be fenced, '' if it did.  ``untold``: what
    could not be learnt of where instances may be, and why: of that, nothing stands in the way here.
    ``braked``: too many hosts are silent by now, or were just now, so one more would have to wait.
    """

    hosts: tuple[str, ...]
    prospects: tuple[Prospect, ...]
    told: tuple[Unprotected, ...] = ()
    off: tuple[model.Instance, ...] = ()
    unasked: str = ''
    untold: tuple[str, ...] = ()
    braked: bool = False


@dataclass(frozen=True)
class Seen:
    """What is so now.

    ``servers``: Nova's of each host that was asked about; ``unasked``: why it did not say.
    ``orders``: what would be cut of each host; ``forbidden``: what of that must not be, by address.
    ``told``: what is not protected anyway.  ``dead``: the hosts that are fenced already.
    ``stopped``: of those that are ``doubtful`` the ones that their users had stopped.
    ``leads`` and ``works``: whether there is a leader, and a worker.  ``grouping``: within which
    hosts each stays.
    """

    inventories: Mapping[str, model.Inventory]
    candidates: tuple[selection.Candidate, ...]
    services: Mapping[str, model.ComputeService]
    servers: Mapping[str, Sequence[model.Server]]
    unasked: Mapping[str, str] = field(default_factory=dict)
    orders: Mapping[str, tuple[model.FenceOrder, ...]] = field(default_factory=dict)
    forbidden: Mapping[str, str] = field(default_factory=dict)
    told: tuple[Unprotected, ...] = ()
    cases: Mapping[str, model.Case] = field(default_factory=dict)
    held: Collection[str] = ()
    claimed: Mapping[str, Collection[str]] = field(default_factory=dict)
    claims: addresses.Claims = field(default_factory=dict)
    evacuations: Sequence[Evacuation] = ()
    dead: frozenset[str] = frozenset()
    restarts: Mapping[str, restart.Restart] = field(default_factory=dict)
    stopped: frozenset[str] = frozenset()
    places: demands.Places = demands.NOWHERE_SAID
    leads: bool = True
    works: bool = True
    grouping: circles.Grouping = circles.UNGROUPED


def of_host(host: str, seen: Seen, rules: model.Rules) -> tuple[Prospect, ...]:
    """What would become of each instance that is on there, by name, if the host died now."""
    on = _on(host, seen)
    trouble = _never_moved(host, seen)
    if trouble is None and host in seen.unasked:
        found = _not_known(host, on, seen.unasked[host])
    elif trouble is None:
        found = _moved(on, *_played(host, on, seen, rules), seen, rules)
    else:
        found = [_left(host, one, seen, rules) or _stays(host, one, *trouble) for one in on]
    return tuple(sorted(found, key=lambda one: (one.name, one.instance)))


def not_known(host: str, seen: Seen, why: str) -> tuple[Prospect, ...]:
    """The same of a host of which it can't be said, whatever was told of it."""
    inventory = seen.inventories.get(host)
    return tuple(_not_known(host, inventory.on if inventory is not None else (), why))


def doubtful(host: str, seen: Seen) -> tuple[str, ...]:
    """Those that are on as their host tells it, and that Nova shows stopped: by their users?"""
    as_if = model.Recovery('', host, model.RecoveryStage.PROVEN, instances=_on(host, seen))
    return evacuation.doubtful(as_if, seen.servers.get(host, ()))


def lost(found: Iterable[Prospect]) -> tuple[Unprotected, ...]:
    """Those that would not come back, or hardly, for each host and reason together."""
    by_reason: dict[tuple[str, Reason], list[Prospect]] = {}
    for one in found:
        if one.reason is not None:
            by_reason.setdefault((one.host, one.reason), []).append(one)
    return tuple(Unprotected(
        host, reason, f'{texts.few([one.name for one in those])}: '
        f'{texts.bounded(those[0].text, _REASON_BYTES_MAX)}', tuple(one.name for one in those))
        for (host, reason), those in by_reason.items())


# ---------------------------------------------------------------- the host


def _on(host: str, seen: Seen) -> tuple[model.Instance, ...]:
    """What would count as on: as its host tells it, and Nova where it does."""
    inventory = seen.inventories.get(host) or model.Inventory(host, '', '', '')
    case = seen.cases.get(host)
    if case is not None:
        inventory = evidence.confirmed(inventory, case)
    servers = seen.servers.get(host)
    if case is not None and servers is not None and case.stage in (Stage.CONFIRMED,
                                                                   Stage.ADMITTING):
        # Nobody renews what it told before it died: what was moved since is on elsewhere.
        there = {server.uuid for server in servers}
        inventory = dataclasses.replace(inventory, instances=tuple(
            one for one in inventory.instances if one.uuid in there))
    need_not = restart.counts_as_off(seen.restarts.get(host))
    return tuple(one for one in evacuation.powered(inventory, servers, need_not)
                 if one.power is not Power.OFF)


def _not_known(host: str, on: Iterable[model.Instance], why: str) -> list[Prospect]:
    return [Prospect(host, one.uuid, one.name, Forecast.NOT_KNOWN, text=why) for one in on]


def _never_moved(host: str, seen: Seen) -> tuple[Reason, str] | None:
    """Why nothing of the host would be moved; None if it would be condemned and found."""
    told = {item.reason: item.text for item in seen.told if item.host == host}
    case = seen.cases.get(host)
    if case is not None and case.verdict is not model.Verdict.ALIVE:
        return Reason.JUDGED, f'its case is {case.stage.value} (kaopu-ha explain {host})'
    if not seen.leads:
        return Reason.NOBODY_LEADS, 'no controller leads: nobody would look'
    if not seen.works:
        return Reason.NOBODY_WORKS, 'no worker shows that it runs: nobody would ask Nova to move it'
    if host in seen.held:
        return Reason.ON_HOLD, f'its host is on hold (kaopu-ha host release {host})'
    for reason in _OF_THE_HOST:
        if reason in told:
            return reason, told[reason]
    if host not in seen.inventories:
        return Reason.NO_AGENT, 'no agent ever told of its host'
    return _not_condemned(seen.inventories[host], case)


def _not_condemned(inventory: model.Inventory,
                   case: model.Case | None) -> tuple[Reason, str] | None:
    """Why silence on both networks would not be enough; None if it would.

    Of an image whose id nobody read no client can be asked.
    """
    if case is not None:
        inventory = evidence.confirmed(inventory, case)
    storage = evidence.storage(inventory, [model.ImageAnswer(
        image, error='' if image.header else 'its id was never read')
        for image in inventory.images], '')
    silent = model.Evidence(model.Network.MANAGEMENT, model.Sign.SILENCE, '')
    verdict, why = detection.judged((silent, storage))
    return None if verdict is model.Verdict.DEAD else (Reason.NOT_CONDEMNED, why)


# ---------------------------------------------------------------- its recovery


def _played(host: str, on: Sequence[model.Instance], seen: Seen,
            rules: model.Rules) -> tuple[model.Recovery, tuple[Evacuation, ...]]:
    """Its recovery once it is planned, with the moves; or as far as it would come."""
    item = model.Recovery(f'{host}-', host, model.RecoveryStage.FENCING,
                          orders=seen.orders.get(host, ()), instances=tuple(on))
    rules = dataclasses.replace(rules, in_all_max=_ENOUGH, per_target_max=_ENOUGH)
    seeing = Recovering(
        '', '', 0, inventory=seen.inventories.get(host), claimed=seen.claimed, claims=seen.claims,
        evacuations=seen.evacuations, dead=seen.dead, forbidden=seen.forbidden,
        services=seen.services, servers=seen.servers.get(host, ()), stopped=seen.stopped,
        places=seen.places,
        candidates=seen.candidates, grouping=seen.grouping)
    for _ in range(_ACTS_MAX):
        decision = recovery.advance(item, seeing, rules)
        item = decision.recovery
        if item.stage is model.RecoveryStage.PLANNED:
            return item, decision.evacuations
        if decision.act in (Act.WAIT, Act.REST):
            break
        seeing = _done(decision.act, item, seeing)
    return item, ()


def _done(act: Act, item: model.Recovery, seeing: Recovering) -> Recovering:
    """As if the act had been done, and had succeeded."""
    if act in (Act.FENCE, Act.READ_BACK):
        return dataclasses.replace(seeing, cut=True, proofs=tuple(
            model.Proof(order.fence, order.cluster, True, '') for order in item.orders
            if order.addresses))
    if act is Act.MARK:
        return dataclasses.replace(seeing, marked=True, fresh=True)
    return dataclasses.replace(seeing, forced=seeing.forced or act is Act.FORCE_DOWN)


# ---------------------------------------------------------------- its instances


def _left(host: str, one: model.Instance, seen: Seen, rules: model.Rules) -> Prospect | None:
    """One that nobody would move anyway, whatever is wrong with its host."""
    for server in seen.servers.get(host, ()):
        if server.uuid == one.uuid:
            why = policy.answer(server, rules.policy).left
            return Prospect(host, one.uuid, one.name, Forecast.LEFT, text=why) if why else None
    return None


def _stays(host: str, one: model.Instance, reason: Reason, text: str) -> Prospect:
    """Nothing of the host is moved; what stands in the way of this one alone is told instead."""
    if one.local_disks or (reason is Reason.NOT_CONDEMNED and not one.images):
        reason, text = _of_disks(one, ()), evacuation.why_stays(one, ())
    return Prospect(host, one.uuid, one.name, Forecast.UNPROTECTED, reason, text)


def _moved(on: Sequence[model.Instance], item: model.Recovery, moves: Sequence[Evacuation],
           seen: Seen, rules: model.Rules) -> list[Prospect]:
    """What becomes of each by the plan; if there would be none, why its recovery waits."""
    if item.stage is not model.RecoveryStage.PLANNED:
        why = item.waiting_for or 'its recovery would wait'
        return [_stays(item.host, one, Reason.NOT_FENCED, why) for one in on]
    planned = {move.instance: move for move in moves}
    safe = fencing.fenced_clusters(item.orders) | fencing.awaited_clusters(item.orders)
    alone = chances.of_each([move for move in moves if not move.phase.ended], seen.candidates,
                            seen.places, seen.evacuations, rules, seen.grouping)
    found = []
    for one in on:
        move = planned.get(one.uuid)
        if move is None:
            found.append(Prospect(item.host, one.uuid, one.name, Forecast.UNPROTECTED,
                                  Reason.NOT_IN_NOVA, 'Nova does not show it on this host'))
        elif move.phase.ended:
            found.append(_not_moved(one, move, safe))
        else:
            found.append(_aimed(move, alone[move.instance], item))
    return found


def _not_moved(one: model.Instance, move: Evacuation, safe: Collection[str]) -> Prospect:
    """What the recovery would leave where it is, in its own words."""
    told = move.source, move.instance, move.name
    if move.phase is Phase.LEFT:
        # By who owns it, or who runs the cloud: whatever they said, it is no trouble.
        return Prospect(*told, Forecast.LEFT, text=move.reason)
    return Prospect(*told, Forecast.UNPROTECTED, _of_disks(one, safe), move.reason)


def _aimed(move: Evacuation, alone: Chance, item: model.Recovery) -> Prospect:
    """What would be moved has a target, or waits: for its fence, or for room."""
    told = move.source, move.instance, move.name
    if move.target:
        if alone.doubt:
            return Prospect(*told, Forecast.DOUBTFUL, Reason.DOUBTFUL,
                            f'no other host is left than {move.target}, and {alone.doubt}',
                            move.target, alone.places)
        text = f'nobody understands how it is marked: {texts.few(move.wrong_marks)}'
        return Prospect(*told, Forecast.PROTECTED, None, text if move.wrong_marks else '',
                        move.target, alone.places)
    if move.reserve:
        return Prospect(*told, Forecast.PROTECTED, None, f'{move.reserve} is reserved, and taken '
                        f'for it then', move.reserve, alone.places)
    if not {image.cluster for image in move.images} <= fencing.fenced_clusters(item.orders):
        return Prospect(*told, Forecast.UNPROTECTED, Reason.NOT_FENCED,
                        '; '.join([move.reason, *item.refused]))
    if alone.places:
        why = (f'alone it has room on {texts.few(alone.places)}; with the others of its host it '
               f'has not: {move.reason}')
        return Prospect(*told, Forecast.UNPROTECTED, Reason.NO_ROOM, why, '', alone.places)
    return Prospect(*told, Forecast.UNPROTECTED,
                    Reason.NO_ROOM if alone.lacks_room else Reason.NO_TARGET, move.reason)


def _of_disks(one: model.Instance, safe: Collection[str]) -> Reason:
    """The kind of what ``evacuation`` says of an instance that it can't move."""
    if any(disk.startswith('rbd:') for disk in one.local_disks):
        return Reason.NO_CLUSTER
    if one.local_disks:
        return Reason.LOCAL_DISK
    if not one.images:
        return Reason.NO_DISK
    if any(not image.header for image in one.images):
        return Reason.UNKNOWN_IMAGE
    return Reason.NOT_FENCED if evacuation.why_stays(one, safe) else Reason.STATE
