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

"""Ceph: one monitor, one manager, one OSD in the node ceph; pools and users."""

import json
import uuid

from . import machines, secure
from .layout import IMAGE_POOL, MON, NETS, POOL, POOLS, VOLUME_POOL, Layout, write
from .shell import run, step, wait_for

_DAEMONS = {
    'mon': ['ceph-mon', '-f', '-i', 'a'],
    'mgr': ['ceph-mgr', '-f', '-i', 'x'],
    'osd': ['ceph-osd', '-f', '-i', '0'],
}
# kaopu: may look at watchers, ask them (notify needs no more than read on the headers), and
# add, list and remove blocklist entries. `profile rbd` may add only, so the command by its name.
_USERS = {
    'nova': {
        'mon': 'profile rbd',
        'osd': f'profile rbd pool={POOL}, profile rbd-read-only pool={IMAGE_POOL}',
        'mgr': f'profile rbd pool={POOL}',
    },
    'glance': {
        'mon': 'profile rbd',
        'osd': f'profile rbd pool={IMAGE_POOL}',
        'mgr': f'profile rbd pool={IMAGE_POOL}',
    },
    'cinder': {
        'mon': 'profile rbd',
        'osd': f'profile rbd pool={VOLUME_POOL}, profile rbd-read-only pool={IMAGE_POOL}',
        'mgr': f'profile rbd pool={VOLUME_POOL}',
    },
    'kaopu': {
        'mon': 'allow r, allow command "osd blocklist"',
        'osd': ', '.join(f'allow r pool={pool} object_prefix {objects}'
                         for pool in POOLS for objects in ('rbd_header', 'rbd_id')),
    },
}


def ceph(layout: Layout, *argv: object, text: str | None = None) -> str:
    """Run the ceph command as the administrator."""
    return machines.run_on(layout, 'ctl', 'ceph', *argv, text=text, timeout=120)


def ceph_json(layout: Layout, *argv: object) -> object:
    """Run the ceph command and decode its answer.

    `osd blocklist ls` of 16.2.15 prints two documents: the first one is the answer.
    """
    answer = ceph(layout, *argv, '--format', 'json').lstrip()
    return json.JSONDecoder().raw_decode(answer)[0]


def up(layout: Layout) -> None:
    """Bring Ceph up, from nothing if need be, with its pools and users."""
    log = machines.log_of(layout, 'ceph', 'mon')
    machines.power_on(layout, 'ceph')
    with step('ceph', log):
        _create(layout)
        for name in _DAEMONS:
            start(layout, name)
        wait_for('the OSD', lambda: ceph_json(layout, 'osd', 'stat')['num_up_osds'] == 1)  # type: ignore
        wait_for('the manager', lambda: ceph_json(layout, 'mgr', 'stat')['available'])  # type: ignore
        _pools_and_users(layout)


def start(layout: Layout, name: str) -> bool:
    """Start one of mon, mgr, osd if it does not run."""
    return machines.launch(layout, 'ceph', name, _DAEMONS[name])


def blocklist(layout: Layout) -> list[str]:
    """The entries of the blocklist, ranges as Ceph names them."""
    listed = ceph_json(layout, 'osd', 'dump')
    assert isinstance(listed, dict)
    return sorted([*listed.get('blocklist', {}), *listed.get('range_blocklist', {})])


def _create(layout: Layout) -> None:
    """Make the stores of mon, mgr and OSD once in the life of the data."""
    done = layout.node('ceph') / 'created'
    if done.exists():
        return
    fsid = str(uuid.uuid4())
    write(layout.ceph_etc / 'ceph.conf', _conf(fsid))
    _create_monitor(layout, fsid)
    start(layout, 'mon')
    lib = '/var/lib/ceph'

    def on(*argv: object, text: str | None = None) -> str:
        return machines.run_on(layout, 'ceph', *argv, text=text)

    caps = ['mon', 'allow profile mgr', 'osd', 'allow *', 'mds', 'allow *']
    on('mkdir', '-p', f'{lib}/mgr/ceph-x', f'{lib}/osd/ceph-0')
    on('ceph', 'auth', 'get-or-create', 'mgr.x', *caps, '-o', f'{lib}/mgr/ceph-x/keyring')
    osd = str(uuid.uuid4())
    secret = on('ceph-authtool', '--gen-print-key').strip()
    on('ceph', 'osd', 'new', osd, '0', '-i', '-', text=json.dumps({'cephx_secret': secret}))
    keyring = layout.node('ceph') / 'fs/var/lib/ceph/osd/ceph-0/keyring'
    write(keyring, f'[osd.0]\n\tkey = {secret}\n', 0o600)
    on('ceph-osd', '-i', '0', '--mkfs', '--osd-uuid', osd, '--osd-objectstore', 'bluestore')
    done.touch()


def _create_monitor(layout: Layout, fsid: str) -> None:
    def on(*argv: object) -> str:
        return machines.run_on(layout, 'ceph', *argv)

    store = '/var/lib/ceph/mon/ceph-a'
    admin = '/etc/ceph/ceph.client.admin.keyring'
    everything = [w for kind in ('mon', 'osd', 'mds', 'mgr') for w in ('--cap', kind, 'allow *')]
    new = ['ceph-authtool', '--create-keyring']
    on('rm', '-rf', store)
    on('mkdir', '-p', store)
    on(*new, '/run/mon.keyring', '--gen-key', '-n', 'mon.', '--cap', 'mon', 'allow *')
    on(*new, admin, '--gen-key', '-n', 'client.admin', *everything)
    on('ceph-authtool', '/run/mon.keyring', '--import-keyring', admin)
    addresses = f'[v2:{MON}:3300/0,v1:{MON}:6789/0]'
    monmap = ['monmaptool', '--create', '--clobber', '--fsid', fsid, '--enable-all-features']
    on(*monmap, '--addv', 'a', addresses, '/run/monmap')
    mkfs = ['ceph-mon', '--mkfs', '-i', 'a', '--monmap', '/run/monmap']
    on(*mkfs, '--keyring', '/run/mon.keyring')


def _pools_and_users(layout: Layout) -> None:
    have = ceph_json(layout, 'osd', 'pool', 'ls')
    assert isinstance(have, list)
    for pool in (*POOLS, IMAGE_POOL):
        if pool not in have:
            ceph(layout, 'osd', 'pool', 'create', pool, 16)
            machines.run_on(layout, 'ctl', 'rbd', 'pool', 'init', pool)
    for user, caps in _USERS.items():
        if user == 'kaopu' and secure.is_on(layout):
            continue    # It has three others.
        words = [word for pair in caps.items() for word in pair]
        keyring = layout.ceph_etc / f'ceph.client.{user}.keyring'
        given = write(layout.ceph_etc / f'client.{user}.caps', ' '.join(words))
        if not keyring.exists():
            text = ceph(layout, 'auth', 'get-or-create', f'client.{user}', *words)
            write(keyring, text, 0o640)
        elif given:
            ceph(layout, 'auth', 'caps', f'client.{user}', *words)


def secret_of(layout: Layout, user: str) -> str:
    """The cephx key of a user."""
    return run(['ceph-authtool', '-n', f'client.{user}', '-p', _keyring(layout, user)]).strip()


def _keyring(layout: Layout, user: str) -> str:
    return str(layout.ceph_etc / f'ceph.client.{user}.keyring')


def _conf(fsid: str) -> str:
    return f"""\
[global]
fsid = {fsid}
mon_host = [v2:{MON}:3300/0,v1:{MON}:6789/0]
mon_initial_members = a
public_network = {NETS['stor']}.0/24
cluster_network = {NETS['stor']}.0/24
auth_cluster_required = cephx
auth_service_required = cephx
auth_client_required = cephx
osd_pool_default_size = 1
osd_pool_default_min_size = 1
osd_pool_default_pg_num = 16
osd_pool_default_pg_autoscale_mode = off
mon_allow_pool_size_one = true
mon_allow_pool_delete = true
mon_warn_on_pool_no_redundancy = false
mon_warn_on_insecure_global_id_reclaim_allowed = false
auth_allow_insecure_global_id_reclaim = false
osd_crush_chooseleaf_type = 0
osd_objectstore = bluestore
bluestore_block_size = 4294967296
bluestore_cache_autotune = false
bluestore_cache_size = 33554432
bluestore_fsck_on_mount = false
osd_memory_target = 939524096
osd_op_num_shards = 2
osd_op_num_threads_per_shard = 1
rocksdb_cache_size = 16777216
mon_osd_down_out_interval = 0
# Nor is the only OSD ever marked down by its monitor: it would not come up again by itself.
mon_osd_report_timeout = 86400
ms_bind_ipv6 = false
log_to_file = true
debug_ms = 0

[client]
admin_socket =
log_file = /dev/null
"""
