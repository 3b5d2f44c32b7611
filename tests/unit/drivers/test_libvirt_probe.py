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

"""A child that hangs in this machine's kernel says nothing of the host that it was to ask."""

import os
import pathlib
import socket
import subprocess
import tempfile
import unittest
from unittest import mock

from kaopu_ha.core.model import Contact
from kaopu_ha.drivers.libvirt.probe import LibvirtProbe


class MuteTest(unittest.TestCase):

    def setUp(self):
        super().setUp()
        # It takes connections and never says a word.
        self.mute = socket.create_server(('127.0.0.1', 0), backlog=16)
        self.addCleanup(self.mute.close)
        self.uri = f'qemu+tcp://127.0.0.1:{self.mute.getsockname()[1]}/system'

    def contact(self):
        return LibvirtProbe().contact([self.uri], 8)[self.uri]

    def test_a_libvirt_that_says_nothing_is_mute(self):
        self.assertEqual(Contact.MUTE, self.contact().contact)

    def test_a_child_of_ours_that_waits_for_this_machine_is_no_mute_libvirt(self):
        with tempfile.TemporaryDirectory() as folder:
            pipe = pathlib.Path(folder) / 'pipe'
            os.mkfifo(pipe)
            with mock.patch('kaopu_ha.drivers.libvirt.probe._CHILD',
                            'tests.unit.drivers.waiting_child'), \
                    mock.patch.dict(os.environ, TEST_PIPE=str(pipe)):
                said = self.contact()
            # What it had begun to start goes on, and ends.
            os.close(os.open(pipe, os.O_RDWR))
        self.assertEqual((Contact.ERROR, 'our own process waits for something of this '
                          'machine (state D)'), (said.contact, said.reason))

    def test_so_many_that_cannot_be_killed_are_an_error_and_no_more_are_started(self):
        late = subprocess.TimeoutExpired('child', 0.5)
        with mock.patch('subprocess.Popen.wait', side_effect=late), \
                mock.patch('subprocess.Popen.poll', return_value=None), \
                mock.patch('kaopu_ha.drivers.libvirt.probe._undead._most', 1):
            self.contact()
            self.assertRegex(self.contact().reason, 'killed and wait in the kernel')
