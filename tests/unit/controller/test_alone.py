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
"""What one host's record or answer does, stops nobody else."""

import concurrent.futures
import dataclasses
import threading
import unittest

from kaopu_ha import ports
from kaopu_ha.controller.alone import Alone
from kaopu_ha.controller.asking import Asking
from kaopu_ha.core.addresses import NONE_KNOWN
from kaopu_ha.core.model import Network, Sign
from kaopu_ha.core.rules import Rules
from tests.core import values
from tests.unit.controller.scene import Clock


class Store:
    """Answers reads, or does not."""

    away = False

    def read(self, *ranges):
        if self.away:
            raise ports.StoreError('etcd does not answer')


def raising(failure):
    def work():
        raise failure
    return work


class TestAlone(unittest.TestCase):

    def setUp(self):
        self.store, self.clock, self.told = Store(), Clock(), []
        self.alone = Alone(self.store, self.clock, self.told.append)

    def test_whatever_it_raises_is_told_and_the_next_one_goes_on(self):
        for failure in (ValueError('10.0.0.300'), RecursionError(), KeyError('x'),
                        ports.PortError('no'), ports.StoreError('request is too large'),
                        UnicodeEncodeError('utf-8', '\udc00', 0, 1, 'surrogates')):
            with self.subTest(type(failure).__name__):
                self.told.clear()
                self.assertFalse(self.alone.tries('c1', 'to judge it', raising(failure)))
                self.assertTrue(self.alone.tries('c2', 'to judge it', lambda: None))
                self.assertEqual(['c1'], [item.host for item in self.told])
                self.assertIn(type(failure).__name__, self.told[0].text)

    def test_it_is_told_once_an_hour(self):
        for seconds, told in ((0, 1), (10, 1), (3600, 2)):
            self.clock.now += seconds
            self.alone.tries('c1', 'to judge it', raising(ValueError('odd')))
            self.assertEqual(told, len(self.told))

    def test_what_is_told_is_short_and_can_be_written(self):
        self.alone.tries('c1', 'to judge it', raising(ValueError('\udc00' + 'x' * 400_000)))
        self.assertLess(len(self.told[0].text.encode()), 1000)

    def test_a_store_that_is_away_ends_the_turn(self):
        self.store.away = True
        self.assertRaises(ports.StoreError, self.alone.tries, 'c1', 'to judge it',
                          raising(ports.StoreError('etcd does not answer')))

    def test_an_answer_that_is_lost_again_and_again_is_the_hosts_trouble(self):
        lost = raising(ports.OutcomeUnknown('etcd did not answer'))
        for _ in range(2):
            self.assertRaises(ports.OutcomeUnknown, self.alone.tries, 'c1', 'to judge it', lost)
        self.assertFalse(self.alone.tries('c1', 'to judge it', lost))

    def test_who_failed_comes_last_until_it_is_well(self):
        self.alone.tries('c1', 'to judge it', raising(ValueError('odd')))
        self.assertEqual(['c2', 'c3', 'c1'], self.alone.last(['c3', 'c1', 'c2']))
        self.alone.tries('c1', 'to judge it', lambda: None)
        self.assertEqual(['c1', 'c2', 'c3'], self.alone.last(['c3', 'c1', 'c2']))

    def test_who_is_tried_no_more_is_not_failing_for_ever(self):
        self.alone.tries('c1', 'to judge it', raising(ValueError('odd')))
        self.clock.now += 299.0
        self.assertEqual({'c1'}, self.alone.failing)
        self.alone.tries('c2', 'to judge it', raising(ValueError('odd')))
        self.clock.now += 2.0
        self.assertEqual({'c2'}, self.alone.failing)


class Probe(ports.Probe):
    """Raises when it is asked about ``odd``, as a suspect or as a peer, or never comes back."""

    def __init__(self, network, odd=''):
        self.network, self.odd, self.asked = network, odd, []
        self.gate = threading.Event()
        self.gate.set()

    def ask(self, suspects, peers, limit, known=None):
        self.asked.append(tuple(one.host for one in suspects))
        self.gate.wait()
        if self.odd in {one.host for one in (*suspects, *peers)}:
            raise RecursionError
        return {one.host: values.evidence_of(self.network, Sign.SILENCE) for one in suspects}

    def close(self):
        pass


class TestAsking(unittest.TestCase):

    def ask(self, odd):
        pool = concurrent.futures.ThreadPoolExecutor(4)
        self.addCleanup(pool.shutdown)
        self.probes = [Probe(Network.MANAGEMENT, odd), Probe(Network.STORAGE)]
        asking = Asking(self.probes, pool, dataclasses.replace(Rules(), ask_limit=1.0))
        said = asking.ask([values.an_inventory(host) for host in ('c1', 'c2')],
                          [values.an_inventory(host) for host in ('c3', 'c4')], NONE_KNOWN)
        return {network: {host: found.sign for host, found in one.items()}
                for network, one in said.items()}

    def test_all_are_asked_at_once(self):
        self.ask('')
        self.assertEqual([('c1', 'c2')], self.probes[0].asked)

    def test_an_odd_suspect_is_unknown_and_the_others_are_asked(self):
        said = self.ask('c1')
        self.assertEqual({'c1': Sign.UNKNOWN, 'c2': Sign.SILENCE}, said[Network.MANAGEMENT])
        self.assertEqual({'c1': Sign.SILENCE, 'c2': Sign.SILENCE}, said[Network.STORAGE])

    def test_an_odd_peer_harms_nobody(self):
        self.assertEqual({'c1': Sign.SILENCE, 'c2': Sign.SILENCE},
                         self.ask('c3')[Network.MANAGEMENT])


if __name__ == '__main__':
    unittest.main()
