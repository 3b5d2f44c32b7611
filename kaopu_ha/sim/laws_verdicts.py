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

"""3 and 9, from the truth: what a verdict stands on was asked lately, by observers that could see,
of enough of the host's instances; a kernel that answered gave it the long waits, and its beat the
grace."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence

from kaopu_ha import ports, records
from kaopu_ha.core.model import Case, Inventory, Stage
from kaopu_ha.sim import daemon
from kaopu_ha.sim.laws_saying import is_said_off
from kaopu_ha.sim.world import World, case_of

Say = Callable[[str, str], None]

_TICK_SECONDS = 0.25
# From the begin of a look to its end, beside what is asked; and to the commit.
_LOOK_SLACK_SECONDS = 2.0
_WAIT_SLACK_SECONDS = 0.5


class Grounds:
    """Looks at every case that is opened, judged anew, or confirmed."""

    def __init__(self, world: World, say: Say) -> None:
        self._world, self._say = world, say
        self._beat_seen: dict[str, float] = {}
        self._leads_since: dict[str, float] = {}
        # The hosts whose kernel answered in a round that was committed, with their cases.
        self._kernels: dict[str, int] = {}
        self._tick()

    def committed(self, who: str, writes: Sequence[ports.Put | ports.Delete],
                  before: Mapping[str, ports.Entry]) -> None:
        """Something was committed."""
        for write in writes:
            if not isinstance(write, ports.Put):
                continue
            if write.key == records.LEADER:
                leader = records.record(records.Leader, write).name
                self._leads_since.setdefault(f'{leader} {self._epoch()}', self._world.kernel.now)
            if who.startswith('controller') and write.key.startswith(records.CASE):
                entry = before.get(write.key)
                case = case_of(write.value)
                if entry is None:
                    self._opened(who, case)
                else:
                    self._judged(who, case, case_of(entry.value), entry.created)

    # ------------------------------------------------------------ private

    def _tick(self) -> None:
        now, entries = self._world.kernel.now, self._world.etcd.entries
        self._beat_seen |= {host: now for host in self._world.setup.hosts
                            if records.ALIVE + host in entries}
        self._world.kernel.after(_TICK_SECONDS, self._tick)

    def _epoch(self) -> int:
        entry = self._world.etcd.entries.get(records.LEADER)
        return entry.created if entry else 0

    def _opened(self, who: str, case: Case) -> None:
        now, rules = self._world.kernel.now, self._world.setup.times.rules
        silent = now - self._beat_seen.get(case.host, 0.0)
        if silent < rules.beat_ttl / 3 + 2.0 - 2 * _TICK_SECONDS:
            self._say('a beat has its grace', f'the case of {case.host} was opened {silent:.1f} s '
                                              f'after it beat')
        term = now - self._leads_since.get(f'{who} {self._epoch()}', 0.0)
        if term < rules.beat_ttl - _WAIT_SLACK_SECONDS:
            self._say('a beat has its grace', f'{who} opened the case of {case.host} {term:.1f} '
                                              f's after it began to lead')

    def _judged(self, who: str, case: Case, was: Case, opened: int) -> None:
        if not case.rounds or case.rounds == was.rounds:
            return
        now, rules = self._world.kernel.now, self._world.setup.times.rules
        began = daemon.seconds(case.rounds[-1].at)
        if now - began > rules.ask_limit + rules.beat_ttl + _LOOK_SLACK_SECONDS:
            self._say('a look counts while it is fresh', f'{who} judged {case.host} by what it '
                                                         f'asked {now - began:.1f} s ago')
        libvirt, _ = self._world.probes[who.split('/')[0]]
        if self._left_in_good_order(case, was):
            # What its kernel said on its way down was to be expected.
            self._kernels.pop(case.host, None)
        if libvirt.kernels.get(case.host, -1.0) >= began:
            self._kernels[case.host] = opened
        if case.stage is Stage.CONFIRMED and was.stage is not Stage.CONFIRMED:
            for law, what in self._confirmed(who, case, opened):
                self._say(law, f'{case.host} was condemned, but {what}')
            # One that is taken back and lost again is judged anew, in the same case.
            self._kernels.pop(case.host, None)

    def _left_in_good_order(self, case: Case, was: Case) -> bool:
        """Its grace is over: it had told that it leaves, and was suspected for all that time."""
        entry = self._world.etcd.entries.get(records.INVENTORY + case.host)
        told = records.record(Inventory, entry) if entry else None
        if told is None or not told.leaving or told.boot_id != case.boot_id or (
                was.stage, case.stage) != (Stage.SUSPECTED, Stage.DYING):
            return False
        since = max(step.at for step in case.history if step.stage == Stage.SUSPECTED.value)
        rules = self._world.setup.times.rules
        return self._world.kernel.now - daemon.seconds(since) >= rules.leaving_seconds

    def _confirmed(self, who: str, case: Case, opened: int) -> Iterator[tuple[str, str]]:
        rules, (libvirt, _) = self._world.setup.times.rules, self._world.probes[who.split('/')[0]]
        said = is_said_off(self._world, case.host)
        if not said and case.host in libvirt.alone_with:
            yield 'unknown is no silence', f'{who} reached nobody else over management'
        dying = [step.at for step in case.history if step.stage == Stage.DYING.value]
        waited = self._world.kernel.now - daemon.seconds(dying[-1]) if dying else 0.0
        wait = rules.death_wait(True) + rules.lock_wait(True)
        if self._kernels.get(case.host) == opened and waited < wait - _WAIT_SLACK_SECONDS:
            yield 'a kernel that answers has the long waits', f'it had {waited:.1f} of {wait:g} s'
        answered, on = self._answered_for(who, case)
        if not said and 2 * answered < on:
            yield 'unknown is no silence', f'of {on} instances {answered} could be asked about'

    def _answered_for(self, who: str, case: Case) -> tuple[int, int]:
        """Of the instances that it had on, as last told: those that could be asked about, and all.

        What has no image speaks for nobody, but one of which no agent told may have some.
        """
        world = self._world
        told = world.told_by(case.host)
        if told is None or world.changed_at >= daemon.seconds(case.rounds[-1].at):
            return 0, 0
        disks = {instance.uuid: instance.images for instance in told.instances}
        on = {uuid for uuid in case.guests if disks.get(uuid, True)} if case.guests_at else {
            instance.uuid for instance in told.on if instance.images}
        _, ceph = world.probes[who.split('/')[0]]
        return sum(any(ceph.could_read(image) for image in disks.get(uuid, ()))
                   for uuid in on), len(on)
