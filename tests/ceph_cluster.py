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


"""A real Ceph for tests: one monitor and one OSD in a namespace, and clients at addresses.

``shared()`` starts it once for a test process (some 10 s) and ends it with the process.  The users
``kaopu-...`` have the caps that ``kaopu-ha secure ceph`` prints.
"""

import atexit
import contextlib
import functools
import os
import pathlib
import shutil
import signal
import subprocess
import tempfile
import uuid

from kaopu_ha.cli import secure
from minicloud import processes
from tests import netns

POOL = 'vms'
# Where a cloud has its volumes.
VOLUMES = 'volumes'
# Whose clients have disks open; not Nova's user: the tests of DevStack's plugin change its caps.
GUESTS = 'guests'
SYSTEM_PYTHON = '/usr/bin/python3'
_CLIENT = pathlib.Path(__file__).with_name('rbd_client.py')
_WAIT_SECONDS = 60

_CAPS = {
    'mon.': {'mon': 'allow *'},
    'client.admin': {'mon': 'allow *', 'osd': 'allow *', 'mgr': 'allow *'},
    'osd.0': {'mon': 'allow profile osd', 'osd': 'allow *', 'mgr': 'allow profile osd'},
    f'client.{GUESTS}': {'mon': 'profile rbd',
                          'osd': f'profile rbd pool={POOL}, profile rbd pool={VOLUMES}'},
    **{f'client.{name}': caps for name, caps in secure.users([POOL, VOLUMES]).items()},
    # One that may read in a namespace only.
    'client.kaopu-tenant': secure.users([f'{POOL}/tenant1'])['kaopu-agent'],
}

_CONF = """\
[global]
fsid = {fsid}
mon_host = [v2:{mon}:3300/0,v1:{mon}:6789/0]
mon_initial_members = a
public_network = 10.77.0.0/24
cluster_network = 10.77.0.0/24
auth_allow_insecure_global_id_reclaim = false
osd_pool_default_size = 1
osd_pool_default_min_size = 1
osd_pool_default_pg_num = 8
osd_pool_default_pg_autoscale_mode = off
osd_crush_chooseleaf_type = 0
osd_objectstore = memstore
memstore_device_bytes = 536870912
mon_allow_pool_size_one = true
mon_data_avail_crit = 0
mon_data_avail_warn = 0
ms_bind_ipv6 = false
run_dir = {folder}
admin_socket = {folder}/$name.asok
log_file = {folder}/$name.log
mon_data = {folder}/mon
osd_data = {folder}/osd
keyring = {folder}/keyring
[osd]
keyring = {folder}/keyring
[client]
admin_socket =
log_file = /dev/null
"""


def missing():
    """What this machine lacks to run Ceph; empty if nothing."""
    if os.geteuid():
        return 'network namespaces need root'
    absent = [each for each in ('ip', 'ceph-mon', 'ceph-osd', 'ceph', 'ceph-authtool')
              if not shutil.which(each)]
    if absent:
        return f'not installed: {", ".join(absent)}'
    found = subprocess.run([SYSTEM_PYTHON, '-c', 'import rados, rbd'], capture_output=True)
    return 'python3-rados or python3-rbd is not installed' if found.returncode else ''


@functools.cache
def shared():
    """The cluster of this test process."""
    cluster = CephCluster()
    atexit.register(cluster.close)
    cluster.start()
    return cluster


class CephCluster:
    """The cluster, its switch, and three nodes for clients: ``eye``, ``h1`` and ``h2``."""

    def __init__(self):
        self.fsid = str(uuid.uuid4())
        self._switch = netns.Switch('10.77.0', 'ceph')
        self._folder = pathlib.Path(tempfile.mkdtemp(prefix='kt-ceph-'))
        self.monitor_address = self._switch.node('ceph', 2)
        self.addresses = {name: self._switch.node(name, last)
                          for name, last in (('eye', 10), ('h1', 11), ('h2', 12))}
        self._daemons = {}
        self._clients = []
        self._count = 0

    def start(self):
        """Make and start the monitor and the OSD, and a pool."""
        folder = self._folder
        (folder / 'ceph.conf').write_text(
            _CONF.format(fsid=self.fsid, mon=self.monitor_address, folder=folder))
        self._make_keys()
        for name in ('mon', 'osd'):
            (folder / name).mkdir()
        with self._switch.inside('ceph'):
            self._run('monmaptool', '--create', '--fsid', self.fsid, '--enable-all-features',
                      '--addv', 'a', f'[v2:{self.monitor_address}:3300/0,'
                      f'v1:{self.monitor_address}:6789/0]', folder / 'monmap')
            self._run('ceph-mon', '-c', folder / 'ceph.conf', '--mkfs', '-i', 'a', '--monmap',
                      folder / 'monmap', '--keyring', folder / 'keyring')
            self._daemons['mon'] = self._daemon('ceph-mon', '-i', 'a')
            osd_uuid = str(uuid.uuid4())
            self.ceph('osd', 'new', osd_uuid, '0')
            self._run('ceph-osd', '-c', folder / 'ceph.conf', '-i', '0', '--mkfs', '--osd-uuid',
                      osd_uuid)
            self._daemons['osd'] = self._daemon('ceph-osd', '-i', '0')
            for pool in (POOL, VOLUMES):
                self.ceph('osd', 'pool', 'create', pool, '8')
                self.ceph('osd', 'pool', 'application', 'enable', pool, 'rbd')

    def access(self, user):
        """Settings for a driver."""
        return {'conf': str(self._folder / 'ceph.conf'), 'user': user,
                'keyring': str(self._folder / 'keyring')}

    def inside(self, node):
        """Run the body in a node's network."""
        return self._switch.inside(node)

    def ceph(self, *words):
        """Run the command ``ceph`` at the monitor's node."""
        with self.inside('ceph'):
            return self._run('ceph', '-c', self._folder / 'ceph.conf', '--connect-timeout',
                             str(_WAIT_SECONDS), *words)

    def rbd(self, *words):
        """Run the command ``rbd`` at the monitor's node."""
        with self.inside('ceph'):
            return self._run('rbd', '-c', self._folder / 'ceph.conf', *words)

    def names(self, count=1):
        """Names for images that nobody has used yet."""
        self._count += count
        return [f'image-{number}' for number in range(self._count - count, self._count)]

    def client(self, node, images, create=False, pool=POOL):
        """A librbd client at a node's address that has the images open."""
        with self.inside(node):
            client = RbdClient(self.access(GUESTS), images, create, pool)
        self._clients.append(client)
        return client

    @contextlib.contextmanager
    def frozen(self, daemon):
        """Freeze ``mon`` or ``osd`` while the body runs."""
        processes.freeze(self._daemons[daemon].pid)
        try:
            yield
        finally:
            os.kill(self._daemons[daemon].pid, signal.SIGCONT)

    def close(self):
        """End every process by its id, and remove the data."""
        for client in self._clients:
            client.close()
        for daemon in self._daemons.values():
            daemon.kill()
            daemon.wait()
        self._switch.close()
        shutil.rmtree(self._folder, ignore_errors=True)

    # ------------------------------------------------------------ private

    def _make_keys(self):
        keyring = self._folder / 'keyring'
        self._run('ceph-authtool', '--create-keyring', keyring)
        for name, caps in _CAPS.items():
            words = [word for service, cap in caps.items() for word in ('--cap', service, cap)]
            self._run('ceph-authtool', keyring, '--gen-key', '-n', name, *words)

    def _daemon(self, program, *words):
        with open(self._folder / f'{program}.out', 'wb') as out:
            # In the root, as systemd does: Debian 13's looks for its classes in lib/... from here.
            return subprocess.Popen([program, '-f', '-c', str(self._folder / 'ceph.conf'), *words],
                                    cwd='/', stdin=subprocess.DEVNULL, stdout=out, stderr=out)

    @staticmethod
    def _run(*words):
        done = subprocess.run([str(word) for word in words], capture_output=True, text=True,
                              timeout=_WAIT_SECONDS)
        if done.returncode:
            raise RuntimeError(f'{words[0]}: {done.stderr}')
        return done.stdout


class RbdClient:
    """A process that has images open."""

    def __init__(self, access, images, create, pool):
        self._process = subprocess.Popen(
            [SYSTEM_PYTHON, str(_CLIENT), access['conf'], access['user'], access['keyring'], pool],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        self._say(' '.join(images) if create else '')
        self._say(' '.join(images))
        self.opened = self._process.stdout.readline().strip()

    def write(self):
        """Write to every image: ``ok`` or the error; empty if the process is gone."""
        return self._order('write')

    def leave(self):
        """Close every image, as a QEMU that is shut down does: nothing watches any more."""
        return self._order('close')

    def freeze(self):
        """Stop the process as a hung host does: its watches stay for a while."""
        self._process.send_signal(signal.SIGSTOP)

    def thaw(self):
        """Let it go on."""
        self._process.send_signal(signal.SIGCONT)

    def close(self):
        """Kill it."""
        self._process.kill()
        self._process.wait()
        self._process.stdin.close()
        self._process.stdout.close()

    def _order(self, order):
        try:
            self._say(order)
        except BrokenPipeError:
            return ''
        return self._process.stdout.readline().strip()

    def _say(self, text):
        self._process.stdin.write(text + '\n')
        self._process.stdin.flush()
