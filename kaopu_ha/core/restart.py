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

"""What is started again in place: a host came back by itself, and its instances are off.

The host says which (``Inventory.interrupted``), Nova says whose they are and who stopped them; a
guest that crashed on a host that lives goes the same way (``core.crashes``)::

    WAITING -> STARTING -> RUNS             WAITING -> LEFT        it is not ours to start
       ^          |   ^
       +----------+   +-- FAILED <- WAITING any but RUNS, LEFT -> WAVED_OFF   by a person
       +-- FAILED, WAVED_OFF                by a person who asks to try again

FAILED is told, and tried again after pauses that grow: nobody is forgotten for a bad minute.

It is a recovery of its own kind, smaller than that of a dead host: nothing is fenced, because
nothing goes anywhere.  The one danger is the same: an instance must not be started here that may
run elsewhere.  So it is started only while Nova has it on this host, no move of it is under way,
and no client at another address has its disks open.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
import dataclasses

from kaopu_ha.core import model, policy, roads, users
from kaopu_ha.core.news import Fact, News
from kaopu_ha.core.restarting import ROADS as ROADS
from kaopu_ha.core.restarting import Act as Act
from kaopu_ha.core.restarting import Decision as Decision
from kaopu_ha.core.restarting import Restart as Restart
from kaopu_ha.core.restarting import Seen as Seen
from kaopu_ha.core.restarting import Start as Start
from kaopu_ha.core.restarting import StartPhase as StartPhase
from kaopu_ha.core.texts import bounded

_INTERRUPTED = 'was on before its host was booted'
_LONG_OFF = 'was off before its host was booted'
GAVE_UP = 'Nova gave up its live migration to here'
_CARRIED = 'was to be started before its host was booted once more'
# Why a guest that crashed is left to a person.
ONLY_TOLD = 'its guest crashed, and [instances] crashed is tell'
TOO_OFTEN = 'its guest crashed too often within an hour'
ASKED = 'its host is asked to resume it'
OF_A_PERSON = frozenset({ONLY_TOLD, TOO_OFTEN})

_Applies = Callable[[Start, Seen, model.Rules], bool]
_Then = Callable[[Start, Seen, model.Rules], Decision]
_Row = tuple[str, _Applies, _Then]


def opened(inventory: model.Inventory, before: Restart | None, at: str, by: str) -> Restart | None:
    """The record for what the host says was interrupted; None if it is there already.

    What a person waved off stays so until it was on once more.  What its user had stopped Nova is
    asked anew, and what was still to be started, even if its host knows it no more.
    """
    names = {instance.uuid: instance.name for instance in inventory.instances}
    new = [Start(uuid, names[uuid], StartPhase.WAITING, _INTERRUPTED, at=at)
           for uuid in inventory.interrupted if uuid in names]
    return _added(before, inventory.host, inventory.boot_id, new, (), at, by)


def with_crashed(inventory: model.Inventory, before: Restart | None, new: Sequence[Start],
                 step: model.Step) -> Restart:
    """The record with these, whose guests crashed, in the place of what it had of them.

    Of others that crashed nothing is kept once it is over and their host does not know them: in
    one boot guests come and go for years.
    """
    uuids = {start.instance for start in new}
    known = {one.uuid for one in inventory.instances}
    if before is not None:
        before = dataclasses.replace(before, starts=tuple(
            start for start in before.starts if start.instance not in uuids and not (
                start.crashed and start.phase.settled and start.instance not in known)))
    record = _added(before, inventory.host, inventory.boot_id, new, (), step.at, step.by, step)
    assert record is not None
    return record


def _added(before: Restart | None, host: str, boot_id: str, new: Sequence[Start],
           off: Sequence[Start], at: str, by: str, step: model.Step | None = None
           ) -> Restart | None:
    """The record with what is new, if anything of it is not there yet."""
    same = before is not None and before.boot_id == boot_id
    carried = [Start(start.instance, start.name, StartPhase.WAITING, _CARRIED, at=at)
               for start in (before.unsettled if before and not same else ())
               if start.instance not in {one.instance for one in (*new, *off)}]
    kept = {start.instance: start for start in (before.starts if before else ())
            if same or start.phase is StartPhase.WAVED_OFF or start.reason in (_LONG_OFF, GAVE_UP)}
    new = [start for start in (*new, *off, *carried) if start.instance not in kept]
    if not new:
        return None
    count = sum(start.phase is StartPhase.WAITING for start in new)
    step = step or model.Step(at, by, 'restart', f'its host was booted; {count} were on before')
    history = roads.latest(before.history if before and same else (), step)
    return Restart(host, boot_id, (*kept.values(), *new), history)


def told(restart: Restart, before: Restart | None) -> tuple[News, ...]:
    """What is told of a record that is new, or has more than before."""
    known = {start.instance for start in (before.starts if before else ())
             if (start.phase is StartPhase.LEFT and start.reason not in OF_A_PERSON) or (
                 not start.phase.settled and before and before.boot_id == restart.boot_id)}
    names = ', '.join(start.name for start in restart.unsettled
                      if start.instance not in known and start.reason != _CARRIED)
    return (News(Fact.RESTART, restart.host, f'it was booted; these were on before and are '
                                             f'started again: {names}'),) if names else ()


def told_by_libvirt(case: model.Case, inventory: model.Inventory, boot_id: str,
                    before: Restart | None, at: str, by: str) -> Restart | None:
    """The record for a host that was booted while its agent did not run; None if nobody knew more.

    What its libvirt told meanwhile is started again like the rest; what was long off stays off.
    """
    if not case.guests_at or not boot_id or boot_id == case.boot_id:
        return None
    known = {instance.uuid: instance.name for instance in inventory.instances}
    on = {instance.uuid for instance in inventory.on}
    ran = {*case.guests, *case.went_off}
    new = [Start(uuid, known.get(uuid, uuid), StartPhase.WAITING, _INTERRUPTED, at=at)
           for uuid in sorted(ran - on)]
    off = [Start(one.uuid, one.name, StartPhase.LEFT, _LONG_OFF, at=at)
           for one in inventory.instances if one.power is not model.Power.OFF
           and one.uuid not in ran]
    return _added(before, inventory.host, boot_id, new, off, at, by) if new or off else None


def once_more_on(restart: Restart, on: Collection[str]) -> Restart:
    """The record without what was left or waved off, and is on: the next boot counts for it."""
    return dataclasses.replace(restart, starts=tuple(
        start for start in restart.starts
        if start.phase not in (StartPhase.LEFT, StartPhase.WAVED_OFF) or start.instance not in on))


def counts_as_off(restart: Restart | None) -> frozenset[str]:
    """What was interrupted, and need not run again: by its user's wish, or a person's.

    Not what crashed and nobody was to start: that may have been its host, which ended since.
    """
    return frozenset(start.instance for start in (restart.starts if restart else ())
                     if start.phase is StartPhase.WAVED_OFF or (
                         start.phase is StartPhase.LEFT and start.reason not in OF_A_PERSON))


def stays_off(restart: Restart | None) -> frozenset[str]:
    """What is left, or waved off: nobody starts it, until it was on once more."""
    return frozenset(start.instance for start in (restart.starts if restart else ())
                     if start.phase in (StartPhase.LEFT, StartPhase.WAVED_OFF))


def advance(start: Start, seen: Seen, rules: model.Rules) -> Decision:
    """The next step of one instance.  Asked twice, it gives the same."""
    for _name, applies, then in _ROWS:
        if applies(start, seen, rules):
            return then(start, seen, rules)
    raise AssertionError('the last row applies always')


def changed(restart: Restart, starts: Iterable[Start]) -> Restart:
    """The record with these in the place of what it had of them."""
    new = {start.instance: start for start in starts}
    return dataclasses.replace(restart, starts=tuple(
        new.get(start.instance, start) for start in restart.starts))


def named(restart: Restart, servers: Iterable[model.Server]) -> Restart:
    """The record with the names by which people know the instances, as far as Nova tells them.

    A host calls them as libvirt does, ``instance-0000002f``.
    """
    names = {server.uuid: bounded(server.name) for server in servers}
    return changed(restart, [dataclasses.replace(start, name=names[start.instance])
                             for start in restart.starts if names.get(start.instance)])


def refused(start: Start, reason: str, at: str) -> Start:
    """The start after a call that surely did nothing: it waits for the next one."""
    return _go(start, StartPhase.WAITING, f'call {start.calls} failed: {reason}', at)


def waved_off(start: Start, why: str, at: str) -> Start:
    """The start that a person ended."""
    return _go(start, StartPhase.WAVED_OFF, why, at)


def left(start: Start, why: str, at: str) -> Start:
    """The start that is not ours to make."""
    return _go(start, StartPhase.LEFT, why, at)


def asked_again(start: Start, why: str, at: str) -> Start:
    """The start that a person asks for again: its calls are counted anew, without a pause."""
    anew = dataclasses.replace(start, calls=0, reason=why, at=at)
    return anew if start.phase is StartPhase.WAITING else _go(anew, StartPhase.WAITING, why, at)


# ---------------------------------------------------------------- the rows, first match counts


def _runs(start: Start, seen: Seen, rules: model.Rules) -> Decision:
    text = 'it runs again where it was' if start.calls else 'it runs: somebody else started it'
    return Decision(_go(start, StartPhase.RUNS, text, seen.at), Act.NOTE,
                    (News(Fact.RESTARTED, '', f'{start.name}: {text}'),))


def _left(reason: str) -> _Then:
    def then(start: Start, seen: Seen, rules: model.Rules) -> Decision:
        return Decision(left(start, reason, seen.at), Act.NOTE)
    return then


def _leaves(start: Start, seen: Seen, rules: model.Rules) -> Decision:
    reason = _not_ours(seen, rules)
    return Decision(left(start, reason, seen.at), Act.NOTE,
                    (News(Fact.LEFT_BY_POLICY, '', f'{start.name}: {reason}'),))


def _waits(reason: str) -> _Then:
    def then(start: Start, seen: Seen, rules: model.Rules) -> Decision:
        return _waiting(start, reason)
    return then


def _waiting(start: Start, reason: str) -> Decision:
    # An instance that failed keeps the reason of that.
    kept = start if start.phase is StartPhase.FAILED else dataclasses.replace(start, reason=reason)
    return Decision(kept, Act.WAIT)


def _barred(start: Start, seen: Seen, rules: model.Rules) -> Decision:
    return _waiting(start, seen.barred or seen.moving)


def _elsewhere(start: Start, seen: Seen, rules: model.Rules) -> Decision:
    assert seen.server is not None
    return _left(f'Nova has it on {seen.server.host or "no host"}')(start, seen, rules)


def _busy(start: Start, seen: Seen, rules: model.Rules) -> Decision:
    assert seen.server is not None
    return _waiting(start, f'Nova has it in task {seen.server.task_state}')


def _other_state(start: Start, seen: Seen, rules: model.Rules) -> Decision:
    assert seen.server is not None
    return _left(f'Nova shows it as {seen.server.vm_state}')(start, seen, rules)


def _fails(start: Start, seen: Seen, rules: model.Rules) -> Decision:
    text = (f'{start.calls} calls did not start it; last: {start.reason}; tried again after '
            f'{rules.restart_pause(start.calls) / 60:.0f} min')
    return Decision(_go(start, StartPhase.FAILED, text, seen.at), Act.NOTE,
                    (News(Fact.NOT_RESTARTED, '', f'{start.name}: {text}'),))


def _is_another_matter(start: Start, seen: Seen, rules: model.Rules) -> bool:
    return (seen.stuck and bool(seen.run) and start.run != seen.run) or (
        seen.hung and not start.hung)


def _again(start: Start, seen: Seen, rules: model.Rules) -> Decision:
    """It ran, if nobody saw it: what comes now is another matter, and counts as one more.

    Whether anything is done about that, ``on_stuck`` and ``on_hung`` say, whatever it was started
    for.
    """
    text = f'it ran, and {"hung" if seen.hung else "got stuck"}'
    return Decision(_go(start, StartPhase.RUNS, text, seen.at), Act.NOTE)


def _lost(start: Start, seen: Seen, rules: model.Rules) -> Decision:
    what = 'resume' if start.resumed else 'start'
    text = f'call {start.calls} did not {what} it within {_limit(start, rules):g} s'
    if start.resumed and seen.answer:
        text += f': {seen.answer}'
    return Decision(_go(start, StartPhase.WAITING, text, seen.at), Act.NOTE)


def _limit(start: Start, rules: model.Rules) -> float:
    """Seconds that the last call has."""
    return rules.inventory_seconds if start.resumed else rules.attempt_limit


def _may_be_resumed(start: Start, seen: Seen, rules: model.Rules) -> bool:
    return seen.stuck and bool(seen.run) and (
        rules.on_stuck is model.OnStuck.RESUME or start.calls < rules.resumes_max)


def _resumes(start: Start, seen: Seen, rules: model.Rules) -> Decision:
    begun = dataclasses.replace(start, calls=start.calls + 1, resumed=True, run=seen.run)
    return Decision(_go(begun, StartPhase.STARTING, ASKED, seen.at), Act.RESUME)


def _starts(start: Start, seen: Seen, rules: model.Rules) -> Decision:
    assert seen.server is not None
    act = Act.START if seen.server.vm_state == 'stopped' else Act.START_ANEW
    begun = dataclasses.replace(start, calls=start.calls + 1, resumed=False,
                                run=seen.run if seen.stuck else '')
    return Decision(_go(begun, StartPhase.STARTING, f'Nova shows it {seen.server.vm_state}',
                        seen.at),
                    act)


def _not_noticed(start: Start, seen: Seen, rules: model.Rules) -> bool:
    """Nova shows what was before the boot: its nova-compute may be about to start it itself."""
    assert seen.server is not None
    return not seen.hung and seen.server.vm_state in ('active', 'paused', 'rescued') and (
        seen.seconds < rules.restart_settle_seconds)


_ROWS: tuple[_Row, ...] = (
    ('it is on', lambda start, seen, rules: seen.power is not None
     and seen.power is not model.Power.OFF and not (seen.stuck or seen.hung), _runs),
    ('a move of it is open', lambda start, seen, rules: bool(seen.moving), _barred),
    ('it belongs elsewhere', lambda start, seen, rules: seen.server is not None
     and seen.server.host != seen.host, _elsewhere),
    ('its libvirt is mute', lambda start, seen, rules: seen.power is None,
     lambda start, seen, rules: _waiting(
         start, seen.barred or 'the libvirt of its host does not answer')),
    ('the server is gone', lambda start, seen, rules: seen.server is None,
     _left('Nova has no such server')),
    ('something forbids it', lambda start, seen, rules: bool(seen.barred), _barred),
    ('its user stopped it', lambda start, seen, rules: _stopped_by_user(seen),
     _left('its user stopped it')),
    ('it may run elsewhere', lambda start, seen, rules: bool(seen.elsewhere),
     lambda start, seen, rules: _waiting(start, seen.elsewhere)),
    ('it got stuck again', _is_another_matter, _again),
    ('a call is under way', lambda start, seen, rules: start.phase is StartPhase.STARTING
     and seen.seconds < _limit(start, rules),
     lambda start, seen, rules: _waiting(start, ASKED if start.resumed else 'it is being started')),
    ('a call led to nothing', lambda start, seen, rules: start.phase is StartPhase.STARTING, _lost),
    ('it is not ours to start', lambda start, seen, rules: bool(_not_ours(seen, rules)), _leaves),
    ('Nova is at it', lambda start, seen, rules: _task(seen) != ''
     and seen.seconds < rules.attempt_limit, _busy),
    ('a state that is not off', lambda start, seen, rules: _state(seen) not in (
        'active', 'stopped', 'paused', 'rescued', 'error'), _other_state),
    ('people start it', lambda start, seen, rules: not rules.restarts and not start.crashed,
     _waits('a person has to start it: [restart] policy is tell')),
    ('its nova-compute is away', lambda start, seen, rules: not _may_be_resumed(
        start, seen, rules) and (seen.service is None or not seen.service.up),
     _waits('its nova-compute is not up')),
    ('its storage is away', lambda start, seen, rules: seen.stuck and seen.storage_lost,
     _waits('its host does not reach its storage')),
    ('it was tried enough', lambda start, seen, rules: start.phase is not StartPhase.FAILED
     and start.calls > len(rules.restart_pauses), _fails),
    ('its pause', lambda start, seen, rules: seen.seconds < rules.restart_pause(start.calls),
     lambda start, seen, rules: _waiting(start, start.reason)),
    ('its nova-compute looks', lambda start, seen, rules: not start.calls
     and _not_noticed(start, seen, rules), lambda start, seen, rules: _waiting(
         start, 'its host looks at its storage' if seen.stuck else
         'its nova-compute may start it by itself')),
    ('it may be resumed', _may_be_resumed, _resumes),
    ('nobody reboots it', lambda start, seen, rules: seen.stuck
     and rules.on_stuck is model.OnStuck.RESUME, _waits(
         'its host\'s agent can\'t resume it: it is of an earlier release')),
    ('it is off and may run', lambda start, seen, rules: True, _starts),
)


def _stopped_by_user(seen: Seen) -> bool:
    """Its user's last word was that it be off.  A move that ended in error put nothing on."""
    if _state(seen) == 'error':
        return users.stopped_by_user([one for one in seen.actions if one.kind != 'evacuate'])
    return (_task(seen), _state(seen)) == ('', 'stopped') and users.stopped_by_user(seen.actions)


def _not_ours(seen: Seen, rules: model.Rules) -> str:
    return policy.answer(seen.server, rules.policy).left if seen.server else ''


def _task(seen: Seen) -> str:
    return seen.server.task_state if seen.server else ''


def _state(seen: Seen) -> str:
    return seen.server.vm_state if seen.server else ''


def _go(start: Start, phase: StartPhase, reason: str, at: str) -> Start:
    assert phase in ROADS[start.phase], f'{start.phase} does not lead to {phase}'
    return dataclasses.replace(start, phase=phase, reason=reason, at=at)
