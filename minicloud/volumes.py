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


"""The volumes of instances: made, parted among those that write to them, attached, forgotten."""

from dataclasses import dataclass
from typing import Any

from . import cinder, control, disks, judge
from .layout import Layout
from .rest import Rest
from .shell import CloudError, wait_for

GIB = 1
# Together they have one volume that all of them write to, each in a slot of its own.
SHARING = ('from-volume', 'shared', 'local')
_SLOTS_MAX = 4
# What ends with the instances.  Cinder would take its time for each, and the pool is purged anyway.
_TABLES = ('volumes', 'volume_attachment', 'snapshots')


@dataclass(frozen=True)
class Ordered:
    """Volumes that were asked for: the root disks, and the others with whose they will be.

    Instances are known by their number in the plan.
    """

    roots: dict[int, str]
    others: list[tuple[str, list[int]]]


def order(rest: Rest, roles: list[str], image: str) -> Ordered:
    """Ask for every volume that instances of these roles have."""
    roots = {number: create(rest, f'root-{number}', image=image)
             for number, role in enumerate(roles) if role == 'from-volume'}
    sharing = [number for number, role in enumerate(roles) if role in SHARING]
    groups = [(cinder.SHARED, sharing)] if {roles[n] for n in sharing} - {'from-volume'} else []
    groups += [('', [number]) for number, role in enumerate(roles) if role == 'second-volume']
    return Ordered(roots, [(create(rest, f'data-{group[0]}', kind), group)
                           for kind, group in groups])


def create(rest: Rest, name: str, kind: str = '', image: str = '', gib: int = GIB) -> str:
    """Ask for a volume; its UUID."""
    wanted: dict[str, Any] = {'name': name, 'size': gib}
    wanted |= {'volume_type': kind} if kind else {}
    wanted |= {'imageRef': image} if image else {}
    return str(rest.cinder('POST', '/volumes', {'volume': wanted})['volume']['id'])


def volume(rest: Rest, uuid: str) -> dict[str, Any]:
    """One volume, as Cinder tells it."""
    found: dict[str, Any] = rest.cinder('GET', f'/volumes/{uuid}')['volume']
    return found


def attachments(rest: Rest, uuid: str) -> list[dict[str, Any]]:
    """Who has the volume, as Cinder has it."""
    query = f'/attachments/detail?all_tenants=1&volume_id={uuid}'
    found: list[dict[str, Any]] = rest.cinder('GET', query)['attachments']
    return found


def wait_status(rest: Rest, uuid: str, status: str, seconds: float = 90) -> None:
    """Wait until the volume has the status."""

    def reached() -> bool:
        seen = volume(rest, uuid)['status']
        if seen.startswith('error') and not status.startswith('error'):
            raise CloudError(f'volume {uuid} is in {seen}: see cinder-volume.log')
        return bool(seen == status)

    wait_for(f'{status} of volume {uuid}', reached, seconds, 0.3)


def attach(rest: Rest, server: str, uuid: str, seconds: float = 90) -> None:
    """Attach a volume to a server, until both services call it attached."""
    wanted = {'volumeAttachment': {'volumeId': uuid}}
    rest.nova('POST', f'/servers/{server}/os-volume_attachments', wanted)
    wait_for(f'volume {uuid} at {server}', lambda: any(
        one['instance'] == server and one['status'] == 'attached'
        for one in attachments(rest, uuid)), seconds, 0.3)


def detach(rest: Rest, server: str, uuid: str) -> None:
    """Ask for the end of an attachment."""
    rest.nova('DELETE', f'/servers/{server}/os-volume_attachments/{uuid}')


def give(layout: Layout, rest: Rest, uuid: str, servers: list[str]) -> None:
    """Part a new volume among servers, and attach it to each."""
    if len(servers) > _SLOTS_MAX:
        raise CloudError(f'{len(servers)} servers for a volume: it has {_SLOTS_MAX} slots')
    wait_status(rest, uuid, 'available')
    disks.format_volume(layout, uuid, servers)
    for slot, server in enumerate(servers):
        attach(rest, server, uuid)
        rest.nova('POST', f'/servers/{server}/metadata', {'metadata': {'data': f'{uuid}/{slot}'}})


def places(found: dict[str, Any]) -> tuple[judge.Place, ...]:
    """Where a server writes, by the notes that were left in its metadata: its root disk first."""
    notes = found['metadata']
    root = disks.volume(notes['root']) if 'root' in notes else disks.root(found['id'])
    if 'data' not in notes:
        return (root,)
    uuid, _, slot = notes['data'].partition('/')
    return root, disks.volume(uuid, int(slot))


def forget_all(layout: Layout) -> None:
    """Have Cinder forget every volume; their images are removed with all others."""
    text = ';'.join(f'update {table} set deleted=1, deleted_at=now() where deleted=0'
                    for table in _TABLES)
    control.sql(layout, text, 'cinder')
