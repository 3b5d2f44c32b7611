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
"""A host that lives is taken for dead: the fence makes it safe.  And the judge has teeth."""

import pathlib
import subprocess
import sys
import tempfile
import time

from tests.cloud import base, test_volumes


class TestBothCables(test_volumes.Volumes):

    def test_both_cables_cut_evacuated_mended_and_admitted(self):
        on = self.on('c1')
        self.assertLessEqual({self.role(role, 'c1') for role in ('from-volume', 'second-volume')},
                             set(on))
        self.assert_attached()
        proxy = self._only_a_worker_behind_a_proxy()
        self.cloud.cut('c1', 'both')
        self.wait('a call that the proxy holds', proxy.holds)
        self.cloud.kill('worker:1')
        self.cloud.start('worker:2')
        self.wait_finished('c1')
        proxy.let_go()
        time.sleep(5)
        self.cloud.mend('c1')
        self.judge()
        self.assert_moved_once('c1', on, {'c2', 'c3'})
        self.wait('I/O errors of every old guest', lambda: all(
            'IOERR' in self.console('c1', uuid) for uuid in on
            if self.before[uuid].role != 'paused'))
        self._admit(on)
        self.assert_attached()
        self.assert_own_addresses()
        self.judge()

    def _only_a_worker_behind_a_proxy(self) -> 'Proxy':
        proxy = Proxy(self.cloud)
        self.addCleanup(proxy.close)
        self.cloud.kill('worker:1')
        self.cloud.kill('worker:2')
        self.cloud.start('worker:1', env={'http_proxy': proxy.url, 'no_proxy': ''})
        return proxy

    def _listed(self) -> str:
        return self.cloud.run_on('ctl', 'ceph', 'osd', 'blocklist', 'ls')

    def _admit(self, on: list[str]) -> None:
        self.assertIn('10.91.0.11:0/0', self._listed())
        self.cloud.freeze('libvirtd:c1')
        refused = self.ha('host', 'admit', 'c1')
        self.assertNotEqual(0, refused.returncode)
        self.assertIn('libvirt does not answer', refused.stdout + refused.stderr)
        self.cloud.thaw('libvirtd:c1')
        wrong = self.ha('host', 'admit', 'c2')
        self.assertNotEqual(0, wrong.returncode)
        done = self.ha('host', 'admit', 'c1', '--timeout', '120')
        self.assertEqual(0, done.returncode, done.stdout + done.stderr)
        self.assertNotIn('10.91.0.11', self._listed())
        self.assertEqual({}, self.case('c1'))
        self.assertIn('c1', self.records('alive/'))
        self.assertNotIn('c1', self.records('lock/'))
        domains = self.cloud.run_on('c1', 'virsh', 'list', '--all', '--uuid')
        self.assertEqual([], [uuid for uuid in on if uuid in domains])
        made = self.cloud.boot(1, 'c1')[0]
        self.before[made.uuid] = made
        self.assertEqual('c1', made.host)


class TestFrozenHost(base.Trial):

    def test_a_frozen_host_thaws_with_a_reboot_queued_and_nobody_writes_twice(self):
        on = self.on('c1')
        plain = self.role('plain', 'c1')
        self.cloud.freeze('host:c1')
        self.cloud.rest.nova('POST', f'/servers/{plain}/action', {'reboot': {'type': 'HARD'}})
        self.wait_finished('c1')
        self.judge()
        self.cloud.thaw('host:c1')
        time.sleep(20)
        self.judge()
        self.assert_moved_once('c1', on, {'c2', 'c3'})


class TestTeeth(base.Trial):

    def test_without_a_fence_the_judge_goes_red(self):
        victim = self.role('no-exclusive-lock', 'c1')
        held = self.ha('host', 'hold', 'c1', '--why', 'this test does it wrong on purpose')
        self.assertEqual(0, held.returncode, held.stderr)
        self.cloud.cut('c1', 'both')
        service = next(one for one in self.cloud.rest.nova(
            'GET', '/os-services?binary=nova-compute')['services'] if one['host'] == 'c1')
        self.cloud.rest.nova('PUT', f'/os-services/{service["id"]}', {'forced_down': True})
        self.cloud.rest.nova('POST', f'/servers/{victim}/action', {'evacuate': {'host': 'c2'}})
        self.wait('the second copy', lambda: any(
            one.expected.uuid == victim and one.growing and one.expected.host == 'c2'
            for one in self.cloud.judge(2)))
        self.cloud.mend('c1')
        reasons = self.wait('the judge sees red', lambda: [
            reason for one in self.cloud.judge(3) if one.expected.uuid == victim
            for reason in one.reasons], seconds=90)
        self.assertTrue(any('conflict' in reason or 'turns' in reason for reason in reasons),
                        reasons)


class Proxy:
    """An HTTP proxy in the control node that holds evacuate calls until it is told to let go."""

    def __init__(self, cloud) -> None:
        self._flag = pathlib.Path(tempfile.mkdtemp(prefix='holding-'))
        self.url = 'http://10.90.0.10:18080'
        program = pathlib.Path(__file__).with_name('holding_proxy.py')
        self._process = subprocess.Popen(cloud.command('ctl', [
            sys.executable, str(program), '10.90.0.10', '18080', str(self._flag)]),
            stdout=subprocess.PIPE, text=True)
        self._process.stdout.readline()

    def holds(self) -> list[str]:
        return [path.name for path in self._flag.glob('held-*')]

    def let_go(self) -> None:
        (self._flag / 'go').touch()

    def close(self) -> None:
        self.let_go()
        self._process.kill()
        self._process.wait()
