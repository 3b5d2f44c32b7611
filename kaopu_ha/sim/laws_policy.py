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

"""4, of whose instances are moved, and in which order: what opted out is left, what did not is not,
and nobody waits for room, or for a worker, that a less important one of the same host got.

What an instance says is read here from the false Nova, and only where it says it plainly: where
several marks of it count and say different things, nothing is asked of the program.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
import dataclasses
from typing import TYPE_CHECKING

from kaopu_ha import ports, records
from kaopu_ha.core.model import Evacuation, Phase, Priority, Stage
from kaopu_ha.core.policy import Managed, Named, Policy
from kaopu_ha.sim import daemon
from kaopu_ha.sim.laws_late import came_too_late
from kaopu_ha.sim.nova import SimServer
from kaopu_ha.sim.world import World

if TYPE_CHECKING:
    from kaopu_ha.sim.checkers import Say

# From the list of servers to what is decided by it, and to the call of a start in place.
_LISTED_SECONDS, _STARTED_SECONDS = 25.0, 10.0
# From what a leader, or a worker, read to what it wrote.
_WRITTEN_SECONDS = 4.0
_NO, _YES = ('false', 'no', 'off', '0'), ('true', 'yes', 'on', '1')
_WRONG = 'not understood'
_ORDER = (Priority.HIGH, Priority.NORMAL, Priority.LOW)


class Policies:
    """Looks at what is planned, claimed, called for and started."""

    def __init__(self, world: World, say: Say) -> None:
        self._world, self._say = world, say
        # The moves that a worker had claimed once: it may rest since, and let others go first.
        self._claimed: set[str] = set()

    def asked(self, row: SimServer, target: str) -> None:
        """The API was asked to evacuate a server."""
        case = self._world.case(row.host)
        if case is None or came_too_late(self._world, f'evacuate {row.uuid}'):
            return
        confirmed = [daemon.seconds(step.at) for step in case.history
                     if step.stage == Stage.CONFIRMED.value]
        plainly = confirmed and row.marked_at < confirmed[-1]
        if plainly and is_left(self._world, row) and not self._by_word(row):
            self._say('what opted out is left', f'{row.name} is called for to {target}')

    def started(self, row: SimServer) -> None:
        """The API was asked to start a server where it is."""
        if came_too_late(self._world, f'start {row.uuid}'):
            return
        late = self._world.nova.sent_at - row.marked_at > _STARTED_SECONDS
        if late and is_left(self._world, row):
            self._say('what opted out is left', f'{row.name} is started on {row.host}')

    def committed(self, who: str, writes: Sequence[ports.Put | ports.Delete],
                  before: Mapping[str, ports.Entry]) -> None:
        """Something was committed."""
        for write in writes:
            if not isinstance(write, ports.Put):
                continue
            if who.startswith('worker') and write.key.startswith(records.CLAIM):
                self._claims(write)
            if who.startswith('controller') and write.key.startswith(records.EVACUATION):
                item = records.record(Evacuation, write)
                entry = before.get(write.key)
                if entry is None:
                    self._listed(item)
                was = records.record(Evacuation, entry).phase if entry else None
                if item.phase is Phase.QUEUED and was is not Phase.QUEUED:
                    self._placed(item, {each.key for each in writes})

    # ------------------------------------------------------------ private

    def _by_word(self, row: SimServer) -> bool:
        """True if a person asked for it by name, whatever its marks say."""
        return any(step.reason.startswith('tried again for') for item in self._every()
                   if item.instance == row.uuid for step in item.history)

    def _every(self) -> list[Evacuation]:
        return self._world.every(Evacuation, records.EVACUATION)

    def _listed(self, item: Evacuation) -> None:
        """Its class is what its marks say."""
        row = self._world.nova.rows.get(item.instance)
        if row is None or self._world.kernel.now - row.marked_at < _LISTED_SECONDS or item.given_up:
            return
        said = priority(row, self._world.setup.times.rules.policy)
        if said is not None and said is not item.priority:
            self._say('marks are read as they are', f'{row.name} is {item.priority.value}, and '
                                                    f'marked as {said.value}')

    def _lets(self, item: Evacuation, host: str) -> bool:
        """True if it may be there, and nobody has to guess."""
        nova, row = self._world.nova, self._world.nova.rows.get(item.instance)
        return not nova.lay.is_used or (
            row is not None and item.instance not in nova.lay.dedicated
            and nova.lay.tells_pins and not nova.lay.why_not(nova, row, host))

    def _placed(self, item: Evacuation, together: Collection[str]) -> None:
        """It got room: no more important one of its host waits that could have had it."""
        now = self._world.kernel.now
        for other in self._above(item, Phase.WAITING):
            new = f'{records.EVACUATION}{other.recovery}/{other.instance}' in together
            if (new or now - daemon.seconds(other.history[-1].at) > _WRITTEN_SECONDS) and (
                    _could_go(other, item)) and self._lets(other, item.target):
                self._say('the important get room first', f'{item.name} ({item.priority.value}) is '
                          f'to go to {item.target}, and {other.name} ({other.priority.value}) '
                          f'waits: {other.reason}')

    def _claims(self, write: ports.Put) -> None:
        """A worker took one: no more important one of its host waits for a worker."""
        claim = records.record(records.Claim, write)
        instance, world = write.key.removeprefix(records.CLAIM), self._world
        first = instance not in self._claimed
        self._claimed.add(instance)
        item = next((one for one in self._every() if (one.recovery, one.instance) == (
            claim.recovery, instance)), None)
        if item is None or not first or world.broker.doubles or world.etcd.lost_answers:
            return
        for other in self._above(item, Phase.QUEUED):
            waits = world.kernel.now - daemon.seconds(other.history[-1].at)
            free = records.CLAIM + other.instance not in world.etcd.entries
            if free and waits > _WRITTEN_SECONDS and other.instance not in self._claimed:
                self._say('the important are called for first',
                          f'{claim.worker} takes {item.name} ({item.priority.value}), and '
                          f'{other.name} ({other.priority.value}) is free for {waits:.1f} s')

    def _above(self, item: Evacuation, phase: Phase) -> Iterable[Evacuation]:
        return [other for other in self._every() if other.recovery == item.recovery
                and other.phase is phase
                and _ORDER.index(other.priority) < _ORDER.index(item.priority)]


def _could_go(other: Evacuation, item: Evacuation) -> bool:
    """True if it needs no more than this one, and there is no reason of its own why it waits."""
    clusters = {image.cluster for image in item.images}
    return (other.cores <= item.cores and other.memory_mb <= item.memory_mb and not other.rounds
            and not other.tried and not other.passed_over
            and {image.cluster for image in other.images} <= clusters)


# ---------------------------------------------------------------- what is so


def is_left(world: World, row: SimServer) -> bool:
    """True if the policy plainly says that it is not to be moved, nor started again."""
    policy = world.setup.times.rules.policy
    return _is_managed(row, policy) or _said(row, policy.protected_by) in (
        ('no',) if policy.protects_unmarked else ('no', ''))


def may_be_left(world: World, row: SimServer) -> bool:
    """True unless the policy plainly says that it is to be moved; marks may have changed lately."""
    policy, since = world.setup.times.rules.policy, world.kernel.now - row.marked_at
    return since < _LISTED_SECONDS or is_left(world, row) or (
        _said(row, policy.protected_by) == 'differently')


def priority(row: SimServer, policy: Policy) -> Priority | None:
    """Its class, None where its marks differ."""
    found = {one.value: one for one in Priority} | {'medium': Priority.NORMAL, '': Priority.NORMAL}
    said = _values(row, policy.priority_by)
    if not said:
        return Priority.NORMAL
    if len(said) > 1:
        return None
    text = said.pop()
    if text in _YES:
        return Priority.HIGH
    return found.get(text, Priority.NORMAL)


def _said(row: SimServer, named: Iterable[Named]) -> str:
    """no, yes, not understood, differently, or '' if nothing is said."""
    given = {'no' if value in _NO else 'yes' if value in _YES else _WRONG
             for value in _values(row, named, plain_tag='yes')}
    return 'differently' if len(given) > 1 else given.pop() if given else ''


def _values(row: SimServer, named: Iterable[Named], plain_tag: str = '') -> set[str]:
    wanted = {(one.source, one.key.lower()) for one in named}
    return {mark.value.lower() or (plain_tag if mark.source.value == 'tag' else '')
            for mark in row.marks if (mark.source, mark.key.lower()) in wanted}


def _is_managed(row: SimServer, policy: Policy) -> bool:
    """Of the rules that the false world knows: by the beginning of a name, or a metadata key."""
    keys = {mark.key for mark in row.marks if mark.source.value == 'metadata'}
    return any(
        (rule.name and row.name.startswith(rule.name.rstrip('*'))) or rule.metadata in keys
        for rule in policy.managed if dataclasses.replace(rule, name='', metadata='') == Managed(
            rule.owner))
