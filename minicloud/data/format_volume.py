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

"""Parts a volume among the guests that write to it: JSON on stdin.

One partition for each, and in the second sector who has which: a line of UUID and number each.
"""

import json
import struct
import sys

import rados
import rbd

SECTOR = 512


def table(wanted):
    """The first two sectors: a DOS partition table of four entries at most, then the names."""
    entries = b''.join(
        struct.pack('<B3sB3sII', 0, b'\0' * 3, 0x83, b'\0' * 3,
                    wanted['first'] + number * wanted['step'], wanted['length'])
        for number in range(len(wanted['writers'])))
    names = ''.join(f'{uuid} {number}\n' for number, uuid in enumerate(wanted['writers'], 1))
    return (b'\0' * 446 + entries.ljust(64, b'\0') + b'\x55\xaa'
            + names.encode().ljust(SECTOR, b'\n'))


def main():
    """Write them."""
    wanted = json.load(sys.stdin)
    limits = {'client_mount_timeout': '20', 'rados_osd_op_timeout': '20'}
    cluster = rados.Rados(conffile='/etc/ceph/ceph.conf', conf=limits)
    with (cluster, cluster.open_ioctx(wanted['pool']) as pool,
          rbd.Image(pool, wanted['image']) as image):
        image.write(table(wanted), 0)


if __name__ == '__main__':
    main()
