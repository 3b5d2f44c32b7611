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

from kaopu_ha.core import model
from kaopu_ha.core.model import Contact, Sign
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


class ManyTest(unittest.TestCase):
    """More libvirts that take connections than may be asked at one time."""

    def setUp(self):
        super().setUp()
        listening = socket.create_server(('0.0.0.0', 0), backlog=64)
        self.addCleanup(listening.close)
        self.port = listening.getsockname()[1]
        self.probe = LibvirtProbe()
        for name, value in (('_CHILD', 'tests.unit.drivers.talking_child'),
                            ('_STARTING_MAX', 2), ('_ASKING_MAX', 3)):
            patched = mock.patch(f'kaopu_ha.drivers.libvirt.probe.{name}', value)
            patched.start()
            self.addCleanup(patched.stop)

    def signs(self, *numbers, limit):
        """What is said of these; above 100 a host is mute."""
        suspects = [model.Inventory(f'c{number}', 'u', 'b',
                                    f'qemu+tcp://127.0.0.{number}:{self.port}/system')
                    for number in numbers]
        found = self.probe.ask(suspects, [], limit)
        return {number: (found[f'c{number}'].sign, found[f'c{number}'].answers[0].came)
                for number in numbers}

    def test_all_have_their_turn_if_they_answer(self):
        self.assertEqual({(Sign.LIFE, 'answered')},
                         set(self.signs(*range(2, 14), limit=20).values()))

    def left_out(self, found):
        return {number for number, (_, came) in found.items() if 'it was not asked in time' in came}

    def test_who_has_no_turn_was_not_asked_and_is_the_first_in_the_next_round(self):
        numbers = range(101, 106)
        with mock.patch('kaopu_ha.drivers.libvirt.probe._STARTING_MAX', 3):
            first = self.signs(*numbers, limit=2)
            self.assertEqual(2, len(self.left_out(first)), first)
            for number in self.left_out(first):
                self.assertEqual((Sign.UNKNOWN, 'error: it was not asked in time: 3 others were, '
                                  '3 at one time at most'), first[number])
            second = self.signs(*numbers, limit=2)
        self.assertEqual(2, len(self.left_out(second)), second)
        self.assertEqual(set(), self.left_out(first) & self.left_out(second))

    def test_those_who_are_mute_leave_room_for_those_who_answer(self):
        found = self.signs(101, 102, 2, 3, 4, 5, limit=8)
        self.assertEqual([Sign.LIFE] * 4, [found[number][0] for number in (2, 3, 4, 5)], found)
