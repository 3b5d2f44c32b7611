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

"""Mutants: the program with one thing wrong.  The runs have to find each of them.

Each is a switch of the tests: it takes something out of the program, or out of the false world
where the program relies on it, until its test ends.
"""

from collections.abc import Callable
import dataclasses
import inspect
import unittest

import fixtures

from kaopu_ha import ports, records
from kaopu_ha.controller.detector import Detector
from kaopu_ha.controller.reminder import Reminder
from kaopu_ha.core import (
    attempt,
    certain,
    detection,
    evidence,
    fencing,
    model,
    recovery,
    roads,
)
from kaopu_ha.core.model import Phase, Sign, Stage, Verdict
from kaopu_ha.core.rows import Condition
from kaopu_ha.sim import scenarios, story
from kaopu_ha.sim.blocklist import SimBlocklist
from kaopu_ha.sim.leave import Leave
from kaopu_ha.sim.store import SimStore
from kaopu_ha.worker.tasks import TaskRecord
from kaopu_ha.worker.worker import Worker

Switch = Callable[[], list[fixtures.MonkeyPatch]]
MUTANTS: dict[str, Switch] = {}


class InStories(unittest.TestCase):
    """Mutants that a story finds."""

    def finds(self, name, law, *mutants, change=str):
        """The story, with its text changed, breaks this law for these mutants."""
        for each in mutants:
            each.setUp()
            self.addCleanup(each.cleanUp)
        self.assertIn(law, ''.join(story.play(story.read(change(scenarios.text(name)))).wrong))


def mutant(name: str) -> Callable[[Switch], Switch]:
    """Keep a mutant under its name."""
    def keep(switch: Switch) -> Switch:
        MUTANTS[name] = switch
        return switch
    return keep


def put(owner, name, value):
    """Put something else in the place of a function or a value that is there.

    What has another name by now, or takes something else, would be no mutant: found by nobody, or
    by its own TypeError.
    """
    former = getattr(owner, name)
    if inspect.isfunction(former) and inspect.isfunction(value):
        taken = inspect.signature(former).parameters.values()
        inspect.signature(value).bind(
            *(each for each in taken if each.kind is each.POSITIONAL_OR_KEYWORD),
            **{each.name: each for each in taken if each.kind is each.KEYWORD_ONLY})
    return fixtures.MonkeyPatch(f'{owner.__module__}.{owner.__name__}.{name}'
                                if isinstance(owner, type) else f'{owner.__name__}.{name}', value)


# ---------------------------------------------------------------- the fence


@mutant('no fence')
def no_fence():
    return [put(SimBlocklist, 'fence', lambda fence, order, permit: None),
            put(fencing, 'missing', lambda orders, proofs: '')]


@mutant('fence on one cluster of two')
def one_cluster():
    real = SimBlocklist.orders

    def orders(fence, inventory, clusters, clients):
        return real(fence, inventory, clusters, clients)[:1]
    return [put(SimBlocklist, 'orders', orders),
            put(fencing, 'fenced_clusters', lambda orders: frozenset('ab'))]


@mutant('entry that expires')
def expires():
    return [put(SimBlocklist, 'expiry', 60.0)]


@mutant('fence not read back again')
def not_read_back():
    def kept(item, seen):
        # What was proven once is believed for ever: the proof is shown, and nothing is asked.
        return None if seen.marked and seen.fresh else recovery.Decision(recovery.Act.MARK, item)
    return [put(recovery, '_kept', kept)]


# ---------------------------------------------------------------- the verdict


@mutant('UNKNOWN counted as SILENCE')
def unknown_is_silence():
    real = detection.judged

    def silent(found):
        unknown = found.sign is Sign.UNKNOWN
        return dataclasses.replace(found, sign=Sign.SILENCE) if unknown else found

    def judged(said, word=None):
        return real(tuple(map(silent, said)), word)
    return [put(detection, 'judged', judged)]


@mutant('edge instead of level')
def edge():
    real = Detector._remember

    def remember(detector, world):
        known = set(detector._known.hosts)
        real(detector, world)
        # Only a beat that this leader saw lapse opens a case.
        detector._known = dataclasses.replace(detector._known, hosts={
            host: dataclasses.replace(memory, missing_since=float('inf'))
            if host not in known and memory.missing_since is not None else memory
            for host, memory in detector._known.hosts.items()})
    return [put(Detector, '_remember', remember)]


@mutant('no last look')
def no_last_look():
    shorter = roads.CASE | {Stage.LOCKED: roads.CASE[Stage.LOCKED] | {Stage.CONFIRMED}}
    return [put(detection, '_ROADS', detection._ROADS | {Stage.LOCKED: _confirm_when_silent}),
            put(roads, 'CASE', shorter)]


def _confirm_when_silent(case, seen, rules):
    waited = detection._waited(case, seen, rules)
    if waited.waited < rules.lock_wait(case.kernel_answered):
        return detection._locked(case, seen, rules)
    return detection._last_look(waited, seen, rules)


@mutant('time counted under UNKNOWN')
def counted_under_unknown():
    real = detection.advance

    def advance(case, seen, rules):
        decision = real(case, seen, rules)
        blind = seen.round is not None and seen.round.verdict is Verdict.UNDECIDED
        if blind and decision.case.stage in (Stage.DYING, Stage.LOCKED):
            longer = dataclasses.replace(decision.case,
                                         waited=decision.case.waited + rules.look_interval)
            return dataclasses.replace(decision, case=longer)
        return decision
    return [put(detection, 'advance', advance)]


@mutant('listed watcher taken for life')
def listed_is_life():
    real = evidence.storage

    def storage(inventory, answers, observer, *more):
        return real(inventory, [dataclasses.replace(answer, clients=tuple(
            dataclasses.replace(client, acknowledged=True) for client in answer.clients))
            for answer in answers], observer, *more)
    return [put(evidence, 'storage', storage)]


@mutant('seconds waited taken from the wall clock')
def wall_clock():
    real = Detector.__init__

    def init(detector, store, leadership, probes, cloud, fences, env, heard=None):
        # A wall clock that is set forward again and again.
        real(detector, store, leadership, probes, cloud, fences, dataclasses.replace(
            env, clock=lambda: env.clock() + 3.0 * (env.clock() // 2.0)), heard)

    def waited(case, seen, rules):
        # Nor is it limited to what two looks may take: such a clock is believed.
        return dataclasses.replace(case, waited=round(case.waited + seen.since_last, 3))
    return [put(Detector, '__init__', init), put(detection, '_waited', waited)]


# ---------------------------------------------------------------- acts and calls


@mutant('no compare-and-swap')
def no_compare():
    real = SimStore.commit
    return [put(SimStore, 'commit', lambda store, compares, writes: real(store, [], writes))]


@mutant('second call while the first may run')
def second_call():
    def rash(row):
        soon = Condition('', '', lambda it: it.on_source and it.seen.seconds > 4)
        return dataclasses.replace(row, act=attempt.Act.CALL, when=(soon, *row.when))
    return [put(attempt, 'UNDER_WAY', tuple(
        each for row in attempt.UNDER_WAY
        for each in ((rash(row), row) if row.act is attempt.Act.WAIT else (row,))))]


@mutant('outside act without its deadline')
def no_deadline():
    return [put(Leave, 'insist', lambda leave: None)]


@mutant('task not checked against the epoch')
def not_checked():
    def read(worker, task):
        _, recovery, _instance = task.key.rsplit('/', 2)
        snapshot = worker._store.read(task.key, task.claim.key)
        claim, entry = snapshot.get(task.claim.key), snapshot.get(task.key)
        if claim is None or claim.created != task.claim.created or entry is None:
            return None
        item = records.decode(model.Evacuation, entry.value, entry.key)
        if item.phase not in (Phase.QUEUED, Phase.CALLING, Phase.MOVING):
            return None
        target = worker._store.read(records.INVENTORY + item.target).get(
            records.INVENTORY + item.target)
        inventory = records.decode(model.Inventory, target.value) if target else None
        return TaskRecord(item, True, (task.claim, ports.Compare(task.key, modified=entry.modified),
                                       task.claim), inventory)
    return [put(Worker, '_read', read)]


@mutant('foreign client taken for "runs elsewhere"')
def foreign_client():
    def running_on(seen):
        clients = [client.ip for answer in seen.images or () for client in answer.clients
                   if client.acknowledged]
        return min(clients, default='')
    return [put(certain, 'running_on', running_on)]


# ---------------------------------------------------------------- what people are told


@mutant('nobody is reminded')
def not_reminded():
    return [put(Reminder, 'turn', lambda reminder: 60.0)]
