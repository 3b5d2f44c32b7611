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

"""Whose clients a leader notes on the disks of instances that wait to be called for."""

import unittest

from kaopu_ha import ports, records
from kaopu_ha.controller.latecomers import Latecomers
from kaopu_ha.core import model
from kaopu_ha.core.model import Phase, RecoveryStage, Stage
from tests.core import values
from tests.unit.controller import scene

NOBODYS, OTHERS = '10.91.4.7:0/7', '10.1.0.2:0/8'


class Images:
    """Has these clients on every disk; notes which disks it was asked about."""

    def __init__(self, *clients):
        self.found, self.asked = clients, []

    def clients(self, images, limit):
        self.asked.append([image.name for image in images])
        return {image: model.ImageAnswer(image, tuple(self.found)) for image in images}


class Looking(unittest.TestCase):

    def setUp(self):
        self.store, self.told = scene.Store(), []
        self.images = Images(values.a_client(NOBODYS, acknowledged=False))
        self.write(records.INVENTORY + 'c2', values.an_inventory(
            'c2', storage_addresses=('10.1.0.2',), instances=()))
        self.instances = tuple(values.an_instance(f'i{number}', images=(model.Image(
            'ceph-1', 'vms', f'disk-{number}', f'id-{number}'),)) for number in range(3))
        self.recovery = values.a_recovery(
            host='c1', stage=RecoveryStage.EVACUATING, instances=self.instances)

    def write(self, key, record):
        self.store.commit([], [ports.Put(key, records.encode(record))])

    def look(self, *moves, stage=Stage.CONFIRMED):
        """The clients of the case after a turn of a leader."""
        self.write(records.CASE + 'c1', values.a_case(stage, recovery=self.recovery.id))
        self.write(records.RECOVERY + self.recovery.id, self.recovery)
        for move in moves:
            self.write(f'{records.EVACUATION}{self.recovery.id}/{move.instance}', move)
        clock = scene.Clock()
        leader = scene.a_leader(self.store, 'controller-1', clock)
        leader.turn()
        Latecomers(self.store, leader, self.images,
                   scene.an_env(clock, self.told.append)).turn()
        entry = self.store.read(records.CASE).get(records.CASE + 'c1')
        return records.decode(model.Case, entry.value).clients

    def move(self, number, phase):
        return values.an_evacuation(f'i{number}', phase, recovery=self.recovery.id,
                                    images=self.instances[number].images)

    def test_of_what_is_planned_and_of_what_is_not_yet_a_silent_client_of_nobody_is_noted(self):
        self.assertEqual((NOBODYS,), self.look(self.move(0, Phase.WAITING),
                                               self.move(1, Phase.QUEUED)))
        self.assertEqual([['disk-0', 'disk-1', 'disk-2']], self.images.asked)

    def test_what_is_called_for_or_has_ended_is_not_asked_about(self):
        self.look(*(self.move(number, phase) for number, phase in enumerate(
            (Phase.CALLING, Phase.MOVING, Phase.DONE))))
        self.assertEqual([], self.images.asked)

    def test_who_lives_or_is_another_hosts_is_left_alone(self):
        for client in (values.a_client(NOBODYS), values.a_client(OTHERS, acknowledged=False)):
            self.images.found = (client,)
            self.assertEqual((), self.look())

    def test_nor_is_who_is_fenced_already(self):
        self.recovery = values.a_recovery(
            host='c1', stage=RecoveryStage.EVACUATING, instances=self.instances,
            orders=(model.FenceOrder('ceph_blocklist', 'ceph-1', ('10.91.4.7:0/0',)),))
        self.assertEqual((), self.look())

    def test_nobody_is_asked_about_a_host_whose_fence_is_not_kept(self):
        for stage in (Stage.SUSPECTED, Stage.CLOSED):
            self.look(stage=stage)
        self.assertEqual([], self.images.asked)
