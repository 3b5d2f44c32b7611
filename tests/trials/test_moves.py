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
"""What users do with their servers while these are moved, and a tool that has a disk open."""

import subprocess
import threading
import time

from tests.trials import base
from tests.trials.base import Refused


class TestUsersMeanwhile(base.Trial):

    def test_each_move_ends_or_is_told_and_gives_its_place_back(self):
        more = self.cloud.boot(4, 'c1')
        self.before |= {one.uuid: one for one in more}
        suspended, rescued, deleted, read = (one.uuid for one in more)
        old_rescue = self.on('c1')[0]
        self._act(old_rescue, {'rescue': {}})
        self.wait('the rescue', lambda: self.server(old_rescue)['status'] == 'RESCUE')
        diary = self.diary([old_rescue, suspended, rescued, deleted, read])
        tool = self._read_by_a_tool('c2', read)
        threads = [self._at(suspended, 'ACTIVE', {'suspend': None}),
                   self._at(rescued, 'ACTIVE', {'rescue': {}}),
                   self._at(deleted, 'REBUILD', None)]
        self.cloud.power_off('c1')
        self.tell('c1 has no power')
        for thread in threads:
            thread.join(120)
        self.wait('a move that waits for a tool', lambda: self._moves_left() == {read})
        self.tell(self.said('recovery', 'show', 'c1'))
        self.tell(self.said('status'))
        self.assertEqual({}, self.records('claim/'))
        self.assertIn('c2', self.said('explain', 'c1'))
        self._end(tool)
        self.tell('the tool ended')
        self.wait_finished('c1')
        self.tell('the recovery of c1 is finished')
        self.tell(self.said('recovery', 'show', 'c1'))
        for uuid, action in ((suspended, 'resume'), (rescued, 'unrescue'),
                             (old_rescue, 'unrescue')):
            try:
                self._act(uuid, {action: None})
            except Refused as refusal:
                self.tell(f'{self.name(uuid)}: {refusal}')
        time.sleep(30)
        diary.close()
        for one in self.cloud.judge(6):
            self.tell(f'{one.expected.name} ({one.expected.role}) {one.expected.status} on '
                      f'{one.expected.host}: {one.verdict} {one.reasons}')

    def _act(self, uuid: str, action: dict) -> None:
        self.cloud.rest.nova('POST', f'/servers/{uuid}/action', action)

    def _at(self, uuid: str, status: str, action: dict | None) -> threading.Thread:
        """As soon as Nova shows the server so, elsewhere than at first or on its way: act."""
        def act() -> None:
            while True:
                server = self.server(uuid)
                moved = server['OS-EXT-SRV-ATTR:host'] != 'c1' or status != 'ACTIVE'
                if server['status'] == status and moved:
                    break
                time.sleep(0.1)
            try:
                if action is None:
                    self.cloud.rest.nova('DELETE', f'/servers/{uuid}')
                else:
                    self._act(uuid, action)
                self.tell(f'{self.name(uuid)}: {action or "deleted"}')
            except Refused as refusal:
                self.tell(f'{self.name(uuid)}: {refusal}')
        thread = threading.Thread(target=act, daemon=True)
        thread.start()
        return thread

    def _read_by_a_tool(self, host: str, uuid: str) -> subprocess.Popen:
        """A client on the host that has the instance's disk open, as a backup has."""
        name = base.disks.image(uuid)
        user = ['--id', 'nova', '--keyring', '/etc/ceph/ceph.client.nova.keyring']
        return subprocess.Popen(self.cloud.command(host, [
            'rbd', *user, 'watch', f'vms/{name}']), stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL, stdin=subprocess.PIPE)

    def _end(self, tool: subprocess.Popen) -> None:
        tool.kill()
        tool.wait()

    def _moves_left(self) -> set[str]:
        return {key.rpartition('/')[2] for key, one in self.records('evacuation/').items()
                if one['phase'] in ('queued', 'calling', 'moving')}
