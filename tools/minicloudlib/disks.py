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
from .layout import DATA, POOL, Layout
from .shell import CloudError


def image(instance: str) -> str:
    """The RBD image of an instance's disk."""
    return f'{instance}_disk'


def drop_exclusive_lock(layout: Layout, instance: str) -> None:
    """Make the disk of an instance that does not run one without exclusive-lock."""
    name = f'{POOL}/{image(instance)}'
    # The first two need the third: they go first.
    disable = ['rbd', 'feature', 'disable', name, 'fast-diff', 'object-map', 'exclusive-lock']
    machines.run_on(layout, 'ctl', *disable, timeout=60)


def read(layout: Layout, instances: list[str]) -> dict[str, judge.Disk | str]:
    """Look at every instance's disk once; one that cannot be read gives the reason.

    The writer's area lies within one RADOS object, so a look is one read: a moment, not a blur.
    Images are opened read-only: that leaves no watcher, and takes no lock from the guest.
    """
    if not instances:
        return {}
    wanted = {'pool': POOL, 'offset': DATA_SECTOR * judge.BLOCK, 'length': judge.AREA}
    wanted['images'] = {uuid: image(uuid) for uuid in instances}
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
