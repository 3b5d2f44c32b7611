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

"""Fences that can't hold, and people who vouch for a host: see ``words``.

People keep their word: a host that was said to be off stays so until its recovery is finished, one
that was said to be destroyed for ever.  They say it of no host that has power.
"""

from __future__ import annotations

from kaopu_ha import records
from kaopu_ha.core.kept import is_open
from kaopu_ha.core.model import Case, Evacuation, Recovery, Stage
from kaopu_ha.core.wishes import Wish, WishState, WishVerb
from kaopu_ha.sim.laws_fences import is_used_elsewhere
from kaopu_ha.sim.sentences import Vocabulary
from kaopu_ha.sim.words_wishes import ask_all, say_off
from kaopu_ha.sim.world import World

WORDS = Vocabulary()


@WORDS.take('the monitors of {cluster} refuse to fence')
def _refuse(world: World, cluster: str) -> None:
    """The user of the controllers lacks a capability, or was never given it."""
    world.clusters[cluster].refuses = True


@WORDS.take('the monitors of {cluster} refuse to fence for ever')
def _refuse_for_ever(world: World, cluster: str) -> None:
    world.clusters[cluster].refuses = world.clusters[cluster].refuses_for_ever = True


@WORDS.take('the monitors of {cluster} let fence again')
def _let(world: World, cluster: str) -> None:
    world.clusters[cluster].refuses = world.clusters[cluster].refuses_for_ever = False


@WORDS.take('a monitor of {cluster} is at the address of {host}')
def _monitor(world: World, cluster: str, host: str) -> None:
    world.clusters[cluster].monitors_at.update(world.machines[host].addresses)


@WORDS.take('no monitor of {cluster} is at the address of {host}')
def _no_monitor(world: World, cluster: str, host: str) -> None:
    world.clusters[cluster].monitors_at.difference_update(world.machines[host].had)


@WORDS.take('a person says that {host} is switched off')
def _switched_off(world: World, host: str) -> None:
    vouch(world, host, destroyed=False)


@WORDS.take('a person says that {host} is destroyed')
def _destroyed(world: World, host: str) -> None:
    vouch(world, host, destroyed=True)


@WORDS.take('people end what can never be fenced')
def _end_all(world: World) -> None:
    """As the manual has it: by their word where a host is off, else by an end; and by another word
    where something is on its way to a host that was only said to be switched off.
    """
    _say_what_never_returns(world)
    _end_where_it_lives(world)
    refused = any(cluster.refuses_for_ever for cluster in world.clusters.values())
    for case in world.every(Case, records.CASE):
        found = world.record(Recovery, records.RECOVERY + case.recovery)
        if found is None or not is_open(found) or records.PROOF + found.id in world.etcd.entries:
            continue
        if not refused and not any(is_used_elsewhere(world, case.host, address)
                                   for address in world.machines[case.host].used):
            continue
        if world.machines[case.host].node.powered:
            ask_all(world, WishVerb.END, case.host)
        else:
            vouch(world, case.host, destroyed=False)


def _end_where_it_lives(world: World) -> None:
    """Where what waits to be moved runs on its old host, which came back, as people see there."""
    for item in world.every(Evacuation, records.EVACUATION):
        if not item.phase.ended and world.machines[item.source].runs(item.instance) and (
                item.reason == f'a live client on {item.source} has its disk open'):
            ask_all(world, WishVerb.END, item.source)


def _say_what_never_returns(world: World) -> None:
    coming = {item.target for item in world.every(Evacuation, records.EVACUATION)
              if item.attempts and not item.phase.ended}
    for case in world.every(Case, records.CASE):
        found = world.record(Recovery, records.RECOVERY + case.recovery)
        if case.host in coming and found is not None and not is_open(found) and (
                found.word is not None and not found.word.destroyed):
            vouch(world, case.host, destroyed=True)


def vouch(world: World, host: str, *, destroyed: bool) -> None:
    """Say that a host is off, for its verdict or for its fence; unless it has power."""
    if world.machines[host].node.powered:
        return
    if say_off(world, host, destroyed=destroyed):
        if destroyed:
            world.destroyed.add(host)
    elif ask_all(world, WishVerb.GO_ON, host, destroyed=destroyed):
        case = world.case(host)
        world.vouched[host] = case.recovery if case is not None else ''
        if destroyed:
            world.destroyed.add(host)


def put_right(world: World) -> None:
    """Have every cluster be fenced on that was not to refuse it for ever, and nobody that lives."""
    if any(act == 'fence' for _, act, _ in world.late):
        for host in world.machines:
            _take_off(world, host)
    for cluster in world.clusters.values():
        cluster.refuses = cluster.refuses_for_ever
        cluster.monitors_at.clear()


def _take_off(world: World, host: str) -> None:
    """As people are told to when a host was fenced too late; its users start their guests anew."""
    case, machine = world.case(host), world.machines[host]
    if case is not None and case.stage in (Stage.CONFIRMED, Stage.ADMITTING):
        return
    for cluster in world.clusters.values():
        for address in machine.used:
            cluster.remove_from_blocklist(f'{address}:0/0')
    for uuid, guest in machine.guests.items():
        if any(client.spoiled for client in guest.clients):
            world.excused[uuid] = 'its host was fenced too late: its user starts it anew'


def stays_off(world: World, host: str) -> bool:
    """True while people keep their word that the host is off."""
    if host in world.destroyed:
        return True
    case, given = world.case(host), world.vouched.get(host, '')
    if case is None or not given or case.recovery != given:
        return False
    wish = world.record(Wish, f'{records.WISH}{WishVerb.GO_ON.value.replace(" ", "-")}/{host}')
    found = world.record(Recovery, records.RECOVERY + given)
    refused = wish is None or (wish.recovery, wish.state) == (given, WishState.REFUSED)
    return found is not None and is_open(found) and (found.word is not None or not refused)
