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


"""The monitors that a ceph.conf names."""

import pathlib
import tempfile
import unittest

from kaopu_ha.drivers.ceph import conf_file as ceph_conf


class CephConfTest(unittest.TestCase):

    def monitors(self, line):
        with tempfile.TemporaryDirectory() as folder:
            path = pathlib.Path(folder, 'ceph.conf')
            path.write_text(f'[global]\nfsid = x\n{line}\nmon_initial_members = a\n')
            return ceph_conf.monitors(str(path))

    def test_addresses_come_without_ports(self):
        self.assertEqual(('10.0.0.1', '10.0.0.2'),
                         self.monitors('mon host = 10.0.0.2:6789, 10.0.0.1'))

    def test_a_monitor_with_two_protocols_is_one(self):
        self.assertEqual(('10.0.0.1', '10.0.0.2'), self.monitors(
            'mon_host = [v2:10.0.0.1:3300/0,v1:10.0.0.1:6789/0] '
            '[v2:10.0.0.2:3300,v1:10.0.0.2:6789]'))

    def test_addresses_of_ipv6_come_without_brackets(self):
        self.assertEqual(('fd00::1', 'fd00::2'), self.monitors(
            'mon_host = [v2:[fd00::1]:3300/0,v1:[fd00::1]:6789/0],[fd00::2]:6789'))
        self.assertEqual(('fd00::3',), self.monitors('mon_host = [v1:[fd00::3]]'))

    def test_names_stay_names(self):
        self.assertEqual(('a.example', 'b.example'),
                         self.monitors('mon-host = b.example:6789 a.example   # two'))

    def test_a_file_without_monitors_has_none(self):
        self.assertEqual((), self.monitors(''))
