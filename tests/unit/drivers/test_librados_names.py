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

"""What $cluster stands for in the paths of a ceph.conf; no cluster is asked."""

import ctypes
import pathlib
import tempfile
import unittest

from kaopu_ha.drivers.ceph import librados


def _is_here():
    try:
        librados._library()
    except OSError:
        return False
    return True


@unittest.skipUnless(_is_here(), 'librados is not installed')
class ClusterNameTest(unittest.TestCase):

    def setUp(self):
        super().setUp()
        self.folder = pathlib.Path(self.enterContext(tempfile.TemporaryDirectory()))

    def keyring(self, *there, **settings):
        """The paths that librados takes for its keyring, if these files are there."""
        path = self.folder / 'site.conf'
        path.write_text('[global]\nfsid = 417b1d7a-0000-4000-8000-001a4a000740\n'
                        f'keyring = {self.folder}/$cluster.$name.keyring\n')
        for name in there:
            (self.folder / name).touch()
        cluster = librados.Connection.__new__(librados.Connection)
        cluster._lib = librados._library()
        handle = cluster._begun('kaopu', {'conf': str(path), **settings})
        self.addCleanup(cluster._lib.rados_shutdown, handle)
        told = ctypes.create_string_buffer(512)
        cluster._lib.rados_conf_get(handle, b'keyring', told, ctypes.c_size_t(512))
        return pathlib.Path(told.value.decode()).name

    def test_the_name_is_that_of_the_file(self):
        self.assertEqual('site.client.kaopu.keyring', self.keyring('site.client.kaopu.keyring'))

    def test_it_is_ceph_if_the_keyring_is_found_under_that_only(self):
        self.assertEqual('ceph.client.kaopu.keyring', self.keyring('ceph.client.kaopu.keyring'))

    def test_the_files_own_name_goes_first(self):
        self.assertEqual('site.client.kaopu.keyring', self.keyring(
            'ceph.client.kaopu.keyring', 'site.client.kaopu.keyring'))

    def test_without_any_keyring_the_name_is_that_of_the_file(self):
        self.assertEqual('site.client.kaopu.keyring', self.keyring())

    def test_a_keyring_of_our_own_configuration_may_have_it_too(self):
        for name in ('site', 'ceph'):
            with self.subTest(name):
                (self.folder / f'{name}.ours').touch()
                self.assertEqual(f'{name}.ours', self.keyring(
                    keyring=f'{self.folder}/$cluster.ours'))
                (self.folder / f'{name}.ours').unlink()
