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

"""What is counted, as it is read over HTTP; and that counting changes nothing."""

import socket
import unittest
import urllib.request

from prometheus_client import parser

from kaopu_ha import ports, programs, records
from kaopu_ha.core import model
from kaopu_ha.core.model import Network, Phase, RecoveryStage, Sign, Stage
from kaopu_ha.core.news import Fact, News
from kaopu_ha.drivers.etcd import store as etcd
from kaopu_ha.drivers.prometheus import metrics as prometheus
from kaopu_ha.telling import notices, standing
from kaopu_ha.telling.measures import Measures
from kaopu_ha.testing.notifier import an_outcome, some_news
from kaopu_ha.wiring import controller
from tests import etcd_single
from tests.core import values
from tests.unit.test_conf import ConfCase, made

NAME = 'control-1/7'


def scraped(port):
    """Every sample by its name and labels, as a client of Prometheus reads the page."""
    with urllib.request.urlopen(f'http://127.0.0.1:{port}/metrics', timeout=20) as page:
        text = page.read().decode()
    return {(sample.name, *sorted(sample.labels.items())): sample.value
            for family in parser.text_string_to_metric_families(text)
            for sample in family.samples}


class MetricsCase(unittest.TestCase):

    def setUp(self):
        super().setUp()
        self.metrics = prometheus.Metrics('worker', '1.2', [fact.key for fact in Fact],
                                          notices.RESULTS.values())
        self.port = self.metrics.serve('127.0.0.1', 0)
        self.addCleanup(self.metrics.close)
        self.now = 0.0
        self.measures = Measures(self.metrics, lambda: self.now)

    def value(self, name, **labels):
        return scraped(self.port).get((f'kaopu_ha_{name}', *sorted(labels.items())))


class TestNews(MetricsCase):

    def test_the_process_and_its_release_are_told(self):
        self.assertEqual(1.0, self.value('build_info', process='worker', version='1.2'))

    def test_every_fact_is_there_from_the_beginning(self):
        found = scraped(self.port)
        for fact in Fact:
            self.assertEqual(0.0, found['kaopu_ha_news_total', ('fact', fact.key)])

    def test_news_are_counted_with_the_moves_whose_end_they_tell(self):
        self.measures.news(some_news())
        self.measures.news(some_news(fact=Fact.PLANNED, outcomes=(
            an_outcome(result='not recoverable'), an_outcome(result='not recoverable'))))
        self.assertEqual(1.0, self.value('news_total', fact='moved'))
        self.assertEqual(1.0, self.value('evacuations_total', result='moved'))
        self.assertEqual(2.0, self.value('evacuations_total', result='not_recoverable'))
        self.assertEqual((1.0, 352.2), (self.value('instance_down_seconds_count'),
                                        self.value('instance_down_seconds_sum')))

    def test_notices_are_counted_by_notifier(self):
        self.measures.notifiers(['webhook'])
        self.measures.notice('webhook', 'lost')
        self.assertEqual([0.0, 1.0], [
            self.value('notices_total', notifier='webhook', result=result)
            for result in ('sent', 'lost')])


class TestLoops(MetricsCase):
    """When a turn ended well last, by loop."""

    def setUp(self):
        super().setUp()
        self.ended, self.trouble = 5.0, ''
        loop = programs.Loop('detector', self.turn, ('alive/',), trouble=lambda: self.trouble)
        self.loop, = self.measures.loops([loop])
        self.metrics.last_good_turn.labels('detector').set(1.0)

    def turn(self):
        if isinstance(self.ended, Exception):
            raise self.ended
        return self.ended

    def last(self):
        return self.value('last_good_turn_timestamp_seconds', loop='detector')

    def test_a_process_that_starts_has_not_failed_yet(self):
        self.measures.loops([programs.Loop('reminder', self.turn)])
        self.assertGreater(self.value('last_good_turn_timestamp_seconds', loop='reminder'), 1.7e9)

    def test_a_turn_that_ends_well_is_told(self):
        self.assertEqual(('detector', ('alive/',)), (self.loop.name, self.loop.woken_by))
        self.assertEqual(5.0, self.loop.turn())
        self.assertGreater(self.last(), 1.7e9)

    def test_one_that_raises_or_that_says_that_it_did_not_is_not(self):
        self.ended = ValueError('odd')
        self.assertRaises(ValueError, self.loop.turn)
        self.ended, self.trouble = 5.0, 'passed over: c1'
        self.assertEqual(5.0, self.loop.turn())
        self.assertEqual(1.0, self.last())
        self.trouble = ''
        self.loop.turn()
        self.assertGreater(self.last(), 1.0)


class TestBeat(MetricsCase):

    def test_beats_are_counted_by_what_kept_them(self):
        kept = ['', '', 'store_away']
        turn = self.measures.beat(lambda: 4.0, lambda: kept.pop(0))
        self.assertEqual([4.0] * 3, [turn() for _ in range(3)])
        self.assertEqual(2.0, self.value('beats_total', result='sent'))
        self.assertEqual(1.0, self.value('beats_total', result='store_away'))
        self.assertGreater(self.value('last_beat_timestamp_seconds'), 1.7e9)


class TestProbe(MetricsCase):

    class Driver:
        network = Network.STORAGE

        def __init__(self, case, *answers):
            self.case, self.answers = case, list(answers)

        def ask(self, suspects, peers, limit, known):
            seconds, *signs = self.answers.pop(0)
            self.case.now += seconds
            return {f'c{number}': values.evidence_of(self.network, sign)
                    for number, sign in enumerate(signs)}

        def clients(self, images, limit):
            return 'the clients'

    def asked(self, *answers, pauses=()):
        """The seconds of blindness, after looks of these seconds and signs."""
        probe = self.measures.probe(self.Driver(self, *answers))
        for pause in (*pauses, *[5.0] * len(answers))[:len(answers)]:
            probe.ask((), (), 4.0)
            self.now += pause
        return self.value('blind_seconds_total', network='storage')

    def test_asks_are_counted_by_sign_and_looks_by_their_seconds(self):
        self.asked((0.2, Sign.LIFE, Sign.SILENCE), (4.0, Sign.SILENCE))
        for sign, count in (('life', 1.0), ('silence', 2.0), ('unknown', 0.0)):
            self.assertEqual(count, self.value('asks_total', network='storage', sign=sign))
        self.assertEqual((2.0, 4.2), (
            self.value('ask_duration_seconds_count', network='storage'),
            round(self.value('ask_duration_seconds_sum', network='storage'), 3)))

    def test_it_was_never_blind_if_it_always_could_ask(self):
        self.assertEqual(0.0, self.asked((1.0, Sign.SILENCE), (1.0, Sign.LIFE)))

    def test_it_is_blind_from_the_ask_that_failed_to_the_end_of_one_that_did_not(self):
        self.assertEqual(1 + 5 + 1 + 5 + 2, self.asked(
            (1.0, Sign.UNKNOWN), (1.0, Sign.LIFE, Sign.UNKNOWN), (2.0, Sign.SILENCE),
            (3.0, Sign.SILENCE)))

    def test_while_nobody_is_suspect_no_time_counts(self):
        self.assertEqual(1 + 1, self.asked((1.0, Sign.UNKNOWN), (1.0, Sign.UNKNOWN),
                                           pauses=(3600.0,)))

    def test_what_a_driver_can_besides_is_there(self):
        probe = self.measures.probe(self.Driver(self))
        self.assertEqual((Network.STORAGE, 'the clients'), (probe.network, probe.clients((), 1)))


class TestFence(MetricsCase):

    class Driver:
        name, gives_proof = 'ceph_blocklist', True
        failure = None
        holds = True

        def fence(self, order, permit):
            if self.failure:
                raise self.failure

        def verify(self, order, limit):
            return model.Proof(self.name, 'a', self.holds, '')

        unfence = fence

    def test_acts_are_counted_by_what_came_of_them(self):
        driver = self.Driver()
        fence = self.measures.fence(driver)
        fence.fence(None, None)
        fence.verify(None, 1.0)
        driver.holds = False
        fence.verify(None, 1.0)
        for driver.failure in (ports.NotPermitted('late'), ports.OutcomeUnknown('?')):
            self.assertRaises(type(driver.failure), fence.unfence, None, None)
        for act, result in (('cut', 'done'), ('prove', 'done'), ('prove', 'failed'),
                            ('mend', 'not_permitted'), ('mend', 'failed')):
            self.assertEqual(1.0, self.value('fences_total', fence='ceph_blocklist', act=act,
                                             result=result), (act, result))
        self.assertTrue(fence.gives_proof)


class TestQueue(MetricsCase):

    class Driver:
        def offer(self, tasks):
            return

        def take(self, most):
            if most > 9:
                raise ports.PortError('away')
            return ('a', 'b')[:most]

    def test_tasks_and_failures_are_counted(self):
        queue = self.measures.queue(self.Driver())
        queue.offer(['a', 'b', 'c'])
        self.assertEqual(('a', 'b'), queue.take(4))
        self.assertRaises(ports.PortError, queue.take, 10)
        self.assertEqual((3.0, 2.0, 1.0), (
            self.value('queue_tasks_total', act='offer'),
            self.value('queue_tasks_total', act='take'),
            self.value('queue_failures_total', act='take')))


class TestStanding(MetricsCase):

    def setUp(self):
        super().setUp()
        self.server = etcd_single.until(self.addCleanup)
        self.store = self.a_store()
        self.measures.gauges(standing.reader(self.store, NAME), standing.HELPS)

    def a_store(self, timeout=10.0):
        store = etcd.EtcdStore([self.server.endpoint], timeout=timeout)
        self.addCleanup(store.close)
        return store

    def put(self, **given):
        """Records by the rest of their keys, under the prefix of this name."""
        self.store.commit([], [
            ports.Put(getattr(records, name.upper()) + key, records.encode(value))
            for name, found in given.items() for key, value in found.items()])

    def lead(self, name=NAME):
        self.put(leader={'': records.Leader(name)})

    def test_one_that_does_not_lead_says_so_and_no_more(self):
        self.lead('control-2/8')
        self.put(case={'c1': values.a_case()})
        self.assertEqual((1.0, 0.0, None), (self.value('store_up'), self.value('leader'),
                                            self.value('cases', stage='suspected')))

    def test_a_leader_tells_how_things_stand(self):
        self.lead()
        self.put(
            inventory={host: values.an_inventory(host) for host in ('c1', 'c2', 'c3')},
            alive={host: records.Beat('u', 'b') for host in ('c2', 'c3', 'stranger')},
            host={'c3': records.HostSetting(True, 'joe', values.AT)},
            case={'c1': values.a_case(Stage.CONFIRMED), 'c4': values.a_case(Stage.LAST_LOOK)},
            recovery={'r1': values.a_recovery(stage=RecoveryStage.EVACUATING),
                      'r0': values.a_recovery(stage=RecoveryStage.FINISHED)},
            evacuation={f'r1/{phase.value}': values.an_evacuation(phase.value, phase)
                        for phase in Phase},
            claim={'moving': records.Claim('w', 'r1')})
        found = {
            'store_up': 1.0, 'leader': 1.0, 'hosts': 3.0, 'hosts_beating': 2.0, 'hosts_held': 1.0,
            'queue_depth': 2.0}
        self.assertEqual(found, {name: self.value(name) for name in found})
        self.assertEqual((1.0, 1.0, 0.0), tuple(
            self.value('cases', stage=stage) for stage in ('confirmed', 'last_look', 'dying')))
        self.assertEqual((1.0, None), tuple(
            self.value('recoveries_open', stage=stage) for stage in ('evacuating', 'finished')))
        self.assertEqual((1.0, None), tuple(
            self.value('evacuations_open', phase=phase) for phase in ('waiting', 'done')))
        self.assertEqual((1.0, 0.0), tuple(
            self.value('waiting', kind=kind) for kind in ('case', 'admission')))

    def test_a_leader_tells_how_large_the_store_is(self):
        self.lead()
        file, used = (self.value('store_bytes', kind=kind) for kind in ('file', 'used'))
        self.assertGreaterEqual(file, used)
        self.assertGreater(used, 1000)
        self.lead('control-2/8')
        self.assertIsNone(self.value('store_bytes', kind='file'))

    def test_a_record_that_cannot_be_read_is_not_counted(self):
        self.lead()
        self.put(case={'c1': values.a_case(Stage.CONFIRMED)})
        self.store.commit([], [ports.Put(records.CASE + 'c2', 'what is this')])
        self.assertEqual(1.0, self.value('cases', stage='confirmed'))

    def test_a_store_that_is_away_is_told_by_the_scrape(self):
        self.lead()
        self.server.freeze()
        self.addCleanup(self.server.thaw)
        read = standing.reader(self.a_store(timeout=0.5), NAME)
        self.assertEqual({'store_up': {(): 0.0}, 'leader': {(): 0.0}}, read())


class TestOff(unittest.TestCase):

    def test_nothing_is_wrapped_and_nothing_fails(self):
        measures = Measures()
        for wrap in (measures.probe, measures.fence, measures.queue):
            inner = object()
            self.assertIs(inner, wrap(inner))
        loop = programs.Loop('warm', lambda: 1.0)
        self.assertEqual((loop,), measures.loops([loop]))
        measures.news(News(Fact.LEADER, '', ''))
        measures.notice('log', 'sent')
        measures.gauges(dict, {})
        measures.close()


class TestPort(ConfCase):

    def controller(self, port):
        program = controller.program(made(
            ceph__conf=[self.file('fsid = 11111111-2222-4333-8444-555555555555')],
            nova__auth_url='http://127.0.0.1:9/v3', nova__username='u', nova__password='p',
            store__endpoints=['127.0.0.1:9'], store__timeout=0.5, metrics__controller_port=port))
        self.addCleanup(program.close)
        return program

    def test_a_controller_is_scraped_at_its_port(self):
        with socket.create_server(('127.0.0.1', 0)) as free:
            port = free.getsockname()[1]
        self.controller(port)
        found = scraped(port)
        self.assertEqual(0.0, found['kaopu_ha_store_up',])
        self.assertEqual(0.0, found['kaopu_ha_asks_total', ('network', 'management'),
                                    ('sign', 'unknown')])
        loops = {dict(labels)['loop'] for name, *labels in found
                 if name == 'kaopu_ha_last_good_turn_timestamp_seconds'}
        self.assertLessEqual({'leadership', 'detector', 'recoverer', 'reminder', 'warm'}, loops)

    def test_a_port_that_is_taken_costs_the_metrics_alone(self):
        with (socket.create_server(('127.0.0.1', 0)) as taken,
              self.assertLogs('kaopu_ha.wiring.telling', 'ERROR') as logs):
            self.controller(taken.getsockname()[1])
        self.assertIn('no metrics: 127.0.0.1 port', logs.output[0])
