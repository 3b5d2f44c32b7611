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

"""Every address of a name is tried, and what one says is said of it alone."""

import errno
import ipaddress
import os
import socket
import struct
import time
import unittest
from unittest import mock

from kaopu_ha.core.model import Contact
from kaopu_ha.drivers import connects
from kaopu_ha.drivers.connects import Came
from kaopu_ha.drivers.libvirt import uri as libvirt_uri
from kaopu_ha.drivers.libvirt.probe import Destination, LibvirtProbe, _Round

REFUSED, NOTHING = Came(Contact.REFUSED), Came(Contact.NOTHING)
NO_WAY = connects.failed(errno.ENETUNREACH)
BARRED = Came(Contact.ERROR, 'Permission denied')


class TableTest(unittest.TestCase):
    """What came of the addresses, and what is said of the place."""

    ROWS = (
        ('refused at the only one', [REFUSED], Contact.REFUSED),
        ('refused at both', [REFUSED, REFUSED], Contact.REFUSED),
        ('refused at one, nothing from the other', [REFUSED, NOTHING], Contact.REFUSED),
        ('refused at one, no way to the other: it may listen there', [REFUSED, NO_WAY],
         Contact.ERROR),
        ('refused at one, the other may not be asked', [REFUSED, BARRED], Contact.ERROR),
        ('nothing from both', [NOTHING, NOTHING], Contact.NOTHING),
        ('nothing from one, no way to the other family', [NOTHING, NO_WAY], Contact.NOTHING),
        ('nothing from one, the other may not be asked', [NOTHING, BARRED], Contact.ERROR),
        ('no way to any', [NO_WAY, NO_WAY], Contact.ERROR),
        ('no way to the only one', [NO_WAY], Contact.ERROR),
    )

    def test_each_row(self):
        for name, came, expected in self.ROWS:
            for order in (came, came[::-1]):
                with self.subTest(name):
                    by_address = {f'192.0.2.{n}': each for n, each in enumerate(order)}
                    self.assertEqual(expected, connects.combined(by_address).contact)

    def test_the_reason_names_the_address_that_it_is_about(self):
        said = connects.combined({'192.0.2.1': REFUSED, '2001:db8::1': NO_WAY})
        self.assertEqual('192.0.2.1 refused, but 2001:db8::1: Network is unreachable', said.reason)
        self.assertEqual('at 192.0.2.1 and 192.0.2.2', connects.combined(
            {'192.0.2.1': REFUSED, '192.0.2.2': REFUSED}).reason)

    def test_a_single_address_is_not_told_of(self):
        self.assertEqual('', connects.combined({'192.0.2.1': REFUSED}).reason)
        self.assertEqual('Network is unreachable', connects.combined({'192.0.2.1': NO_WAY}).reason)


class OrderTest(unittest.TestCase):
    """libvirt's client takes the addresses one after another."""

    def setUp(self):
        super().setUp()
        self.tries = connects.Tries(['2001:db8::1', '192.0.2.1', '192.0.2.2'])

    def test_an_address_that_lets_nothing_through_is_in_the_way_of_the_next(self):
        self.tries.accept('192.0.2.1')
        self.assertEqual('2001:db8::1', self.tries.in_the_way)

    def test_one_that_failed_is_in_nobodys_way_from_then_on(self):
        self.tries.accept('192.0.2.1')
        self.tries.fail('2001:db8::1', NOTHING, 7.0)
        self.assertEqual(('', 7.0), (self.tries.in_the_way, self.tries.passed_at))

    def test_those_behind_the_one_that_accepted_are_not_waited_for(self):
        self.tries.accept('2001:db8::1')
        self.assertEqual(('', 0.0), (self.tries.in_the_way, self.tries.passed_at))


def kept(origin, icmp_type, code, sender):
    """What Linux keeps of an ICMP message: sock_extended_err, then who sent it."""
    head = struct.pack('=IBBBBII', 111, origin, icmp_type, code, 0, 0, 0)
    raw = ipaddress.ip_address(sender).packed
    if len(raw) == 4:
        return socket.IPPROTO_IP, 11, head + struct.pack('=HH', socket.AF_INET, 0) + raw + bytes(8)
    return (socket.IPPROTO_IPV6, 25,
            head + struct.pack('=HHI', socket.AF_INET6, 0, 0) + raw + bytes(4))


class RefusalTest(unittest.TestCase):
    """Who refused."""

    # What was kept, the errno, what that is.
    ROWS = (
        ('port unreachable, from a filter on the way', kept(2, 3, 3, '192.0.2.254'),
         errno.ECONNREFUSED, Contact.ERROR),
        ('prohibited, from a filter on the way', kept(2, 3, 13, '192.0.2.254'),
         errno.EHOSTUNREACH, Contact.ERROR),
        ('host unreachable, from a router', kept(2, 3, 1, '192.0.2.254'),
         errno.EHOSTUNREACH, Contact.NOTHING),
        ('host unreachable, from the host itself', kept(2, 3, 1, '192.0.2.1'),
         errno.EHOSTUNREACH, Contact.ERROR),
        ('prohibited, IPv6', kept(3, 1, 1, '2001:db8::fe'), errno.EACCES, Contact.ERROR),
        ('address unreachable, IPv6', kept(3, 1, 3, '2001:db8::fe'), errno.EHOSTUNREACH,
         Contact.NOTHING),
        ('too short', (socket.IPPROTO_IP, 11, b'x'), errno.EHOSTUNREACH, Contact.NOTHING),
    )

    def link(self, number, info=bytes(256), messages=()):
        link = mock.Mock()
        link.getsockopt.side_effect = lambda level, name, *size: (
            number if name == socket.SO_ERROR else info)
        link.recvmsg.side_effect = [(b'', list(messages), 0, None)] if messages else BlockingIOError
        return link

    def test_each_message(self):
        for name, message, number, expected in self.ROWS:
            with self.subTest(name):
                came = connects.connected(self.link(number, messages=[message]), '192.0.2.1')
                self.assertEqual(expected, came.contact)

    def test_the_filter_is_named(self):
        came = connects.connected(self.link(errno.ECONNREFUSED, messages=[
            kept(2, 3, 3, '192.0.2.254')]), '192.0.2.1')
        self.assertEqual('a packet filter at 192.0.2.254 refused the connection: allow it',
                         came.reason)

    def test_a_kernel_without_listener_refuses(self):
        with socket.socket() as closed:
            closed.bind(('127.0.0.1', 0))
            link = connects.connecting('127.0.0.1', closed.getsockname()[1])
        self.addCleanup(link.close)
        self.assertEqual(REFUSED, connects.connected(link, '127.0.0.1'))

    def test_a_refusal_without_any_segment_is_a_packet_filters_too(self):
        self.assertEqual(Contact.ERROR, connects.connected(
            self.link(errno.ECONNREFUSED), '192.0.2.1').contact)

    def test_where_the_kernel_counts_no_segments_a_refusal_is_a_refusal(self):
        self.assertEqual(Contact.REFUSED, connects.connected(
            self.link(errno.ECONNREFUSED, bytes(104)), '192.0.2.1').contact)


class NameTest(unittest.TestCase):
    """Names of several addresses, a real kernel."""

    def setUp(self):
        super().setUp()
        self.mute = socket.create_server(('127.0.0.3', 0), backlog=16)
        self.addCleanup(self.mute.close)
        self.port = self.mute.getsockname()[1]
        self.names = {'c1.example.org': ['127.0.0.2', '127.0.0.3'],
                      'c2.example.org': ['127.0.0.2', '127.0.0.4']}
        self.enterContext(mock.patch('socket.getaddrinfo', self.resolve))

    def resolve(self, name, *args, **more):
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, '', (address, 0))
                for address in self.names[name]]

    def contact(self, name):
        uri = f'qemu+tcp://{name}:{self.port}/system'
        return LibvirtProbe().contact([uri], 6)[uri]

    def test_it_is_asked_where_it_listens_though_its_first_address_refuses(self):
        self.assertEqual(Contact.MUTE, self.contact('c1.example.org').contact)

    def test_it_is_refused_if_all_addresses_refuse(self):
        said = self.contact('c2.example.org')
        self.assertEqual((Contact.REFUSED, 'at 127.0.0.2 and 127.0.0.4'),
                         (said.contact, said.reason))

    def test_an_anchor_answers_at_any_of_its_addresses(self):
        anchor = Destination('c1.example.org', self.port)
        round_ = _Round([], [anchor], time.monotonic() + 4, '', libvirt_uri.Reach())
        self.assertEqual(Contact.ANSWERED, round_.answers[anchor].contact)


class UriTest(unittest.TestCase):
    """The same libvirt by an address."""

    ROWS = (
        ('qemu+tcp://c1/system', '192.0.2.1', 'qemu+tcp://192.0.2.1/system'),
        ('qemu+tls://c1:16999/system', '2001:db8::1', 'qemu+tls://[2001:db8::1]:16999/system'),
        ('qemu+ssh://root@c1/system', '192.0.2.1', None),
        ('qemu+tls://c1/system', 'fe80::1%eth0', None),
    )

    def test_each_row(self):
        for text, address, expected in self.ROWS:
            with self.subTest(text):
                made = libvirt_uri.read(text).at(address)
                self.assertEqual(expected, made and made.text)


class ChildTest(unittest.TestCase):
    """The child takes the next URI if one fails."""

    def test_the_name_is_used_where_the_address_does_not_serve(self):
        uris = ['test+nothing:///a', 'test:///default']
        answer, said = self.play(uris)
        self.assertEqual([{'asks': True}, {'asks': True, 'by_name': True}, {'answered': True}],
                         said[:-1])
        self.assertIn('host_uuid', answer)

    def test_the_last_one_tells_what_is_wrong(self):
        answer, said = self.play(['test:///nowhere', 'test:///nothing'])
        self.assertIn('nothing', answer['error'])

    def play(self, uris):
        from kaopu_ha.drivers.libvirt import probe_child as libvirt_child
        said = []
        with mock.patch.object(libvirt_child, '_tell', said.append), \
                mock.patch('signal.setitimer'), mock.patch('signal.signal'):
            libvirt_child.main(5, uris)
        return said[-1], said


class ResolverTest(unittest.TestCase):

    def test_no_address_comes_twice_and_not_more_than_eight(self):
        told = [(2, 1, 6, '', (f'192.0.2.{n // 2}', 0)) for n in range(40)]
        with mock.patch('socket.getaddrinfo', return_value=told):
            found = connects.resolved(['c1', '192.0.2.9'], time.monotonic() + 2)
        self.assertEqual(tuple(f'192.0.2.{n}' for n in range(8)), found['c1'])
        self.assertEqual(('192.0.2.9',), found['192.0.2.9'])

    def test_what_has_no_name_has_no_address(self):
        with mock.patch('socket.getaddrinfo', side_effect=OSError(os.strerror(2))):
            self.assertEqual({'c1': ()}, connects.resolved(['c1'], time.monotonic() + 2))
