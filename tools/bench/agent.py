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
/proc, among them a nova-compute; Ceph is played.  Beside it runs a process that has imported what
the agent has, and does nothing but wake once a second.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
import contextlib
from dataclasses import dataclass
import importlib
import multiprocessing
from multiprocessing import connection
import pathlib
import sys
import tempfile
import time
from unittest import mock

from oslo_config import cfg

from kaopu_ha import conf as options
from kaopu_ha import ports
from kaopu_ha.cmd import loops
from kaopu_ha.cmd import process as process
from kaopu_ha.core import model
from kaopu_ha.drivers.libvirt import local
from kaopu_ha.wiring import agent, drivers
from tests import etcd_single
from tools.bench import spent

_FSID = '6e5b1c1e-0000-4000-8000-000000000001'
_NETWORK, _ADDRESS = '127.0.0.0/8', '127.0.0.1'
# Its first looks read more than all later ones.
_SETTLES_SECONDS = 10.0
_TARGET_MIB, _TARGET_SHARE = 60.0, 0.002

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


class Ceph(ports.StorageReader):
    """One that answers at once, and sees each image opened from here."""

    def fsid(self, limit: float, cluster: str = '') -> str:
        """It is this one."""
        return _FSID

    def header_ids(self, pool: str, names: Sequence[str], limit: float,
                   cluster: str = '') -> Mapping[str, str]:
        """Every name has one."""
        return {name: name[:12] for name in names}

    def touch(self, image: model.Image, limit: float) -> None:
        """It answers."""

    def clients(self, images: Sequence[model.Image],
                limit: float) -> Mapping[model.Image, model.ImageAnswer]:
        """Each has one client, from here."""
        client = model.Client(f'{_ADDRESS}:0/1', 1, True)
        return {image: model.ImageAnswer(image, (client,)) for image in images}

    def close(self) -> None:
        """Nothing is held."""


# ---------------------------------------------------------------- the host


def host(folder: pathlib.Path, guests: int, processes: int) -> None:
    """Write a /proc of so many processes, and a libvirt of so many guests."""
    proc = folder / 'proc'
    for name, text in (('sys/kernel/random/boot_id', 'b1\n'), ('uptime', '9000.00 9000.00\n'),
                       ('net/fib_trie', f'|-- {_ADDRESS}\n   /32 host LOCAL\n')):
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
    (folder / 'ceph.conf').write_text(f'[global]\nfsid = {_FSID}\nmon_host = 10.0.0.1\n')


def _options(folder: pathlib.Path, endpoint: str) -> str:
    return (f'[DEFAULT]\nhost = bench\n[store]\nendpoints = {endpoint}\n'
            f'[ceph]\nconf = {folder}/ceph.conf\nclient_networks = {_NETWORK}\n'
            f'[agent]\nlibvirt_uri = test://{folder}/libvirt.xml\nstate_path = {folder}/state\n')


# ---------------------------------------------------------------- the processes


def _agent(folder: pathlib.Path, pipe: connection.Connection) -> None:
    conf = cfg.ConfigOpts()
    options.register(conf)
    conf(['--config-file', str(folder / 'kaopu-ha.conf')], project='kaopu-ha')
    with mock.patch.object(local, '_CHILD', 'tools.bench.agent_libvirt'):
        asked = local.LocalLibvirt(conf.agent.libvirt_uri, state_path=conf.agent.state_path,
                                   proc=str(folder / 'proc'))
    with mock.patch.object(drivers, 'local', lambda *given: asked), \
            mock.patch.object(agent, '_reader', lambda its: its.kept(Ceph())):
        program = agent.program(conf)
    runner = loops.Runner(program.loops)
    runner.start()
    with contextlib.suppress(EOFError):
        pipe.recv()
        pipe.send(sorted(sys.modules))
        pipe.recv()
    runner.stop(2.0)
    program.close()


def _idle(folder: pathlib.Path, pipe: connection.Connection) -> None:
    with contextlib.suppress(EOFError):
        for name in pipe.recv():
            with contextlib.suppress(Exception):
                importlib.import_module(name)
        while not pipe.poll(1.0):
            pass
        pipe.recv()


@contextlib.contextmanager
def _running(body: Callable[[pathlib.Path, connection.Connection], None],
             folder: pathlib.Path) -> Iterator[tuple[int, connection.Connection]]:
    context = multiprocessing.get_context('spawn')
    ours, theirs = context.Pipe()
    made = context.Process(target=body, args=(folder, theirs))
    made.start()
    theirs.close()
    try:
        yield made.pid or 0, ours
    finally:
        ours.close()
        made.join(10)
        made.kill()


# ---------------------------------------------------------------- what is measured


@dataclass(frozen=True)
class Taken:
    """Of one process: its resident memory in MiB, and its share of a core."""

    mebibytes: float
    share: float


def _mebibytes(pid: int) -> float:
    status = pathlib.Path(f'/proc/{pid}/status').read_text().splitlines()
    return next(int(line.split()[1]) for line in status if line.startswith('VmRSS')) / 1024


def _children(pid: int) -> list[int]:
    found: list[int] = []
    for task in pathlib.Path(f'/proc/{pid}/task').iterdir():
        with contextlib.suppress(FileNotFoundError):
            found += map(int, (task / 'children').read_text().split())
    return found


def measured(guests: int, processes: int, seconds: float,
             settles: float = _SETTLES_SECONDS) -> tuple[Taken, Taken, Taken]:
    """What the agent takes, what its child does, and what the idle process does."""
    etcd = etcd_single.Etcd()
    try:
        with tempfile.TemporaryDirectory() as name:
            folder = pathlib.Path(name)
            host(folder, guests, processes)
            (folder / 'kaopu-ha.conf').write_text(_options(folder, etcd.endpoint))
            with _running(_agent, folder) as (ours, pipe), _running(_idle, folder) as (idle, other):
                time.sleep(settles)
                pipe.send('what is imported')
                other.send(pipe.recv())
                time.sleep(settles)
                pids = [ours, *_children(ours)[:1], idle]
                before = [spent.processor_seconds(pid) for pid in pids]
                time.sleep(seconds)
                if pids[1:2] != _children(ours)[:1]:
                    raise SystemExit('its child was replaced meanwhile: the machine is too busy')
                own, child, beside = (
                    Taken(_mebibytes(pid), (spent.processor_seconds(pid) - was) / seconds)
                    for pid, was in zip(pids, before, strict=True))
                return own, child, beside
    finally:
        etcd.close()


def main(guests: int, processes: int, seconds: float,
         settles: float = _SETTLES_SECONDS) -> None:
    """Print both, beside the idle process."""
    own, child, idle = measured(guests, processes, seconds, settles)
    print(f'an agent with {guests} guests and {processes} processes: {own.mebibytes:.1f} MiB, with '
          f'the same imports alone {idle.mebibytes:.1f}, ratio '
          f'{own.mebibytes / idle.mebibytes:.3f}; {own.mebibytes / _TARGET_MIB:.2f} of the target '
          f'of {_TARGET_MIB:g} MiB')
    print(f'its share of a core in {seconds:g} s: {100 * own.share:.3f} %, that of the idle one '
          f'{100 * idle.share:.3f} %; {own.share / _TARGET_SHARE:.2f} of the target of '
          f'{100 * _TARGET_SHARE:g} %')
    print(f'its child that asks libvirt: {child.mebibytes:.1f} MiB, {100 * child.share:.3f} %')


if __name__ == '__main__':
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 50,
         int(sys.argv[2]) if len(sys.argv) > 2 else 5000,
         float(sys.argv[3]) if len(sys.argv) > 3 else 60.0)
