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

"""A host that answers another loop of the leader during a look is not silent in that look."""

import concurrent.futures
import logging
import unittest

from kaopu_ha import ports
from kaopu_ha.controller.asking import Asking
from kaopu_ha.controller.overheard import Overheard
from kaopu_ha.core import model
from kaopu_ha.core.addresses import Known
from kaopu_ha.core.model import Client, Contact, ImageAnswer, LibvirtAnswer, Network, Sign
from tests.unit.sim.mutants import InStories, put

DISK, OTHER = (model.Image('a', 'vms', name, f'rbd_header.{name}') for name in ('web', 'db'))
HOST = model.Inventory('c1', 'uuid-1', 'b', 'uri-1', storage_addresses=('10.0.0.1',), instances=(
    model.Instance('i1', 'web', model.Power.ON, (DISK,)),
    model.Instance('i2', 'db', model.Power.ON, (OTHER,))))
# That of c2 is somebody's; what is at no known address is a stranger.
KNOWN = Known({'10.0.0.1': frozenset({'c1'}), '10.0.0.2': frozenset({'c2'})})


class Silent(ports.Probe):
    """Of nobody anything comes back."""

    def __init__(self, network):
        self.network = network

    def ask(self, suspects, peers, limit, known=KNOWN):
        return {one.host: model.Evidence(self.network, Sign.SILENCE, 'nothing came back', 'one')
                for one in suspects}

    def close(self):
        pass


class Scripted(ports.LibvirtObserver, ports.ImageObserver):
    """Whoever is asked says the same."""

    def __init__(self, answer):
        self.answer = answer

    def contact(self, uris, limit):
        return dict.fromkeys(uris, self.answer)

    def clients(self, images, limit):
        return dict.fromkeys(images, self.answer)


class Case(unittest.TestCase):

    def said(self, network, answer, asks, before=False):
        """What the look says of the host, where another loop asks in its middle, or before."""
        self.now = 1.0
        observer = Scripted(answer)
        heard = Overheard(observer, observer, lambda: self.now)

        def asked():
            self.assertEqual([answer], list(asks(heard).values()))
        with concurrent.futures.ThreadPoolExecutor(2) as pool:
            asking = Asking([Silent(each) for each in Network], pool, model.Rules(), heard)
            if before:
                asked()
            self.now = 2.0
            found = asking.ask([HOST], (), KNOWN, int if before else asked)
        self.assertEqual({'nothing came back'}, {
            said['c1'].rule for other, said in found.items() if other is not network})
        return found[network]['c1']


class OfLibvirt(Case):

    def of(self, contact, uuid='', uri='uri-1', before=False):
        answer = LibvirtAnswer(contact, uuid, ('i1',), running=('i1',))
        return self.said(Network.MANAGEMENT, answer,
                         lambda heard: heard.contact([uri], 1.0), before)

    def test_it_lives(self):
        found = self.of(Contact.ANSWERED, 'UUID-1')
        self.assertIs(Sign.LIFE, found.sign)
        self.assertEqual(('i1',), found.guests)
        self.assertEqual('one', found.observer)
        self.assertEqual('libvirt answered with the UUID of the host, asked for something else',
                         found.rule)

    def test_that_of_another_host_is_no_life_and_no_silence(self):
        self.assertIs(Sign.UNKNOWN, self.of(Contact.ANSWERED, 'uuid-2').sign)

    def test_what_is_no_answer_changes_nothing(self):
        for contact in set(Contact) - {Contact.ANSWERED}:
            with self.subTest(contact):
                self.assertEqual('nothing came back', self.of(contact).rule)

    def test_what_was_heard_before_the_look_is_not_of_it(self):
        self.assertIs(Sign.SILENCE, self.of(Contact.ANSWERED, 'uuid-1', before=True).sign)

    def test_where_another_libvirt_answered_it_is_silent(self):
        self.assertIs(Sign.SILENCE, self.of(Contact.ANSWERED, 'uuid-2', 'uri-2').sign)


class OfCeph(Case):

    def of(self, *clients, image=DISK, error='', before=False):
        return self.said(Network.STORAGE, ImageAnswer(image, tuple(clients), error),
                         lambda heard: heard.clients([image], 1.0), before)

    def test_a_client_of_it_lives(self):
        found = self.of(Client('10.0.0.1:0/7', 1, True))
        self.assertIs(Sign.LIFE, found.sign)
        self.assertEqual('a client of the host acknowledged, asked for something else', found.rule)
        self.assertEqual(['vms/web'], [answer.asked for answer in found.answers])

    def test_one_that_lives_at_an_address_of_nobody_leaves_it_unknown(self):
        self.assertIs(Sign.UNKNOWN, self.of(Client('10.0.0.9:0/7', 1, True)).sign)

    def test_what_is_no_life_of_it_changes_nothing(self):
        self.assertEqual('nothing came back', self.of().rule)
        for client in Client('10.0.0.1:0/7', 1, False), Client('10.0.0.2:0/7', 1, True):
            with self.subTest(client):
                self.assertEqual('nothing came back', self.of(client).rule)
        self.assertEqual('nothing came back', self.of(error='timed out').rule)

    def test_nor_does_what_lives_on_a_disk_that_it_has_not(self):
        other = model.Image('a', 'vms', 'mail', 'rbd_header.mail')
        self.assertEqual('nothing came back', self.of(Client('10.0.0.1:0/7', 1, True), image=other
                                                      ).rule)

    def test_what_was_heard_before_the_look_is_not_of_it(self):
        self.assertEqual('nothing came back',
                         self.of(Client('10.0.0.1:0/7', 1, True), before=True).rule)

    def test_what_was_heard_long_ago_is_not_kept(self):
        self.now = 1.0
        observer = Scripted(ImageAnswer(DISK, ()))
        heard = Overheard(observer, observer, lambda: self.now)
        for self.now, image in ((1.0, DISK), (100.0, OTHER)):
            heard.clients([image], 1.0)
        self.assertEqual([OTHER], list(heard._listed))


class InTheLastLook(InStories):

    def setUp(self):
        # What the program logs of a world in trouble is no news here.
        logging.disable(logging.CRITICAL)
        self.addCleanup(logging.disable, logging.NOTSET)

    def test_a_leader_that_does_not_listen_is_found(self):
        for name in ('its-libvirt-answers-another-loop', 'its-client-answers-another-loop'):
            with self.subTest(name):
                self.finds(name, 'answered during the last look', put(
                    Overheard, 'counted', lambda heard, said, suspects, known, since: said))
