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

"""VM moves and what was done about a notification: views of a recovery and its evacuations."""

import dataclasses

from kaopu_ha import records
from kaopu_ha.api.handlers import vmoves
from kaopu_ha.core import model
from kaopu_ha.core.segments import Notification, NotificationStatus
from tests.core import values
from tests.unit.api.scene import UNKNOWN, ApiCase
from tests.unit.api.test_notifications import VM

AT = '2026-11-28T12:34:56.789+00:00'
KEPT = '2026-11-28T12:34:56.000000'


class TestMoves(ApiCase):

    def setUp(self):
        super().setUp()
        self.a_host(self.a_segment())
        self.one = self.a_notification()
        self.path = f'/v1/notifications/{self.one["notification_uuid"]}'

    def recover(self, stage, *moves):
        """Have a recovery come of it, with these moves."""
        key = records.NOTIFICATION + self.one['notification_uuid']
        kept = records.View(self.behind.read(records.NOTIFICATION)).one(Notification, key)
        self.put(key, dataclasses.replace(kept, status=NotificationStatus.RUNNING,
                                          recovery='c1-7'))
        steps = tuple(model.Step(AT, 'k1', each.value, f'because of {each.value}')
                      for each in model.RecoveryStage)
        self.put(records.RECOVERY + 'c1-7', values.a_recovery(
            id='c1-7', host='c1', stage=stage, history=steps))
        for move in moves:
            self.put(f'{records.EVACUATION}c1-7/{move.instance}', move)

    def a_move(self, phase, name, **more):
        """An evacuation in this phase."""
        return model.Evacuation('c1-7', f'{UNKNOWN[:-len(name)]}{name}', name, 'c1', phase, **more)

    def test_none_before_a_recovery_came_of_it(self):
        self.assertEqual({'vmoves': []}, self.told(200, 'GET', f'{self.path}/vmoves'))

    def test_a_move_is_shown_with_all_its_fields_in_order(self):
        step = model.Step(AT, 'k1', 'waiting', 'was on')
        self.recover(model.RecoveryStage.EVACUATING, self.a_move(
            model.Phase.DONE, 'web', target='c2', reason='it runs',
            attempts=(model.Attempt(1, 'c2', at=AT),),
            history=(step, dataclasses.replace(step, at='2026-11-28T13:00:00+00:00'))))
        found = self.told(200, 'GET', f'{self.path}/vmoves')['vmoves'][0]
        self.assertEqual([
            ('id', 1), ('uuid', found['uuid']),
            ('notification_uuid', self.one['notification_uuid']),
            ('instance_uuid', f'{UNKNOWN[:-3]}web'), ('instance_name', 'web'),
            ('source_host', 'c1'), ('dest_host', 'c2'), ('start_time', KEPT),
            ('end_time', '2026-11-28T13:00:00.000000'), ('type', 'evacuation'),
            ('status', 'succeeded'), ('message', 'it runs'), ('created_at', KEPT),
            ('updated_at', '2026-11-28T13:00:00.000000'), ('deleted_at', None),
            ('deleted', False)], list(found.items()))
        for ident in (found['uuid'], '1'):
            self.assertEqual({'vmove': found}, self.told(200, 'GET',
                                                         f'{self.path}/vmoves/{ident}'))

    def test_one_that_waits_has_no_place_and_no_times(self):
        self.recover(model.RecoveryStage.PLANNED, self.a_move(model.Phase.WAITING, 'web'))
        found = self.told(200, 'GET', f'{self.path}/vmoves')['vmoves'][0]
        self.assertEqual({None}, {found[name] for name in (
            'dest_host', 'start_time', 'end_time', 'message', 'updated_at')})

    def test_every_phase_has_a_status_and_both_filters_are_heard(self):
        self.assertEqual(set(model.Phase), set(vmoves.STATUS))
        self.recover(model.RecoveryStage.EVACUATING, *(
            self.a_move(phase, f'{number}') for number, phase in enumerate(model.Phase)))
        for query, count in (('', 9), ('status=pending', 3), ('status=ongoing', 2),
                             ('status=failed', 2), ('status=succeeded', 1), ('status=ignored', 1),
                             ('type=evacuation', 9), ('type=migration', 0)):
            found = self.told(200, 'GET', f'{self.path}/vmoves?{query}')['vmoves']
            self.assertEqual(count, len(found), query)
        numbers = [one['id'] for one in self.told(
            200, 'GET', f'{self.path}/vmoves?limit=4&marker=8')['vmoves']]
        self.assertEqual([7, 6, 5, 4], numbers)

    def test_another_recoverys_moves_are_not_among_them(self):
        self.recover(model.RecoveryStage.EVACUATING, self.a_move(model.Phase.DONE, 'web'))
        self.put(f'{records.EVACUATION}c1-70/x', self.a_move(model.Phase.DONE, 'other'))
        found = self.told(200, 'GET', f'{self.path}/vmoves')['vmoves']
        self.assertEqual(['web'], [one['instance_name'] for one in found])

    def test_what_is_not_there(self):
        self.assert_fault(404, 'itemNotFound', f'No vm move with id {UNKNOWN}.', 'GET',
                          f'{self.path}/vmoves/{UNKNOWN}')
        for path in (f'/v1/notifications/{UNKNOWN}/vmoves',
                     f'/v1/notifications/{UNKNOWN}/vmoves/1'):
            self.assert_fault(404, 'itemNotFound', f'No notification with id {UNKNOWN}.', 'GET',
                              path)

    def test_of_a_notification_that_is_not_about_a_host(self):
        other = self.a_notification(kind='VM', payload=VM)['notification_uuid']
        for path in ('vmoves', 'vmoves/1'):
            self.assert_fault(400, 'badRequest', f'This notification {other} without vm moves.',
                              'GET', f'/v1/notifications/{other}/{path}')

    def test_the_tasks_of_a_guest_that_is_started(self):
        other = self.a_notification(kind='VM', payload=VM)['notification_uuid']
        key, path = records.NOTIFICATION + other, f'/v1/notifications/{other}'
        kept = records.View(self.behind.read(records.NOTIFICATION)).one(Notification, key)
        for taken, status, states in (
                (False, NotificationStatus.RUNNING, []), (False, NotificationStatus.IGNORED, []),
                (True, NotificationStatus.RUNNING, ['SUCCESS', 'RUNNING', 'PENDING']),
                (True, NotificationStatus.FINISHED, ['SUCCESS', 'SUCCESS', 'SUCCESS']),
                (True, NotificationStatus.FAILED, ['SUCCESS', 'FAILURE', 'PENDING']),
                (True, NotificationStatus.IGNORED, [])):
            self.put(key, dataclasses.replace(kept, status=status, taken=taken, updated_at=KEPT,
                                              message='how it stands'))
            found = self.told(200, 'GET', path, version='1.1')['notification'][
                'recovery_workflow_details']
            self.assertEqual(states, [task['state'] for task in found], (taken, status))
        self.put(key, dataclasses.replace(kept, status=NotificationStatus.RUNNING, taken=True,
                                          updated_at=KEPT, message='how it stands'))
        found = self.told(200, 'GET', path, version='1.1')['notification'][
            'recovery_workflow_details']
        self.assertEqual(['StopInstanceTask', 'StartInstanceTask', 'ConfirmInstanceActiveTask'],
                         [task['name'] for task in found])
        self.assertEqual([{'timestamp': '2026-11-28 12:34:56.000000', 'progress': '0.5',
                           'message': 'running: how it stands'}], found[1]['progress_details'])

    def test_the_tasks_of_each_stage(self):
        done, failed = (self.a_move(model.Phase.DONE, 'web'), self.a_move(model.Phase.FAILED, 'db'))
        for stage, moves, states in (
                (model.RecoveryStage.FENCING, (), 'RUNNING PENDING PENDING'),
                (model.RecoveryStage.PROVEN, (), 'RUNNING RUNNING PENDING'),
                (model.RecoveryStage.PLANNED, (done,), 'SUCCESS SUCCESS RUNNING'),
                (model.RecoveryStage.EVACUATING, (done,), 'SUCCESS SUCCESS RUNNING'),
                (model.RecoveryStage.FINISHED, (done,), 'SUCCESS SUCCESS SUCCESS'),
                (model.RecoveryStage.FINISHED, (done, failed), 'SUCCESS SUCCESS FAILURE')):
            self.recover(stage, *moves)
            found = self.told(200, 'GET', self.path, version='1.1')['notification'][
                'recovery_workflow_details']
            self.assertEqual(['DisableComputeServiceTask', 'PrepareHAEnabledInstancesTask',
                              'EvacuateInstancesTask'], [task['name'] for task in found])
            self.assertEqual(states, ' '.join(task['state'] for task in found))
            for task in found:
                self.assertEqual(['name', 'progress', 'state', 'progress_details'], list(task))
                self.assertIsInstance(task['progress'], float)
        self.assertEqual({'timestamp': '2026-11-28 12:34:56.000000', 'progress': '1.0',
                          'message': 'fencing: because of fencing'},
                         found[0]['progress_details'][0])
