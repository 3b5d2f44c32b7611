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

"""What an agent keeps of its guests' disks is what it would make of them anew."""

import contextlib
import copy
import unittest

from hypothesis import given, settings
from hypothesis import strategies as st

from kaopu_ha import ports
from kaopu_ha.agent.owners import CephCluster
from kaopu_ha.agent.storage import OwnStorage
from kaopu_ha.core import model
from tests.unit.agent.case import FSID, ScriptedStorage, domain

ONE = (CephCluster('', 'vms', ('10.0.0.9',)),)
# Until each has told its addresses nobody knows on which of them a disk is.
TWO = tuple(CephCluster(f'f-{one}', 'vms', (f'mon-{one}.example.org',)) for one in 'ab')
STEPS = ('the host is looked at', 'the storage is read', 'the storage is away, or back',
         'a header is another', 'the pool is barred, or no more', 'a guest runs anew',
         'a guest comes, or goes', 'time passes', 'the cluster tells its monitors',
         'a cluster is read', 'the former agent told')
FORMER = model.Inventory('c1', 'u', 'b', '', instances=(model.Instance(
    'u1', 'one', model.Power.ON, (model.Image(FSID, 'vms', 'one_disk', 'rbd_header.9'),)),),
    storage={FSID: model.Sign.LIFE})


class Hosts:
    """Two storages of one host: one is shown the same domains again, the other copies of them."""

    def __init__(self, clusters):
        self.time, self.run, self.ids, self.clusters = 1000.0, 1, 10, clusters
        self.reader = ScriptedStorage(self)
        self.keeping, self.making = (
            OwnStorage(self.reader, clusters, clock=lambda: self.time) for _ in range(2))
        self.domains = [domain('one'), domain('two')]

    def does(self, step):
        """Do one of the steps; whatever it is, both are shown what is so then."""
        reader = self.reader
        if step == 'the host is looked at':
            self.keeping.read_headers(self.domains)
            self.making.read_headers(copy.deepcopy(self.domains))
        elif step == 'the storage is read':
            self.keeping.signs(self.domains)
            self.making.signs(copy.deepcopy(self.domains))
        elif step == 'the storage is away, or back':
            reader.away = not reader.away
        elif step == 'a header is another':
            self.ids += 1
            reader.ids['one_disk'] = f'rbd_header.{self.ids}'
        elif step == 'the pool is barred, or no more':
            reader.barred = () if reader.barred else ('vms',)
        elif step == 'a guest runs anew':
            self.run += 1
            self.domains[0] = domain('one', run=str(self.run))
        elif step == 'a guest comes, or goes':
            self.domains = self.domains[:1] if self.domains[1:] else [*self.domains, domain('two')]
        elif step == 'time passes':
            self.time += 400.0
        elif step == 'the cluster tells its monitors':
            reader.mons = ('10.0.0.9',)
        elif step == 'a cluster is read':
            for each in self.keeping, self.making:
                with contextlib.suppress(ports.PortError):
                    each.read(self.clusters[0])
        elif step == 'the former agent told':
            for each in self.keeping, self.making:
                each.learn(FORMER)

    def of(self, storage, domains):
        """What it says of each."""
        return [storage.images(each) for each in domains]


class Kept(unittest.TestCase):

    @settings(max_examples=300, deadline=None)
    @given(st.sampled_from((ONE, TWO)), st.lists(st.sampled_from(STEPS), max_size=14))
    def test_it_is_what_would_be_made_anew(self, clusters, steps):
        hosts = Hosts(clusters)
        for step in steps:
            hosts.does(step)
            self.assertEqual(hosts.of(hosts.making, copy.deepcopy(hosts.domains)),
                             hosts.of(hosts.keeping, hosts.domains))

    def test_what_stays_is_made_once(self):
        hosts = Hosts(ONE)
        for step in STEPS[1::-1]:
            hosts.does(step)
        first, again = (hosts.of(hosts.keeping, hosts.domains) for _ in range(2))
        self.assertEqual(['rbd_header.1'], [image.header for image in first[0][0]])
        self.assertIs(first[0], again[0])
