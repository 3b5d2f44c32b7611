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

"""What the XML of domains, one of a real Nova 34 among them, says of disks."""

import calendar
import pathlib
import re
import time
import unittest

from kaopu_ha import ports
from kaopu_ha.core.model import Power
from kaopu_ha.drivers.libvirt import domains

NOVA = pathlib.Path(__file__).with_name('nova_domain.xml').read_text()
CREATED = re.search('creationTime>(.*?)<', NOVA)[1]
UUID = 'ad7897f1-498c-4f14-b2ae-5e2606fae961'


def parse(text):
    return domains.parse(text, power=Power.ON, run='1')


def with_disk(text):
    return parse(f'<domain><name>n</name><uuid>{UUID.upper()}</uuid>'
                 f'<devices>{text}</devices></domain>')


class DomainsTest(unittest.TestCase):

    def test_a_domain_of_nova_has_its_rbd_disk_with_its_monitors(self):
        self.assertEqual(
            ports.Domain(uuid=UUID, name='d042-0', power=Power.ON, run='1',
                         disks=(ports.Disk('vms', f'{UUID}_disk', ('10.91.0.2',)),), cores=1,
                         memory_mb=128),
            parse(NOVA))

    def test_a_domain_that_nova_has_not_named_has_libvirts_name(self):
        for metadata in ('', '<metadata/>', '<metadata><instance xmlns="urn:x"><name> </name>'
                         '</instance></metadata>'):
            found = parse(f'<domain><name>n</name><uuid>{UUID}</uuid>{metadata}</domain>')
            self.assertEqual('n', found.name)

    def test_one_of_nova_that_is_off_is_left_if_nova_compute_began_later(self):
        # Its clock told whole seconds, so two more have to have passed.
        made = calendar.timegm(time.strptime(CREATED, '%Y-%m-%d %H:%M:%S'))
        for power, began, left in (
                (Power.OFF, made + 2.0, True), (Power.OFF, made + 1.9, False),
                (Power.OFF, made - 60.0, False), (Power.OFF, None, False),
                (Power.ON, made + 60.0, False), (Power.PAUSED, made + 60.0, False)):
            found = domains.parse(NOVA, power=power, run='', began=began)
            self.assertIs(left, found.left, (power, began))

    def test_one_of_which_nobody_says_when_it_was_made_is_not_known_to_be_left(self):
        for said in ('', 'yesterday', '2026-09-19T22:31:42', CREATED + ' CEST'):
            text = NOVA.replace(CREATED, said)
            found = domains.parse(text, power=Power.OFF, run='', began=4e9)
            self.assertIs(False, found.left, said)
        bare = f'<domain><name>n</name><uuid>{UUID}</uuid></domain>'
        self.assertIs(False, domains.parse(bare, power=Power.OFF, run='', began=4e9).left)

    def test_a_local_disk_is_named_by_its_path(self):
        for source in ('file="/a/disk"', 'dev="/a/disk"', 'path="/a/disk"'):
            disk = f'<disk type="file" device="disk"><source {source}/></disk>'
            self.assertEqual(('/a/disk',), with_disk(disk).local_disks)

    def test_a_disk_of_another_network_storage_counts_as_not_ours(self):
        found = with_disk('<disk type="network" device="disk">'
                          '<source protocol="iscsi" name="iqn.x/1"/></disk>')
        self.assertEqual(((), ('iscsi:iqn.x/1',)), (found.disks, found.local_disks))

    def test_a_disk_that_others_may_have_open_as_well_says_so(self):
        for mark in ('<shareable/>', '<readonly/>', ''):
            found = with_disk(f'<disk type="network" device="disk">{mark}'
                              f'<source protocol="rbd" name="volumes/v"/></disk>')
            self.assertEqual([bool(mark)], [disk.shared for disk in found.disks])

    def test_removable_media_and_config_drives_are_no_disks(self):
        found = with_disk(
            '<disk type="file" device="cdrom"><source file="/a.iso"/></disk>'
            '<disk type="file" device="cdrom"/>'
            '<disk type="file" device="disk"><source file="/i/u/disk.config"/></disk>'
            '<disk type="network" device="cdrom"><source protocol="rbd" name="vms/x"/></disk>'
            '<disk type="network" device="disk"><source protocol="rbd" name="vms/y"/></disk>'
            '<disk type="network"><source protocol="rbd" name="vms/u_disk.config"/></disk>'
            f'<disk type="network" device="cdrom"><source protocol="rbd" '
            f'name="vms/{UUID}_disk.config"/></disk>')
        self.assertEqual((['y'], ()), ([disk.image for disk in found.disks], found.local_disks))

    def test_what_an_instance_runs_from_is_a_disk_though_it_is_a_cdrom(self):
        other = '<disk type="network"><source protocol="rbd" name="volumes/v"/></disk>'
        for name, beside in ((f'vms/{UUID}_disk', ''), (f'vms/{UUID}_disk', other),
                             ('images/live.iso', '')):
            with self.subTest(name, beside=beside):
                found = with_disk(f'<disk type="network" device="cdrom"><source protocol="rbd" '
                                  f'name="{name}"/></disk>{beside}')
                self.assertEqual(name, f'{found.disks[0].pool}/{found.disks[0].image}')

    def test_an_image_in_a_namespace_is_under_its_pool_and_namespace(self):
        found = with_disk('<disk type="network" device="disk">'
                          '<source protocol="rbd" name="vms/tenant1/a"/></disk>')
        self.assertEqual(('vms/tenant1', 'a'), (found.disks[0].pool, found.disks[0].image))

    def test_a_medium_of_this_host_stays_here_and_the_drive_comes_up_empty(self):
        drive = ('<disk type="{}" device="cdrom"><driver name="qemu" type="raw"/><source {}/>'
                 '<target dev="sda"/><readonly/></disk>')
        for kind, source in (('file', 'file="/var/lib/libvirt/images/setup.iso"'),
                             ('block', 'dev="/dev/sr0"'), ('volume', 'pool="p" volume="v.iso"'),
                             ('network', 'protocol="http" name="v.iso"')):
            with self.subTest(kind):
                text = (f'<domain><uuid>{UUID}</uuid><devices>{drive.format(kind, source)}'
                        f'</devices></domain>')
                found = domains.parse(text, power=Power.ON, run='1', anew=(text, text))
                self.assertEqual(
                    f'<domain><uuid>{UUID}</uuid><devices><disk type="file" device="cdrom">'
                    f'<target dev="sda" /><readonly /></disk></devices></domain>',
                    found.definition)

    def test_a_medium_on_rbd_goes_with_the_instance(self):
        text = (f'<domain><uuid>{UUID}</uuid><devices><disk type="network" device="cdrom"><source '
                f'protocol="rbd" name="vms/i" /></disk></devices></domain>')
        self.assertEqual(text, domains.parse(text, power=Power.ON, run='1',
                                             anew=(text, text)).definition)

    def test_the_source_of_a_backing_file_is_not_taken_for_the_disk(self):
        found = with_disk('<disk type="file" device="disk"><backingStore type="network">'
                          '<source protocol="rbd" name="images/base"/></backingStore>'
                          '<source file="/a/disk"/></disk>')
        self.assertEqual(((), ('/a/disk',)), (found.disks, found.local_disks))

    def test_monitors_in_brackets_are_addresses(self):
        found = with_disk('<disk type="network" device="disk"><source protocol="rbd" name="v/i">'
                          '<host name="[fd00::1]" port="6789"/></source></disk>')
        self.assertEqual(('fd00::1',), found.disks[0].monitors)

    def test_a_uuid_is_in_small_letters(self):
        self.assertEqual(UUID, with_disk('').uuid)
