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
"""Nobody is condemned in a storm, nor just after one: by a count of its own of what was committed.

It counts less than the program may: hosts that were looked at and found silent, and those condemned
within the window, of all hosts that are known.  So whatever it finds, the brake should have held.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence, Set

from kaopu_ha import ports, records
from kaopu_ha.core.model import Case, Stage, Verdict
from kaopu_ha.sim.world import World, case_of

Say = Callable[[str, str], None]

_TICK_SECONDS = 0.5
# A leader that leads for so long while too many are silent has seen it.
_SEEN_SECONDS = 8.0
# What was committed just now is made of rounds of the same turn, of which others follow.
_SETTLE_SECONDS = 1.0
_JUDGED = (Stage.SUSPECTED, Stage.DYING, Stage.LOCKED, Stage.LAST_LOOK)


class Braked:
    """3 of the brake: window, cooldown, and releases that are of one case each."""

    def __init__(self, world: World, say: Say) -> None:
        self._world, self._say = world, say
        self._condemned: dict[str, float] = {}
        self._released: dict[str, int] = {}
        self._many_since: float | None = None
        self._leader = ''
        # The silent hosts, and the revision at which they were counted last.
        self._counted: tuple[int, frozenset[str]] = 0, frozenset()
        self._storm_seen = -1e9
        world.kernel.after(_TICK_SECONDS, self._tick)

    def committed(self, who: str, writes: Sequence[ports.Put | ports.Delete],
                  before: Mapping[str, ports.Entry]) -> None:
        """Something was committed: a release by people, or a verdict by a controller."""
        for write in writes:
            if who == 'people' and write.key == records.BRAKE and isinstance(write, ports.Put):
                self._released = dict(records.record(records.BrakeSetting, write).cases)
            if who.startswith('controller') and write.key.startswith(records.CASE) and isinstance(
                    write, ports.Put):
                was, now = before.get(write.key), case_of(write.value)
                # An admission that was ended is no verdict.
                if was and now.stage is Stage.CONFIRMED and case_of(was.value).stage in _JUDGED:
                    self._confirmed(now.host, was.created)

    # ------------------------------------------------------------ private

    def _confirmed(self, host: str, opened: int) -> None:
        now, rules = self._world.kernel.now, self._world.setup.times.rules
        others = self._silent() | self._lately()
        self._condemned[host] = now
        if self._released.get(host) == opened:
            return
        if now - self._storm_seen < rules.storm_cooldown - _SETTLE_SECONDS:
            self._say('the brake cools down', f'{host} was condemned '
                      f'{now - self._storm_seen:.1f} s after a storm')
        if self._too_many(others | {host}):
            self._world.kernel.after(_SETTLE_SECONDS, lambda: self._settled(host, others))

    def _settled(self, host: str, others: Set[str]) -> None:
        still = others & (self._silent() | self._lately())
        if self._too_many(still | {host}):
            self._say('no verdict in a storm', f'{host} was condemned beside '
                                               f'{", ".join(sorted(still))}')

    def _tick(self) -> None:
        self._world.kernel.after(_TICK_SECONDS, self._tick)
        world, now = self._world, self._world.kernel.now
        leader = world.record(records.Leader, records.LEADER)
        name = leader.name if leader else ''
        sound = name and name == self._leader and not world.etcd.away \
            and not world.etcd.lost_answers
        self._leader = name
        if not sound or not self._too_many(self._silent() | self._lately()):
            self._many_since = None
            return
        self._many_since = now if self._many_since is None else self._many_since
        if now - self._many_since >= _SEEN_SECONDS:
            self._storm_seen = now

    def _too_many(self, hosts: Set[str]) -> bool:
        rules = self._world.setup.times.rules
        return len(hosts) > rules.storm_hosts and (
            len(hosts) > rules.storm_share * len(self._known()))

    def _lately(self) -> set[str]:
        now, window = self._world.kernel.now, self._world.setup.times.rules.storm_window
        known = self._known()
        return {host for host, at in self._condemned.items()
                if now - at < window - _SETTLE_SECONDS and host in known}

    def _known(self) -> Collection[str]:
        return self._world.etcd.read((records.INVENTORY,)).under(records.INVENTORY)

    def _silent(self) -> frozenset[str]:
        revision = self._world.etcd.revision
        if self._counted[0] != revision:
            self._counted = revision, frozenset(self._silent_now())
        return self._counted[1]

    def _silent_now(self) -> set[str]:
        entries = self._world.etcd.entries
        return {case.host for case in self._world.every(Case, records.CASE)
                if case.stage in _JUDGED and case.rounds and case.verdict is not Verdict.ALIVE
                and not case.rounds[-1].nothing_to_ask
                and records.ALIVE + case.host not in entries
                and records.HOST + case.host not in entries}
