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

"""The example that sets Kubernetes' out-of-service taint, with our webhook and a false kubectl."""

import dataclasses
import json
import os
import pathlib
import select
import subprocess
import sys
import tempfile
import time
import unittest

from kaopu_ha import ports
from kaopu_ha.core.news import Fact, News
from kaopu_ha.drivers.webhook import notifier as webhook
from kaopu_ha.testing import notifier

SCRIPT = pathlib.Path(__file__).resolve().parents[2] / 'doc/source/operator/out_of_service.py'
SECRET = b'0123456789abcdef'
DEAD = notifier.a_dead_instance()
KUBECTL = """#!{python}
import json, pathlib, sys
here = pathlib.Path(__file__).parent
with open(here / 'asked', 'a') as file:
    file.write(' '.join(sys.argv[1:]) + '\\n')
if sys.argv[1] == 'get':
    print((here / 'nodes').read_text())
if (here / 'broken').exists():
    sys.exit('The connection to the server was refused')
"""
TAINT = 'taint nodes node-1 node.kubernetes.io/out-of-service=nodeshutdown:NoExecute --overwrite'


def a_node(ready='Unknown', name='node-1', provider=f'openstack:///{DEAD.instance}', system=''):
    return {'metadata': {'name': name}, 'spec': {'providerID': provider} if provider else {},
            'status': {'nodeInfo': {'systemUUID': system}, 'conditions': [
                {'type': 'MemoryPressure', 'status': 'False'},
                {'type': 'Ready', 'status': ready}]}}


def notices(**changes):
    """The operators' notice of a dead instance, and its project's."""
    return notifier.some_notices(News(Fact.PLANNED, 'compute-1', '1 left', dead=(
        dataclasses.replace(DEAD, **changes),)))


class OutOfService(unittest.TestCase):

    def setUp(self):
        self.folder = pathlib.Path(self.enterContext(tempfile.TemporaryDirectory()))
        (self.folder / 'secret').write_bytes(SECRET + b'\n')
        kubectl = self.folder / 'kubectl'
        kubectl.write_text(KUBECTL.format(python=sys.executable))
        kubectl.chmod(0o755)
        self.nodes(a_node())
        self.script = subprocess.Popen(
            [sys.executable, str(SCRIPT), '0', str(self.folder / 'secret')],
            stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, bufsize=0,
            env={**os.environ, 'PATH': f'{self.folder}:{os.environ["PATH"]}'})
        self.addCleanup(self.script.stdout.close)
        self.addCleanup(self.script.wait)
        self.addCleanup(self.script.kill)
        self.port = self.said().rpartition(' ')[2]

    def nodes(self, *nodes):
        draft = self.folder / 'draft'
        draft.write_text(json.dumps({'items': nodes}))
        draft.rename(self.folder / 'nodes')

    def said(self):
        ready, _, _ = select.select([self.script.stdout], [], [], 30.0)
        self.assertTrue(ready, 'it says nothing')
        return self.script.stdout.readline().decode().strip()

    def post(self, notice, secret=SECRET):
        webhook.Webhook(f'http://127.0.0.1:{self.port}/', secret).notify(notice, 10.0)

    def asked(self):
        path = self.folder / 'asked'
        return path.read_text().splitlines() if path.exists() else []

    def test_a_node_that_is_surely_dead_gets_the_taint(self):
        for node in (a_node(), a_node(provider=f'openstack://region/{DEAD.instance}'),
                     a_node(provider='', system=DEAD.instance.upper())):
            (self.folder / 'asked').unlink(missing_ok=True)
            self.nodes(a_node(name='other', provider='openstack:///another'), node)
            self.post(dataclasses.replace(notices()[1], id=node['spec'].get('providerID', '')))
            self.assertEqual(f'node-1 ({DEAD.instance}): node-1 is out of service', self.said())
            self.assertEqual(['get nodes -o json', TAINT], self.asked())

    def test_one_that_kubernetes_still_hears_is_waited_for(self):
        self.nodes(a_node(ready='True'))
        self.post(notices()[1])
        until = time.monotonic() + 20.0
        while not self.asked():
            self.assertLess(time.monotonic(), until)
            time.sleep(0.05)
        self.nodes(a_node())
        self.assertIn('is out of service', self.said())
        self.assertEqual(TAINT, self.asked()[-1])
        self.assertEqual({'get nodes -o json'}, set(self.asked()[:-1]))

    def test_one_that_is_moved_is_left_alone(self):
        self.post(notices(is_moved=True)[1])
        self.assertIn('nothing is done', self.said())
        self.assertEqual([], self.asked())

    def test_an_instance_that_is_no_node_is_none(self):
        self.nodes(a_node(provider='openstack:///another'))
        self.post(notices()[1])
        self.assertIn('no node runs in it', self.said())

    def test_what_somebody_else_signed_does_nothing(self):
        with self.assertRaisesRegex(ports.PortError, '403'):
            self.post(notices()[1], b'fedcba9876543210')
        self.post(notices(is_moved=True)[1])
        self.assertIn('nothing is done', self.said())
        self.assertEqual([], self.asked())

    def test_other_notices_are_taken_and_do_nothing(self):
        for notice in (notices()[0], *notifier.some_notices()):
            self.post(notice)
        self.post(notices(is_moved=True)[1])
        self.assertIn('nothing is done', self.said())
        self.assertEqual([], self.asked())

    def test_a_notice_that_comes_twice_is_carried_out_once(self):
        for _ in range(2):
            self.post(notices()[1])
        self.post(dataclasses.replace(notices(is_moved=True)[1], id='another'))
        said = sorted([self.said(), self.said()])
        self.assertIn('is out of service', said[1])
        self.assertIn('nothing is done', said[0])
        self.assertEqual(1, self.asked().count(TAINT))

    def test_a_kubectl_that_fails_is_told_and_the_next_one_is_taken(self):
        (self.folder / 'broken').touch()
        self.post(notices()[1])
        self.assertIn('returned non-zero exit status', self.said())
        (self.folder / 'broken').unlink()
        self.post(dataclasses.replace(notices()[1], id='another'))
        self.assertIn('is out of service', self.said())


if __name__ == '__main__':
    unittest.main()
