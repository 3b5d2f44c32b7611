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


"""What a worker reads of a cloud: what has changed, and not what there is."""

import collections
import unittest
from unittest import mock

from kaopu_ha import ports, records
from kaopu_ha.core.model import Phase
from kaopu_ha.programs import workers
from kaopu_ha.records import view
from kaopu_ha.sim.kernel import Kernel
from kaopu_ha.sim.network import Node
from kaopu_ha.sim.store import Etcd, SimStore
from kaopu_ha.worker.looker import CallTimes, Looker
from kaopu_ha.worker.queue import RecordQueue
from tests.core import values

HOSTS, INSTANCES = 30, 20


class Nova:
    """The instance is where it was, without a task."""

    def server(self, uuid):
        return values.a_server(uuid)

    def migrations(self, **query):
        return ()

    def services(self):
        return {'c2': values.a_service()}


class Ceph:
    """A client that nobody can ask is listed for each image, at this address."""

    def __init__(self, address):
        self.client = values.a_client(f'{address}:0/9', acknowledged=False)

    def clients(self, images, limit):
        return {image: values.an_answer(self.client, image=image) for image in images}

    def contact(self, uris, limit):
        return {uri: values.a_libvirt() for uri in uris}


class Reads(unittest.TestCase):

    def setUp(self):
        self.etcd, self.asked = Etcd(Kernel(1), Node('etcd')), collections.Counter()
        self.read, self.etcd.read = self.etcd.read, self.counted
        self.store = workers.mirrored(SimStore(self.etcd, Node('worker-1')))
        self.addCleanup(self.store.close)
        self.queue = RecordQueue(self.store)
        for number in range(1, HOSTS + 1):
            self.tell(f'c{number}', f'10.1.0.{number}')
        for number in range(INSTANCES):
            self.move(f'i{number:02}')

    def counted(self, ranges):
        self.asked.update(ranges)
        return self.read(ranges)

    def put(self, key, record):
        self.etcd.commit([], [ports.Put(key, records.encode(record))])

    def tell(self, host, address):
        self.put(records.INVENTORY + host, values.an_inventory(host, storage_addresses=(address,)))

    def move(self, instance, **changes):
        item = values.an_evacuation(instance, **{'phase': Phase.QUEUED, 'target': 'c2'} | changes)
        self.put(f'{records.EVACUATION}{item.recovery}/{instance}', item)

    def before_the_call(self, instance):
        """The hosts that are asked whether they run the instance."""
        ceph = Ceph('10.1.0.9')
        looker = Looker(self.store, Nova(), ceph, ceph, values.rules(), lambda: 1000.0)
        item = values.an_evacuation(instance, phase=Phase.QUEUED, target='c2')
        target = values.an_inventory('c2', storage_addresses=('10.1.0.2',))
        return sorted(looker.seen(item, target, CallTimes(), source_returned=False,
                                  orders=()).elsewhere)

    def test_all_hosts_are_read_once_however_many_instances_are_called_for(self):
        for number in range(INSTANCES):
            self.assertEqual(['c9'], self.before_the_call(f'i{number:02}'))
        self.assertEqual(1, self.asked[records.INVENTORY])

    def test_whose_an_address_is_now_is_known_at_the_next_call(self):
        self.assertEqual(['c9'], self.before_the_call('i00'))
        self.tell('c9', '10.1.0.90')
        self.tell('c8', '10.1.0.9')
        self.assertEqual(['c8'], self.before_the_call('i01'))
        self.assertEqual(1, self.asked[records.INVENTORY])

    def test_only_what_has_changed_is_decoded_again(self):
        self.before_the_call('i00')
        self.queue.take(1)
        with mock.patch.object(view, 'record', wraps=view.record) as decoded:
            self.tell('c9', '10.1.0.90')
            self.move('i07', phase=Phase.DONE)
            self.assertEqual([], self.before_the_call('i01'))
            self.assertEqual(INSTANCES - 1, len(self.queue.take(INSTANCES)))
        self.assertEqual(2, decoded.call_count)

    def test_what_may_be_taken_is_read_once(self):
        for number in range(3):
            self.assertEqual(INSTANCES + number, len(self.queue.take(100)))
            self.move(f'j{number}')
        self.assertEqual(1, self.asked[records.EVACUATION])

    def test_who_has_nothing_to_call_for_reads_of_no_host(self):
        self.queue.take(1)
        self.assertEqual(0, self.asked[records.INVENTORY])


if __name__ == '__main__':
    unittest.main()
