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

"""The same without OpenStack: etcd, Ceph and libvirt, the patent's own setting."""

import time

from tests.cloud import base


class BareTrial(base.Trial):
    """A life of the cloud without OpenStack."""

    openstack = False

    def evacuations(self, uuid: str) -> list[dict]:
        """The moves of an instance that arrived, as its owner's record has them."""
        owner = self.records('server/').get(uuid, {})
        return [move for move in owner.get('moves', ()) if move['status'] == 'completed']

    def runs_on(self, uuid: str) -> list[str]:
        """The hosts whose libvirt runs the instance."""
        return [host for host in self.cloud.layout.hosts if uuid in self.cloud.run_on(
            host, 'virsh', 'list', '--uuid')]

    def admit(self, host: str) -> None:
        done = self.ha('host', 'admit', host, '--timeout', '120')
        self.assertEqual(0, done.returncode, done.stdout + done.stderr)
        self.assertEqual({}, self.case(host))
        self.assertIn(host, self.records('alive/'))
        self.assertNotIn('10.91.0.11', self.cloud.run_on('ctl', 'ceph', 'osd', 'blocklist', 'ls'))


class TestPower(BareTrial):

    def test_a_dead_host_heals_though_the_workers_die_in_the_middle_and_is_admitted(self):
        def kill_the_workers():
            for worker in ('worker:1', 'worker:2'):
                self.cloud.kill(worker)

        watch = base.Watch(self.cloud, 'server/', '"status":"running"', kill_the_workers)
        self.addCleanup(watch.close)
        for worker in ('worker:1', 'worker:2'):
            self.addCleanup(self.cloud.start, worker)
        on, off = self.on('c1'), self.role('off', 'c1')
        self.cloud.power_off('c1')
        self.wait('a move, and the end of who began it', watch.seen.is_set)
        begun = {uuid: owner['moves'][-1]['id'] for uuid, owner in self.records('server/').items()
                 if owner['moves'] and owner['moves'][-1]['status'] == 'running'}
        for worker in ('worker:1', 'worker:2'):
            self.cloud.start(worker)
        self.wait_finished('c1')
        for uuid, move in begun.items():
            self.assertEqual([move], [one['id'] for one in self.evacuations(uuid)])
        self.judge()
        self.assert_moved_once('c1', on, {'c2', 'c3'})
        self.assertEqual('c1', self.host_of(off))
        self.assertEqual([], self.evacuations(off))
        for uuid in on:
            told = self.cloud.run_on(self.host_of(uuid), 'virsh', 'dominfo', uuid)
            self.assertRegex(told, r'Persistent:\s+yes')
            self.assertRegex(told, r'Autostart:\s+disable')
        self._comes_back(on, off)

    def _comes_back(self, on, off):
        self.cloud.power_on('c1')
        self.wait('libvirt of c1', lambda: off in self.cloud.run_on(
            'c1', 'virsh', 'list', '--all', '--uuid'))
        self.admit('c1')
        left = self.cloud.run_on('c1', 'virsh', 'list', '--all', '--uuid')
        self.assertEqual([off], left.split())
        self.judge()
        made = self.cloud.boot(1, 'c1')[0]
        self.before[made.uuid] = made
        self.judge()


class TestBothCables(BareTrial):

    def test_both_cables_cut_evacuated_mended_and_admitted(self):
        on = self.on('c1')
        self.cloud.cut('c1', 'both')
        self.wait_finished('c1')
        self.judge()
        self.assertEqual(sorted(on), sorted(uuid for uuid in on if len(self.runs_on(uuid)) == 2))
        self.cloud.mend('c1')
        self.wait('I/O errors of every old guest', lambda: all(
            'IOERR' in self.console('c1', uuid) for uuid in on
            if self.before[uuid].role != 'paused'))
        self.judge()
        self.assert_moved_once('c1', on, {'c2', 'c3'})
        self.admit('c1')
        for uuid in on:
            self.assertEqual([self.host_of(uuid)], self.runs_on(uuid))
        self.judge()


class TestFrozenHost(BareTrial):

    def test_a_frozen_host_thaws_and_nobody_writes_twice(self):
        on = self.on('c1')
        self.cloud.freeze('host:c1')
        self.wait_finished('c1')
        self.judge()
        self.cloud.thaw('host:c1')
        time.sleep(20)
        self.judge()
        self.assert_moved_once('c1', on, {'c2', 'c3'})


class TestDeadTarget(BareTrial):

    def test_a_target_that_dies_while_it_receives_loses_nothing_and_starts_nothing_twice(self):
        on = self.on('c1')
        self.cloud.power_off('c1')
        # Not before: a host whose agent tells that its libvirt is mute is no target.
        self.wait('the plan', lambda: self.recovery('c1').get('stage') in (
            'planned', 'evacuating'), every=0.1)
        self.cloud.freeze('libvirtd:c2')
        self.cloud.freeze('libvirtd:c3')
        self.wait('a move that hangs', lambda: [
            one for one in self.records('server/').values()
            if one['moves'] and one['moves'][-1]['status'] == 'running'])
        self.cloud.thaw('libvirtd:c3')
        self.cloud.power_off('c2')
        self.wait_finished('c2')
        self.wait_finished('c1')
        self.judge()
        for uuid in on:
            self.assertEqual('c3', self.host_of(uuid))
