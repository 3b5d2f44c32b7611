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

"""Which cluster a disk is on."""

import unittest

from kaopu_ha import ports
from kaopu_ha.agent.owners import CephCluster, Owners

A = CephCluster('f-a', 'vms', ('192.0.2.1', '192.0.2.2'))
B = CephCluster('f-b', 'vms', ('198.51.100.1',))
NAMED = CephCluster('f-a', 'vms', ('mon1.example.org',))
NAMED_TOO = CephCluster('f-b', 'vms', ('mon2.example.org',))
UNNAMED = CephCluster('f-a')

# The file(s), what each cluster says of its monitors, what the disk's definition names, the answer.
ROWS = (
    ('the file names it', [A, B], {}, ['192.0.2.2'], 'f-a'),
    ('the file spells it otherwise', [CephCluster('f-a', 'vms', ('2001:DB8:0::1',)), B], {},
     ['2001:db8::1'], 'f-a'),
    ('the file has names, the cluster tells addresses', [NAMED, NAMED_TOO],
     {'f-a': ['192.0.2.1'], 'f-b': ['198.51.100.1']}, ['198.51.100.1'], 'f-b'),
    ('both have names', [NAMED, NAMED_TOO], {}, ['mon2.example.org'], 'f-b'),
    ('the file has names, and the only other cluster is known not to have it', [NAMED, B], {},
     ['192.0.2.1'], 'f-a'),
    ('nobody can tell yet', [NAMED, NAMED_TOO], {}, ['192.0.2.1'], None),
    ('it is on a third cluster', [A, B], {}, ['203.0.113.1'], None),
    ('it is on a third cluster, and both have told', [NAMED, NAMED_TOO],
     {'f-a': ['192.0.2.1'], 'f-b': ['198.51.100.1']}, ['203.0.113.1'], None),
    ('the only cluster has it', [A], {'f-a': ['192.0.2.1']}, ['192.0.2.1'], 'f-a'),
    ('the only cluster has told, and it is on another', [A], {'f-a': ['192.0.2.1']},
     ['203.0.113.1'], None),
    ('the only cluster has not told yet: its file may be old', [A], {}, ['203.0.113.1'], 'f-a'),
    ('the only cluster has no monitors in its file', [UNNAMED], {'f-a': ['192.0.2.1']},
     ['192.0.2.1'], 'f-a'),
    ('the disk names no monitor', [A], {'f-a': ['192.0.2.1']}, [], 'f-a'),
    ('the disk names no monitor, of two clusters', [A, B], {}, [], None),
    ('the disk names its monitors by names, the file by addresses', [A], {'f-a': ['192.0.2.1']},
     ['mon1.example.org'], 'f-a'),
)


class Reader(ports.StorageReader):
    """Clusters that tell their monitors, or do not answer."""

    def __init__(self, told):
        self.told, self.asked = told, 0

    def monitors(self, limit, cluster=''):
        self.asked += 1
        if cluster not in self.told:
            raise ports.PortError('no answer')
        return tuple(self.told[cluster])

    def fsid(self, limit, cluster=''):
        raise NotImplementedError

    header_ids = touch = clients = close = fsid


class OwnersTest(unittest.TestCase):

    def setUp(self):
        super().setUp()
        self.time = 1000.0

    def owners(self, clusters, told):
        self.reader = Reader(told)
        owners = Owners(self.reader, clusters, limit=1.0, clock=lambda: self.time)
        for cluster in clusters:
            owners.ask(cluster, cluster.fsid)
        return owners

    def of(self, owners, *monitors):
        found = owners.of(ports.Disk('vms', 'x_disk', monitors))
        return found and found.fsid

    def test_each_row(self):
        for name, clusters, told, named, expected in ROWS:
            with self.subTest(name):
                self.assertEqual(expected, self.of(self.owners(clusters, told), *named))

    def test_monitors_that_were_replaced_are_known_as_long_as_this_agent_runs(self):
        owners = self.owners([A], {'f-a': ['192.0.2.7']})
        self.reader.told['f-a'] = ['192.0.2.8']
        self.time += 601
        owners.ask(A, 'f-a')
        self.assertEqual(['f-a', 'f-a'], [self.of(owners, f'192.0.2.{n}') for n in (7, 8)])

    def test_a_cluster_that_told_is_asked_again_after_ten_minutes_only(self):
        owners = self.owners([A], {'f-a': ['192.0.2.1']})
        owners.ask(A, 'f-a')
        self.assertEqual(1, self.reader.asked)

    def test_one_that_did_not_answer_is_asked_again(self):
        owners = self.owners([A], {})
        owners.ask(A, 'f-a')
        self.assertEqual(2, self.reader.asked)
