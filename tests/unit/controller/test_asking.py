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

"""One suspect among many spoils no other one's round, and a look ends in time."""

import concurrent.futures
import itertools
import threading
import unittest

from kaopu_ha import ports
from kaopu_ha.controller.asking import Asking
from kaopu_ha.core import model
from kaopu_ha.core.addresses import NONE_KNOWN
from kaopu_ha.core.model import Network, Sign

RULES = model.Rules(ask_limit=0.2)


def hosts(count):
    return [model.Inventory(f'c{number:03}', 'u', 'b', '') for number in range(count)]


class Scripted(ports.Probe):
    """Says LIFE of all, unless one of those who are asked is told to spoil it."""

    def __init__(self, network, spoils=(), forgets=(), hangs=()):
        self.network, self.asked, self.peers = network, [], []
        self._spoils, self._forgets, self._hangs = set(spoils), set(forgets), set(hangs)
        self.let_go = threading.Event()

    def ask(self, suspects, peers, limit, known=NONE_KNOWN):
        names = [suspect.host for suspect in suspects]
        self.asked.append(names)
        if not names:
            self.peers += [peer.host for peer in peers]
        if self._spoils & {*names, *(peer.host for peer in peers)}:
            raise RuntimeError('an odd inventory')
        if self._hangs & set(names):
            self.let_go.wait(20)
        return {name: model.Evidence(self.network, Sign.LIFE, 'it answered') for name in names
                if name not in self._forgets}

    def close(self):
        self.let_go.set()


class Many(unittest.TestCase):

    def said(self, probe, suspects, peers=()):
        other = Scripted(next(each for each in Network if each is not probe.network))
        with concurrent.futures.ThreadPoolExecutor(8) as pool:
            found = Asking([probe, other], pool, RULES).ask(suspects, peers, NONE_KNOWN)
            probe.close()
        self.assertEqual({Sign.LIFE}, {one.sign for one in found[other.network].values()})
        self.assertEqual([suspect.host for suspect in suspects], sorted(found[probe.network]))
        return found[probe.network]

    def unknown(self, found):
        return sorted(host for host, one in found.items() if one.sign is not Sign.LIFE)

    def test_all_are_asked_in_one_call(self):
        probe = Scripted(Network.STORAGE)
        self.assertEqual([], self.unknown(self.said(probe, hosts(100))))
        self.assertEqual(1, len(probe.asked))

    def test_one_that_spoils_the_call_is_found_in_some_calls(self):
        for spoils in ('spoils', 'forgets'):
            with self.subTest(spoils=spoils):
                probe = Scripted(Network.STORAGE, **{spoils: ['c042']})
                found = self.said(probe, hosts(100))
                self.assertEqual(['c042'], self.unknown(found))
                self.assertIn('it could not be asked', found['c042'].rule)
                self.assertLess(len(probe.asked), 20)

    def test_a_peer_that_spoils_it_is_left_out(self):
        probe = Scripted(Network.MANAGEMENT, spoils=['c100'])
        self.assertEqual([], self.unknown(self.said(probe, hosts(100), hosts(103)[100:])))

    def test_whether_a_peer_spoils_it_is_asked_once_in_a_look(self):
        for suspects, spoils in ((3, 'c001'), (100, 'c042')):
            with self.subTest(suspects=suspects):
                probe = Scripted(Network.MANAGEMENT, spoils=[spoils, 'c101'])
                found = self.said(probe, hosts(suspects), hosts(106)[100:])
                self.assertEqual([spoils], self.unknown(found))
                self.assertEqual(['c100', 'c101', 'c102', 'c103'], probe.peers)

    def test_in_the_next_look_it_is_asked_again(self):
        probe, suspects = Scripted(Network.MANAGEMENT, spoils=['c000']), hosts(3)
        with concurrent.futures.ThreadPoolExecutor(8) as pool:
            asking = Asking([probe], pool, RULES)
            for peer in ('c100', 'c101'):
                probe.peers.clear()
                asking.ask(suspects, [model.Inventory(peer, 'u', 'b', '')], NONE_KNOWN)
                self.assertEqual([peer], probe.peers)

    def test_of_many_that_spoil_it_none_is_silent_and_the_look_ends(self):
        suspects = hosts(100)
        probe = Scripted(Network.STORAGE, spoils=[one.host for one in suspects[::3]])
        found = self.said(probe, suspects)
        self.assertLess(len(probe.asked), 60)
        self.assertEqual({Sign.LIFE, Sign.UNKNOWN}, {one.sign for one in found.values()})
        self.assertIn('it was not asked in time: with too many others an ask failed',
                      {one.rule for one in found.values()})

    def test_one_that_hangs_and_one_that_spoils(self):
        probe = Scripted(Network.STORAGE, spoils=['c001'], hangs=['c002'])
        found = self.said(probe, hosts(20))
        # c001 is in the second of four parts, c002 in the third.
        self.assertEqual(['c001', *(f'c{number:03}' for number in range(2, 20, 4))],
                         self.unknown(found))
        self.assertEqual('the ask over the storage network has not ended', found['c002'].rule)

    def test_what_an_earlier_look_asked_says_nothing_in_this_one(self):
        """Two that hang are all there may be; then one comes back, with what was so before."""
        probe = Late(Network.MANAGEMENT)
        with concurrent.futures.ThreadPoolExecutor(8) as pool:
            asking, said = Asking([probe], pool, RULES), []
            for meanwhile in (int, int, probe.answers[0].set, int):
                found = asking.ask(hosts(1), (), NONE_KNOWN, meanwhile)[Network.MANAGEMENT]['c000']
                said.append((found.sign, found.rule))
            probe.close()
        not_ended = Sign.UNKNOWN, 'the ask over the management network has not ended'
        self.assertEqual([*[not_ended] * 3, (Sign.LIFE, 'ask 2')], said)


class Late(ports.Probe):
    """Its first two asks wait for leave to answer, and say SILENCE; the others say LIFE at once."""

    def __init__(self, network):
        self.network, self._asked = network, itertools.count()
        self.answers = threading.Event(), threading.Event()

    def ask(self, suspects, peers, limit, known=NONE_KNOWN):
        number = next(self._asked)
        if number < len(self.answers):
            self.answers[number].wait(20)
        sign = Sign.SILENCE if number < len(self.answers) else Sign.LIFE
        return {one.host: model.Evidence(self.network, sign, f'ask {number}') for one in suspects}

    def close(self):
        for answer in self.answers:
            answer.set()
