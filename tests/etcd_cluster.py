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

"""A real etcd for tests: members on a loopback address of their own, which end with the process.

``shared()`` starts three once for a test process (some 3 s) and ends them with it.
"""

import atexit
import functools
import itertools
import json
import os
import pathlib
import shutil
import signal
import subprocess
import time

import fixtures

from minicloud import etcd, processes
from tests import pki

_WAIT_SECONDS = 90
_PORTS = itertools.count(20000, 2)


def missing():
    """Why etcd can't be run here; '' if it can."""
    absent = [name for name in ('etcd', 'etcdctl') if not shutil.which(name)]
    return f'not installed: {", ".join(absent)}' if absent else ''


@functools.cache
def shared():
    """The three members of this test process."""
    cluster = EtcdCluster()
    cluster.setUp()
    atexit.register(cluster.cleanUp)
    return cluster


class EtcdCluster(fixtures.Fixture):
    """Members of etcd, by number; all are well when it is set up."""

    def __init__(self, size=3, tls=False):
        super().__init__()
        self.size = size
        self.tls = tls
        self.user = ''
        self.show = None    # With TLS: the certificate that etcdctl shows.
        self._processes = [None] * size
        # No other process uses this address, so none can take the port of a member that is down.
        pid = os.getpid()
        self.address = f'127.{64 + (pid >> 16) % 64}.{(pid >> 8) % 256}.{pid % 256}'
        self._clients = [next(_PORTS) for _ in range(size)]

    def _setUp(self):
        self._folder = pathlib.Path(self.useFixture(fixtures.TempDir()).path)
        if self.tls:
            self.authority = pki.Authority(self._folder / 'pki')
            self.show = self.members = self.authority.issue('etcd-member', [self.address])
        self.addCleanup(self._end)
        for member in range(self.size):
            self.start(member)
        self.heal()

    # ------------------------------------------------------------ members

    @property
    def endpoints(self):
        """The addresses that clients use."""
        return [self.endpoint(member) for member in range(self.size)]

    def endpoint(self, member):
        """The address of one member."""
        return f'{self.address}:{self._clients[member]}'

    def url(self, member):
        """The same as a URL."""
        return f'{"https" if self.tls else "http"}://{self.endpoint(member)}'

    @property
    def pids(self):
        """The processes of the members."""
        return [process.pid for process in self._processes]

    def start(self, member):
        """Start a member that is down."""
        with (self._folder / f'{member}.log').open('ab') as log:
            self._processes[member] = subprocess.Popen(
                # If this process is killed, no etcd is left behind.
                ['setpriv', '--pdeathsig', 'KILL', *etcd.argv(
                    str(member), self._folder / str(member), self.url(member),
                    self._peer(member), self._peers(), self.options())],
                stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT)

    def options(self):
        """Further options of members."""
        return etcd.shows(*self.members, self.authority.ca) if self.tls else {}

    def kill(self, member):
        """End a member without notice."""
        self._processes[member].kill()
        self._processes[member].wait()

    def freeze(self, member):
        """Stop a member; the kernel goes on to take what is sent to it."""
        processes.freeze(self._processes[member].pid)

    def thaw(self, member):
        """Let a frozen member go on."""
        self._processes[member].send_signal(signal.SIGCONT)

    def heal(self):
        """Thaw and start all members; returns when all are well."""
        for member in range(self.size):
            self.thaw(member)
        end = time.monotonic() + _WAIT_SECONDS
        while time.monotonic() < end:
            for member, process in enumerate(self._processes):
                if process.poll() is not None:
                    self.start(member)
            if not self._run('endpoint', 'health').returncode:
                return
            time.sleep(0.1)
        raise AssertionError('etcd does not come up: ' + self._last_words())

    # ------------------------------------------------------------ the store

    def ctl(self, *words, members=None):
        """What etcdctl says, asking all members or these."""
        done = self._run(*words, members=members)
        if done.returncode:
            raise AssertionError(f'etcdctl {words}: {done.stderr}')
        return done.stdout

    def leader_index(self):
        """The member that leads."""
        end = time.monotonic() + _WAIT_SECONDS
        while time.monotonic() < end:
            answer = self._run('endpoint', 'status', '--write-out=json')
            for status in json.loads(answer.stdout or '[]'):
                header, leader = status['Status']['header'], status['Status'].get('leader')
                if header['member_id'] == leader:
                    return self.endpoints.index(status['Endpoint'].partition('://')[2])
            time.sleep(0.1)
        raise AssertionError('etcd has no leader: ' + self._last_words())

    def compact(self):
        """Forget all revisions but the present one."""
        running = [member for member, one in enumerate(self._processes) if one.poll() is None]
        status = json.loads(self.ctl('endpoint', 'status', '--write-out=json', members=running))
        self.ctl('compact', str(max(one['Status']['header']['revision'] for one in status)),
                 members=running)

    def save(self):
        """Take a snapshot of what is there now."""
        self._saved.unlink(missing_ok=True)
        self.ctl('snapshot', 'save', str(self._saved), members=[0])

    def put_back(self):
        """Restore all members from the snapshot; returns when all are well."""
        for member in range(self.size):
            self.kill(member)
            shutil.rmtree(self._folder / str(member))
            self.ctl('snapshot', 'restore', str(self._saved), '--name', str(member),
                     '--data-dir', str(self._folder / str(member)),
                     '--initial-advertise-peer-urls', self._peer(member),
                     '--initial-cluster', etcd.joined(self._peers()))
        self.heal()

    # ------------------------------------------------------------ leaves

    @property
    def _saved(self):
        return self._folder / 'saved'

    def _peers(self):
        return {str(other): self._peer(other) for other in range(self.size)}

    def _peer(self, member):
        return f'http://{self.address}:{self._clients[member] + 1}'

    def _run(self, *words, members=None):
        asked = etcd.ctl([self.url(member) for member in members or range(self.size)],
                         (self.authority.ca, *self.show) if self.tls else None)
        return subprocess.run(
            [*asked, '--command-timeout=3s', *(['--user', self.user] if self.user else []), *words],
            capture_output=True, text=True, timeout=_WAIT_SECONDS, check=False)

    def _last_words(self):
        logs = (self._folder / f'{member}.log' for member in range(self.size))
        return '\n'.join(log.read_text(errors='replace')[-1000:] for log in logs)

    def _end(self):
        for process in self._processes:
            if process is not None:
                process.kill()
                process.wait()
