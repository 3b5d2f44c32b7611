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

"""What of a definition is started on another host: what is taken, what is left out, what is not."""

import unittest
from xml.etree import ElementTree

from kaopu_ha.drivers.libvirt import definition
from kaopu_ha.drivers.libvirt.definition import Allowance

UUID = '5b0e0000-0000-4000-8000-000000000002'
DISK = """\
<disk type='network' device='disk'>
  <driver name='qemu' type='raw' cache='writeback' discard='unmap'/>
  <auth username='nova'><secret type='ceph' uuid='11111111-1111-4111-8111-111111111111'/></auth>
  <source protocol='rbd' name='vms/a' index='1'><host name='192.0.2.1' port='6789'/></source>
  <backingStore/><target dev='vda' bus='virtio'/><alias name='virtio-disk0'/>
  <address type='pci' domain='0x0000' bus='0x04' slot='0x00' function='0x0'/>
</disk>"""
# As libvirt 9 shows a domain of an ordinary tool.
ORDINARY = f"""\
<domain type='kvm' id='7'>
  <name>web.example-1</name><uuid>{UUID}</uuid><genid>22222222-1111-4111-8111-111111111111</genid>
  <title>The web: /var/www</title><description>../ whatever people write</description>
  <metadata><x:os xmlns:x='http://libosinfo.org/xmlns/libvirt/domain/1.0'/></metadata>
  <memory unit='KiB'>1048576</memory><currentMemory unit='KiB'>1048576</currentMemory>
  <memoryBacking><hugepages/><source type='memfd'/></memoryBacking>
  <vcpu placement='static' cpuset='0-3'>2</vcpu><iothreads>1</iothreads>
  <cputune><shares>2048</shares></cputune>
  <resource><partition>/machine</partition></resource>
  <sysinfo type='smbios'><system><entry name='vendor'>Example</entry></system></sysinfo>
  <os firmware='efi'><type arch='x86_64' machine='pc-q35-7.2'>hvm</type>
    <loader readonly='yes' secure='no' type='pflash'>/usr/share/OVMF/OVMF_CODE_4M.fd</loader>
    <nvram template='/usr/share/OVMF/OVMF_VARS_4M.fd'>/var/lib/libvirt/qemu/nvram/web.fd</nvram>
    <boot dev='hd'/><smbios mode='sysinfo'/></os>
  <features><acpi/><apic/><hyperv mode='custom'><relaxed state='on'/></hyperv></features>
  <cpu mode='custom' match='exact' check='full'><model fallback='forbid'>EPYC</model>
    <feature policy='require' name='x2apic'/></cpu>
  <clock offset='timezone' timezone='Europe/Berlin'><timer name='rtc' tickpolicy='catchup'/></clock>
  <on_poweroff>destroy</on_poweroff><on_reboot>restart</on_reboot><on_crash>destroy</on_crash>
  <pm><suspend-to-mem enabled='no'/></pm>
  <devices>
    <emulator>/usr/bin/qemu-system-x86_64</emulator>
    {DISK}
    <disk type='file' device='cdrom'><driver name='qemu' type='raw'/>
      <source file='/var/lib/libvirt/images/setup.iso'/><target dev='sda' bus='sata'/>
      <readonly/></disk>
    <controller type='usb' index='0' model='qemu-xhci' ports='15'/>
    <interface type='bridge'><mac address='52:54:00:00:00:01'/><source bridge='br0'/>
      <target dev='vnet3'/><model type='virtio'/><mtu size='1500'/></interface>
    <interface type='network'><source network='default' portid='u' bridge='virbr0'/></interface>
    <serial type='pty'><source path='/dev/pts/3'/><log file='/var/log/web.log'/>
      <target type='isa-serial' port='0'><model name='isa-serial'/></target></serial>
    <console type='pty' tty='/dev/pts/3'><source path='/dev/pts/3'/>
      <target type='serial' port='0'/></console>
    <channel type='unix'><source mode='bind' path='/var/lib/libvirt/qemu/channel/7/x'/>
      <target type='virtio' name='org.qemu.guest_agent.0' state='connected'/></channel>
    <input type='tablet' bus='usb'/><tpm model='tpm-crb'><backend type='emulator' version='2.0'/>
    </tpm><graphics type='vnc' port='5901' autoport='yes' listen='192.0.2.4'>
      <listen type='address' address='192.0.2.4'/></graphics>
    <video><model type='virtio' heads='1' primary='yes'/></video>
    <watchdog model='itco' action='reset'/>
    <memballoon model='virtio'/><rng model='virtio'>
      <backend model='random'>/dev/urandom</backend></rng>
  </devices>
  <seclabel type='dynamic' model='apparmor' relabel='yes'/>
</domain>"""

# Each is put beside the disk; a piece of its reason.
REFUSED_DEVICES = {
    "<hostdev mode='subsystem' type='pci'><source/></hostdev>": 'hostdev',
    "<filesystem type='mount'><source dir='/'/><target dir='x'/></filesystem>": 'filesystem',
    "<shmem name='x'/>": 'shmem',
    "<lease><lockspace>x</lockspace></lease>": 'lease',
    "<smartcard mode='host'/>": 'smartcard',
    "<redirdev bus='usb' type='tcp'/>": 'tcp',
    "<input type='passthrough' bus='virtio'><source evdev='/dev/input/event1'/></input>":
        'passthrough',
    "<input type='evdev'><source dev='/dev/input/event1'/></input>": 'evdev',
    "<rng model='virtio'><backend model='random'>/dev/sda</backend></rng>": '/dev/sda',
    "<rng model='virtio'><backend model='egd' type='tcp'/></rng>": 'egd',
    "<watchdog model='itco' action='dump'/>": 'memory',
    "<tpm model='tpm-tis'><backend type='passthrough'><device path='/dev/tpm0'/></backend></tpm>":
        'passthrough',
    "<serial type='dev'><source path='/dev/ttyS0'/></serial>": 'dev',
    "<channel type='file'><source path='/etc/cron.d/x'/></channel>": 'file',
    "<channel type='unix'><source mode='connect' path='/run/x'/></channel>": 'socket',
    "<interface type='user'/>": 'user',
    "<interface type='ethernet'><script path='/tmp/x'/></interface>": 'ethernet',
    "<interface type='hostdev'><source/></interface>": 'hostdev',
    "<interface type='vhostuser'><source type='unix' path='/x' mode='client'/></interface>":
        'vhostuser',
    "<interface type='bridge'><source bridge='br0'/><script path='/tmp/x'/></interface>": 'script',
    "<interface type='bridge'><source bridge='br0'/><backend tap='/dev/x'/></interface>":
        'backend',
    "<interface type='bridge'><source bridge='br0'/><rom file='/etc/shadow'/></interface>": 'file',
    "<interface type='direct'><source dev='eth0' mode='passthrough'/></interface>": 'passthrough',
    "<graphics type='sdl' display=':0'/>": 'sdl',
    "<graphics type='spice'><gl enable='yes' rendernode='/dev/dri/card0'/></graphics>": '/dev/dri',
    "<memory model='nvdimm'><source><path>/dev/sda</path></source></memory>": '/dev/sda',
    "<video><driver vgaconf='on'/><model type='virtio' x='../x'/></video>": r'\.\./x',
    "<sound model='ich9'><codec type='~root'/></sound>": '~root',
    "<audio id='1' type='file' path='/tmp/x'/>": 'file',
    "<pstore backend='acpi-erst'><path>/x</path></pstore>": 'pstore',
}
REFUSED_DISKS = {
    "<disk type='file' device='disk'><source file='/etc/shadow'/><target dev='vdb'/></disk>":
        'vdb is no RBD image.*/etc/shadow',
    "<disk type='block' device='disk'><source dev='/dev/sda'/><target dev='vdb'/></disk>":
        '/dev/sda',
    "<disk type='network' device='disk'><source protocol='nbd' name='x'/></disk>": 'nbd',
    "<disk type='network' device='lun'><source protocol='rbd' name='vms/a'/></disk>": 'lun',
}
# One thing of the one good disk, instead of another.
REFUSED_IN_A_DISK = (
    ("name='vms/a'", "name='vms/b'", 'vms/b'),
    ("name='vms/a'", "name='vms/a' query='x'", 'query'),
    ("type='raw'", "type='qcow2'", 'qcow2'),
    ("<backingStore/>", "<backingStore type='file'><source file='/x'/></backingStore>",
     'backingStore'),
    ("<backingStore/>", "<transient/>", 'transient'),
    ("<backingStore/>", "<mirror type='file' file='/x'/>", 'mirror'),
    ("<backingStore/>", "<encryption format='luks'/>", 'encryption'),
    ("<host name", "<config file='/tmp/ceph.conf'/><host name", 'config'),
    ("<host name", "<snapshot name='x'/><host name", 'snapshot'),
    ("<host name='192.0.2.1'", "<host transport='unix' socket='/run/x'", 'socket'),
    ("type='ceph'", "type='iscsi'", 'iscsi'),
    ("device='disk'", "device='disk' rawio='yes'", 'rawio'),
    ("device='disk'", "device='disk' sgio='unfiltered'", 'sgio'),
)
REFUSED_MACHINES = (
    ("type='kvm'", "type='lxc'", 'QEMU'),
    ("type='kvm'", "type='kvm' x='y'", 'x='),
    (UUID, UUID.replace('5b', '5c'), 'another instance'),
    ('<name>web.example-1', '<name>/../x', 'names'),
    ('>destroy</on_crash>', '>coredump-destroy</on_crash>', 'coredump'),
    ("<boot dev='hd'/>", '<kernel>/boot/vmlinuz</kernel>', 'kernel'),
    ("<boot dev='hd'/>", "<acpi><table type='slic'>/x</table></acpi>", 'acpi'),
    ('/usr/share/OVMF/OVMF_CODE_4M.fd', '/tmp/x.fd', '/tmp/x.fd'),
    ('/usr/share/OVMF/OVMF_CODE_4M.fd', '/usr/share/../../tmp/x.fd', 'firmware'),
    ('/usr/share/OVMF/OVMF_VARS_4M.fd', '/etc/shadow', '/etc/shadow'),
    ("readonly='yes' secure", "readonly='no' secure", 'write its firmware'),
    ("<source type='memfd'/>", "<source type='file'/>", 'file'),
    ("<sysinfo type='smbios'", "<sysinfo type='fwcfg'", 'fwcfg'),
    ("<seclabel type='dynamic'", "<seclabel type='none'", 'confinement'),
    ('<pm>', "<launchSecurity type='sev'/><pm>", 'launchSecurity'),
    ('<pm>', "<idmap/><pm>", 'idmap'),
    ("<domain type='kvm'", "<!DOCTYPE x [<!ENTITY a 'b'>]><domain type='kvm'", 'entities'),
    ('</domain>', "<q:commandline xmlns:q='http://libvirt.org/schemas/domain/qemu/1.0'>"
                  "<q:arg value='-fsdev'/></q:commandline></domain>", 'commandline'),
    ('<acpi/>', "<x:acpi xmlns:x='y'/>", 'hypervisor'),
    ('<acpi/>', '<a>' * 20 + '</a>' * 20, 'deep'),
    ('</domain>', '', "can't be read"),
    ('KiB', 'lightyears', "can't be read"),
)


def elsewhere(text, **changes):
    return definition.elsewhere(text, Allowance(**{'uuid': UUID, 'images': {'vms/a'}} | changes))


class Taken(unittest.TestCase):

    def setUp(self):
        found = elsewhere(ORDINARY, cores=2, memory_mb=1024)
        self.assertEqual('', found.refused)
        self.text, self.root = found.text, ElementTree.fromstring(found.text)

    def test_of_an_ordinary_domain_all_that_makes_it_what_it_is(self):
        for path in ('name', 'uuid', 'genid', 'title', 'cpu/model', 'features/hyperv/relaxed',
                     'clock/timer', 'sysinfo/system/entry', 'os/loader', 'os/nvram[@template]',
                     "devices/disk/source[@name='vms/a']/host", 'devices/disk/auth/secret',
                     "devices/interface/source[@bridge='br0']", 'devices/interface/mac',
                     "devices/interface/source[@network='default']", 'devices/rng/backend',
                     "devices/channel/target[@name='org.qemu.guest_agent.0']",
                     'devices/tpm/backend', 'devices/graphics/listen', 'devices/serial/target'):
            self.assertIsNotNone(self.root.find(path), path)

    def test_what_tells_of_the_former_host_is_left_out(self):
        for told in ('/dev/pts', 'setup.iso', '/var/l', 'vnet3', 'virbr0', 'portid', 'qemu-system',
                     'metadata', 'alias', 'partition', 'seclabel', 'connected', "id='7'"):
            self.assertNotIn(told, self.text.replace('&#39;', "'"))

    def test_what_its_owner_says_of_it_goes_along_and_nothing_else_of_the_metadata(self):
        said = ORDINARY.replace('<metadata>', """<metadata>
            <k:marks xmlns:k='urn:kaopu-ha:1' HA_Enabled='no' ha_priority='high' x='/etc/passwd'>
              <k:deeper/></k:marks>""")
        self.assertEqual([('HA_Enabled', 'no'), ('ha_priority', 'high'), ('x', '/etc/passwd')],
                         [(mark.key, mark.value) for mark in definition.marks(said)])
        text = elsewhere(said).text
        self.assertEqual([('HA_Enabled', 'no'), ('ha_priority', 'high')],
                         [(mark.key, mark.value) for mark in definition.marks(text)])
        for told in ('libosinfo', 'deeper', 'passwd'):
            self.assertNotIn(told, text)

    def test_what_says_nothing_or_is_no_definition_has_no_marks(self):
        for text in (ORDINARY, '', '<domain', '<!DOCTYPE x><domain/>',
                     '<domain><metadata/></domain>'):
            self.assertEqual((), definition.marks(text))

    def test_every_path_that_is_left_is_known(self):
        values = [value for each in self.root.iter() if each.tag not in ('title', 'description')
                  for value in (*each.attrib.values(), (each.text or '').strip())]
        self.assertEqual({'/usr/share/OVMF/OVMF_CODE_4M.fd', '/usr/share/OVMF/OVMF_VARS_4M.fd',
                          '/dev/urandom'}, {value for value in values if value.startswith('/')})

    def test_a_removable_medium_comes_up_empty(self):
        drive = self.root.find("devices/disk[@device='cdrom']")
        self.assertEqual(('file', None), (drive.get('type'), drive.find('source')))

    def test_so_it_does_of_an_image_that_the_host_did_not_have(self):
        drive = DISK.replace("device='disk'", "device='cdrom'").replace('vms/a', 'vms/secret')
        found = elsewhere(ORDINARY.replace(DISK, DISK + drive))
        self.assertNotIn('secret', found.text.replace('<secret ', ''))
        self.assertEqual('', found.refused)

    def test_a_console_in_a_file_is_a_terminal(self):
        found = elsewhere(ORDINARY.replace("<serial type='pty'><source path='/dev/pts/3'/>",
                                           "<serial type='file'><source path='/root/x'/>"))
        self.assertEqual('pty', ElementTree.fromstring(found.text).find('devices/serial').get(
            'type'))
        self.assertNotIn('/root', found.text)

    def test_taken_twice_it_is_the_same(self):
        self.assertEqual(self.text, elsewhere(self.text).text)


class Refused(unittest.TestCase):

    def assert_refused(self, text, why, **changes):
        self.assertNotEqual(ORDINARY, text)
        found = elsewhere(text, **changes)
        self.assertEqual('', found.text, why)
        self.assertRegex(found.refused, why)

    def test_devices_that_reach_for_the_host(self):
        for device, why in REFUSED_DEVICES.items():
            with self.subTest(device):
                self.assert_refused(ORDINARY.replace(DISK, DISK + device), why)

    def test_disks_that_are_not_what_was_fenced(self):
        for disk, why in REFUSED_DISKS.items():
            with self.subTest(disk):
                self.assert_refused(ORDINARY.replace(DISK, DISK + disk), why)
        for good, bad, why in REFUSED_IN_A_DISK:
            with self.subTest(bad):
                self.assert_refused(ORDINARY.replace(DISK, DISK.replace(good, bad)), why)

    def test_machines(self):
        for good, bad, why in REFUSED_MACHINES:
            with self.subTest(bad):
                self.assert_refused(ORDINARY.replace(good, bad), why)

    def test_a_network_that_the_configuration_does_not_name(self):
        self.assertEqual('', elsewhere(ORDINARY, networks=('br0', 'default')).refused)
        self.assert_refused(ORDINARY + ' ', r'attached to br0.*\[cloud\] networks',
                            networks=('default',))

    def test_more_room_than_its_host_told_of(self):
        self.assert_refused(ORDINARY + ' ', '2 cores', cores=1)
        self.assert_refused(ORDINARY + ' ', '1024 MiB', memory_mb=1023)
        numa = "<cpu mode='custom'><numa><cell id='0' cpus='0' memory='9' unit='GiB'/></numa></cpu>"
        self.assert_refused(ORDINARY.replace('<pm>', numa + '<pm>').replace(
            "<cpu mode='custom' match='exact' check='full'>", '<cpu>'), 'MiB', memory_mb=1024)

    def test_one_that_is_too_long(self):
        self.assert_refused(ORDINARY + ' ' * 200_000, 'longer')


class Images(unittest.TestCase):

    def test_the_images_of_a_definition_and_who_shares_them(self):
        shared = DISK.replace('vms/a', 'vms/b').replace('<backingStore/>', '<shareable/>')
        self.assertEqual({'vms/a': False, 'vms/b': True},
                         definition.images(ORDINARY.replace(DISK, DISK + shared)))
        for text in ('', 'nonsense', '<domain/>', '<!DOCTYPE x>' + ORDINARY):
            self.assertEqual({}, definition.images(text))
