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
"""Calls of the leader hang in the kernel, for real: another one leads soon, or it goes on."""

from collections.abc import Sequence
import pathlib
import subprocess
import tempfile
import time

from tests.trials import base

HOOK = pathlib.Path(__file__).with_name('hanging')
# What a leader calls while a host is suspected, in its own process: another one leads then.
OF_SUSPECTS = ('kaopu_ha.drivers.libvirt.probe:LibvirtProbe.ask',
               'kaopu_ha.drivers.ceph.probe:CephProbe.ask',
               'kaopu_ha.drivers.etcd.store:EtcdStore.commit',
               'kaopu_ha.drivers.etcd.store:EtcdStore.renew')
# A child that can't be killed then: its network says nothing, and the leader gives way to one that
# sees.
OF_CHILDREN = ('kaopu_ha.drivers.libvirt.link:opened@kaopu_ha.drivers.libvirt.probe_child',
               'kaopu_ha.drivers.ceph.librados:Connection.pool@kaopu_ha.drivers.ceph.probe_child')
# What no turn waits for: the leader goes on.
BESIDE = ('kaopu_ha.cmd.logs:HandOver._write',
          'kaopu_ha.drivers.etcd.watch:Watches._take')
# What a recovery calls, in this order; the second in the fence's own child, which can't be killed
# then.
OF_A_RECOVERY = ('kaopu_ha.drivers.ceph.fence:CephBlocklist.forbidden',
                 'kaopu_ha.drivers.ceph.librados:Connection.command'
                 '@kaopu_ha.drivers.ceph.fence_child',
                 'kaopu_ha.drivers.ceph.fence:CephBlocklist.fence',
                 'kaopu_ha.drivers.ceph.fence:CephBlocklist.verify',
                 'kaopu_ha.drivers.openstack.cloud:NovaCloud.services',
                 'kaopu_ha.drivers.openstack.cloud:NovaCloud.force_down',
                 'kaopu_ha.drivers.openstack.cloud:NovaCloud.servers',
                 'kaopu_ha.drivers.openstack.usage:PlacementUsage.usage')
# Its lease and half a minute.
REPLACED_SECONDS = 35
_BUSY_SECONDS = 60


class Disk:
    """A small file system of its own that can be frozen, and notes of what was called beside it."""

    def __init__(self) -> None:
        self._folder = pathlib.Path(tempfile.mkdtemp(prefix='hanging-'))
        image, self._mount = self._folder / 'image', self._folder / 'mount'
        self._mount.mkdir()
        image.write_bytes(bytes(8 << 20))
        _run('mkfs.ext4', '-q', '-F', image)
        _run('mount', '-o', 'loop', image, self._mount)
        self._notes = self._folder / 'notes'
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

    def forget(self) -> None:
        """Forget what was called."""
        self._notes.write_text('')

    def called(self, call: str) -> bool:
        """True if the call began since that was forgotten."""
        return call.partition('@')[0] in self._notes.read_text().split()

    def environment(self, calls: Sequence[str]) -> dict[str, str]:
        """What has these calls of a process touch the disk first."""
        return {'PYTHONPATH': str(HOOK), 'TRIAL_CALLS': ','.join(calls),
                'TRIAL_DISK': str(self._mount / 'touched'), 'TRIAL_NOTES': str(self._notes)}


def _run(*argv) -> None:
    subprocess.run([str(word) for word in argv], check=True, capture_output=True)


class TestHangingLeader(base.LongTrial):

    def setUp(self) -> None:
        super().setUp()
        self.disks = {number: Disk() for number in (1, 2)}
        self.table: list[str] = []
        for number, disk in self.disks.items():
            # The last first: thawed, killed, and started as it was.
            self.addCleanup(self.cloud.start, f'controller:{number}')
            self.addCleanup(disk.close)
            self.addCleanup(self.cloud.kill, f'controller:{number}')
            self.addCleanup(disk.thaw)

    def test_another_one_leads_within_the_lease_and_half_a_minute(self):
        self.cloud.kill('agent:c1')
        self.wait('a case', lambda: self.case('c1'))
        for call in (*OF_SUSPECTS, *OF_CHILDREN):
            self._is_replaced(call)
        self._goes_on()
        self.assert_nobody_moved()
        on = self.on('c1')
        self._recovers()
        self.judge()
        self.assert_moved_once('c1', on, {'c2', 'c3'})
        self.tell('\n'.join(('seconds after the call began:', *self.table)))

    # ------------------------------------------------------------ while a host is suspected

    def _is_replaced(self, call: str) -> None:
        """Controller 1 leads and has its call hang; 2 stands by."""
        self._leads_with([call])
        self.disks[1].forget()
        self.disks[1].freeze()
        self._hangs(1, call)
        self.disks[1].thaw()

    def _goes_on(self) -> None:
        """Controller 1 leads, and all that no turn waits for hangs: it decides as ever."""
        self._leads_with(BESIDE)
        leader = self._leader()
        self.disks[1].forget()
        self.disks[1].freeze()
        # Nothing is written of itself, so a watch has nothing to take.
        self._opens_a_case_within_seconds()
        for call in BESIDE:
            self.wait(f'{call} to hang', lambda call=call: self.disks[1].called(call))
        began = time.monotonic()
        while time.monotonic() - began < REPLACED_SECONDS:
            self._opens_a_case_within_seconds()
        self.assertEqual(leader, self._leader())
        self._note(f'still leads after {time.monotonic() - began:.1f}', *BESIDE)
        self.disks[1].thaw()

    def _opens_a_case_within_seconds(self) -> None:
        self.cloud.start('agent:c1')
        self.wait('its beat', lambda: not self.case('c1'), _BUSY_SECONDS)
        self.cloud.kill('agent:c1')
        self.wait('a case', lambda: self.case('c1'), _BUSY_SECONDS)

    # ------------------------------------------------------------ while a host is recovered

    def _recovers(self) -> None:
        """Each leader of one recovery hangs in another of its calls, but the last."""
        for number in (1, 2):
            self.cloud.kill(f'controller:{number}')
        self.disks[1].forget()
        self.disks[1].freeze()
        self._begins(1, OF_A_RECOVERY[:1])
        self._stands_by(2, *OF_A_RECOVERY[1:2])
        self.cloud.power_off('c1')
        for step, call in enumerate(OF_A_RECOVERY):
            number = 1 + step % 2
            self._hangs(number, call)
            self.disks[number].thaw()
            # Awake in another's term: nothing that it does may count.
            time.sleep(2)
            self._stands_by(number, *OF_A_RECOVERY[step + 2:step + 3])
        self.wait_finished('c1')

    # ------------------------------------------------------------ private

    def _leads(self, number: int) -> bool:
        return self._leader().startswith(f'controller{number}/')

    def _leader(self) -> str:
        return self.records('leader').get('', {}).get('name', '')

    def _leads_with(self, calls: Sequence[str]) -> None:
        """Have controller 1 lead, with calls that will hang with the disk, and 2 stand by."""
        self._starts_with(calls)
        while not self._leads(1):
            # It gave way while it started: the other one saw more.
            self._starts_with(calls)

    def _starts_with(self, calls: Sequence[str]) -> None:
        for number in (1, 2):
            self.cloud.kill(f'controller:{number}')
        self.disks[1].forget()
        self._begins(1, calls)
        self.cloud.start('controller:2')
        self.wait(f'the first of {calls}', lambda: not self._leads(1) or all(
            map(self.disks[1].called, calls)), 90)
        time.sleep(3)

    def _begins(self, number: int, calls: Sequence[str]) -> None:
        """Start the controller while no other runs, and wait until it leads."""
        former = self._leader()
        self.cloud.start(f'controller:{number}', self.disks[number].environment(calls))
        self.wait('it leads', lambda: self._leader() != former and self._leads(number))

    def _stands_by(self, number: int, *calls: str) -> None:
        """Have the controller run, with calls that hang as soon as they are made."""
        disk = self.disks[number]
        self.cloud.kill(f'controller:{number}')
        disk.thaw()
        disk.forget()
        disk.freeze()
        self.cloud.start(f'controller:{number}', disk.environment(calls))

    def _hangs(self, number: int, call: str) -> None:
        """It leads and its call hangs, until the other one leads."""
        self.wait(f'controller {number} to lead', lambda: self._leads(number))
        self.wait(f'{call} to hang in controller {number}', lambda: self.disks[number].called(call))
        began = time.monotonic()
        self.wait(f'another leader though {call} hangs', lambda: self._leads(3 - number),
                  REPLACED_SECONDS + _BUSY_SECONDS)
        self._note(f'another leads after {time.monotonic() - began:.1f}', call)

    def _note(self, what: str, *calls: str) -> None:
        self.table += [f'{what:>28} s  {call}' for call in calls]
        self.tell(self.table[-1])
