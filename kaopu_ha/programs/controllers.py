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

"""What a controller does."""

from __future__ import annotations

from collections.abc import Callable, Sequence
import dataclasses
from dataclasses import dataclass
import functools
from typing import Any

from kaopu_ha import ports, records
from kaopu_ha.controller.admitter import Admitter
from kaopu_ha.controller.alone import Alone
from kaopu_ha.controller.answerer import Answerer
from kaopu_ha.controller.boardkeeper import BoardKeeper
from kaopu_ha.controller.carer import Carer
from kaopu_ha.controller.detector import Detector
from kaopu_ha.controller.event_listener import EventListener
from kaopu_ha.controller.foresight import Foresight as Foresight
from kaopu_ha.controller.housekeeper import Housekeeper
from kaopu_ha.controller.latecomers import Latecomers
from kaopu_ha.controller.leadership import Leadership
from kaopu_ha.controller.lookout import Lookout
from kaopu_ha.controller.noter import Noter
from kaopu_ha.controller.observer import Observer
from kaopu_ha.controller.overheard import Overheard
from kaopu_ha.controller.protector import Protector
from kaopu_ha.controller.recoverer import Recoverer
from kaopu_ha.controller.reminder import Reminder
from kaopu_ha.controller.repeated import Repeated
from kaopu_ha.controller.restarter import Restarter
from kaopu_ha.controller.taker import Taker
from kaopu_ha.controller.targets import Targets
from kaopu_ha.controller.turns import Turns
from kaopu_ha.controller.world import RANGES, SEGMENTS, CloudView
from kaopu_ha.core.news import Fact
from kaopu_ha.core.rules import Rules
from kaopu_ha.core.selection import Candidate
from kaopu_ha.mirrored import Mirrored
from kaopu_ha.programs import Loop, warming
from kaopu_ha.runtime import Runtime

# What the loops of a controller look at again and again: see ``mirrored``.  What agents may fill
# is not among it, nor what is read once in a while and much.
FOLLOWED = (*RANGES, records.RECOVERY, records.EVACUATION, records.PROOF, records.CLAIMS,
            records.AFTERCARE, records.CONTROLLER, records.UNPROTECTED, records.LEADER,
            records.CLAIM, records.PROCESS, records.WISH, records.USE, records.SERVER,
            records.SERVICE, *SEGMENTS, records.NOTIFICATION, records.CRASHED, records.NOTES)

@dataclass(frozen=True)
class Ahead:
    """What is asked to say what would become of the instances, while all is well."""

    cloud: ports.Cloud
    usage: ports.UsageSource
    fences: Sequence[ports.Fence] = ()


def loops(store: ports.Store, probes: Sequence[ports.Probe], fences: Sequence[ports.Fence],
          cloud: ports.Cloud, libvirt: ports.LibvirtObserver, usage: ports.UsageSource,
          queue: ports.Queue, rules: Rules, leader_ttl: int, env: Runtime,
          events: ports.Events | None = None, images: ports.ImageObserver | None = None,
          observing: Sequence[ports.Probe] = (), fences_asked: Sequence[ports.Fence] = (),
          ahead: Ahead | None = None, boards: Sequence[ports.Board] = ()
          ) -> tuple[tuple[Loop, ...], Callable[[], None]]:
    """The loops of a controller, and what gives its leadership up.

    ``observing`` and ``fences_asked``: probes and fences of its own that are asked beside those of
    the detector and the recoverer.  ``ahead``: what is asked to look ahead.  ``boards``: where
    people are shown what is so.
    """
    env = dataclasses.replace(env, rules=rules, tell=Repeated(env.tell, env.clock))
    turns = Turns(env.clock, rules.turn_step_seconds)
    lead = Leadership(turns.minded('leadership', store), leader_ttl, env, turns.overdue)
    heard = Overheard(libvirt, images, env.clock)
    images = images and heard
    detector, recoverer, admitter, restarter = _deciders(
        store, probes, fences, cloud, heard, images, usage, queue, lead, turns, env)
    its_store, its_cloud = turns.minded('protector', store), turns.minded('protector', cloud)
    protector = Protector(its_store, lead, [turns.minded('protector', probe) for probe in probes],
                          its_cloud, env,
                          _lookout(ahead, its_store, turns, env) if ahead else None)
    carer = Carer(turns.minded('carer', store), lead, turns.minded('carer', cloud),
                  turns.minded('carer', images) if images else None, env)
    latecomers = [Latecomers(turns.minded('latecomers', store), lead,
                             turns.minded('latecomers', images), env)] if images else []
    taker = Taker(turns.minded('taker', store), lead, turns.minded('taker', cloud), env)
    noter = Noter(turns.minded('noter', store), lead, turns.minded('noter', cloud), env)
    keeper = Housekeeper(turns.minded('housekeeper', store), lead, env)
    answerer = Answerer(turns.minded('answerer', store), lead, turns.minded('answerer', cloud),
                        env)
    reminder = Reminder(turns.minded('reminder', store), lead, env)
    observer = Observer(turns.minded('observer', store), lead,
                        [turns.minded('observer', probe) for probe in observing],
                        lambda: detector.rounds, turns.env('observer', env),
                        [turns.minded('observer', fence) for fence in fences_asked])
    def loop(name: str, doer: Any, *woken_by: str) -> Loop:
        return Loop(name, turns.watched(name, doer.turn), woken_by,
                    trouble=functools.partial(_trouble, turns, name, doer))
    return (
        Loop('leadership', turns.noted('leadership', lead.turn), (records.LEADER,),
             trouble=functools.partial(turns.trouble, 'leadership')),
        warming(cloud),
        loop('detector', detector, records.ALIVE, records.DEATH, records.LOCK, records.HOST,
             records.BRAKE, records.EVENT),
        loop('recoverer', recoverer, records.RECOVERY, records.EVACUATION, records.EVENT),
        loop('restarter', restarter, records.INVENTORY, records.RESTART),
        loop('admitter', admitter, records.REQUEST),
        loop('taker', taker, records.RECOVERY, records.TAKING),
        loop('carer', carer),
        *([loop('noter', noter)] if rules.notes_moves else ()),
        *(loop('latecomers', each) for each in latecomers),
        loop('answerer', answerer, records.WISH, records.NOTIFICATION),
        loop('protector', protector),
        *([loop('observer', observer)] if observing else ()),
        loop('reminder', reminder),
        loop('housekeeper', keeper),
        *([_showing(store, boards, env, turns)] if boards else ()),
        *([_listener(store, events, env.clock, turns)] if events else ())), lead.resign


def mirrored(store: ports.Store) -> ports.Store:
    """The store for a controller: what its loops look at again and again is read from a mirror."""
    return Mirrored(store, *FOLLOWED)


def _lookout(ahead: Ahead, store: ports.Store, turns: Turns, env: Runtime) -> Lookout:
    foresight = Foresight(
        store, turns.minded('protector', ahead.cloud), turns.minded('protector', ahead.usage),
        [turns.minded('protector', fence) for fence in ahead.fences], env.rules,
        turns.env('protector', env).pool(4, 'ahead'), env.clock,
        Repeated(env.tell, env.clock, (Fact.CLOUD_AWAY,)))
    return Lookout(foresight, env.clock)


def _trouble(turns: Turns, name: str, doer: Any) -> str:
    """Why the last turn of a doer did not end well: the store was away, or a host passed over."""
    # Who works on one host after the other does so by ``alone``.
    alone: Alone | None = getattr(doer, 'alone', None)
    failing = ', '.join(sorted(alone.failing)) if alone else ''
    return turns.trouble(name) or (f'passed over: {failing}' if failing else '')


def _deciders(store: ports.Store, probes: Sequence[ports.Probe], fences: Sequence[ports.Fence],
              cloud: ports.Cloud, heard: Overheard, images: ports.ImageObserver | None,
              usage: ports.UsageSource, queue: ports.Queue, lead: Leadership, turns: Turns,
              env: Runtime) -> tuple[Detector, Recoverer, Admitter, Restarter]:
    """Those who decide: each minds its own ports, so that a turn of it that hangs is known."""
    def minded(name: str, *found: Any) -> Any:
        return [turns.minded(name, each) for each in found]

    its_store, its_cloud = minded('detector', store, cloud)
    detector = Detector(its_store, lead, minded('detector', *probes), its_cloud,
                        minded('detector', *fences), turns.env('detector', env), heard)
    its_store, its_cloud, its_usage, its_queue, its_libvirt = minded(
        'recoverer', store, cloud, usage, queue, heard)
    recoverer = Recoverer(its_store, lead, minded('recoverer', *fences), its_cloud, its_usage,
                          its_queue, its_libvirt, turns.env('recoverer', env))
    its_store, its_cloud, its_libvirt = minded('admitter', store, cloud, heard)
    admitter = Admitter(its_store, lead, minded('admitter', *fences), its_cloud, its_libvirt, env)
    its_store, its_cloud, its_libvirt = minded('restarter', store, cloud, heard)
    restarter = Restarter(its_store, lead, its_cloud,
                          turns.minded('restarter', images) if images else None, its_libvirt, env)
    return detector, recoverer, admitter, restarter


def candidates(store: ports.Store, cloud: ports.Cloud, usage: ports.UsageSource, rules: Rules,
               env: Runtime) -> tuple[Candidate, ...]:
    """Every host as a leader that plans would see it now: for people who ask.  PortError."""
    world = CloudView(store.read(*RANGES), env.tell)
    with env.pool(1, 'usage') as pool:
        return Targets(cloud, usage, rules, pool, env.clock, env.tell).candidates(world)


def _listener(store: ports.Store, events: ports.Events, clock: Callable[[], float],
              turns: Turns) -> Loop:
    """Every controller listens, for an event goes to one of them: each leaves a hint for all."""
    listener = EventListener(turns.minded('events', store), events, clock)
    return Loop('events', turns.noted('events', listener.turn), listen=listener.listen,
                trouble=functools.partial(turns.trouble, 'events'))


def _showing(store: ports.Store, boards: Sequence[ports.Board], env: Runtime,
             turns: Turns) -> Loop:
    """Every controller keeps its boards.  Not watched: a board that hangs costs no leadership."""
    keeper = BoardKeeper(turns.minded('board', store), boards, env)
    return Loop('board', turns.noted('board', keeper.turn),
                trouble=lambda: turns.trouble('board') or keeper.trouble)
