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
"""What users do with their servers while these are moved, and tools that have a disk open."""

import subprocess
import threading
import time

from tests.trials import base
from tests.trials.base import Refused


class TestUsersMeanwhile(base.LongTrial):

    def test_each_move_ends_and_gives_its_place_back(self):
        more = self.cloud.boot(4, 'c1')
        self.before |= {one.uuid: one for one in more}
        suspended, rescued, deleted, read = (one.uuid for one in more)
        rescued_before = self.role('plain', 'c1')
        self._act(rescued_before, {'rescue': {}})
        self.wait('the rescue', lambda: self.server(rescued_before)['status'] == 'RESCUE')
        diary = self.diary([rescued_before, suspended, rescued, read])
        tools = [self._read_by_a_tool(host, read) for host in ('c2', 'c3')]
        threads = [self._at(suspended, 'ACTIVE', {'suspend': None}),
                   self._at(rescued, 'ACTIVE', {'rescue': {}}),
                   self._at(deleted, 'REBUILD', None)]
        self.cloud.power_off('c1')
        self.tell('c1 has no power')
        self.wait_finished('c1')
        self.tell('the recovery of c1 is finished')
        for thread in threads:
            thread.join(60)
        self.assertEqual([None, None], [tool.poll() for tool in tools])
        phases = {key.rpartition('/')[2]: one['phase']
                  for key, one in self.records('evacuation/').items()}
        self.assertEqual('left', phases[deleted])
        self.assertEqual(['done'] * 4, [phases[uuid] for uuid in (
            rescued_before, suspended, rescued, read)])
        self.assertEqual({}, self.records('claim/'))
        del self.before[deleted]
        self._act(suspended, {'resume': None})
        self._act(rescued, {'unrescue': None})
        diary.close()
        self.judge(180)

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
        user = ['--id', 'nova', '--keyring', '/etc/ceph/ceph.client.nova.keyring']
        tool = subprocess.Popen(
            self.cloud.command(host, ['rbd', *user, 'watch', f'vms/{base.disks.image(uuid)}']),
            stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.addCleanup(tool.wait)
        self.addCleanup(tool.kill)
        return tool
