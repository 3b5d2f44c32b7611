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

Each table below is for one situation.  Its rows are tried in their order, and the first one of
which all is so decides; its name is kept in the record, so that ``explain`` can say which it was,
and what would have decided otherwise (``core.rows``).
"""

from __future__ import annotations

from dataclasses import dataclass
import enum
import itertools

from kaopu_ha.core import certain, model, refusals, rows
from kaopu_ha.core import conditions as so
from kaopu_ha.core.certain import Seen as Seen
from kaopu_ha.core.facts import Facts as Facts
from kaopu_ha.core.model import Evacuation, Phase


class Act(enum.Enum):
    """What the worker does now."""

    COMMIT = 'commit the attempt, then call'
    HAVE_FENCED = 'have clients fenced before the call'
    CALL = 'call again'
    RESET = 'reset the state, to call'
    SHOW = 'have Nova show that it runs'
    MOVING = 'it moves'
    WAIT = 'wait'
    DONE = 'done'
    LEFT = 'left'
    REFUSED = 'refused'
    FAILED = 'failed'


@dataclass(frozen=True)
class Decision:
    """The act, its reason, the row that says so, and (for RESET and SHOW) the state that Nova is
    to show.
    """

    act: Act
    reason: str = ''
    state: str = ''
    row: str = ''


Row = rows.Row[Facts, Act]


def advance(item: Evacuation, seen: Seen, rules: model.Rules) -> Decision:
    """Decide what the worker does with an evacuation that it has claimed."""
    if seen.server is None:
        return Decision(Act.LEFT, 'the instance was deleted', row='deleted')
    facts = Facts(item, seen, rules)
    row = rows.decided(_table(facts), facts)
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


# ---------------------------------------------------------------- the tables

# It was moved by somebody else, or by an attempt of ours that was given up.  A target that was
# given up may end its attempt late, fenced.  Nova then believes that one, and ends ours in error,
# though what ours started goes on.
ELSEWHERE = (
    Row('runs on its target, shown elsewhere', (~so.QUEUED, so.RUNS_THERE), Act.WAIT,
        'it runs on {target}, but Nova shows it on {shown}: its record has to be mended by hand',
        needs_operator=True),
    Row('shown on a target that was given up',
        (~so.QUEUED, so.UNFINISHED, so.GIVEN_UP_HOST), Act.WAIT,
        'Nova shows it on {shown}, which was given up'),
    Row('shown elsewhere, its target not certain',
        (~so.QUEUED, ~so.NOBODY_THERE, ~so.LONG_OFF_THERE),
        Act.WAIT, 'Nova shows it on {shown}; is it on {target}?'),
    Row('moved by somebody else', (so.SETTLED_OR_NOT_CALLING, so.FREE_OF_TASKS), Act.LEFT,
        'it is on {shown} by now: not our doing'),
    Row('being moved by somebody else', (), Act.WAIT, 'Nova shows it on {shown}'))

# No attempt with this target was committed yet.
FIRST = (
    Row('there already', (so.ON_TARGET,), Act.COMMIT, 'it is there already'),
    Row('stopped by its user', (so.BEING_STOPPED, so.STOPS_FOR_LONG), Act.LEFT,
        'its user stopped it while it waited'),
    Row('being stopped by its user', (so.BEING_STOPPED,), Act.WAIT, 'its user stops it'),
    Row('images not asked', (so.MAY_MOVE, so.UNASKED), Act.WAIT,
        'its images could not be asked for live clients'),
    # It may be a guest on a host that nobody knows, or at an address that its host did not tell.
    Row('live at an address of nobody', (so.MAY_MOVE, so.STRANGER), Act.WAIT,
        'a live client at {stranger} has its disk open, an address of nobody: if it is a tool\'s: '
        'kaopu-ha tool add'),
    # A live migration was over when its source died, and Nova had not written that down yet.
    Row('runs elsewhere', (so.MAY_MOVE, so.DOMAIN_ELSEWHERE), Act.WAIT,
        '{elsewhere} has its domain on, and a live client there has its disk open, but Nova shows '
        'it on {source}: if it runs there, its record has to be mended by hand',
        needs_operator=True),
    Row('live elsewhere', (so.MAY_MOVE, so.LIVE_ELSEWHERE), Act.WAIT,
        'a live client on {elsewhere} has its disk open'),
    # Its own fence, or its word, keeps it from writing again; nothing else does.
    Row('silent elsewhere', (so.MAY_MOVE, so.SILENT_ELSEWHERE), Act.WAIT,
        'it may run on {unseen}, where no client of it answers: until {unseen} says that it does '
        'not, or is fenced; a domain that is left there is undefined by hand', needs_operator=True),
    # It may wake and write again: nothing but the fence keeps it from that.
    Row('silent at an address of nobody', (so.MAY_MOVE, so.SILENT_CLIENT),
        Act.HAVE_FENCED, 'a client at {silent_at} has its disk open and does not answer: '
        '{silent} is fenced first'),
    Row('first call', (so.EVACUATE,), Act.COMMIT),
    Row('stopped by its user, as Nova tells',
        (so.RESET, so.STOPPED_BY_USER), Act.LEFT, 'its user stopped it'),
    Row('reset before the call', (so.RESET,), Act.RESET, '{why}', 'active'),
    Row('not to be called yet', (so.WAITED_FOR,), Act.WAIT, '{why}'),
    Row('to be left', (so.TO_BE_LEFT,), Act.LEFT, '{why}'),
    Row('not recoverable', (), Act.FAILED, '{why}'))

# The attempt is committed.
UNDER_WAY = (
    Row('arrived', (so.ON_TARGET, so.ACTIVE, so.OPEN_THERE), Act.DONE,
        'active on {target}, its disk open there'),
    Row('nothing of it arrived',
        (so.ON_TARGET, so.ACTIVE, so.LONG, so.ABSENT_THERE), Act.FAILED,
        'Nova shows it active on {target}, but nothing of it runs there'),
    # Nova shows it active once it ran.  Its guest crashed, or was shut down from within, before its
    # disk was seen open; what becomes of that is the restarter's, as anywhere else.
    Row('arrived, and went off', (so.ON_TARGET, so.ACTIVE, so.LONG, so.OFF_THERE), Act.DONE,
        'it came to {target}, and went off there since'),
    Row('arrived, its disk not open yet', (so.ON_TARGET, so.ACTIVE), Act.WAIT,
        'active on {target}; its disk is not yet open there'),
    # A source that boots between ACTIVE and the new host makes Nova show that.
    Row('arrived, shown stopped',
        (so.ON_TARGET, so.STOPPED, so.OPEN_THERE), Act.SHOW,
        'it runs on {target}, but Nova shows it stopped', 'active'),
    # A target that was given up ended late, or its user's reboot failed, while it went on.
    Row('arrived, shown in error',
        (so.ON_TARGET, so.ERROR, so.RUNS_THERE, so.OVER), Act.SHOW,
        'it runs on {target}, but Nova shows it in error', 'active'),
    # Or Nova stopped it: its source was booted just then, and had it shown stopped before the call.
    Row('arrived, and stopped, maybe by Nova',
        (so.ON_TARGET, so.STOPPED, so.SOURCE_RETURNED), Act.FAILED,
        'it came to {target}, but Nova shows it stopped there: if its user wants it on, start it'),
    Row('arrived, and stopped', (so.ON_TARGET, so.STOPPED), Act.DONE,
        'it came to {target}, and was stopped there since'),
    # Nothing is done to it: to start it anew would cost what its user has in its memory.
    Row('arrived, and changed', (so.ON_TARGET, so.CHANGED_THERE), Act.DONE,
        'it came to {target}, and its user has it {vm_state} there'),
    # A state that is set would undo what was asked, and nova-compute does it all the same.
    Row('arrived, and in a task', (so.RUNS_THERE, so.ON_TARGET, so.IN_ITS_USERS_HANDS), Act.DONE,
        'it came to {target}, and Nova shows {state} there'),
    Row('runs, shown in another state',
        (so.LONG, so.RUNS_THERE, ~so.ACTIVE, so.OVER), Act.SHOW,
        'it runs on {target}, but Nova shows {state}', 'active'),
    # A call that lay in its queue when it went down, the new one begins with.
    Row('its target was restarted', (so.LONG, so.OFF_THERE, so.RESTARTED, so.LEFT_THERE),
        Act.REFUSED, '{target} was restarted while it received it'),
    Row('runs, and Nova does not know yet', (so.LONG, so.RUNS_THERE, ~so.OVER),
        Act.WAIT, 'it runs on {target}, and nova-compute there has still to tell Nova: if it is '
                  'down, start it'),
    # Its nova-compute ended between the two writes.  No call mends that, and if the source came
    # back while Nova shows it there, a second copy could be started: so it stays open.
    Row('runs, shown on its source', (so.LONG, so.RUNS_THERE, so.ON_SOURCE),
        Act.WAIT, 'it runs on {target}, but Nova shows it on {source}: its record has to be mended '
                  'by hand', needs_operator=True),
    Row(refusals.NO_HOST, (*so.FAILED, so.ABSENT_THERE, so.BY_SCHEDULER),
        Act.REFUSED, '{fault}'),
    Row('Nova failed, for a reason', (*so.FAILED, so.ABSENT_THERE, so.FAULT),
        Act.REFUSED, '{fault}'),
    Row('Nova failed', (*so.FAILED, so.ABSENT_THERE), Act.REFUSED,
        'Nova failed to start it on {target}'),
    # Defined there by something before us: Nova rebuilds nothing over a domain.
    Row('Nova failed over a domain, for a reason',
        (*so.FAILED, so.LONG, so.OFF_THERE, so.FAULT), Act.REFUSED,
        '{target} has its domain, off, to be undefined by hand: {fault}', needs_operator=True),
    Row('Nova failed over a domain', (*so.FAILED, so.LONG, so.OFF_THERE),
        Act.REFUSED, '{target} has its domain, off, to be undefined by hand: Nova failed',
        needs_operator=True),
    Row('Nova failed, its target not certain', so.FAILED, Act.WAIT,
        'Nova failed; is it on {target}?'),
    # Its room, or its group's, was another's when its turn came: Nova shows it as before.
    Row(refusals.NOT_TAKEN, (so.NOT_TAKEN, so.ABSENT_THERE), Act.REFUSED,
        '{target} did not take it: others were there first'),
    Row('Nova has the call', (so.CALLING, so.TRACED), Act.MOVING, 'Nova has the call'),
    # A call whose outcome is unknown may still lie in a proxy: give it time to show itself.
    Row('was the call made', (so.CALLING, ~so.SETTLED), Act.WAIT,
        'was the call made? No trace of it yet'),
    # It would be stopped on its target, too.
    Row('stopped by the boot of its source',
        (so.CALLING, so.ON_SOURCE, so.STOPPED, so.SOURCE_RETURNED),
        Act.RESET, 'its source was booted, and Nova shows it stopped: it will run again', 'active'),
    Row('no trace of the call', (so.CALLING,), Act.CALL, 'Nova has no trace of the call'),
    # It is not called again: a person may have Nova move it elsewhere just then.
    Row(refusals.ONE_REFUSED, (so.LONG, so.ABSENT_THERE, so.ONE_REFUSED), Act.WAIT,
        'Nova refused a call to {target} and ended the record of another ({fault}): once none can '
        'begin any more, set the record that is still accepted to error by hand, or evacuate it '
        'elsewhere by hand', needs_operator=True),
    # A source that boots completes its records, also that of a call which got lost.
    # A client at its own address is a sibling's there, or a tool's.
    Row('the call was lost', (so.LONG, so.ABSENT_THERE, ~so.UNASKED, ~so.STRANGER,
                              so.UNFINISHED_OR_LOST, so.CANT_BEGIN), Act.CALL,
        'nothing of it is on {target} after {limit}'),
    # A nova-compute that hangs begins with it when it goes on: a second call would spoil both.
    Row('the call may still begin',
        (so.LONG, so.ABSENT_THERE, so.UNFINISHED_OR_LOST), Act.WAIT,
        'nothing of it is on {target} after {limit}, but Nova has not ended the call: if '
        'nova-compute hangs there, restart it'),
    Row('ended without it, for a reason',
        (so.LONG, so.ABSENT_THERE, so.FAULT), Act.REFUSED, '{fault}'),
    Row('ended without it', (so.LONG, so.ABSENT_THERE), Act.REFUSED,
        '{target} never started it'),
    # It may be starting, or the call was lost and the domain is older than it.
    Row('off on its target', (so.LONG, so.OFF_THERE), Act.WAIT,
        '{target} knows its domain, but it does not run: if libvirt has it shut off, undefine it '
        'there by hand', needs_operator=True),
    Row('under way', (), Act.WAIT, 'Nova: {task}'))


TABLES = (ELSEWHERE, FIRST, UNDER_WAY)
_FOR_OPERATORS = frozenset(row.name for table in TABLES for row in table
                           if row.needs_operator)


def needs_operator(item: Evacuation) -> bool:
    """True if the row that gave its reason needs an operator.

    While it waits for a target the reason may be that of its last attempt.
    """
    if item.row or item.phase is not Phase.WAITING:
        return item.row in _FOR_OPERATORS
    since = itertools.takewhile(lambda step: step.stage != Phase.QUEUED.value,
                                reversed(item.history))
    return next((step.row for step in since if step.row), '') in _FOR_OPERATORS


@dataclass(frozen=True)
class Why:
    """The row that gave an evacuation its reason, in sentences.

    ``so``: what it was decided by.  ``instead``: what else would have been done, by which row, and
    what that row lacked.  ``behind``: what would have left it to a row behind this one.
    """

    row: str
    so: tuple[str, ...]
    instead: tuple[tuple[str, str, tuple[str, ...]], ...]
    behind: tuple[str, ...]


def why(item: Evacuation) -> Why | None:
    """Why it waits, or ended like that; None if it goes on, or no row of a worker said so."""
    table = next((table for table in TABLES if rows.named(table, item.row)), ())
    row = rows.named(table, item.row)
    if row is None or row.act in _GOES_ON:
        return None
    known = so.of_phase(Phase.QUEUED if table is FIRST else _decided_in(item))
    texts = {condition.text for condition in known}

    def said(text: str) -> str:
        return text.format(source=item.source, target=item.target or 'its target')
    return Why(row.name, tuple(said(one.text) for one in row.when),
               tuple((each.row.act.value, each.row.name,
                      tuple(said(one.text) for one in each.lacked))
                     for each in rows.instead(table, row, known)),
               tuple(said(one.contrary) for one in row.when if one.text not in texts))


_GOES_ON = (Act.COMMIT, Act.CALL, Act.RESET, Act.SHOW, Act.MOVING, Act.DONE)


def _decided_in(item: Evacuation) -> Phase:
    """The phase in which its row decided: the one before, if the row led to another."""
    steps = item.history[-2:]
    written = len(steps) == 2 and steps[1].row == item.row and steps[1].stage == item.phase.value
    return Phase(steps[0].stage) if written else item.phase


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
