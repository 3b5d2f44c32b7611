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

"""The local host against a real libvirtd with a real QEMU."""

import contextlib
import os
import pathlib
import subprocess
import tempfile
import time
import unittest

import libvirt

from kaopu_ha import ports
from kaopu_ha.core.model import Power
from kaopu_ha.drivers.libvirt.local import LocalLibvirt
from kaopu_ha.testing import local
from tests import libvirtd_single

ON = 'aaaaaaaa-0000-4000-8000-000000000001'
OFF = 'bbbbbbbb-0000-4000-8000-000000000002'

_DOMAIN = """
<domain type='qemu'>
  <name>instance-{number}</name>
  <uuid>{uuid}</uuid>
  <metadata>
    <nova:instance xmlns:nova="http://openstack.org/xmlns/libvirt/nova/1.1">
      <nova:package version="27.5.1"/>
      <nova:name>{uuid}</nova:name>
      <nova:creationTime>{made}</nova:creationTime>
    </nova:instance>
  </metadata>
  <memory unit='MiB'>16</memory>
  <vcpu>1</vcpu>
  <os><type arch='x86_64' machine='pc'>hvm</type></os>
  <devices>{disk}</devices>
</domain>
"""
_RBD = """
<disk type='network' device='disk'>
  <driver name='qemu' type='raw'/>
  <source protocol='rbd' name='vms/{uuid}_disk'><host name='10.91.0.2' port='6789'/></source>
  <target dev='vda' bus='virtio'/>
</disk>
"""


def written(seconds):
    """As Nova writes a time."""
    return time.strftime('%Y-%m-%d %H:%M:%S', time.gmtime(seconds))


class LocalLibvirtTest(local.LocalHostSuite, unittest.TestCase):

    host_uuid, on, off = libvirtd_single.HOST_UUID, ON, OFF

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        if not libvirtd_single.is_possible():
            raise unittest.SkipTest('a libvirtd needs root, libvirtd and unshare')
        cls.libvirtd = libvirtd_single.Libvirtd()
        cls.addClassCleanup(cls.libvirtd.close)

    def setUp(self):
        super().setUp()
        self.state = tempfile.TemporaryDirectory()
        self.addCleanup(self.state.cleanup)
        self.local = self.a_host()
        self.link = libvirt.open(self.libvirtd.uri)
        self.addCleanup(self.link.close)
        self.addCleanup(self.clear)
        self.define(1, ON, ago=60).create()
        self.define(2, OFF, _RBD.format(uuid=OFF), ago=60)

    def define(self, number, uuid, disk='', *, ago=0):
        return self.link.defineXML(_DOMAIN.format(
            number=number, uuid=uuid, disk=disk, made=written(time.time() - ago)))

    def make_anew(self, uuid):
        self.link.lookupByUUIDString(uuid).undefine()
        self.define(2, uuid)

    def compute_begins(self):
        # A kernel that was booted 1000 s ago, and has a nova-compute since now.
        proc = pathlib.Path(self.state.name, 'proc')
        (proc / '7').mkdir(parents=True)
        (proc / 'uptime').write_text('1000.00 1.00')
        (proc / '7/cmdline').write_text('/usr/bin/nova-compute\0')
        ticks = 1000 * os.sysconf('SC_CLK_TCK')
        (proc / '7/stat').write_text('7 (nova-compute) S' + ' 1' * 18 + f' {ticks} 5 6')
        self.local = self.a_host(proc=str(proc), clock_at_boot=(
            'printf', 'UserspaceTimestamp=%s\nUserspaceTimestampMonotonic=0\n',
            time.strftime('%a %Y-%m-%d %H:%M:%S UTC', time.gmtime(time.time() - 999))))

    def a_host(self, uri='', **more):
        host = LocalLibvirt(uri or self.libvirtd.uri, state_path=self.state.name, **more)
        self.addCleanup(host.close)
        return host

    def clear(self):
        for domain in self.link.listAllDomains():
            if domain.isActive():
                domain.destroy()
            if domain.isPersistent():
                domain.undefine()

    def mute(self):
        self.libvirtd.freeze()
        self.addCleanup(self.libvirtd.thaw)

    def test_a_libvirt_that_was_mute_is_asked_again(self):
        self.test_a_libvirt_that_is_mute_ends_in_a_reason_and_on_time()
        self.libvirtd.thaw()
        self.assertEqual(2, len(self.local.instances(self.limit)))

    def test_a_domain_that_is_paused_says_so(self):
        self.link.lookupByUUIDString(ON).suspend()
        self.assertIs(Power.PAUSED, self.domain(ON).power)

    def test_a_domain_that_was_started_again_has_another_run(self):
        before = self.domain(ON).run
        domain = self.link.lookupByUUIDString(ON)
        domain.destroy()
        domain.create()
        self.assertNotEqual(before, self.domain(ON).run)

    def test_a_domain_that_is_not_persistent_is_removed(self):
        self.link.lookupByUUIDString(ON).undefine()
        self.assertEqual((ON,), self.local.remove_domains([ON], local.TimedPermit()))

    def test_a_host_that_was_known_once_is_known_without_libvirt(self):
        known = self.local.identity(self.limit)
        self.assertEqual(known, self.a_host('qemu+unix:///system?socket=/nowhere').identity(5))

    def test_a_host_that_was_never_known_is_not_guessed(self):
        with self.assertRaisesRegex(ports.PortError, 'is not known yet'):
            self.a_host('qemu+unix:///system?socket=/nowhere').identity(5)

    def test_what_was_remembered_of_another_mainboard_does_not_count(self):
        self.local.identity(self.limit)
        memory = pathlib.Path(self.state.name, 'identity.json')
        memory.write_text(memory.read_text().replace('"machine": "', '"machine": "x'))
        with self.assertRaises(ports.PortError):
            self.a_host('qemu+unix:///system?socket=/nowhere').identity(5)


# A boot sector that writes sector 63 of its disk, again and again (int 13h, AH=3).
_WRITES = bytes.fromhex('b80103 bb007c b93f00 ba8000 cd13 ebf0').ljust(510, b'\0') + b'\x55\xaa'
_FILE = """
<disk type='file' device='disk'>
  <driver name='qemu' type='raw' cache='none'/>
  <source file='{path}'/>
  <target dev='hda' bus='ide'/>
</disk>
"""
_FULL_BYTES = 64 * 1024
_WRITES_SECONDS = 60


class StuckTest(unittest.TestCase):
    """A guest that QEMU pauses because a write of its finds no room."""

    def setUp(self):
        super().setUp()
        if not libvirtd_single.is_possible():
            raise unittest.SkipTest('a libvirtd needs root, libvirtd and unshare')
        self.folder = tempfile.mkdtemp(prefix='full-')
        self.addCleanup(os.rmdir, self.folder)
        subprocess.run(['mount', '-t', 'tmpfs', '-o', f'size={_FULL_BYTES},mode=777', 'full',
                        self.folder], check=True)
        self.addCleanup(subprocess.run, ['umount', self.folder], check=True)
        # It has to be there first: a namespace of mounts gets no new ones.
        self.libvirtd = libvirtd_single.Libvirtd()
        self.addCleanup(self.libvirtd.close)
        self.local = LocalLibvirt(self.libvirtd.uri)
        self.addCleanup(self.local.close)
        link = libvirt.open(self.libvirtd.uri)
        self.addCleanup(link.close)
        disk, self.filler = (pathlib.Path(self.folder, name) for name in ('disk', 'filler'))
        disk.write_bytes(_WRITES)
        os.truncate(disk, 1024 * 1024)
        self.guest = link.createXML(_DOMAIN.format(
            number=1, uuid=ON, disk=_FILE.format(path=disk), made=written(0)),
            libvirt.VIR_DOMAIN_START_PAUSED)
        self.addCleanup(self.guest.destroy)
        with contextlib.suppress(OSError), self.filler.open('wb', 0) as filler:
            while filler.write(bytes(4096)):
                pass
        self.guest.resume()

    def seen(self):
        domain, = self.local.instances(10)
        return domain

    def until(self, stuck):
        over = time.monotonic() + _WRITES_SECONDS
        while self.seen().stuck is not stuck:
            self.assertLess(time.monotonic(), over, self.guest.state())
            time.sleep(0.2)
        return self.seen()

    def resume(self, run, **permit):
        return self.local.resume_domains({ON: run}, local.TimedPermit(**permit))[ON]

    def test_it_is_resumed_in_vain_while_there_is_no_room_and_goes_on_when_there_is(self):
        stuck = self.until(True)
        self.assertEqual((Power.PAUSED, str(self.guest.ID())), (stuck.power, stuck.run))
        self.assertEqual('an I/O error paused it again', self.resume(stuck.run))
        with self.assertRaises(ports.NotPermitted):
            self.resume(stuck.run, given=False)
        self.filler.unlink()
        self.assertIn('was started since', self.resume('99'))
        self.assertTrue(self.seen().stuck)
        self.assertEqual('', self.resume(stuck.run))
        self.assertEqual((Power.ON, stuck.run), (self.until(False).power, self.seen().run))

    def test_what_its_user_paused_is_not_resumed(self):
        stuck = self.until(True)
        self.filler.unlink()
        self.guest.resume()
        self.guest.suspend()
        self.assertIn('not paused by an I/O error', self.resume(stuck.run))
        self.assertIs(Power.PAUSED, self.seen().power)


# A boot sector that starts the watchdog at port 0x443, and then does nothing more for ever.
_HANGS = bytes.fromhex('b00e ba4304 ee fa f4 ebfd').ljust(510, b'\0') + b'\x55\xaa'
_WATCHED = _FILE + "<watchdog model='ib700' action='pause'/>"


class HungTest(unittest.TestCase):
    """A guest that its own watchdog pauses."""

    def setUp(self):
        super().setUp()
        if not libvirtd_single.is_possible():
            raise unittest.SkipTest('a libvirtd needs root, libvirtd and unshare')
        self.libvirtd = libvirtd_single.Libvirtd()
        self.addCleanup(self.libvirtd.close)
        self.local = LocalLibvirt(self.libvirtd.uri)
        self.addCleanup(self.local.close)
        self.link = libvirt.open(self.libvirtd.uri)
        self.addCleanup(self.link.close)

    def test_it_says_so_and_is_not_resumed_as_one_that_is_stuck(self):
        path = pathlib.Path(tempfile.gettempdir(), f'hangs-{os.getpid()}')
        self.addCleanup(path.unlink)
        path.write_bytes(_HANGS.ljust(1024 * 1024, b'\0'))
        path.chmod(0o666)
        guest = self.link.createXML(_DOMAIN.format(
            number=1, uuid=ON, disk=_WATCHED.format(path=path), made=written(0)), 0)
        self.addCleanup(guest.destroy)
        over = time.monotonic() + _WRITES_SECONDS
        while not (found := self.local.instances(10)[0]).hung:
            self.assertLess(time.monotonic(), over, guest.state())
            time.sleep(0.2)
        self.assertEqual((Power.PAUSED, False), (found.power, found.stuck))
        self.assertTrue(self.local.resume_domains({ON: found.run}, local.TimedPermit())[ON])
        self.assertTrue(self.local.instances(10)[0].hung)
