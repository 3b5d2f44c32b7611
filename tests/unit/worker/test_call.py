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

"""A worker with a real store, and a Nova that loses its answers."""

import concurrent.futures
import unittest

from kaopu_ha import ports, records
from kaopu_ha.core import model
from kaopu_ha.core.model import Phase, RecoveryStage, Stage
from kaopu_ha.core.rules import Rules
from kaopu_ha.drivers.etcd import store as etcd
from kaopu_ha.worker.queue import RecordQueue
from kaopu_ha.worker.worker import Worker
from tests import etcd_single
from tests.core import values
from tests.unit.controller.scene import an_env

CALL_SECONDS = 10.0


class SlowNova:
    """Takes each call, and gives no answer within the limit; shows no trace of it meanwhile."""

    def __init__(self, clock):
        self.clock, self.called_at = clock, []

    def server(self, uuid):
        return values.a_server(uuid)

    def migrations(self, **query):
        return ()

    def services(self):
        return {'c2': values.a_service()}

    def evacuate(self, instance, target, permit):
        self.called_at.append(self.clock.now)
        self.clock.now += CALL_SECONDS
        raise ports.OutcomeUnknown('no answer')


class NoToTheSecond(SlowNova):
    """Takes the first call and shows a migration that stays; says no to every other one."""

    def migrations(self, **query):
        return (values.a_migration(),) if self.called_at else ()

    def evacuate(self, instance, target, permit):
        self.called_at.append(self.clock.now)
        if len(self.called_at) > 1:
            raise ports.Refused('the task state is rebuilding')


class Hanging(SlowNova):
    """Takes the call; the nova-compute that is to carry it out hangs, and is shown down."""

    def migrations(self, **query):
        return (values.a_migration(),) if self.called_at else ()

    def services(self):
        return {'c2': values.a_service(up=False)}

    def evacuate(self, instance, target, permit):
        self.called_at.append(self.clock.now)


class Clock:
    now = 1000.0

    def __call__(self):
        return self.now


class Images:
    def clients(self, images, limit):
        return {image: model.ImageAnswer(image) for image in images}


class Libvirt:
    """The target's libvirt, which knows no domain."""

    def contact(self, uris, limit):
        return {uri: model.LibvirtAnswer(model.Contact.ANSWERED, values.UUID) for uri in uris}


class TheCallWhoseOutcomeIsUnknown(unittest.TestCase):

    def setUp(self):
        self.store = etcd.EtcdStore([etcd_single.until(self.addCleanup).endpoint],
                                    timeout=20.0, try_limit=10.0)
        self.addCleanup(self.store.close)
        recovery = values.a_recovery(stage=RecoveryStage.PLANNED)
        evacuation = values.an_evacuation(phase=Phase.QUEUED, target='c2')
        self.store.commit([], [ports.Put(key, records.encode(value)) for key, value in (
            (records.CASE + 'c1', values.a_case(Stage.CONFIRMED, recovery=recovery.id)),
            (records.RECOVERY + recovery.id, recovery),
            (records.PROOF + recovery.id, records.ProofMark('c', values.AT)),
            (records.INVENTORY + 'c2', values.an_inventory('c2')),
            (f'{records.EVACUATION}{recovery.id}/{evacuation.instance}', evacuation))])

    def a_worker(self, nova, clock, rules):
        pool = concurrent.futures.ThreadPoolExecutor(1)
        self.addCleanup(pool.shutdown)
        worker = Worker(self.store, nova, RecordQueue(self.store), Images(), Libvirt(),
                        an_env(clock, name='w1', rules=rules, pool=pool), claim_ttl=3000)
        worker.claims.turn()
        return worker

    def the_evacuation(self):
        [(name, entry)] = self.store.read(records.EVACUATION).under(records.EVACUATION).items()
        return records.decode(model.Evacuation, entry.value, name)

    def test_novas_no_to_a_repeated_call_ends_nothing(self):
        rules, clock = Rules(), Clock()
        nova = NoToTheSecond(clock)
        worker = self.a_worker(nova, clock, rules)
        with self.assertLogs('kaopu_ha.worker.worker', 'WARNING') as logs:
            for _ in range(200):
                worker.turn()
                clock.now += 5.0
                if any('not called again' in line for line in logs.output):
                    break
        found = self.the_evacuation()
        self.assertEqual((Phase.MOVING, 'c2', 1), (found.phase, found.target, len(found.attempts)))
        self.assertEqual((2, 2), (len(nova.called_at), found.attempt.calls))

    def test_one_that_only_waits_gives_its_claim_back_and_is_taken_up_again_after_a_pause(self):
        rules, clock = Rules(), Clock()
        nova = Hanging(clock)
        worker = self.a_worker(nova, clock, rules)
        claimed = []
        for _ in range(300):
            worker.turn()
            clock.now += 1.0
            claimed.append(bool(self.store.read(records.CLAIM).under(records.CLAIM)))
        found = self.the_evacuation()
        self.assertEqual(1, len(nova.called_at))
        self.assertEqual((Phase.MOVING, 1), (found.phase, found.attempt.calls))
        self.assertGreaterEqual(found.set_aside, 1)
        self.assertGreaterEqual(found.waited, rules.attempt_limit)
        first = claimed.index(True)
        self.assertIn(False, claimed[first:])
        self.assertIn(True, claimed[claimed.index(False, first):])

    def test_it_is_repeated_only_after_a_rest_that_begins_when_the_call_was_given_up(self):
        rules, clock = Rules(), Clock()
        nova = SlowNova(clock)
        worker = self.a_worker(nova, clock, rules)
        with self.assertLogs('kaopu_ha.worker.worker', 'WARNING'):
            while len(nova.called_at) < 2:
                worker.turn()
                clock.now += 1.0
        first, second = nova.called_at
        self.assertGreaterEqual(second - first, CALL_SECONDS + rules.settle_seconds)
