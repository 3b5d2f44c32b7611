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

"""The package etcd3 behind the store: the members that we play, and a package that is not there."""

import pathlib
import sys
import tempfile
import unittest
from unittest import mock

from kaopu_ha.drivers.etcd import etcd3_stubs
from kaopu_ha.drivers.etcd import store_etcd3 as etcd3
from tests.unit.drivers import test_etcd_calls


class Etcd3CallsTest(test_etcd_calls.EtcdCallsTest):
    """Two members that do not agree."""

    kind = etcd3.Etcd3Store


class PackageNotThereTest(unittest.TestCase):
    """What is said when the package can't be used."""

    def setUp(self):
        self.folder = pathlib.Path(self.enterContext(tempfile.TemporaryDirectory()))
        self.enterContext(mock.patch.dict(sys.modules))
        for name in [name for name in sys.modules if name.partition('.')[0] == 'etcd3']:
            del sys.modules[name]

    def test_a_package_that_is_not_installed_is_told_with_what_to_do(self):
        with (mock.patch.object(sys, 'path', [str(self.folder)]),
              self.assertRaisesRegex(ImportError, 'pip install "kaopu-ha.etcd3')):
            etcd3_stubs.imported()

    def test_another_package_of_that_name_is_told(self):
        package = self.folder / 'etcd3' / 'etcdrpc'
        package.mkdir(parents=True)
        (package.parent / '__init__.py').touch()
        (package / 'kv_pb2.py').write_text('from google.protobuf import runtime_version\n')
        with (mock.patch.object(sys, 'path', [str(self.folder)]),
              self.assertRaisesRegex(ImportError, 'must be release 0.12.0')):
            etcd3_stubs.imported()
