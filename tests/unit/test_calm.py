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

"""The clock by which suites ask whether a limit was kept."""

import pathlib
import tempfile
import unittest
from unittest import mock

from kaopu_ha.testing import clock


class TestCalm(unittest.TestCase):

    def setUp(self):
        super().setUp()
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.pressure = pathlib.Path(folder.name, 'cpu')
        self.time = mock.Mock(return_value=100.0)
        for name, value in (('_PRESSURES', (self.pressure,)), ('time.monotonic', self.time)):
            patched = mock.patch(f'{clock.__name__}.{name}', value)
            patched.start()
            self.addCleanup(patched.stop)

    def waited(self, microseconds):
        self.pressure.write_text(f'some avg10=1.00 avg60=2.00 avg300=3.00 total={microseconds}\n'
                                 'full avg10=0.00 avg60=0.00 avg300=0.00 total=77\n')

    def test_it_counts_what_was_waited_for_of_ones_own_will_only(self):
        self.waited(5_000_000)
        began = clock.calm()
        self.time.return_value += 10.0
        self.waited(9_000_000)
        self.assertAlmostEqual(6.0, clock.calm() - began)

    def test_without_a_kernel_that_tells_it_is_a_plain_clock(self):
        for text in (None, '', 'some avg10=1.00\n'):
            with self.subTest(text=text):
                if text is not None:
                    self.pressure.write_text(text)
                self.assertEqual(100.0, clock.calm())

    def test_a_false_clock_is_never_busy(self):
        class OfTheSimulator(clock.Clocked):
            def now(self):
                return 7.0

        self.waited(5_000_000)
        self.assertEqual(7.0, OfTheSimulator().calm())
        self.assertEqual(95.0, clock.Clocked().calm())
