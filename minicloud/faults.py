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

"""Freezing, thawing, killing and starting one part of the cloud.

A part is named KIND:WHICH: host:c1, agent:c1, libvirtd:c1, compute:c1 (nova-compute),
controller:1, worker:1, etcd:1, ceph:mon, ceph:mgr, ceph:osd, ctl:NAME (any daemon of ctl).
"""

from dataclasses import dataclass
import os
import signal

from . import ceph, control, horizon, hosts, kaopu, machines, network, openstack, processes
from .layout import Layout, address
from .shell import CloudError, wait_for

_ON_HOSTS = {'agent': kaopu.AGENT, 'libvirtd': 'libvirtd', 'compute': 'nova-compute'}
_ON_CTL = ('controller', 'worker', 'etcd')
RENUMBERINGS = ('away', 'beside', 'none', 'back')


@dataclass(frozen=True)
class Part:
    """A machine as a whole (no daemon), or a daemon of a node."""

    node: str
    daemon: str = ''


def resolve(layout: Layout, what: str) -> Part:
    """Find the part that is meant by KIND:WHICH."""
    kind, _, which = what.partition(':')
    if kind in ('host', *_ON_HOSTS) and which in layout.hosts:
        return Part(which, _ON_HOSTS.get(kind, ''))
    if kind in _ON_CTL and which.isdigit():
        return Part('ctl', f'{kind}{which}')
    if kind in ('ceph', 'ctl') and which:
        return Part(kind, which)
    raise CloudError(f'no such part: {what}; for example host:c1, agent:c1, etcd:1, ctl:rabbit')


def freeze(layout: Layout, what: str) -> None:
    """Stop the part in mid-instruction; a host's links go black with it.

    The links of a host keep their carrier: its kernel, which is ours, would answer for it.
    """
    part = resolve(layout, what)
    if part.daemon:
        processes.send(processes.tree(_pid(layout, part)), signal.SIGSTOP)
        return
    for net, state in network.link_states(part.node).items():
        if state == 'up':
            network.set_link(part.node, net, 'hole')
    init = _pid(layout, part)
    wait_for(f'{what} to stand still', lambda: _stop_all(init), 20, 0.02)


def thaw(layout: Layout, what: str) -> None:
    """Let the part go on where it was, as if nothing had been."""
    part = resolve(layout, what)
    if part.daemon:
        processes.send(processes.tree(_pid(layout, part)), signal.SIGCONT)
        return
    processes.send(machines.members(_pid(layout, part)), signal.SIGCONT)
    for net, state in network.link_states(part.node).items():
        if state == 'hole':
            network.set_link(part.node, net, 'up')


def renumber(host: str, how: str, net: str = 'stor') -> list[str]:
    """Change the addresses of a host's link under whatever runs there; what they are then.

    `away`: another one in place of its own. `beside`: another one besides its own. `none`: no
    address at all. `back`: its own and no other.
    """
    own, other = address(host, net), network.other_address(host, net)
    wanted = {'away': [other], 'beside': [own, other], 'none': [], 'back': [own]}
    network.set_addresses(host, net, wanted[how])
    return network.addresses(host, net)


def kill(layout: Layout, what: str) -> None:
    """SIGKILL the part; no trouble if it does not run. The links stay as they are."""
    part = resolve(layout, what)
    if not part.daemon:
        machines.kill(layout, part.node)
        return
    pid = machines.daemon_pid(layout, part.node, part.daemon)
    if pid:
        processes.kill_tree(pid)


def start(layout: Layout, what: str, env: dict[str, str] | None = None) -> bool:
    """Start the part if it does not run; True if it was started. A host comes with everything.

    The variables of env are added to the environment of a process of Kaopu HA.
    """
    part = resolve(layout, what)
    if not part.daemon:
        was_off = machines.pid(layout, part.node) is None
        hosts.power_on(layout, part.node)
        return was_off
    if part.daemon in (kaopu.AGENT, kaopu.API, *kaopu.CONTROL):
        return kaopu.start(layout, part.node, part.daemon, env)
    if part.node in layout.hosts:
        return hosts.start(layout, part.node, part.daemon)
    if part.node == 'ceph':
        return ceph.start(layout, part.daemon)
    return start_control(layout, part.daemon)


def start_control(layout: Layout, daemon: str) -> bool:
    """Start a daemon of ctl that is not Kaopu HA's."""
    if daemon.startswith('etcd'):
        return control.etcd_start(layout, int(daemon[4:]))
    if daemon in ('rabbit', 'epmd'):
        return control.rabbit_start(layout)
    if daemon == 'redis':
        return control.redis_start(layout)
    if daemon == 'mysql':
        return control.mysql_start(layout)
    if daemon == horizon.NAME:
        return horizon.start(layout)
    return openstack.start(layout, daemon)


def state(pid: int | None) -> str:
    """How a process is: running, frozen or dead."""
    seen = processes.stat(pid) if pid else None
    if not seen:
        return 'dead'
    return 'frozen' if seen.state in 'Tt' else 'running'


def _pid(layout: Layout, part: Part) -> int:
    if part.daemon:
        pid = machines.daemon_pid(layout, part.node, part.daemon)
    else:
        pid = machines.pid(layout, part.node)
    if not pid:
        raise CloudError(f'{part.daemon or part.node} on {part.node} does not run')
    return pid


def _stop_all(init: int) -> bool:
    """Stop what is not stopped yet: it may have started something meanwhile."""
    members = [pid for pid in machines.members(init) if pid != os.getpid()]
    moving = [pid for pid in members if state(pid) == 'running']
    processes.send(moving, signal.SIGSTOP)
    return not moving
