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

"""Each queue driver carries a batch, though a worker is killed in the middle of it."""

import os

from minicloud import demo, instances
from tests.cloud import base

# More than the eight that two workers have in hand.
COUNT = int(os.environ.get('KAOPU_HA_TEST_BATCH', '9'))


class Carried(base.Trial):
    """A trial with instances that need not boot."""

    queue = ''

    def setUp(self) -> None:
        super(base.Trial, self).setUp()
        self.addCleanup(self.cloud.set_queue, 'etcd')
        self.cloud.up(3, 'fast', self.queue)
        self.cloud.reset()
        self.uuids = instances.boot_empty(self.cloud.rest, 'c1', COUNT)
        demo.wait_beating(self.cloud)

    def a_dead_hosts_batch(self):
        watch = base.Watch(self.cloud, 'evacuation/', '"phase":"moving"',
                           lambda: self.cloud.kill('ctl:worker1'))
        self.addCleanup(watch.close)
        self.cloud.power_off('c1')
        self.wait_finished('c1')
        self.assertTrue(watch.seen.is_set())
        found = {one.uuid: one for one in self.cloud.instances()}
        for uuid in self.uuids:
            self.assertEqual(('ACTIVE', 1), (found[uuid].status, len(self.evacuations(uuid))),
                             found[uuid].name)
            self.assertIn(found[uuid].host, ('c2', 'c3'))
        self.assertEqual({}, self.records('claim/'))


class TestRabbitmq(Carried):

    queue = 'oslo_messaging'

    def test_a_batch_is_moved_once(self):
        self.a_dead_hosts_batch()


class TestRedis(Carried):

    queue = 'rq'

    def test_a_batch_is_moved_once(self):
        self.a_dead_hosts_batch()
