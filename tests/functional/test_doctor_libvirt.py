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

"""What ``kaopu-ha doctor`` finds on real libvirtds, by the URIs that agents told."""

import dataclasses
import unittest

from kaopu_ha.core import model
from kaopu_ha.core.checkup import Seen, Severity
from kaopu_ha.drivers.libvirt import cloud
from kaopu_ha.drivers.libvirt import probe as libvirt
from kaopu_ha.drivers.libvirt import uri as libvirt_uri
from tests.functional.test_probe_libvirt import LibvirtCase

LIMIT = 30.0


class LibvirtTest(LibvirtCase):

    def found(self, name, *inventories, reach=None, limit=LIMIT):
        probe = libvirt.LibvirtProbe([], 'eye-1', self.hosts.pki_path, reach)
        self.addCleanup(probe.close)
        seen = Seen(inventories={one.host: one for one in inventories},
                    beats={one.host: 1 for one in inventories})
        return {one.subject: one for check in probe.checks(seen) if name in check.name
                for one in check.ask(limit)}

    def test_hosts_that_answer_are_good(self):
        found = self.found('of every host', self.host('h1'), self.host('tls'))
        self.assertEqual({'every host': Severity.GOOD},
                         {name: one.severity for name, one in found.items()}, found)

    def test_each_that_can_not_be_asked_is_found_with_its_reason(self):
        other = dataclasses.replace(self.host('h1'), host='other', host_uuid='another')
        found = self.found('of every host', self.host('h1'), self.host('sasl'), self.nowhere(),
                           other,
                           limit=20.0)
        self.assertEqual({'sasl', 'nowhere', 'other'}, set(found), found)
        self.assertEqual({Severity.WRONG}, {one.severity for one in found.values()})
        self.assertIn('can\'t be asked from here', found['sasl'].found)
        self.assertIn('nothing comes back', found['nowhere'].found)
        self.assertIn('another', found['other'].found)

    def test_a_transport_that_is_not_ours_is_found(self):
        found = self.found('of every host', self.host('h1'), reach=libvirt_uri.Reach('tls'))
        self.assertIn('[libvirt] transport is tls', found['h1'].found)

    def test_a_guest_that_its_agent_tells_of_and_libvirt_does_not_have_is_told(self):
        guest = model.Instance('00000001-aaaa-4000-8000-000000000000', 'web', model.Power.ON)
        told = dataclasses.replace(self.host('h1'), instances=(guest,))
        found = self.found('of every host', told)
        self.assertEqual((Severity.WEAK, '1 do not run that it told of (00000001-aaaa-4000-8000-'
                                         '000000000000)'),
                         (found['h1'].severity, found['h1'].found))

    def test_certificates_are_seen_as_they_are_shown(self):
        """Those of the tests last a day, as ours does."""
        found = self.found('certificates', self.host('h1'), self.host('tls'), self.host('old'))
        ours = f'our own for libvirt ({self.hosts.pki_path}/clientcert.pem)'
        self.assertEqual({'libvirt of old': Severity.WRONG, 'libvirt of tls': Severity.WEAK,
                          ours: Severity.WEAK},
                         {name: one.severity for name, one in found.items()})

    def test_without_openstack_it_is_asked_who_lets_us_start_something(self):
        made = cloud.LibvirtCloud(None, pki_path=self.hosts.pki_path, children=1)
        self.addCleanup(made.close)

        def asked(*names):
            (check,) = made.checks(Seen(inventories={name: self.host(name) for name in names},
                                        beats=dict.fromkeys(names, 1)))
            return check.ask(LIMIT)

        (found,) = asked('h1', 'tls')
        self.assertEqual((Severity.GOOD, '2 let us in to start instances'),
                         (found.severity, found.found))
        (found,) = asked('h1', 'sasl')
        self.assertEqual((Severity.WRONG, 'sasl'), (found.severity, found.subject))

    def test_anchors_answer_or_do_not(self):
        self.probe = libvirt.LibvirtProbe([f'{self.hosts.addresses["h1"]}:9',
                                           f'{self.hosts.nowhere}:9'])
        (check,) = [one for one in self.probe.checks(Seen()) if one.name == 'anchors']
        (found,) = check.ask(6.0)
        self.assertIs(Severity.WEAK, found.severity)
        self.assertIn(f'from {self.hosts.nowhere}:9', found.found)

    def test_a_host_that_hangs_costs_the_others_nothing(self):
        self.hosts.freeze('h1')
        self.addCleanup(self.hosts.thaw, 'h1')
        found = self.found('of every host', self.host('h1'), self.host('tls'), limit=15.0)
        self.assertEqual({'h1': Severity.WRONG},
                         {name: one.severity for name, one in found.items()})


if __name__ == '__main__':
    unittest.main()
