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

"""A real libvirtd with a real QEMU for tests, in namespaces of its own.  Needs root."""

import os
import pathlib
import shutil
import signal
import subprocess
import tempfile
import time

import libvirt

from minicloud import processes

HOST_UUID = '5f3b2a10-1111-4222-8333-444455556666'

_CONF = """
unix_sock_dir = "{folder}"
auth_unix_rw = "none"
auth_unix_ro = "none"
host_uuid = "{uuid}"
log_outputs = "4:file:{folder}/log"
"""
# The shell stays: process 1 has to reap QEMU.  A /dev/kvm that does not work costs seconds.
_START = """
mount -t proc none /proc
mount -t tmpfs none /run
mount -t tmpfs none /var/lib/libvirt
mount -t tmpfs none /etc/libvirt
mount -t tmpfs none /var/log/libvirt
echo 'stdio_handler = "file"' >/etc/libvirt/qemu.conf
echo 'security_driver = "none"' >>/etc/libvirt/qemu.conf
echo 'namespaces = []' >>/etc/libvirt/qemu.conf
mount -t tmpfs none {folder}/dev
for name in null zero full random urandom tty; do cp -a /dev/$name {folder}/dev; done
mkdir {folder}/dev/pts {folder}/dev/shm
ln -s pts/ptmx {folder}/dev/ptmx
mount --move {folder}/dev /dev
mount -t devpts -o newinstance,ptmxmode=0666 none /dev/pts
libvirtd -f {folder}/libvirtd.conf -p {folder}/pid
true
"""
_READY_SECONDS = 60


def is_possible() -> bool:
    """True where a libvirtd can be started."""
    return os.geteuid() == 0 and all(map(shutil.which, ('libvirtd', 'unshare')))


class Libvirtd:
    """A libvirtd; ``uri`` reaches it until ``close``."""

    def __init__(self) -> None:
        self._folder = pathlib.Path(tempfile.mkdtemp(prefix='libvirtd-'))
        self.uri = f'qemu:///system?socket={self._folder}/libvirt-sock'
        (self._folder / 'dev').mkdir()
        (self._folder / 'libvirtd.conf').write_text(
            _CONF.format(folder=self._folder, uuid=HOST_UUID))
        self._process = subprocess.Popen(
            ['unshare', '-m', '-n', '-p', '-f', '--kill-child', 'sh', '-c',
             _START.format(folder=self._folder)],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self._await()

    def freeze(self) -> None:
        """Stop it: it takes connections, and answers nothing."""
        processes.freeze(self._daemon())

    def thaw(self) -> None:
        """Let it go on."""
        os.kill(self._daemon(), signal.SIGCONT)

    def close(self) -> None:
        """End it with all that it started."""
        self._process.kill()
        self._process.wait()
        shutil.rmtree(self._folder)

    def _daemon(self) -> int:
        shell = _child_of(self._process.pid)
        return _child_of(shell)

    def _await(self) -> None:
        deadline = time.monotonic() + _READY_SECONDS
        while True:
            try:
                # The first one asks every QEMU of the machine what it can do.
                return libvirt.open(self.uri).getCapabilities()
            except libvirt.libvirtError:
                if time.monotonic() > deadline or self._process.poll() is not None:
                    self.close()
                    raise
                time.sleep(0.1)


def _child_of(process: int) -> int:
    children = pathlib.Path(f'/proc/{process}/task/{process}/children').read_text().split()
    return int(children[0])
