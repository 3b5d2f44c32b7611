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
import concurrent.futures
import dataclasses
from dataclasses import dataclass
import logging
import math

from kaopu_ha import permits, ports, records
from kaopu_ha.core import attempt, certain, evacuation, model
from kaopu_ha.core.attempt import Act
from kaopu_ha.core.model import Evacuation, Phase, RecoveryStage, Stage
from kaopu_ha.core.news import Fact, News
from kaopu_ha.worker.claims import Claims

LOG = logging.getLogger(__name__)

_CALL_SECONDS = 10.0
_ASK_SECONDS = 3.0
# Between two steps of one evacuation.
_POLL_SECONDS = 1.0
# Between two questions to Nova while an instance moves, unless its disk was opened: each costs Nova
# more processor time than all of ours, and it has instances to move.
_NOVA_SECONDS = 5.0
_TICK_SECONDS = 0.2
_IDLE_SECONDS = 5.0
# Of the attempt's limit: after this, what is waited for is told.
_PATIENCE_SHARE = 0.25


@dataclass
class _Task:
    """An evacuation that this worker has claimed.

    ``since``: when it first saw the present attempt, or gave up to wait for Nova's answer.
    ``step``: the step under way, ``due`` when the next one may begin, ``asked`` when Nova was.
    """

    key: str
    claim: ports.Compare
    attempt: int = -1
    since: float = 0.0
    over: bool = False
    step: concurrent.futures.Future[Exception | None] | None = None
    due: float = 0.0
    asked: float = -math.inf


@dataclass(frozen=True)
class _Record:
    """The evacuation as read, and the conditions under which it may go on."""

    item: Evacuation
    compares: tuple[ports.Compare, ...]
    inventory: model.Inventory | None
    case: model.Case | None = None


class Worker:
    """Any number of these may run, anywhere."""

    def __init__(self, store: ports.Store, name: str, cloud: ports.Cloud, queue: ports.Queue,
                 images: ports.ImageEye, libvirt: ports.LibvirtEye, rules: model.Rules,
                 clock: Callable[[], float], tell: Callable[[News], None], *,
                 now: Callable[[], str], pool: concurrent.futures.Executor, claim_ttl: int = 15,
                 concurrency: int = 4) -> None:
        self._store, self.name, self._cloud, self._queue = store, name, cloud, queue
        self._images, self._libvirt, self._rules = images, libvirt, rules
        self._clock, self._tell, self._now, self._most = clock, tell, now, concurrency
        self.claims = Claims(store, name, claim_ttl, clock)
        self._tasks: list[_Task] = []
        self._pool = pool
        self._claim_at = 0.0

    def turn(self) -> float:
        """Claim what is free, begin the steps that are due; seconds until the next turn.

        Waits for no step: one that is slow holds back its own evacuation only.
        """
        self._collect()
        try:
            self._claim()
        except ports.PortError as failure:
            LOG.warning('no tasks are taken: %s', failure)
        for task in self._tasks:
            if task.step is None and self._clock() >= task.due:
                task.step = self._pool.submit(self._step_safely, task)
        return _TICK_SECONDS if self._tasks or not self._claim_at else _IDLE_SECONDS

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
            trouble = step.result() if step is not None else None
            if trouble is not None:
                LOG.warning('%s waits: %s', task.key, trouble)
        over = [task for task in self._tasks if task.over and task.step is None]
        if over:
            self._claim_at = 0.0
        self._drop(over)

    # ------------------------------------------------------------ claims

    def _claim(self) -> None:
        free = self._most - len(self._tasks)
        if free <= 0 or self._clock() < self._claim_at:
            return
        self._claim_at = self._clock() + _POLL_SECONDS / 2
        mine = {task.key for task in self._tasks}
        for key in self._queue.take(free):
            if key in mine:
                continue
            _, recovery, instance = key.rsplit('/', 2)
            claim = self._claims_it(instance, recovery)
            if claim is not None:
                self._tasks.append(_Task(key, claim))
            else:
                # Another was faster: there may be more, and it has its hands full now.
                self._claim_at = 0.0

    def _claims_it(self, instance: str, recovery: str) -> ports.Compare | None:
        try:
            return self.claims.take(instance, recovery)
        except ports.OutcomeUnknown:
            return None

    def _drop(self, tasks: list[_Task]) -> None:
        for task in tasks:
            self._tasks.remove(task)
            try:
                self.claims.give_back(task.claim)
            except ports.PortError as failure:
                LOG.debug('claim %s lapses by itself: %s', task.claim.key, failure)

    # ------------------------------------------------------------ one step

    def _step_safely(self, task: _Task) -> Exception | None:
        try:
            self._step(task)
        except (ports.PortError, records.RecordError) as failure:
            return failure
        return None

    def _step(self, task: _Task) -> None:
        record = self._read(task)
        if record is None:
            task.over = True
            return
        item = record.item
        if not self._worth_asking(task, record):
            return
        task.asked = self._clock()
        number = len(item.attempts)
        if number != task.attempt:
            task.attempt, task.since = number, self._clock()
        seen = self._look(item, record, self._clock() - task.since)
        decision = attempt.advance(item, seen, self._rules)
        self._act(task, record, seen, decision)

    def _read(self, task: _Task) -> _Record | None:
        """The evacuation, if claim, case, proof and epoch let it go on; None if it is not ours."""
        _, recovery, _instance = task.key.rsplit('/', 2)
        keys = (task.key, task.claim.key, records.RECOVERY + recovery, records.PROOF + recovery)
        snapshot = self._store.read(*keys)
        claim, entry = snapshot.get(task.claim.key), snapshot.get(task.key)
        if claim is None or claim.created != task.claim.created or entry is None:
            return None
        item = records.decode(Evacuation, entry.value, entry.key)
        if item.phase not in (Phase.QUEUED, Phase.CALLING, Phase.MOVING):
            return None
        proof, found = snapshot.get(keys[3]), snapshot.get(keys[2])
        case_key = records.CASE + item.source
        more = self._store.read(case_key, records.INVENTORY + item.target)
        case_entry, target = more.get(case_key), more.get(records.INVENTORY + item.target)
        if found is None or case_entry is None:
            return None
        case = records.decode(model.Case, case_entry.value, case_key)
        stage = records.decode(model.Recovery, found.value, found.key).stage
        if case.recovery != recovery or case.stage is not Stage.CONFIRMED:
            return None
        if stage not in (RecoveryStage.PLANNED, RecoveryStage.EVACUATING):
            raise ports.PortError(f'the recovery is {stage.value}')
        if proof is None:
            raise ports.PortError('no fresh proof of the fence')
        compares = (task.claim, ports.Compare(task.key, modified=entry.modified),
                    ports.Compare(case_key, modified=case_entry.modified),
                    ports.Compare(keys[3], created=proof.created))
        inventory = records.decode(model.Inventory, target.value, target.key) if target else None
        return _Record(item, compares, inventory, case)

    def _look(self, item: Evacuation, record: _Record, seconds: float) -> attempt.Seen:
        server = self._cloud.server(item.instance)
        migrations: tuple[model.Migration, ...] = ()
        if item.phase is not Phase.MOVING or (server and (
                server.vm_state == 'error' or seconds >= self._rules.attempt_limit
                or server.host not in (item.source, item.target))):
            migrations = self._cloud.migrations(instance=item.instance)
        seen = attempt.Seen(server, migrations, seconds)
        if record.inventory is None or not attempt.must_ask(item, server, seconds, self._rules):
            return seen
        return self._asked(item, record.inventory, seen)

    def _worth_asking(self, task: _Task, record: _Record) -> bool:
        """True if Nova may have news: often while the disk is open there, else now and then."""
        item, target = record.item, record.inventory
        if item.phase is not Phase.MOVING or target is None or (
                self._clock() - task.asked >= _NOVA_SECONDS):
            return True
        images = self._images.clients(item.images, _ASK_SECONDS)
        return certain.open_there(attempt.Seen(
            None, images=tuple(images.values()), target_addresses=target.storage_addresses))

    def _asked(self, item: Evacuation, target: model.Inventory,
               seen: attempt.Seen) -> attempt.Seen:
        """What was seen, with the answers of Ceph, and of the target's libvirt after a call."""
        images = self._images.clients(item.images, _ASK_SECONDS)
        seen = dataclasses.replace(seen, images=tuple(images[image] for image in item.images),
                                   target_addresses=target.storage_addresses,
                                   target_uuid=target.host_uuid,
                                   target_started=target.compute_started)
        if item.phase is Phase.QUEUED:
            return self._asked_elsewhere(item, seen)
        libvirt = self._libvirt.contact([target.management_uri], _ASK_SECONDS)
        return dataclasses.replace(seen, libvirt=libvirt[target.management_uri])

    def _asked_elsewhere(self, item: Evacuation, seen: attempt.Seen) -> attempt.Seen:
        """What was seen, with what libvirt says on each other host that has a live client."""
        told = self._store.read(records.INVENTORY).under(records.INVENTORY)
        known = {host: inventory for host, inventory in
                 records.readable(model.Inventory, told).items() if host != item.source}
        seen = dataclasses.replace(seen, others={
            address: host for host, inventory in known.items()
            for address in inventory.storage_addresses})
        asked = [known[host] for host in certain.live_clients_on(seen)]
        if not asked:
            return seen
        said = self._libvirt.contact([each.management_uri for each in asked], _ASK_SECONDS)
        return dataclasses.replace(seen, elsewhere={
            each.host: certain.knows(said[each.management_uri], each.host_uuid, item.instance)
            for each in asked})

    # ------------------------------------------------------------ act

    def _act(self, task: _Task, record: _Record, seen: attempt.Seen,
             decision: attempt.Decision) -> None:
        item = record.item
        if decision.act is Act.COMMIT:
            self._first_call(task, record, seen, decision.row)
        elif decision.act is Act.CALL:
            self._tell(News(Fact.EVACUATING, item.source, f'{item.name}: called again: '
                            f'{decision.reason}'))
            task.since = self._clock()
            self._call(task, record)
        elif decision.act is Act.RESET:
            self._cloud.reset_state(item.instance, decision.state, self._permit(record))
            self._tell(News(Fact.STATE_RESET, item.source, f'{item.name}: {decision.reason}'))
        elif decision.act is Act.MOVING:
            self._went(task, record, Phase.MOVING, decision.reason, decision.row)
        elif decision.act is Act.WAIT:
            self._waits(task, record, decision)
        elif decision.act in _ENDS:
            self._end(task, record, _ENDS[decision.act], decision.reason, decision.row)

    def _first_call(self, task: _Task, record: _Record, seen: attempt.Seen, row: str) -> None:
        """Persist the attempt, then read it back with the rest, then call."""
        item = record.item
        known = tuple(migration.id for migration in seen.migrations)
        started = record.inventory.compute_started if record.inventory else ''
        made = model.Attempt(len(item.attempts) + 1, item.target, self.name, self._now(),
                             item.epoch, seen_before=known, target_started=started)
        item = dataclasses.replace(item, attempts=(*item.attempts, made))
        if not self._went(task, dataclasses.replace(record, item=item), Phase.CALLING,
                          f'attempt {made.number}, to {item.target}', row):
            return
        task.attempt, task.since = len(item.attempts), self._clock()
        again = self._read(task)
        if again is not None and seen.server is not None and seen.server.host != item.target:
            self._call(task, again)

    def _call(self, task: _Task, record: _Record) -> None:
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
        except ports.OutcomeUnknown:
            # A Nova that had no time to answer may begin with the call only now: it has all of
            # the settle_seconds from here on to show a trace (called twice, one ended in ERROR).
            task.since = self._clock()
            raise
        else:
            self._went(task, record, Phase.MOVING, 'Nova took the call')

    def _waits(self, task: _Task, record: _Record, decision: attempt.Decision) -> None:
        """Write down and tell what is waited for, once it takes long."""
        reason = decision.reason
        patience = self._rules.attempt_limit * _PATIENCE_SHARE
        if reason == record.item.reason or self._clock() - task.since < patience:
            return
        item = dataclasses.replace(record.item, reason=reason, row=decision.row)
        if self._store.commit(record.compares[:3],
                              [ports.Put(task.key, records.encode(item))]) is not None:
            self._tell(News(Fact.WAITS, item.source, f'{item.name} to {item.target}: {reason}'))

    def _end(self, task: _Task, record: _Record, phase: Phase, reason: str,
             row: str = '') -> None:
        item = self._went(task, record, phase, reason, row)
        if item is None:
            return
        task.over = True
        fact = {Phase.DONE: Fact.MOVED, Phase.REFUSED: Fact.REFUSED}.get(phase, Fact.NOT_MOVED)
        ended = (evacuation.outcome(item, record.case),) if phase.ended else ()
        self._tell(News(fact, item.source, f'{item.name} to {item.target}: {reason}', ended))

    def _went(self, task: _Task, record: _Record, phase: Phase, reason: str,
              row: str = '') -> Evacuation | None:
        """The evacuation as it was committed in its next phase; None if that was refused."""
        item = evacuation.went(record.item, phase, self._now(), self.name, reason, row)
        # The proof permits calls; the result of one is written down even if it lapsed meanwhile.
        compares = record.compares if phase is Phase.CALLING else record.compares[:3]
        done = self._store.commit(compares, [ports.Put(task.key, records.encode(item))])
        return None if done is None else item

    def _permit(self, record: _Record) -> ports.Permit:
        return permits.LeasePermit(self._store, self.claims.left, record.compares, _CALL_SECONDS)


_ENDS = {Act.DONE: Phase.DONE, Act.LEFT: Phase.LEFT, Act.REFUSED: Phase.REFUSED,
         Act.FAILED: Phase.FAILED}
