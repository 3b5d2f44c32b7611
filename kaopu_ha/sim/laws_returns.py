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

"""The laws of hosts that come back: who may be started again in place, and who has to be."""

from __future__ import annotations

from collections.abc import Callable, Collection
import math

from kaopu_ha import records
from kaopu_ha.core.kept import is_cut
from kaopu_ha.core.model import Case, Recovery, Stage
from kaopu_ha.core.news import Fact
from kaopu_ha.core.restart import OF_A_PERSON, Restart, StartPhase
from kaopu_ha.sim import daemon
from kaopu_ha.sim.laws_late import came_too_late
from kaopu_ha.sim.laws_policy import may_be_left
from kaopu_ha.sim.nova import SimServer
from kaopu_ha.sim.world import World

# From the last question to the call.
_WAY_SECONDS = 1.0
_LOOK_SECONDS = 5.0
# Turns under way, reads without an answer.
_SLACK_SECONDS = 40.0

Say = Callable[[str, str], None]


class Starts:
    """Nothing that its user stopped is started, nor anything that may run elsewhere.

    From the truth of the false world: what its user wants, where it writes, what Nova has in hand.
    """

    def __init__(self, world: World, say: Say) -> None:
        self._world, self._say = world, say
        self._late: set[str] = set()
        # When a call that was on its way undid the last word of each one's user.
        self._undone: dict[str, float] = {}

    def asked(self, row: SimServer) -> None:
        """The API was asked to start a server where it is."""
        if came_too_late(self._world, f'start {row.uuid}'):
            # What it undid is not to be seen in Nova: it was on at the next boot.
            self._late.add(row.uuid)
        if row.uuid in self._late:
            return
        if not row.wanted and not _started(row) and not self._crossed(row):
            self._say('what was stopped stays off', f'{row.name} is started, and its user had '
                                                    f'stopped it')
        elsewhere = [host for host in self._world.writing_on(row) if host != row.host]
        if elsewhere:
            self._say('one place', f'{row.name} is started on {row.host}, and runs on '
                                   f'{elsewhere[0]}')
        # What still lies with a fenced host comes to nothing there, and goes when it is taken back.
        if any(record.instance == row.uuid and record.lies_at and not self._is_cut(record.lies_at)
               for record in self._world.nova.records if record.kind == 'evacuation'):
            self._say('one place', f'{row.name} is started on {row.host}, and an evacuation of it '
                                   f'is under way')

    def _is_cut(self, host: str) -> bool:
        case = self._world.case(host)
        recovery = self._world.record(Recovery, records.RECOVERY + case.recovery) if case else None
        return is_cut(case, recovery)

    def _crossed(self, row: SimServer) -> bool:
        """Nova takes no start under a condition: the last word may cross it on the way.

        From then on it is on, and counts so at the next boot, until it is stopped once more.
        """
        last = next((daemon.seconds(action.at) for action in reversed(row.actions) if action.at),
                    -math.inf)
        if self._world.nova.sent_at - last < _WAY_SECONDS:
            self._undone[row.uuid] = self._world.kernel.now
        return self._undone.get(row.uuid, -math.inf) > last


def _started(row: SimServer) -> bool:
    """True if its user's last word was that it be on, whatever became of that; a move is none."""
    last = next((action.kind for action in reversed(row.actions)
                 if action.user not in ('', 'kaopu-ha') and action.kind != 'evacuate'), '')
    return last in ('start', 'reboot')


class Watched:
    """11. A host that dies while it is taken back does not stay so: it is judged, or confirmed.

    The time counts while one leader keeps its leadership, and etcd answers it.
    """

    def __init__(self, world: World, say: Say) -> None:
        self._world, self._say = world, say
        self._since: dict[str, float] = {}
        self._epoch = 0
        world.kernel.after(_LOOK_SECONDS, self._look)

    def _look(self) -> None:
        world, now = self._world, self._world.kernel.now
        entry = world.etcd.entries.get(records.LEADER)
        epoch = entry.created if entry else 0
        calm = epoch and epoch == self._epoch and not (world.etcd.away or world.etcd.lost_answers)
        self._epoch = epoch
        lost = {case.host for case in world.every(Case, records.CASE)
                if case.stage is Stage.ADMITTING and not world.machines[case.host].node.powered}
        self._since = {host: self._since.get(host, now) for host in lost} if calm else {}
        rules = world.setup.times.rules
        limit = rules.admission_mute_seconds + rules.beat_ttl + _SLACK_SECONDS
        for host in sorted(host for host, since in self._since.items() if now - since > limit):
            self._say('an admitting host is watched', f'{host} is off since '
                                                      f'{self._since[host]:.0f} s, and admitting')
        world.kernel.after(_LOOK_SECONDS, self._look)


def not_taken_back(world: World) -> list[str]:
    """Hosts that people take back, and that are not there yet, though nothing is amiss any more.

    What needs an operator is told, and nobody mends it here.  Nor a cluster that refuses to
    change its blocklist.
    """
    if any(cluster.refuses for cluster in world.clusters.values()):
        return []
    waits = [(case.host, case.admit.waiting_for if case.admit else '')
             for case in world.every(Case, records.CASE) if case.stage is Stage.ADMITTING
             and (case.admit is None or not case.admit.needs_operator)]
    return [f'{host} is still being taken back: {why or "it does not say why"}'
            for host, why in waits if host not in world.destroyed]


def why_not_started(world: World, row: SimServer) -> str:
    """Why the program gave the start of an instance up, as it is listed; '' if it did not."""
    for record in world.every(Restart, records.RESTART):
        for start in record.starts:
            by_policy = start.phase is StartPhase.LEFT and (
                start.reason in OF_A_PERSON or may_be_left(world, row)
                or row.marked_at > daemon.seconds(start.at))
            if start.instance == row.uuid and (
                    by_policy or start.phase in (StartPhase.FAILED, StartPhase.WAVED_OFF)):
                return start.reason
    # Or as it was told, before the next boot of its host began the list anew.
    return next((news.text for at, news in world.told if news.fact is Fact.LEFT_BY_POLICY
                 and news.text.startswith(f'{row.name}: ')
                 and (may_be_left(world, row) or row.marked_at > at)), '') or (
                     _left_to_a_person(world, row))


def _left_to_a_person(world: World, row: SimServer) -> str:
    """What was told of a guest that crashed last where it is off, if that was all to be done."""
    at = world.machines[row.host].crashes.get(row.uuid, [math.inf])[-1]
    return next((news.text for told_at, news in world.told if news.fact is Fact.CRASHED
                 and told_at >= at and 'left to a person' in news.text
                 and row.name in news.text.partition(':')[0].split(', ')), '')


def still_to_start(world: World, excused: Collection[str] = ()) -> list[str]:
    """What is still to be started where it was, though it runs elsewhere, or nothing is in the way.

    What failed is told, and tried again for as long as it takes.  What runs elsewhere while Nova
    shows it here is told, and only a person can mend Nova's record.  A start waits for the end of a
    move: where that one is ``excused``, by its instance, so is the start.
    """
    found = []
    for record in world.every(Restart, records.RESTART):
        for start in record.unsettled:
            row = world.nova.rows.get(start.instance)
            here = row is not None and row.host == record.host
            if start.phase is StartPhase.FAILED or start.instance in excused or (
                    here and row and world.writing_on(row)):
                continue
            if world.case(record.host) is None or not here:
                found.append(f'{start.name} is still to be started on {record.host}: '
                             f'{start.phase.value}: {start.reason}')
    return found


def never_told(world: World, row: SimServer) -> str:
    """Why nothing is done for an instance of a host that never had an agent; '' if it had one.

    It counts only while that host is off, and if people were told of it.  Who is known and not
    judged is judged by the word of people.
    """
    if world.machines[row.host].node.powered or world.told_by(row.host) is not None or not any(
            news.host == row.host and news.fact in (Fact.UNPROTECTED, Fact.STILL_WAITS)
            for _, news in world.told):
        return ''
    return 'no agent of its host ever told of it'


def held_by_another(world: World, row: SimServer) -> str:
    """Why the host of an instance is off and not judged: another one's client keeps it alive.

    That one claims its address, too, but later, and both have a guest with that disk.  It counts if
    people were told that it waits, and of the address.
    """
    told = world.told_by(row.host)
    if world.machines[row.host].node.powered or told is None or not any(
            news.host == row.host and news.fact is Fact.STILL_WAITS for _, news in world.told):
        return ''
    mine = set(told.storage_addresses)
    twice = {address for host in world.machines if host != row.host
             for other in [world.told_by(host)] if other
             for address in mine & set(other.storage_addresses)
             if any(news.host == host and news.fact is Fact.UNPROTECTED
                    and f'claims {address}, which {row.host} claimed before' in news.text
                    for _, news in world.told)}
    held = any(client.ip in twice for image in told.images
               for disk in [world.clusters[image.cluster].disks.get(image.header)] if disk
               for client in disk.clients)
    return 'a client at an address that its host and another one claim' if held else ''
