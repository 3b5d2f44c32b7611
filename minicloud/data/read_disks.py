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
"""Reads a part of several RBD images: JSON on stdin; a line of JSON and the bytes per place."""

import contextlib
import json
import sys

import rados
import rbd


def main():
    """Answer one question."""
    wanted = json.load(sys.stdin)
    limits = {'client_mount_timeout': '20', 'rados_osd_op_timeout': '20'}
    cluster = rados.Rados(conffile='/etc/ceph/ceph.conf', conf=limits)
    with cluster, contextlib.ExitStack() as opened:
        names = sorted({pool for pool, _, _ in wanted['places'].values()})
        pools = {name: opened.enter_context(cluster.open_ioctx(name)) for name in names}
        for name, (pool, image, offset) in wanted['places'].items():
            area, trouble = b'', ''
            try:
                with rbd.Image(pools[pool], image, read_only=True) as disk:
                    area = disk.read(offset, wanted['length'])
            except (rbd.Error, rados.Error) as seen:
                trouble = f'{type(seen).__name__}: {seen}'
            told = {'name': name, 'trouble': trouble, 'length': len(area)}
            sys.stdout.buffer.write(json.dumps(told).encode() + b'\n' + area)


if __name__ == '__main__':
    main()
