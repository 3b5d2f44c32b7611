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

"""What an agent takes of its host: memory, and processor time while all is well.

    python -m tools.bench.agent [guests] [processes] [seconds]

The agent is a process as it is run, with its own wiring and a real etcd.  Its guests are domains
of libvirt's test driver, which lives in the agent's child; the processes are those of a false
/proc, among them a nova-compute; Ceph is played.  Beside it run two processes that have imported
what the agent has: one does nothing but wake once a second, and one does nothing but renew a lease
as often as the agent beats, by the agent's own client of etcd.  Less than that second one no agent
can take which beats: what is above it is the looks at the host.
"""

from __future__ import annotations

from collections.abc import Iterator
import contextlib
from dataclasses import dataclass
import math
import os
import pathlib
import subprocess
import sys
import tempfile
import time

from kaopu_ha.conf.rules import PACES
from tests import etcd_single
from tools.bench import agent_process, spent

_TREE = pathlib.Path(__file__).resolve().parents[2]
_NETWORK = '127.0.0.0/8'
# Its first looks read more than all later ones.
_SETTLES_SECONDS = 10.0
_TARGET_MIB, _TARGET_SHARE = 60.0, 0.002
# That of the pace that is the default.
_BEAT_SECONDS = PACES['patent'].beat_interval

_DOMAIN = """
<domain type='test'><name>instance-{number:08x}</name><uuid>{uuid}</uuid>
<metadata><nova:instance xmlns:nova="http://openstack.org/xmlns/libvirt/nova/1.1">
<nova:package version="27.5.1"/><nova:name>vm-{number}</nova:name>
<nova:creationTime>2026-01-01 00:00:00</nova:creationTime>
<nova:flavor name="m1"><nova:memory>2048</nova:memory><nova:disk>20</nova:disk>
<nova:swap>0</nova:swap><nova:ephemeral>0</nova:ephemeral><nova:vcpus>2</nova:vcpus></nova:flavor>
<nova:owner><nova:user uuid="{uuid}">admin</nova:user>
<nova:project uuid="{uuid}">admin</nova:project></nova:owner></nova:instance></metadata>
<memory unit='KiB'>2097152</memory><vcpu>2</vcpu>
<os><type arch='x86_64'>hvm</type></os>
<devices><disk type='network' device='disk'><driver name='qemu' type='raw'/>
<auth username='nova'><secret type='ceph' uuid='{uuid}'/></auth>
<source protocol='rbd' name='vms/{uuid}_disk'><host name='10.0.0.1' port='6789'/>
<host name='10.0.0.2' port='6789'/><host name='10.0.0.3' port='6789'/></source>
<target dev='vda' bus='virtio'/></disk>
<interface type='bridge'><mac address='fa:16:3e:00:00:{number:02x}'/><source bridge='br-int'/>
<target dev='tap{number:08x}'/><model type='virtio'/></interface>
<console type='pty'/><graphics type='vnc' port='-1' autoport='yes' listen='0.0.0.0'/>
</devices></domain>
"""


# ---------------------------------------------------------------- the host


def host(folder: pathlib.Path, guests: int, processes: int) -> None:
    """Write a /proc of so many processes, and a libvirt of so many guests."""
    proc = folder / 'proc'
    for name, text in (('sys/kernel/random/boot_id', 'b1\n'), ('uptime', '9000.00 9000.00\n'),
                       ('net/fib_trie', f'|-- {agent_process.ADDRESS}\n   /32 host LOCAL\n')):
        (proc / name).parent.mkdir(parents=True, exist_ok=True)
        (proc / name).write_text(text)
    for number in range(1, processes + 1):
        words = (['/usr/bin/python3', '/usr/bin/nova-compute'] if number == processes // 2 else
                 ['/usr/bin/qemu-system-x86_64', '-name', f'guest=instance-{number:08x}'] * 4)
        (proc / str(number)).mkdir()
        (proc / str(number) / 'cmdline').write_text('\0'.join(words) + '\0')
        (proc / str(number) / 'stat').write_text(f'{number} (a) S' + ' 1' * 18 + f' {number} 5 6')
    (folder / 'libvirt.xml').write_text('<node>' + ''.join(_DOMAIN.format(
        number=number, uuid=f'{number:08x}-0000-4000-8000-000000000000')
        for number in range(guests)) + '</node>')
    (folder / 'ceph.conf').write_text(
        f'[global]\nfsid = {agent_process.FSID}\nmon_host = 10.0.0.1\n')


def _options(folder: pathlib.Path, endpoint: str) -> str:
    return (f'[DEFAULT]\nhost = bench\n[store]\nendpoints = {endpoint}\n'
            f'[ceph]\nconf = {folder}/ceph.conf\nclient_networks = {_NETWORK}\n'
            f'[agent]\nlibvirt_uri = test://{folder}/libvirt.xml\nstate_path = {folder}/state\n')


# ---------------------------------------------------------------- the processes


@contextlib.contextmanager
def _running(*given: str) -> Iterator[subprocess.Popen[str]]:
    made = subprocess.Popen([sys.executable, '-m', 'tools.bench.agent_process', *given], cwd=_TREE,
                            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
                            env=os.environ | {'PYTHONPATH': str(_TREE)})
    try:
        yield made
    finally:
        with contextlib.suppress(subprocess.TimeoutExpired):
            made.communicate(timeout=10)
        made.kill()
        made.wait()


def _told(made: subprocess.Popen[str], line: str) -> None:
    assert made.stdin
    print(line, file=made.stdin, flush=True)


# ---------------------------------------------------------------- what is measured


@dataclass(frozen=True)
class Taken:
    """Of one process: its resident memory in MiB, and its share of a core."""

    mebibytes: float
    share: float


def _mebibytes(pid: int) -> float:
    status = pathlib.Path(f'/proc/{pid}/status').read_text().splitlines()
    for line in status:
        if line.startswith('VmRSS'):
            return int(line.split()[1]) / 1024
    raise SystemExit(f'process {pid} ended meanwhile: the machine is too busy')


def _children(pid: int) -> list[int]:
    found: list[int] = []
    for task in pathlib.Path(f'/proc/{pid}/task').iterdir():
        with contextlib.suppress(FileNotFoundError):
            found += map(int, (task / 'children').read_text().split())
    return found


def measured(guests: int, processes: int, seconds: float,
             settles: float = _SETTLES_SECONDS) -> tuple[Taken, Taken, Taken, Taken]:
    """What the agent takes, its child, the idle process, and the one that renews a lease."""
    etcd = etcd_single.Etcd()
    try:
        with tempfile.TemporaryDirectory() as name:
            folder = pathlib.Path(name)
            host(folder, guests, processes)
            (folder / 'kaopu-ha.conf').write_text(_options(folder, etcd.endpoint))
            with (_running(str(folder)) as ours, _running() as idle,
                  _running(etcd.endpoint, str(_BEAT_SECONDS)) as renewing):
                time.sleep(settles)
                _told(ours, 'what is imported')
                assert ours.stdout
                modules = ours.stdout.readline()
                for beside in (idle, renewing):
                    _told(beside, modules)
                time.sleep(settles)
                pids = [ours.pid, *_children(ours.pid)[:1], idle.pid, renewing.pid]
                before = [spent.processor_seconds(pid) for pid in pids]
                time.sleep(seconds)
                if pids[1:2] != _children(ours.pid)[:1]:
                    raise SystemExit('its child was replaced meanwhile: the machine is too busy')
                own, child, still, least = (
                    Taken(_mebibytes(pid), (spent.processor_seconds(pid) - was) / seconds)
                    for pid, was in zip(pids, before, strict=True))
                return own, child, still, least
    finally:
        etcd.close()


def main(guests: int, processes: int, seconds: float,
         settles: float = _SETTLES_SECONDS) -> None:
    """Print both, beside the idle process."""
    own, child, idle, least = measured(guests, processes, seconds, settles)
    print(f'an agent with {guests} guests and {processes} processes: {own.mebibytes:.1f} MiB, with '
          f'the same imports alone {idle.mebibytes:.1f}, ratio '
          f'{own.mebibytes / idle.mebibytes:.3f}; {own.mebibytes / _TARGET_MIB:.2f} of the target '
          f'of {_TARGET_MIB:g} MiB')
    print(f'its share of a core in {seconds:g} s: {100 * own.share:.3f} %, that of the idle one '
          f'{100 * idle.share:.3f} %; {own.share / _TARGET_SHARE:.2f} of the target of '
          f'{100 * _TARGET_SHARE:g} %')
    print(f'one that only renews a lease every {_BEAT_SECONDS:g} s: {100 * least.share:.3f} %, '
          f'ratio {own.share / least.share if least.share else math.nan:.2f}; the looks at the '
          f'host and the rest {100 * (own.share - least.share):.3f} %')
    print(f'its child that asks libvirt: {child.mebibytes:.1f} MiB, {100 * child.share:.3f} %')


if __name__ == '__main__':
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 50,
         int(sys.argv[2]) if len(sys.argv) > 2 else 5000,
         float(sys.argv[3]) if len(sys.argv) > 3 else 60.0)
