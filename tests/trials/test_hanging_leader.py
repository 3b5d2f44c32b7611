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
"""Calls of the leader hang in the kernel, for real: another one leads soon."""

import os
import pathlib
import subprocess
import tempfile
import time

from tests.trials import base

HOOK = pathlib.Path(__file__).with_name('hanging')
_CHILD = 'kaopu_ha.drivers.child:_reply@kaopu_ha.drivers.'
# What a leader asks while a host is suspected; as it dies; and while it is confirmed.
OF_SUSPECTS = ('kaopu_ha.drivers.probe.libvirt:LibvirtProbe.ask',
               'kaopu_ha.drivers.probe.ceph:CephProbe.ask',
               'kaopu_ha.drivers.cloud.nova:NovaCloud.services',
               'kaopu_ha.drivers.store.etcd:EtcdStore.commit')
AT_DEATH = 'kaopu_ha.drivers.fence.ceph_blocklist:CephBlocklist.cut'
OF_DEAD = ('kaopu_ha.drivers.fence.ceph_blocklist:CephBlocklist.prove',)
# A child that hangs is left behind: the leader may go on by itself.
OF_CHILDREN = (f'{_CHILD}probe.libvirt_child', f'{_CHILD}probe.ceph_child')
OF_CHILDREN_AT_DEATH = (f'{_CHILD}fence.ceph_blocklist_child', f'{_CHILD}cloud.nova_child')
LOG = 'logging:StreamHandler.emit'


class Disk:
    """A small file system of its own that can be frozen."""

    def __init__(self) -> None:
        self._folder = pathlib.Path(tempfile.mkdtemp(prefix='hanging-'))
        image, self._mount = self._folder / 'image', self._folder / 'mount'
        self._mount.mkdir()
        image.write_bytes(bytes(8 << 20))
        _run('mkfs.ext4', '-q', '-F', image)
        _run('mount', '-o', 'loop', image, self._mount)
        self.file = self._mount / 'touched'
        self._frozen = False

    def freeze(self) -> None:
        _run('fsfreeze', '-f', self._mount)
        self._frozen = True

    def thaw(self) -> None:
        if self._frozen:
            _run('fsfreeze', '-u', self._mount)
        self._frozen = False

    def close(self) -> None:
        self.thaw()
        _run('umount', '-l', self._mount)


def _run(*argv) -> None:
    subprocess.run([str(word) for word in argv], check=True, capture_output=True)


class TestHangingLeader(base.Trial):

    def setUp(self) -> None:
        super().setUp()
        self.disk = Disk()
        self.addCleanup(self.disk.close)

    def test_another_one_leads_within_the_lease_and_half_a_minute(self):
        self.cloud.kill('agent:c1')
        self.wait('a case', lambda: self.case('c1'))
        for call in OF_SUSPECTS:
            self._leads_with(call)
            self._is_replaced(call)
        for call in OF_CHILDREN:
            self._leads_with(call)
            self._goes_on(call)
        self._leads_with(LOG)
        self._goes_on(LOG)
        self.cloud.start('agent:c1')
        self.wait('its beat', lambda: not self.case('c1'))
        self.assert_nobody_moved()
        on = self.on('c1')
        self._leads_with(AT_DEATH, *OF_CHILDREN_AT_DEATH)
        self.disk.freeze()
        self.cloud.power_off('c1')
        self.wait('the verdict', lambda: self.recovery('c1'))
        self._new_leader(AT_DEATH, time.monotonic())
        self.wait_finished('c1')
        self.disk.thaw()
        for call in OF_DEAD:
            self._leads_with(call)
            self._is_replaced(call)
        self.judge()
        self.assert_moved_once('c1', on, {'c2', 'c3'})

    def _leader(self) -> str:
        return self.records('leader').get('', {}).get('name', '')

    def _leads_with(self, *calls: str) -> None:
        """Have controller 1 lead, with calls that will hang with the disk, and 2 stand by."""
        self._starts_with(*calls)
        while not self._leader().startswith('controller1/'):
            # It gave way while it started: the other one saw more.
            self._starts_with(*calls)

    def _starts_with(self, *calls: str) -> None:
        for number in (1, 2):
            self.cloud.kill(f'controller:{number}')
        env = {'PYTHONPATH': f'{HOOK}:{os.environ.get("PYTHONPATH", "")}',
               'TRIAL_CALLS': ','.join(calls), 'TRIAL_DISK': str(self.disk.file)}
        self.cloud.start('controller:1', env)
        self.wait('it leads', lambda: self._leader().startswith('controller1/'))
        self.cloud.start('controller:2')
        touched = self.disk.file.stat().st_size if self.disk.file.exists() else 0
        self.wait('its first call', lambda: 'blocklist' in calls[0] or (
            self.disk.file.exists() and self.disk.file.stat().st_size > touched), 90)
        time.sleep(3)

    def _is_replaced(self, call: str) -> None:
        self.disk.freeze()
        self._new_leader(call, time.monotonic())
        self.disk.thaw()

    def _new_leader(self, call: str, began: float) -> None:
        self.wait(f'another leader though {call} hangs', lambda: self._leader().startswith(
            'controller2/'), 120)
        took = time.monotonic() - began
        self.tell(f'{took:.1f} s: controller 2 leads while {call} hangs in controller 1')

    def _goes_on(self, call: str) -> None:
        """Whoever leads asks about the suspect again, while what hangs is left behind."""
        self.disk.freeze()
        time.sleep(10)
        before = self.rounds('c1', 'alive')
        began = time.monotonic()
        self.wait(f'rounds though {call} hangs', lambda: self.rounds('c1', 'alive') > before, 90)
        self.tell(f'{time.monotonic() - began:.1f} s: asked again by {self._leader()} though '
                  f'{call} hangs')
        self.disk.thaw()
