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

"""Whose a client is at an address that two hosts claim, and what that says of a dead one."""

import dataclasses
import unittest

from kaopu_ha.core import (
    addresses,
    casefile,
    certain,
    detection,
    elsewhere,
    evidence,
    fencing,
    model,
    rivals,
)
from kaopu_ha.core.model import Power, Sign, Verdict
from tests.core.values import AT, an_instance, an_inventory

ROOT, SHARED, OTHER = (model.Image('ceph-1', 'vms', name, f'rbd_header.{name}')
                       for name in ('root', 'shared', 'other'))
BOTH = '10.1.0.2'
SUSPECT = an_inventory('c1', storage_addresses=('10.1.0.1', BOTH), instances=(
    an_instance('i1', images=(ROOT, SHARED)),))
RIVAL = an_inventory('c2', storage_addresses=(BOTH,), instances=(
    an_instance('i2', images=(OTHER, SHARED)),))
OLDER = {'c1': {'10.1.0.1': 3, BOTH: 70}, 'c2': {BOTH: 7}}
YOUNGER = {'c1': {BOTH: 7}, 'c2': {BOTH: 70}}


def client(ip, nonce=5, lives=True):
    return model.Client(f'{ip}:0/{nonce}', nonce, lives)


def known(claims=OLDER, beating=(RIVAL,), told=(SUSPECT, RIVAL)):
    whose = addresses.known({each.host: each for each in told}, ())
    return rivals.told(whose, {ROOT, SHARED}, beating, claims)


def said(shared, root=(), whose=None, suspect=SUSPECT):
    answers = [model.ImageAnswer(ROOT, tuple(root)), model.ImageAnswer(SHARED, tuple(shared))]
    return evidence.storage(suspect, answers, 'eye', whose or known())


class AtTheAddressOfAnother(unittest.TestCase):
    """Which the suspect does not claim: whose client was it, that fell silent there before?"""

    suspect = dataclasses.replace(SUSPECT, storage_addresses=('10.1.0.1',))

    def of_others(self, *clients, whose=None):
        told = (self.suspect, RIVAL)
        return said(clients, whose=whose or known({}, told=told), suspect=self.suspect).of_others

    def test_what_lives_there_is_the_others_if_it_tells_of_its_guest(self):
        self.assertEqual((client(BOTH).address,), self.of_others(client(BOTH)))

    def test_else_nobody_can_say(self):
        without = dataclasses.replace(RIVAL, instances=())
        told = (self.suspect, RIVAL)
        for clients, whose in (
                ([client(BOTH, lives=False)], None),
                ([client(BOTH), client(BOTH, 6)], None),
                ([client('10.1.0.9')], None),
                ([client('10.1.0.1')], None),
                ([client(BOTH)], known({}, beating=(), told=told)),
                ([client(BOTH)], known({}, beating=(without,), told=(self.suspect, without)))):
            with self.subTest(clients=clients, whose=whose):
                self.assertEqual((), self.of_others(*clients, whose=whose))


class AtOneAddress(unittest.TestCase):

    def test_what_the_elder_has_open_is_no_life_of_the_dead(self):
        found = said([client(BOTH)])
        self.assertIs(Sign.SILENCE, found.sign)
        self.assertEqual({'vms/root': Sign.SILENCE, 'vms/shared': Sign.UNKNOWN},
                         {line.asked: line.sign for line in found.answers})
        self.assertIn('claimed by c2, too', found.answers[1].came)

    def test_nor_is_it_cut_with_the_dead(self):
        gone = client(BOTH, 8, lives=False)
        self.assertEqual((gone.address,), said([client(BOTH), gone]).clients)

    def test_nor_what_may_be_a_rivals_and_lives_when_it_is_condemned_by_a_persons_word(self):
        """It was seen before, too, when nobody could tell; what is mute then is cut."""
        seen = said([client(BOTH)], [client(BOTH, 8, lives=False)], known(beating=()))
        self.assertEqual(2, len(seen.clients))
        kept = casefile.brief(model.Round(AT, 'eye', (seen,), Verdict.DEAD, ''))
        case = model.Case('c1', model.Stage.CONFIRMED, rounds=(kept,), clients=seen.clients)
        self.assertEqual((client(BOTH, 8).address,), fencing.known_clients(case))

    def test_a_newcomer_takes_no_life_from_the_elder(self):
        for claims in (YOUNGER, {'c1': {BOTH: 7}}):
            self.assertIs(Sign.LIFE, said([client(BOTH)], whose=known(claims)).sign)

    def test_where_nobody_knows_who_was_first_it_is_neither_life_nor_silence(self):
        for claims in ({}, {'c1': {BOTH: 7}, 'c2': {BOTH: 7}}):
            found = said([], [client(BOTH)], known(claims))
            self.assertIs(Sign.UNKNOWN, found.sign)
            self.assertIn(f'{BOTH}, claimed by c2, too: whose it is nobody can tell', found.rule)

    def test_what_it_says_nothing_of_may_be_the_suspects(self):
        off = dataclasses.replace(RIVAL, instances=(
            an_instance('i2', Power.OFF, images=(SHARED,)),))
        for beating in ((), (off,), (dataclasses.replace(RIVAL, instances=()),)):
            self.assertIs(Sign.UNKNOWN, said([client(BOTH)], whose=known(beating=beating)).sign)

    def test_of_more_clients_than_it_has_guests_it_accounts_for_none(self):
        self.assertIs(Sign.UNKNOWN, said([client(BOTH), client(BOTH, 6)]).sign)
        two = dataclasses.replace(RIVAL, instances=tuple(
            an_instance(name, images=(SHARED,)) for name in ('i2', 'i3')))
        self.assertIs(Sign.SILENCE, said([client(BOTH), client(BOTH, 6)],
                                         whose=known(beating=(two,))).sign)

    def test_a_client_at_an_address_of_its_own_is_life_whatever_others_say(self):
        self.assertIs(Sign.LIFE, said([client(BOTH)], [client('10.1.0.1')]).sign)
        self.assertIs(Sign.LIFE, said([client('10.1.0.1'), client(BOTH, 6)]).sign)

    def test_nobody_is_condemned_by_the_word_of_a_rival_alone(self):
        """Which says that it has all of its disks open."""
        every = dataclasses.replace(RIVAL, instances=(
            an_instance('i2', images=(ROOT, SHARED)),))
        found = said([client(BOTH)], [client(BOTH, 6)], known(beating=(every,)))
        self.assertIs(Sign.UNKNOWN, found.sign)
        self.assertIn('claimed by c2, too', found.rule)

    def test_half_of_its_instances_have_to_be_silent_by_disks_that_no_rival_has(self):
        suspect = dataclasses.replace(SUSPECT, instances=(
            an_instance('i1', images=(ROOT,)), an_instance('i4', images=(SHARED,))))
        self.assertIs(Sign.SILENCE, said([client(BOTH)], suspect=suspect).sign)
        more = dataclasses.replace(suspect, instances=(
            *suspect.instances, an_instance('i5', images=(SHARED,))))
        found = said([client(BOTH)], suspect=more)
        self.assertIs(Sign.UNKNOWN, found.sign)
        self.assertIn('too few (what lives at 10.1.0.2, claimed by c2, too', found.rule)

    def test_the_doubt_ends_by_the_word_of_a_person(self):
        management = model.Evidence(model.Network.MANAGEMENT, Sign.SILENCE, 'nothing came back')
        storage = said([], [client(BOTH)], known({}))
        self.assertIs(Verdict.UNDECIDED, detection.judged((management, storage))[0])
        word = model.Word('joe', AT, 'it is switched off')
        self.assertIs(Verdict.DEAD, detection.judged((management, storage), word)[0])


class WhoMayRunIt(unittest.TestCase):

    def silent(self, *shared, whose):
        item = model.Evacuation('r1', 'i1', 'web', 'c1', model.Phase.QUEUED)
        return certain.silent_of_nobody(item, certain.Seen(None, images=(
            model.ImageAnswer(ROOT), model.ImageAnswer(SHARED, shared)), known=whose))

    def test_who_is_mute_at_an_address_that_is_a_rivals_is_cut_unless_that_accounts_for_it(self):
        mute = client(BOTH, lives=False)
        self.assertEqual((), self.silent(mute, whose=known()))
        self.assertEqual((mute,), self.silent(mute, whose=known(beating=())))
        self.assertEqual((mute,), self.silent(client(BOTH, 6), mute, whose=known()))
        self.assertEqual((), self.silent(mute, whose=known(YOUNGER, beating=())))

    def of(self, shared, root=(), whose=None):
        answers = {ROOT: model.ImageAnswer(ROOT, tuple(root)),
                   SHARED: model.ImageAnswer(SHARED, tuple(shared))}
        return set(elsewhere.found(answers, 'c3', whose or known()).hosts)

    def test_a_dead_host_need_not_say_no_of_the_elders_client(self):
        self.assertEqual({'c2'}, self.of([client(BOTH)]))

    def test_both_have_to_while_somebody_lives_on_all_of_its_disks(self):
        self.assertEqual({'c1', 'c2'}, self.of([client(BOTH)], [client('10.1.0.1')]))

    def test_both_have_to_where_the_elder_says_nothing_of_it(self):
        self.assertEqual({'c1', 'c2'}, self.of([client(BOTH)], whose=known(beating=())))

    def test_a_disk_that_was_not_answered_for_rules_nobody_out(self):
        answers = [model.ImageAnswer(ROOT, error='no OSD answered'),
                   model.ImageAnswer(SHARED, (client(BOTH),))]
        self.assertEqual({'c1', 'c2'}, rivals.not_ruled_out(
            answers[1].clients[0], answers[1], answers, known()))


class AtAnAddressOfAnother(unittest.TestCase):
    """The suspect told of one address only; another host has the other one (decision 0087)."""

    suspect = dataclasses.replace(SUSPECT, storage_addresses=('10.1.0.1',))

    def known(self, beating=(RIVAL,), outlived=frozenset()):
        return dataclasses.replace(known({}, beating, (self.suspect, RIVAL)), outlived=outlived)

    def said(self, root, **told):
        return said([], [root], self.known(**told), self.suspect)

    def test_who_is_mute_there_is_cut_with_the_host_if_the_other_one_has_not_the_disk(self):
        mute = client(BOTH, lives=False)
        self.assertEqual((mute.address,), self.said(mute).clients)
        self.assertEqual((), self.said(mute, beating=()).clients)
        self.assertEqual((), said([mute], [], self.known(), self.suspect).clients)

    def test_who_lives_there_is_a_tool_if_the_agent_told_to_the_end(self):
        self.assertIs(Sign.SILENCE, self.said(client(BOTH)).sign)

    def test_who_lives_there_may_be_the_hosts_if_it_lived_on_without_its_agent(self):
        found = self.said(client(BOTH), outlived=frozenset({'c1'}))
        self.assertIs(Sign.UNKNOWN, found.sign)
        self.assertIs(Sign.UNKNOWN, found.answers[0].sign)
        self.assertIn('10.1.0.2', found.answers[0].came)
        self.assertEqual((), found.clients)
        self.assertIs(Sign.SILENCE, self.said(client(BOTH), outlived=frozenset({'c3'})).sign)

    def test_half_of_what_was_on_is_not_enough_beside_one_that_may_be_the_hosts(self):
        mute = client('10.1.0.1', lives=False)
        self.assertIs(Sign.SILENCE, said([mute], [client(BOTH)], self.known(), self.suspect).sign)
        self.assertIs(Sign.UNKNOWN, said([mute], [client(BOTH)], self.known(
            outlived=frozenset({'c1'})), self.suspect).sign)

    def test_a_host_lived_on_if_its_libvirt_or_its_storage_did_after_the_last_beat(self):
        case = model.Case('c1', model.Stage.SUSPECTED)
        self.assertFalse(casefile.outlived_its_agent(case))
        self.assertTrue(casefile.outlived_its_agent(dataclasses.replace(case, guests_at=AT)))
        alive = model.Round(AT, 'eye', (), Verdict.ALIVE, '')
        self.assertTrue(casefile.outlived_its_agent(dataclasses.replace(case, rounds=(alive,))))

    def worker(self, beating=(RIVAL,), **elsewhere_says):
        item = model.Evacuation('r1', 'i1', 'web', 'c1', model.Phase.QUEUED, target='c2')
        return certain.silent_of_nobody(item, certain.Seen(None, images=(
            model.ImageAnswer(ROOT, (client(BOTH, lives=False),)),), known=self.known(beating),
            target_addresses=(BOTH,), elsewhere=elsewhere_says))

    def test_before_a_call_libvirt_there_has_to_say_no_as_well_also_the_targets(self):
        self.assertEqual(1, len(self.worker(c2=False)))
        self.assertEqual((), self.worker(c2=None))
        self.assertEqual((), self.worker(c2=True))
        self.assertEqual((), self.worker(beating=(), c2=False))

    def test_the_target_is_asked_for_it_before_the_first_call_only(self):
        item = model.Evacuation('r1', 'i1', 'web', 'c1', model.Phase.QUEUED, target='c2')
        seen = certain.Seen(None, images=(
            model.ImageAnswer(ROOT, (client(BOTH, lives=False),)),), known=self.known())
        self.assertEqual(('c2',), certain.silent_on(item, seen))
        self.assertEqual((), certain.silent_on(
            dataclasses.replace(item, phase=model.Phase.CALLING), seen))
