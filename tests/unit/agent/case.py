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

"""What the agent's tests share: a real etcd, a scripted host, a scripted storage, a clock."""

import unittest

from kaopu_ha import ports, records
from kaopu_ha.agent.runtime import HostRuntime
from kaopu_ha.core import model
from kaopu_ha.drivers.etcd import store as etcd
from tests import etcd_single

HOST = 'c1'
UUID = '11111111-1111-4111-8111-111111111111'
OTHER_UUID = '22222222-2222-4222-8222-222222222222'
FSID = 'aaaaaaaa-aaaa-4aaa-8aaa-aaaaaaaaaaaa'


class AgentCase(unittest.TestCase):
    """A test with an empty store; the etcd is shared by the tests of a class."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.etcd = etcd_single.until(cls.addClassCleanup)
        patient = etcd.EtcdStore([cls.etcd.endpoint], timeout=20.0)
        cls.addClassCleanup(patient.close)
        patient.read(records.PREFIX)

    def setUp(self):
        super().setUp()
        self.store = etcd.EtcdStore([self.etcd.endpoint], timeout=6.0, try_limit=2.0)
        self.addCleanup(self.store.close)
        seen = self.store.read(records.PREFIX)
        self.store.commit([], [ports.Delete(key) for key in seen.entries])
        self.told = []
        self.time = 1000.0

    def clock(self):
        return self.time

    def tell(self, news):
        self.told.append((news.fact.level, news.text))

    def env(self, local, **other):
        """What the parts of an agent need, on the test's store and clock."""
        return HostRuntime(HOST, self.store, local, self.tell, **{'clock': self.clock} | other)

    def put(self, key, record, lease=0):
        self.assertIsNotNone(self.store.commit([], [ports.Put(key, records.encode(record), lease)]))

    def delete(self, key):
        self.store.commit([], [ports.Delete(key)])

    def entry(self, key):
        return self.store.read(key).get(key)

    def lock(self, permanent=True):
        self.put(records.LOCK + HOST, records.Lock('k1', 'noon', permanent, 'r1'))

    def unlock(self):
        self.delete(records.LOCK + HOST)


class ScriptedHost(ports.LocalHost):
    """A host that is as the test wants it; the real one is held by the contract suite."""

    def __init__(self):
        self.host_uuid, self.boot = UUID, 'boot-1'
        self.domains, self.mute = (), False
        self.own = ('10.0.0.1',)
        self.compute, self.compute_next = 'boot-1/7', 'boot-1/8'
        self.ran, self.removed, self.resumed = [], [], []
        self.paused_again = ''
        self.stops, self.asked_why = False, 0

    def identity(self, limit):
        return ports.HostIdentity(self.host_uuid, 8, 4096)

    def instances(self, limit):
        if self.mute:
            raise ports.PortError('libvirt is mute')
        return tuple(self.domains)

    def remove_domains(self, uuids, permit):
        if not permit.holds():
            raise ports.NotPermitted('no')
        there = tuple(each.uuid for each in self.domains if each.uuid in uuids)
        self.domains = tuple(each for each in self.domains if each.uuid not in there)
        self.removed.extend(there)
        return there

    def resume_domains(self, runs, permit):
        if not permit.holds():
            raise ports.NotPermitted('no')
        self.resumed.append(dict(runs))
        return dict.fromkeys(runs, self.paused_again)

    def addresses(self, networks):
        return self.own

    def boot_id(self):
        return self.boot

    def compute_started(self):
        return self.compute

    def stopping(self, limit):
        self.asked_why += 1
        return self.stops

    def run(self, command, limit):
        self.ran.append(tuple(command))
        self.compute = self.compute_next

    def close(self):
        pass


class ScriptedStorage(ports.StorageReader):
    """A cluster that is as the test wants it.  ``takes`` are the seconds of a read that fails."""

    def __init__(self, case):
        self._case = case
        self.ids = {'one_disk': 'rbd_header.1', 'two_disk': 'rbd_header.2',
                    'shared_disk': 'rbd_header.3'}
        self.away, self.takes = False, 4.0
        self.mons, self.barred, self.why = (), (), 'Operation not permitted'
        self.touched, self.looked_up = [], []
        # The clients of images by name, those that are mute, and each batch that was asked for.
        self.watchers, self.silent, self.asked = {}, (), []

    def fsid(self, limit, cluster=''):
        self._answer()
        return FSID

    def header_ids(self, pool, names, limit, cluster=''):
        self._answer()
        if pool in self.barred:
            raise ports.PortError(self.why)
        self.looked_up.append(tuple(names))
        return {name: self.ids[name] for name in names if name in self.ids}

    def monitors(self, limit, cluster=''):
        self._answer()
        return self.mons

    def touch(self, image, limit):
        self._answer()
        self.touched.append(image.header)
        if image.header not in self.ids.values():
            raise ports.PortError('there is no such object')

    def clients(self, images, limit):
        self._answer()
        self.asked.append(tuple(image.name for image in images))
        return {image: model.ImageAnswer(image, tuple(
            model.Client(address, number, address not in self.silent)
            for number, address in enumerate(self.watchers.get(image.name, ()))))
            for image in images}

    def close(self):
        pass

    def _answer(self):
        if self.away:
            self._case.time += self.takes
            raise ports.PortError('the cluster does not answer')


def domain(name='one', power=model.Power.ON, run='1', **other):
    """A domain with one RBD disk, ``<name>_disk``."""
    uuid = f'{name.encode().hex():0<8.8}-0000-4000-8000-000000000000'
    return ports.Domain(uuid=uuid, name=name, power=power, run=run,
                        **{'disks': (ports.Disk('vms', f'{name}_disk', ('10.0.0.9',)),)} | other)
