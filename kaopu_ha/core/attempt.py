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

Each table below is for one situation.  Its rows are tried in their order, and the first one whose
condition is true decides; its name is kept in the record, so that ``explain`` can say which it was.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
import enum
import itertools

from kaopu_ha.core import certain, model, refusals
from kaopu_ha.core.certain import Seen as Seen
from kaopu_ha.core.evacuation import Way
from kaopu_ha.core.facts import Facts as Facts
from kaopu_ha.core.model import Evacuation, Phase


class Act(enum.Enum):
    """What the worker does now."""

    COMMIT = 'commit the attempt, then call'
    HAVE_FENCED = 'have clients fenced before the call'
    CALL = 'call again'
    RESET = 'reset the state'
    MOVING = 'it moves'
    WAIT = 'wait'
    DONE = 'done'
    LEFT = 'left'
    REFUSED = 'refused'
    FAILED = 'failed'


@dataclass(frozen=True)
class Decision:
    """The act, its reason, the row that says so, and (for RESET) the state that Nova is to show."""

    act: Act
    reason: str = ''
    state: str = ''
    row: str = ''


@dataclass(frozen=True)
class Row:
    """One row of a table: if it is so, this is done, for this reason (with names in braces).

    ``needs_operator``: nothing that the program may do mends it.
    """

    name: str
    condition: Callable[[Facts], bool]
    act: Act
    reason: str = ''
    state: str = ''
    needs_operator: bool = False


def advance(item: Evacuation, seen: Seen, rules: model.Rules) -> Decision:
    """Decide what the worker does with an evacuation that it has claimed."""
    if seen.server is None:
        return Decision(Act.LEFT, 'the instance was deleted', row='deleted')
    facts = Facts(item, seen, rules)
    row = next(row for row in _table(facts) if row.condition(facts))
    return Decision(row.act, facts.said(row.reason), row.state, row.name)


def _table(facts: Facts) -> tuple[Row, ...]:
    if not (facts.on_source or facts.on_target):
        return ELSEWHERE
    return FIRST if facts.queued else UNDER_WAY


def to_be_fenced(item: Evacuation, seen: Seen, rules: model.Rules) -> tuple[str, ...]:
    """The clients that are to be fenced before the first call, with those that were before; not
    more at a time than a cluster lists of well-kept images.
    """
    found = (client.address for client in certain.silent_of_nobody(item, seen))
    return tuple(sorted({*item.clients, *found}))[:rules.clients_fenced_max]


def _otherwise(facts: Facts) -> bool:
    return True


# ---------------------------------------------------------------- the tables

# It was moved by somebody else, or by an attempt of ours that was given up.  A target that was
# given up may end its attempt late, fenced.  Nova then believes that one, and ends ours in error,
# though what ours started goes on.
ELSEWHERE = (
    Row('runs on its target, shown elsewhere', lambda it: not it.queued and it.runs_there, Act.WAIT,
        'it runs on {target}, but Nova shows it on {shown}: its record has to be mended by hand',
        needs_operator=True),
    Row('shown on a target that was given up',
        lambda it: not it.queued and it.unfinished and it.server.host in it.item.tried, Act.WAIT,
        'Nova shows it on {shown}, which was given up'),
    Row('shown elsewhere, its target not certain',
        lambda it: not it.queued and not it.nobody_there and not (it.long and it.off_there),
        Act.WAIT, 'Nova shows it on {shown}; is it on {target}?'),
    Row('moved by somebody else',
        lambda it: (it.settled or not it.calling) and (it.task_stays or not it.server.task_state),
        Act.LEFT, 'it is on {shown} by now: not our doing'),
    Row('being moved by somebody else', _otherwise, Act.WAIT, 'Nova shows it on {shown}'))

# No attempt with this target was committed yet.
FIRST = (
    Row('there already', lambda it: it.on_target, Act.COMMIT, 'it is there already'),
    Row('stopped by its user',
        lambda it: it.being_stopped and it.seen.seconds >= it.rules.user_stop_seconds,
        Act.LEFT, 'its user stopped it while it waited'),
    Row('being stopped by its user', lambda it: it.being_stopped, Act.WAIT, 'its user stops it'),
    Row('images not asked', lambda it: it.may_move and it.unasked, Act.WAIT,
        'its images could not be asked for live clients'),
    # It may be a guest on a host that nobody knows, or at an address that its host did not tell.
    Row('live at an address of nobody', lambda it: it.may_move and bool(it.stranger), Act.WAIT,
        'a live client at {stranger} has its disk open, an address of nobody: if it is a tool\'s: '
        'kaopu-ha tool add'),
    # A live migration was over when its source died, and Nova had not written that down yet.
    Row('runs elsewhere', lambda it: it.may_move and it.known_elsewhere, Act.WAIT,
        '{elsewhere} has its domain on, and a live client there has its disk open, but Nova shows '
        'it on {source}: if it runs there, its record has to be mended by hand',
        needs_operator=True),
    Row('live elsewhere', lambda it: it.may_move and bool(it.running_on), Act.WAIT,
        'a live client on {elsewhere} has its disk open'),
    # Its own fence, or its word, keeps it from writing again; nothing else does.
    Row('silent elsewhere', lambda it: it.may_move and bool(it.may_run_on), Act.WAIT,
        'it may run on {unseen}, where no client of it answers: until {unseen} says that it does '
        'not, or is fenced; a domain that is left there is undefined by hand', needs_operator=True),
    # It may wake and write again: nothing but the fence keeps it from that.
    Row('silent at an address of nobody', lambda it: it.may_move and bool(it.silent),
        Act.HAVE_FENCED, 'a client at {silent_at} has its disk open and does not answer: '
        '{silent} is fenced first'),
    Row('first call', lambda it: it.way[0] is Way.EVACUATE, Act.COMMIT),
    Row('stopped by its user, as Nova tells',
        lambda it: it.way[0] is Way.RESET and it.stopped_by_user, Act.LEFT, 'its user stopped it'),
    Row('reset before the call', lambda it: it.way[0] is Way.RESET, Act.RESET, '{why}', 'active'),
    Row('not to be called yet', lambda it: it.way[0] is Way.WAIT, Act.WAIT, '{why}'),
    Row('to be left', lambda it: it.way[0] is Way.LEAVE, Act.LEFT, '{why}'),
    Row('not recoverable', _otherwise, Act.FAILED, '{why}'))

# The attempt is committed.
UNDER_WAY = (
    Row('arrived', lambda it: it.on_target and it.shows('active') and it.open_there, Act.DONE,
        'active on {target}, its disk open there'),
    Row('nothing of it arrived',
        lambda it: it.on_target and it.shows('active') and it.long and it.absent_there, Act.FAILED,
        'Nova shows it active on {target}, but nothing of it runs there'),
    Row('arrived, its disk not open yet', lambda it: it.on_target and it.shows('active'), Act.WAIT,
        'active on {target}; its disk is not yet open there'),
    # A source that boots between ACTIVE and the new host makes Nova show that.
    Row('arrived, shown stopped',
        lambda it: it.on_target and it.shows('stopped') and it.open_there, Act.RESET,
        'it runs on {target}, but Nova shows it stopped', 'active'),
    # A target that was given up ended late, or its user's reboot failed, while it went on.
    Row('arrived, shown in error',
        lambda it: it.on_target and it.shows('error') and it.runs_there and it.over,
        Act.RESET, 'it runs on {target}, but Nova shows it in error', 'active'),
    # Or Nova stopped it: its source was booted just then, and had it shown stopped before the call.
    Row('arrived, and stopped, maybe by Nova',
        lambda it: it.on_target and it.shows('stopped') and it.seen.source_returned, Act.FAILED,
        'it came to {target}, but Nova shows it stopped there: if its user wants it on, start it'),
    Row('arrived, and stopped', lambda it: it.on_target and it.shows('stopped'), Act.DONE,
        'it came to {target}, and was stopped there since'),
    # Nothing is done to it: to start it anew would cost what its user has in its memory.
    Row('arrived, and changed', lambda it: it.changed_there, Act.DONE,
        'it came to {target}, and its user has it {vm_state} there'),
    # A state that is set would undo what was asked, and nova-compute does it all the same.
    Row('arrived, and in a task', lambda it: it.runs_there and it.in_its_users_hands, Act.DONE,
        'it came to {target}, and Nova shows {state} there'),
    Row('runs, shown in another state',
        lambda it: it.long and it.runs_there and not it.shows('active') and it.over, Act.RESET,
        'it runs on {target}, but Nova shows {state}', 'active'),
    Row('its target was restarted', lambda it: it.long and it.off_there and it.restarted,
        Act.REFUSED, '{target} was restarted while it received it'),
    Row('runs, and Nova does not know yet', lambda it: it.long and it.runs_there and not it.over,
        Act.WAIT, 'it runs on {target}, and nova-compute there has still to tell Nova: if it is '
                  'down, start it'),
    # Its nova-compute ended between the two writes.  No call mends that, and if the source came
    # back while Nova shows it there, a second copy could be started: so it stays open.
    Row('runs, shown on its source', lambda it: it.long and it.runs_there and it.on_source,
        Act.WAIT, 'it runs on {target}, but Nova shows it on {source}: its record has to be mended '
                  'by hand', needs_operator=True),
    Row(refusals.NO_HOST, lambda it: _failed(it) and it.absent_there and it.by_scheduler,
        Act.REFUSED, '{fault}'),
    Row('Nova failed, for a reason', lambda it: _failed(it) and it.absent_there
        and bool(it.server.fault), Act.REFUSED, '{fault}'),
    Row('Nova failed', lambda it: _failed(it) and it.absent_there, Act.REFUSED,
        'Nova failed to start it on {target}'),
    # Defined there by something before us: Nova rebuilds nothing over a domain.
    Row('Nova failed over a domain, for a reason', lambda it: _failed(it) and it.long
        and it.off_there and bool(it.server.fault), Act.REFUSED,
        '{target} has its domain, off, to be undefined by hand: {fault}', needs_operator=True),
    Row('Nova failed over a domain', lambda it: _failed(it) and it.long and it.off_there,
        Act.REFUSED, '{target} has its domain, off, to be undefined by hand: Nova failed',
        needs_operator=True),
    Row('Nova failed, its target not certain', lambda it: _failed(it), Act.WAIT,
        'Nova failed; is it on {target}?'),
    # Its room, or its group's, was another's when its turn came: Nova shows it as before.
    Row(refusals.NOT_TAKEN, lambda it: it.not_taken and it.absent_there, Act.REFUSED,
        '{target} did not take it: others were there first'),
    Row('Nova has the call', lambda it: it.calling and (it.traced or it.on_target), Act.MOVING,
        'Nova has the call'),
    # A call whose outcome is unknown may still lie in a proxy: give it time to show itself.
    Row('was the call made', lambda it: it.calling and not it.settled, Act.WAIT,
        'was the call made? No trace of it yet'),
    # It would be stopped on its target, too.
    Row('stopped by the boot of its source',
        lambda it: it.calling and it.on_source and it.shows('stopped') and it.seen.source_returned,
        Act.RESET, 'its source was booted, and Nova shows it stopped: it will run again', 'active'),
    Row('no trace of the call', lambda it: it.calling, Act.CALL, 'Nova has no trace of the call'),
    # It is not called again: a person may have Nova move it elsewhere just then.
    Row(refusals.ONE_REFUSED, lambda it: it.long and it.absent_there and it.one_refused, Act.WAIT,
        'Nova refused a call to {target} and ended the record of another ({fault}): once none can '
        'begin any more, set the record that is still accepted to error by hand, or evacuate it '
        'elsewhere by hand', needs_operator=True),
    # A source that boots completes its records, also that of a call which got lost.
    # A client at its own address is a sibling's there, or a tool's.
    Row('the call was lost', lambda it: it.long and it.absent_there and not it.unasked
        and not it.stranger and (it.unfinished or it.lost) and it.ended_unseen, Act.CALL,
        'nothing of it is on {target} after {limit}'),
    # A nova-compute that hangs begins with it when it goes on: a second call would spoil both.
    Row('the call may still begin',
        lambda it: it.long and it.absent_there and (it.unfinished or it.lost), Act.WAIT,
        'nothing of it is on {target} after {limit}, but Nova has not ended the call: if '
        'nova-compute hangs there, restart it'),
    Row('ended without it, for a reason',
        lambda it: it.long and it.absent_there and bool(it.server.fault), Act.REFUSED, '{fault}'),
    Row('ended without it', lambda it: it.long and it.absent_there, Act.REFUSED,
        '{target} never started it'),
    # It may be starting, or the call was lost and the domain is older than it.
    Row('off on its target', lambda it: it.long and it.off_there, Act.WAIT,
        '{target} knows its domain, but it does not run: if libvirt has it shut off, undefine it '
        'there by hand', needs_operator=True),
    Row('under way', _otherwise, Act.WAIT, 'Nova: {task}'))


def _failed(it: Facts) -> bool:
    """Nova says that the attempt failed, and nothing of it is unfinished.

    A source that boots completes the records of calls that may still begin, and what its user asks
    of it there fails: that error is not the attempt's.
    """
    return it.shows('error') and bool(it.fresh) and not it.unfinished and not it.lost


_FOR_OPERATORS = frozenset(row.name for table in (ELSEWHERE, FIRST, UNDER_WAY) for row in table
                           if row.needs_operator)


def needs_operator(item: Evacuation) -> bool:
    """True if the row that gave its reason needs an operator.

    While it waits for a target the reason may be that of its last attempt.
    """
    if item.row or item.phase is not Phase.WAITING:
        return item.row in _FOR_OPERATORS
    since = itertools.takewhile(lambda step: step.stage != Phase.QUEUED.value, reversed(item.road))
    return next((step.row for step in since if step.row), '') in _FOR_OPERATORS


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
