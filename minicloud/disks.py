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
"""Reads the instances' disks out of band, from Ceph, past every host."""

import json
import subprocess

from . import judge, machines, network
from .guest import DATA_SECTOR
from .layout import DATA, POOL, VOLUME_POOL, Layout
from .shell import CloudError, run

# From one writer's partition of a volume to the next one's: 4 MiB, the size of an RBD object.
SLOT_SECTORS = 8192


def image(instance: str) -> str:
    """The RBD image of an instance's disk."""
    return f'{instance}_disk'


def drop_exclusive_lock(layout: Layout, instance: str) -> None:
    """Make the disk of an instance that does not run one without exclusive-lock."""
    name = f'{POOL}/{image(instance)}'
    # The first two need the third: they go first.
    disable = ['rbd', 'feature', 'disable', name, 'fast-diff', 'object-map', 'exclusive-lock']
    machines.run_on(layout, 'ctl', *disable, timeout=60)


def root(instance: str) -> judge.Place:
    """Where an instance writes whose disk Nova made."""
    return judge.Place(POOL, image(instance), DATA_SECTOR)


def volume(uuid: str, slot: int = 0) -> judge.Place:
    """A slot of a volume: of one that is shared each instance has its own."""
    return judge.Place(VOLUME_POOL, f'volume-{uuid}', DATA_SECTOR + slot * SLOT_SECTORS)


def format_volume(layout: Layout, uuid: str, writers: list[str]) -> None:
    """Give each of the instances a partition of a volume that nobody has open; see guest-init."""
    place = volume(uuid)
    wanted = {'pool': place.pool, 'image': place.image, 'first': DATA_SECTOR,
              'step': SLOT_SECTORS, 'length': SLOT_SECTORS // 2, 'writers': writers}
    argv = network.within('ctl', ['/usr/bin/python3', str(DATA / 'format_volume.py')])
    run(argv, text=json.dumps(wanted), timeout=60)


def look(
    layout: Layout, found: list[judge.Expected]
) -> dict[str, tuple[judge.Disk | str, ...]]:
    """Look at every place where each instance writes, once, in the order of its places."""
    places = {f'{one.uuid} {n}': place for one in found for n, place in enumerate(one.places)}
    seen = _read(layout, places)
    return {one.uuid: tuple(seen[f'{one.uuid} {n}'] for n in range(len(one.places)))
            for one in found}


def read(layout: Layout, instances: list[str]) -> dict[str, judge.Disk | str]:
    """Look at every instance's disk once; one that cannot be read gives the reason."""
    return _read(layout, {uuid: root(uuid) for uuid in instances})


def _read(layout: Layout, places: dict[str, judge.Place]) -> dict[str, judge.Disk | str]:
    """Look at each place once.

    The writer's area lies within one RADOS object, so a look is one read: a moment, not a blur.
    Images are opened read-only: that leaves no watcher, and takes no lock from the guest.
    """
    if not places:
        return {}
    wanted = {'length': judge.AREA, 'places': {
        name: [place.pool, place.image, place.sector * judge.BLOCK]
        for name, place in places.items()}}
    argv = network.within('ctl', ['/usr/bin/python3', str(DATA / 'read_disks.py')])
    done = subprocess.run(
        argv, input=json.dumps(wanted).encode(), capture_output=True, timeout=120, check=False
    )
    if done.returncode:
        raise CloudError(f'the disks were not read: {done.stderr.decode()[-2000:]}')
    found: dict[str, judge.Disk | str] = {}
    rest = done.stdout
    while rest:
        line, rest = rest.split(b'\n', 1)
        told = json.loads(line)
        area, rest = rest[: told['length']], rest[told['length'] :]
        found[told['name']] = told['trouble'] or judge.parse(area)
    return found
