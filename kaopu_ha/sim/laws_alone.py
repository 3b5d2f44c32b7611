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


"""10. What happens to one host, thread or process delays nobody else: who hangs leads no more, who
is blind gives way, and each suspect is looked at in its turn."""

from __future__ import annotations

import abc
from collections.abc import Callable
import math

from kaopu_ha import records
from kaopu_ha.core import detection
from kaopu_ha.core.model import Case, Inventory, Network, Recovery
from kaopu_ha.sim.daemon import Daemon
from kaopu_ha.sim.world import World

Say = Callable[[str, str], None]

_LOOK_SECONDS = 2.5
_TURN_SECONDS = 1.0
_HEAR_SECONDS = 0.25
# What is left of the lease when the hang is noticed, and another's turn to win it.
_BEYOND_LEASE_SECONDS = 30.0
_SLACK_SECONDS = 2.0
_SEES_SLACK_SECONDS = 5.0


class Led:
    """Somebody leads who can: a leader of which a thread hangs is replaced in time by one that
    has none.

    The time counts while another controller could lead and etcd is well.
    """

    def __init__(self, world: World, say: Say) -> None:
        self._world, self._say = world, say
        self._unfit_since: float | None = None
        world.kernel.after(_LOOK_SECONDS, self._look)

    def _look(self) -> None:
        world, now = self._world, self._world.kernel.now
        leader = world.record(records.Leader, records.LEADER)
        name = leader.name if leader else ''
        fit = name and name not in world.hangs.since
        others = [each for each in world.controllers if each.name != name and self._could(each)]
        if fit or not others or world.etcd.away or world.etcd.lost_answers:
            self._unfit_since = None
        elif self._unfit_since is None:
            self._unfit_since = now
        # Who went on for a moment and hangs anew is replaced in time from then on.
        elif name:
            self._unfit_since = max(self._unfit_since, world.hangs.since[name])
        limit = world.setup.times.leader_ttl + _BEYOND_LEASE_SECONDS + _SLACK_SECONDS
        if self._unfit_since is not None and now - self._unfit_since > limit:
            self._say('nothing hangs', f'{name or "nobody"} leads since {self._unfit_since:.0f} s, '
                      f'and {others[0].name} could')
        world.kernel.after(_LOOK_SECONDS, self._look)

    def _could(self, controller: Daemon) -> bool:
        """True if nothing keeps it from leading."""
        return (controller.goes_on and controller.name not in self._world.hangs.since
                and controller.node.on('management'))


class _GivesWay(abc.ABC):
    """A leader that can't do something gives way in time to who can.

    The time counts while both stay so, the cluster needs it, and etcd is well.
    """

    what = ''

    def __init__(self, world: World, say: Say) -> None:
        self._world, self._say = world, say
        self._since: tuple[str, float] = '', 0.0
        world.kernel.after(_LOOK_SECONDS, self._look)

    def _look(self) -> None:
        world, now = self._world, self._world.kernel.now
        leader = world.record(records.Leader, records.LEADER)
        name = leader.name if leader else ''
        unable = [each for each in world.controllers
                  if each.name == name and self._cannot(each)]
        others = [each for each in world.controllers if each.name != name and self._can(each)]
        if not unable or not others or not self._matters() or (
                world.etcd.away or world.etcd.lost_answers):
            self._since = '', now
        elif self._since[0] != name:
            self._since = name, now
        limit = self._looks() + 2 * world.setup.times.leader_ttl + _SEES_SLACK_SECONDS
        if self._since[0] and now - self._since[1] > limit:
            self._say('the blind give way', f'{name} leads since {self._since[1]:.0f} s and can\'t '
                      f'{self.what}, and {others[0].name} could')
        world.kernel.after(_LOOK_SECONDS, self._look)

    @abc.abstractmethod
    def _cannot(self, controller: Daemon) -> bool:
        """Is it unable now?"""

    @abc.abstractmethod
    def _can(self, controller: Daemon) -> bool:
        """Could it, as a leader?"""

    @abc.abstractmethod
    def _matters(self) -> bool:
        """Does anything wait for it?"""

    @abc.abstractmethod
    def _looks(self) -> float:
        """Seconds of the looks that it takes to be sure."""


class Sees(_GivesWay):
    """A leader that can't ask the storage network of a suspect gives way in time to who can."""

    what = 'ask the storage network'

    def _looks(self) -> float:
        # The case has to be opened, and each look takes an ask.
        rules = self._world.setup.times.rules
        return rules.beat_ttl + (rules.blind_looks + 2) * (rules.look_interval + rules.ask_limit)

    def _cannot(self, controller: Daemon) -> bool:
        return not self._can(controller)

    def _can(self, controller: Daemon) -> bool:
        world, node = self._world, controller.node
        return (controller.goes_on and controller.name not in world.hangs.since
                and node.on('management') and not world.observers[controller.role][1].sick
                and all(cluster.answers(node) for cluster in world.clusters.values()))

    def _matters(self) -> bool:
        """True if of some suspect no image at all could be asked."""
        for case in self._world.every(Case, records.CASE):
            last = case.rounds[-1].of(Network.STORAGE) if case.rounds else None
            if case.stage in detection.JUDGING and last is not None and last.unasked and (
                    last.rule == 'no image could be asked'
                    and records.ALIVE + case.host not in self._world.etcd.entries):
                return True
        return False


class CanFence(_GivesWay):
    """A leader that can't fence a confirmed host, for its disk hangs, gives way in time to who can.
    """

    what = 'fence'

    def _looks(self) -> float:
        rules = self._world.setup.times.rules
        return (rules.blind_looks + 1) * (rules.look_interval + 2 * rules.ask_limit)

    def _cannot(self, controller: Daemon) -> bool:
        return controller.node.disk_hangs

    def _can(self, controller: Daemon) -> bool:
        world, node = self._world, controller.node
        return (controller.goes_on and controller.name not in world.hangs.since
                and not node.disk_hangs and node.on('management')
                and not any(probe.sick for probe in world.observers[controller.role])
                and all(cluster.answers(node) and not cluster.refuses and not cluster.chokes
                        for cluster in world.clusters.values()))

    def _matters(self) -> bool:
        """True if some confirmed host's fence is not proven, and something is to be cut."""
        return any(item.stage.fencing and item.orders
                   and all(order.addresses for order in item.orders)
                   and records.PROOF + item.id not in self._world.etcd.entries
                   for item in self._world.every(Recovery, records.RECOVERY))


class LookedAt:
    """Each suspect is looked at when its turn comes, whatever the others are like.

    The time counts while one leader keeps its leadership and can, and etcd is well.  When the last
    beat of all is gone, nobody is asked about for a TTL: that says more of etcd than of the hosts.
    """

    def __init__(self, world: World, say: Say) -> None:
        self._world, self._say = world, say
        self._leader, self._calm_since = '', 0.0
        self._none_beat_at = -math.inf
        self._missing: dict[str, float] = {}
        world.kernel.after(_TURN_SECONDS, self._look)
        world.kernel.after(_HEAR_SECONDS, self._hear)

    def _look(self) -> None:
        now = self._world.kernel.now
        leader = self._fit()
        if not leader or leader.name != self._leader:
            self._leader, self._calm_since = leader.name if leader else '', now
        self._missing = {host: self._missing.get(host, now) for host in self._suspects()}
        if leader is not None:
            for host, since in self._missing.items():
                self._judge(leader, host, since)
        self._world.kernel.after(_TURN_SECONDS, self._look)

    def _hear(self) -> None:
        # Of a host of which nothing can be read nobody knows what its beat is worth.
        if not any(records.ALIVE + host in self._world.etcd.entries
                   and self._world.told_by(host) for host in self._world.machines):
            self._none_beat_at = self._world.kernel.now
        self._world.kernel.after(_HEAR_SECONDS, self._hear)

    def _fit(self) -> Daemon | None:
        world = self._world
        found = world.record(records.Leader, records.LEADER)
        leader = next((each for each in world.controllers if found and each.name == found.name),
                      None)
        well = leader is not None and (leader.goes_on and leader.name not in world.hangs.since
                                       and leader.node.on('management'))
        return leader if well and not (world.etcd.away or world.etcd.lost_answers) else None

    def _suspects(self) -> list[str]:
        """The hosts that do not beat and are not confirmed; but those whose records are spoiled."""
        world, entries = self._world, self._world.etcd.entries
        return [host for host in world.machines
                if records.INVENTORY + host in entries and records.ALIVE + host not in entries
                and not any(key.endswith(f'/{host}') for key in world.spoiled)
                and self._is_readable(host)
                and host not in world.thieves and not world.confirmed(host)
                and not self._has_nothing(host)]

    def _is_readable(self, host: str) -> bool:
        """True if what it told is a record: without one nobody knows how to ask about it."""
        entry = self._world.etcd.entries[records.INVENTORY + host]
        try:
            return records.record(Inventory, entry).host == host
        except records.RecordError:
            return False

    def _has_nothing(self, host: str) -> bool:
        """True if there is nothing to ask about: such a host is looked at now and then."""
        case = self._world.case(host)
        return case is not None and bool(case.rounds) and (
            case.rounds[-1].nothing_to_ask)

    def _judge(self, leader: Daemon, host: str, missing: float) -> None:
        rules, now = self._world.setup.times.rules, self._world.kernel.now
        asked = self._world.probes[leader.role][0].asked.get(host, 0.0)
        begins = max(missing, self._calm_since)
        limit = rules.look_interval + 2 * rules.ask_limit + _SLACK_SECONDS
        if now - self._none_beat_at < limit:
            limit += rules.beat_ttl
        # In a new term, and when all beats are gone at once, beats get a TTL more.
        anew = self._calm_since > missing - rules.beat_ttl or len(self._missing) > 1
        first = detection.grace(rules) + (rules.beat_ttl if anew else 0.0)
        since, limit = (asked, limit) if asked > begins else (begins, first + limit)
        if now - since > limit:
            self._say('looked at in its turn', f'{leader.name} has not asked about {host} since '
                                               f'{since:.1f} s')
