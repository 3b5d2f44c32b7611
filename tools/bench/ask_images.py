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


"""How long it takes to ask the clients of many images on two pools, against the plain way.

    python -m tools.bench.ask_images [images]

Half of the images are in the pool of disks, half in that of volumes.  Both ways ask the same real
Ceph and the same live librbd clients in one run.  The plain way opens
each image by librbd and lists its watchers, one after another, which does not even tell who lives.
"""

import statistics
import subprocess
import sys
import time

from kaopu_ha.core import model
from kaopu_ha.drivers.ceph import probe as ceph
from tests import ceph_cluster

_POOLS = (ceph_cluster.POOL, ceph_cluster.VOLUMES)
_ROUNDS = 9
_LIMIT = 10.0

_PLAIN = """
import sys, time, rados, rbd
conf, user, keyring, *paths = sys.argv[1:]
cluster = rados.Rados(conffile=conf, rados_id=user, conf={'keyring': keyring})
cluster.connect()
contexts = {pool: cluster.open_ioctx(pool) for pool in {path.split('/')[0] for path in paths}}
began = time.monotonic()
for path in paths:
    pool, name = path.split('/')
    with rbd.Image(contexts[pool], name, read_only=True) as image:
        assert len(list(image.watchers_list()))
print(time.monotonic() - began)
"""


def main(count):
    """Print both times and their ratio."""
    cluster = ceph_cluster.shared()
    names = {pool: cluster.names(count // 2) for pool in _POOLS}
    for pool in _POOLS:
        client = cluster.client('h1', names[pool], create=True, pool=pool)
        assert client.opened == 'ok', client.opened
    with cluster.inside('eye'):
        reader = ceph.CephReader({'': cluster.access('kaopu-agent')})
        probe = ceph.CephProbe({'': cluster.access('kaopu-ask')})
        images = [model.Image(cluster.fsid, pool, name, header) for pool in _POOLS for name, header
                  in reader.header_ids(pool, names[pool], _LIMIT).items()]
        probe.clients(images[:1], _LIMIT)
        asked = statistics.median(_ask(probe, images) for _ in range(_ROUNDS))
        plain = _plainly(cluster.access(ceph_cluster.GUESTS), images)
        reader.close()
        probe.close()
    print(f'{len(images)} images on {len(_POOLS)} pools with a live client: '
          f'asked at once {asked:.3f} s, '
          f'librbd one after another {plain:.3f} s, ratio {plain / asked:.0f}')


def _ask(probe, images):
    began = time.monotonic()
    answers = probe.clients(images, _LIMIT)
    seconds = time.monotonic() - began
    assert all(client.acknowledged for answer in answers.values() for client in answer.clients)
    assert all(answer.clients for answer in answers.values())
    return seconds


def _plainly(access, images):
    paths = [f'{image.pool}/{image.name}' for image in images]
    done = subprocess.run(
        [ceph_cluster.SYSTEM_PYTHON, '-c', _PLAIN, access['conf'], access['user'],
         access['keyring'], *paths], capture_output=True, text=True, check=True)
    return float(done.stdout)


if __name__ == '__main__':
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 200)
