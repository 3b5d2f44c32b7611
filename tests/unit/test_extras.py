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

"""What is said when a Python package of an extra is not installed."""

import sys
import unittest
from unittest import mock

from kaopu_ha.conf.errors import ConfigError
from kaopu_ha.wiring import drivers

_DRIVERS = ('kaopu_ha.drivers.libvirt.local', 'kaopu_ha.drivers.libvirt.probe',
            'kaopu_ha.drivers.etcd.store_etcd3')


class WithoutExtrasTest(unittest.TestCase):

    def setUp(self):
        # None is how sys.modules says that a module can't be imported.
        self.enterContext(mock.patch.dict(sys.modules, dict.fromkeys(('libvirt', 'etcd3'))))
        for name in _DRIVERS:
            sys.modules.pop(name, None)
            parent, _, child = name.rpartition('.')
            if child in getattr(sys.modules.get(parent), '__dict__', {}):
                self.enterContext(mock.patch.object(sys.modules[parent], child))
                delattr(sys.modules[parent], child)

    def assert_told(self, extra, load, *words):
        with self.assertRaises(ConfigError) as caught:
            load(*words)
        self.assertIn(f'pip install "kaopu-ha[{extra}]"', str(caught.exception))

    def test_a_controller_is_told_that_its_libvirt_is_missing(self):
        self.assert_told('libvirt', drivers.load, 'probe', 'libvirt')

    def test_an_agent_is_told_that_its_libvirt_is_missing(self):
        self.assert_told('libvirt', drivers.local, None, None)

    def test_whoever_names_the_package_etcd3_is_told_that_it_is_missing(self):
        self.assert_told('etcd3', drivers.load, 'store', 'etcd3')
