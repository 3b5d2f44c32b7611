# Licensed under the Apache License, Version 2.0 (the "License"); you may
# not use this file except in compliance with the License. You may obtain
# a copy of the License at
#
#      http://www.apache.org/licenses/LICENSE-2.0
#
# Unless required by applicable law or agreed to in writing, software
# distributed under the License is distributed on an "AS IS" BASIS, WITHOUT
# WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the
# License for the specific language governing permissions and limitations
# under the License.

"""The cables: two switches in a namespace of their own, a namespace for every node.

A link has three states. `up`; `down`: the cable is pulled, the carrier is lost; `hole`: the
carrier stays and frames vanish, as with a host whose kernel stands still.
"""

import json
import os
from pathlib import Path
import socket
import threading

from . import namespaces
from .layout import NETS, SWITCH, Layout, address, etcd_addresses, nets_of, write
from .shell import CloudError, run, say


def namespace(node: str) -> str:
    """The name of the node's network namespace."""
    return f'mc-{node}'


def exists(node: str) -> bool:
    """Tell whether the node's network namespace is there."""
    return namespaces.exists(namespace(node))


def nodes() -> list[str]:
    """Name every node that has a network, also one that an earlier cloud left."""
    names = os.listdir(namespaces.NAMED) if namespaces.NAMED.is_dir() else []
    return sorted(name.removeprefix('mc-') for name in names if name.startswith('mc-'))


def within(node: str, argv: list[str]) -> list[str]:
    """The command that runs argv in the node's network (and with its files in /etc)."""
    return ['ip', 'netns', 'exec', namespace(node), *argv]


def build(layout: Layout) -> None:
    """Make every namespace, switch and cable that is missing."""
    _claim(layout)
    namespaces.add(namespace(SWITCH))
    switch_links = _links(SWITCH)
    for net in NETS:
        if f'br-{net}' not in switch_links:
            namespaces.bridge(namespace(SWITCH), f'br-{net}')
    for node in layout.node_names:
        namespaces.add(namespace(node))
        have = _links(node)
        for net in nets_of(node):
            if net not in have:
                _plug(node, net)
    for extra in etcd_addresses():
        _ip('ctl', 'addr', 'replace', f'{extra}/24', 'dev', 'mgmt')
    _private_etc(layout)


def remove() -> None:
    """Remove every namespace of ours, whichever cloud of ours made it."""
    for node in nodes():
        namespaces.remove(namespace(node))
    etc = Path('/etc/netns', namespace('ctl'))
    for entry in etc.iterdir() if etc.is_dir() else []:
        entry.unlink()
    if etc.is_dir():
        etc.rmdir()
    Path('/run/kaopu-minicloud').unlink(missing_ok=True)


def set_link(node: str, net: str, state: str) -> None:
    """Bring the node's link into one of the states up, down, hole."""
    port = f'{node}-{net}'
    if state == 'up':
        _ip(SWITCH, 'link', 'set', port, 'master', f'br-{net}', 'up')
    elif state == 'down':
        _ip(SWITCH, 'link', 'set', port, 'down')
    elif state == 'hole':
        _ip(SWITCH, 'link', 'set', port, 'nomaster')
    else:
        raise CloudError(f'a link is up, down or hole, not {state}')


def link_states(node: str) -> dict[str, str]:
    """Tell the state of each link of the node."""
    links = _links(SWITCH)
    states = {}
    for net in nets_of(node):
        seen = links.get(f'{node}-{net}')
        if not seen:
            states[net] = 'missing'
        elif 'UP' not in seen['flags']:
            states[net] = 'down'
        else:
            states[net] = 'up' if 'master' in seen else 'hole'
    return states


def addresses(node: str, net: str = 'stor') -> list[str]:
    """Tell the IPv4 addresses of the node's link, in the order in which they were added."""
    told = json.loads(_ip(node, '-j', '-4', 'addr', 'show', 'dev', net) or '[]')
    return [info['local'] for link in told for info in link.get('addr_info', ())]


def other_address(node: str, net: str = 'stor') -> str:
    """Tell the address that a node gets in place of its own, or beside it: nobody's own."""
    front, _, last = address(node, net).rpartition('.')
    return f'{front}.{int(last) + 100}'


def set_addresses(node: str, net: str, wanted: list[str]) -> None:
    """Give the node's link these addresses and no other, the new ones before the old ones go.

    The first one of a subnet takes the others with it when it goes, unless the kernel promotes
    them as it does on a host with systemd.
    """
    promote = f'net.ipv4.conf.{net}.promote_secondaries=1'
    run(within(node, ['sysctl', '-q', '-w', promote]))
    have = addresses(node, net)
    for new in wanted:
        if new not in have:
            _ip(node, 'addr', 'add', f'{new}/24', 'dev', net)
    for old in have:
        if old not in wanted:
            _ip(node, 'addr', 'del', f'{old}/24', 'dev', net)


def inhabitants(node: str) -> list[int]:
    """The processes in the node's network namespace."""
    return namespaces.inhabitants(namespace(node))


def connect(node: str, host: str, port: int, timeout: float = 2) -> socket.socket:
    """Open a TCP connection as if from within the node.

    A socket belongs for ever to the namespace of the thread that made it, so a short-lived
    thread enters the namespace; the rest of this process stays where it is.
    """
    made: list[socket.socket | OSError] = []

    def make() -> None:
        try:
            with namespaces.inside(namespace(node)):
                made.append(socket.socket())
        except OSError as trouble:
            made.append(trouble)

    thread = threading.Thread(target=make)
    thread.start()
    thread.join()
    result = made[0]
    if isinstance(result, OSError):
        raise result
    try:
        result.settimeout(timeout)
        result.connect((host, port))
    except OSError:
        result.close()
        raise
    return result


def is_open(host: str, port: int, node: str = 'ctl') -> bool:
    """Tell whether a port accepts connections, as seen from the node."""
    try:
        connect(node, host, port).close()
    except OSError:
        return False
    return True


def _claim(layout: Layout) -> None:
    """Refuse to mix two clouds: the names and addresses are the same for all."""
    owner = Path('/run/kaopu-minicloud')
    known = owner.read_text().strip() if owner.exists() else ''
    if known and known != str(layout.root) and exists('ctl'):
        raise CloudError(f'another mini cloud is up, in {known}: take it down first')
    owner.write_text(f'{layout.root}\n')


def _ip(node: str, *words: str) -> str:
    return namespaces.ip(namespace(node), *words)


def _links(node: str) -> dict[str, dict]:
    return {link['ifname']: link for link in json.loads(_ip(node, '-j', 'link') or '[]')}


def _plug(node: str, net: str) -> None:
    port = f'{node}-{net}'
    if port in _links(SWITCH):
        _ip(SWITCH, 'link', 'del', port)
        say(f'a left-over cable {port} was replaced')
    namespaces.plug(namespace(SWITCH), f'br-{net}', port, namespace(node), net,
                    address(node, net))


def hosts_file(layout: Layout) -> str:
    """The /etc/hosts of every node."""
    lines = ['127.0.0.1 localhost']
    for node in layout.node_names:
        if 'mgmt' in nets_of(node):
            lines.append(f'{address(node)} {node}')
        lines.append(f'{address(node, "stor")} {node}-stor')
    return '\n'.join(lines) + '\n'


def _private_etc(layout: Layout) -> None:
    """Give ctl its own folders and hosts in /etc: `ip netns exec` binds what is here."""
    etc = Path('/etc/netns', namespace('ctl'))
    etc.mkdir(parents=True, exist_ok=True)
    for name, target in (('ceph', layout.ceph_etc), ('kaopu-ha', layout.etc / 'kaopu-ha')):
        target.mkdir(parents=True, exist_ok=True)
        Path('/etc', name).mkdir(exist_ok=True)
        link = etc / name
        if not link.is_symlink() or os.readlink(link) != str(target):
            link.unlink(missing_ok=True)
            link.symlink_to(target)
    write(etc / 'hosts', hosts_file(layout), 0o644)
