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

"""Machines: nodes with a PID 1 of their own (ceph, c1, c2, ...), and daemons on any node.

A machine is a network, mount, UTS, IPC and PID namespace: SIGKILL of its PID 1 is a power
failure. The node ctl is only a network (and its own /etc/ceph): its daemons are plain processes.
"""

import os
from pathlib import Path
import signal

from . import network, processes
from .layout import DATA, Layout, host_uuid, nets_of, write
from .shell import CloudError, run, say, wait_for

_BINDS = {
    'ceph': ['var/lib/ceph', 'var/log/ceph'],
    'host': [
        'etc/libvirt',
        'etc/nova',
        'etc/kaopu-ha',
        'etc/pki',
        'var/lib/libvirt',
        'var/log/libvirt',
        'var/cache/libvirt',
        'var/lib/nova',
        'var/lib/kaopu-ha',
    ],
}


def pid(layout: Layout, node: str) -> int | None:
    """The pid of the machine's PID 1, as the outside sees it; None if it is off."""
    return processes.alive(layout.run / f'{node}.pid')


def power_on(layout: Layout, node: str) -> bool:
    """Start the machine with a new boot id, without any daemon; False if it was on."""
    if pid(layout, node):
        return False
    end_strangers(node)
    folder = layout.node(node)
    _write_files(layout, node)
    pidfile = layout.run / f'{node}.pid'
    pidfile.unlink(missing_ok=True)
    log = folder / 'log/init.log'
    unshare = ['unshare', '--mount', '--uts', '--ipc', '--pid', '--fork']
    init = [*unshare, str(DATA / 'node-init'), node, str(folder), str(pidfile)]
    run(
        [DATA / 'launch', layout.run / f'{node}.unshare.pid', log, *network.within(node, init)],
    )
    wait_for(f'machine {node} (read {log})', lambda: pid(layout, node), 30, 0.02)
    return True


def power_off(layout: Layout, node: str) -> None:
    """Pull the plug: the links go first, so that no farewell leaves the machine."""
    for net in nets_of(node):
        network.set_link(node, net, 'down')
    kill(layout, node)


def kill(layout: Layout, node: str) -> None:
    """SIGKILL everything on the machine at once; the links stay as they are."""
    init = pid(layout, node)
    if init:
        inside = members(init)
        os.kill(init, signal.SIGKILL)
        wait_for(f'the end of {node}', lambda: not any(map(processes.stat, inside)), 30, 0.01)
    (layout.run / f'{node}.pid').unlink(missing_ok=True)


def end_strangers(node: str) -> None:
    """Kill what a broken run left in the node's network, if nothing there is recorded any more.

    Without that a machine whose record was lost would get a twin at its own address.
    """
    spared = processes.ancestors()
    left = [found for found in network.inhabitants(node) if found not in spared]
    if left:
        say(f'{len(left)} left-over processes in {node} are killed')
        _kill(left)


def end_lost(layout: Layout) -> None:
    """Kill what an earlier cloud in these folders left in a network that lost its name.

    It is known by its command line, and that it is in another network than we are: nobody
    reaches it there, but it holds the locks on the data.
    """
    ours = os.readlink('/proc/self/ns/net')
    folders = [f'{folder}/' for folder in (layout.control, layout.nodes, layout.run)]
    left = [seen.pid for seen in processes.all_stats()
            if (known := _network_and_words(seen.pid)) and known[0] != ours
            and any(folder in known[1] for folder in folders)]
    if left:
        say(f'{len(left)} lost processes of an earlier cloud are killed')
        _kill(left)


def _network_and_words(pid: int) -> tuple[str, str] | None:
    try:
        words = Path(f'/proc/{pid}/cmdline').read_bytes().decode(errors='replace')
        return os.readlink(f'/proc/{pid}/ns/net'), words
    except OSError:
        return None


def _kill(pids: list[int]) -> None:
    processes.send(pids, signal.SIGKILL)
    wait_for('their end', lambda: not any(map(processes.stat, pids)), 20, 0.02)


def members(init: int) -> list[int]:
    """Every process of the machine with this PID 1, PID 1 first."""
    mine = os.readlink(f'/proc/{init}/ns/pid')
    found = [init]
    for seen in processes.all_stats():
        try:
            if seen.pid != init and os.readlink(f'/proc/{seen.pid}/ns/pid') == mine:
                found.append(seen.pid)
        except OSError:
            continue
    return found


def enter(layout: Layout, node: str, argv: list[str]) -> list[str]:
    """The command that runs argv on a node, whatever kind it is."""
    if node == 'ctl':
        return network.within(node, argv)
    init = pid(layout, node)
    if not init:
        raise CloudError(f'{node} is powered off')
    return ['nsenter', '-t', str(init), '-m', '-u', '-i', '-n', '-p', '--', *argv]


def run_on(layout: Layout, node: str, *argv: object, **options: object) -> str:
    """Run a program on a node to its end; as shell.run."""
    return run(enter(layout, node, [str(word) for word in argv]), **options)  # type: ignore


def launch(
    layout: Layout, node: str, name: str, argv: list[str], env: dict[str, str] | None = None
) -> bool:
    """Start a daemon on a node if it does not run; True if it was started."""
    if daemon_pid(layout, node, name):
        return False
    command = [
        str(DATA / 'launch'),
        _inner_pidfile(layout, node, name),
        str(log_of(layout, node, name)),
    ]
    run(enter(layout, node, [*command, *argv]), env={**os.environ, **(env or {})})
    return True


def daemon_pid(layout: Layout, node: str, name: str) -> int | None:
    """The pid of a daemon of a node, as the outside sees it; None if it does not run."""
    if node == 'ctl':
        return processes.alive(Path(_inner_pidfile(layout, node, name)))
    init = pid(layout, node)
    if not init:
        return None
    known = processes.recorded(Path(f'/proc/{init}/root/run/mc/{name}.pid'))
    return _outer_pid(init, *known) if known else None


def log_of(layout: Layout, node: str, name: str) -> Path:
    """The file that a daemon's output goes to."""
    return (layout.log if node == 'ctl' else layout.node(node) / 'log') / f'{name}.log'


def recorded_daemons(layout: Layout, node: str) -> list[str]:
    """The names of the daemons that were started on the node, running or not."""
    folder = layout.run / 'ctl'
    if node != 'ctl':
        folder = Path(f'/proc/{pid(layout, node)}/root/run/mc')
    return sorted(path.stem for path in folder.glob('*.pid')) if folder.is_dir() else []


def _inner_pidfile(layout: Layout, node: str, name: str) -> str:
    return str(layout.run / 'ctl' / f'{name}.pid') if node == 'ctl' else f'/run/mc/{name}.pid'


def _outer_pid(init: int, inner: int, start: int) -> int | None:
    for candidate in members(init):
        seen = processes.stat(candidate)
        if not seen or seen.start != start:
            continue
        try:
            status = Path(f'/proc/{candidate}/status').read_text()
        except OSError:
            continue
        line = next(line for line in status.splitlines() if line.startswith('NSpid:'))
        if int(line.split()[-1]) == inner:
            return candidate
    return None


def _write_files(layout: Layout, node: str) -> None:
    folder = layout.node(node)
    for name in ('fs/etc', 'log'):
        (folder / name).mkdir(parents=True, exist_ok=True)
    ceph = folder / 'fs/etc/ceph'
    if not ceph.is_symlink() and not ceph.exists():
        ceph.symlink_to(layout.ceph_etc)
    binds = ['etc/ceph', *_BINDS.get(node, _BINDS['host'])]
    write(folder / 'binds', ''.join(f'{bind}\n' for bind in binds))
    write(folder / 'etc/hosts', network.hosts_file(layout), 0o644)
    write(folder / 'etc/hostname', f'{node}\n', 0o644)
    write(folder / 'etc/machine-id', host_uuid(node).replace('-', '') + '\n', 0o644)
