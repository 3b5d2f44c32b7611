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

"""Two zones of two hosts each, and a server group: what Nova really lets where.

The host that dies leaves one other host in its zone, which is the fullest of all.  Nova is asked
once for each instance: nobody goes by trial and error.
"""

from tests.trials import base

ZONES = {'az1': ('c1', 'c2'), 'az2': ('c3', 'c4')}


class TestZones(base.LongTrial):

    hosts = 4

    @classmethod
    def tearDownClass(cls) -> None:
        """Take the fourth host away again: another trial would find it among its targets."""
        rest = cls.cloud.rest
        cls.cloud.power_off('c4')
        for one in rest.nova('GET', '/os-services?binary=nova-compute&host=c4')['services']:
            rest.nova('DELETE', f'/os-services/{one["id"]}')
        cls.cloud.layout.set_setting('hosts', '3')
        super().tearDownClass()

    def boot(self) -> None:
        """Four pinned to az1 on c1, two on c2; of two that are kept apart one on c1."""
        self._drop_zones()
        self.addCleanup(self._drop_zones)
        self.addCleanup(self.cloud.reset)
        for zone, hosts in ZONES.items():
            made = self._nova('POST', '/os-aggregates', {'aggregate': {
                'name': zone, 'availability_zone': zone}})['aggregate']
            for host in hosts:
                self._nova('POST', f'/os-aggregates/{made["id"]}/action',
                           {'add_host': {'host': host}})
        self.group = self._nova('POST', '/os-server-groups', {'server_group': {
            'name': 'apart', 'policy': 'anti-affinity'}})['server_group']['id']
        self.addCleanup(self._nova, 'DELETE', f'/os-server-groups/{self.group}')
        self.pinned = {one.uuid for one in (*self.cloud.boot(4, 'c1', zone='az1'),
                                            *self.cloud.boot(2, 'c2', zone='az1'))}
        self.apart = {one.host: one.uuid for host in ('c1', 'c3')
                      for one in self.cloud.boot(1, host, group=self.group)}

    def test_those_of_the_zone_stay_in_it_and_those_of_the_group_apart(self):
        on = self.on('c1')
        pinned, apart = sorted(self.pinned.intersection(on)), self.apart['c1']
        self.cloud.power_off('c1')
        self.tell('c1 has no power')
        self.wait_finished('c1')
        self.tell(self.said('recovery', 'show', 'c1'))
        self.judge()
        self.assert_moved_once('c1', pinned, {'c2'})
        self.assert_moved_once('c1', [apart], {'c2', 'c4'})
        self.assertEqual('c3', self.host_of(self.apart['c3']))
        self.cloud.power_on('c1')
        self.admit('c1')
        self.judge()

    def test_a_zone_without_a_host_is_told_and_nobody_asks_nova(self):
        on = sorted(self.pinned.intersection(self.on('c1')))
        self.assertEqual(0, self.ha('host', 'hold', 'c2', '--why', 'a trial').returncode)
        self.addCleanup(self.ha, 'host', 'release', 'c2')
        self.cloud.power_off('c1')
        told = self.wait('the reason', lambda: (
            said := self.said('recovery', 'show', 'c1')) and 'not in its zone' in said and said)
        self.tell(told)
        self.assertIn('in zone az1: c2: it is on hold', ' '.join(told.split()))
        self.assertEqual([], [uuid for uuid in on if self.evacuations(uuid)])
        self.assertEqual(0, self.ha('host', 'release', 'c2').returncode)
        self.wait_finished('c1')
        self.judge()
        self.assert_moved_once('c1', on, {'c2'})

    def _nova(self, method: str, path: str, body: object = None) -> dict:
        return self.cloud.rest.nova(method, path, body)

    def _drop_zones(self) -> None:
        """Nova takes no host out of a zone in which it has instances: after a reset."""
        for one in self._nova('GET', '/os-aggregates')['aggregates']:
            if one['name'] in ZONES:
                for host in one['hosts']:
                    self._nova('POST', f'/os-aggregates/{one["id"]}/action',
                               {'remove_host': {'host': host}})
                self._nova('DELETE', f'/os-aggregates/{one["id"]}')
