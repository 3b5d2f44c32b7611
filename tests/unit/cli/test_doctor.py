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

"""``kaopu-ha doctor`` as a whole: its forms, its exit codes, and that it tells no secret."""

import json
import pathlib
import signal
import subprocess
import sys
import time

from kaopu_ha import ports, records
from kaopu_ha.checkup import Check
from kaopu_ha.core import checkup
from kaopu_ha.doctor import table
from kaopu_ha.doctor.round import Asked
from tests.unit.cli import scene

GOOD = checkup.good('etcd', 'fine')
WEAK = checkup.weak('etcd', 'it is lame', 'it falls', 'help it')
WRONG = checkup.wrong('etcd', 'it is down', 'nothing is decided', 'start it')
UNASKED = checkup.unasked('etcd', 'it is mute', 'nothing is decided', 'start it')


class Doctor(scene.Scene):

    def setUp(self):
        super().setUp()
        folder = self.config.parent
        (folder / 'ceph.conf').write_text(f'[global]\nfsid = {scene.FSID}\nmon_host = '
                                          f'127.0.0.1:9\n')
        self.config.write_text(scene.CONF.format(endpoint=self.etcd.endpoint, folder=folder))


class Forms(Doctor):
    """Of findings that are given."""

    def ends(self, code, *findings, words=()):
        wanted = [Asked('store', Check('all', lambda _: findings))]
        former = table.wanted
        table.wanted = lambda *_: wanted
        try:
            ended, out, _ = self.run_command('doctor', *words)
        finally:
            table.wanted = former
        self.assertEqual(code, ended, out)
        return out

    def test_nothing_wrong_is_one_line_that_says_what_was_asked(self):
        told = self.ends(0, GOOD)
        self.assertIn('Nothing is wrong.\n', told)
        self.assertIn('5 answers as they should be, of: store, this machine.', told)
        self.assertNotIn('fine', told)
        self.assertIn('good  store: etcd\n      fine', self.ends(0, GOOD, WEAK, words=['-v']))

    def test_what_is_wrong_comes_first_with_what_would_happen_and_what_to_do(self):
        lines = self.ends(1, GOOD, WEAK, WRONG).splitlines()
        self.assertEqual(['wrong  store: etcd', '       it is down',
                          '       In a failure: nothing is decided',
                          '       What to do: start it', 'weak   store: etcd'], lines[:5])

    def test_the_exit_codes(self):
        self.ends(0, WEAK)
        self.ends(1, GOOD, UNASKED)
        self.ends(2, UNASKED)

    def test_other_forms_have_it_whole(self):
        told = json.loads(self.ends(1, GOOD, WRONG, words=['-f', 'json']))
        self.assertIn({'severity': 'wrong', 'side': 'store', 'subject': 'etcd',
                       'found': 'it is down', 'in a failure': 'nothing is decided',
                       'what to do': 'start it'}, told)
        self.assertIn('etcd', self.ends(1, WRONG, words=['-f', 'value', '-c', 'subject']))
        told = json.loads(self.ends(2, UNASKED, words=['--json']))
        self.assertEqual([False], [one['asked'] for one in told if one['side'] == 'store'])


# A shell has what it starts in the background pass over Ctrl-C, and all its children.
HEEDS_CTRL_C = ('env', '--default-signal=INT')


class Whole(Doctor):
    """With the drivers that are configured, nearly all of whose other sides are away."""

    def found(self):
        self.code, out, _ = self.run_command('doctor', '--limit', '6', '--json')
        self.assertNotIn('hidden-word', out)
        return {(one['side'], one['subject']): one for one in json.loads(out)}

    def test_every_side_has_its_finding(self):
        self.there_leads()
        self.there_is(scene.an_inventory('c1', instances=()))
        self.beats('c1')
        self.put(f'{records.PROCESS}worker/ctl-1/7', records.ProcessRecord('ctl-1/7'))
        found = self.found()
        for key in (('cloud', 'Nova'), ('usage', 'Placement'), ('management', 'c1'),
                    ('fence', f'Ceph user client.kaopu of cluster {scene.FSID}')):
            self.assertEqual('wrong', found[key]['severity'], key)
        self.assertEqual({'agents': 'good', 'controllers': 'wrong', 'workers': 'weak'}, {
            name: found['hosts', name]['severity']
            for name in ('agents', 'controllers', 'workers')})
        self.assertEqual('good', found['this machine', 'configuration']['severity'])
        for one in found.values():
            self.assertEqual(one['severity'] != 'good', bool(one['failure'] and one['advice']), one)

    def test_a_store_that_is_away_is_a_finding(self):
        self.config.write_text(self.config.read_text().replace(self.etcd.endpoint, '127.0.0.1:9'))
        found = self.found()
        self.assertFalse(found['store', 'etcd']['asked'])
        self.assertNotIn(('hosts', 'agents'), found)
        self.assertEqual(2, self.code)

    def test_a_driver_that_is_not_there_and_a_record_that_is_none_are_findings(self):
        self.config.write_text(self.config.read_text() + '[usage]\ndriver = crystal_ball\n')
        self.store.commit([], [ports.Put(records.HOST + 'c7', 'scribbled')])
        found = self.found()
        self.assertIn('crystal_ball', found['usage', 'the usage driver']['found'])
        for name in ('drivers', 'records'):
            self.assertEqual('wrong', found['this machine', name]['severity'])

    def test_a_configuration_that_is_wrong_is_one_line(self):
        self.config.write_text('[store]\nendpoints = nowhere\n')
        self.assertIn('endpoints', self.refused('doctor', code=2))

    def test_told_to_end_it_ends_in_one_line(self):
        for number in (signal.SIGINT, signal.SIGTERM):
            asking = subprocess.Popen(
                [*HEEDS_CTRL_C, sys.executable, '-m', 'kaopu_ha.cli.shell', '--config-file',
                 str(self.config), 'doctor', '--limit', '40'],
                stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
            self.addCleanup(asking.kill)
            self._await_child(asking)
            asking.send_signal(number)
            out, err = asking.communicate(timeout=60)
            self.assertEqual((1, '', 1), (asking.returncode, out, err.count('\n')), err)
            self.assertIn('Ended before everything was asked', err)

    def _await_child(self, asking):
        """Until it asks Ceph, by a process of its own."""
        until = time.monotonic() + 60
        tasks = pathlib.Path(f'/proc/{asking.pid}/task')
        while time.monotonic() < until:
            if any(each.read_text() for each in tasks.glob('*/children')):
                return
            if asking.poll() is not None:
                self.fail(f'it ended with {asking.returncode}: {asking.communicate()}')
            time.sleep(0.1)
        self.fail('it asks nobody by a process of its own')
