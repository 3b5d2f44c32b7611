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

"""What the cloud is like right now, as data and as a table."""

import os
from pathlib import Path
from typing import Any

from . import ceph, faults, kaopu, machines, network, processes
from .layout import Layout
from .shell import CloudError


def status(layout: Layout) -> dict[str, Any]:
    """Tell every node's state, links, daemons and memory; nothing is asked that could hang."""
    nodes = {node: _node(layout, node) for node in layout.node_names if network.exists(node)}
    up = bool(nodes) and nodes.get('ceph', {}).get('state') == 'running'
    return {
        'dir': str(layout.root),
        'pace': kaopu.pace(layout),
        'openstack': not layout.is_bare,
        'hosts': layout.hosts,
        'nodes': nodes,
        'blocklist': _blocklist(layout) if up else [],
        'memory_mib': sum(node['memory_mib'] for node in nodes.values()),
    }


def table(found: dict[str, Any]) -> str:
    """The status as text."""
    if not found['nodes']:
        return f'the mini cloud in {found["dir"]} is down'
    kind = '' if found['openstack'] else ', without OpenStack'
    lines = [f'mini cloud in {found["dir"]}, pace {found["pace"]}{kind}']
    for name, node in found['nodes'].items():
        links = ' '.join(f'{net}:{state}' for net, state in node['links'].items())
        boot = f'  boot {node["boot_id"][:8]}' if node['boot_id'] else ''
        lines.append(f'{name:5} {node["state"]:8} {node["memory_mib"]:5} MiB  {links}{boot}')
        daemons = [f'{d}' + ('' if s == 'running' else f' ({s})') for d, s in _sorted(node)]
        lines.append(f'      {", ".join(daemons)}' if daemons else '      -')
    lines.append(f'blocklist: {" ".join(found["blocklist"]) or "empty"}')
    lines.append(f'memory: {found["memory_mib"]} MiB')
    return '\n'.join(lines)


def _sorted(node: dict[str, Any]) -> list[tuple[str, str]]:
    return sorted(node['daemons'].items())


def _node(layout: Layout, node: str) -> dict[str, Any]:
    init = None if node == 'ctl' else machines.pid(layout, node)
    state = 'running' if node == 'ctl' else faults.state(init)
    daemons = {}
    if state != 'dead':
        for name in machines.recorded_daemons(layout, node):
            daemons[name] = faults.state(machines.daemon_pid(layout, node, name))
    pids = network.inhabitants(node) if node == 'ctl' else machines.members(init) if init else []
    return {
        'state': 'off' if state == 'dead' else state,
        'links': network.link_states(node),
        'boot_id': _boot_id(init) if init else '',
        'daemons': daemons,
        'memory_mib': processes.memory_kib(pid for pid in pids if pid != os.getpid()) // 1024,
    }


def _boot_id(init: int) -> str:
    try:
        return Path(f'/proc/{init}/root/run/mc/boot_id').read_text().strip()
    except OSError:
        return ''


def _blocklist(layout: Layout) -> list[str]:
    try:
        return ceph.blocklist(layout)
    except CloudError:
        return ['(Ceph does not answer)']
