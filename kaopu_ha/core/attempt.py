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

"""The next step of one evacuation, for the worker that has claimed it.

Nova is no arbiter, and a second call spoils the first (measured).  So the attempt is persisted
before the call; who takes one over looks first, and repeats the call, to the same target, only if
there is no trace of the first one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
import enum

from kaopu_ha.core import evacuation, model
from kaopu_ha.core.model import Contact, Evacuation, Phase


class Act(enum.Enum):
    """What the worker does now."""

    COMMIT = 'commit the attempt, then call'
    CALL = 'call again'
    RESET = 'reset the state'
    MOVING = 'it moves'
    WAIT = 'wait'
    DONE = 'done'
    LEFT = 'left'
    REFUSED = 'refused'
    FAILED = 'failed'


@dataclass(frozen=True)
class Seen:
    """What the worker saw.

    ``seconds``: since this worker first saw the attempt; late after a takeover, never early.
    ``libvirt`` and ``images``: the target's, asked only when they matter (None: not asked).
    ``others``: the storage addresses of every known host but the source, with the host's name.
    ``elsewhere``: those of them on which a live client has an image open, with what libvirt says
    there of the domain: True if it knows it, False if it does not, None if it did not say.
    """

    server: model.Server | None
    migrations: Sequence[model.Migration] = ()
    seconds: float = 0.0
    libvirt: model.LibvirtAnswer | None = None
    images: Sequence[model.ImageAnswer] | None = None
    target_addresses: tuple[str, ...] = ()
    target_uuid: str = ''
    target_started: str = ''
    others: Mapping[str, str] = field(default_factory=dict)
    elsewhere: Mapping[str, bool | None] = field(default_factory=dict)


@dataclass(frozen=True)
class Choice:
    """The act, its reason, and (for RESET) the state that Nova is to show."""

    act: Act
    reason: str = ''
    state: str = ''


def open_there(seen: Seen) -> bool:
    """True if a live client of the target has every image open."""
    return bool(seen.images) and all(
        any(client.acknowledged and client.ip in seen.target_addresses
            for client in answer.clients) for answer in seen.images or ())


def knows(answer: model.LibvirtAnswer, host_uuid: str, instance: str) -> bool | None:
    """Does this host's libvirt know the instance's domain?  None if the host itself did not say."""
    if answer.contact is not Contact.ANSWERED or answer.host_uuid.lower() != host_uuid.lower():
        return None
    return instance in answer.domains


def nobody_there(seen: Seen) -> bool:
    """True if it is certain that the target does not run it: no domain, and no client answers."""
    return _domain_there(seen) is False and _no_client_there(seen)


def runs_there(seen: Seen) -> bool:
    """True if it is certain that it runs on the target, whatever Nova shows: a tool reads, too."""
    return _domain_there(seen) is True and open_there(seen)


def off_there(seen: Seen) -> bool:
    """True if the target knows the domain, but no client of it answers: it came, and is off."""
    return _domain_there(seen) is True and _no_client_there(seen)


def restarted(item: Evacuation, seen: Seen) -> bool:
    """True if the nova-compute that was called has ended: nothing of the attempt is left there."""
    before = item.attempt.target_started if item.attempt else ''
    return bool(before and seen.target_started) and before != seen.target_started


def _domain_there(seen: Seen) -> bool | None:
    if seen.libvirt is None or seen.server is None:
        return None
    return knows(seen.libvirt, seen.target_uuid, seen.server.uuid)


def _no_client_there(seen: Seen) -> bool:
    asked = bool(seen.images) and not any(answer.error for answer in seen.images or ())
    return asked and not any(client.acknowledged and client.ip in seen.target_addresses
                             for answer in seen.images or () for client in answer.clients)


def live_clients_on(seen: Seen) -> tuple[str, ...]:
    """Other hosts of which a live client has one of the images open, sorted.

    A fenced client can't answer, so none of them is the source.
    """
    return tuple(sorted({seen.others[client.ip] for answer in seen.images or ()
                         for client in answer.clients
                         if client.acknowledged and client.ip in seen.others}))


def running_on(seen: Seen) -> str:
    """Another host on which the instance may run; empty if there is none.

    A live client there is a guest that a live migration brought far, or a tool that reads: the
    host's libvirt decides, and one that does not say is no answer (DESIGN section 2).
    """
    return next((host for host in live_clients_on(seen)
                 if seen.elsewhere.get(host) is not False), '')


def advance(item: Evacuation, seen: Seen, rules: model.Rules) -> Choice:
    """Decide what the worker does with an evacuation that it has claimed."""
    server = seen.server
    if server is None:
        return Choice(Act.LEFT, 'the instance was deleted')
    if server.host != item.source and server.host != item.target:
        return _elsewhere(item, seen, rules)
    if item.phase is Phase.QUEUED:
        return _first(item, seen)
    return _under_way(item, seen, rules)


def _elsewhere(item: Evacuation, seen: Seen, rules: model.Rules) -> Choice:
    """It was moved by somebody else, or by an attempt of ours that was given up.

    A target that was given up may end its attempt late, fenced.  Nova then believes that one, and
    ends ours in error, though what ours started goes on.
    """
    assert seen.server is not None
    server, long = seen.server, seen.seconds >= rules.attempt_limit
    shown = f'Nova shows it on {server.host}'
    if item.phase is not Phase.QUEUED:
        if runs_there(seen):
            return Choice(Act.WAIT, f'it runs on {item.target}, but {shown}: its record has to be '
                                    f'mended by hand')
        ours = any(migration.unfinished for migration in fresh_migrations(item, seen))
        if ours and server.host in item.tried:
            return Choice(Act.WAIT, f'{shown}, which was given up')
        if not nobody_there(seen) and not (long and off_there(seen)):
            return Choice(Act.WAIT, f'{shown}; is it on {item.target}?')
    settled = item.phase is not Phase.CALLING or seen.seconds >= rules.settle_seconds
    # A task that began on its old host and ended with it stays for ever; a rebuild may be ours.
    stays = long and not server.task_state.startswith('rebuild')
    if settled and (stays or not server.task_state):
        return Choice(Act.LEFT, f'it is on {server.host} by now: not our doing')
    return Choice(Act.WAIT, shown)


def _first(item: Evacuation, seen: Seen) -> Choice:
    assert seen.server is not None
    if seen.server.host == item.target:
        return Choice(Act.COMMIT, 'it is there already')
    # Nova finishes the older record: one to a target that was given up, or from a former host,
    # stays unfinished for ever.
    current = [migration for migration in seen.migrations
               if migration.source == item.source and migration.target not in item.tried]
    found, reason = evacuation.way(seen.server, current)
    if found in (evacuation.Way.EVACUATE, evacuation.Way.RESET):
        if seen.images is None or any(answer.error for answer in seen.images):
            return Choice(Act.WAIT, 'its images could not be asked for live clients')
        if running_on(seen):
            return Choice(Act.WAIT, f'a live client on {running_on(seen)} has its disk open')
    if found is evacuation.Way.EVACUATE:
        return Choice(Act.COMMIT)
    if found is evacuation.Way.RESET:
        return Choice(Act.RESET, reason, 'active')
    if found is evacuation.Way.WAIT:
        return Choice(Act.WAIT, reason)
    if found is evacuation.Way.LEAVE:
        return Choice(Act.LEFT, reason)
    return Choice(Act.FAILED, reason)


def _under_way(item: Evacuation, seen: Seen, rules: model.Rules) -> Choice:
    server, long = seen.server, seen.seconds >= rules.attempt_limit
    assert server is not None
    if server.host == item.target and not server.task_state and server.vm_state == 'active':
        if open_there(seen):
            return Choice(Act.DONE, f'active on {item.target}, its disk open there')
        if long and nobody_there(seen):
            return Choice(Act.FAILED, f'Nova shows it active on {item.target}, but nothing of it '
                                      f'runs there')
        return Choice(Act.WAIT, f'active on {item.target}; its disk is not yet open there')
    if server.host == item.target and not server.task_state and server.vm_state == 'stopped':
        if open_there(seen):
            # A source that boots between ACTIVE and the new host makes Nova show that.
            return Choice(Act.RESET, f'it runs on {item.target}, but Nova shows it stopped',
                          'active')
        return Choice(Act.FAILED, f'it is on {item.target}, but stopped there')
    shown_active = server.vm_state == 'active' and not server.task_state
    if long and runs_there(seen) and not shown_active:
        return Choice(Act.RESET, f'it runs on {item.target}, but Nova shows '
                      f'{server.vm_state}/{server.task_state}', 'active')
    if long and off_there(seen) and restarted(item, seen):
        return Choice(Act.REFUSED, f'{item.target} was restarted while it received it')
    if long and runs_there(seen) and server.host == item.source:
        # Its nova-compute ended between the two writes.  No call mends that, and if the source
        # came back while Nova shows it there, a second copy could be started: so it stays open.
        return Choice(Act.WAIT, f'it runs on {item.target}, but Nova shows it on {item.source}: '
                                f'its record has to be mended by hand')
    fresh = fresh_migrations(item, seen)
    unfinished = any(migration.unfinished for migration in fresh)
    if server.vm_state == 'error' and not server.task_state and not unfinished and fresh:
        if nobody_there(seen):
            return Choice(Act.REFUSED, server.fault or f'Nova failed to start it on {item.target}')
        if long and off_there(seen):
            # Defined there by something before us: Nova rebuilds nothing over a domain.
            return Choice(Act.REFUSED, f'{item.target} has its domain, off: '
                                       f'{server.fault or "Nova failed"}')
        return Choice(Act.WAIT, f'Nova failed; is it on {item.target}?')
    # A task may be left over from an attempt before this one, whose target died; its record is not.
    first = len(item.attempts) < 2
    traced = bool(fresh) or (first and server.task_state.startswith('rebuild'))
    if item.phase is Phase.CALLING:
        return _calling(item, seen, rules, traced)
    if long and nobody_there(seen):
        # A source that boots completes its records, also that of a call which got lost.
        lost = fresh and all(migration.status == 'completed' for migration in fresh)
        if unfinished or lost:
            return Choice(Act.CALL, f'nothing of it is on {item.target} after '
                          f'{rules.attempt_limit:g} s')
        return Choice(Act.REFUSED, server.fault or f'{item.target} never started it')
    if long and off_there(seen):
        # It may be starting, or the call was lost and the domain is older than it.
        return Choice(Act.WAIT, f'{item.target} knows its domain, but it does not run: if libvirt '
                                f'has it shut off, undefine it there by hand')
    return Choice(Act.WAIT, f'Nova: {server.vm_state}/{server.task_state or "no task"}')


def _calling(item: Evacuation, seen: Seen, rules: model.Rules, traced: bool) -> Choice:
    assert seen.server is not None
    if traced or seen.server.host == item.target:
        return Choice(Act.MOVING, 'Nova has the call')
    # A call whose outcome is unknown may still lie in a proxy: give it time to show itself.
    if seen.seconds < rules.settle_seconds:
        return Choice(Act.WAIT, 'was the call made? No trace of it yet')
    return Choice(Act.CALL, 'Nova has no trace of the call')


def fresh_migrations(item: Evacuation, seen: Seen) -> tuple[model.Migration, ...]:
    """The evacuation records that came since the attempt was committed: its trace in Nova."""
    before = item.attempt.seen_before if item.attempt else ()
    return tuple(migration for migration in seen.migrations
                 if migration.kind == 'evacuation' and migration.id not in before)


def must_ask(item: Evacuation, server: model.Server | None, seconds: float,
             rules: model.Rules) -> bool:
    """True if the target's libvirt and Ceph are worth asking before the next decision."""
    if server is None or item.phase not in (Phase.QUEUED, Phase.CALLING, Phase.MOVING):
        return False
    if item.phase is Phase.QUEUED:
        return server.host != item.target
    elsewhere = server.host not in (item.source, item.target)
    arrived = server.host == item.target and not server.task_state
    return (elsewhere or arrived or server.vm_state == 'error'
            or seconds >= rules.attempt_limit)
