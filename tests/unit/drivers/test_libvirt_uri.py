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

import unittest

from kaopu_ha.drivers.libvirt import uri as libvirt_uri


class Uris(unittest.TestCase):

    def test_where_it_leads(self):
        for text, host, port, transport in (
                ('qemu+tls://c1/system', 'c1', 16514, 'tls'),
                ('qemu://c1/system', 'c1', 16514, 'tls'),
                ('qemu+tcp://10.0.0.1/system', '10.0.0.1', 16509, 'tcp'),
                ('qemu+tcp://[2001:db8::1]:16600/system', '2001:db8::1', 16600, 'tcp'),
                ('qemu+ssh://nova@c1/system', 'c1', 22, 'ssh')):
            self.assertEqual(libvirt_uri.Uri(text, host, port, transport), libvirt_uri.read(text))

    def test_what_is_not_used_has_its_reason(self):
        for text in ('qemu+tls://c1/system?no_verify=1', 'qemu+ssh://c1/system?command=/bin/true'):
            with self.assertRaisesRegex(ValueError, 'parameters'):
                libvirt_uri.read(text)
        for text in ('', 'c1', 'qemu:///system', 'qemu+unix:///system', 'qemu+ext://c1/system',
                     'qemu+tcp://c1:port/system', 'qemu+tcp://[bad/system'):
            with self.assertRaisesRegex(ValueError, 'not the URI of a libvirt on the network'):
                libvirt_uri.read(text)

    def test_a_host_says_its_address_and_nothing_else(self):
        tls = libvirt_uri.Reach('tls', networks=('192.0.2.0/24', '2001:db8::/64'))
        for text in ('qemu+tls://c1/system', 'qemu+tls://192.0.2.7/system', 'qemu://c1/system',
                     'qemu+tls://[2001:db8::7]:16514/system'):
            libvirt_uri.read(text, tls)
        for text, why in (
                ('qemu+tcp://c1/system', 'transport is tls'),
                ('qemu+ssh://c1/system', 'transport is tls'),
                ('qemu+tls://c1:2379/system', 'port is 16514'),
                ('qemu+tls://198.51.100.7/system', 'management_networks'),
                ('qemu+tls://[2001:db8:1::7]/system', 'management_networks')):
            with self.subTest(text), self.assertRaisesRegex(ValueError, why):
                libvirt_uri.read(text, tls)
        with self.assertRaisesRegex(ValueError, 'port is 16600'):
            libvirt_uri.read('qemu+tcp://c1/system', libvirt_uri.Reach('tcp', 16600))
        libvirt_uri.read('qemu+tcp://c1:16600/system', libvirt_uri.Reach('tcp', 16600))

    def test_nor_a_user_nor_a_path(self):
        for text in ('qemu+tls://root@c1/system', 'qemu+tls://c1/../x', 'qemu+tls://c1',
                     'qemu+tls://c1/system#x', 'qemu+tcp://u:p@c1/system'):
            with self.subTest(text), self.assertRaises(ValueError):
                libvirt_uri.read(text)

    def test_a_network_that_is_none_is_refused_at_the_start(self):
        with self.assertRaises(ValueError):
            libvirt_uri.Reach(networks=('192.0.2.0/99',))

    def test_our_certificate_is_shown_where_there_is_tls(self):
        tls, tcp = (libvirt_uri.read(f'qemu+{each}://c1/system') for each in ('tls', 'tcp'))
        self.assertEqual('qemu+tls://c1/system?pkipath=/etc/a%20b', tls.shown('/etc/a b'))
        self.assertEqual('qemu+tls://c1/system', tls.shown(''))
        self.assertEqual('qemu+tcp://c1/system', tcp.shown('/etc/a b'))


if __name__ == '__main__':
    unittest.main()
