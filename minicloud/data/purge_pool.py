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

"""Removes every image of some pools, with some clients shut out, then the whole blocklist.

JSON on stdin: pools, addresses. One program, for a ceph command takes half a second to start.
"""

import concurrent.futures
import contextlib
import json
import sys
import time

import rados
import rbd

TRIES = 50


def remove(pool, name):
    """Remove one image; a watcher that is on its way out may take a moment."""
    for left in reversed(range(TRIES)):
        try:
            rbd.RBD().remove(pool, name)
        except rbd.ImageNotFound:
            return
        except (rbd.ImageBusy, rbd.ImageHasSnapshots):
            if not left:
                raise
            time.sleep(0.2)
            remove_snapshots(pool, name)


def remove_snapshots(pool, name):
    """Remove the snapshots of an image; one that another image is a clone of waits for that."""
    with rbd.Image(pool, name) as image:
        for snapshot in list(image.list_snaps()):
            try:
                if image.is_protected_snap(snapshot['name']):
                    image.unprotect_snap(snapshot['name'])
                image.remove_snap(snapshot['name'])
            except rbd.ImageBusy:
                continue


def empty(pool, workers):
    """Remove every image of a pool, those in its trash too."""
    list(workers.map(lambda name: remove(pool, name), rbd.RBD().list(pool)))
    for image in list(rbd.RBD().trash_list(pool)):
        rbd.RBD().trash_remove(pool, image['id'], force=True)


def blocklist(cluster, word, entry, *, is_range=False):
    """Add or remove one entry."""
    command = {'prefix': 'osd blocklist', 'blocklistop': word, 'addr': entry}
    if is_range:
        command['range'] = 'range'
    code, _, trouble = cluster.mon_command(json.dumps(command), b'')
    if code:
        raise SystemExit(f'blocklist {word} {entry}: {code} {trouble}')


def clear_blocklist(cluster, workers):
    """Remove every entry."""
    command = json.dumps({'prefix': 'osd dump', 'format': 'json'})
    _, answer, _ = cluster.mon_command(command, b'')
    listed = json.loads(answer)
    ranges = [_network(entry) for entry in listed.get('range_blocklist', {})]
    list(workers.map(lambda e: blocklist(cluster, 'rm', e), listed.get('blocklist', {})))
    list(workers.map(lambda e: blocklist(cluster, 'rm', e, is_range=True), ranges))


def _network(entry):
    """The network of a range, which is listed as cidr:NETWORK:0/BITS."""
    return entry.removeprefix('cidr:').replace(':0/', '/')


def main():
    """Answer one question."""
    wanted = json.load(sys.stdin)
    cluster = rados.Rados(conffile='/etc/ceph/ceph.conf')
    workers = concurrent.futures.ThreadPoolExecutor(8)
    # The monitors take up together what comes together: hence all at once, not one by one.
    with cluster, contextlib.ExitStack() as opened, workers:
        pools = [opened.enter_context(cluster.open_ioctx(name)) for name in wanted['pools']]
        list(workers.map(lambda e: blocklist(cluster, 'add', e), wanted['addresses']))
        for pool in pools:
            empty(pool, workers)
        clear_blocklist(cluster, workers)


if __name__ == '__main__':
    main()
