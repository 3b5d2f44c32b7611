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

"""Forms of an etcd endpoint."""

import unittest

from kaopu_ha.core import etcd_endpoint

FORMS = {
    '10.0.0.1:2379': ('10.0.0.1:2379', False),
    'http://10.0.0.1:2379': ('10.0.0.1:2379', False),
    'HTTP://10.0.0.1:2379': ('10.0.0.1:2379', False),
    'etcd3+http://10.0.0.1:2379': ('10.0.0.1:2379', False),
    'etcd://10.0.0.1:2379': ('10.0.0.1:2379', False),
    'http://10.0.0.1:2379/': ('10.0.0.1:2379', False),
    '10.0.0.1:2379/': ('10.0.0.1:2379', False),
    ' 10.0.0.1:2379 ': ('10.0.0.1:2379', False),
    'https://e1.example.org:2379//': ('e1.example.org:2379', True),
    'HTTPS://e1.example.org:2379': ('e1.example.org:2379', True),
    'etcd3+https://e1.example.org:2379': ('e1.example.org:2379', True),
    '[2001:db8::1]:2380': ('[2001:db8::1]:2380', False),
    'https://[2001:db8::1]:2379': ('[2001:db8::1]:2379', True),
}
NONE = ('', '  ', 'http://', '://e1:2379', 'ftp://e1:2379', 'e1:port', 'e1:0', 'e1:70000',
        'http://e1:2379/v3', 'http://root:secret@e1:2379', 'e1:2379?x=y', 'e1', 'https://e1/',
        'https://[2001:db8::1]', '2001:db8::1', '[e1]:2379', 'e1:2379:2379')


class EndpointTest(unittest.TestCase):

    def test_each_form(self):
        for text, expected in FORMS.items():
            with self.subTest(text):
                found = etcd_endpoint.parse(text)
                self.assertEqual(expected, (found.place, found.is_secure))

    def test_what_is_none_is_refused_and_says_how_it_is_written(self):
        for text in NONE:
            with self.subTest(text), self.assertRaisesRegex(ValueError, ': write '):
                etcd_endpoint.parse(text)

    def test_a_password_in_it_is_not_told(self):
        with self.assertRaises(ValueError) as caught:
            etcd_endpoint.parse('http://root:secret@e1:2379')
        self.assertNotIn('secret', str(caught.exception))
