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

"""A package of somebody else's, installed by pip: its drivers are listed, chosen and used."""

import json
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import unittest

from kaopu_ha import ports, records
from kaopu_ha.core import model
from kaopu_ha.drivers.etcd import store as etcd
from tests import etcd_single
from tests.unit.cli import scene

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parents[1]
CONF = """
[DEFAULT]
host = ctl
[store]
endpoints = {endpoint}
[probe]
management = outside_management
storage = outside_storage
[fence]
drivers = outside
[usage]
driver = outside
[outside]
notes = {folder}/notes
""" + scene.AWAY + """
timeout = 1
[detection]
pace = fast
[controller]
leader_ttl = 5
"""
DISK = model.Image('cluster', 'vms', 'disk', 'header')
DEAD = model.Inventory('c1', 'uuid', 'boot', 'qemu+tcp://c1/system', ('10.2.0.11',),
                       {'cluster': model.Sign.LIFE}, 4, 4096,
                       (model.Instance('i-1', 'web', model.Power.ON, (DISK,)),))


class OutsideDriversTest(unittest.TestCase):

    @classmethod
    def setUpClass(cls):
        cls.folder = pathlib.Path(tempfile.mkdtemp(prefix='outside-'))
        cls.addClassCleanup(shutil.rmtree, cls.folder)
        source = shutil.copytree(HERE / 'outside', cls.folder / 'source')
        subprocess.run([sys.executable, '-m', 'pip', 'install', '-q', '--no-deps',
                        '--no-build-isolation', '--target', str(cls.folder / 'site'),
                        str(source)], check=True, timeout=120)
        cls.etcd = etcd_single.until(cls.addClassCleanup)
        (cls.folder / 'ceph.conf').write_text('[global]\nfsid = cluster\n')
        cls.conf = cls.folder / 'kaopu-ha.conf'
        cls.conf.write_text(CONF.format(endpoint=cls.etcd.endpoint, folder=cls.folder))
        cls.env = {**os.environ, 'PYTHONPATH': f'{ROOT}:{cls.folder}/site'}

    def run_command(self, *words):
        return subprocess.run(
            [sys.executable, '-m', 'kaopu_ha.cli.shell', '--config-file', str(self.conf), *words],
            capture_output=True, text=True, timeout=60, env=self.env)

    def test_they_are_listed_with_their_options(self):
        done = self.run_command('drivers', '--json')
        found = {(one['port'], one['name']): one for one in json.loads(done.stdout)}
        fence = found['fence', 'outside']
        self.assertEqual((True, 'kaopu-outside 7.1', 'Pulls the plug of a storage switch.'),
                         (fence['chosen'], fence['package'], fence['summary']))
        self.assertEqual('[outside] notes', fence['options'][0]['name'])
        self.assertFalse(found['fence', 'ceph_blocklist']['chosen'])
        self.assertIn('NoSuchProbe', found['probe', 'broken']['trouble'])
        self.assertEqual(0, done.returncode, done.stderr)

    def test_a_chosen_driver_that_is_not_there_is_told(self):
        done = self.run_command('drivers', '--config-file', self.other('drivers = no_such'))
        self.assertEqual(1, done.returncode)
        self.assertIn('The fence driver "no_such" is chosen', done.stderr)

    def test_they_are_used(self):
        store = etcd.EtcdStore([self.etcd.endpoint])
        self.addCleanup(store.close)
        store.commit([], [ports.Put(records.INVENTORY + 'c1', records.encode(DEAD))])
        controller = subprocess.Popen(
            [sys.executable, '-m', 'kaopu_ha.cmd.controller', '--config-file', str(self.conf)],
            env=self.env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.addCleanup(controller.wait)
        self.addCleanup(controller.kill)
        wanted = {'asked over management', 'asked over storage', 'cut', 'proven', 'usage'}
        deadline = time.monotonic() + 90
        while not wanted <= self.notes() or not self.is_proven(store):
            self.assertLess(time.monotonic(), deadline, f'only {self.notes()}')
            time.sleep(0.5)
        controller.send_signal(signal.SIGTERM)
        controller.wait(20)
        self.assertIn('closed', self.notes())

    def notes(self):
        try:
            return set((self.folder / 'notes').read_text().split('\n'))
        except FileNotFoundError:
            return set()

    def is_proven(self, store):
        found = store.read(records.RECOVERY).under(records.RECOVERY)
        return any(records.decode(model.Recovery, entry.value, entry.key).stage
                   is model.RecoveryStage.PROVEN for entry in found.values())

    def other(self, fences):
        conf = self.folder / 'other.conf'
        conf.write_text(self.conf.read_text().replace('drivers = outside', fences))
        return str(conf)
