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

"""The small world of the model check: one host with one instance, and two hosts to go to.

A state is frozen and finite: texts, times, rounds and histories of the records are taken out, keys
of the store are fields, and what a controller or worker has in its hand between two steps is a
``Hand``.  This module is the world outside of the program: the host, what the networks answer, and
Nova.  ``smallcontrollers`` and ``smallworkers`` are the program in it, ``modelcheck`` searches.

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


class Hand(NamedTuple):
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


IDLE = Hand()


class Small(NamedTuple):
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
    controllers: tuple[Hand, Hand] = (IDLE, IDLE)
    workers: tuple[Hand, Hand] = (IDLE, IDLE)
    server: tuple[str, str, str] = (SOURCE, 'active', '')
    migrations: tuple[tuple[str, str], ...] = ()
    jobs: tuple[tuple[str, str], ...] = ()
    copies: frozenset[str] = frozenset()
    forced: bool = False
    coming: bool = False
    asked: int = 0


class Weak(NamedTuple):
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
    after: Small
    broken: Law | None = None


# ---------------------------------------------------------------- the host


def writes(small: Small) -> bool:
    """True if the old copy of the instance has write access."""
    return small.runs and small.host in (Host.UP, Host.HALF) and not small.fenced


def host_moves(small: Small, weak: Weak) -> Iterator[Move]:
    """Whatever the host may do at any time."""
    if small.host is Host.DEAD:
        yield Move('the host boots, its instance off', small._replace(host=Host.UP))
        if small.server[0] == SOURCE:
            yield Move('the host boots and starts its instance',
                       small._replace(host=Host.UP, runs=True))
    else:
        for host in (Host.UP, Host.HALF, Host.DARK):
            if host is not small.host:
                yield Move(_TURNS[host], small._replace(host=host))
        yield Move('the host loses its power', small._replace(host=Host.DEAD, runs=False))
    if small.beat:
        yield Move('the beat lapses', touched(_forgotten(small, weak)._replace(beat=False), 'beat'))
    elif small.host is Host.UP:
        yield Move('the beat comes back', touched(outlived(small)._replace(beat=True), 'beat'))
    if small.death:
        yield Move('death lapses', touched(small._replace(death=False), 'death'))
    if small.lock == 'lease':
        yield Move('lock lapses', touched(small._replace(lock=''), 'lock'))
    if small.proof:
        yield Move('the proof lapses', touched(small._replace(proof=False), 'proof'))


_TURNS = {Host.UP: 'the host is reached again by all',
          Host.HALF: 'the host is cut off from etcd and management',
          Host.DARK: 'the host is cut off from everybody (or frozen), its instance lives'}


def _forgotten(small: Small, weak: Weak) -> Small:
    """Assumed: a beat lives longer than a round, so a round that is older than it is over."""
    if weak.slow:
        return small
    return small._replace(controllers=both(
        small.controllers, lambda hand: IDLE if hand.kind == 'asked' and hand.outlived else hand))


# ---------------------------------------------------------------- what the networks answer


def rounds(small: Small, weak: Weak) -> tuple[tuple[model.Round, bool], ...]:
    """Every round that may come of an ask now, and whether the host would have answered it."""
    return _rounds(small.host, small.runs, writes(small), weak.unknown)


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


def image_answer(small: Small) -> model.ImageAnswer:
    """Who has the instance's image open, and who of them acknowledges."""
    clients = [model.Client(f'{ADDRESSES[host]}:0/1', 1, True) for host in sorted(small.copies)]
    if small.runs:
        clients.append(model.Client(f'{ADDRESSES[SOURCE]}:0/1', 1, writes(small)))
    return model.ImageAnswer(IMAGE, tuple(clients))


# ---------------------------------------------------------------- Nova


def server(small: Small) -> model.Server:
    """The instance as Nova shows it."""
    host, vm_state, task = small.server
    return model.Server(INSTANCE, INSTANCE, host, vm_state, task, power_state=1)


def migrations(small: Small) -> tuple[model.Migration, ...]:
    """Nova's records of all calls, in their order."""
    return tuple(model.Migration(str(number), INSTANCE, 'evacuation', status, SOURCE, target)
                 for number, (target, status) in enumerate(small.migrations))


def called(small: Small, target: str) -> Small:
    """Nova takes a call, whatever is under way already."""
    host, vm_state, _ = small.server
    return small._replace(server=(host, vm_state, 'rebuilding'),
                          migrations=(*small.migrations, (target, 'accepted')),
                          jobs=tuple(sorted((*small.jobs, (target, 'taken')))))


def nova_moves(small: Small) -> Iterator[Move]:
    """What Nova makes of the calls that it took, and of a migration that was under way."""
    if small.coming:
        yield Move('its live migration to the host ends: Nova shows it there',
                   small._replace(coming=False, copies=frozenset(), server=(SOURCE, 'active', '')))
    for job in sorted(set(small.jobs)):
        target, state = job
        host, _, task = small.server
        if state == 'taken':
            yield Move(f'Nova starts the instance on {target}', _job(small, job, 'started')
                       ._replace(copies=small.copies | {target}))
            yield Move(f'Nova fails to start it on {target}', _ended(small, job, 'failed')
                       ._replace(server=(host, 'error', '')))
        if state == 'started':
            yield Move('Nova shows it active, still on its old host',
                       _job(small, job, 'shown')._replace(server=(host, 'active', '')))
            yield Move(f'Nova loses sight of it on {target}, and shows an error',
                       _ended(small, job, 'failed')._replace(server=(host, 'error', '')))
        if state == 'shown':
            yield Move(f'Nova shows it on {target}', _ended(small, job, 'done')
                       ._replace(server=(target, 'active', task)))


def _job(small: Small, job: tuple[str, str], state: str) -> Small:
    jobs = list(small.jobs)
    jobs.remove(job)
    return small._replace(jobs=tuple(sorted([*jobs, (job[0], state)])))


def _ended(small: Small, job: tuple[str, str], status: str) -> Small:
    """The job is over.  Nova finishes the oldest record that is open, whosever it is (measured)."""
    jobs, kept = list(small.jobs), list(small.migrations)
    jobs.remove(job)
    oldest = next(number for number, (_, found) in enumerate(kept) if found == 'accepted')
    kept[oldest] = (kept[oldest][0], status)
    return small._replace(jobs=tuple(jobs), migrations=tuple(kept))


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
STALE = Hand('stale', stale=True)


def replaced(hands: tuple[Hand, Hand], who: int, hand: Hand) -> tuple[Hand, Hand]:
    """Both hands, one of them changed."""
    return (hand, hands[1]) if who == 0 else (hands[0], hand)


def both(hands: tuple[Hand, Hand], change: Callable[[Hand], Hand]) -> tuple[Hand, Hand]:
    """Both hands, changed."""
    return change(hands[0]), change(hands[1])


def touched(small: Small, *keys: str) -> Small:
    """Whoever would compare one of these keys holds something stale from now on."""
    changed = frozenset(keys)
    def change(hand: Hand) -> Hand:
        stale = COMPARES.get(hand.kind, frozenset()) & changed
        return hand._replace(stale=True) if stale and not hand.stale else hand
    return small._replace(controllers=both(small.controllers, change),
                          workers=both(small.workers, change))


def applied(small: Small, written: Writes) -> Small:
    """The store after a transaction."""
    return touched(small._replace(**dict(written)), *(key for key, _ in written))


def canonical(small: Small, weak: Weak) -> Small:
    """The same state, without what is refused in any case: it need not be told apart.

    That is what a stale hand holds, and what was begun in a term that is lost: each commit
    compares the epoch of the term in which its look began.
    """
    small = _settled(small)
    if weak.compare or (small.controllers, small.workers) == _EMPTY:
        return small
    leader, other = both(small.controllers, _dropped)
    holder, former = both(small.workers, _dropped)
    if not weak.term:
        other = IDLE
    if not weak.permit:
        former = IDLE
        holder = holder if small.claimed else IDLE
    return small._replace(controllers=(leader, other), workers=(holder, former))


def _settled(small: Small) -> Small:
    """Once the host is confirmed, nobody reads its beat, and all that counts is who may write."""
    if small.case is None or small.case.stage is not model.Stage.CONFIRMED:
        return small
    if small.fenced or not small.runs:
        return small._replace(host=Host.DEAD, runs=False, beat=False, silent=False)
    host = Host.UP if small.host is Host.HALF else small.host
    return small._replace(host=host, beat=False, silent=False)


_EMPTY = ((IDLE, IDLE), (IDLE, IDLE))


def _dropped(hand: Hand) -> Hand:
    return STALE if hand.stale and hand.kind not in ACTS else hand


def plain(item: model.Evacuation) -> model.Evacuation:
    """The evacuation without its texts and its history, which decide nothing."""
    return dataclasses.replace(item, history=(), reason='')


def outlived(small: Small) -> Small:
    """The host has shown life: mark every silent round that was asked before."""
    return small._replace(controllers=both(
        small.controllers,
        lambda hand: hand._replace(outlived=True) if hand.verdict is model.Verdict.DEAD else hand))
