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

"""The facts that the rows of ``core.attempt`` are made of, each with what it means."""

from __future__ import annotations

from dataclasses import dataclass
import functools

from kaopu_ha.core import certain, evacuation, model, users
from kaopu_ha.core.addresses import ip_of
from kaopu_ha.core.certain import Seen
from kaopu_ha.core.evacuation import Way
from kaopu_ha.core.model import Evacuation, Phase

# States of Nova that only what runs comes to, at its user's wish.
_BY_ITS_USER = frozenset({'paused', 'suspended', 'rescued', 'resized', 'shelved',
                          'shelved_offloaded', 'soft-delete'})


@dataclass(frozen=True)
class Facts:
    """What the conditions of the rows are made of."""

    item: Evacuation
    seen: Seen
    rules: model.Rules

    @functools.cached_property
    def server(self) -> model.Server:
        """The server as Nova shows it.  A deleted one comes to no table."""
        assert self.seen.server is not None
        return self.seen.server

    @property
    def on_source(self) -> bool:
        """Nova shows it where it was."""
        return self.server.host == self.item.source

    @property
    def on_target(self) -> bool:
        """Nova shows it where it is to go."""
        return self.server.host == self.item.target

    @property
    def queued(self) -> bool:
        """No attempt with this target was committed yet."""
        return self.item.phase is Phase.QUEUED

    @property
    def calling(self) -> bool:
        """The attempt is committed; whether its call was made, nobody has seen."""
        return self.item.phase is Phase.CALLING

    @property
    def long(self) -> bool:
        """The attempt has had its time."""
        return self.seen.seconds >= self.rules.attempt_limit

    @property
    def settled(self) -> bool:
        """A call that was made would have left its trace by now."""
        return self.seen.seconds >= self.rules.settle_seconds

    def shows(self, vm_state: str) -> bool:
        """Nova shows it in this state, with no task."""
        return self.server.vm_state == vm_state and not self.server.task_state

    @functools.cached_property
    def open_there(self) -> bool:
        """Every disk is open on the target."""
        return certain.open_there(self.seen)

    @functools.cached_property
    def runs_there(self) -> bool:
        """It certainly runs on the target."""
        return certain.runs_there(self.seen)

    @functools.cached_property
    def off_there(self) -> bool:
        """It came to the target, and is off."""
        return certain.off_there(self.seen)

    @functools.cached_property
    def nobody_there(self) -> bool:
        """It certainly is not on the target, and nobody there has a disk of it open."""
        return certain.nobody_there(self.seen)

    @functools.cached_property
    def absent_there(self) -> bool:
        """Its target does not know it."""
        return certain.absent_there(self.seen)

    @property
    def changed_there(self) -> bool:
        """It is on its target in a state that no evacuation ends in: it came, and was changed."""
        return (self.on_target and not self.server.task_state
                and self.server.vm_state in _BY_ITS_USER)

    @property
    def in_its_users_hands(self) -> bool:
        """It is on its target, in a task that no evacuation has: it came, and its user is at it."""
        return self.on_target and bool(self.server.task_state) and (
            not self.server.task_state.startswith('rebuild'))

    @functools.cached_property
    def running_on(self) -> str:
        """Another host on which it may run."""
        return certain.running_on(self.seen)

    @functools.cached_property
    def may_run_on(self) -> str:
        """Another host on which it may run unseen."""
        return certain.may_run_on(self.item, self.seen)

    @property
    def known_elsewhere(self) -> bool:
        """A live client on another host has its disk open, and libvirt has its domain on there."""
        return bool(self.running_on) and self.seen.elsewhere.get(self.running_on) is True

    @functools.cached_property
    def stranger(self) -> str:
        """The address of a live client that is no known host's and no tool's."""
        return certain.stranger(self.seen)

    @functools.cached_property
    def silent(self) -> str:
        """A client of nobody's that does not answer, and is not fenced."""
        found = certain.silent_of_nobody(self.item, self.seen)
        return min((one.address for one in found), default='')

    @property
    def silent_at(self) -> str:
        """What address it is at, in words."""
        owners = self.seen.known.whose(ip_of(self.silent))
        return f'an address of {" and ".join(sorted(owners)) or "nobody"}'

    @functools.cached_property
    def restarted(self) -> bool:
        """The nova-compute that was called has ended."""
        return certain.restarted(self.item, self.seen)

    @property
    def left_there(self) -> bool:
        """Its domain on the target is off and older than the nova-compute that runs there now.

        So that one did not define it, and rebuilds nothing over a domain: nobody starts it.
        """
        return self.seen.target_left

    @functools.cached_property
    def fresh(self) -> tuple[model.Migration, ...]:
        """The trace of the attempt in Nova."""
        return certain.fresh_migrations(self.item, self.seen)

    @property
    def unfinished(self) -> bool:
        """Nova may still act on the attempt."""
        return any(migration.unfinished for migration in self.fresh)

    @property
    def over(self) -> bool:
        """Nova does nothing more of the attempt, though it may not have ended its record.

        A nova-compute that hung with the call brings the instance up when it goes on, and one that
        was started anew when it finds the call in its queue.  Until it has written that down, a
        state that is set spoils it: Nova would show it on its source for ever.  (A record may be
        completed before: by a source that boots.)
        """
        settle_seconds = self.rules.settle_seconds
        return not (self.unfinished or self.lost) or (
            self.seen.runs_seconds >= settle_seconds and self.seen.up_seconds >= settle_seconds)

    @property
    def ended(self) -> bool:
        """Nova has a trace of the attempt, and nothing of it is unfinished.

        A source that boots completes the records of calls that may still begin, and what its user
        asks of it there fails: that error is not the attempt's.
        """
        return bool(self.fresh) and not self.unfinished and not self.lost

    @property
    def by_scheduler(self) -> bool:
        """It was Nova's scheduler that said no, and no host: it ends a record in error."""
        return bool(self.server.fault) and all(
            migration.status == 'error' for migration in self.fresh)

    @property
    def one_refused(self) -> bool:
        """Nova's scheduler refused one of several calls; which one, and does another begin?

        It ends the oldest record that is accepted, whichever call it refused (decision 0112).  Each
        call sets a task, so what is shown in error without one was refused after the last call.
        """
        ended = [migration.status for migration in self.fresh if not migration.unfinished]
        left = [migration.status for migration in self.fresh if migration.unfinished]
        return (self.shows('error') and bool(self.server.fault)
                and set(ended) == {'error'} and set(left) == {'accepted'})

    @property
    def not_taken(self) -> bool:
        """Its target ended the call before it began, and left the instance as it was."""
        return (self.on_source and not self.server.task_state and bool(self.fresh)
                and self.server.vm_state != 'error'
                and all(migration.status == 'failed' for migration in self.fresh))

    @property
    def lost(self) -> bool:
        """Every record of it was completed: by a source that boots, if it is not on the target."""
        return bool(self.fresh) and all(
            migration.status == 'completed' for migration in self.fresh)

    @property
    def traced(self) -> bool:
        """Nova shows that it has the call.

        A task may be left over from an attempt before this one, whose target died; its record is
        not.
        """
        first = len(self.item.attempts) < 2
        return bool(self.fresh) or (first and self.server.task_state.startswith('rebuild'))

    @property
    def task_stays(self) -> bool:
        """A task that began on its old host, and ended with it: it stays for ever.

        But a rebuild may be ours.
        """
        return self.long and not self.server.task_state.startswith('rebuild')

    @functools.cached_property
    def way(self) -> tuple[Way, str]:
        """What may be done with it in its present state, and why.

        Nova finishes the older record: one to a target that was given up, or from a former host,
        stays unfinished for ever.
        """
        return evacuation.way(self.server, [
            migration for migration in self.seen.migrations
            if migration.source == self.item.source and migration.target not in self.item.tried])

    @property
    def may_move(self) -> bool:
        """Its state lets it be called, at once or after a reset."""
        return self.way[0] in (Way.EVACUATE, Way.RESET)

    @property
    def unasked(self) -> bool:
        """Some of its images could not be asked for live clients."""
        return certain.unasked(self.seen.images)

    @property
    def stopped_by_user(self) -> bool:
        """Nova shows it stopped, and that was the last word of a user: its source carried that out
        when it was back, or was alive still."""
        return self.shows('stopped') and users.stopped_by_user(self.seen.actions)

    @property
    def being_stopped(self) -> bool:
        """Its user stops it: a host that is away can't have asked for that, one that returned can.

        (Its nova-compute finds the instance off then, and has Nova stop it.)
        """
        return self.server.task_state == 'powering-off' and not self.seen.source_returned

    @property
    def ended_unseen(self) -> bool:
        """The call can't begin any more, though Nova has not ended its record.

        Its target was seen up for longer than a live nova-compute leaves a message lying, and that
        message was never begun; or what began it has ended.  Before a service is shown down, it may
        be frozen with the message before it.  Of a person's call to another host it says nothing.
        """
        if any(migration.unfinished and migration.target != self.item.target
               for migration in self.fresh):
            return False
        begun = any(migration.unfinished and migration.status != 'accepted'
                    for migration in self.fresh)
        return (self.seen.seconds >= self.rules.service_down_seconds + self.rules.settle_seconds
                and self.seen.up_seconds >= self.rules.settle_seconds
                and (self.restarted or not begun))

    def said(self, reason: str) -> str:
        """The reason, with what it names."""
        server, item = self.server, self.item
        return reason.format(
            source=item.source, target=item.target, shown=server.host, why=self.way[1],
            state=f'{server.vm_state}/{server.task_state}',
            task=f'{server.vm_state}/{server.task_state or "no task"}',
            fault=server.fault, vm_state=server.vm_state, elsewhere=self.running_on,
            stranger=self.stranger, silent=self.silent, silent_at=self.silent_at,
            unseen=self.may_run_on,
            limit=f'{self.rules.attempt_limit:g} s')
