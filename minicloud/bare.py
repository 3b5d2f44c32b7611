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

"""The cloud without OpenStack: etcd, Ceph, and hosts with libvirt and Kaopu HA.

Instances are domains that this module defines on their first host; a file says which were made.
Where they are now is what Kaopu HA has decided or was told, and how they are is what libvirt there
says.
"""

import concurrent.futures
import json
from pathlib import Path
import time
import uuid

from . import disks, faults, guest, hosts, judge, kaopu, machines
from .layout import MON, POOL, SECRET_UUID, Layout, write
from .shell import CloudError, say, step, wait_for

_STATES = {
    'running': ('ACTIVE', 'running'),
    'paused': ('PAUSED', 'paused'),
    'shut off': ('SHUTOFF', 'shutdown'),
}
_OF_ROLE = {'off': _STATES['shut off'], 'paused': _STATES['paused']}

_DOMAIN = """\
<domain type='qemu'>
  <name>{name}</name>
  <uuid>{uuid}</uuid>
  <memory unit='MiB'>128</memory>
  <vcpu>1</vcpu>
  <os><type arch='x86_64' machine='pc'>hvm</type><boot dev='hd'/></os>
  <features><acpi/><apic/><tcg><tb-cache unit='MiB'>32</tb-cache></tcg></features>
  <on_crash>destroy</on_crash>
  <devices>
    <disk type='network' device='disk'>
      <driver name='qemu' type='raw' cache='writeback' discard='unmap'/>
      <auth username='nova'><secret type='ceph' uuid='{secret}'/></auth>
      <source protocol='rbd' name='{pool}/{image}'><host name='{mon}' port='6789'/></source>
      <target dev='vda' bus='virtio'/>
    </disk>
    <serial type='file'><source path='/var/lib/libvirt/{uuid}.log'/></serial>
    <video><model type='none'/></video>
    <memballoon model='none'/>
  </devices>
</domain>
"""


def everyone(layout: Layout) -> list[judge.Expected]:
    """Every instance that was made, ordered by number."""
    made = _made(layout)
    where = _where(layout, made)
    states = {host: _states(layout, host) for host in set(where.values())}
    return [_expected(one, made[one], where[one], states[where[one]]) for one in made]


def _where(layout: Layout, made: dict[str, dict[str, str]]) -> dict[str, str]:
    """The host of each instance: as it was decided, else where it is told of, else where it began.

    A decision is forgotten when no other host tells of the instance any more.  What a host tells
    need not be what an agent would write: trials have one stolen.
    """
    if not made:
        return {}
    where = {one: made[one]['host'] for one in made}
    for key, domain in kaopu.records(layout, 'domain/').items():
        host, _, one = key.partition('/')
        if one in made and not domain.get('gone'):
            where[one] = host
    decided = kaopu.records(layout, 'server/')
    return where | {one: owner['host'] for one, owner in decided.items() if one in made}


def boot(layout: Layout, plan: list[tuple[str, str]]) -> list[judge.Expected]:
    """Start one instance per (role, host), wait until each writes, then give it its role."""
    start = time.monotonic()
    made = _made(layout)
    fresh = {}
    for role, host in plan:
        name = f'inst-{len(made) + len(fresh) + 1}'
        fresh[str(uuid.uuid4())] = {'name': name, 'role': role, 'host': host}
    write(_file(layout), json.dumps(made | fresh, indent=1))
    with step(f'{len(fresh)} instances write'):
        with concurrent.futures.ThreadPoolExecutor(4) as pool:
            list(pool.map(lambda one: _start(layout, one, fresh[one]), fresh))
        wait_for('the first write of every guest', lambda: _all_write(layout, fresh), 180, 0.5)
    with step('roles'), concurrent.futures.ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda one: _take_role(layout, one, fresh[one]), fresh))
    say(f'{len(fresh)} instances booted in {time.monotonic() - start:.1f} s')
    return [found for found in everyone(layout) if found.uuid in fresh]


def forget_all(layout: Layout) -> None:
    """Forget which instances were made."""
    _file(layout).unlink(missing_ok=True)


def console(layout: Layout, host: str, instance: str) -> str:
    """What the instance has printed on this host."""
    path = layout.node(host) / f'fs/var/lib/libvirt/{instance}.log'
    return path.read_text(errors='replace') if path.exists() else ''


def _file(layout: Layout) -> Path:
    return layout.control / 'instances.json'


def _made(layout: Layout) -> dict[str, dict[str, str]]:
    return json.loads(_file(layout).read_text()) if _file(layout).exists() else {}


def _states(layout: Layout, host: str) -> dict[str, str] | None:
    """The state of every domain of a host, by UUID; None if its libvirt could not say."""
    if faults.state(machines.pid(layout, host)) != 'running':
        return None
    if faults.state(machines.daemon_pid(layout, host, 'libvirtd')) != 'running':
        return None
    try:
        found = hosts.virsh(layout, host, 'list', '--all', '--uuid').split()
        return {one: hosts.virsh(layout, host, 'domstate', one).strip() for one in found}
    except CloudError:
        return None


def _expected(
    instance: str, made: dict[str, str], host: str, states: dict[str, str] | None
) -> judge.Expected:
    if states is None:
        status, power = _OF_ROLE.get(made['role'], _STATES['running'])
    else:
        status, power = _STATES.get(states.get(instance, ''), ('ERROR', 'no state'))
    return judge.Expected(instance, made['name'], host, status, power, made['role'],
                          (disks.root(instance),))


def _all_write(layout: Layout, made: dict[str, dict[str, str]]) -> bool:
    found = disks.read(layout, list(made))
    return all(isinstance(disk, judge.Disk) and disk.head for disk in found.values())


def _start(layout: Layout, instance: str, made: dict[str, str]) -> None:
    """Give it a disk, define it and start it."""
    image = disks.image(instance)
    source = guest.disk(layout)
    argv = ['rbd', 'import', '--no-progress', source, f'{POOL}/{image}']
    machines.run_on(layout, 'ctl', *argv, timeout=120)
    xml = layout.node(made['host']) / f'{instance}.xml'
    text = _DOMAIN.format(
        name=made['name'], uuid=instance, secret=SECRET_UUID, pool=POOL, image=image, mon=MON
    )
    write(xml, text)
    hosts.virsh(layout, made['host'], 'define', xml)
    xml.unlink()
    hosts.virsh(layout, made['host'], 'start', instance)


def _take_role(layout: Layout, instance: str, made: dict[str, str]) -> None:
    """Bring an instance that runs into its role."""
    host, role = made['host'], made['role']
    if role == 'paused':
        hosts.virsh(layout, host, 'suspend', instance)
    if role in ('off', 'no-exclusive-lock'):
        hosts.virsh(layout, host, 'destroy', instance)
    if role == 'no-exclusive-lock':
        disks.drop_exclusive_lock(layout, instance)
        before = disks.read(layout, [instance])[instance]
        hosts.virsh(layout, host, 'start', instance)
        wait_for(
            'its next write',
            lambda: disks.read(layout, [instance])[instance] != before,
            120,
            0.5,
        )
