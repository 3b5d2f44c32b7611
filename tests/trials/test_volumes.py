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
"""Instances with volumes: shared ones, mixed ones, in rescue mode, shelved, changed meanwhile.

What Nova and Cinder really do with the calls of users is told in the diary, and measured.rst.
"""

import threading
import time
from typing import Any

from tests.cloud.base import cinder, volumes
from tests.cloud.test_volumes import Volumes
from tests.trials import base
from tests.trials.base import Refused


class VolumeTrial(base.LongTrial, Volumes):
    """A trial that looks at volumes and calls for them as users do."""

    def also(self, *wanted: tuple[str, str]) -> list[str]:
        """Boot more instances, of these roles on these hosts; their UUIDs."""
        more = self.cloud.boot_as(list(wanted))
        self.before |= {one.uuid: one for one in more}
        self.wait('their host to tell of them', lambda: {one.uuid for one in more} <= {
            told['uuid'] for host in self.cloud.layout.hosts
            for told in self.records('inventory/')[host]['instances']})
        return [one.uuid for one in more]

    def act(self, uuid: str, action: dict) -> None:
        self.cloud.rest.nova('POST', f'/servers/{uuid}/action', action)

    def status(self, uuid: str) -> str:
        server = self.server(uuid)
        return f'{server["status"]}/{server["OS-EXT-STS:task_state"]}'

    def phase(self, uuid: str) -> tuple[str, str]:
        """What became of the move of an instance, and why."""
        return next(((one['phase'], one['reason'])
                     for key, one in self.records('evacuation/').items() if key.endswith(uuid)),
                    ('', ''))

    def asked(self, what: str, ask, *words: Any) -> None:
        """Ask for something as a user does; a refusal is told."""
        try:
            ask(*words)
            self.tell(f'{what}: taken')
        except (Refused, OSError) as refusal:
            self.tell(f'{what}: {str(refusal)[:300]}')

    def assert_one_writer(self) -> None:
        """Nobody wrote beside another one, whatever the users did to what should be written."""
        self.assertEqual([], [reason for one in self.cloud.judge(4) for reason in one.reasons
                              if 'conflict' in reason or 'turns' in reason])

    def volume(self, uuid: str) -> str:
        seen = volumes.volume(self.cloud.rest, uuid)
        return (f'{seen["status"]}, {seen["size"]} GiB, '
                f'{[one["host_name"] for one in seen["attachments"]]}')


class TestPower(VolumeTrial):

    def test_shared_and_mixed_ones_on_a_host_that_dies_and_returns(self):
        mixed, shared, sibling = self.also(('local', 'c1'), ('shared', 'c1'), ('shared', 'c2'))
        self.wait('its local disk to be told of', lambda: 'local.raw' in self.said(
            'host', 'show', 'c1'))
        self.tell(self.said('status'))
        on = self.on('c1')
        diary = self.diary([*on, mixed])
        self.cloud.power_off('c1')
        self.tell('c1 has no power')
        self.wait_finished('c1')
        self.tell('the recovery of c1 is finished')
        self.judge()
        self.assert_moved_once('c1', on, {'c2', 'c3'})
        self.assertEqual('not recoverable', self.phase(mixed)[0].replace('_', ' '))
        self.tell(f'{self.name(mixed)}: {self.phase(mixed)}')
        self.assertEqual('c2', self.host_of(sibling))
        self.assert_attached()
        self.cloud.power_on('c1')
        self.admit('c1')
        self.tell(f'{self.name(mixed)}: {self.status(mixed)}')
        self.assert_attached()
        diary.close()
        self.judge()
        self._a_host_dies_whose_volume_a_sibling_has_open()

    def _a_host_dies_whose_volume_a_sibling_has_open(self) -> None:
        self.assert_own_addresses()
        self.cloud.power_off('c2')
        self.tell('c2 has no power')
        self.wait_finished('c2')
        self.tell('the recovery of c2 is finished')
        self.judge()
        self.assert_attached()


class TestBothCut(VolumeTrial):

    def test_a_host_that_was_fenced_writes_to_no_volume_when_its_cables_are_back(self):
        shared, _ = self.also(('shared', 'c1'), ('shared', 'c3'))
        on = self.on('c1')
        self.cloud.cut('c1', 'both')
        self.tell('both cables of c1 are cut')
        self.wait_finished('c1')
        self.tell('the recovery of c1 is finished')
        self.judge()
        self.cloud.mend('c1')
        self.tell('they are back')
        time.sleep(20)
        self.judge()
        self.assert_moved_once('c1', on, {'c2', 'c3'})
        self.assert_attached()
        self.admit('c1')
        self.judge()
        self.assert_attached()
        self.assertNotEqual('c1', self.host_of(shared))


class TestDeadTarget(VolumeTrial):

    def test_a_target_that_dies_while_it_receives_keeps_no_volume(self):
        on = [uuid for host in ('c1', 'c2') for uuid in self.on(host)]
        diary = self.diary(on)
        self.lose_target()
        self.wait('c2 confirmed dead', self._released)
        for host in ('c2', 'c1'):
            self.wait_finished(host)
            self.tell(f'the recovery of {host} is finished')
        self.judge()
        self.tell(f'{self.attachment_troubles()}')
        for host in ('c1', 'c2'):
            self.cloud.power_on(host)
        for host in ('c1', 'c2'):
            self.admit(host)
        time.sleep(60)
        diary.close()
        self.judge()
        self.tell(f'{self.attachment_troubles()}')
        self.assert_attached()

    def _released(self) -> bool:
        self.ha('brake', 'release', '--why', 'the power of both was cut')
        return self.case('c2').get('stage') == 'confirmed'


class TestUsersMeanwhile(VolumeTrial):

    def test_attach_detach_extend_and_snapshot_while_their_host_dies(self):
        rest = self.cloud.rest
        attached, detached, grown, kept = self.also(*[('second-volume', 'c1')] * 4)
        volume = {uuid: self.volumes_of(uuid)[0] for uuid in (detached, grown, kept)}
        fresh = volumes.create(rest, 'fresh')
        volumes.wait_status(rest, fresh, 'available')
        diary = self.diary([attached, detached, grown, kept])
        self.cloud.power_off('c1')
        self.tell('c1 has no power')
        self._users_call(attached, detached, grown, kept, fresh, volume)
        self.wait('the reason of Cinder', lambda: 'is detaching' in self.phase(detached)[1])
        self.tell(f'{self.name(detached)}: {self.phase(detached)}')
        rest.cinder('POST', f'/volumes/{volume[detached]}/action',
                    {'os-reset_status': {'status': 'in-use'}})
        self.tell('its volume is called in use again')
        self.wait_finished('c1')
        self.tell('the recovery of c1 is finished')
        for uuid in (attached, detached, grown, kept):
            self.tell(f'{self.name(uuid)}: {self.phase(uuid)}, {self.status(uuid)}, '
                      f'{[self.volume(one) for one in self.volumes_of(uuid)]}')
        self.tell(f'fresh: {self.volume(fresh)}')
        self.assertEqual([('done', 'ACTIVE/None')] * 4, [
            (self.phase(uuid)[0], self.status(uuid))
            for uuid in (attached, detached, grown, kept)])
        self.tell(f'{self.attachment_troubles()}')
        self.cloud.power_on('c1')
        self.admit('c1')
        time.sleep(30)
        diary.close()
        self.tell(f'{self.attachment_troubles()}')
        self.tell(f'fresh: {self.volume(fresh)}')
        self.assert_one_writer()

    def _users_call(self, attached, detached, grown, kept, fresh, volume) -> None:
        """Nova does not know yet that the host is dead: it takes what it can't do."""
        rest = self.cloud.rest
        calls = [
            ('attach', volumes.attach, rest, attached, fresh, 20),
            ('detach', volumes.detach, rest, detached, volume[detached]),
            ('extend', rest.cinder, 'POST', f'/volumes/{volume[grown]}/action',
             {'os-extend': {'new_size': 2}}),
            ('snapshot', rest.cinder, 'POST', '/snapshots',
             {'snapshot': {'volume_id': volume[kept], 'name': 'kept', 'force': True}}),
        ]
        threads = [threading.Thread(target=self.asked, args=call, daemon=True) for call in calls]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(90)


class TestRescuedAndShelved(VolumeTrial):

    def test_servers_in_rescue_mode_or_shelved_with_volumes(self):
        rescued, shelved, shelving, from_volume = self.also(
            *[('second-volume', 'c1')] * 3, ('from-volume', 'c1'))
        self.act(rescued, {'rescue': {}})
        self.asked('rescue of one from a volume', self.act, from_volume, {'rescue': {}})
        self.act(shelved, {'shelve': None})
        self.wait('both', lambda: self.status(rescued) == 'RESCUE/None'
                  and self.status(shelved).startswith('SHELVED') and self.status(
                      shelved).endswith('/None'))
        diary = self.diary([rescued, shelved, shelving, from_volume])
        self.asked('shelve', self.act, shelving, {'shelve': None})
        self.cloud.power_off('c1')
        self.tell('c1 has no power')
        self.wait_finished('c1')
        self.tell('the recovery of c1 is finished')
        for uuid in (rescued, shelved, shelving, from_volume):
            self.tell(f'{self.name(uuid)}: {self.phase(uuid)}, {self.status(uuid)}, '
                      f'{[self.volume(one) for one in self.volumes_of(uuid)]}')
        self.assertEqual(['done'] * 2, [self.phase(uuid)[0] for uuid in (rescued, from_volume)])
        self.act(shelved, {'unshelve': None})
        self.wait('the shelved one to run', lambda: self.status(shelved) == 'ACTIVE/None')
        self.asked('unrescue', self.act, rescued, {'unrescue': None})
        self.tell(f'{self.attachment_troubles()}')
        diary.close()
        self.tell(f'{self.status(shelving)}')
        self.assert_one_writer()


class TestEncrypted(VolumeTrial):

    def test_an_instance_with_an_encrypted_volume_comes_back(self):
        rest = self.cloud.rest
        locked, = self.also(('plain', 'c1'))
        volume = volumes.create(rest, 'locked', cinder.ENCRYPTED)
        volumes.wait_status(rest, volume, 'available', 180)
        volumes.attach(rest, locked, volume)
        xml = self.cloud.run_on('c1', 'virsh', 'dumpxml', locked)
        self.assertIn("<encryption format='luks'", xml)
        self.wait('its host to tell of it', lambda: f'volume-{volume}' in str(
            self.records('inventory/')['c1']))
        self.tell(self.said('status'))
        on = self.on('c1')
        self.cloud.power_off('c1')
        self.wait_finished('c1')
        self.tell(f'{self.phase(locked)}, {self.status(locked)}, {self.volume(volume)}')
        self.judge()
        self.assert_moved_once('c1', on, {'c2', 'c3'})
        self.assertIn("<encryption format='luks'", self.cloud.run_on(
            self.host_of(locked), 'virsh', 'dumpxml', locked))
        self.assert_attached()
