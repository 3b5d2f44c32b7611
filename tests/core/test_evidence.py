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


"""What raw answers mean: the tables of the evidence, row by row."""

import dataclasses
import unittest

from kaopu_ha.core import evidence, model
from kaopu_ha.core.addresses import Known
from kaopu_ha.core.model import Contact, Sign

UUID = '5c650ef2-0fab-4e65-8464-5b0756536421'
OTHER = '00000000-0fab-4e65-8464-5b0756536421'
DISK = model.Image('ceph-1', 'vms', 'disk-1', 'rbd_header.1')
DATA = model.Image('ceph-1', 'vms', 'disk-2', 'rbd_header.2')
KNOWN = Known({'10.91.0.12': frozenset(['h2'])}, ('10.91.9.0/24',))


def a_host(*images, addresses=('10.91.0.11',), uuid=UUID):
    return model.Inventory(
        host='h1', host_uuid=uuid, boot_id='boot', management_uri='qemu+tcp://10.90.0.11/system',
        storage_addresses=addresses,
        instances=(model.Instance('i1', 'web', model.Power.ON, images=images),))


def a_client(address='10.91.0.11:0/123', acknowledged=True):
    return model.Client(address, 4711, acknowledged)


def answered(*clients, image=DISK):
    return model.ImageAnswer(image, clients)


def failed(image=DISK):
    return model.ImageAnswer(image, error='the OSD did not answer')


class Management(unittest.TestCase):

    def test_each_answer_has_its_sign(self):
        # contact, uuid answered, others were reached -> sign, a kernel answers
        table = [
            (Contact.ANSWERED, UUID, False, Sign.LIFE, False),
            (Contact.ANSWERED, UUID.upper(), False, Sign.LIFE, False),
            (Contact.ANSWERED, OTHER, True, Sign.UNKNOWN, True),
            (Contact.ANSWERED, '', True, Sign.UNKNOWN, True),
            (Contact.REFUSED, '', False, Sign.SILENCE, True),
            (Contact.MUTE, '', False, Sign.SILENCE, True),
            (Contact.NOTHING, '', True, Sign.SILENCE, False),
            (Contact.NOTHING, '', False, Sign.UNKNOWN, False),
            (Contact.ERROR, '', True, Sign.UNKNOWN, False),
            (Contact.ERROR, '', False, Sign.UNKNOWN, False),
        ]
        for contact, uuid, other_reached, sign, kernel in table:
            with self.subTest(contact=contact, uuid=uuid, other_reached=other_reached):
                found = evidence.management(
                    a_host(), model.LibvirtAnswer(contact, uuid), other_reached, 'eye-1')
                self.assertEqual((sign, kernel, model.Network.MANAGEMENT, 'eye-1'),
                                 (found.sign, found.kernel_answers, found.network, found.observer))
                self.assertTrue(found.rule)

    def test_a_host_of_unknown_uuid_is_never_recognized(self):
        found = evidence.management(
            a_host(uuid=''), model.LibvirtAnswer(Contact.ANSWERED, ''), True, '')
        self.assertIs(Sign.UNKNOWN, found.sign)

    def test_what_was_asked_and_what_came_is_kept(self):
        found = evidence.management(
            a_host(), model.LibvirtAnswer(Contact.ERROR, reason='bad certificate'), True, '')
        self.assertEqual((model.Answer('qemu+tcp://10.90.0.11/system', 'error: bad certificate',
                                       Sign.UNKNOWN),), found.answers)


class Storage(unittest.TestCase):

    def test_the_answers_for_one_image_have_their_sign(self):
        ours, mute = a_client(), a_client(acknowledged=False)
        theirs, nobodys = a_client('10.91.0.12:0/9'), a_client('10.91.0.77:0/9')
        dead, tools = a_client('10.91.0.77:0/9', False), a_client('10.91.9.4:0/9')
        table = [
            ((ours,), Sign.LIFE),
            ((ours, mute), Sign.LIFE),
            ((mute,), Sign.SILENCE),
            ((), Sign.SILENCE),
            ((theirs,), Sign.SILENCE),
            ((mute, theirs), Sign.SILENCE),
            ((nobodys,), Sign.UNKNOWN),
            ((mute, nobodys), Sign.UNKNOWN),
            ((dead,), Sign.SILENCE),
            ((tools,), Sign.SILENCE),
            ((ours, nobodys), Sign.LIFE),
        ]
        for clients, sign in table:
            with self.subTest(clients=clients):
                found = evidence.storage(a_host(DISK), [answered(*clients)], 'eye-1', KNOWN)
                self.assertEqual((sign, model.Network.STORAGE, 'eye-1'),
                                 (found.sign, found.network, found.observer))
                self.assertTrue(found.rule)

    def test_the_sign_of_the_host_is_made_of_those_of_its_images(self):
        life, silence = answered(a_client()), answered()
        table = [
            ([life, failed(DATA)], Sign.LIFE, (DATA,)),
            ([silence, failed(DATA)], Sign.SILENCE, (DATA,)),
            ([failed(DISK), failed(DATA)], Sign.UNKNOWN, (DISK, DATA)),
            ([silence, answered(a_client(), image=DATA)], Sign.LIFE, ()),
            ([silence], Sign.SILENCE, (DATA,)),
            ([], Sign.UNKNOWN, (DISK, DATA)),
        ]
        for answers, sign, unasked in table:
            with self.subTest(answers=answers):
                found = evidence.storage(a_host(DISK, DATA), answers, '')
                self.assertEqual((sign, unasked), (found.sign, found.unasked))
                self.assertFalse(found.kernel_answers)

    def test_a_host_without_images_is_unknown(self):
        found = evidence.storage(a_host(), [], '')
        self.assertIs(Sign.UNKNOWN, found.sign)
        self.assertIn('nothing to ask', found.rule)

    def test_a_host_without_known_addresses_is_unknown(self):
        for clients in ((), (a_client(),), (a_client(acknowledged=False),)):
            with self.subTest(clients=clients):
                found = evidence.storage(a_host(DISK, addresses=()), [answered(*clients)], '')
                self.assertIs(Sign.UNKNOWN, found.sign)

    def test_clients_are_told_apart_by_their_address(self):
        found = evidence.storage(
            a_host(DISK), [answered(a_client(), a_client('10.91.0.12:0/9'))], '')
        self.assertEqual(('10.91.0.11:0/123',), found.clients)
        self.assertEqual(('10.91.0.12:0/9',), found.elsewhere)

    def test_an_address_that_begins_alike_is_another(self):
        found = evidence.storage(a_host(DISK), [answered(a_client('10.91.0.111:0/1'))], '')
        self.assertIs(Sign.UNKNOWN, found.sign)
        self.assertEqual(('10.91.0.111:0/1',), found.strangers)
        self.assertIn('10.91.0.111', found.rule)

    def test_one_client_of_nobody_makes_the_host_unknown_and_life_weighs_more(self):
        nobodys = answered(a_client('10.91.0.77:0/9'), image=DATA)
        for first, sign in ((answered(), Sign.UNKNOWN), (answered(a_client()), Sign.LIFE)):
            found = evidence.storage(a_host(DISK, DATA), [first, nobodys], '', KNOWN)
            self.assertIs(sign, found.sign)

    def test_silence_needs_the_answers_of_half_of_what_was_on(self):
        # instances that were on, of them answered for -> sign
        table = [(1, 1, Sign.SILENCE), (2, 1, Sign.SILENCE), (3, 1, Sign.UNKNOWN),
                 (3, 2, Sign.SILENCE), (5, 2, Sign.UNKNOWN), (4, 0, Sign.UNKNOWN)]
        for on, answers, sign in table:
            images = [model.Image('ceph-1', 'vms', f'disk-{each}', f'rbd_header.{each}')
                      for each in range(on)]
            host = dataclasses.replace(a_host(), instances=(
                *[model.Instance(image.name, image.name, model.Power.ON, images=(image, DATA))
                  for image in images],
                model.Instance('off', 'off', model.Power.OFF, images=(DISK,)),
                model.Instance('here', 'here', model.Power.ON, local_disks=('/var',))))
            with self.subTest(on=on, answers=answers):
                found = evidence.storage(host, [*(answered(image=image)
                                                  for image in images[:answers]), failed(DATA)], '')
                self.assertIs(sign, found.sign)

    def test_ipv6_is_compared_by_meaning(self):
        found = evidence.storage(a_host(DISK, addresses=('fd00:0:0::0B',)),
                                 [answered(a_client('[fd00::b]:0/77'))], '')
        self.assertIs(Sign.LIFE, found.sign)
        self.assertEqual(('[fd00::b]:0/77',), found.clients)

    def test_answers_for_images_of_others_say_nothing(self):
        found = evidence.storage(a_host(DISK), [answered(), answered(a_client(), image=DATA)], '')
        self.assertIs(Sign.SILENCE, found.sign)
