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

"""What must never be, looked for after every event; and what must be in the end.

Each checker holds one of the invariants of the design, from the truth of the false world and from
what was committed, never from what the program says of itself.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
import math
from typing import TypeVar

from kaopu_ha import ports, records
from kaopu_ha.core.model import Case, Network, Sign, Stage, Verdict
from kaopu_ha.sim import daemon, laws_growth
from kaopu_ha.sim.laws_alone import CanFence, Led, LookedAt, Sees
from kaopu_ha.sim.laws_board import OnBoards
from kaopu_ha.sim.laws_books import Used
from kaopu_ha.sim.laws_brake import Braked
from kaopu_ha.sim.laws_claims import Claimed
from kaopu_ha.sim.laws_crashes import StartedCrashed
from kaopu_ha.sim.laws_dead import SurelyDead
from kaopu_ha.sim.laws_fences import (
    Fences,
    could_not_tell,
    is_used_elsewhere,
    is_vouched_for,
    untold_clients,
)
from kaopu_ha.sim.laws_foretold import Foretold
from kaopu_ha.sim.laws_guests import StandingIsTold
from kaopu_ha.sim.laws_late import Late, came_too_late
from kaopu_ha.sim.laws_life import LivingHosts, told_until
from kaopu_ha.sim.laws_moves import Moves, written_twice
from kaopu_ha.sim.laws_news import Tellers
from kaopu_ha.sim.laws_notes import Noted
from kaopu_ha.sim.laws_places import PlacesAllowed
from kaopu_ha.sim.laws_policy import Policies
from kaopu_ha.sim.laws_protection import SaidOfTheLiving
from kaopu_ha.sim.laws_resets import Resets
from kaopu_ha.sim.laws_returns import Starts, Watched
from kaopu_ha.sim.laws_saying import Said, is_said_off
from kaopu_ha.sim.laws_segments import WithinSegments
from kaopu_ha.sim.laws_telling import OpenIsTold
from kaopu_ha.sim.laws_use import LeastUsed
from kaopu_ha.sim.laws_verdicts import Grounds
from kaopu_ha.sim.laws_wishes import Wished
from kaopu_ha.sim.nova import SimMigration, SimServer
from kaopu_ha.sim.world import NETWORK_STARTS, World, case_of

Writes = Sequence[ports.Put | ports.Delete]
Before = Mapping[str, ports.Entry]

_DECISIONS = (records.CASE, records.RECOVERY, records.DEATH, records.LOCK, records.PROOF,
              records.CLOSED, records.RESTART, records.WISH, records.TAKING)
# An entry that ends sooner lets a zombie write again.
_FOR_GOOD = 86400.0
# A commit comes some milliseconds after the round that it is made of.
_SLACK_SECONDS = 0.5


@dataclass(frozen=True)
class Violation:
    """A law that was broken, when, and how."""

    at: float
    law: str
    what: str

    def __str__(self) -> str:
        return f'{self.at:.1f} s: {self.law}: {self.what}'


class Checkers:
    """All checkers of one world.  ``found`` is what was broken; the world stops at the first."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.found: list[Violation] = []
        self._deciders = Deciders(world, self._say)
        self._verdicts = Verdicts(world, self._say)
        self._grounds = Grounds(world, self._say)
        self._growth = laws_growth.Growth(world, self._say)
        self._living = LivingHosts(world, self._say)
        self._calls = calls = CallsAllowed(world, self._say)
        OpenIsTold(world, self._say)
        OnBoards(world, self._say)
        SurelyDead(world, self._say)
        StandingIsTold(world, self._say)
        Watched(world, self._say)
        world.nova.placement.released = Used(world, self._say).released
        policies = Policies(world, self._say)
        world.nova.asked_to_start = _all(Starts(world, self._say).asked, policies.started,
                                         StartedCrashed(world, self._say).asked)
        world.nova.asked_to_reset = Resets(world, self._say).asked
        Led(world, self._say)
        Sees(world, self._say)
        CanFence(world, self._say)
        LookedAt(world, self._say)
        Fences(world, self._say)
        SaidOfTheLiving(world, self._say)
        Late(world, self._say)
        self._braked = Braked(world, self._say)
        self._wished = Wished(world, self._say, calls.fenced)
        moves, tellers = Moves(world, self._say), Tellers(world, self._say)
        places, within = PlacesAllowed(world, self._say), WithinSegments(world, self._say)
        world.nova.asked_to_note = Noted(world, self._say).asked
        world.nova.asked_to_enable, world.nova.asked_to_join = within.enabled, within.joined
        self._more = (Said(world, self._say).committed, self._grounds.committed,
                      self._wished.committed, moves.committed, tellers.committed,
                      places.committed, within.committed, policies.committed,
                      LeastUsed(world, self._say).committed,
                      Foretold(world, self._say).committed,
                      Claimed(world, self._say).committed)
        world.nova.asked = _each(self._asked, moves.asked, places.asked, within.asked,
                                 policies.asked)
        world.acts = _each(calls.sent, moves.sent)
        world.etcd.committed = self._committed
        world.kernel.after_each = OneWriter(world, self._say).look
        world.heard_falsely = lambda host: self._say(
            'life is an answer', f'{host} was said to live, but no client of it answered')
        world.terms.mixed = lambda who, key: self._say(
            'one turn, one term', f'{who} wrote {key} in a term that began after the turn')
        world.stop = self.found.__len__

    def _say(self, law: str, what: str) -> None:
        self.found.append(Violation(self.world.kernel.now, law, what))

    def _asked(self, row: SimServer, target: str) -> None:
        self._calls.asked(row, target)
        self._wished.called(row, target)

    def _committed(self, who: str, writes: Writes, before: Before) -> None:
        self._deciders.committed(who, writes, before)
        self._verdicts.committed(who, writes, before)
        self._growth.committed(who, writes, before)
        self._living.committed(who, writes, before)
        self._braked.committed(who, writes, before)
        for committed in self._more:
            committed(who, writes, before)


Say = Callable[[str, str], None]
_A = TypeVar('_A')
_B = TypeVar('_B')


def _each(*hear: Callable[[_A, _B], None]) -> Callable[[_A, _B], None]:
    """Have all of them told."""
    def tell(one: _A, other: _B) -> None:
        for each in hear:
            each(one, other)
    return tell


def _all(*hear: Callable[[_A], None]) -> Callable[[_A], None]:
    def tell(one: _A) -> None:
        for each in hear:
            each(one)
    return tell


class OneWriter:
    """1. No instance has write access to its images from two hosts, nor an older copy again.

    What the method gives up is left out: see ``laws_fences.could_not_tell``.
    """

    def __init__(self, world: World, say: Say) -> None:
        self._world, self._say = world, say
        self._clusters = tuple(world.clusters.values())
        self._newest: dict[str, int] = {}

    def look(self) -> None:
        """Look at every disk, if anything has changed."""
        for cluster in self._clusters:
            if not cluster.changed:
                continue
            cluster.changed = False
            cluster.settle()
            for header, disk in cluster.disks.items():
                writers = [client for client in cluster.writers(disk)
                           if not could_not_tell(self._world, client)]
                if disk.shared:
                    twice = written_twice(self._world, disk, writers)
                    if twice:
                        self._say('one writer', twice)
                    continue
                if header in self._world.nova.resumed_blindly:
                    continue
                hosts = sorted({client.node.name for client in writers})
                if len(hosts) > 1:
                    self._say('one writer', f'{disk.image.name} is written from '
                                            f'{" and ".join(hosts)}')
                for client in writers:
                    number = int(client.address.rsplit('/', 1)[1])
                    if number < self._newest.get(header, 0):
                        self._say('one writer', f'an older copy of {disk.image.name} writes '
                                                f'again on {client.node.name}')
                    self._newest[header] = max(number, self._newest.get(header, 0))


class CallsAllowed:
    """2 and 5. No evacuation without CONFIRMED and a fence; no other while one may still run."""

    def __init__(self, world: World, say: Say) -> None:
        self._world, self._say = world, say

    def asked(self, row: SimServer, target: str) -> None:
        """The API was asked to evacuate a server."""
        if came_too_late(self._world, f'evacuate {row.uuid}'):
            return
        case = self._world.record(Case, records.CASE + row.host)
        if case is None or case.stage is not Stage.CONFIRMED:
            self._say('no call unconfirmed', f'{row.name} of {row.host}, whose case is '
                                             f'{case.stage.value if case else "not there"}')
        for image in row.images:
            if not self.fenced(row.host, image.cluster, image.header):
                self._say('no call unfenced', f'{row.name}: {row.host} is not fenced on cluster '
                                              f'{image.cluster}')
        for record in self._world.nova.records:
            if record.instance == row.uuid and record.lies_at:
                self._second(row, record, target)

    def sent(self, who: str, act: str) -> None:
        """A worker has leave to act, and will now: a call needs a proof that is still young."""
        verb, _, uuid = act.partition(' ')
        row = self._world.nova.rows.get(uuid)
        if verb != 'evacuate' or row is None:
            return
        case = self._world.record(Case, records.CASE + row.host)
        if case is None or records.PROOF + case.recovery not in self._world.etcd.entries:
            self._say('no call unproven', f'{who} calls for {row.name}, and no proof is there')

    def fenced(self, host: str, cluster: str, header: str = '') -> bool:
        """True if every client at any of the host's addresses is refused there for good, and each
        of this image at one that it had no time to tell.

        So it counts if somebody took it away less than a proof's age ago; and if a person has said
        that it is off, which it is.
        """
        if is_vouched_for(self._world, host):
            return True
        found, now = self._world.clusters[cluster], self._world.kernel.now
        young = self._world.setup.times.rules.proof_seconds
        entries = [f'{address}:0/0' for address in self._counting(host)]
        entries += untold_clients(self._world, host, found, header)
        return all(found.blocklist.get(entry, 0.0) > now + _FOR_GOOD or (
            now - found.removed_at.get(entry, -young) < young) for entry in entries)

    def _counting(self, host: str) -> list[str]:
        """Every address but what it could not tell of, what no client network holds, or another
        host uses as well."""
        machine, case = self._world.machines[host], self._world.case(host)
        until = told_until(self._world, case) if case is not None else self._world.kernel.now
        clients = set(machine.used) - set(machine.addresses)
        return [address for address in machine.used
                if machine.address_since.get(address, -math.inf) < until
                and (address in clients or address.startswith(NETWORK_STARTS))
                and not is_used_elsewhere(self._world, host, address)]

    def _second(self, row: SimServer, first: SimMigration, target: str) -> None:
        now = self._world.kernel.now
        if first.lies_at != target and not all(
                self.fenced(first.lies_at, image.cluster) for image in row.images):
            self._say('no second target', f'{row.name} to {target}: it may still come up on '
                                          f'{first.lies_at}')
        if first.lies_at == target:
            self._say('no second call', f'{row.name} to {target}, {now - first.since:.1f} s after '
                                        f'the first, which may still begin')


class Deciders:
    """5, 7 and 8. Only the leader decides; a case goes its road, and each step says why."""

    def __init__(self, world: World, say: Say) -> None:
        self._world, self._say = world, say

    def committed(self, who: str, writes: Writes, before: Before) -> None:
        """Something was committed."""
        keys = [write.key for write in writes if write.key.startswith(_DECISIONS)]
        if not keys or not who.startswith('controller'):
            return
        leader = self._world.record(records.Leader, records.LEADER)
        if leader is None or leader.name != who:
            self._say('one decider', f'{who} wrote {keys[0]}, but '
                                     f'{leader.name if leader else "nobody"} leads')
        for write in writes:
            if write.key.startswith(records.CASE):
                self._case(write, before.get(write.key))

    def _case(self, write: ports.Put | ports.Delete, before: ports.Entry | None) -> None:
        was = case_of(before.value) if before else None
        if isinstance(write, ports.Delete):
            if was is not None and was.stage is Stage.CONFIRMED:
                self._say('confirmed stays', f'the case of {was.host} was deleted')
            return
        now = case_of(write.value)
        if was is not None and was.stage is Stage.CONFIRMED and now.stage not in (
                Stage.CONFIRMED, Stage.ADMITTING):
            self._say('confirmed stays', f'{now.host} went to {now.stage.value}')
        stages = (was.stage if was else None, now.stage)
        if stages[0] is not stages[1] and (not now.history or not all(
                (now.history[-1].at, now.history[-1].by, now.history[-1].reason))):
            self._say('every step says why', f'{now.host} went to {now.stage.value}')
        if was is not None and was.admit is not None and now.stage is Stage.CONFIRMED and (
                stages[0] is Stage.ADMITTING and not was.admit.unfenced):
            # It died while it was taken back, and is fenced as it was.
            return
        if stages[0] is Stage.ADMITTING and stages[1] not in (
                Stage.ADMITTING, Stage.CLOSED) and was is not None and not (
                was.admit and was.admit.unfenced):
            self._say('confirmed stays', f'{now.host} went from admitting to {now.stage.value}, '
                                         f'and is still fenced')
        if stages[1] is Stage.CONFIRMED and stages[0] not in (Stage.CONFIRMED, Stage.LAST_LOOK):
            self._say('one road', f'{now.host} was confirmed from {stages[0]}')


class Verdicts:
    """3 and 7. Confirmed only after all the waits, on two silences, by observers that could see."""

    def __init__(self, world: World, say: Say) -> None:
        self._world, self._say = world, say
        self._silent: dict[str, float] = {}
        self._last: dict[str, tuple[str, float]] = {}

    def committed(self, who: str, writes: Writes, before: Before) -> None:
        """Something was committed: if it is a case, count its silence, and judge its verdict."""
        if not who.startswith('controller'):
            return
        for write in writes:
            if isinstance(write, ports.Put) and write.key.startswith(records.CASE):
                entry = before.get(write.key)
                was = case_of(entry.value) if entry else None
                self._count(who, was, case_of(write.value))

    def _count(self, who: str, was: Case | None, case: Case) -> None:
        if was is None or case.rounds == was.rounds:
            return
        host, now = case.host, self._world.kernel.now
        if case.verdict is not Verdict.DEAD:
            self._last.pop(host, None)
            return
        last = self._last.get(host)
        rules = self._world.setup.times.rules
        if last is not None and last[0] == who:
            most = 2 * max(rules.look_interval, rules.ask_limit)
            self._silent[host] = self._silent.get(host, 0.0) + min(now - last[1], most)
        self._last[host] = who, now
        begins = case.stage is Stage.DYING and was.stage is not Stage.DYING
        if begins or (case.kernel_answered and not was.kernel_answered):
            self._silent[host] = 0.0
        if case.stage is Stage.CONFIRMED and was.stage is not Stage.CONFIRMED:
            self._confirmed(who, case)

    def _confirmed(self, who: str, case: Case) -> None:
        world, rules, look = self._world, self._world.setup.times.rules, case.rounds[-1]
        wait = rules.death_wait(case.kernel_answered) + rules.lock_wait(case.kernel_answered)
        if self._silent.get(case.host, 0.0) < wait - _SLACK_SECONDS:
            self._say('late, never early', f'{case.host} was silent for '
                                           f'{self._silent.get(case.host, 0.0):.1f} of {wait:g} s')
        said = is_said_off(world, case.host)
        signs = {one.network: one.sign for one in look.evidence}
        if not said and signs != dict.fromkeys(Network, Sign.SILENCE):
            self._say('unknown is no silence', f'{case.host}: {look.rule}')
        if not said and not all(probe.could_ask for probe in world.probes[who.split('/')[0]]):
            self._say('unknown is no silence', f'{case.host}: {who} could not ask')
        if world.life_heard.get(case.host, -1.0) > daemon.seconds(look.at):
            self._say('life spares', f'{case.host} answered during the last look')
        if records.ALIVE + case.host in world.etcd.entries:
            self._say('life spares', f'{case.host} beats')
