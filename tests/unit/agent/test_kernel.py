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

"""What is read from /proc, against a /proc of the test's own."""

import os
import pathlib
import shutil
import tempfile
import time
import unittest
from unittest import mock

from kaopu_ha.drivers.linux import kernel

FIB_TRIE = r"""Main:
  +-- 0.0.0.0/0 3 0 5
     |-- 0.0.0.0
        /0 universe UNICAST
     +-- 10.0.0.0/24 2 0 2
        |-- 10.0.0.0
           /24 link UNICAST
        |-- 10.0.0.7
           /32 host LOCAL
        |-- 10.0.0.255
           /32 link BROADCAST
     |-- 127.0.0.1
        /32 host LOCAL
"""
HZ = os.sysconf('SC_CLK_TCK')
IF_INET6 = 'fd000000000000000000000000000007 02 40 00 80     eth0\n'


class KernelTest(unittest.TestCase):

    def setUp(self):
        super().setUp()
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.proc = pathlib.Path(folder.name)
        self.write('sys/kernel/random/boot_id', 'b1\n')
        self.write('net/fib_trie', FIB_TRIE)
        self.write('net/if_inet6', IF_INET6)
        self.kernel = self.a_kernel(self.clock(1.0))

    def a_kernel(self, clock_at_boot):
        return kernel.LinuxKernel(str(self.proc), str(self.proc / 'none'), clock_at_boot)

    @staticmethod
    def clock(seconds, monotonic='0'):
        """A command that says, as systemd does, what the clock was so long after the epoch."""
        return ('printf', f'UserspaceTimestamp=%s\nUserspaceTimestampMonotonic={monotonic}\n',
                time.strftime('%a %Y-%m-%d %H:%M:%S UTC', time.gmtime(seconds)))

    def up(self, seconds):
        self.write('uptime', f'{seconds:.2f} 9.00\n')

    def write(self, name, text):
        path = self.proc / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)

    def process(self, number, *words, ticks=0):
        self.write(f'{number}/cmdline', '\0'.join(words) + '\0')
        self.write(f'{number}/stat', f'{number} (a) b) S' + ' 1' * 18 + f' {ticks} 5 6')

    def test_addresses_are_the_own_ones_inside_the_networks(self):
        self.assertEqual(('10.0.0.7', 'fd00::7'),
                         self.kernel.addresses(['10.0.0.0/24', 'fd00::/64']))
        self.assertEqual((), self.kernel.addresses(['10.0.1.0/24']))

    def test_a_kernel_without_ipv6_has_none_of_its_addresses(self):
        (self.proc / 'net/if_inet6').unlink()
        self.assertEqual(('10.0.0.7',), self.kernel.addresses(['10.0.0.0/24', 'fd00::/64']))

    def test_nova_compute_is_found_by_its_program(self):
        self.process(7, '/usr/bin/python3', '/usr/bin/nova-compute', '--config-file', 'x', ticks=70)
        self.assertEqual('b1/70', self.kernel.compute_started())

    def test_of_several_processes_the_oldest_counts(self):
        self.process(7, '/usr/bin/nova-compute', ticks=70)
        self.process(8, '/usr/bin/nova-compute', ticks=80)
        self.assertEqual('b1/70', self.kernel.compute_started())

    def test_while_it_runs_no_other_process_is_looked_at(self):
        self.process(7, '/usr/bin/nova-compute', ticks=70)
        self.assertEqual('b1/70', self.kernel.compute_started())
        with mock.patch.object(kernel.os, 'listdir', side_effect=AssertionError):
            self.assertEqual('b1/70', self.kernel.compute_started())

    def test_one_that_ended_is_looked_for_anew(self):
        self.process(7, '/usr/bin/nova-compute', ticks=70)
        self.kernel.compute_started()
        self.process(9, '/usr/bin/nova-compute', ticks=90)
        self.assertEqual('b1/70', self.kernel.compute_started())
        shutil.rmtree(self.proc / '7')
        self.assertEqual('b1/90', self.kernel.compute_started())
        shutil.rmtree(self.proc / '9')
        self.assertEqual('', self.kernel.compute_started())

    def test_another_process_of_the_same_number_is_not_it(self):
        for words in (('/usr/bin/nova-compute',), ('sleep', '9')):
            self.process(7, '/usr/bin/nova-compute', ticks=70)
            self.assertEqual('b1/70', self.kernel.compute_started())
            self.process(7, *words, ticks=80)
            self.process(8, '/usr/bin/nova-compute', ticks=75)
            self.assertEqual('b1/75', self.kernel.compute_started())
            shutil.rmtree(self.proc / '8')

    def test_what_only_speaks_of_nova_compute_is_none(self):
        self.process(7, 'systemctl', 'restart', 'nova-compute', ticks=70)
        self.process(8, 'python3', 'privsep-helper', '--config-file', '/etc/nova-compute', ticks=80)
        self.process(9)
        self.assertEqual('', self.kernel.compute_started())

    def test_when_it_began_is_told_by_the_wall_clock(self):
        self.process(7, '/usr/bin/nova-compute', ticks=90 * HZ)
        self.up(100.0)
        began = self.a_kernel(self.clock(time.time())).compute_began(5.0)
        self.assertAlmostEqual(time.time() - 10.0, began, delta=2.0)

    def test_of_a_clock_that_was_set_since_the_boot_what_is_earlier_counts(self):
        self.process(7, '/usr/bin/nova-compute', ticks=90 * HZ)
        self.up(100.0)
        boot = time.time() - 100.0
        # Systemd began 5 s after the kernel; its clock was an hour behind, or an hour ahead.
        behind, ahead = (self.a_kernel(self.clock(boot + 5.0 + wrong, '5000000'))
                         for wrong in (-3600.0, 3600.0))
        self.assertAlmostEqual(boot - 3600.0 + 90.0, behind.compute_began(5.0), delta=2.0)
        self.assertAlmostEqual(boot + 90.0, ahead.compute_began(5.0), delta=2.0)

    def test_who_does_not_run_began_at_no_time(self):
        self.assertIsNone(self.kernel.compute_began(5.0))

    def test_where_nobody_says_what_the_clock_was_nobody_knows_when_it_began(self):
        self.process(7, '/usr/bin/nova-compute', ticks=70)
        self.up(100.0)
        for command in (('false',), ('/nowhere/systemctl',), ('sleep', '9'), ('true',),
                        ('printf', 'UserspaceTimestamp=\nUserspaceTimestampMonotonic=0\n'),
                        self.clock(1.0, '')):
            self.assertIsNone(self.a_kernel(command).compute_began(0.3), command)

    def test_a_machine_without_a_mainboard_has_no_uuid(self):
        self.assertEqual('', self.kernel.machine())
