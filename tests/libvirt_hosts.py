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


"""Real libvirtds for tests: each in a network and mount namespace of its own, at an address.

``shared()`` starts them once for a test process and ends them with it.
"""

import atexit
import functools
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import uuid

from minicloud import processes
from tests import netns, pki

# Every folder that a libvirtd of root uses, whatever its configuration says.
_PRIVATE = ('/run/libvirt', '/etc/libvirt', '/var/lib/libvirt', '/var/cache/libvirt',
            '/var/log/libvirt')
# A /dev of its own without kvm: where that boots nothing, libvirt probes it for 10 s at each ask
# for its capabilities.
_DEVICES = """\
dev=/run/libvirt/dev; mkdir $dev; mount -t tmpfs -o mode=755 none $dev; mkdir $dev/pts $dev/shm
for each in null zero full random urandom tty; do
    touch $dev/$each; mount --bind /dev/$each $dev/$each
done
mount -t devpts -o newinstance,ptmxmode=666 none $dev/pts; ln -s pts/ptmx $dev/ptmx
ln -s /proc/self/fd $dev/fd; mount --move $dev /dev
mount -t proc none /proc
cat >/etc/libvirt/qemu.conf <<END
stdio_handler = "file"
security_driver = "none"
namespaces = []
cgroup_controllers = []
user = "root"
group = "root"
END
"""
# As kolla has it: over TCP only DIGEST-MD5 encrypts what follows, which libvirt insists on.
_SASL = """\
mount -t tmpfs -o mode=755 none /etc/sasl2
printf 'mech_list: digest-md5\\nsasldb_path: /etc/libvirt/passwd.db\\n' >/etc/sasl2/libvirt.conf
cp {folder}/passwd.db /etc/libvirt/passwd.db
"""
_SASL_USER = ('nova', 'secret')
_AUTH = """\
[credentials-kaopu]
authname={0}
password={1}
[auth-libvirt-default]
credentials=kaopu
"""
_PORT, _TLS_PORT = 16509, 16514
_START_SECONDS = 30

_CONF = """\
listen_tls = {tls}
listen_tcp = {tcp}
{pki}listen_addr = "{address}"
auth_tcp = "{auth}"
auth_unix_rw = "none"
host_uuid = "{uuid}"
log_outputs = "3:stderr"
"""

_PKI = """\
ca_file = "{ca}"
cert_file = "{pair.cert}"
key_file = "{pair.key}"
tls_no_sanity_certificate = 1
tls_allowed_dn_list = ["CN=kaopu-ha"]
"""

_DOMAIN = """\
<domain type='qemu'><name>{name}</name><uuid>{uuid}</uuid><memory unit='MiB'>16</memory>
<os><type arch='x86_64' machine='pc'>hvm</type></os></domain>
"""


def missing():
    """What this machine lacks; empty if nothing."""
    if os.geteuid():
        return 'network namespaces need root'
    absent = [each for each in ('ip', 'unshare', 'libvirtd', 'virsh', 'qemu-system-x86_64',
                                'saslpasswd2')
              if not shutil.which(each)]
    return f'not installed: {", ".join(absent)}' if absent else ''


@functools.cache
def shared():
    """The hosts of this test process."""
    hosts = LibvirtHosts()
    atexit.register(hosts.close)
    hosts.start()
    return hosts


class LibvirtHosts:
    """``h1`` and ``h2`` run libvirtd; that of ``sasl`` asks for a password; ``bare`` has none.

    ``tls`` speaks TLS to those who show a certificate; that of ``old`` itself has expired.
    """

    def __init__(self, name='virt'):
        self._switch = netns.Switch('10.78.0', name)
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix='kt-libvirt-'))
        self.last = {'eye': 10, 'h1': 11, 'h2': 12, 'sasl': 13, 'bare': 14, 'tls': 15, 'old': 16}
        self.addresses = {name: self._switch.node(name, last) for name, last in self.last.items()}
        self.nowhere = '10.78.0.99'
        self.uuids = {name: str(uuid.uuid4()) for name in self.addresses}
        self.domain = str(uuid.uuid4())
        self._daemons = {}
        self.authority = pki.Authority(self.folder / 'pki')
        self.pki_path = self.pki_folder(self.authority.issue('kaopu-ha'))
        self.auth_file = self._password()

    def start(self):
        """Start the libvirtds, and define a domain on h1."""
        for name, auth in (('h1', 'none'), ('h2', 'none'), ('sasl', 'sasl'), ('tls', ''),
                           ('old', '')):
            self._daemons[name] = self._libvirtd(name, auth)
        with self.inside('eye'):
            for name in self._daemons:
                self._await(self.addresses[name], _TLS_PORT if self._is_tls(name) else _PORT)
            xml = self.folder / 'domain.xml'
            xml.write_text(_DOMAIN.format(name='one', uuid=self.domain))
            self.virsh('h1', 'define', str(xml))
            # The first answer takes seconds, while every QEMU is probed.
            for name in ('h1', 'h2', 'tls'):
                self.virsh(name, 'capabilities')

    def power_off(self, name):
        """Kill a libvirtd with all its guests; what it had defined is lost."""
        _end(self._daemons.pop(name))

    def power_on(self, name):
        """Start a libvirtd that knows nothing; one that runs is left alone."""
        if name in self._daemons:
            return
        self._daemons[name] = self._libvirtd(name, 'none')
        with self.inside('eye'):
            self._await(self.addresses[name], _PORT)
            self.virsh(name, 'capabilities')

    def uri(self, name):
        """The URI of a host's libvirt."""
        transport = 'tls' if self._is_tls(name) else 'tcp'
        return f'qemu+{transport}://{self.addresses.get(name, name)}/system'

    def pki_folder(self, pair, authority=None):
        """A folder as libvirt wants it, with this certificate as the client's."""
        folder = pathlib.Path(tempfile.mkdtemp(dir=self.folder))
        for name, path in (('cacert.pem', (authority or self.authority).ca),
                           ('clientcert.pem', pair.cert), ('clientkey.pem', pair.key)):
            shutil.copy(path, folder / name)
        return str(folder)

    def _password(self):
        """Make the user of ``sasl``; the file with which a client of libvirt is that user."""
        user, password = _SASL_USER
        subprocess.run(['saslpasswd2', '-p', '-c', '-f', self.folder / 'passwd.db', '-a', 'libvirt',
                        '-u', socket.gethostname(), user], input=password, text=True, check=True)
        path = self.folder / 'auth.conf'
        path.write_text(_AUTH.format(user, password))
        return str(path)

    def inside(self, node):
        """Run the body in a node's network."""
        return self._switch.inside(node)

    def cable(self, name, plugged):
        """Pull or plug a node's cable."""
        self._switch.cable(self.last[name], plugged)

    def freeze(self, name):
        """Freeze a libvirtd: its kernel goes on accepting connections."""
        processes.freeze(self._libvirtd_of(name))

    def thaw(self, name):
        """Let it go on."""
        os.kill(self._libvirtd_of(name), signal.SIGCONT)

    def close(self):
        """End every process by its id, and remove the data."""
        for daemon in self._daemons.values():
            _end(daemon)
        self._switch.close()
        shutil.rmtree(self.folder, ignore_errors=True)

    def _libvirtd(self, name, auth):
        conf = self.folder / f'{name}.conf'
        pair = self.authority.issue(name, [self.addresses[name]], expired=name == 'old')
        tls = self._is_tls(name)
        conf.write_text(_CONF.format(
            address=self.addresses[name], auth=auth or 'none', uuid=self.uuids[name],
            tls=int(tls), tcp=int(not tls),
            pki=_PKI.format(ca=self.authority.ca, pair=pair) if tls else ''))
        mounts = '\n'.join(f'mkdir -p {each}; mount -t tmpfs -o mode=755 none {each}'
                           for each in _PRIVATE)
        with self.inside(name), open(self.folder / f'{name}.log', 'wb') as log:
            return subprocess.Popen(
                # The shell stays: process 1 has to reap QEMU.
                ['unshare', '--mount', '--propagation', 'private', '--pid', '--fork',
                 '--kill-child', 'sh', '-ec',
                 f'{mounts}\n{_DEVICES}'
                 f'{_SASL.format(folder=self.folder) if auth == "sasl" else ""}'
                 f'libvirtd --listen -f {conf} --pid-file /run/libvirt/pid\ntrue'],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log)

    def _libvirtd_of(self, name):
        """The libvirtd's process: the first child of the shell, which is that of unshare."""
        return _first_child(_first_child(self._daemons[name].pid))

    def virsh(self, name, *words):
        """Run virsh on a host, from the network that this is called in; what it prints."""
        uri = self.uri(name) + (f'?pkipath={self.pki_path}' if self._is_tls(name) else '')
        done = subprocess.run(['virsh', '-c', uri, *words], check=False, capture_output=True,
                              text=True, timeout=_START_SECONDS)
        if done.returncode:
            said = (self.folder / f'{name}.log').read_text()[-2000:]
            raise AssertionError(f'virsh {" ".join(words)} on {name}: {done.stderr}\n{said}')
        return done.stdout

    @staticmethod
    def _is_tls(name):
        return name in ('tls', 'old')

    @staticmethod
    def _await(address, port):
        end = time.monotonic() + _START_SECONDS
        while True:
            try:
                socket.create_connection((address, port), 1).close()
                return
            except OSError:
                if time.monotonic() > end:
                    raise
                time.sleep(0.05)


def _end(daemon):
    """End a host: when this returns nothing of it is left, and nobody listens at its port.

    Its process 1 is killed, for which its parent waits until the whole namespace is gone.  The
    other way round the host would go on dying, and its next libvirtd be taken for up by its port.
    """
    try:
        os.kill(_first_child(daemon.pid), signal.SIGKILL)
    except (IndexError, OSError):
        daemon.kill()
    daemon.wait()


def _first_child(process):
    return int(pathlib.Path(f'/proc/{process}/task/{process}/children').read_text().split()[0])
