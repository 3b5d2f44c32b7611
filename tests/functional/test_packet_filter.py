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

"""Who refused a connection: a kernel without a listener, or a packet filter in front of it."""

import json
import os
import shutil
import subprocess
import sys
import unittest

_ASKS = '''
import json, select, sys
from kaopu_ha.drivers import connects
said = {}
for port in (1001, 1002, 1003, 1004, 1005):
    link = connects.connecting(sys.argv[1], port)
    select.select([], [link], [], 3)
    said[port] = connects.connected(link, sys.argv[1]).contact.name
print(json.dumps(said))
'''
_WORLD = ('ip link set lo up && {filter} -A INPUT -p tcp --dport 1001 -j REJECT && '
          '{filter} -A INPUT -p tcp --dport 1002 -j REJECT --reject-with tcp-reset && '
          '{filter} -A INPUT -p tcp --dport 1004 -j REJECT --reject-with {prohibited} && '
          '{filter} -A INPUT -p tcp --dport 1005 -j REJECT --reject-with {away} && '
          'exec {python} -c "$ASKS" {address}')


@unittest.skipUnless(os.geteuid() == 0 and shutil.which('iptables') and shutil.which('unshare'),
                     'it makes a network with a packet filter')
class PacketFilterTest(unittest.TestCase):

    def said(self, address, filter_, prohibited, away):
        shell = _WORLD.format(filter=filter_, prohibited=prohibited, away=away,
                              python=sys.executable, address=address)
        ran = subprocess.run(['unshare', '-n', 'sh', '-c', shell], capture_output=True, text=True,
                             env={**os.environ, 'ASKS': _ASKS})
        self.assertEqual('', ran.stderr)
        return json.loads(ran.stdout)

    def test_a_filter_that_answers_by_icmp_is_no_kernels_word(self):
        for words in (('127.0.0.1', 'iptables', 'icmp-host-prohibited', 'icmp-host-unreachable'),
                      ('::1', 'ip6tables', 'adm-prohibited', 'addr-unreach')):
            with self.subTest(words[0]):
                # One that forges segments can't be told from a kernel.
                self.assertEqual({'1001': 'ERROR', '1002': 'REFUSED', '1003': 'REFUSED',
                                  '1004': 'ERROR', '1005': 'ERROR'}, self.said(*words))
