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

"""What people may ask of a recovery, as the command does it: see ``words``."""

from __future__ import annotations

import dataclasses

from kaopu_ha import ports, records
from kaopu_ha.core import detection
from kaopu_ha.core.model import Case, Evacuation
from kaopu_ha.core.restart import Restart
from kaopu_ha.core.wishes import Wish, WishState, WishVerb
from kaopu_ha.sim import daemon
from kaopu_ha.sim.sentences import Vocabulary
from kaopu_ha.sim.world import World

WORDS = Vocabulary()

_KEPT_SECONDS = 86400


@WORDS.take('a person asks to retry {instance}')
def _retry(world: World, instance: str) -> None:
    _ask_about(world, WishVerb.RETRY, instance)


@WORDS.take('a person gives {instance} up')
def _give_up(world: World, instance: str) -> None:
    _ask_about(world, WishVerb.GIVE_UP, instance)


@WORDS.take('a person ends the recovery of {host}')
def _end(world: World, host: str) -> None:
    ask_all(world, WishVerb.END, host)


def say_off(world: World, host: str, *, destroyed: bool = False) -> bool:
    """Say that a host is off while its case is judged; True if it is asked now."""
    case, entry = world.case(host), world.etcd.entries.get(records.CASE + host)
    if case is None or entry is None or case.stage not in detection.JUDGING:
        return False
    wish = dataclasses.replace(_wish(world, WishVerb.GO_ON, host), destroyed=destroyed,
                               opened=entry.created)
    if not _ask(world, wish):
        return False
    world.said_off[host] = entry.created
    return True


def ask_all(world: World, verb: WishVerb, host: str, *, destroyed: bool = False) -> bool:
    """Ask something of the recovery of a host's open case; True if it is asked now."""
    case = world.case(host)
    if case is None or not case.recovery:
        return False
    wish = _wish(world, verb, host, recovery=case.recovery)
    return _ask(world, dataclasses.replace(wish, destroyed=destroyed))


def _ask_about(world: World, verb: WishVerb, name: str) -> None:
    """Of a move of it that is open; or else of a start in place; or else of a move that ended."""
    open_ = {case.recovery: case.host for case in world.every(Case, records.CASE) if case.recovery}
    moves = [item for item in world.every(Evacuation, records.EVACUATION)
             if item.name == name and item.recovery in open_]
    moves.sort(key=lambda item: item.phase.ended)
    starts = [(record, start) for record in world.every(Restart, records.RESTART)
              for start in record.starts if start.name == name]
    if moves and not (moves[0].phase.ended and starts):
        item = moves[0]
        _ask(world, _wish(world, verb, open_[item.recovery], item.instance, name,
                          recovery=item.recovery))
    elif starts:
        record, start = starts[0]
        _ask(world, _wish(world, verb, record.host, start.instance, name, boot_id=record.boot_id))


def _wish(world: World, verb: WishVerb, host: str, instance: str = '', name: str = '', *,
          recovery: str = '', boot_id: str = '') -> Wish:
    return Wish(verb, host, 'people', daemon.date(world.kernel.now), 'it is time', recovery,
                boot_id, instance, name)


def _ask(world: World, wish: Wish) -> bool:
    """Write it down, unless the same is asked and not answered yet; True if it was written."""
    before = world.record(Wish, records.wish(wish))
    if world.etcd.away or (before is not None and before.state is WishState.ASKED and (
            before.recovery, before.boot_id, before.opened) == (
                wish.recovery, wish.boot_id, wish.opened)):
        return False
    world.etcd.commit([], [ports.Put(records.wish(wish), records.encode(wish),
                                     world.etcd.grant(_KEPT_SECONDS))], 'people')
    return True
