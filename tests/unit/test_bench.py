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

"""The measurements run, of small clouds; what they measure is looked at by people."""

import contextlib
import io
import unittest

from kaopu_ha.conf.rules import DetectionTimes
from tests import etcd_cluster, etcd_single
from tools.bench import calls, hosts, plan, status, viewers
from tools.bench.stub_nova import Pace, Stub

try:
    import libvirt
except ImportError:
    libvirt = None
try:
    from tools.bench import api
except ImportError:
    api = None


class Benches(unittest.TestCase):

    def said(self, main, *given):
        said = io.StringIO()
        with contextlib.redirect_stdout(said):
            main(*given)
        return said.getvalue().splitlines()

    def test_each_plan_is_told(self):
        told = self.said(plan.main, 40, 6)
        self.assertEqual(8, len(told), told)
        self.assertIn('40 instances onto 6 hosts', told[0])
        for line in (told[3], told[5], told[6]):
            self.assertIn(' changed, a whole plan ', line)
        self.assertIn('2 hosts lost at one time, a whole plan for each: ', told[7])

    @unittest.skipUnless(etcd_single.is_possible(), 'there is no etcd here')
    def test_the_status_of_a_cloud_is_timed(self):
        self.assertGreater(min(status.measured(3, 2, rounds=1)), 0)

    @unittest.skipUnless(etcd_single.is_possible() and api, 'there is no etcd, or no Flask')
    def test_each_list_of_the_api_is_timed(self):
        told = self.said(api.main, 12, 2, 3)
        self.assertEqual([path.replace(api._SEGMENT, 'ID') for path in api.LISTS],
                         [line.split()[0] for line in told[1:]])
        for line in told[1:]:
            self.assertRegex(line, r'median +[\d.]+ ms, 95 % +[\d.]+ ms .*processor +[\d.]+ ms')

    @unittest.skipUnless(etcd_single.is_possible(), 'there is no etcd here')
    def test_the_calls_for_many_hosts_are_counted(self):
        stub = Stub()
        self.addCleanup(stub.close)
        setting = calls.Setting(6, 2, Pace(0.0, 20.0, 0.1), workers=1, places=2)
        told = calls.told_of_many(setting, stub)
        self.assertIn('6 instances of 2 hosts, 2 places, 20 calls a second', told)

    @unittest.skipUnless(etcd_single.is_possible() and libvirt, 'there is no etcd or no libvirt')
    def test_an_agent_is_measured_beside_an_idle_process(self):
        from tools.bench import agent
        own, child, idle, renewing = agent.measured(2, 20, seconds=0.5, settles=5.0)
        self.assertGreater(own.mebibytes, idle.mebibytes)
        self.assertGreater(child.mebibytes, 0)
        # It has threads and channels that the idle one has not.
        self.assertGreater(renewing.mebibytes, idle.mebibytes)

    @unittest.skipIf(etcd_cluster.missing(), etcd_cluster.missing())
    def test_hosts_are_lost_one_and_many_and_the_leader_too(self):
        times = DetectionTimes(beat_interval=0.5, beat_ttl=2, ask_limit=1.0, look_interval=0.5,
                               death_ttl=1, lock_ttl=1)
        told = list(hosts.measured(hosts.Setting(12, times, instances=2, idle_seconds=0.5,
                                                 settle_seconds=2.0, leader_ttl=5)))
        for line, begins in zip(told, (
                '12 hosts with 2 instances each', 'the leader while all is well', 'the standby',
                'members of etcd', 'beats: ', 'kaopu-ha status', 'one host lost: CONFIRMED',
                '2 lost at one time', 'the leader meanwhile', 'a leader died', 'beats: '),
                strict=True):
            self.assertTrue(line.startswith(begins), line)
        self.assertRegex(told[-1], ', 0 leases lapsed$')

    @unittest.skipIf(etcd_cluster.missing() or not api, 'there is no etcd, or no Flask')
    def test_a_host_is_lost_while_people_watch(self):
        times = DetectionTimes(beat_interval=0.5, beat_ttl=2, ask_limit=1.0, look_interval=0.5,
                               death_ttl=1, lock_ttl=1)
        told = viewers.measured(hosts.Setting(6, times, instances=2, idle_seconds=1.0,
                                              settle_seconds=2.0, leader_ttl=5), 6)
        # Four wait, and two come again and again.
        self.assertRegex(told[0], '; 6 people who watch: [1-9][0-9]* answers a second ')
        self.assertRegex(told[1], r'nobody looks, [\d.]+ s while they do: ratio [\d.]+ ')
        self.assertRegex(told[2], '^6 of 6 were told of it')

    def test_who_has_what_of_the_calls_is_counted_while_all_wait(self):
        setting = calls.Setting(6, 2, Pace())
        taken = [('dead-00', 0.0, 1.0), ('dead-01', 0.0, 2.0), ('dead-00', 0.0, 3.0),
                 ('dead-00', 0.0, 4.0), ('dead-01', 0.0, 5.0), ('dead-01', 0.0, 6.0)]
        self.assertEqual([1, 3], calls.shares(taken, setting))
        for had, index in (([2, 2], 1.0), ([0, 4], 0.5), ([1, 3], 0.8), ([0, 0], 0.0)):
            self.assertAlmostEqual(index, calls.jain(had))
