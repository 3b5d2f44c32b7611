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

"""ceph.conf in the forms that people have."""

import unittest

from kaopu_ha.core import ceph_file

FSID = '417b1d7a-0000-4000-8000-001a4a000740'
TWO = ('192.0.2.1', '192.0.2.2')
FORMS = {
    'cephadm': (f'# minimal ceph.conf for {FSID}\n[global]\n\tfsid = {FSID}\n\tmon_host = '
                '[v2:192.0.2.1:3300/0,v1:192.0.2.1:6789/0] [v2:192.0.2.2:3300/0,'
                'v1:192.0.2.2:6789/0]\n', TWO),
    'groups with commas and blanks': (
        f'[global]\nfsid={FSID}\nmon host = [v2:192.0.2.1:3300,v1:192.0.2.1:6789], '
        '[v2:192.0.2.2:3300,v1:192.0.2.2:6789]\n', TWO),
    'IPv6': (f'[global]\nfsid={FSID}\nmon_host=[v2:[2001:db8::1]:3300/0],[2001:db8::2]:6789\n',
             ('2001:db8::1', '2001:db8::2')),
    'lines of Windows': (f'[global]\r\nfsid={FSID}\r\nmon_host=192.0.2.1,192.0.2.2\r\n', TWO),
    'in quotes': (f'[global]\nfsid="{FSID}"\nmon_host = "192.0.2.1,192.0.2.2" # both\n', TWO),
    'in single quotes': (f"[global]\nfsid='{FSID}'\nmon_host = '192.0.2.1 192.0.2.2'\n", TWO),
    'over several lines': (
        f'[global]\nfsid={FSID}\nmon_host = 192.0.2.1, \\\n    192.0.2.2\n', TWO),
    'a line that goes on in Windows': (
        f'[global]\r\nfsid={FSID}\r\nmon host = 192.0.2.1, \\\r\n 192.0.2.2\r\n', TWO),
    'a section for each monitor': (
        f'[global]\nfsid={FSID}\n[mon.a]\nhost = a\nmon addr=192.0.2.1:6789\n[mon.b]\n'
        'mon_addr = [v2:192.0.2.2:3300,v1:192.0.2.2:6789]\n', TWO),
    'monitors for clients only': (
        f'[global]\nfsid={FSID}\n[client]\nmon host = 192.0.2.1\n[client.nova]\n'
        'mon host = 192.0.2.2\n', TWO),
    'comments right behind values': (
        f'[global] ; all\nfsid={FSID};ours\nmon host=192.0.2.1,192.0.2.2#two\n', TWO),
    'a comment that looks like an option': (
        f'[global]\nfsid={FSID}\n# mon host = 198.51.100.1\n;mon_host=198.51.100.2\n'
        'mon host = 192.0.2.1,192.0.2.2\n', TWO),
    'names': (f'[global]\nfsid={FSID}\nmon  host = b.example:6789, a.example\n',
              ('a.example', 'b.example')),
    'none: DNS is asked': (f'[global]\nfsid={FSID}\nmon_dns_srv_name = ceph-mon\n', ()),
    'blanks in names, no value, a percent sign': (
        f'[global]\nauth client required = cephx\nrbd default features\nlog = %h\nFSID={FSID}\n'
        'mon_host=192.0.2.1,192.0.2.2\n', TWO),
}


class FormsTest(unittest.TestCase):

    def test_each_form(self):
        for name, (text, expected) in FORMS.items():
            with self.subTest(name):
                self.assertEqual(FSID, ceph_file.fsid(text))
                self.assertEqual(expected, ceph_file.monitors(text))

    def test_an_fsid_of_another_section_is_not_the_clusters(self):
        self.assertEqual('', ceph_file.fsid(f'[client]\nfsid = {FSID}\n'))

    def test_what_is_no_ceph_conf_is_refused(self):
        with self.assertRaises(ValueError):
            ceph_file.fsid('[global\nfsid\n= x\n')
