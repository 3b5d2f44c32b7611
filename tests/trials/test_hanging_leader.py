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
# What a leader calls while a host is suspected.
OF_SUSPECTS = ('kaopu_ha.drivers.probe.libvirt:LibvirtProbe.ask',
               'kaopu_ha.drivers.probe.ceph:CephProbe.ask',
               'kaopu_ha.drivers.cloud.nova:NovaCloud.services',
               'kaopu_ha.drivers.store.etcd:EtcdStore.commit')


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
        self.cloud.start('agent:c1')
        self.wait('its beat', lambda: not self.case('c1'))
        self.assert_nobody_moved()
        self.judge()

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
        self.wait('its first call', lambda: (
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
