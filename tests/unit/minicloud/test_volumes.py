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

"""Which volumes the instances of the mini cloud have, and where each writes."""

import unittest

from minicloud import disks, instances, judge, volumes

HOSTS = ['c1', 'c2', 'c3']


class Cinder:
    """A Cinder that gives each volume the next number as its UUID."""

    def __init__(self):
        self.made = []

    def cinder(self, method, path, body=None):
        self.made.append(body['volume'])
        return {'volume': {'id': str(len(self.made))}}


class TestPlan(unittest.TestCase):
    def test_the_first_and_the_last_host_have_one_of_each_kind(self):
        self.assertEqual([('from-volume', 'c1'), ('second-volume', 'c1'), ('local', 'c3')],
                         instances.plan_volumes(HOSTS, set()))

    def test_a_kind_that_is_there_is_not_made_again(self):
        self.assertEqual([('local', 'c3')], instances.plan_volumes(
            HOSTS, {'plain', 'from-volume', 'second-volume'}))


class TestOrder(unittest.TestCase):
    def test_those_that_share_have_one_volume_of_the_kind_that_can_be_shared(self):
        cinder = Cinder()
        found = volumes.order(cinder, ['plain', 'from-volume', 'second-volume', 'local'], 'image')
        self.assertEqual({1: '1'}, found.roots)
        self.assertEqual([('2', [1, 3]), ('3', [2])], found.others)
        self.assertEqual(['image', None, None], [one.get('imageRef') for one in cinder.made])
        self.assertEqual([None, 'shared', None], [one.get('volume_type') for one in cinder.made])

    def test_one_from_a_volume_alone_shares_with_nobody(self):
        self.assertEqual([], volumes.order(Cinder(), ['from-volume', 'plain'], 'image').others)

    def test_ordinary_instances_have_none(self):
        cinder = Cinder()
        volumes.order(cinder, ['plain', 'paused', 'off'], 'image')
        self.assertEqual([], cinder.made)


class TestPlaces(unittest.TestCase):
    def test_the_disk_that_nova_made_is_the_root_of_an_ordinary_one(self):
        self.assertEqual((disks.root('u'),), volumes.places({'id': 'u', 'metadata': {}}))

    def test_a_volume_as_the_root_and_a_slot_of_another_one(self):
        found = volumes.places({'id': 'u', 'metadata': {'root': 'r', 'data': 'd/1'}})
        self.assertEqual(('volumes', 'volume-r'), (found[0].pool, found[0].image))
        self.assertEqual(judge.Place('volumes', 'volume-d',
                                     disks.DATA_SECTOR + disks.SLOT_SECTORS), found[1])


if __name__ == '__main__':
    unittest.main()
