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

"""What is wrong with a certificate, in words."""

import datetime
import pathlib
import tempfile
import unittest

from kaopu_ha.drivers import certificates
from tests import pki


class CertificatesTest(unittest.TestCase):

    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.authority = pki.Authority(pathlib.Path(folder.name))
        self.pem = pathlib.Path(self.authority.issue('c1').cert).read_bytes()
        self.now = datetime.datetime.now(datetime.UTC)

    def trouble(self, days):
        return certificates.trouble(self.pem, self.now + datetime.timedelta(days=days))

    def test_a_good_one_has_none(self):
        self.assertEqual('', self.trouble(0))
        self.assertEqual('', certificates.trouble(self.pem))

    def test_one_that_expired_and_one_of_later_say_when(self):
        self.assertRegex(self.trouble(2), r'^it expired on 2\d{3}-\d\d-\d\d \d\d:\d\d UTC$')
        self.assertRegex(self.trouble(-2), r'^it is valid only from 2\d{3}-.* UTC on$')

    def test_of_a_chain_the_holders_own_counts(self):
        expired = pathlib.Path(self.authority.issue('old', expired=True).cert).read_bytes()
        self.assertEqual('', certificates.trouble(self.pem + expired))
        self.assertIn('expired', certificates.trouble(expired + self.pem))

    def test_what_is_none_is_said_to_be_none(self):
        self.assertIn('no certificate', certificates.trouble(b'what is this'))


if __name__ == '__main__':
    unittest.main()
