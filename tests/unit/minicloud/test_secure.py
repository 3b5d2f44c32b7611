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

"""The certificates of a secure mini cloud."""

from pathlib import Path
import subprocess
import tempfile
import unittest

from minicloud import secure
from minicloud.layout import Layout
from minicloud.shell import CloudError


class TestSecure(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.layout = Layout(Path(folder.name))

    def test_a_cloud_is_made_secure_and_stays_so(self):
        self.assertFalse(secure.is_on(self.layout))
        secure.turn_on(self.layout)
        self.layout.control.mkdir()
        secure.turn_on(self.layout)
        self.assertTrue(secure.is_on(self.layout))

    def test_a_cloud_with_data_is_not_made_secure(self):
        self.layout.control.mkdir()
        self.assertRaises(CloudError, secure.turn_on, self.layout)

    def test_a_certificate_is_for_its_name_and_address_and_made_once(self):
        cert, key = secure.issue(self.layout, 'c1', '10.90.0.11')
        subprocess.run(['openssl', 'verify', '-CAfile', secure.authority(self.layout),
                        '-verify_ip', '10.90.0.11', '-verify_hostname', 'c1', cert],
                       check=True, capture_output=True, timeout=60)
        self.assertEqual(0o600, key.stat().st_mode & 0o777)
        text = cert.read_text()
        self.assertEqual(cert, secure.issue(self.layout, 'c1', '10.90.0.11')[0])
        self.assertEqual(text, cert.read_text())

    def test_only_a_secure_cloud_speaks_tls(self):
        self.assertEqual(('http', {}), (secure.scheme(self.layout), secure.member_options(
            self.layout, 'etcd1', '10.90.0.3')))
        secure.turn_on(self.layout)
        options = secure.member_options(self.layout, 'etcd1', '10.90.0.3')
        self.assertEqual('https', secure.scheme(self.layout))
        self.assertEqual('true', options['client-cert-auth'])
        self.assertEqual('true', options['peer-client-cert-auth'])


if __name__ == '__main__':
    unittest.main()
