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

"""Takes evacuations from the queue and carries each one out, step by step.

A step is: look at Nova (and at the target, when it matters), have ``core.attempt`` decide, commit,
act.  What is not yet in the store is not done; what is in the store survives the worker.
"""

from __future__ import annotations

from collections.abc import Callable
import dataclasses
import logging

from kaopu_ha import permits, ports, records
from kaopu_ha.core import attempt, evacuation, model
from kaopu_ha.core.attempt import Act
from kaopu_ha.core.model import Evacuation, Phase, Stage
from kaopu_ha.core.news import Fact, News
from kaopu_ha.runtime import Runtime
from kaopu_ha.unanswered import Untold
from kaopu_ha.worker.claims import ClaimKeeper
from kaopu_ha.worker.looker import NOVA_SECONDS, CallTimes, Looker, returned
from kaopu_ha.worker.resting import Resting
from kaopu_ha.worker.tasks import Task, TaskRecord

LOG = logging.getLogger(__name__)

_CALL_SECONDS = 10.0
# Between two steps of one evacuation.
_POLL_SECONDS = 1.0
_TICK_SECONDS = 0.2
_IDLE_SECONDS = 5.0


class Worker:
    """Any number of these may run, anywhere."""

    def __init__(self, store: ports.Store, cloud: ports.Cloud, queue: ports.Queue,
                 images: ports.ImageObserver, libvirt: ports.LibvirtObserver, env: Runtime, *,
                 claim_ttl: int = 15, concurrency: int = 4) -> None:
        self._store, self.name, self._cloud, self._queue = store, env.name, cloud, queue
        self._looker = Looker(store, cloud, images, libvirt, env.rules, env.clock)
        self._rules, self._clock, self._tell = env.rules, env.clock, env.tell
        self._now, self._most = env.now, concurrency
        self.claims = ClaimKeeper(store, env.name, claim_ttl, env.clock)
        self._tasks: list[Task] = []
        self._pool = env.pool(concurrency, 'evacuate')
        self._claim_at = 0.0
        self._resting, self._untold = Resting(store, env.clock, env.rules), Untold(store, env.tell)
        # Why nothing was taken in the last turn, '' if that is not so.
        self.trouble = ''

    def turn(self) -> float:
        """Claim what is free, begin the steps that are due; seconds until the next turn.

        Waits for no step: one that is slow holds back its own evacuation only.
        """
        self._collect()
        self._untold.look()
        try:
            self._claim()
            self.trouble = ''
        except ports.PortError as failure:
            self.trouble = str(failure)
            LOG.warning('no tasks are taken: %s', failure)
        for task in self._tasks:
            if task.step is None and self._clock() >= task.due:
                task.step = self._pool.submit(self._step_safely, task)
        busy = self._tasks or self._untold.waits or not self._claim_at
        return _TICK_SECONDS if busy else _IDLE_SECONDS

    def listen(self, wake: Callable[[], None]) -> None:
        """Have ``wake`` called when the queue has a task; the next turn then takes it at once."""
        def tell() -> None:
            self._claim_at = 0.0
            wake()
        self._queue.listen(tell)

    def close(self) -> None:
        """Give the claims back.  While a step is under way they are left to lapse."""
        if all(task.step is None or task.step.done() for task in self._tasks):
            self.claims.close()

    def _collect(self) -> None:
        """Take up what ended steps left."""
        for task in [task for task in self._tasks if task.step is not None and task.step.done()]:
            step, task.step = task.step, None
            task.due = self._clock() + _POLL_SECONDS
            self._judge(task, step.result() if step is not None else None)
        over = [task for task in self._tasks if task.over and task.step is None]
        if over:
            self._claim_at = 0.0
        self._drop(over)

    def _judge(self, task: Task, trouble: Exception | None) -> None:
        """What fails for long gives its place to another one: its own trouble is not theirs."""
        if trouble is None:
            task.troubled = None
            return
        LOG.warning('%s waits: %s', task.key, trouble)
        if task.troubled is None:
            task.troubled = self._clock()
        elif self._clock() - task.troubled >= self._patience():
            self._resting.rest(task.key, self._rules.pause(1))
            task.over = True

    # ------------------------------------------------------------ claims

    def _claim(self) -> None:
        free = self._most - len(self._tasks)
        if free <= 0 or self._clock() < self._claim_at:
            return
        self._claim_at = self._clock() + _POLL_SECONDS / 2
        mine = {task.key for task in self._tasks}
        self._resting.look()
        for key in self._resting.awake(self._queue.take(free + len(self._resting)), mine, free):
            _, recovery, instance = key.rsplit('/', 2)
            claim = self._claims_it(instance, recovery)
            if claim is not None:
                self._tasks.append(Task(key, claim, began=self._clock()))
            else:
                # Another was faster: there may be more, and it has its hands full now.
                self._claim_at = 0.0

    def _claims_it(self, instance: str, recovery: str) -> ports.Compare | None:
        try:
            return self.claims.take(instance, recovery)
        except ports.OutcomeUnknown:
            return None

    def _drop(self, tasks: list[Task]) -> None:
        for task in tasks:
            self._tasks.remove(task)
            try:
                self.claims.give_back(task.claim)
            except ports.PortError as failure:
                LOG.debug('claim %s lapses by itself: %s', task.claim.key, failure)

    # ------------------------------------------------------------ one step

    def _step_safely(self, task: Task) -> Exception | None:
        try:
            self._step(task)
        except (ports.PortError, records.RecordError) as failure:
            return failure
        except Exception as failure:
            # Whatever an answer or a record of one of them does, the others go on.
            LOG.exception('the step of %s failed', task.key)
            return failure
        return None

    def _step(self, task: Task) -> None:
        record = self._read(task)
        if record is None:
            task.over = True
            return
        item = record.item
        if self._resting.begins(task.key, item):
            task.over = True
            return
        if not self._looker.is_due(item, record.inventory, task.asked):
            return
        task.asked = self._clock()
        number = len(item.attempts)
        if number != task.attempt:
            task.attempt, task.since = number, self._resting.since(task.key, item)
        task.times.seconds = item.waited + self._clock() - task.since
        seen = self._looker.seen(item, record.inventory, task.times,
                                 source_returned=record.source_returned, orders=record.orders)
        decision = attempt.advance(item, seen, self._rules)
        self._act(task, record, seen, decision)

    def _read(self, task: Task) -> TaskRecord | None:
        """The evacuation, if claim, case, proof and epoch let it go on; None if it is not ours."""
        _, recovery, _instance = task.key.rsplit('/', 2)
        keys = (task.key, task.claim.key, records.RECOVERY + recovery, records.PROOF + recovery)
        snapshot = self._store.read(*keys)
        claim, entry = snapshot.get(task.claim.key), snapshot.get(task.key)
        if claim is None or claim.created != task.claim.created or entry is None:
            return None
        item = records.record(Evacuation, entry)
        if item.phase not in (Phase.QUEUED, Phase.CALLING, Phase.MOVING):
            return None
        proof, found = snapshot.get(keys[3]), snapshot.get(keys[2])
        case_key = records.CASE + item.source
        more = self._store.read(case_key, records.INVENTORY + item.target,
                                records.INVENTORY + item.source)
        case_entry, target = more.get(case_key), more.get(records.INVENTORY + item.target)
        if found is None or case_entry is None:
            return None
        case = records.record(model.Case, case_entry)
        whole = records.record(model.Recovery, found)
        stage = whole.stage
        if case.recovery != recovery or case.stage is not Stage.CONFIRMED:
            return None
        if not stage.moving:
            raise ports.PortError(f'the recovery is {stage.value}')
        if proof is None and item.phase is Phase.QUEUED:
            raise ports.PortError(_UNPROVEN)
        compares = (task.claim, ports.Compare(task.key, modified=entry.modified),
                    ports.Compare(case_key, modified=case_entry.modified),
                    ports.Compare(keys[3], created=proof.created if proof is not None else 0))
        inventory = records.record(model.Inventory, target) if target else None
        return TaskRecord(item, proof is not None, compares, inventory, case,
                          returned(case, more.get(records.INVENTORY + item.source)),
                          whole.orders if proof is not None else ())

    # ------------------------------------------------------------ act

    def _act(self, task: Task, record: TaskRecord, seen: attempt.Seen,
             decision: attempt.Decision) -> None:
        item = record.item
        if decision.act in _UNDER_PROOF and not record.proven:
            self._waits(task, record, dataclasses.replace(
                decision, act=Act.WAIT, reason=f'{decision.reason}; {_UNPROVEN}', row=''))
        elif decision.act is Act.COMMIT:
            self._first_call(task, record, seen, decision.row)
        elif decision.act is Act.CALL:
            self._call_again(task, record, decision)
        elif decision.act in (Act.RESET, Act.SHOW):
            self._cloud.reset_state(item.instance, decision.state, self._permit(record))
            self._tell(News(Fact.STATE_RESET, item.source, f'{item.name}: {decision.reason}'))
        elif decision.act is Act.MOVING:
            self._went(task, record, Phase.MOVING, decision.reason, decision.row)
        elif decision.act is Act.HAVE_FENCED:
            self._have_fenced(task, record, seen, decision)
        elif decision.act is Act.WAIT:
            self._waits(task, record, decision)
        elif decision.act in _ENDS:
            self._end(task, record, _ENDS[decision.act], decision.reason, decision.row)

    def _first_call(self, task: Task, record: TaskRecord, seen: attempt.Seen, row: str) -> None:
        """Persist the attempt, then read it back with the rest, then call."""
        item = record.item
        known = tuple(migration.id for migration in seen.migrations)
        there = seen.server is not None and seen.server.host == item.target
        started = record.inventory.compute_started if record.inventory else ''
        made = model.Attempt(len(item.attempts) + 1, item.target, self.name, self._now(),
                             item.epoch, seen_before=known, target_started=started,
                             calls=int(not there))
        item = dataclasses.replace(item, attempts=(*item.attempts, made))
        if not self._went(task, dataclasses.replace(record, item=item), Phase.CALLING,
                          f'attempt {made.number}, to {item.target}', row):
            return
        task.attempt, task.since = len(item.attempts), self._clock()
        again = self._read(task)
        if again is not None and again.proven and not there:
            self._call(task, again)

    def _call_again(self, task: Task, record: TaskRecord, decision: attempt.Decision) -> None:
        """Count the call in the record, read it back with the rest, then call."""
        before = record.item
        assert before.attempt is not None
        made = dataclasses.replace(before.attempt, calls=before.attempt.calls + 1)
        counted = dataclasses.replace(before, attempts=(*before.attempts[:-1], made))
        if not self._went(task, dataclasses.replace(record, item=counted), before.phase,
                          f'called again: {decision.reason}', decision.row, calls=True):
            return
        self._tell(News(Fact.EVACUATING, before.source, f'{before.name}: called again: '
                                                        f'{decision.reason}'))
        task.since, task.times = self._clock(), CallTimes()
        again = self._read(task)
        if again is not None and again.proven:
            self._call(task, again)

    def _call(self, task: Task, record: TaskRecord) -> None:
        item = record.item
        try:
            self._cloud.evacuate(item.instance, item.target, self._permit(record))
        except ports.Refused as refusal:
            if item.phase is Phase.MOVING:
                # Nova had the first call: what it says of another is no end of that one.
                raise ports.PortError(f'not called again: {refusal}') from refusal
            self._end(task, record, Phase.REFUSED, str(refusal))
        except ports.NotPermitted as why:
            LOG.info('%s was not called: %s', item.name, why)
            made = item.attempt
            if made is not None and made.calls == 1 and made.worker == self.name:
                # Nobody else could call: there is no trace to be waited for.
                task.since = self._clock() - self._rules.settle_seconds
        except ports.OutcomeUnknown:
            # A Nova that had no time to answer may begin with the call only now: it has all of
            # the settle_seconds from here on to show a trace (called twice, one ended in ERROR).
            task.since = self._clock()
            raise
        else:
            if self._went(task, record, Phase.MOVING, 'Nova took the call') is None:
                # Another has it by now: a machine that was paused before the act acts too late.
                self._tell(News(Fact.ACTED_LATE, item.source, f'{self.name} called for {item.name} '
                                f'to {item.target}, though its record or claim had changed'))

    def _have_fenced(self, task: Task, record: TaskRecord, seen: attempt.Seen,
                     decision: attempt.Decision) -> None:
        """Name the clients to the leader, which has the proof end until they are fenced, too."""
        item = record.item
        named = attempt.to_be_fenced(item, seen, self._rules)
        if named == item.clients:
            self._waits(task, record, decision)
            return
        item = dataclasses.replace(item, clients=named, reason=decision.reason, row=decision.row)
        if self._store.commit(record.compares[:3],
                              [ports.Put(task.key, records.encode(item))]) is not None:
            self._tell(News(Fact.WAITS, item.source,
                            f'{item.name} to {item.target}: {decision.reason}'))

    def _waits(self, task: Task, record: TaskRecord, decision: attempt.Decision) -> None:
        """Write down and tell what is waited for, once it takes long; then put it aside."""
        reason = decision.reason
        if self._has_its_time(task, record.item):
            self._put_aside(task, record, decision)
            return
        if reason == record.item.reason or self._clock() - task.since < self._patience():
            return
        item = dataclasses.replace(record.item, reason=reason, row=decision.row)
        if self._store.commit(record.compares[:3],
                              [ports.Put(task.key, records.encode(item))]) is not None:
            self._tell(News(Fact.WAITS, item.source, f'{item.name} to {item.target}: {reason}'))

    def _patience(self) -> float:
        return self._rules.attempt_limit * self._rules.patience_share

    def _has_its_time(self, task: Task, item: Evacuation) -> bool:
        """True if it only waits, and its place is better used for another one.

        A call has as long as it may take by itself; what is taken up again, as long as it takes to
        see that a nova-compute is up.
        """
        held = self._clock() - task.began
        if item.phase is Phase.QUEUED:
            return held >= self._patience()
        waited = item.waited + self._clock() - task.since
        least = max(self._rules.attempt_limit, self._rules.service_down_seconds)
        return (waited >= least + self._rules.settle_seconds
                and held >= self._rules.settle_seconds + 2 * NOVA_SECONDS)

    def _put_aside(self, task: Task, record: TaskRecord, decision: attempt.Decision) -> None:
        """Give its place and its claim back; who takes it up again goes on with its time."""
        item = record.item
        waited = item.waited + self._clock() - task.since
        aside = dataclasses.replace(item, reason=decision.reason, row=decision.row,
                                    set_aside=item.set_aside + 1, waited=round(waited, 3))
        if self._store.commit(record.compares[:3],
                              [ports.Put(task.key, records.encode(aside))]) is None:
            return
        task.over = True
        self._resting.rest(task.key, self._rules.pause(aside.set_aside), aside.set_aside)
        if decision.reason != item.reason:
            self._tell(News(Fact.WAITS, item.source,
                            f'{item.name} to {item.target}: {decision.reason}'))

    def _end(self, task: Task, record: TaskRecord, phase: Phase, reason: str,
             row: str = '') -> None:
        item = evacuation.went(record.item, phase, self._now(), self.name, reason, row)
        fact = {Phase.DONE: Fact.MOVED, Phase.REFUSED: Fact.REFUSED,
                Phase.LEFT: Fact.LEFT}.get(phase, Fact.NOT_MOVED)
        ended = (evacuation.outcome(item, record.case),) if phase.ended else ()
        news = News(fact, item.source, f'{item.name} to {item.target}: {reason}', ended)
        with self._untold.keeping(task.key, record.compares[1].modified or 0, item, [news]):
            if not self._write(task, record, item):
                return
        task.over = True
        self._tell(news)

    def _went(self, task: Task, record: TaskRecord, phase: Phase, reason: str,
              row: str = '', *, calls: bool = False) -> Evacuation | None:
        """The evacuation as it was committed in its next phase; None if that was refused."""
        item = evacuation.went(record.item, phase, self._now(), self.name, reason, row)
        # The proof permits calls; the result of one is written down even if it lapsed meanwhile.
        calls = calls or phase is Phase.CALLING
        return item if self._write(task, record, item, calls=calls) else None

    def _write(self, task: Task, record: TaskRecord, item: Evacuation, *,
               calls: bool = False) -> bool:
        compares = record.compares if calls else record.compares[:3]
        done = self._store.commit(compares, [ports.Put(task.key, records.encode(item))])
        return done is not None

    def _permit(self, record: TaskRecord) -> ports.Permit:
        return permits.LeasePermit(self._store, self.claims.left, record.compares, _CALL_SECONDS)


_UNPROVEN = 'no fresh proof of the fence'
# What runs on its target is called for by nobody: that Nova shows it so needs none.
_UNDER_PROOF = (Act.COMMIT, Act.CALL, Act.RESET)
_ENDS = {Act.DONE: Phase.DONE, Act.LEFT: Phase.LEFT, Act.REFUSED: Phase.REFUSED,
         Act.FAILED: Phase.FAILED}
