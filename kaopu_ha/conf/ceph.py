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

"""Access to the Ceph clusters that hold the disks."""

from __future__ import annotations

from dataclasses import dataclass
import ipaddress
import re

from oslo_config import cfg

from kaopu_ha.conf import files
from kaopu_ha.conf.errors import ConfigError
from kaopu_ha.core import ceph_file

GROUP = 'ceph'

OPTS = [
    cfg.ListOpt('conf', default=['/etc/ceph/ceph.conf'],
                help='A ceph.conf for each cluster.  Each must have fsid in [global]: inventories '
                     'and fences name a cluster by it.'),
    cfg.StrOpt('user', default='kaopu',
               help='Ceph user, without "client.".  It must list and notify the watchers of RBD '
                    'headers; that of the controllers must also add and remove blocklist '
                    'entries, unless [fence] names another.'),
    cfg.StrOpt('keyring', default='',
               help='Keyring of the user.  Empty: where ceph.conf says.  In the file Ceph\'s own '
                    '$cluster and $name are written $$cluster and $$name.'),
    cfg.ListOpt('pools', default=['vms'],
                help='Every pool with disks of instances: Nova\'s and Cinder\'s (vms, volumes).  A '
                     'namespace in a pool is POOL/NAMESPACE; the pool alone has all of its '
                     'namespaces.  Of several clusters: the pools of each, with blanks between '
                     'them, in the order of conf (vms volumes, vms ssd), or those of all.  '
                     'kaopu-ha secure ceph makes users that may read there; a host without '
                     'instances reads in the first to tell that it reaches the storage.'),
    cfg.ListOpt('client_networks', default=[],
                help='Networks in CIDR from which compute hosts reach Ceph.  Required: the '
                     'addresses of a host inside them are what is fenced; a host that Ceph sees '
                     'at an address outside is not, and nothing of it is moved until the network '
                     'is named here.'),
    cfg.ListOpt('tools', default=[],
                help='Addresses, and networks in CIDR, of whatever opens disks and is no compute '
                     'host: backup, mirror and export servers.  A live client anywhere else that '
                     'is no known host\'s holds back the verdict on a host whose disk it has '
                     'open, for it may be a guest.  For hours: kaopu-ha tool add.'),
]


# What a pool and a namespace may be called, of all that Ceph lets people call them.
_POOL = re.compile(r'[\w.:+-]+(/[\w.:+-]+)?')


@dataclass(frozen=True)
class ClusterConf:
    """A cluster of the configuration; ``fsid`` comes from its file."""

    fsid: str
    conf: str
    pools: tuple[str, ...]


def clusters(conf: cfg.ConfigOpts) -> tuple[ClusterConf, ...]:
    """The configured clusters, read from their files.  Raises ConfigError."""
    found = [_cluster(path, its) for path, its in zip(conf.ceph.conf, pools(conf), strict=True)]
    if len({cluster.fsid for cluster in found}) < len(found):
        raise ConfigError('two files in [ceph] conf have the same fsid: name each cluster once')
    return tuple(found)


def pools(conf: cfg.ConfigOpts) -> tuple[tuple[str, ...], ...]:
    """The pools of each cluster, in the order of their files.  Raises ConfigError."""
    paths, groups = conf.ceph.conf, [tuple(group.split()) for group in conf.ceph.pools]
    if not paths:
        raise ConfigError('[ceph] conf is empty: name the ceph.conf of each cluster')
    named = [pool for group in groups for pool in group]
    odd = [pool for pool in named if not _POOL.fullmatch(pool)]
    if odd or not named:
        raise ConfigError(f'[ceph] pools: {odd[0] if odd else "it is empty"}: name every pool with '
                          f'disks of instances, POOL or POOL/NAMESPACE')
    if len(paths) == 1:
        return (tuple(dict.fromkeys(named)),)
    if len(groups) not in (1, len(paths)):
        raise ConfigError(f'[ceph] pools names {len(groups)} pools for {len(paths)} clusters: name '
                          f'those of each file in [ceph] conf, with blanks between the pools of '
                          f'one, or those of all')
    return tuple(groups if len(groups) > 1 else groups * len(paths))


def access(conf: cfg.ConfigOpts, *, fence: bool = False) -> dict[str, dict[str, str]]:
    """How to reach each cluster, by fsid: as who asks, or as who fences.  Raises ConfigError."""
    group = conf.fence if fence and conf.fence.user else conf.ceph
    return {cluster.fsid: {'conf': cluster.conf, 'user': group.user, 'keyring': group.keyring}
            for cluster in clusters(conf)}


def client_networks(conf: cfg.ConfigOpts) -> tuple[str, ...]:
    """The networks in CIDR, checked.  Raises ConfigError if there is none or a bad one."""
    if not conf.ceph.client_networks:
        raise ConfigError('[ceph] client_networks is empty: name the networks from which compute '
                          'hosts reach Ceph, in CIDR (10.2.0.0/24); without them nothing could '
                          'be fenced')
    for network in conf.ceph.client_networks:
        try:
            ipaddress.ip_network(network)
        except ValueError as failure:
            raise ConfigError(f'[ceph] client_networks: {failure}; write a network in CIDR, like '
                              f'10.2.0.0/24') from failure
    return tuple(conf.ceph.client_networks)


def tools(conf: cfg.ConfigOpts) -> tuple[str, ...]:
    """The tools' addresses and networks, checked.  Raises ConfigError."""
    for tool in conf.ceph.tools:
        try:
            ipaddress.ip_network(tool)
        except ValueError as failure:
            raise ConfigError(f'[ceph] tools: {failure}; write an address, or a network in CIDR, '
                              f'like 10.2.9.0/24') from failure
    return tuple(conf.ceph.tools)


# ---------------------------------------------------------------- private


def _cluster(path: str, pools: tuple[str, ...]) -> ClusterConf:
    # Ceph does not care how the comments in it are encoded.
    text = files.content('[ceph] conf', path).decode('utf-8-sig', errors='replace')
    try:
        fsid = ceph_file.fsid(text)
    except ValueError as failure:
        raise ConfigError(f'[ceph] conf: {path} is no ceph.conf: {failure}') from failure
    if not fsid:
        raise ConfigError(f'[ceph] conf: {path} has no fsid: add "fsid = <what \'ceph fsid\' '
                          f'prints>" under [global]')
    return ClusterConf(fsid, path, pools)
