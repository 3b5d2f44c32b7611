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

"""A libvirt that answers another loop of the leader during a look is not silent in that look."""

import concurrent.futures
import logging
import unittest

from kaopu_ha import ports
from kaopu_ha.controller.asking import Asking
from kaopu_ha.controller.overheard import Overheard
from kaopu_ha.core import model
from kaopu_ha.core.addresses import NONE_KNOWN
from kaopu_ha.core.model import Contact, LibvirtAnswer, Network, Sign
from tests.unit.sim.mutants import InStories, put

HOST = model.Inventory('c1', 'uuid-1', 'b', 'uri-1')


class Silent(ports.Probe):
    """Of nobody anything comes back."""

    network = Network.MANAGEMENT

    def ask(self, suspects, peers, limit, known=NONE_KNOWN):
        return {one.host: model.Evidence(self.network, Sign.SILENCE, 'nothing came back', 'one')
                for one in suspects}

    def close(self):
        pass


class Scripted(ports.LibvirtObserver):

    def __init__(self, contact, uuid=''):
        self.answer = LibvirtAnswer(contact, uuid, ('i1',), running=('i1',))

    def contact(self, uris, limit):
        return dict.fromkeys(uris, self.answer)


class Heard(unittest.TestCase):

    def said(self, contact, uuid='', uri='uri-1', before=False):
        """What the look says of the host, where another loop asks in its middle, or before."""
        self.now = 1.0
        heard = Overheard(Scripted(contact, uuid), lambda: self.now)

        def asks():
            self.assertEqual(contact, heard.contact([uri], 1.0)[uri].contact)
        with concurrent.futures.ThreadPoolExecutor(1) as pool:
            asking = Asking([Silent()], pool, model.Rules(), heard)
            if before:
                asks()
            self.now = 2.0
            return asking.ask([HOST], (), NONE_KNOWN, int if before else asks)[
                Network.MANAGEMENT]['c1']

    def test_it_lives(self):
        found = self.said(Contact.ANSWERED, 'UUID-1')
        self.assertIs(Sign.LIFE, found.sign)
        self.assertEqual(('i1',), found.guests)
        self.assertEqual('one', found.observer)
        self.assertEqual('libvirt answered with the UUID of the host, asked for something else',
                         found.rule)

    def test_that_of_another_host_is_no_life_and_no_silence(self):
        self.assertIs(Sign.UNKNOWN, self.said(Contact.ANSWERED, 'uuid-2').sign)

    def test_what_is_no_answer_changes_nothing(self):
        for contact in set(Contact) - {Contact.ANSWERED}:
            with self.subTest(contact):
                self.assertEqual('nothing came back', self.said(contact).rule)

    def test_what_was_heard_before_the_look_is_not_of_it(self):
        self.assertIs(Sign.SILENCE, self.said(Contact.ANSWERED, 'uuid-1', before=True).sign)

    def test_where_another_libvirt_answered_it_is_silent(self):
        self.assertIs(Sign.SILENCE, self.said(Contact.ANSWERED, 'uuid-2', 'uri-2').sign)


class InTheLastLook(InStories):

    def setUp(self):
        # What the program logs of a world in trouble is no news here.
        logging.disable(logging.CRITICAL)
        self.addCleanup(logging.disable, logging.NOTSET)

    def test_a_leader_that_does_not_listen_is_found(self):
        self.finds('its-libvirt-answers-another-loop', 'answered during the last look', put(
            Overheard, 'counted', lambda heard, said, suspects, since: said))
