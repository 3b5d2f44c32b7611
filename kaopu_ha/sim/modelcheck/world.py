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

"""The model world of the model check: one host with one instance, and two hosts to go to.

A state is frozen and finite: texts, times, rounds and histories are taken out, keys of the store
are fields, and what a controller or worker holds between two steps is a ``Pending``.  This is the
world outside of the program: the host, what the networks answer, and Nova.

::

    UP      beats, answers on both networks, its instance writes
    HALF    cut off from etcd and management: its instance writes on
    DARK    cut off from everybody, or frozen: its instance lives, and writes when it comes back
    DEAD    without power
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
import dataclasses
import enum
import functools
from typing import Any, NamedTuple

from kaopu_ha.core import detection, evidence, model
from kaopu_ha.core.model import Contact, Sign

SOURCE, TARGETS = 'c1', ('c2', 'c3')
INSTANCE = 'i1'
CLUSTER = 'ceph'
IMAGE = model.Image(CLUSTER, 'vms', 'disk', 'rbd_header.1')
ADDRESSES = {SOURCE: '10.0.0.1', 'c2': '10.0.0.2', 'c3': '10.0.0.3'}
INVENTORY = model.Inventory(
    SOURCE, 'uuid-1', 'boot-1', 'qemu+tcp://c1/system', (ADDRESSES[SOURCE],),
    instances=(model.Instance(INSTANCE, INSTANCE, model.Power.ON, (IMAGE,)),))
# A stage is crossed by one look more, or by two if the host's kernel answered once.
RULES = model.Rules(
    look_interval=1.0, ask_limit=1.0, death_seconds=1.0, lock_seconds=1.0, attempts_max=2,
    patent_death_seconds=2.0, patent_lock_seconds=2.0, give_up_seconds=0.0)
# More calls than these Nova does not take: else the world would not be finite.
CALLS_MAX = 3


class Host(enum.IntEnum):
    """The condition of the host."""

    UP = 0
    HALF = 1
    DARK = 2
    DEAD = 3


Writes = tuple[tuple[str, Any], ...]


class Pending(NamedTuple):
    """What a controller or a worker holds between two of its steps.

    ``stale``: a key that its commit compares has changed.  ``outlived``: the host has shown life,
    by its beat or in the record, since the round was asked.  ``lively``: the host would have
    answered the round, had it been asked well.  The last two are for the laws alone.
    """

    kind: str = 'idle'
    round: model.Round | None = None
    verdict: model.Verdict | None = None
    writes: Writes = ()
    target: str = ''
    stale: bool = False
    outlived: bool = False
    lively: bool = False


IDLE = Pending()
Pair = tuple[Pending, Pending]


class State(NamedTuple):
    """One state of everything.  ``controllers``: who leads is the first.  ``workers``: who has the
    claim, if it is taken, is the first.  ``silent``: the leader's last look was a silent one.
    ``forced``: Nova's service of the host is forced down.  ``coming``: a live migration of the
    instance to the host is under way.  ``asked``: how often people asked for something.
    """

    host: Host = Host.UP
    runs: bool = True
    beat: bool = True
    fenced: bool = False
    case: model.Case | None = None
    death: bool = False
    lock: str = ''
    recovery: model.Recovery | None = None
    evacuation: model.Evacuation | None = None
    proof: bool = False
    claimed: bool = False
    silent: bool = False
    controllers: Pair = (IDLE, IDLE)
    workers: Pair = (IDLE, IDLE)
    server: tuple[str, str, str] = (SOURCE, 'active', '')
    migrations: tuple[tuple[str, str], ...] = ()
    jobs: tuple[tuple[str, str], ...] = ()
    copies: frozenset[str] = frozenset()
    forced: bool = False
    coming: bool = False
    asked: int = 0


class Ablation(NamedTuple):
    """What is taken away in a search, from the program or from what is assumed of the world.

    ``fence``: nothing is cut off, and it is believed to be.  ``compare``: commits compare nothing.
    ``permit``: acts outside of the store are made whatever became of claim and leadership.
    ``unknown``: UNKNOWN counts as SILENCE.  ``term``: commits compare the epoch of the moment,
    not of the term in which their look began.  ``slow``: a round may be older than a whole beat.
    ``refusal``: a repeated call that Nova refuses ends the attempt.
    """

    fence: bool = False
    compare: bool = False
    permit: bool = False
    unknown: bool = False
    term: bool = False
    slow: bool = False
    refusal: bool = False


class Law(enum.Enum):
    """What must hold in every state and in every step: the invariants that this world can break."""

    ONE_WRITER = 'no instance has write access from two hosts'
    CALL = 'no evacuate call without a recorded CONFIRMED and a fence that was read back'
    SILENCE = 'UNKNOWN never counts as SILENCE'
    ONE_TARGET = 'no second target while an attempt may still run'
    ADMIT = 'CONFIRMED is left only by admit'
    FORCED = 'no plan before the service is forced down, and nothing forced that is not recorded'
    FORGOTTEN = 'no recovery ends while a move is open, or what came to its host is in no plan'
    GIVEN_UP = 'nothing comes of what a person gave up'
    LAST_LOOK = 'no host is confirmed that showed life since its last look began'


class Move(NamedTuple):
    """One step of somebody: a line of the story, what is then, and the law that it broke."""

    text: str
    after: State
    broken: Law | None = None


# ---------------------------------------------------------------- the host


def writes(state: State) -> bool:
    """True if the old copy of the instance has write access."""
    return state.runs and state.host in (Host.UP, Host.HALF) and not state.fenced


def host_moves(state: State, ablation: Ablation) -> Iterator[Move]:
    """Whatever the host may do at any time."""
    if state.host is Host.DEAD:
        yield Move('the host boots, its instance off', state._replace(host=Host.UP))
        if state.server[0] == SOURCE:
            yield Move('the host boots and starts its instance',
                       state._replace(host=Host.UP, runs=True))
    else:
        for host in (Host.UP, Host.HALF, Host.DARK):
            if host is not state.host:
                yield Move(_TURNS[host], state._replace(host=host))
        yield Move('the host loses its power', state._replace(host=Host.DEAD, runs=False))
    if state.beat:
        yield Move('the beat lapses',
                   touched(_forgotten(state, ablation)._replace(beat=False), 'beat'))
    elif state.host is Host.UP:
        yield Move('the beat comes back', touched(outlived(state)._replace(beat=True), 'beat'))
    if state.death:
        yield Move('death lapses', touched(state._replace(death=False), 'death'))
    if state.lock == 'lease':
        yield Move('lock lapses', touched(state._replace(lock=''), 'lock'))
    if state.proof:
        yield Move('the proof lapses', touched(state._replace(proof=False), 'proof'))


_TURNS = {Host.UP: 'the host is reached again by all',
          Host.HALF: 'the host is cut off from etcd and management',
          Host.DARK: 'the host is cut off from everybody (or frozen), its instance lives'}


def _forgotten(state: State, ablation: Ablation) -> State:
    """Assumed: a beat lives longer than a round, so a round that is older than it is over."""
    if ablation.slow:
        return state
    return state._replace(controllers=both(
        state.controllers, lambda one: IDLE if one.kind == 'asked' and one.outlived else one))


# ---------------------------------------------------------------- what the networks answer


def rounds(state: State, ablation: Ablation) -> tuple[tuple[model.Round, bool], ...]:
    """Every round that may come of an ask now, and whether the host would have answered it."""
    return _rounds(state.host, state.runs, writes(state), ablation.unknown)


@functools.cache
def _rounds(host: Host, runs: bool, live: bool,
            unknown: bool) -> tuple[tuple[model.Round, bool], ...]:
    found: dict[tuple[model.Verdict, bool], tuple[model.Round, bool]] = {}
    client = model.Client(f'{ADDRESSES[SOURCE]}:0/1', 1, acknowledged=live)
    contacts = [(Contact.NOTHING, True), (Contact.ERROR, True)]
    if host is Host.UP:
        contacts = [(Contact.ANSWERED, True), (Contact.REFUSED, True), (Contact.ERROR, True)]
    for contact, reached in contacts:
        for error in ('', 'no answer'):
            management = evidence.management(INVENTORY, model.LibvirtAnswer(contact, 'uuid-1'),
                                             reached, '')
            clients = (client,) if runs and not error else ()
            storage = evidence.storage(INVENTORY, [model.ImageAnswer(IMAGE, clients, error)], '')
            item = _round(management, storage, unknown)
            lively = live or (host is Host.UP and contact is not Contact.REFUSED)
            # Rounds that differ in their signs only are one: the first stands for all.
            found.setdefault((item.verdict, item.kernel_answers), (
                item, lively and item.verdict is model.Verdict.DEAD))
    return tuple(found.values())


def _round(management: model.Evidence, storage: model.Evidence, unknown: bool) -> model.Round:
    """The round without its texts; ``unknown`` counts UNKNOWN as SILENCE."""
    plain = tuple(model.Evidence(
        item.network, Sign.SILENCE if unknown and item.sign is Sign.UNKNOWN else item.sign, '',
        kernel_answers=item.kernel_answers) for item in (management, storage))
    return model.Round('', '', plain, detection.judged(plain)[0], '')


def image_answer(state: State) -> model.ImageAnswer:
    """Who has the instance's image open, and who of them acknowledges."""
    clients = [model.Client(f'{ADDRESSES[host]}:0/1', 1, True) for host in sorted(state.copies)]
    if state.runs:
        clients.append(model.Client(f'{ADDRESSES[SOURCE]}:0/1', 1, writes(state)))
    return model.ImageAnswer(IMAGE, tuple(clients))


# ---------------------------------------------------------------- Nova


def server(state: State) -> model.Server:
    """The instance as Nova shows it."""
    host, vm_state, task = state.server
    return model.Server(INSTANCE, INSTANCE, host, vm_state, task, power_state=1)


def migrations(state: State) -> tuple[model.Migration, ...]:
    """Nova's records of all calls, in their order."""
    return tuple(model.Migration(str(number), INSTANCE, 'evacuation', status, SOURCE, target)
                 for number, (target, status) in enumerate(state.migrations))


def called(state: State, target: str) -> State:
    """Nova takes a call, whatever is under way already."""
    host, vm_state, _ = state.server
    return state._replace(server=(host, vm_state, 'rebuilding'),
                          migrations=(*state.migrations, (target, 'accepted')),
                          jobs=tuple(sorted((*state.jobs, (target, 'taken')))))


def nova_moves(state: State) -> Iterator[Move]:
    """What Nova makes of the calls that it took, and of a migration that was under way."""
    if state.coming:
        yield Move('its live migration to the host ends: Nova shows it there',
                   state._replace(coming=False, copies=frozenset(), server=(SOURCE, 'active', '')))
    for job in sorted(set(state.jobs)):
        target, job_state = job
        host, _, task = state.server
        if job_state == 'taken':
            yield Move(f'Nova starts the instance on {target}', _job(state, job, 'started')
                       ._replace(copies=state.copies | {target}))
            yield Move(f'Nova fails to start it on {target}', _ended(state, job, 'failed')
                       ._replace(server=(host, 'error', '')))
        if job_state == 'started':
            yield Move('Nova shows it active, still on its old host',
                       _job(state, job, 'shown')._replace(server=(host, 'active', '')))
            yield Move(f'Nova loses sight of it on {target}, and shows an error',
                       _ended(state, job, 'failed')._replace(server=(host, 'error', '')))
        if job_state == 'shown':
            yield Move(f'Nova shows it on {target}', _ended(state, job, 'done')
                       ._replace(server=(target, 'active', task)))


def _job(state: State, job: tuple[str, str], job_state: str) -> State:
    jobs = list(state.jobs)
    jobs.remove(job)
    return state._replace(jobs=tuple(sorted([*jobs, (job[0], job_state)])))


def _ended(state: State, job: tuple[str, str], status: str) -> State:
    """The job is over.  Nova finishes the oldest record that is open, whosever it is (measured)."""
    jobs, kept = list(state.jobs), list(state.migrations)
    jobs.remove(job)
    oldest = next(number for number, (_, found) in enumerate(kept) if found == 'accepted')
    kept[oldest] = (kept[oldest][0], status)
    return state._replace(jobs=tuple(jobs), migrations=tuple(kept))


# ---------------------------------------------------------------- what is compared

# The keys that the commit of each kind of decision compares, besides leadership or claim.
COMPARES = {
    'judge': frozenset({'case', 'beat', 'death', 'lock'}),
    **dict.fromkeys(('recover', 'list', 'cut', 'cutting', 'read back', 'force'),
                    frozenset({'recovery', 'case'})),
    **dict.fromkeys(('replan', 'wish'), frozenset({'recovery', 'case', 'evacuation'})),
    'mark': frozenset({'case', 'proof'}),
    **dict.fromkeys(('attempt', 'call', 'reset'),
                    frozenset({'claimed', 'evacuation', 'case', 'proof'})),
    **dict.fromkeys(('note', 'permitted', 'resetting'),
                    frozenset({'claimed', 'evacuation', 'case'})),
}
# An act outside of the store, for which its permit held: it comes to pass whatever changes.
ACTS = ('cutting', 'permitted', 'resetting')
STALE = Pending('stale', stale=True)


def replaced(held: Pair, who: int, pending: Pending) -> Pair:
    """Both of them, one of them changed."""
    return (pending, held[1]) if who == 0 else (held[0], pending)


def both(held: Pair, change: Callable[[Pending], Pending]) -> Pair:
    """Both of them, changed."""
    return change(held[0]), change(held[1])


def touched(state: State, *keys: str) -> State:
    """Whoever would compare one of these keys holds something stale from now on."""
    changed = frozenset(keys)
    def change(pending: Pending) -> Pending:
        stale = COMPARES.get(pending.kind, frozenset()) & changed
        return pending._replace(stale=True) if stale and not pending.stale else pending
    return state._replace(controllers=both(state.controllers, change),
                          workers=both(state.workers, change))


def applied(state: State, written: Writes) -> State:
    """The store after a transaction."""
    return touched(state._replace(**dict(written)), *(key for key, _ in written))


def canonical(state: State, ablation: Ablation) -> State:
    """The same state, without what is refused in any case: it need not be told apart.

    That is what a stale one holds, and what was begun in a term that is lost.
    """
    state = _settled(state)
    if ablation.compare or (state.controllers, state.workers) == _EMPTY:
        return state
    leader, other = both(state.controllers, _dropped)
    holder, former = both(state.workers, _dropped)
    if not ablation.term:
        other = IDLE
    if not ablation.permit:
        former = IDLE
        holder = holder if state.claimed else IDLE
    return state._replace(controllers=(leader, other), workers=(holder, former))


def _settled(state: State) -> State:
    """Once the host is confirmed, nobody reads its beat, and all that counts is who may write."""
    if state.case is None or state.case.stage is not model.Stage.CONFIRMED:
        return state
    if state.fenced or not state.runs:
        return state._replace(host=Host.DEAD, runs=False, beat=False, silent=False)
    host = Host.UP if state.host is Host.HALF else state.host
    return state._replace(host=host, beat=False, silent=False)


_EMPTY = ((IDLE, IDLE), (IDLE, IDLE))


def _dropped(pending: Pending) -> Pending:
    return STALE if pending.stale and pending.kind not in ACTS else pending


def plain(item: model.Evacuation) -> model.Evacuation:
    """The evacuation without its texts and its history, which decide nothing."""
    return dataclasses.replace(item, history=(), reason='')


def outlived(state: State) -> State:
    """The host has shown life: mark every silent round that was asked before."""
    return state._replace(controllers=both(
        state.controllers,
        lambda one: one._replace(outlived=True) if one.verdict is model.Verdict.DEAD else one))
