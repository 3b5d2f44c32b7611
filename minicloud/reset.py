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

"""Bring the cloud back to a fresh state, whatever was done to it, much faster than down and up.

The hosts are powered off first: then nothing of them can act, and Nova forgets their instances
by itself, without asking them.
"""

import concurrent.futures
import datetime
import json
import signal

from . import (
    bare,
    control,
    faults,
    hosts,
    instances,
    kaopu,
    machines,
    network,
    openstack,
    processes,
    secure,
    volumes,
)
from .layout import DATA, POOLS, Layout, address, nets_of
from .rest import Refused, Rest
from .shell import CloudError, run, say, step, wait_for


def reset(layout: Layout, rest: Rest) -> None:
    """No instances, no keys, no blocklist; every host on, every daemon running."""
    _stop_and_mend(layout)
    with step('forget the instances', machines.log_of(layout, 'ctl', 'nova-api')):
        services = _force_down(rest)
        _delete_instances(layout, rest)
        _close_migrations(layout)
        _drop_allocations(rest)
        volumes.forget_all(layout)
    _purge(layout)
    instances.drop_snapshots(rest)
    for service in services:
        rest.nova('PUT', f'/os-services/{service["id"]}', {'forced_down': False})
    for host in layout.hosts:
        hosts.wipe_instances(layout, host)
    since = datetime.datetime.now(datetime.UTC)
    hosts.power_on_all(layout, layout.hosts)
    kaopu.start_control(layout)
    openstack.computes_wait(layout, rest, layout.hosts, since=since)
    kaopu.api_wait(layout)
    _enable(rest)
    say('the cloud is fresh')


def reset_bare(layout: Layout) -> None:
    """The same without OpenStack: nobody has to be told."""
    _stop_and_mend(layout)
    _purge(layout)
    bare.forget_all(layout)
    for host in layout.hosts:
        hosts.wipe_instances(layout, host)
    hosts.power_on_all(layout, layout.hosts)
    kaopu.start_control(layout)
    say('the cloud is fresh')


def _stop_and_mend(layout: Layout) -> None:
    with step('stop Kaopu HA and the hosts'):
        for name in kaopu.CONTROL:
            faults.kill(layout, f'ctl:{name}')
        with concurrent.futures.ThreadPoolExecutor(4) as pool:
            list(pool.map(lambda host: machines.kill(layout, host), layout.hosts))
    with step('mend ctl and ceph', layout.log):
        _mend(layout)


def _purge(layout: Layout) -> None:
    with step('purge disks, blocklist and keys', machines.log_of(layout, 'ceph', 'mon')):
        _purge_disks(layout)
        _drop_keys(layout)


def _mend(layout: Layout) -> None:
    for node in ('ctl', 'ceph'):
        for net in nets_of(node):
            network.set_link(node, net, 'up')
        for name in machines.recorded_daemons(layout, node):
            pid = machines.daemon_pid(layout, node, name)
            if pid:
                processes.send(processes.tree(pid), signal.SIGCONT)
            elif name not in kaopu.CONTROL:
                faults.start(layout, f'{node}:{name}')
                say(f'{name} on {node} was dead and is started')
    control.etcd_up(layout)
    for service in () if layout.is_bare else openstack.SERVICES:
        openstack.wait(layout, service)


def _force_down(rest: Rest) -> list[dict]:
    """Tell Nova that the hosts are down; it deletes their instances by itself then."""
    services = rest.nova('GET', '/os-services?binary=nova-compute')['services']
    for service in services:
        rest.nova('PUT', f'/os-services/{service["id"]}', {'forced_down': True})
    return services


def _enable(rest: Rest) -> None:
    """Enable what was disabled; with the hosts up, for Nova calls each and waits."""
    for service in rest.nova('GET', '/os-services?binary=nova-compute')['services']:
        if service['status'] != 'enabled':
            rest.nova('PUT', f'/os-services/{service["id"]}', {'status': 'enabled'})


def _delete_instances(layout: Layout, rest: Rest) -> None:
    def delete(uuid: str) -> None:
        try:
            rest.nova('DELETE', f'/servers/{uuid}')
        except Refused as refusal:
            if refusal.status not in (404, 409):
                raise

    def gone() -> bool:
        left = [found.uuid for found in instances.everyone(rest)]
        with concurrent.futures.ThreadPoolExecutor(4) as pool:
            list(pool.map(delete, left))
        return not left

    try:
        wait_for('the end of every instance', gone, 20, 0.3)
    except CloudError:
        # A delete that was under way on a host which is gone blocks every other one.
        control.sql(layout, 'update instances set task_state=null where deleted=0', 'nova')
        wait_for('the end of every instance', gone, 40, 0.3)


def _close_migrations(layout: Layout) -> None:
    """Close the evacuations: of instances that are gone, no nova-compute would ever do it.

    While one is open Nova refuses to take the `forced down` away.
    """
    final = "'completed', 'failed', 'error', 'cancelled'"
    text = f"update migrations set status='completed' where status not in ({final})"
    control.sql(layout, text, 'nova')


def _drop_allocations(rest: Rest) -> None:
    for provider in rest.placement('GET', '/resource_providers')['resource_providers']:
        path = f'/resource_providers/{provider["uuid"]}/allocations'
        for consumer in rest.placement('GET', path)['allocations']:
            rest.placement('DELETE', f'/allocations/{consumer}')


def _purge_disks(layout: Layout) -> None:
    """Remove every disk. The dead hosts are still listed as watchers for half a minute.

    On the blocklist they are not: so they go there first, and with everything else off it again.
    """
    addresses = [f'{address(host, "stor")}:0/0' for host in layout.hosts]
    program = network.within('ctl', ['/usr/bin/python3', str(DATA / 'purge_pool.py')])
    run(program, text=json.dumps({'pools': POOLS, 'addresses': addresses}), timeout=120)


def _drop_keys(layout: Layout) -> None:
    machines.run_on(layout, 'ctl', *secure.etcdctl(layout), 'del', '--prefix', kaopu.KEYS)
