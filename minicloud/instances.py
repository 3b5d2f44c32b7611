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
"""Instances: booted through Nova, spread over the hosts, of four roles."""

import concurrent.futures
import time

from . import disks, guest, hosts, judge, machines, volumes
from .layout import Layout
from .rest import Refused, Rest
from .shell import CloudError, say, step, wait_for

FLAVOR = 'tiny'
IMAGE = 'writer'
# One of each is always among the instances; `plain` is every other one.
SPECIAL_ROLES = ('no-exclusive-lock', 'paused', 'off')
# Likewise, with Cinder: the first two on the first host, the third on the last one.  The third has
# a volume and a disk on its host's own storage; the first and the third share a volume.
VOLUME_ROLES = ('from-volume', 'second-volume', 'local')
# So many instances are at least one of each kind.
ALL_KINDS = 6
_LOCAL_BYTES = 16 << 20
_POWER = {0: 'no state', 1: 'running', 3: 'paused', 4: 'shutdown', 6: 'crashed', 7: 'suspended'}


def seed(layout: Layout, rest: Rest) -> None:
    """Make flavor and image if they are missing, or made from an older guest."""
    with step('flavor and image', machines.log_of(layout, 'ctl', 'glance')):
        flavors = rest.nova('GET', '/flavors')['flavors']
        if FLAVOR not in [flavor['name'] for flavor in flavors]:
            flavor = {'name': FLAVOR, 'vcpus': 1, 'ram': 128, 'disk': 1}
            rest.nova('POST', '/flavors', {'flavor': flavor})
        stamp = str(int(guest.disk(layout).stat().st_mtime))
        for found in rest.glance('GET', f'/images?name={IMAGE}')['images']:
            if found['status'] == 'active' and found.get('minicloud_stamp') == stamp:
                return
            # Disks are clones of the old one, which then cannot be deleted: rename it.
            change = [{'op': 'replace', 'path': '/name', 'value': f'{IMAGE}-old'}]
            _rename(rest, found['id'], change)
        made = rest.glance('POST', '/images', _IMAGE | {'minicloud_stamp': stamp})
        data = guest.disk(layout).read_bytes()
        rest.glance('PUT', f'/images/{made["id"]}/file', data)


_IMAGE = {
    'name': IMAGE,
    'container_format': 'bare',
    'disk_format': 'raw',
    'visibility': 'public',
    'hw_disk_bus': 'virtio',
    'os_shutdown_timeout': '1',
}


def everyone(rest: Rest) -> list[judge.Expected]:
    """Every instance as Nova has it, ordered by number."""
    servers = rest.nova('GET', '/servers/detail?all_tenants=1')['servers']
    return sorted(map(_expected, servers), key=lambda i: (len(i.name), i.name))


def boot(
    layout: Layout, rest: Rest, plan: list[tuple[str, str]], zone: str = '', group: str = ''
) -> list[judge.Expected]:
    """Boot one instance per (role, host), wait until each writes, then give it its role.

    Each is pinned to the zone, and a member of the server group, if there is one.
    """
    number = max([_number(found.name) for found in everyone(rest)], default=0)
    flavor = next(f for f in rest.nova('GET', '/flavors')['flavors'] if f['name'] == FLAVOR)
    image = rest.glance('GET', f'/images?name={IMAGE}')['images'][0]
    start = time.monotonic()
    ordered = volumes.order(rest, [role for role, _ in plan], image['id'])
    made = []
    for offset, (role, host) in enumerate(plan):
        server = {
            'name': f'inst-{number + offset + 1}',
            'flavorRef': flavor['id'],
            'networks': 'none',
            'host': host,
            'metadata': {'role': role},
        }
        if zone:
            server['availability_zone'] = zone
        root = _root(rest, ordered.roots.get(offset), image['id'])
        server['metadata'] |= root.pop('metadata', {})
        asked = {'server': server | root,
                 'os:scheduler_hints': {'group': group} if group else {}}
        made.append(rest.nova('POST', '/servers', asked)['server']['id'])
    log = machines.log_of(layout, plan[0][1], 'nova-compute')
    with step(f'{len(made)} instances write', log):
        _wait_writing(layout, rest, made)
    roles = dict(zip(made, (role for role, _ in plan), strict=True))
    with step('roles', log), concurrent.futures.ThreadPoolExecutor(4) as pool:
        given = [pool.submit(volumes.give, layout, rest, volume, [made[n] for n in group])
                 for volume, group in ordered.others]
        list(pool.map(lambda uuid: _take_role(layout, rest, uuid, roles[uuid]), made))
        for one in given:
            one.result()
    if ordered.others:
        with step('volumes are written', log):
            _wait_all_places(layout, rest, made)
    say(f'{len(made)} instances booted in {time.monotonic() - start:.1f} s')
    return [found for found in everyone(rest) if found.uuid in made]


def plan(
    count: int, hosts: list[str], have: set[str], only: str | None = None
) -> list[tuple[str, str]]:
    """Say role and host of each new instance.

    Hosts take turns. The last ones are of the special roles that are missing; from six instances on
    these are on the first host, which so has one of each besides ordinary ones.
    """
    missing = [role for role in SPECIAL_ROLES if role not in have][: max(0, count - 1)]
    roles = ['plain'] * (count - len(missing)) + missing
    places = [only or hosts[index % len(hosts)] for index in range(count)]
    if count >= ALL_KINDS and missing:
        places[-len(missing) :] = [only or hosts[0]] * len(missing)
    return list(zip(roles, places, strict=True))


def plan_volumes(hosts: list[str], have: set[str]) -> list[tuple[str, str]]:
    """Say role and host of each new instance with volumes, of those that are missing."""
    places = (hosts[0], hosts[0], hosts[-1])
    return [(role, host) for role, host in zip(VOLUME_ROLES, places, strict=True)
            if role not in have]


def server(rest: Rest, uuid: str) -> dict:
    """One instance, as Nova tells it."""
    return rest.nova('GET', f'/servers/{uuid}')['server']


def act(rest: Rest, uuid: str, action: dict) -> None:
    """Ask Nova for an action on an instance."""
    rest.nova('POST', f'/servers/{uuid}/action', action)


def wait_status(rest: Rest, uuid: str, status: str, seconds: float = 90) -> None:
    """Wait until the instance has the status, and nothing under way."""

    def reached() -> bool:
        seen = server(rest, uuid)
        if seen['status'] == 'ERROR' and status != 'ERROR':
            reason = (seen.get('fault') or {}).get('message')
            raise CloudError(f'{seen["name"]} is in ERROR: {reason}')
        return seen['status'] == status and seen['OS-EXT-STS:task_state'] is None

    wait_for(f'{status} of {uuid}', reached, seconds, 0.3)


def _expected(found: dict) -> judge.Expected:
    return judge.Expected(
        uuid=found['id'],
        name=found['name'],
        host=found['OS-EXT-SRV-ATTR:host'] or '',
        status=found['status'],
        power=_POWER.get(found['OS-EXT-STS:power_state'], '?'),
        role=found['metadata'].get('role', 'plain'),
        places=volumes.places(found),
    )


def _number(name: str) -> int:
    tail = name.rpartition('-')[2]
    return int(tail) if name.startswith('inst-') and tail.isdigit() else 0


def _rename(rest: Rest, image: str, change: list[dict]) -> None:
    try:
        rest.glance('DELETE', f'/images/{image}')
    except Refused:
        rest.glance('PATCH', f'/images/{image}', change)


def drop_snapshots(rest: Rest) -> None:
    """Delete the images that shelving made, when no disk is a clone of theirs any more."""
    for found in rest.glance('GET', '/images?image_type=snapshot')['images']:
        rest.glance('DELETE', f'/images/{found["id"]}')


def _wait_writing(layout: Layout, rest: Rest, made: list[str]) -> None:
    for uuid in made:
        wait_status(rest, uuid, 'ACTIVE', 180)

    def all_write() -> bool:
        found = [one for one in everyone(rest) if one.uuid in made]
        return all(isinstance(disks_of[0], judge.Disk) and disks_of[0].head
                   for disks_of in disks.look(layout, found).values())

    wait_for('the first write of every guest', all_write, 180, 0.5)


def _root(rest: Rest, volume: str | None, image: str) -> dict:
    """What an instance is booted from: a volume, or the image."""
    if not volume:
        return {'imageRef': image}
    volumes.wait_status(rest, volume, 'available')
    device = {'boot_index': 0, 'uuid': volume, 'source_type': 'volume',
              'destination_type': 'volume'}
    return {'block_device_mapping_v2': [device], 'metadata': {'root': volume}}


def _wait_all_places(layout: Layout, rest: Rest, made: list[str]) -> None:
    def all_write() -> bool:
        found = [one for one in everyone(rest) if one.uuid in made]
        return all(isinstance(disk, judge.Disk) and disk.head
                   for looks in disks.look(layout, found).values() for disk in looks)

    wait_for('the first write to every volume', all_write, 120, 0.5)


def _add_local_disk(layout: Layout, rest: Rest, uuid: str) -> None:
    """Give an instance a disk in its host's own file system, which Nova knows nothing of.

    With its disks on RBD Nova makes none; people do, and drivers do.
    """
    host = server(rest, uuid)['OS-EXT-SRV-ATTR:host']
    path = f'/var/lib/nova/instances/{uuid}/local.raw'
    machines.run_on(layout, host, 'truncate', '-s', _LOCAL_BYTES, path)
    hosts.virsh(layout, host, 'attach-disk', uuid, path, 'vdz', '--subdriver', 'raw',
                '--targetbus', 'virtio', '--live', '--config')


def _take_role(layout: Layout, rest: Rest, uuid: str, role: str) -> None:
    """Bring an instance that runs into its role."""
    if role == 'local':
        _add_local_disk(layout, rest, uuid)
    if role == 'paused':
        act(rest, uuid, {'pause': None})
        wait_status(rest, uuid, 'PAUSED')
    if role in ('off', 'no-exclusive-lock'):
        act(rest, uuid, {'os-stop': None})
        wait_status(rest, uuid, 'SHUTOFF')
    if role == 'no-exclusive-lock':
        disks.drop_exclusive_lock(layout, uuid)
        before = disks.read(layout, [uuid])[uuid]
        act(rest, uuid, {'os-start': None})
        wait_status(rest, uuid, 'ACTIVE')
        wait_for('its next write', lambda: disks.read(layout, [uuid])[uuid] != before, 120, 0.5)


def boot_empty(rest: Rest, host: str, count: int, seconds: float = 600) -> list[str]:
    """Boot that many instances with an empty disk on the host, until they are ACTIVE; their UUIDs.

    A guest that boots does so under emulation, on the processors that Nova needs: these do not.
    """
    flavor = next(one['id'] for one in rest.nova('GET', '/flavors')['flavors']
                  if one['name'] == FLAVOR)
    image = _empty_image(rest)
    made = []
    for number in range(1, count + 1):
        server = {'name': f'inst-{number}', 'imageRef': image, 'flavorRef': flavor,
                  'networks': 'none', 'host': host}
        made.append(rest.nova('POST', '/servers', {'server': server})['server']['id'])
    for uuid in made:
        wait_status(rest, uuid, 'ACTIVE', seconds)
    return made


def _empty_image(rest: Rest) -> str:
    found = rest.glance('GET', '/images?name=empty')['images']
    if not found:
        wanted = {'name': 'empty', 'container_format': 'bare', 'disk_format': 'raw',
                  'hw_disk_bus': 'virtio'}
        found = [rest.glance('POST', '/images', wanted)]
        rest.glance('PUT', f'/images/{found[0]["id"]}/file', bytes(1 << 20))
    return str(found[0]['id'])
